/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Breakpoints that were planted by ptrace, and are not where their debugger believes them to be. */

#include <inttypes.h>
#include <sys/ptrace.h>

#include "lib/base/cleanup.h"
#include "lib/diagnosis/inquest.h"
#include "lib/event/tools.h"
#include "lib/event/wording.h"

#define PLANTED_SETTLE_NS  (2 * NSEC_PER_SEC) /* until it is asked what became of them */
#define PLANTED_PROMPT_NS  (5 * NSEC_PER_SEC) /* between two looks at a process that its debugger holds */
#define PLANTED_PROMPT_MAX 12                 /* such looks */
#define PLANTED_ATTACH_NS  (1 * NSEC_PER_SEC) /* a tracer takes thread after thread */
#define PLANTED_AGAIN_NS   (5 * NSEC_PER_SEC) /* threads are looked at no more often, for new breakpoints */

static bool has_no_life(int32_t state)
{
        return state == 'Z' || state == 'X' || state == 0;
}

static const char *word_count(uint32_t n)
{
        return n == 1 ? "a breakpoint" : "breakpoints";
}

/* ---- breakpoint-lost-on-exec ------------------------------------------------------------------------- */

/* Whoever asked for a stop at the exec, or plants again, knows of it. */
static void lose_breakpoints(struct model *m, const struct event *e)
{
        struct process *p = process_of(m, &e->target);
        struct plants *lost = p && p->history ? &p->history->lost : NULL;

        if (!lost || !lost->n)
                return;
        lost->at_ns = e->time_ns;
        lost->looks = 0;
        if (options_of_ptrace(e->ptrace) & PTRACE_O_TRACEEXEC ||
            !task_same_process(&e->tracer, &lost->tracer))
                lost->n = 0;
        else
                model_ask(m, ASK_TASK_STATE, &p->task, e->time_ns + PLANTED_SETTLE_NS);
}

/* At a prompt its user may be about to plant them again. */
static bool waits_at_prompt(struct model *m, const struct process *p, struct plants *lost,
                            const struct event *e)
{
        if (e->state != 't' || lost->looks >= PLANTED_PROMPT_MAX)
                return false;
        lost->looks++;
        model_ask(m, ASK_TASK_STATE, &p->task, e->time_ns + PLANTED_PROMPT_NS);
        return true;
}

static void report_lost(struct model *m, const struct rule *r, const struct event *e,
                        const struct process *p, const struct plants *lost)
{
        struct task_ref tracer = lost->tracer;
        char target[WORD_MAX], by[WORD_MAX], tool[WORD_MAX];
        struct finding f;

        finding_begin(m, &f, r, e);
        f.target.tid = 0;
        process_name(m, &tracer);
        f.other_pid = tracer.pid;
        add_evidence(&f, lost->seq);
        say(SENTENCE(f.summary),
            "%s called exec and runs a new program, in which %s of %s (the last at 0x%" PRIx64
            ") %s not: it has not asked to be told of an exec (PTRACE_O_TRACEEXEC), and has planted none since",
            word_process(&p->task, target), word_count(lost->n), word_process(&tracer, by),
            lost->addresses[lost->n - 1], lost->n == 1 ? "is" : "are");
        say(SENTENCE(f.remedy), "set the breakpoints again in %s, or attach to the new program once it runs",
            word_tool(&tracer, tool));
        model_report(m, &f);
}

static void look_for_lost(struct model *m, const struct rule *r, const struct event *e)
{
        struct process *p = process_of(m, &e->target);
        struct plants *lost = p && p->history ? &p->history->lost : NULL;

        if (!lost || !lost->n || e->time_ns < lost->at_ns + PLANTED_SETTLE_NS)
                return;
        if (!has_no_life(e->state) && task_same_process(&e->tracer, &lost->tracer) &&
            waits_at_prompt(m, p, lost, e))
                return;
        if (!has_no_life(e->state) && p->alive && task_same_process(&e->tracer, &lost->tracer) &&
            m->last_loss_ns < lost->at_ns)
                report_lost(m, r, e, p, lost);
        lost->n = 0;
}

void rule_breakpoint_lost_on_exec(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        if (e->type == EV_TASK_EXEC)
                lose_breakpoints(d->model, e);
        else
                look_for_lost(d->model, r, e);
}

/* ---- fork-not-followed ------------------------------------------------------------------------------- */

static void report_not_followed(struct model *m, const struct rule *r, const struct event *e,
                                const struct history *h)
{
        struct task_ref tracer = h->forked.tracer, child = e->target;
        char target[WORD_MAX], by[WORD_MAX], of[WORD_MAX], tool[WORD_MAX];
        struct event about = *e;
        struct finding f;

        about.target = h->forked.parent;
        finding_begin(m, &f, r, &about);
        f.target.tid = 0;
        process_name(m, &tracer);
        process_name(m, &child);
        f.other_pid = tracer.pid;
        add_evidence(&f, h->forked.seq);
        say(SENTENCE(f.summary),
            "%s forked while %s had %s in it and did not follow: its child %s has %s in its copy of the memory, nobody "
            "traces it, and it ends by SIGTRAP, or runs its handler, where it meets one",
            word_process(&f.target, target), word_process(&tracer, by), word_count(h->forked.breakpoints),
            word_process(&child, of), h->forked.breakpoints == 1 ? "it" : "them");
        say(SENTENCE(f.remedy),
            "follow forks (PTRACE_O_TRACEFORK), and take the breakpoints out of each child that is let go; where %s "
            "cannot, set none in code that the child runs",
            word_tool(&tracer, tool));
        model_report(m, &f);
}

/* Whoever had it meanwhile, or what it ran into already, is told otherwise. */
static bool is_still_alone(struct model *m, const struct process *p, const struct event *e)
{
        return p->alive && !has_no_life(e->state) && !e->tracer.pid && !p->n_traced && !p->execed &&
               !p->history->ended.cause && m->last_loss_ns < p->history->forked.at_ns &&
               !model_last_finding(m, FIND_ORPHAN_BREAKPOINT, p, 0);
}

void rule_fork_not_followed(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct process *p = process_of(d->model, &e->target);
        struct history *h = p ? p->history : NULL;

        if (!h || !h->forked.breakpoints || e->thread)
                return;
        if (e->type == EV_TASK_FORK) {
                model_ask(d->model, ASK_TASK_STATE, &p->task, e->time_ns + PLANTED_SETTLE_NS);
                return;
        }
        if (e->time_ns < h->forked.at_ns + PLANTED_SETTLE_NS)
                return;
        if (is_still_alone(d->model, p, e))
                report_not_followed(d->model, r, e, h);
        h->forked.breakpoints = 0;
}

/* ---- untraced-threads -------------------------------------------------------------------------------- */

static void ask_for_threads(struct model *m, const struct process *p)
{
        p->history->planted.asked_ns = m->now_ns;
        model_ask(m, ASK_UNTRACED, &p->task, m->now_ns + PLANTED_ATTACH_NS);
}

static bool wants_threads(const struct plants *plants, const struct event *e)
{
        /* Another tracer lets a thread go: does the one that plants take it? */
        if (e->type == EV_PTRACE_DETACH)
                return !task_same_process(&plants->tracer, &e->tracer);
        return e->type == EV_PTRACE_PLANT &&
               (!plants->asked_ns || e->time_ns > plants->asked_ns + PLANTED_AGAIN_NS);
}

static void report_untraced(struct model *m, const struct rule *r, const struct event *e,
                            const struct plants *plants)
{
        struct task_ref tracer = plants->tracer;
        char thread[WORD_MAX], by[WORD_MAX], tool[WORD_MAX];
        struct finding f;

        finding_begin(m, &f, r, e);
        process_name(m, &tracer);
        f.other_pid = tracer.pid;
        add_evidence(&f, plants->seq);
        say(SENTENCE(f.summary),
            "%s has %s in the process, but does not trace %s, and nobody does: a breakpoint hit there kills the process",
            word_process(&tracer, by), word_count(plants->n), word_thread(&f.target, thread));
        say(SENTENCE(f.remedy), "detach in %s and attach again: it then takes every thread",
            word_tool(&tracer, tool));
        model_report(m, &f);
}

/* A tracer that leaves lets go of thread after thread: only one that is without a tracer twice in a row is. */
static void thread_seen(struct model *m, const struct rule *r, const struct event *e,
                        const struct process *p, struct plants *plants)
{
        const struct thread *t = thread_of(m, &e->target);
        uint32_t tid = e->target.tid ?: e->target.pid;

        if (e->tracer.pid || has_no_life(e->state) || (t && t->slot))
                return;
        if (plants->untraced != tid) {
                plants->untraced = tid;
                plants->untraced_ns = e->time_ns;
                ask_for_threads(m, p);
        } else if (e->time_ns >= plants->untraced_ns + PLANTED_ATTACH_NS) {
                plants->untraced = 0;
                report_untraced(m, r, e, plants);
        }
}

/* For another tracer that plants and may have thought that it had all. */
static void other_tracer_ended(struct model *m, const struct event *e)
{
        for (size_t i = m->n_ended; i-- > 0;) {
                const struct session *s = &m->ended[(m->ended_first + i) % m->ended_size];
                const struct process *p = process_of(m, &s->target);

                if (s->until_ns != m->now_ns)
                        break;
                if (task_same_process(&s->tracer, &e->target) && p && p->alive && process_plants(m, p))
                        ask_for_threads(m, p);
        }
}

void planted_in_part_of_threads(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        const struct process *p = process_of(m, &e->target);
        struct plants *plants = p && p->alive && process_plants(m, p) ? &p->history->planted : NULL;

        if (e->type == EV_TRACER_EXIT)
                other_tracer_ended(m, e);
        if (!plants || is_holder(&plants->tracer))
                return;
        if (e->type == EV_TASK_STATE)
                thread_seen(m, r, e, p, plants);
        else if (wants_threads(plants, e))
                ask_for_threads(m, p);
}
