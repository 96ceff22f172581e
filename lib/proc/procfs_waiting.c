/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a task waits for, as far as /proc and kcmp(2) tell. */

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"

#define WAIT_FUNCTION     "do_wait" /* all wait calls sleep in it */
#define CHILDREN_TEXT_MAX 1024      /* of the list of children that is looked at */

/* "": it runs, or it is not told. */
static void read_wchan(uint32_t pid, uint32_t tid, char *buf, size_t size)
{
        _cleanup_close_ int fd = -1;
        char path[64];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%u/task/%u/wchan", pid, tid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, buf, size - 1);
        buf[n > 0 ? n : 0] = '\0';
        if (strcmp(buf, "0") == 0)
                buf[0] = '\0';
}

struct wait_search {
        unsigned n;
};

/* 1: this thread waits, or may. */
static int look_whether_it_waits(void *userdata, uint32_t pid, uint32_t tid)
{
        struct wait_search *search = userdata;
        char function[EVENT_NOTE_MAX];
        struct proc_stat stat;

        if (++search->n > PROC_LIVING_MAX || procfs_stat(pid, tid, &stat) < 0)
                return 1;
        read_wchan(pid, tid, function, sizeof(function));
        return strcmp(function, WAIT_FUNCTION) == 0 || (!function[0] && stat.state != 'R');
}

static bool may_wait(uint32_t pid)
{
        struct wait_search search = {};

        return procfs_each_thread(pid, look_whether_it_waits, &search) != 0 || search.n == 0;
}

static bool shares_memory(uint32_t a, uint32_t b)
{
        return syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0) == 0;
}

/* A child in its parent's memory, for which that one waits. */
static void find_vfork_child(const struct task_ref *parent, struct task_ref *ret)
{
        _cleanup_close_ int fd = -1;
        char text[CHILDREN_TEXT_MAX], path[64], *p = text;
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%u/task/%u/children", parent->pid, parent->tid ?: parent->pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = '\0';
        for (;;) {
                char *end;
                uint32_t pid = (uint32_t)strtoul(p, &end, 10);

                if (end == p)
                        return;
                p = end;
                if (shares_memory(parent->pid, pid) && procfs_task(pid, ret) == 0) {
                        ret->tid = 0;
                        ret->tid_start = 0;
                        return;
                }
        }
}

void procfs_what_keeps(struct event *state)
{
        const struct task_ref *t = &state->target;

        if (state->state == 'D') {
                read_wchan(t->pid, t->tid ?: t->pid, state->waits_in, sizeof(state->waits_in));
                find_vfork_child(t, &state->actor);
        }
        if (state->tracer.pid)
                state->tracer_idle = !may_wait(state->tracer.pid);
}
