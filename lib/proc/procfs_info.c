/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/line_reader.h"
#include "lib/proc/auxv.h"
#include "lib/proc/procfs.h"

#define CGROUP_DEPTH_MAX    64 /* components of a cgroup path that are looked at */
#define CONTAINER_ID_LENGTH 64 /* hex digits in a cgroup's name ... */
#define CONTAINER_ID_SHOWN  12 /* ... and those that people use */

static void copy_string(char *dst, size_t size, const char *src, size_t length)
{
        length = MIN_OF(length, size - 1);
        memcpy(dst, src, length);
        dst[length] = 0;
}

/* ---- cgroup ---------------------------------------------------------------------------------------- */

/* How container engines name the cgroup (docker-<id>.scope) or the one above it (/docker/<id>). */
static const struct {
        const char *in_cgroup, *shown;
} engines[] = {
        {"docker", "docker"},         {"libpod", "podman"}, {"cri-containerd", "containerd"},
        {"containerd", "containerd"}, {"crio", "crio"},     {"kubepods", "kubernetes"},
        {"nerdctl", "containerd"},
};

static const char *engine_name(const char *text, size_t length)
{
        for (size_t i = 0; i < ELEMENTSOF(engines); i++) {
                size_t n = strlen(engines[i].in_cgroup);

                if (length >= n && memcmp(text, engines[i].in_cgroup, n) == 0)
                        return engines[i].shown;
        }
        return NULL;
}

static bool is_container_id(const char *text, size_t length)
{
        return length == CONTAINER_ID_LENGTH && strspn(text, "0123456789abcdef") >= CONTAINER_ID_LENGTH;
}

static bool ends_with(const char *text, size_t length, const char *suffix)
{
        size_t n = strlen(suffix);

        return length > n && memcmp(text + length - n, suffix, n) == 0;
}

/* "docker-<id>.scope", "<id>": writes "docker:0123456789ab" and returns true, else leaves buf alone. */
static bool container_from_component(const char *text, size_t length, const char *engine_above, char *buf,
                                     size_t size)
{
        const char *engine = NULL, *dash = memrchr(text, '-', length);
        size_t id_length = length;

        if (ends_with(text, length, ".scope"))
                id_length -= strlen(".scope");
        if (dash && dash < text + id_length) {
                engine = engine_name(text, (size_t)(dash - text));
                id_length -= (size_t)(dash + 1 - text);
                text = dash + 1;
        }
        if (!is_container_id(text, id_length))
                return false;
        if (!engine)
                engine = engine_above ?: "container";
        snprintf(buf, size, "%s:%.*s", engine, CONTAINER_ID_SHOWN, text);
        return true;
}

const char *procfs_unit_from_cgroup(const char *path, char *buf, size_t size)
{
        const char *engine_above = NULL;
        bool container = false;

        buf[0] = 0;
        for (unsigned i = 0; i < CGROUP_DEPTH_MAX; i++) {
                size_t length;

                path += strspn(path, "/");
                length = strcspn(path, "/");
                if (length == 0)
                        break;
                /* The innermost name wins, but what systemd runs inside a container is not a unit of ours.
                 */
                if (container_from_component(path, length, engine_above, buf, size))
                        container = true;
                else if (!container &&
                         (ends_with(path, length, ".service") || ends_with(path, length, ".scope")))
                        copy_string(buf, size, path, length);
                engine_above = engine_name(path, length) ?: engine_above;
                path += length;
        }
        return buf;
}

/* Lines are "hierarchy:controllers:path". The unified hierarchy speaks, then systemd's own, then any. */
static unsigned cgroup_rank(const char *line)
{
        if (strncmp(line, "0::", 3) == 0)
                return 3;
        return strstr(line, ":name=systemd:") ? 2 : 1;
}

static void read_unit(uint32_t pid, char *buf, size_t size)
{
        _cleanup_close_ int fd = -1;
        struct line_reader reader;
        char path[64], unit[EVENT_UNIT_MAX], *line;
        unsigned best = 0;

        snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        line_reader_init(&reader, fd);
        while (line_reader_next(&reader, &line) > 0) {
                unsigned rank = cgroup_rank(line);
                char *colon = strchr(line, ':');

                colon = colon ? strchr(colon + 1, ':') : NULL;
                if (!colon || rank <= best)
                        continue;
                procfs_unit_from_cgroup(colon + 1, unit, sizeof(unit));
                if (!unit[0])
                        continue; /* a v2 root beside v1 hierarchies: "0::/" */
                best = rank;
                copy_string(buf, size, unit, strlen(unit));
        }
}

/* ---- terminal -------------------------------------------------------------------------------------- */

/* Documentation/admin-guide/devices.txt */
static const struct {
        uint32_t major, first, last, base;
        const char *name;
} terminals[] = {
        {4, 0, 63, 0, "tty"},         {4, 64, 255, 64, "ttyS"},
        {136, 0, 0xfffff, 0, "pts/"}, {137, 0, 255, -256u, "pts/"}, /* majors after 136 go on counting */
        {138, 0, 255, -512u, "pts/"}, {139, 0, 255, -768u, "pts/"},
        {204, 64, 127, 64, "ttyAMA"}, {229, 0, 255, 0, "hvc"},
};

const char *procfs_tty_name(uint32_t tty, char *buf, size_t size)
{
        uint32_t major = (tty >> 8) & 0xfff, minor = (tty & 0xff) | ((tty >> 12) & 0xfff00);

        buf[0] = 0;
        if (tty == 0)
                return buf;
        for (size_t i = 0; i < ELEMENTSOF(terminals); i++)
                if (terminals[i].major == major && minor >= terminals[i].first &&
                    minor <= terminals[i].last) {
                        snprintf(buf, size, "%s%u", terminals[i].name, minor - terminals[i].base);
                        return buf;
                }
        if (major == 5 && minor == 1)
                snprintf(buf, size, "console");
        else
                snprintf(buf, size, "%u:%u", major, minor);
        return buf;
}

/* ---- events ---------------------------------------------------------------------------------------- */

/* The command line with its NULs as spaces. Its text may be anything, its owner can rewrite it. */
static void read_args(uint32_t pid, char *buf, size_t size)
{
        _cleanup_close_ int fd = -1;
        char path[64];
        ssize_t n;

        buf[0] = 0;
        snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        do
                n = read(fd, buf, size - 1);
        while (n < 0 && errno == EINTR);
        n = MAX_OF(n, 0);
        while (n > 0 && buf[n - 1] == 0)
                n--;
        for (ssize_t i = 0; i < n; i++)
                if (buf[i] == 0)
                        buf[i] = ' ';
        buf[n] = 0;
}

static void read_exe_link(uint32_t pid, char *buf, size_t size)
{
        char path[64];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%u/exe", pid);
        n = readlink(path, buf, size - 1);
        buf[MAX_OF(n, 0)] = 0;
}

static struct task_ref whole_process(struct task_ref task)
{
        task.tid = 0;
        task.tid_start = 0;
        return task;
}

int procfs_task_info(uint32_t pid, struct event *ret)
{
        struct proc_status status;
        struct proc_stat stat, again;
        struct event e = {.type = EV_TASK_INFO};
        struct task_ref parent;
        int r;

        r = procfs_status(pid, 0, &status);
        if (r < 0)
                return r;
        r = procfs_stat(pid, 0, &stat);
        if (r < 0)
                return r;

        e.target = whole_process(status.task);
        if (status.ppid && procfs_task(status.ppid, &parent) == 0)
                e.parent = whole_process(parent);
        e.uid = status.euid;
        e.inner_pid = status.n_nspid ? status.nspid[status.n_nspid - 1] : status.task.pid;
        e.word_bits = auxv_read_word_bits(pid);
        read_exe_link(pid, e.path, sizeof(e.path));
        read_args(pid, e.args, sizeof(e.args));
        read_unit(pid, e.unit, sizeof(e.unit));
        procfs_tty_name(stat.tty, e.tty, sizeof(e.tty));

        /* These were several reads by number: all of them spoke of one process if it is still the same. */
        r = procfs_stat(pid, 0, &again);
        if (r < 0)
                return r;
        if (again.start != status.task.start || again.start != stat.start)
                return -ESRCH;
        *ret = e;
        return 0;
}

/* Whoever is to reap it. */
static void add_parent_state(const struct proc_status *zombie, struct event *e)
{
        struct proc_status parent;

        if (procfs_status(zombie->ppid, 0, &parent) < 0)
                return;
        e->parent = parent.task;
        e->parent_state = parent.state;
        e->parent_tracer = parent.tracer_tid;
        e->parent_pending = parent.sig_pending | parent.sig_shared_pending;
}

int procfs_task_state(const struct task_ref *task, struct event *ret)
{
        struct proc_status status, tracer;
        int r;

        r = procfs_status(task->pid, task->tid, &status);
        if (r < 0)
                return r;
        if ((task->start && task->start != status.task.start) ||
            (task->tid && task->tid_start && task->tid_start != status.task.tid_start))
                return -ESRCH;

        memset(ret, 0, sizeof(*ret));
        ret->type = EV_TASK_STATE;
        ret->target = status.task;
        ret->state = status.state;
        ret->pending = status.sig_pending | status.sig_shared_pending;
        if (status.state == 'Z' && status.ppid)
                add_parent_state(&status, ret);
        if (status.tracer_tid && procfs_status(status.tracer_tid, 0, &tracer) == 0) {
                ret->tracer = tracer.task;
                ret->tracer_state = tracer.state;
        }
        /* Whoever waits for a process that has ended. */
        if (status.state == 'Z' && procfs_task(status.ppid, &ret->parent) == 0)
                ret->parent.tid = 0, ret->parent.tid_start = 0;
        return 0;
}
