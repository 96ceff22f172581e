/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/proc/procfs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/line_reader.h"

#define PF_KTHREAD      0x00200000u /* linux/sched.h */
#define PROC_PATH_MAX   64
#define STAT_TEXT_MAX   1024 /* 22 fields and a name fit many times over */
#define STATUS_HEAD_MAX 768  /* TracerPid is in the first lines; an escaped name needs up to 260 */

/* A task that is gone shows as ENOENT (no directory) or ESRCH (directory still open). */
static int proc_errno(int error)
{
        switch (error) {
        case ENOENT:
        case ESRCH:
                return -ESRCH;
        case EPERM:
        case EACCES:
                return -EACCES;
        default:
                return -error;
        }
}

/* All reads of one answer go through one directory: it stays that task's even if the pid is reused. */
static int open_task(uint32_t pid, uint32_t tid)
{
        char path[PROC_PATH_MAX];
        int fd;

        snprintf(path, sizeof(path), "/proc/%u/task/%u", pid, tid ? tid : pid);
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? proc_errno(errno) : fd;
}

/* Reads the head of a file and terminates it. Returns its length. */
static ssize_t read_head(int dirfd, const char *name, char *buf, size_t size)
{
        _cleanup_close_ int fd = -1;
        size_t have = 0;

        fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return proc_errno(errno);
        while (have < size - 1) {
                ssize_t n = read(fd, buf + have, size - 1 - have);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return proc_errno(errno);
                if (n == 0)
                        break;
                have += (size_t)n;
        }
        buf[have] = 0;
        return (ssize_t)have;
}

int procfs_parse_stat(const char *text, struct proc_stat *ret)
{
        enum {
                STATE = 3,
                PPID = 4,
                TTY = 7,
                FLAGS = 9,
                N_THREADS = 20,
                START = 22
        };
        const char *open = strchr(text, '('), *close = strrchr(text, ')'), *p;
        uint64_t fields[START + 1] = {};
        struct proc_stat stat = {};

        if (!open || !close || close < open)
                return -EBADMSG;
        memcpy(stat.comm, open + 1, MIN_OF((size_t)(close - open - 1), sizeof(stat.comm) - 1));

        p = close + 1;
        for (size_t i = STATE; i <= START; i++) {
                p += strspn(p, " ");
                if (!*p)
                        return -EBADMSG;
                if (i == STATE)
                        stat.state = *p;
                else
                        fields[i] = strtoull(p, NULL, 10);
                p += strcspn(p, " ");
        }
        stat.ppid = (uint32_t)fields[PPID];
        stat.tty = (uint32_t)fields[TTY];
        stat.flags = (uint32_t)fields[FLAGS];
        stat.n_threads = (uint32_t)fields[N_THREADS];
        stat.start = fields[START];
        *ret = stat;
        return 0;
}

static int read_stat(int dirfd, struct proc_stat *ret)
{
        char text[STAT_TEXT_MAX];
        ssize_t n = read_head(dirfd, "stat", text, sizeof(text));

        return n < 0 ? (int)n : procfs_parse_stat(text, ret);
}

int procfs_stat(uint32_t pid, uint32_t tid, struct proc_stat *ret)
{
        _cleanup_close_ int dirfd = open_task(pid, tid);

        return dirfd < 0 ? dirfd : read_stat(dirfd, ret);
}

uint64_t procfs_ancestor(uint32_t pid, uint32_t ancestor, int most)
{
        struct proc_stat st;

        for (int i = 0; i <= most && pid; i++) {
                if (procfs_stat(pid, 0, &st) < 0)
                        return 0;
                if (pid == ancestor)
                        return st.start;
                pid = st.ppid;
        }
        return 0;
}

int procfs_tracer_tid(uint32_t pid, uint32_t tid, uint32_t *ret)
{
        static const char key[] = "\nTracerPid:";
        char path[PROC_PATH_MAX], text[STATUS_HEAD_MAX];
        const char *found;
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%u/task/%u/status", pid, tid ? tid : pid);
        n = read_head(AT_FDCWD, path, text, sizeof(text));
        if (n < 0)
                return (int)n;
        found = strstr(text, key);
        if (!found)
                return -EBADMSG;
        *ret = (uint32_t)strtoul(found + strlen(key), NULL, 10);
        return 0;
}

/* ---- status ---------------------------------------------------------------------------------------- */

enum status_kind {
        STATUS_U32,
        STATUS_HEX, /* uint64_t */
        STATUS_INT,
        STATUS_BOOL,
        STATUS_NSPID,
};

struct status_line {
        const char *key;
        enum status_kind kind;
        size_t offset; /* in struct proc_status */
        size_t n;      /* STATUS_U32: how many, one after the other */
};

#define AT(member) offsetof(struct proc_status, member)
static const struct status_line status_lines[] = {
        {"Tgid", STATUS_U32, AT(task.pid), 1},
        {"Pid", STATUS_U32, AT(task.tid), 1},
        {"PPid", STATUS_U32, AT(ppid), 1},
        {"TracerPid", STATUS_U32, AT(tracer_tid), 1},
        {"Uid", STATUS_U32, AT(ruid), 4},
        {"Gid", STATUS_U32, AT(rgid), 4},
        {"NSpid", STATUS_NSPID, AT(nspid), PROC_NSPID_MAX},
        {"SigPnd", STATUS_HEX, AT(sig_pending), 1},
        {"ShdPnd", STATUS_HEX, AT(sig_shared_pending), 1},
        {"SigBlk", STATUS_HEX, AT(sig_blocked), 1},
        {"SigIgn", STATUS_HEX, AT(sig_ignored), 1},
        {"SigCgt", STATUS_HEX, AT(sig_caught), 1},
        {"CapPrm", STATUS_HEX, AT(cap_permitted), 1},
        {"CapEff", STATUS_HEX, AT(cap_effective), 1},
        {"CapBnd", STATUS_HEX, AT(cap_bounding), 1},
        {"NoNewPrivs", STATUS_BOOL, AT(no_new_privs), 1},
        {"Seccomp", STATUS_INT, AT(seccomp), 1},
};
static_assert(AT(fsuid) == AT(ruid) + 3 * sizeof(uint32_t), "the order of the Uid: line");
static_assert(AT(fsgid) == AT(rgid) + 3 * sizeof(uint32_t), "the order of the Gid: line");

/* Up to max decimal numbers of a line. Returns how many. */
static size_t parse_numbers(const char *text, uint32_t *numbers, size_t max)
{
        size_t n = 0;

        while (n < max) {
                char *end;
                unsigned long v = strtoul(text, &end, 10);

                if (end == text)
                        break;
                numbers[n++] = (uint32_t)v;
                text = end;
        }
        return n;
}

static void store_status_line(struct proc_status *status, const struct status_line *line, const char *value)
{
        void *p = (char *)status + line->offset;

        switch (line->kind) {
        case STATUS_U32:
                parse_numbers(value, p, line->n);
                break;
        case STATUS_HEX:
                *(uint64_t *)p = strtoull(value, NULL, 16);
                break;
        case STATUS_INT:
                *(int *)p = (int)strtol(value, NULL, 10);
                break;
        case STATUS_BOOL:
                *(bool *)p = strtol(value, NULL, 10) != 0;
                break;
        case STATUS_NSPID:
                status->n_nspid = parse_numbers(value, status->nspid, PROC_NSPID_MAX);
                break;
        }
}

int procfs_read_status(int task_fd, struct proc_status *ret)
{
        _cleanup_close_ int fd = openat(task_fd, "status", O_RDONLY | O_CLOEXEC);
        struct line_reader reader;
        char *line;
        int r;

        if (fd < 0)
                return proc_errno(errno);
        line_reader_init(&reader, fd);
        while ((r = line_reader_next(&reader, &line)) > 0) {
                size_t length = strcspn(line, ":");

                for (size_t i = 0; i < ELEMENTSOF(status_lines); i++)
                        if (strlen(status_lines[i].key) == length &&
                            memcmp(line, status_lines[i].key, length) == 0 && line[length]) {
                                store_status_line(ret, &status_lines[i], line + length + 1);
                                break;
                        }
        }
        if (r < 0)
                return proc_errno(-r);
        return ret->task.pid && ret->task.tid ? 0 : -EBADMSG;
}

int procfs_status(uint32_t pid, uint32_t tid, struct proc_status *ret)
{
        _cleanup_close_ int dirfd = open_task(pid, tid);
        struct proc_status status = {.seccomp = -1};
        struct proc_stat stat, leader;
        int r;

        if (dirfd < 0)
                return dirfd;
        r = read_stat(dirfd, &stat);
        if (r < 0)
                return r;
        r = procfs_read_status(dirfd, &status);
        if (r < 0)
                return r;

        leader = stat;
        if (status.task.pid != status.task.tid) {
                r = procfs_stat(status.task.pid, 0, &leader);
                if (r < 0)
                        return r;
        }
        memcpy(status.task.comm, stat.comm, sizeof(stat.comm));
        status.task.start = leader.start;
        status.task.tid_start = stat.start;
        status.state = stat.state;
        status.kthread = stat.flags & PF_KTHREAD;
        *ret = status;
        return 0;
}
static_assert(sizeof(((struct proc_stat *)0)->comm) == sizeof(((struct task_ref *)0)->comm), "comm");

int procfs_task(uint32_t pid_or_tid, struct task_ref *ret)
{
        struct proc_status status;
        int r = procfs_status(pid_or_tid, 0, &status);

        if (r < 0)
                return r;
        *ret = status.task;
        return 0;
}

/* ---- what decides who may attach ------------------------------------------------------------------- */

int procfs_dumpable(uint32_t pid, bool *ret)
{
        _cleanup_close_ int dirfd = open_task(pid, 0);
        struct proc_status status = {};
        struct proc_stat stat;
        struct stat st;
        int r;

        if (dirfd < 0)
                return dirfd;
        r = read_stat(dirfd, &stat);
        if (r < 0)
                return r;
        r = procfs_read_status(dirfd, &status);
        if (r < 0)
                return r;
        /* Not the directory itself: that one always belongs to the euid, dumpable or not. */
        if (fstatat(dirfd, "stat", &st, 0) < 0)
                return proc_errno(errno);

        if ((stat.flags & PF_KTHREAD) || stat.state == 'Z' || stat.state == 'X')
                *ret = true;
        else
                *ret = st.st_uid == status.euid && st.st_gid == status.egid;
        return 0;
}

static int open_ns(uint32_t pid, const char *which)
{
        char path[PROC_PATH_MAX];
        int fd;

        if (snprintf(path, sizeof(path), "/proc/%u/ns/%s", pid, which) >= (int)sizeof(path))
                return -EINVAL;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? proc_errno(errno) : fd;
}

int procfs_same_ns(uint32_t a, uint32_t b, const char *which, bool *ret)
{
        _cleanup_close_ int fd_a = open_ns(a, which), fd_b = open_ns(b, which);
        struct stat st_a, st_b;

        if (fd_a < 0)
                return fd_a;
        if (fd_b < 0)
                return fd_b;
        if (fstat(fd_a, &st_a) < 0 || fstat(fd_b, &st_b) < 0)
                return -errno;
        *ret = st_a.st_dev == st_b.st_dev && st_a.st_ino == st_b.st_ino;
        return 0;
}

int procfs_ns_within(uint32_t inner, uint32_t outer, const char *which, bool *ret)
{
        _cleanup_close_ int fd = open_ns(inner, which), fd_outer = open_ns(outer, which);
        struct stat st, st_outer;

        if (fd < 0)
                return fd;
        if (fd_outer < 0)
                return fd_outer;
        if (fstat(fd_outer, &st_outer) < 0)
                return -errno;

        for (unsigned i = 0; i < PROC_NS_DEPTH_MAX; i++) {
                int parent;

                if (fstat(fd, &st) < 0)
                        return -errno;
                if (st.st_dev == st_outer.st_dev && st.st_ino == st_outer.st_ino) {
                        *ret = true;
                        return 0;
                }
                parent = ioctl(fd, NS_GET_PARENT);
                if (parent < 0) /* EPERM: at the root of what we may see */
                        break;
                close(fd);
                fd = parent;
        }
        *ret = false;
        return 0;
}

int procfs_yama_scope(void)
{
        char text[16];

        if (read_head(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text)) <= 0)
                return -1;
        return (int)strtol(text, NULL, 10);
}

int procfs_boot_id(char buf[37])
{
        char text[64];
        ssize_t n = read_head(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof(text));

        if (n < 0)
                return (int)n;
        if (n < 36)
                return -EBADMSG;
        memcpy(buf, text, 36);
        buf[36] = 0;
        return 0;
}
