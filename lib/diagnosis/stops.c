/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <string.h>

#include "lib/diagnosis/stops.h"

static void drop_stop(struct stops *all, size_t i)
{
        assert(i < all->n && all->n <= STOPS_MAX);
        memmove(&all->list[i], &all->list[i + 1], (all->n - i - 1) * sizeof(all->list[0]));
        all->n--;
}

static bool is_same_stop(const struct stop *s, const struct event *e)
{
        return s->ip == e->ip && s->code == e->code && s->kind == sigtrap_kind_of(e) &&
               s->target.tid == e->target.tid && task_same_process(&s->target, &e->target) &&
               task_same_process(&s->tracer, &e->tracer);
}

/* The same stop again moves to the end; else the oldest one of the process, or of all, gives way. */
static void give_way(struct stops *all, const struct event *e)
{
        size_t n = 0, first = 0;

        for (size_t i = all->n; i-- > 0;) {
                if (is_same_stop(&all->list[i], e)) {
                        drop_stop(all, i);
                        return;
                }
                if (task_same_process(&all->list[i].target, &e->target)) {
                        n++;
                        first = i;
                }
        }
        if (n >= STOPS_OF_ONE_MAX)
                drop_stop(all, first);
        else if (all->n == STOPS_MAX)
                drop_stop(all, 0);
}

void stops_note(struct stops *all, const struct event *e)
{
        give_way(all, e);
        all->list[all->n++] = (struct stop){
                .kind = sigtrap_kind_of(e),
                .code = e->code,
                .target = e->target,
                .tracer = e->tracer,
                .sender = e->actor,
                .parent = e->parent,
                .sender_uid = e->caller_uid,
                .ip = e->ip,
                .seq = e->seq,
                .time_ns = e->time_ns,
        };
}

void stops_forget(struct stops *all, const struct task_ref *process)
{
        for (size_t i = all->n; i-- > 0;)
                if (task_same_process(&all->list[i].target, process))
                        drop_stop(all, i);
}

const struct stop *stops_last(const struct stops *all, const struct task_ref *thread)
{
        for (size_t i = all->n; i-- > 0;) {
                const struct stop *s = &all->list[i];

                if (s->target.tid == thread->tid && task_same_process(&s->target, thread))
                        return s;
        }
        return NULL;
}

const struct stop *stops_at(const struct stops *all, const struct task_ref *process,
                            const struct task_ref *tracer, uint64_t ip)
{
        for (size_t i = all->n; i-- > 0;) {
                const struct stop *s = &all->list[i];

                if (s->kind == SIGTRAP_BREAKPOINT && s->ip == ip && ip &&
                    task_same_process(&s->target, process) && task_same_process(&s->tracer, tracer))
                        return s;
        }
        return NULL;
}
