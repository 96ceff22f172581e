/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Tracees whose tracer does not serve them: it does not know that it is one, or does not reap what has ended. */

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/tools.h"
#include "lib/event/wording.h"

/* ---- tracer-unaware ---------------------------------------------------------------------------------- */

/* A tracer that knows makes its first request within milliseconds of the first stop; counters of requests are a
 * second late. */
#define UNAWARE_WAIT_NS (3 * NSEC_PER_SEC)

static bool may_be_unaware(const struct thread *t)
{
        return t && t->slot && session_is_unaware(&t->slot->s);
}

/* One question of a thread at a time: a stop that nobody serves does not end. */
static void ask_whether_served(struct model *m, struct thread *t)
{
        if (!may_be_unaware(t) || t->unaware_due_ns > m->now_ns)
                return;
        t->unaware_due_ns = m->now_ns + UNAWARE_WAIT_NS;
        model_ask(m, ASK_TASK_STATE, &t->slot->s.target, t->unaware_due_ns);
}

static void report_unaware(struct model *m, const struct rule *r, const struct event *e,
                           const struct thread *t)
{
        struct task_ref tracer = t->slot->s.tracer;
        char target[WORD_MAX], who[WORD_MAX];
        struct finding f;

        finding_begin(m, &f, r, e);
        f.other_pid = tracer.pid;
        process_name(m, &tracer);
        say(SENTENCE(f.cause), "traceme");
        say(SENTENCE(f.summary),
            "%s waits in a ptrace-stop for its parent %s, which does not know that it is a tracer: the program "
            "made it one with PTRACE_TRACEME, and it has never called ptrace. Nothing else will let the program "
            "go on",
            word_thread(&f.target, target), word_process(&tracer, who));
        finding_say_release(&f, &tracer, &t->slot->s);
        model_report(m, &f);
}

static void look_whether_served(struct model *m, const struct rule *r, const struct event *e,
                                const struct thread *t)
{
        const struct process *p = process_of(m, &e->target);

        if (!p || !may_be_unaware(t) || e->state != 't' || !t->unaware_due_ns ||
            e->time_ns < t->unaware_due_ns)
                return;
        /* One that cannot run at the moment may know very well. */
        if (tracer_cannot_run(e))
                return;
        if (!model_last_finding(m, FIND_TRACER_UNAWARE, p, t->slot->s.tracer.pid))
                report_unaware(m, r, e, t);
}

void rule_tracer_unaware(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;

        switch (e->type) {
        case EV_SIGNAL_GENERATE:
                /* What stops it, or its tracer is told that it has stopped. */
                if (e->sig == SIGCHLD && e->code == CLD_TRAPPED)
                        ask_whether_served(m, thread_of(m, &e->actor));
                else if (e->tracer.pid)
                        ask_whether_served(m, thread_of(m, &e->target));
                break;
        case EV_TASK_STATE:
                look_whether_served(m, r, e, thread_of(m, &e->target));
                break;
        default:
                ask_whether_served(m, thread_of(m, &e->target));
        }
}

/* ---- parent-blinded ---------------------------------------------------------------------------------- */

static void drop_unreaped(struct unreaped *u, size_t i)
{
        u->n--;
        memmove(&u->list[i], &u->list[i + 1], (u->n - i) * sizeof(u->list[0]));
        memmove(&u->due_ns[i], &u->due_ns[i + 1], (u->n - i) * sizeof(u->due_ns[0]));
}

/* strace -f reaps hundreds a second: questions are few, and about those that nobody was seen to reap. */
static void ask_about_unreaped(struct diagnosis *d)
{
        struct unreaped *u = &d->unreaped;

        for (size_t i = 0; i < UNREAPED_ASKS_MAX && u->n; i++) {
                if (u->asked_ns[i] > d->model->now_ns)
                        continue;
                u->asked_ns[i] = MAX_OF(u->due_ns[0], d->model->now_ns) + NSEC_PER_SEC;
                model_ask(d->model, ASK_TASK_STATE, &u->list[0], u->due_ns[0]);
                drop_unreaped(u, 0);
        }
}

/* A traced process has ended: its tracer is to reap it first. */
static void traced_one_ended(struct diagnosis *d, const struct event *e)
{
        struct unreaped *u = &d->unreaped;
        struct task_ref *t;

        if (!e->group_dead || !e->tracer.pid || is_holder(&e->tracer))
                return;
        if (u->n == UNREAPED_MAX)
                drop_unreaped(u, 0);
        u->due_ns[u->n] = e->time_ns + d->model->thresholds.tracer_hung_ns;
        t = &u->list[u->n++];
        *t = e->target;
        t->tid = t->pid;
        t->tid_start = t->start;
}

static void one_is_reaped(struct diagnosis *d, const struct event *e)
{
        for (size_t i = 0; i < d->unreaped.n; i++)
                if (d->unreaped.list[i].pid == e->actor.pid) {
                        drop_unreaped(&d->unreaped, i);
                        return;
                }
}

static void say_how_to_reap(struct finding *f, const struct event *e, const struct task_ref *tracer)
{
        char who[WORD_MAX];

        if (e->tracer_state == 'T')
                say(SENTENCE(f->remedy), "kill -CONT %" PRIu32, tracer->pid);
        else
                say(SENTENCE(f->remedy),
                    "let %s wait for it: in a debugger continue, or leave it; where that tool has hung, end it",
                    word_tool(tracer, who));
}

static void report_blinded(struct model *m, const struct rule *r, const struct event *e,
                           const struct process *p)
{
        struct task_ref tracer = e->tracer, parent = e->parent;
        char target[WORD_MAX], who[WORD_MAX], above[WORD_MAX], lasted[64];
        struct finding f;

        finding_begin(m, &f, r, e);
        f.target.tid = 0;
        f.other_pid = tracer.pid;
        process_name(m, &tracer);
        process_name(m, &parent);
        say(SENTENCE(f.cause), "%s", e->tracer_state == 'T' ? "tracer-stopped" : "not-reaped");
        say(SENTENCE(f.summary),
            "%s has ended, and its parent %s cannot see that: it is still traced by %s, which %s waited for it "
            "in %s, and until then no wait of the parent's returns it",
            word_process(&f.target, target), word_process(&parent, above), word_process(&tracer, who),
            e->tracer_state == 'T' ? "is itself stopped and has not" : "has not",
            text_duration(e->time_ns - p->ended_ns, lasted, sizeof(lasted)));
        say_how_to_reap(&f, e, &tracer);
        model_report(m, &f);
}

static void zombie_seen(struct model *m, const struct rule *r, const struct event *e)
{
        const struct process *p = process_of(m, &e->target);

        if (e->state != 'Z' || !p || p->alive || !e->tracer.pid || !e->parent.pid ||
            task_same_process(&e->tracer, &e->parent) ||
            e->time_ns < p->ended_ns + m->thresholds.tracer_hung_ns)
                return;
        if (!model_last_finding(m, FIND_PARENT_BLINDED, p, e->tracer.pid))
                report_blinded(m, r, e, p);
}

void rule_parent_blinded(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        if (e->type == EV_TASK_EXIT)
                traced_one_ended(d, e);
        else if (e->type == EV_WAIT_REAP)
                one_is_reaped(d, e);
        else
                zombie_seen(d->model, r, e);
        ask_about_unreaped(d);
}
