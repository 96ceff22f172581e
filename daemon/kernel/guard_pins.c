/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/kernel/guard_pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include <bpf/bpf.h>

#include "lib/base/cleanup.h"
#include "daemon/base/log.h"

#define PATH_BYTES    256
#define NAME_BYTES    128 /* of a pin: as many as a program's name and a prefix need */
#define BPFFS_DIR     "/sys/fs/bpf"
#define OWN_ATTEMPTS  8 /* to make and lock the directory while somebody removes it */
#define LOCK_TRIES    40
#define LOCK_PAUSE_US 50000
#define STRING_(x)    #x
#define STRING(x)     STRING_(x)
#define LAYOUT_DIR    "v" STRING(GUARD_LAYOUT)
#define EARLIER_DIR   "v1"   /* of 0.1.0: its records have no number, all other maps are as today's */
#define STAGING       "new_" /* a pin that is about to take another one's place */
#define LINK_PREFIX   "link_"

struct guard_pins {
        char dir[PATH_BYTES];
        int dir_fd, layout_fd;        /* -1: not owned; the lock is on dir_fd */
        int earlier_fd, earlier_ring; /* -1: nothing of an earlier layout */
        int maps[_PINNED_MAP_MAX];
        bool found, busy;
        char reason[PINS_REASON_MAX];
};

const struct pinned_layout pinned_layouts[_PINNED_MAP_MAX] = {
        [PINNED_RING] = {"ring", BPF_MAP_TYPE_RINGBUF, 0, 0, RING_BYTES},
        [PINNED_COUNTERS] = {"counters", BPF_MAP_TYPE_HASH, sizeof(struct count_key),
                             sizeof(struct count_value), COUNT_KEYS_MAX},
        [PINNED_COUNTERS_READ] = {"counters_read", BPF_MAP_TYPE_HASH, sizeof(struct count_key),
                                  sizeof(uint64_t), COUNT_KEYS_MAX},
        [PINNED_LOSSES] = {"losses", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint32_t), sizeof(uint64_t),
                           _REC_LOSS_MAX},
        [PINNED_LOSSES_READ] = {"losses_read", BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(uint64_t),
                                _REC_LOSS_MAX},
        [PINNED_CLAIMS] = {"guard_claims", BPF_MAP_TYPE_HASH, sizeof(struct guard_process),
                           sizeof(struct guard_claim), GUARD_CLAIMS_MAX},
        [PINNED_SLOTS] = {"guard_slots", BPF_MAP_TYPE_HASH, sizeof(struct guard_process),
                          sizeof(struct guard_slot), GUARD_SLOTS_MAX},
        [PINNED_RULES] = {"guard_rules", BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(struct guard_rule),
                          GUARD_RULES_BANKS *GUARD_RULES_MAX},
        [PINNED_CONFIG] = {"guard_config", BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(struct guard_config),
                           1},
        [PINNED_SEQUENCE] = {"sequence", BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(uint64_t), 1},
};

static _printf_(2, 3) void explain_pins(struct guard_pins *p, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        vsnprintf(p->reason, sizeof(p->reason), format, ap);
        va_end(ap);
}

/* ---- removing ---------------------------------------------------------------------------------------- */

static void remove_tree(int parent, const char *name, int depth);

static DIR *list(int fd)
{
        int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = copy >= 0 ? fdopendir(copy) : NULL;

        if (!d && copy >= 0)
                close(copy);
        return d;
}

/* Empties a directory without following anything out of it. prefix: only names that begin with it. */
static void remove_entries(int fd, const char *prefix, int depth)
{
        _cleanup_closedir_ DIR *d = list(fd);
        struct dirent *e;

        for (size_t n = 0; d && n < PINS_ENTRIES_MAX && (e = readdir(d)); n++)
                if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
                    !strncmp(e->d_name, prefix, strlen(prefix)))
                        remove_tree(fd, e->d_name, depth);
}

static bool is_empty(int fd)
{
        _cleanup_closedir_ DIR *d = list(fd);
        size_t n = 0;

        while (d && n <= 2 && readdir(d)) /* "." and ".." are always there */
                n++;
        return n <= 2;
}

static void remove_tree(int parent, const char *name, int depth)
{
        _cleanup_close_ int fd = -1;

        if (unlinkat(parent, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
                return;
        fd = depth > 0 ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (fd >= 0)
                remove_entries(fd, "", depth - 1);
        unlinkat(parent, name, AT_REMOVEDIR);
}

/* Links first: a claim's end must not be a moment in which a rule counts alone. */
static void empty_layout(int fd)
{
        remove_entries(fd, LINK_PREFIX, 0);
        remove_entries(fd, "", 0);
}

/* ---- whose it is ------------------------------------------------------------------------------------- */

static bool on_bpffs(int fd)
{
        struct statfs st;

        return fstatfs(fd, &st) == 0 && st.f_type == BPF_FS_MAGIC;
}

/* The usual place, where nobody has mounted it yet: we may, if it hides nothing. */
static void mount_bpffs(const struct guard_pins *p)
{
        _cleanup_close_ int fd = -1;

        if (strncmp(p->dir, BPFFS_DIR "/", sizeof(BPFFS_DIR)))
                return;
        fd = open(BPFFS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || on_bpffs(fd) || !is_empty(fd))
                return;
        if (mount("bpf", BPFFS_DIR, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700") == 0)
                log_info("Mounted a BPF file system at " BPFFS_DIR ", for the guard's pins.");
}

/* 1: it is ours and safe, 0: it was not and is gone, -errno. */
static int check_dir(struct guard_pins *p, int fd)
{
        struct stat st;

        if (!on_bpffs(fd)) {
                explain_pins(p,
                             "%s is not on a BPF file system; mount one with: mount -t bpf bpf " BPFFS_DIR,
                             p->dir);
                return -EMEDIUMTYPE;
        }
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
                return 1;
        log_warning("%s belonged to uid %u with mode %o: it is removed and made anew.", p->dir, st.st_uid,
                    st.st_mode & 07777);
        remove_tree(AT_FDCWD, p->dir, 2);
        return 0;
}

/* The path still names the directory that is open. */
static bool still_there(const struct guard_pins *p, int fd)
{
        struct stat open_now, by_name;

        return fstat(fd, &open_now) == 0 && lstat(p->dir, &by_name) == 0 &&
               open_now.st_ino == by_name.st_ino && open_now.st_dev == by_name.st_dev;
}

/* A daemon that was killed may have left a child that has the lock, too, and is about to go. */
static int lock(int fd)
{
        int r = -1;

        for (int i = 0; i < LOCK_TRIES && r < 0; i++) {
                if (i)
                        usleep(LOCK_PAUSE_US);
                r = flock(fd, LOCK_EX | LOCK_NB);
                if (r < 0 && errno != EWOULDBLOCK)
                        break;
        }
        return r;
}

/* fd of the locked directory, -EAGAIN to try again. */
static int lock_dir(struct guard_pins *p)
{
        _cleanup_close_ int fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int r;

        if (fd < 0)
                return -errno;
        r = check_dir(p, fd);
        if (r <= 0)
                return r < 0 ? r : -EAGAIN;
        if (lock(fd) < 0) {
                p->busy = errno == EWOULDBLOCK;
                explain_pins(p, "another ptraced keeps the guard of this machine in %s", p->dir);
                return p->busy ? -EBUSY : -errno;
        }
        return still_there(p, fd) ? TAKE_FD(fd) : -EAGAIN;
}

static void forget_earlier(struct guard_pins *p)
{
        if (p->earlier_ring >= 0)
                close(p->earlier_ring);
        if (p->earlier_fd >= 0)
                close(p->earlier_fd);
        p->earlier_ring = p->earlier_fd = -1;
}

static void let_go(struct guard_pins *p)
{
        forget_earlier(p);
        if (p->layout_fd >= 0)
                close(p->layout_fd);
        if (p->dir_fd >= 0)
                close(p->dir_fd);
        p->layout_fd = p->dir_fd = -1;
}

static int own_dir(struct guard_pins *p, bool create)
{
        int r = -EAGAIN;

        for (int i = 0; i < OWN_ATTEMPTS && r == -EAGAIN; i++) {
                if (create && mkdir(p->dir, 0700) < 0 && errno != EEXIST) {
                        r = -errno;
                        explain_pins(p,
                                     "%s cannot be made (%s): is a BPF file system mounted there? mount -t "
                                     "bpf bpf " BPFFS_DIR,
                                     p->dir, strerrorname_np(errno) ?: "?");
                        break;
                }
                r = lock_dir(p);
                if (r == -ENOENT && create)
                        r = -EAGAIN;
        }
        if (r < 0) {
                if (r != -ENOENT && !p->reason[0])
                        explain_pins(p, "%s cannot be used: %s", p->dir, strerror(-r));
                return r;
        }
        p->dir_fd = r;
        return 0;
}

static int open_layout(struct guard_pins *p, bool create)
{
        if (create && mkdirat(p->dir_fd, LAYOUT_DIR, 0700) < 0 && errno != EEXIST)
                return -errno;
        if (p->layout_fd >= 0)
                close(p->layout_fd);
        p->layout_fd = openat(p->dir_fd, LAYOUT_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return p->layout_fd < 0 ? -errno : 0;
}

int pins_own(struct guard_pins *p)
{
        struct stat st;
        int r;

        if (p->dir_fd >= 0 && !still_there(p, p->dir_fd))
                let_go(p);
        if (p->layout_fd >= 0 && fstat(p->layout_fd, &st) == 0 && st.st_nlink)
                return 0;
        if (p->dir_fd < 0) {
                p->reason[0] = '\0';
                p->busy = false;
                mount_bpffs(p);
                r = own_dir(p, true);
                if (r < 0)
                        return r;
        }
        r = open_layout(p, true);
        if (r < 0) {
                explain_pins(p, "%s/" LAYOUT_DIR " cannot be made: %s", p->dir, strerror(-r));
                let_go(p);
        }
        return r;
}

/* ---- what an earlier daemon left ---------------------------------------------------------------------- */

int pinned_check(int fd, const struct pinned_layout *layout)
{
        struct bpf_map_info info = {};
        uint32_t size = sizeof(info);

        if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
                return -EBADMSG; /* another kind of object */
        return info.type == layout->type && info.key_size == layout->key &&
                               info.value_size == layout->value && info.max_entries == layout->entries
                       ? 0
                       : -EBADMSG;
}

/* A path for the bpf() system call, which knows no directory descriptors. */
static void pin_path(int dir_fd, const char *name, char *path, size_t size)
{
        snprintf(path, size, "/proc/self/fd/%d/%s", dir_fd, name);
}

/* fd of a pinned map; -EBADMSG: it is not what its layout says. */
static int get_map(int dir_fd, const struct pinned_layout *layout)
{
        _cleanup_close_ int fd = -1;
        char path[PATH_BYTES];

        pin_path(dir_fd, layout->name, path, sizeof(path));
        fd = bpf_obj_get(path);
        if (fd < 0)
                return -errno;
        return pinned_check(fd, layout) < 0 ? -EBADMSG : TAKE_FD(fd);
}

static void close_maps(struct guard_pins *p)
{
        for (size_t i = 0; i < _PINNED_MAP_MAX; i++) {
                if (p->maps[i] >= 0)
                        close(p->maps[i]);
                p->maps[i] = -1;
        }
        p->found = false;
}

/* In another form than today's, or not there at all. */
static bool is_in_new_form(enum pinned_map which)
{
        return which == PINNED_RING || which == PINNED_SEQUENCE;
}

/* All of them, or none. */
static bool find_maps(struct guard_pins *p, int dir_fd, const char *name)
{
        for (size_t i = 0; i < _PINNED_MAP_MAX; i++) {
                if (dir_fd == p->earlier_fd && is_in_new_form(i))
                        continue;
                p->maps[i] = get_map(dir_fd, &pinned_layouts[i]);
                if (p->maps[i] >= 0)
                        continue;
                log_warning("%s/%s/%s %s: what is pinned there is removed.", p->dir, name,
                            pinned_layouts[i].name, p->maps[i] == -EBADMSG ? "is not ours" : "is missing");
                close_maps(p);
                empty_layout(dir_fd);
                return false;
        }
        return true;
}

/* Of an upgrade that was cut short, the new directory is the better one as soon as it has all maps: the earlier
 * one is only removed after that. */
static void look(struct guard_pins *p)
{
        bool here = open_layout(p, false) == 0 && !is_empty(p->layout_fd);

        p->earlier_fd = openat(p->dir_fd, EARLIER_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (p->earlier_fd >= 0)
                p->earlier_ring = get_map(p->earlier_fd, &pinned_layouts[PINNED_RING]);
        if (here)
                p->found = find_maps(p, p->layout_fd, LAYOUT_DIR);
        if (!p->found && p->earlier_fd >= 0 && !is_empty(p->earlier_fd))
                p->found = find_maps(p, p->earlier_fd, EARLIER_DIR);
        if (p->found)
                return;
        forget_earlier(p);
        if (p->layout_fd >= 0)
                return;
        if (!is_empty(p->dir_fd))
                log_warning("%s has the pins of another version, which cannot be taken over: they are "
                            "removed, and the guard begins anew.",
                            p->dir);
        remove_entries(p->dir_fd, "", 1);
}

int pins_open(struct guard_pins **ret, const char *pin_dir)
{
        struct guard_pins *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->dir_fd = p->layout_fd = p->earlier_fd = p->earlier_ring = -1;
        for (size_t i = 0; i < _PINNED_MAP_MAX; i++)
                p->maps[i] = -1;
        r = snprintf(p->dir, sizeof(p->dir), "%s", pin_dir ? pin_dir : GUARD_PIN_DIR);
        if (r < 0 || (size_t)r >= sizeof(p->dir)) {
                free(p);
                return -ENAMETOOLONG;
        }
        if (own_dir(p, false) == 0)
                look(p);
        *ret = p;
        return 0;
}

struct guard_pins *pins_free(struct guard_pins *p)
{
        if (!p)
                return NULL;
        close_maps(p);
        let_go(p);
        free(p);
        return NULL;
}

/* ---- asking and putting ------------------------------------------------------------------------------- */

bool pins_found(const struct guard_pins *p)
{
        return p && p->found;
}

bool pins_busy(const struct guard_pins *p)
{
        return p && p->busy;
}

const char *pins_dir(const struct guard_pins *p)
{
        return p ? p->dir : "";
}

const char *pins_reason(const struct guard_pins *p)
{
        return p ? p->reason : "";
}

int pins_map(const struct guard_pins *p, enum pinned_map which)
{
        return p ? p->maps[which] : -1;
}

bool pins_earlier(const struct guard_pins *p)
{
        return p && p->earlier_fd >= 0;
}

int pins_earlier_ring(const struct guard_pins *p)
{
        return p ? p->earlier_ring : -1;
}

void pins_drop_earlier(struct guard_pins *p)
{
        if (p->earlier_fd < 0)
                return;
        empty_layout(p->earlier_fd);
        unlinkat(p->dir_fd, EARLIER_DIR, AT_REMOVEDIR);
        forget_earlier(p);
}

/* bpffs replaces a name by rename as any file system does; names with dots are reserved by it. */
int pins_put(struct guard_pins *p, const char *name, int fd)
{
        char path[PATH_BYTES], staged[NAME_BYTES];

        if (p->layout_fd < 0)
                return -ENOENT;
        if (snprintf(staged, sizeof(staged), STAGING "%s", name) >= (int)sizeof(staged))
                return -ENAMETOOLONG;
        unlinkat(p->layout_fd, staged, 0);
        pin_path(p->layout_fd, staged, path, sizeof(path));
        if (bpf_obj_pin(fd, path) < 0)
                return -errno;
        return renameat(p->layout_fd, staged, p->layout_fd, name) < 0 ? -errno : 0;
}

bool pins_has(const struct guard_pins *p, const char *name)
{
        return p && p->layout_fd >= 0 && faccessat(p->layout_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void pins_keep_links(struct guard_pins *p, const char *const *names, size_t n)
{
        _cleanup_closedir_ DIR *d = p->layout_fd < 0 ? NULL : list(p->layout_fd);

        for (struct dirent *e; d && (e = readdir(d));) {
                bool keep = strncmp(e->d_name, LINK_PREFIX, sizeof(LINK_PREFIX) - 1) != 0;

                for (size_t i = 0; i < n && !keep; i++)
                        keep = !strcmp(e->d_name, names[i]);
                if (!keep)
                        unlinkat(p->layout_fd, e->d_name, 0);
        }
}

void pins_empty(struct guard_pins *p)
{
        if (p->layout_fd >= 0)
                empty_layout(p->layout_fd);
}

void pins_remove(struct guard_pins *p)
{
        if (p->dir_fd < 0)
                return;
        pins_empty(p);
        unlinkat(p->dir_fd, LAYOUT_DIR, AT_REMOVEDIR);
        if (still_there(p, p->dir_fd))
                rmdir(p->dir);
        let_go(p);
}
