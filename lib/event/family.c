/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/event/family.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"

#define SLOTS (2 * FAMILY_MAX) /* open addressing, never more than half full; a power of two */

struct family_member {
        uint32_t pid; /* 0: free */
        uint64_t start;
};

struct family {
        uint64_t n, overflow;
        struct family_member slots[SLOTS];
};

static size_t first_slot(uint32_t pid)
{
        return pid * 2654435761U % SLOTS;
}

bool family_has(const struct family *f, uint32_t pid, uint64_t start)
{
        if (pid == 0)
                return false;
        for (size_t i = first_slot(pid); f->slots[i].pid; i = (i + 1) % SLOTS) {
                const struct family_member *m = &f->slots[i];

                if (m->pid == pid && (start == 0 || m->start == 0 || m->start == start))
                        return true;
        }
        return false;
}

static void adopt(struct family *f, const struct task_ref *t)
{
        size_t i = first_slot(t->pid);

        if (t->pid == 0 || family_has(f, t->pid, t->start))
                return;
        if (f->n == FAMILY_MAX) {
                f->overflow++;
                return;
        }
        while (f->slots[i].pid)
                i = (i + 1) % SLOTS;
        f->slots[i] = (struct family_member){.pid = t->pid, .start = t->start};
        f->n++;
}

int family_new(struct family **ret, const struct task_ref *root)
{
        struct family *f = calloc(1, sizeof(*f));

        if (!f)
                return -ENOMEM;
        adopt(f, root);
        *ret = f;
        return 0;
}

struct family *family_free(struct family *f)
{
        free(f);
        return NULL;
}

/* A counter that is read after its tracer ended knows the thread only; a main thread is found by that, too.
 */
static bool has(const struct family *f, const struct task_ref *t)
{
        return family_has(f, t->pid ?: t->tid, t->start);
}

bool family_takes(struct family *f, const struct event *e)
{
        /* Where no fork was seen (tier proc), what /proc says of a process names its parent. */
        if (e->type == EV_TASK_FORK && !e->thread && has(f, &e->actor))
                adopt(f, &e->target);
        if (e->type == EV_TASK_INFO && has(f, &e->parent))
                adopt(f, &e->target);
        return e->type == EV_LOSS || e->type == EV_DAEMON_START || has(f, &e->target) || has(f, &e->actor) ||
               has(f, &e->tracer) || has(f, &e->parent);
}

uint64_t family_overflow(const struct family *f)
{
        return f->overflow;
}
