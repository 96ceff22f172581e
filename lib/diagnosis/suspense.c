/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <string.h>

#include "lib/diagnosis/suspense.h"

static void finish_one(struct suspenses *all, size_t i, const struct event *scan)
{
        struct suspense s;

        assert(i < all->n && all->n <= SUSPENSES_MAX);
        s = all->waiting[i];
        memmove(&all->waiting[i], &all->waiting[i + 1], (all->n - i - 1) * sizeof(*all->waiting));
        all->n--;
        s.finish(all->diagnosis, &s, scan);
}

static bool same_thread(const struct task_ref *a, const struct task_ref *b)
{
        return task_same_process(a, b) && (a->tid == b->tid || !a->tid || !b->tid);
}

/*
 * A tracer lets go of its threads one after the other, by calls or when it ends. What one of them runs into
 * meanwhile is what the tracer leaves behind, although it still has the others.
 */
static void note_leaving(const struct model *m, const struct event *e, struct suspense *s)
{
        const struct thread *t = thread_of(m, &e->target);

        if (!t || e->tracer.pid)
                return;
        /* The call has had its effect, its record is still to come. */
        if (t->slot) {
                s->history.ended.tracer = t->slot->s.tracer;
                s->history.ended.until_ns = e->time_ns;
                s->history.ended.until_wall_ns = e->wall_ns;
                s->history.ended.cause = DETACHED_BY_CALL;
                s->history.ended.status_known = false;
        }
        if (s->sibling_tracer == (t->slot ? t->slot->s.tracer.pid : t->left_by))
                s->sibling_tracer = 0;
}

static struct suspense of_event(const struct model *m, const struct event *e)
{
        const struct process *p = process_of(m, &e->target);
        struct suspense s = {
                .deadline_ns = m->now_ns + TEXT_SCAN_WAIT_NS,
                .count = 1,
                .target = e->target,
                .parent = e->parent,
                .seq = e->seq,
                .time_ns = e->time_ns,
                .wall_ns = e->wall_ns,
                .ip = e->ip,
                .parent_tracer = e->parent_tracer,
                .sibling_tracer = e->sibling_tracer,
                .code = e->code,
                .disposition = e->disposition,
                .residue = e->residue,
                .execed = p && p->execed,
        };

        process_name(m, &s.target);
        if (p && p->history)
                s.history = *p->history;
        note_leaving(m, e, &s);
        return s;
}

void suspense_begin(struct suspenses *all, const struct rule *r, const struct event *e, suspense_fn finish,
                    bool wants_handler)
{
        struct suspense *s;

        for (size_t i = 0; i < all->n; i++) {
                s = &all->waiting[i];
                if (s->finish == finish && s->ip == e->ip && same_thread(&s->target, &e->target)) {
                        s->count++;
                        return;
                }
        }
        if (all->n == SUSPENSES_MAX)
                finish_one(all, 0, NULL);
        s = &all->waiting[all->n++];
        *s = of_event(all->model, e);
        s->rule = r;
        s->finish = finish;
        s->wants_handler = wants_handler;
}

bool suspense_count_more(struct suspenses *all, suspense_fn finish, const struct event *e)
{
        for (size_t i = all->n; i-- > 0;)
                if (all->waiting[i].finish == finish &&
                    task_same_process(&all->waiting[i].target, &e->target)) {
                        all->waiting[i].count += e->count;
                        return true;
                }
        return false;
}

/* The oldest one of that thread the scan can answer; one at that very address if there is one. */
static size_t find_answered(const struct suspenses *all, const struct event *scan)
{
        bool handler = event_scan_kind(scan) == SCAN_HANDLER;
        size_t found = all->n;

        for (size_t i = 0; i < all->n; i++) {
                const struct suspense *s = &all->waiting[i];

                if (s->wants_handler != handler || !same_thread(&s->target, &scan->target))
                        continue;
                if (handler || s->ip == scan->ip + 1)
                        return i;
                if (found == all->n)
                        found = i;
        }
        return found;
}

void suspense_answer(struct suspenses *all, const struct event *e)
{
        size_t i;

        if (e->type != EV_TEXT_SCAN)
                return;
        i = find_answered(all, e);
        if (i < all->n)
                finish_one(all, i, e);
}

void suspense_expire(struct suspenses *all, uint64_t now_ns)
{
        while (all->n && all->waiting[0].deadline_ns < now_ns)
                finish_one(all, 0, NULL);
}

void suspense_finish_all(struct suspenses *all)
{
        while (all->n)
                finish_one(all, 0, NULL);
}
