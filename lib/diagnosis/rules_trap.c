/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SIGTRAPs that did not end in a debugger: from the events of one to an accident, which verdict.c tells. */

#include <signal.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/record.h"
#include "lib/event/tools.h"

static bool is_sigtrap(const struct event *e)
{
        return e->sig == SIGTRAP;
}

static bool is_debugged(const struct event *e)
{
        return e->tracer.pid && !is_holder(&e->tracer);
}

static bool reached_queue(const struct event *e)
{
        return e->result == SIGRES_QUEUED || e->result == SIGRES_INFO_LOST;
}

static bool is_from_outside(const struct event *e)
{
        return sigtrap_kind_of(e) == SIGTRAP_SENT && !task_same_process(&e->actor, &e->target);
}

/* Since then nothing of it was missed: neither its exec nor who came and went. */
static bool is_recorded_whole(const struct diagnosis *d, const struct event *e)
{
        uint64_t from_ns = MAX_OF(d->since_ns, d->model->last_loss_ns);

        return d->since_ns && e->execed && e->target.start > from_ns / NSEC_PER_TICK;
}

/* ---- a trap comes -------------------------------------------------------------------------------------- */

/* An answer that came for an earlier trap at that place is good until the next exec. */
static void use_known_scan(const struct diagnosis *d, struct sigtrap *t)
{
        const struct process *p = process_of(d->model, &t->target);
        const struct history *h = p ? p->history : NULL;

        for (size_t i = 0; h && t->ip && i < MIN_OF(h->n_scans, (uint32_t)SCANS_MAX); i++) {
                const struct scan *s = &h->scans[i];

                if (t->kind != SIGTRAP_BREAKPOINT || s->address != t->ip - 1)
                        continue;
                t->at.known = true;
                t->at.file_known = s->file_known;
                t->at.found_int3 = s->found_int3;
                t->at.address = s->address;
        }
}

static struct sigtrap *same_in(struct accident *a, const struct event *e)
{
        enum sigtrap_kind kind = sigtrap_kind_of(e);

        for (size_t i = 0; i < a->n_traps; i++) {
                struct sigtrap *t = &a->traps[i];

                if (t->kind != kind || t->code != e->code)
                        continue;
                if (kind == SIGTRAP_SENT ? task_same_process(&t->sender, &e->actor)
                                         : t->ip == e->ip && t->disposition == e->disposition)
                        return t;
        }
        return NULL;
}

/* The same one came before, and how many accidents of that process there are. */
static struct sigtrap *same_trap(struct diagnosis *d, const struct event *e, struct accident **ret_a,
                                 size_t *ret_n)
{
        struct sigtrap *found = NULL;

        *ret_n = 0;
        for (size_t i = 0; d->accidents.n && i < ACCIDENTS_MAX && !found; i++) {
                struct accident *a = &d->accidents.list[i];

                if (!a->used || a->ended || !task_same_process(&a->process, &e->target))
                        continue;
                ++*ret_n;
                *ret_a = a;
                found = same_in(a, e);
        }
        return found;
}

/* One more of what was told already: only its count and its times change. */
static void count_told(struct diagnosis *d, const struct accident *a, const struct event *e)
{
        const struct process *p = process_of(d->model, &a->process);
        struct finding *told = p && a->code ? model_last_finding(d->model, a->code, p, a->other_pid) : NULL;

        if (told)
                model_count_more(d->model, told, e->type == EV_COUNTER ? e->count : 1);
}

static void trap_again(struct diagnosis *d, struct accident *a, struct sigtrap *t, const struct event *e)
{
        a->last_ns = e->time_ns;
        a->last_wall_ns = e->wall_ns;
        if (a->told)
                count_told(d, a, e);
        else
                t->count += e->type == EV_COUNTER ? e->count : 1;
}

/* What follows in the same process is a consequence; but what somebody sends is not, and a breakpoint that
 * comes long after is an accident of its own. */
static bool joins(const struct accident *a, const struct event *e)
{
        if (is_from_outside(e))
                return false;
        return !a->told || sigtrap_kind_of(e) != SIGTRAP_BREAKPOINT;
}

/* NULL: the accident has as many as it takes. */
static struct sigtrap *new_trap(struct diagnosis *d, const struct event *e, size_t n_accidents,
                                struct accident **ret_a)
{
        struct accident *a = accident_of(&d->accidents, &e->target);
        struct sigtrap *t;

        if (!a || (!joins(a, e) && n_accidents < ACCIDENTS_OF_ONE_MAX))
                a = accident_begin(&d->accidents, e);
        *ret_a = a;
        t = accident_add(a);
        if (!t)
                return NULL;
        sigtrap_begin(t, d->model, e);
        t->whole = is_recorded_whole(d, e);
        a->last_ns = e->time_ns;
        a->last_wall_ns = e->wall_ns;
        return t;
}

static void trap_comes(struct diagnosis *d, const struct event *e)
{
        struct accident *a = NULL;
        size_t n;
        struct sigtrap *t = same_trap(d, e, &a, &n);

        if (t) {
                trap_again(d, a, t, e);
                return;
        }
        t = new_trap(d, e, n, &a);
        if (t)
                use_known_scan(d, t);
        accident_changed(&d->accidents, a);
}

static void sigtrap_generated(struct diagnosis *d, const struct event *e)
{
        /* Ignored: nobody will see it, or it is dying of something else already. */
        if (!is_sigtrap(e) || e->result == SIGRES_IGNORED)
                return;
        if (is_debugged(e)) {
                stops_note(&d->stops, e);
                return;
        }
        /* Under hold what becomes of a breakpoint is known when it is passed on: catch may keep it. */
        if (e->tracer.pid && sigtrap_kind_of(e) == SIGTRAP_BREAKPOINT)
                return;
        if (sigtrap_kind_of(e) == SIGTRAP_SENT && !reached_queue(e))
                return;
        trap_comes(d, e);
}

/* ---- and is delivered ------------------------------------------------------------------------------------ */

static bool can_be(const struct sigtrap *t, const struct event *e)
{
        return task_same_process(&t->target, &e->target) &&
               (t->group || t->target.tid == e->target.tid || !t->target.tid || !e->target.tid);
}

/* The one that is delivered: still to come, and with that code if there is one (an overflow loses codes). */
static struct sigtrap *trap_delivered(struct accident *a, const struct event *e)
{
        struct sigtrap *best = NULL;

        for (size_t i = 0; a && i < a->n_traps; i++) {
                struct sigtrap *t = &a->traps[i];

                if (!can_be(t, e) || (t->delivered && t->code != e->code))
                        continue;
                if (!best || (best->code != e->code && t->code == e->code) ||
                    (best->delivered && !t->delivered && t->code == e->code))
                        best = t;
        }
        return best;
}

/* What the stop knew, of a SIGTRAP that was raised while somebody traced the thread. */
static void note_stop(const struct diagnosis *d, struct sigtrap *t, const struct event *e)
{
        const struct stop *stop = stops_last(&d->stops, &e->target);

        if (!stop || (stop->code != e->code && t->kind != SIGTRAP_SENT))
                return;
        t->rewound = stop->kind == SIGTRAP_BREAKPOINT && e->ip && stop->ip == e->ip + 1;
        /* Whoever is sent a signal runs on; in the others' stops it does not. */
        if (!t->rewound && stop->ip != e->ip && stop->kind != SIGTRAP_SENT)
                return;
        t->kind = stop->kind;
        t->sender = stop->sender;
        t->sender_uid = stop->sender_uid;
        t->ip = stop->ip;
        t->stopped_by = stop->tracer;
}

static struct task_ref rival_of(const struct process *p, uint32_t tracer_pid)
{
        if (!p)
                return (struct task_ref){};
        LIST_FOREACH (it, &p->threads) {
                const struct slot *s = LIST_ENTRY(it, struct thread, in_process)->slot;

                if (s && s->s.tracer.pid != tracer_pid)
                        return s->s.tracer;
        }
        return (struct task_ref){};
}

/* Raised before the tracer came, or while it was there. */
static struct sigtrap *trap_to_pass_on(struct diagnosis *d, const struct event *e, struct accident **ret_a)
{
        struct sigtrap *t;

        *ret_a = accident_of(&d->accidents, &e->target);
        t = trap_delivered(*ret_a, e);
        if (t && !t->delivered && t->code == e->code)
                return t;
        t = new_trap(d, e, 0, ret_a);
        if (t)
                note_stop(d, t, e);
        return t;
}

/* Its tracer wrote that breakpoint itself; it may have set the instruction pointer back to it. */
static bool is_planted_by_tracer(const struct process *p, const struct event *e)
{
        const struct plants *plants = p && p->history ? &p->history->planted : NULL;

        return plants &&
               (plants_have(plants, &e->tracer, e->ip - 1) || plants_have(plants, &e->tracer, e->ip));
}

static void trap_passed_on(struct diagnosis *d, const struct event *e)
{
        const struct process *p = process_of(d->model, &e->target);
        struct task_ref rival = rival_of(p, e->tracer.pid);
        struct accident *a;
        struct sigtrap *t;

        /* A program that runs its own int3 into its own handler works as written under a tracer, too. */
        if (e->disposition != DISP_DEFAULT &&
            (e->code != SI_CODE_INT3 || (!rival.pid && !is_planted_by_tracer(p, e))))
                return;
        t = trap_to_pass_on(d, e, &a);
        if (!t)
                return;
        t->delivered = true;
        t->disposition = e->disposition;
        t->passed_by = e->tracer;
        t->stopped_by = (struct task_ref){};
        t->rival = rival;
        process_name(d->model, &t->passed_by);
        accident_changed(&d->accidents, a);
}

static void sigtrap_delivered(struct diagnosis *d, const struct event *e)
{
        struct accident *a = accident_of(&d->accidents, &e->target);
        struct sigtrap *t;

        if (!is_sigtrap(e))
                return;
        if (is_debugged(e)) {
                trap_passed_on(d, e);
                return;
        }
        t = trap_delivered(a, e);
        if (!t) {
                /* A perf event of the program's own making is meant for its handler. */
                if (e->code == SI_CODE_TRAP_PERF && e->disposition == DISP_HANDLER)
                        return;
                t = new_trap(d, e, 0, &a);
                if (!t)
                        return;
                note_stop(d, t, e);
                use_known_scan(d, t);
        }
        if (!t->delivered)
                t->disposition = e->disposition;
        t->delivered = true;
        if (!a->told)
                accident_changed(&d->accidents, a);
}

/* ---- floods, text, the end --------------------------------------------------------------------------- */

static const enum finding_code trap_codes[] = {
        FIND_ORPHAN_BREAKPOINT, FIND_TRAP_WITHOUT_TRACER, FIND_TRAP_TO_HANDLER, FIND_TRAP_FORCED,
        FIND_TRAP_LEAKED,       FIND_ORPHAN_WATCHPOINT,   FIND_ORPHAN_STEP,
};

static struct finding *last_told(struct diagnosis *d, const struct task_ref *process)
{
        const struct process *p = process_of(d->model, process);
        struct finding *last = NULL;

        for (size_t i = 0; p && i < ELEMENTSOF(trap_codes); i++) {
                struct finding *f = model_last_finding(d->model, trap_codes[i], p, 0);

                if (f && (!last || f->last_ns > last->last_ns))
                        last = f;
        }
        return last;
}

/* The flood beyond the first SIGTRAPs of a second: no thread, no address, only how many more. */
static void sigtraps_counted(struct diagnosis *d, const struct event *e)
{
        struct accident *a = accident_of(&d->accidents, &e->target);
        struct finding *told;

        if (!is_sigtrap(e) || e->of_type != EV_SIGNAL_GENERATE || e->tracer.pid ||
            e->result == SIGRES_IGNORED || e->code == SI_CODE_TRAP_PERF)
                return;
        for (size_t i = 0; a && i < a->n_traps; i++)
                if (a->traps[i].code == e->code) {
                        trap_again(d, a, &a->traps[i], e);
                        return;
                }
        told = last_told(d, &e->target);
        if (told)
                model_count_more(d->model, told, e->count);
}

static void text_scanned(struct diagnosis *d, const struct event *e)
{
        for (size_t i = 0; d->accidents.n && i < ACCIDENTS_MAX; i++) {
                struct accident *a = &d->accidents.list[i];
                bool matched = false;

                for (size_t k = 0; a->used && k < a->n_traps; k++)
                        matched |= sigtrap_scanned(&a->traps[k], e);
                if (matched)
                        accident_changed(&d->accidents, a);
        }
}

static void remember_death(struct diagnosis *d, const struct event *e, const struct accident *a)
{
        const struct process *p = process_of(d->model, &e->target);

        d->deaths[d->n_deaths++ % DEATHS_MAX] = (struct death){
                .task = e->target,
                .parent = a && a->n_traps && a->traps[0].parent.pid ? a->traps[0].parent
                          : p                                       ? p->parent
                                                                    : (struct task_ref){},
                .time_ns = e->time_ns,
                .seq = e->seq,
        };
}

/* Nothing that leads to it was recorded: that it died of SIGTRAP is told all the same. */
static struct accident *unseen_accident(struct diagnosis *d, const struct event *e)
{
        struct accident *a;
        struct sigtrap *t;

        if (last_told(d, &e->target))
                return NULL;
        a = accident_begin(&d->accidents, e);
        t = accident_add(a);
        sigtrap_begin(t, d->model, e);
        t->kind = SIGTRAP_OTHER;
        return a;
}

static void process_ended(struct diagnosis *d, const struct event *e)
{
        bool trapped = (e->status & 0x7f) == SIGTRAP;
        struct accident *killer = accident_that_kills(&d->accidents, &e->target), *a;

        if (!e->group_dead)
                return;
        if (trapped)
                remember_death(d, e, killer);
        if (trapped && !killer)
                killer = unseen_accident(d, e);
        while ((a = accident_of(&d->accidents, &e->target))) {
                a->ended = true;
                a->died = trapped && a == killer;
                a->exit_code = e->status;
                a->ended_ns = e->time_ns;
                a->end_seq = e->seq;
                accident_changed(&d->accidents, a);
        }
}

void rule_sigtrap(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        (void)r;
        /* A record without a target names nobody to whom anything happened. */
        if (!e->target.pid)
                return;
        switch (e->type) {
        case EV_SIGNAL_GENERATE:
                sigtrap_generated(d, e);
                break;
        case EV_SIGNAL_DELIVER:
                sigtrap_delivered(d, e);
                break;
        case EV_COUNTER:
                sigtraps_counted(d, e);
                break;
        case EV_TEXT_SCAN:
                text_scanned(d, e);
                break;
        case EV_TASK_EXEC:
                stops_forget(&d->stops, &e->target);
                break;
        case EV_TASK_EXIT:
                process_ended(d, e);
                break;
        default:
                break;
        }
}
