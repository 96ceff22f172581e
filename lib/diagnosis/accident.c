/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>

#include "lib/diagnosis/accident.h"

static bool is_answered(const struct accident *a)
{
        for (size_t i = 0; i < a->n_traps; i++)
                if (!sigtrap_is_answered(&a->traps[i]))
                        return false;
        return true;
}

static bool takes_default_action(const struct accident *a)
{
        for (size_t i = 0; i < a->n_traps; i++)
                if (a->traps[i].delivered && a->traps[i].disposition == DISP_DEFAULT)
                        return true;
        return false;
}

static uint64_t due_of(const struct accident *a)
{
        if (a->told)
                return a->last_ns + AFTERMATH_NS;
        if (a->ended)
                return a->ended_ns + OUTCOME_WAIT_NS;
        return a->opened_ns + (takes_default_action(a) ? END_WAIT_NS : OUTCOME_WAIT_NS);
}

static void drop_accident(struct accidents *all, struct accident *a)
{
        assert(a->used && all->n);
        a->used = false;
        all->n--;
}

static void tell_accident(struct accidents *all, struct accident *a)
{
        all->tell(all->diagnosis, a);
        a->told = true;
        if (a->ended)
                drop_accident(all, a);
}

static struct accident *last_accident(struct accidents *all, const struct task_ref *process, bool by_default)
{
        struct accident *last = NULL;

        for (size_t i = 0; all->n && i < ACCIDENTS_MAX; i++) {
                struct accident *a = &all->list[i];

                if (!a->used || a->ended || !task_same_process(&a->process, process))
                        continue;
                if ((!by_default || takes_default_action(a)) && (!last || a->opened_ns >= last->opened_ns))
                        last = a;
        }
        return last;
}

struct accident *accident_of(struct accidents *all, const struct task_ref *process)
{
        return last_accident(all, process, false);
}

struct accident *accident_that_kills(struct accidents *all, const struct task_ref *process)
{
        return last_accident(all, process, true) ?: last_accident(all, process, false);
}

static void forget_oldest(struct accidents *all)
{
        struct accident *oldest = NULL;

        if (all->n < ACCIDENTS_MAX)
                return;
        for (size_t i = 0; i < ACCIDENTS_MAX; i++) {
                struct accident *a = &all->list[i];

                if (!oldest || (a->told && !oldest->told) ||
                    (a->told == oldest->told && a->opened_ns < oldest->opened_ns))
                        oldest = a;
        }
        if (!oldest->told)
                all->tell(all->diagnosis, oldest);
        drop_accident(all, oldest);
}

struct accident *accident_begin(struct accidents *all, const struct event *e)
{
        struct accident *a = all->list;

        forget_oldest(all);
        while (a->used)
                a++;
        *a = (struct accident){
                .used = true,
                .process = e->target,
                .opened_ns = e->time_ns,
                .last_ns = e->time_ns,
        };
        a->process.tid = 0;
        a->process.tid_start = 0;
        all->n++;
        /* Where nothing else happens, the answer is what ends the wait. */
        if (e->type != EV_TASK_EXIT)
                model_ask(all->model, ASK_TASK_STATE, &a->process, a->opened_ns + OUTCOME_WAIT_NS + 1);
        return a;
}

struct sigtrap *accident_add(struct accident *a)
{
        return a->n_traps < ACCIDENT_TRAPS_MAX ? &a->traps[a->n_traps++] : NULL;
}

void accident_changed(struct accidents *all, struct accident *a)
{
        if (a->told || (a->ended && is_answered(a)))
                tell_accident(all, a);
        if (!a->used)
                return;
        a->due_ns = due_of(a);
        all->due_ns = MIN_OF(all->due_ns, a->due_ns);
}

void accidents_expire(struct accidents *all, uint64_t now_ns)
{
        uint64_t due_ns = UINT64_MAX;

        if (now_ns <= all->due_ns)
                return;
        for (size_t i = 0; all->n && i < ACCIDENTS_MAX; i++) {
                struct accident *a = &all->list[i];

                if (a->used && a->due_ns < now_ns) {
                        if (a->told)
                                drop_accident(all, a);
                        else
                                tell_accident(all, a);
                        if (a->used)
                                a->due_ns = due_of(a);
                }
                if (a->used)
                        due_ns = MIN_OF(due_ns, a->due_ns);
        }
        all->due_ns = due_ns;
}

void accidents_finish(struct accidents *all)
{
        /* The oldest first, as if they had waited to their end. */
        while (all->n) {
                struct accident *oldest = NULL;

                for (size_t i = 0; i < ACCIDENTS_MAX; i++)
                        if (all->list[i].used && (!oldest || all->list[i].opened_ns < oldest->opened_ns))
                                oldest = &all->list[i];
                if (!oldest->told)
                        all->tell(all->diagnosis, oldest);
                drop_accident(all, oldest);
        }
        all->due_ns = UINT64_MAX;
}
