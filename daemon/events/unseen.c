/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/unseen.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/proc/procfs.h"

#define TASK_PATH_MAX 32

struct unseen {
        DIR *threads;
        uint32_t pid;
        unsigned left;   /* threads that may still be looked at */
        uint32_t *known; /* tids that the model knows to be traced, sorted */
        size_t n_known, size;
};

static int by_number(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return (x > y) - (x < y);
}

/* Without memory for it a session is told once more, which the model takes for what it is. */
static int note_known(void *userdata, const struct session *s)
{
        struct unseen *u = userdata;

        if (s->target.pid != u->pid)
                return 0;
        if (u->n_known == u->size) {
                size_t size = u->size ? 2 * u->size : 16;
                uint32_t *known = reallocarray(u->known, size, sizeof(*known));

                if (!known)
                        return 1;
                u->known = known;
                u->size = size;
        }
        u->known[u->n_known++] = s->target.tid;
        return 0;
}

int unseen_new(struct unseen **ret, const struct model *m, uint32_t pid, unsigned max)
{
        struct unseen *u = calloc(1, sizeof(*u));
        char path[TASK_PATH_MAX];

        if (!u)
                return -ENOMEM;
        u->pid = pid;
        u->left = max;
        snprintf(path, sizeof(path), "/proc/%u/task", pid);
        u->threads = opendir(path); /* NULL: it is gone, and has no threads */
        model_each_session(m, pid, false, note_known, u);
        if (u->n_known)
                qsort(u->known, u->n_known, sizeof(u->known[0]), by_number);
        *ret = u;
        return 0;
}

struct unseen *unseen_free(struct unseen *u)
{
        if (!u)
                return NULL;
        if (u->threads)
                closedir(u->threads);
        free(u->known);
        free(u);
        return NULL;
}

static int look_who_traces(const struct unseen *u, uint32_t tid, scan_emit emit, void *userdata)
{
        struct event e = {.type = EV_PTRACE_ATTACH, .origin = ORIGIN_SCAN};
        struct proc_status status;

        if (u->n_known && bsearch(&tid, u->known, u->n_known, sizeof(u->known[0]), by_number))
                return 0;
        /* A zombie stays linked to its tracer until that reaps it. */
        if (procfs_traced(u->pid, tid, &status, &e.tracer) < 0 || status.state == 'Z' || status.state == 'X')
                return 0;
        e.target = status.task;
        return emit(userdata, &e);
}

int unseen_step(struct unseen *u, uint64_t until_ns, scan_emit emit, void *userdata)
{
        while (u->threads && u->left > 0) {
                struct dirent *entry = readdir(u->threads);
                int r;

                if (!entry)
                        break;
                if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
                        continue;
                u->left--;
                r = look_who_traces(u, (uint32_t)strtoul(entry->d_name, NULL, 10), emit, userdata);
                if (r < 0)
                        return r;
                if (clock_mono_ns() >= until_ns)
                        return 1;
        }
        return 0;
}
