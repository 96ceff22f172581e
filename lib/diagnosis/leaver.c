/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who may have left a breakpoint: those that traced the process while its text was this one. */

#include "lib/diagnosis/inquest.h"
#include "lib/event/tools.h"
#include "lib/model/model.h"

struct leavers {
        const struct inquest *i;
        uint64_t text_since_ns;
        struct session last[LEAVERS_MAX]; /* of each tracer, the session that ended last */
        uint64_t n_traps[LEAVERS_MAX];
        bool wrote[LEAVERS_MAX]; /* into it, or nobody looked whether */
        size_t n;
        bool too_many;
};

static int add_leaver(void *userdata, const struct session *s)
{
        struct leavers *all = userdata;
        const struct sigtrap *t = all->i->t;
        size_t k = 0;

        if (!task_same_process(&s->target, &t->target) || !s->until_ns || s->until_ns > t->time_ns ||
            s->until_ns <= all->text_since_ns || !plants_breakpoints(&s->tracer))
                return 0;
        while (k < all->n && !task_same_process(&all->last[k].tracer, &s->tracer))
                k++;
        if (k == LEAVERS_MAX) {
                all->too_many = true;
                return 0;
        }
        all->n = MAX_OF(all->n, k + 1);
        all->n_traps[k] += s->n_traps;
        all->wrote[k] |= s->wrote != TRACER_WROTE_NOTHING;
        if (s->until_ns >= all->last[k].until_ns)
                all->last[k] = *s;
        return 0;
}

/* What the history noted of it says more. */
static void depart(const struct inquest *i, const struct session *s, struct departure *ret)
{
        const struct departure *noted = &i->t->history.ended;
        const struct process *tracer = process_of(i->m, &s->tracer);

        if (noted->cause && task_same_process(&noted->tracer, &s->tracer)) {
                *ret = *noted;
                return;
        }
        *ret = (struct departure){
                .tracer = s->tracer,
                .until_ns = s->until_ns,
                .until_wall_ns = s->until_wall_ns,
                .n_traps = s->n_traps,
                .cause = s->end_cause,
                .thread_only = s->thread_only,
                .status_known = tracer && !tracer->alive && s->end_cause == DETACHED_TRACER_EXIT,
                .tracer_status = tracer ? tracer->exit_code : 0,
        };
}

static const struct session *that_was_stopped(const struct leavers *all)
{
        const struct session *found = NULL;

        for (size_t k = 0; k < all->n; k++)
                if (stopped_there(all->i, &all->i->t->target, &all->last[k].tracer) &&
                    (!found || all->last[k].until_ns > found->until_ns))
                        found = &all->last[k];
        return found;
}

static bool has_detached(const struct leavers *all, size_t k)
{
        return all->last[k].end_cause == DETACHED_BY_CALL;
}

/* Having been there is no evidence. Whoever ends without a detach leaves what it has planted, and who detached
 * may have left what it wrote. */
static bool is_suspect(const struct leavers *all, size_t k)
{
        return !has_detached(all, k) || all->wrote[k];
}

/* The only suspect; or the only one that did not detach, where the others left in good order without a stop. */
static const struct session *that_alone_may(const struct leavers *all)
{
        const struct session *suspect = NULL, *ended = NULL;
        size_t n_suspects = 0, n_ended = 0, n_orderly = 0;

        for (size_t k = 0; k < all->n; k++) {
                if (!is_suspect(all, k))
                        continue;
                n_suspects++;
                suspect = &all->last[k];
                n_orderly += has_detached(all, k) && all->n_traps[k] == 0;
                if (!has_detached(all, k)) {
                        n_ended++;
                        ended = suspect;
                }
        }
        if (n_suspects == 1)
                return suspect;
        return n_ended == 1 && n_orderly == n_suspects - 1 ? ended : NULL;
}

/* It was seen at no breakpoint and took its leave in good order: where not all of the process was recorded, one
 * that came before is as likely. */
static bool only_visited(const struct leavers *all, size_t k)
{
        return !all->i->t->whole && has_detached(all, k) && all->n_traps[k] == 0;
}

static const struct session *choose(const struct leavers *all)
{
        const struct session *stopped = that_was_stopped(all);

        if (stopped)
                return stopped;
        if (!only_memory_has_int3(all->i) || ran_before_tracers(all->i) || all->too_many)
                return NULL;
        if (all->n == 1 && only_visited(all, 0))
                return NULL;
        return that_alone_may(all);
}

struct leaver find_leaver(const struct inquest *i)
{
        const struct process *p = process_of(i->m, &i->t->target);
        struct leavers all = {.i = i, .text_since_ns = p ? p->exec_ns : 0};
        const struct departure *noted = &i->t->history.ended;
        struct leaver ret = {};
        const struct session *s;

        (void)model_each_session(i->m, i->t->target.pid, true, add_leaver, &all);
        s = choose(&all);
        ret.n = all.n;
        ret.found = s;
        if (s)
                depart(i, s, &ret.left);
        /* The ring of sessions may have forgotten what the process itself has not. */
        if (all.n || !noted->cause || !plants_breakpoints(&noted->tracer))
                return ret;
        ret.left = *noted;
        ret.found = (only_memory_has_int3(i) && !ran_before_tracers(i)) ||
                    stopped_there(i, &i->t->target, &noted->tracer);
        return ret;
}
