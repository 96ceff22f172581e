/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/uprobe_fds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"

/* One agent's uprobes in one place. */
struct probed {
        struct task_ref agent;
        uint64_t inode, offset; /* inode 0: free */
        uint32_t dev, only;
        uint32_t fds[UPROBE_FDS_MAX];
        size_t n;
        char path[EVENT_PATH_MAX];
};

struct uprobe_fds {
        struct probed places[UPROBE_PLACES_MAX]; /* ring */
        size_t n;
};

struct uprobe_fds *uprobe_fds_new(void)
{
        return calloc(1, sizeof(struct uprobe_fds));
}

struct uprobe_fds *uprobe_fds_free(struct uprobe_fds *u)
{
        free(u);
        return NULL;
}

static bool is_that_place(const struct probed *p, const struct event *e)
{
        return p->inode && p->inode == e->inode && p->dev == e->dev && p->offset == e->file_offset &&
               p->only == e->vpid && task_same_process(&p->agent, &e->target);
}

/* A number that is given anew was free: what it stood for is gone. */
static void forget_number(struct uprobe_fds *u, const struct event *e)
{
        for (size_t i = 0; i < UPROBE_PLACES_MAX; i++) {
                struct probed *p = &u->places[i];

                if (!p->inode || !task_same_process(&p->agent, &e->target))
                        continue;
                for (size_t k = 0; k < p->n; k++)
                        if (p->fds[k] == e->fd)
                                p->fds[k--] = p->fds[--p->n];
        }
}

static struct probed *place_for(struct uprobe_fds *u, const struct event *e)
{
        struct probed *p;

        for (size_t i = 0; i < UPROBE_PLACES_MAX; i++)
                if (is_that_place(&u->places[i], e))
                        return &u->places[i];
        p = &u->places[u->n++ % UPROBE_PLACES_MAX];
        *p = (struct probed){
                .agent = e->target,
                .inode = e->inode,
                .offset = e->file_offset,
                .dev = e->dev,
                .only = e->vpid,
        };
        memcpy(p->path, e->path, sizeof(p->path));
        return p;
}

void uprobe_fds_note(struct uprobe_fds *u, const struct event *e)
{
        struct probed *p;

        if (!e->target.pid)
                return;
        forget_number(u, e);
        if (!e->inode)
                return;
        p = place_for(u, e);
        if (p->n < UPROBE_FDS_MAX)
                p->fds[p->n++] = e->fd;
}

static bool is_perf_event(uint32_t pid, uint32_t fd)
{
        static const char wanted[] = "anon_inode:[perf_event]";
        char link[48], target[sizeof(wanted) + 1];
        ssize_t n;

        snprintf(link, sizeof(link), "/proc/%" PRIu32 "/fd/%" PRIu32, pid, fd);
        n = readlink(link, target, sizeof(target));
        return n == sizeof(wanted) - 1 && memcmp(target, wanted, sizeof(wanted) - 1) == 0;
}

static bool is_still_there(const struct probed *p)
{
        struct proc_status now;

        if (procfs_status(p->agent.pid, 0, &now) < 0 || !task_same_process(&now.task, &p->agent))
                return false;
        for (size_t k = 0; k < p->n; k++)
                if (is_perf_event(p->agent.pid, p->fds[k]))
                        return true;
        return false;
}

void uprobe_fds_look(struct uprobe_fds *u, const struct event *planted,
                     int (*emit)(void *userdata, struct event *e), void *userdata)
{
        for (size_t i = 0; planted->inode && i < UPROBE_PLACES_MAX; i++) {
                struct probed *p = &u->places[i];
                struct event e = {.type = EV_UPROBE_REGISTER, .removed = true, .time_ns = planted->time_ns};

                /* Not the device: some file systems show another one to whoever asks by path. */
                if (p->inode != planted->inode || p->offset != planted->file_offset || is_still_there(p))
                        continue;
                e.target = p->agent;
                e.inode = p->inode;
                e.file_offset = p->offset;
                e.dev = p->dev;
                e.vpid = p->only;
                memcpy(e.path, p->path, sizeof(e.path));
                *p = (struct probed){};
                (void)emit(userdata, &e);
        }
}
