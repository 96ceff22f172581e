/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/proc/elf_text.h"
#include "lib/base/line_reader.h"

#define PROC_PATH_MAX 64
#define WALKS_MAX     16 /* of one path, in memory alone */

struct wanted_file {
        uint32_t pid, dev;
        uint64_t inode;
        const char *path; /* as the kernel walked it up, "" if not known */
};

/* ---- mappings -------------------------------------------------------------------------------------- */

bool elf_text_parse_mapping(const char *line, struct elf_mapping *ret)
{
        unsigned long long start, end, offset, inode;
        unsigned major, minor;
        char perms[5] = "";
        int path = 0;

        if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, perms, &offset, &major, &minor,
                   &inode, &path) < 7 ||
            path == 0)
                return false;
        *ret = (struct elf_mapping){
                .start = start,
                .end = end,
                .offset = offset,
                .inode = inode,
                .dev = major << 20 | (minor & 0xfffff),
                .path = line + path,
                .executable = perms[2] == 'x',
                .shared = perms[3] == 's',
        };
        return true;
}

int elf_text_each_mapping(uint32_t pid, int (*fn)(void *userdata, const struct elf_mapping *m),
                          void *userdata)
{
        _cleanup_close_ int fd = -1;
        struct line_reader reader;
        struct elf_mapping mapping;
        char path[PROC_PATH_MAX], *line;

        snprintf(path, sizeof(path), "/proc/%u/maps", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        line_reader_init(&reader, fd);
        for (unsigned i = 0; i < ELF_MAPS_MAX; i++) {
                int r = line_reader_next(&reader, &line);

                if (r <= 0)
                        return r;
                if (!elf_text_parse_mapping(line, &mapping))
                        continue;
                r = fn(userdata, &mapping);
                if (r)
                        return r;
        }
        return 0;
}

struct address_search {
        uint64_t address, offset;
        char *buf;
        size_t size;
};

static int match_address(void *userdata, const struct elf_mapping *m)
{
        struct address_search *search = userdata;

        if (search->address < m->start || search->address >= m->end)
                return 0;
        search->offset = m->offset + (search->address - m->start);
        snprintf(search->buf, search->size, "%s", m->path);
        return 1;
}

int elf_text_mapping(uint32_t pid, uint64_t address, char *buf, size_t size, uint64_t *ret_offset)
{
        struct address_search search = {.address = address, .buf = buf, .size = size};
        int r = elf_text_each_mapping(pid, match_address, &search);

        if (r < 0)
                return r;
        if (r == 0)
                return -ENOENT;
        *ret_offset = search.offset;
        return 0;
}

/* ---- finding a file again -------------------------------------------------------------------------- */

/* Answered by a user's process or a server: a lookup can block us for as long as that likes. */
static const char *const remote_filesystems[] = {
        "fuse", "nfs", "cifs", "smb", "ceph", "afs", "autofs", "lustre", "gfs2", "ocfs2", "glusterfs",
};

static bool is_remote(const char *fstype)
{
        for (size_t i = 0; i < ELEMENTSOF(remote_filesystems); i++)
                if (strncmp(fstype, remote_filesystems[i], strlen(remote_filesystems[i])) == 0)
                        return true;
        return false;
}

/* stat(2) shows a device of its own making there, the kernel's mapping that of the superblock below. */
static bool device_is_masked(int fd)
{
        struct statfs fs;

        if (fstatfs(fd, &fs) < 0)
                return false;
        return (unsigned long)fs.f_type == BTRFS_SUPER_MAGIC ||
               (unsigned long)fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

static bool is_wanted(int fd, const struct wanted_file *file)
{
        struct stat st;

        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_ino != file->inode)
                return false;
        if ((major(st.st_dev) << 20 | minor(st.st_dev)) == file->dev)
                return true;
        return device_is_masked(fd);
}

static int open_resolved(int dirfd, const char *path, uint64_t resolve)
{
        struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_MAGICLINKS};

        /* A walk in memory alone gives up when anything is mounted or renamed at that moment. */
        for (int i = 0; i < WALKS_MAX; i++) {
                long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

                if (fd >= 0)
                        return (int)fd;
                if (errno != EAGAIN)
                        break;
        }
        return -errno;
}

static bool is_overlay(const char *fstype)
{
        static const char name[] = "overlay ";

        return strncmp(fstype, name, strlen(name)) == 0;
}

/*
 * path_in_mount begins with '/', or is "" where the mount point is the file itself (a bind-mounted file).
 *
 * A user may mount a file system of their own making (FUSE) above a mount point, or below an overlay, and
 * never answer a look-up. So the way to the mount point, and in an overlay all of it, is walked only as far
 * as the kernel has it in memory: it always has its mount points, and a program that just ran.
 */
static int try_path(int root, const struct mount_line *m, const char *path_in_mount,
                    const struct wanted_file *file)
{
        uint64_t cached = is_overlay(m->fstype) ? RESOLVE_CACHED : 0;
        _cleanup_close_ int mount = -1, fd = -1;

        mount = open_resolved(root, m->point, RESOLVE_IN_ROOT | RESOLVE_CACHED);
        if (mount < 0)
                return mount;
        if (!*path_in_mount)
                return is_wanted(mount, file) ? TAKE_FD(mount) : -ENOENT;
        /* The kernel gave us names of directory entries: a link or a mount on the way means it is not it. */
        fd = open_resolved(mount, path_in_mount + 1,
                           RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV | cached);
        if (fd < 0)
                return fd;
        return is_wanted(fd, file) ? TAKE_FD(fd) : -ENOENT;
}

/* "\040" becomes " ", in place. */
static void unescape_octal(char *s)
{
        char *to = s;

        while (*s) {
                if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
                        *to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
                        s += 4;
                } else {
                        *to++ = *s++;
                }
        }
        *to = 0;
}

bool elf_text_parse_mount(char *line, struct mount_line *ret)
{
        enum {
                DEVICE = 2,
                ROOT,
                POINT,
                N_FIELDS
        };
        char *fields[N_FIELDS], *save = NULL, *dash = strstr(line, " - ");

        if (!dash)
                return false;
        *dash = 0;
        ret->fstype = dash + 3;
        for (unsigned i = 0; i < N_FIELDS; i++) {
                fields[i] = strtok_r(i == 0 ? line : NULL, " ", &save);
                if (!fields[i])
                        return false;
        }
        if (sscanf(fields[DEVICE], "%u:%u", &ret->major, &ret->minor) != 2)
                return false;
        unescape_octal(fields[ROOT]);
        unescape_octal(fields[POINT]);
        ret->root = fields[ROOT];
        ret->point = fields[POINT];
        return true;
}

/* The path below a bind mount's root, or NULL. The kernel's walk may have gone up beyond that root. */
static const char *below_root(const char *path, const char *root)
{
        size_t n = strlen(root);

        if (strcmp(root, "/") == 0 || strncmp(path, root, n) != 0)
                return NULL;
        return path[n] == '/' || path[n] == 0 ? path + n : NULL;
}

static int try_mount(int root, struct mount_line *m, const struct wanted_file *file, char *buf, size_t size)
{
        const char *candidates[] = {below_root(file->path, m->root), file->path};

        for (size_t i = 0; i < ELEMENTSOF(candidates); i++) {
                const char *point = strcmp(m->point, "/") == 0 ? "" : m->point;
                int fd;

                if (!candidates[i] || (i == 1 && candidates[i][0] != '/'))
                        continue;
                fd = try_path(root, m, candidates[i], file);
                if (fd < 0)
                        continue;
                if (snprintf(buf, size, "%s%s", point, candidates[i]) < (int)size)
                        return fd;
                close(fd);
                return -ENAMETOOLONG;
        }
        return -ENOENT;
}

enum held {
        HELD_NOT_KNOWN,
        HELD_NOT,
        HELD
};

/* Whether a root on a device can hold the file, and is not answered by somebody: by the mounts one process
 * sees. */
static enum held can_hold(const char *mountinfo, uint32_t dev, const struct wanted_file *file)
{
        _cleanup_close_ int fd = open(mountinfo, O_RDONLY | O_CLOEXEC);
        struct line_reader reader;
        char *line;

        if (fd < 0)
                return HELD_NOT_KNOWN;
        line_reader_init(&reader, fd);
        for (unsigned i = 0; i < ELF_MOUNTS_MAX && line_reader_next(&reader, &line) > 0; i++) {
                struct mount_line m;

                if (!elf_text_parse_mount(line, &m) || (m.major << 20 | m.minor) != dev)
                        continue;
                return !is_remote(m.fstype) && (dev == file->dev || is_overlay(m.fstype)) ? HELD : HELD_NOT;
        }
        return HELD_NOT_KNOWN;
}

/* By those who may see more than that root: ourselves, who started us, and the first process. */
static bool is_possible_root(uint32_t dev, const struct wanted_file *file)
{
        char parent[PROC_PATH_MAX];
        const char *const views[] = {"/proc/self/mountinfo", parent, "/proc/1/mountinfo"};
        enum held held = HELD_NOT_KNOWN;

        snprintf(parent, sizeof(parent), "/proc/%d/mountinfo", getppid());
        for (size_t i = 0; i < ELEMENTSOF(views) && held == HELD_NOT_KNOWN; i++)
                held = can_hold(views[i], dev, file);
        return held == HELD;
}

/*
 * A root that is no mount point, as chroot(2) makes it: mountinfo does not show the mount it is on. The
 * file's path begins somewhere above, so what is left of it is tried below the root, each time with fewer
 * directories. No more than in memory, and not even fstat(2) may ask a server.
 */
static int try_root(int root, const struct wanted_file *file, char *buf, size_t size)
{
        struct statx sx;

        if (statx(root, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &sx) < 0 ||
            !is_possible_root(sx.stx_dev_major << 20 | sx.stx_dev_minor, file))
                return -ENOENT;
        for (const char *path = file->path; path && *path == '/'; path = strchr(path + 1, '/')) {
                _cleanup_close_ int fd = open_resolved(root, path + 1,
                                                       RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                                               RESOLVE_NO_XDEV | RESOLVE_CACHED);

                if (fd < 0 || !is_wanted(fd, file))
                        continue;
                return snprintf(buf, size, "%s", path) < (int)size ? TAKE_FD(fd) : -ENAMETOOLONG;
        }
        return -ENOENT;
}

/* In one mount namespace: that of "/proc/PID" or "/proc/self". -ESRCH if it is not there to be read. */
static int try_mounts(const char *proc, const struct wanted_file *file, char *buf, size_t size)
{
        _cleanup_close_ int root = -1, fd = -1;
        struct line_reader reader;
        char path[PROC_PATH_MAX], *line;

        snprintf(path, sizeof(path), "%s/root", proc);
        root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        snprintf(path, sizeof(path), "%s/mountinfo", proc);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (root < 0 || fd < 0)
                return -ESRCH;

        line_reader_init(&reader, fd);
        for (unsigned i = 0; i < ELF_MOUNTS_MAX && line_reader_next(&reader, &line) > 0; i++) {
                struct mount_line m;
                bool same;
                int found;

                if (!elf_text_parse_mount(line, &m))
                        continue;
                same = (m.major << 20 | m.minor) == file->dev;
                if (is_remote(m.fstype)) {
                        if (same)
                                return -EREMOTE;
                        continue;
                }
                /* An overlay shows the inode of the layer below, whose device may not be mounted here. */
                if (!same && !is_overlay(m.fstype))
                        continue;
                found = try_mount(root, &m, file, buf, size);
                if (found >= 0)
                        return found;
        }
        return try_root(root, file, buf, size);
}

/* A link of /proc that leads to the file itself, whatever its path is by now. */
static int try_link(const char *link, const struct wanted_file *file, char *buf, size_t size)
{
        _cleanup_close_ int fd = open(link, O_PATH | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return -errno;
        if (!is_wanted(fd, file))
                return -ENOENT;
        n = readlink(link, buf, size - 1);
        buf[MAX_OF(n, 0)] = 0;
        return TAKE_FD(fd);
}

struct mapping_search {
        const struct wanted_file *file;
        char link[PROC_PATH_MAX];
};

static int match_file(void *userdata, const struct elf_mapping *m)
{
        struct mapping_search *search = userdata;

        if (m->inode != search->file->inode || m->dev != search->file->dev)
                return 0;
        snprintf(search->link, sizeof(search->link), "/proc/%u/map_files/%llx-%llx", search->file->pid,
                 (unsigned long long)m->start, (unsigned long long)m->end);
        return 1;
}

/*
 * Of a process that is already dead: most files are the same in our mount namespace, and where our root is
 * not the host's, in that of the host's first process.
 */
static int try_mounts_of_others(const struct wanted_file *file, const char **ret_prefix, char *buf,
                                size_t size)
{
        int fd = try_mounts("/proc/self", file, buf, size);

        *ret_prefix = "";
        if (fd >= 0 || fd == -EREMOTE)
                return fd;
        *ret_prefix = "/proc/1/root";
        return try_mounts("/proc/1", file, buf, size);
}

/* ret_link gets the path under which the file can be opened (at least PATH_MAX + 32 bytes), buf its name. */
static int locate(const struct wanted_file *file, char *ret_link, size_t link_size, char *buf, size_t size)
{
        struct mapping_search search = {.file = file};
        char proc[PROC_PATH_MAX], root[PROC_PATH_MAX + sizeof("/root")];
        const char *prefix = root;
        int fd;

        snprintf(proc, sizeof(proc), "/proc/%u", file->pid);
        snprintf(root, sizeof(root), "%s/root", proc);
        fd = try_mounts(proc, file, buf, size);
        if (fd == -ESRCH)
                fd = try_mounts_of_others(file, &prefix, buf, size);
        if (fd >= 0)
                snprintf(ret_link, link_size, "%s%s", prefix, buf);
        if (fd >= 0 || fd == -EREMOTE)
                return fd;

        snprintf(ret_link, link_size, "/proc/%u/exe", file->pid);
        fd = try_link(ret_link, file, buf, size);
        if (fd >= 0)
                return fd;
        if (elf_text_each_mapping(file->pid, match_file, &search) <= 0)
                return -ENOENT;
        snprintf(ret_link, link_size, "%s", search.link);
        return try_link(ret_link, file, buf, size);
}

int elf_text_open_mapped(uint32_t pid, uint32_t dev, uint64_t inode, const char *path_in_mount, char *buf,
                         size_t size)
{
        struct wanted_file file = {.pid = pid, .dev = dev, .inode = inode, .path = path_in_mount};
        char link[PATH_MAX + PROC_PATH_MAX];

        return locate(&file, link, sizeof(link), buf, size);
}

int elf_text_find_file(uint32_t pid, uint32_t dev, uint64_t inode, const char *path_in_mount, char *buf,
                       size_t size)
{
        struct wanted_file file = {.pid = pid, .dev = dev, .inode = inode, .path = path_in_mount};
        char link[PATH_MAX + PROC_PATH_MAX], name[PATH_MAX];
        _cleanup_close_ int fd = locate(&file, link, sizeof(link), name, sizeof(name));

        if (fd < 0)
                return fd;
        return snprintf(buf, size, "%s", link) < (int)size ? 0 : -ENAMETOOLONG;
}

int elf_text_identify(uint32_t pid, const char *path, uint32_t *ret_dev, uint64_t *ret_inode)
{
        _cleanup_close_ int from = -1, fd = -1;
        bool absolute = path[0] == '/';
        char link[PROC_PATH_MAX];
        struct statx st;

        snprintf(link, sizeof(link), "/proc/%u/%s", pid, absolute ? "root" : "cwd");
        from = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (from < 0)
                return -errno;
        fd = open_resolved(from, path, RESOLVE_CACHED | (absolute ? RESOLVE_IN_ROOT : 0));
        if (fd < 0)
                return fd;
        if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &st) < 0)
                return -errno;
        if (!S_ISREG(st.stx_mode))
                return -EINVAL;
        *ret_dev = st.stx_dev_major << 20 | st.stx_dev_minor;
        *ret_inode = st.stx_ino;
        return 0;
}
