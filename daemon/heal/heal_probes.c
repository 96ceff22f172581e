/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Uprobes: the kernel itself puts int3 into the text of every process that maps the file. Taking one out
 * breaks whoever traces with it, and the kernel would trip over it later. One for every process is seen in a
 * mapping of our own. Those for one process are looked for where they can be listed: tracefs, perf events
 * with a BPF program, and BPF links.
 */

#include "daemon/heal/heal_probes.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/proc/elf_text.h"
#include "lib/base/line_reader.h"
#include "lib/proc/procfs.h"
#include "lib/base/text.h"
#include "daemon/kernel/tracefs.h"

#define PROBE_LINES_MAX   65536
#define PROBE_FDS_MAX     65536 /* descriptors of one process that are looked at */
#define PROBE_EVENTS_MAX  16384 /* perf events asked for what they are */
#define PROBE_LINKS_MAX   16384
#define LINK_UPROBE_MULTI 12 /* BPF_LINK_TYPE_UPROBE_MULTI, newer than some headers */

/* A user may have put a file system of their own on the way, and never answer: only what is in memory. */
static int open_cached(const char *path)
{
        struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_CACHED};

        return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

static bool same_name(const char *a, const char *b)
{
        const char *x = strrchr(a, '/'), *y = strrchr(b, '/');

        return strcmp(x ? x + 1 : a, y ? y + 1 : b) == 0;
}

/* Is that path one of the files with changed text? By identity; by its last name, too, as a path may have
 * been meant in another mount namespace. */
static const struct heal_file *file_at(const struct heal *h, const char *path)
{
        _cleanup_close_ int fd = open_cached(path);
        struct stat probed = {}, st;

        if (fd >= 0 && fstat(fd, &probed) < 0)
                return NULL;
        for (size_t i = 0; i < h->n_files; i++) {
                if (same_name(h->files[i].path, path))
                        return &h->files[i];
                if (fd >= 0 && fstat(h->files[i].fd, &st) == 0 && st.st_ino == probed.st_ino &&
                    st.st_dev == probed.st_dev)
                        return &h->files[i];
        }
        return NULL;
}

static bool refuse_probed(struct heal *h, const char *path, const char *by)
{
        const struct heal_file *file = file_at(h, path);
        char name[EVENT_PATH_MAX * 4 + 1];

        if (!file)
                return false;
        heal_refuse(
                h,
                "There are uprobes on %.256s (%s): their int3 cannot be told from a debugger's. Remove them "
                "first.",
                text_escape(file->path, name, sizeof(name)), by);
        return true;
}

/* ---- our own mapping ---------------------------------------------------------------------------------- */

/*
 * The kernel puts a system-wide uprobe into every executable mapping of the file: into one of our own, too.
 * No right is needed to see that, and no list of probes to be complete. A file that is cut short meanwhile
 * kills this child, which is what it is for.
 */
static bool is_probed_everywhere(struct heal *h, const struct heal_site *site)
{
        uint64_t page = site->offset & ~(uint64_t)(HEAL_PAGE - 1);
        const struct heal_file *file = &h->files[site->file];
        char link[32], name[EVENT_PATH_MAX * 4 + 1];
        _cleanup_close_ int fd = -1;
        const volatile uint8_t *map;
        uint8_t byte;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", file->fd);
        fd = elf_text_open(link);
        map = fd < 0 ? MAP_FAILED
                     : mmap(NULL, HEAL_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, (off_t)page);
        if (map == MAP_FAILED)
                return false;
        byte = map[site->offset - page];
        munmap((void *)map, HEAL_PAGE);
        if (byte == site->is)
                return false;
        heal_refuse(h,
                    "There is a uprobe at 0x%" PRIx64
                    " of %.256s: its int3 is the kernel's. Stop what traces "
                    "with it (bpftrace, perf, ...) first.",
                    site->offset, text_escape(file->path, name, sizeof(name)));
        return true;
}

/* ---- tracefs ----------------------------------------------------------------------------------------- */

static const char *unreadable_remedy(int error)
{
        if (error == EACCES)
                return " Give ptraced CAP_DAC_READ_SEARCH.";
        if (error == EPERM) /* the lockdown of a kernel that was booted securely */
                return " A kernel in lockdown=confidentiality lets nobody read it.";
        return "";
}

/* -1: this kernel has no such probes, or it is refused. */
static int open_uprobe_events(struct heal *h)
{
        _cleanup_close_ int root = tracefs_open();
        int fd = root < 0 ? -1 : openat(root, "uprobe_events", O_RDONLY | O_CLOEXEC);
        int error = root < 0 ? -root : errno;
        char name[32];

        if (root < 0 && error != ENODEV)
                heal_refuse(h,
                            "It cannot be seen whether uprobes are set: tracefs is not mounted, and ptraced "
                            "cannot mount it for itself (%s). Mount it where ptraced runs, as root: "
                            "mount -t tracefs nodev /sys/kernel/tracing",
                            errno_name(error, name, sizeof(name)));
        else if (root >= 0 && fd < 0 && error != ENOENT)
                heal_refuse(h,
                            "It cannot be seen whether uprobes are set: uprobe_events in tracefs cannot be "
                            "read (%s).%s",
                            errno_name(error, name, sizeof(name)), unreadable_remedy(error));
        return fd;
}

static void look_at_tracefs(struct heal *h)
{
        _cleanup_close_ int fd = open_uprobe_events(h);
        struct line_reader reader;
        char path[HEAL_PROBE_PATH], *line;
        int r = 0;

        if (fd < 0)
                return;
        line_reader_init(&reader, fd);
        for (unsigned i = 0; i < PROBE_LINES_MAX && (r = line_reader_next(&reader, &line)) > 0; i++)
                if (heal_parse_probe(line, path, sizeof(path)) == 0 &&
                    refuse_probed(h, path, "in tracefs' uprobe_events"))
                        return;
        if (r != 0)
                heal_refuse(h, "It cannot be seen whether uprobes are set: %s.",
                            r < 0 ? strerror(-r) : "tracefs lists more of them than are looked at");
}

/* ---- perf events with a program: bpftrace, BCC, libbpf ------------------------------------------- */

struct probe_search {
        struct heal *h;
        unsigned asked, unasked;
};

static bool ask_perf_event(struct probe_search *s, uint32_t pid, int fd)
{
        struct heal *h = s->h;
        char path[HEAL_PROBE_PATH] = "", by[64];
        __u32 length = sizeof(path), program, type;
        __u64 offset, address;
        struct task_ref owner;

        if (bpf_task_fd_query((int)pid, fd, 0, path, &length, &program, &type, &offset, &address) < 0) {
                s->unasked += errno == EPERM;
                return false;
        }
        if (type != BPF_FD_TYPE_UPROBE && type != BPF_FD_TYPE_URETPROBE)
                return false;
        if (procfs_task(pid, &owner) < 0)
                owner = (struct task_ref){.pid = pid};
        snprintf(by, sizeof(by), "of process %" PRIu32, owner.pid);
        return refuse_probed(h, path, by);
}

static int look_at_process(void *userdata, uint32_t pid)
{
        static const char wanted[] = "anon_inode:[perf_event]";
        _cleanup_closedir_ DIR *d = NULL;
        struct probe_search *s = userdata;
        struct dirent *entry;
        char path[64], target[64];

        snprintf(path, sizeof(path), "/proc/%" PRIu32 "/fd", pid);
        d = opendir(path);
        for (unsigned i = 0; d && i < PROBE_FDS_MAX && (entry = readdir(d)); i++) {
                ssize_t n = readlinkat(dirfd(d), entry->d_name, target, sizeof(target));

                if (n != sizeof(wanted) - 1 || memcmp(target, wanted, sizeof(wanted) - 1) != 0)
                        continue;
                if (s->asked++ == PROBE_EVENTS_MAX) {
                        heal_refuse(s->h,
                                    "More than %d perf events are open: whether some are uprobes was not "
                                    "looked at.",
                                    PROBE_EVENTS_MAX);
                        return 1;
                }
                if (ask_perf_event(s, pid, atoi(entry->d_name)))
                        return 1;
        }
        return 0;
}

/* ---- links that probe many places at once -------------------------------------------------------- */

/* bpf_link_info of such a link, as far as it is needed (include/uapi/linux/bpf.h of 6.8). */
struct uprobe_multi_info {
        __u32 type, id, prog_id, pad;
        __u64 path, offsets, ref_ctr_offsets, cookies;
        __u32 path_size, count, flags, pid;
};

static bool ask_link(struct heal *h, int fd)
{
        char path[HEAL_PROBE_PATH] = "";
        struct uprobe_multi_info info = {};
        __u32 length = sizeof(info);

        if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0 || info.type != LINK_UPROBE_MULTI)
                return false;
        memset(&info, 0, sizeof(info));
        info.path = (__u64)(uintptr_t)path;
        info.path_size = sizeof(path);
        length = sizeof(info);
        if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0 || !path[0]) {
                heal_refuse(h,
                            "A BPF program has uprobes, and the kernel does not tell on which file. Stop it "
                            "first (bpftool link show).");
                return true;
        }
        return refuse_probed(h, path, "of a BPF program");
}

static void look_at_links(struct heal *h)
{
        __u32 id = 0;

        for (unsigned i = 0; i < PROBE_LINKS_MAX && bpf_link_get_next_id(id, &id) == 0; i++) {
                _cleanup_close_ int fd = bpf_link_get_fd_by_id(id);

                if (fd >= 0 && ask_link(h, fd))
                        return;
        }
}

bool heal_no_probes(struct heal *h)
{
        struct probe_search s = {.h = h};

        for (size_t i = 0; i < h->plan.n; i++)
                if (is_probed_everywhere(h, &h->plan.sites[i]))
                        return false;
        look_at_tracefs(h);
        if (!h->refused[0])
                procfs_each_process(look_at_process, &s);
        if (!h->refused[0])
                look_at_links(h);
        if (s.unasked && !h->refused[0])
                heal_note(h,
                          "%u perf events could not be asked what they are (that takes CAP_SYS_ADMIN): a "
                          "uprobe for this process alone among them was not seen.",
                          s.unasked);
        return !h->refused[0];
}
