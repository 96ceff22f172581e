/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Processes that stand still because of a tracer. */

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/wording.h"
#include "lib/base/text.h"

#define HUNG_GAP_NS (10 * NSEC_PER_SEC) /* task.state events further apart are two episodes */

/* ---- left stopped -------------------------------------------------------------------------------- */

static void suspect(struct model *m, struct process *p, uint64_t since_ns)
{
        if (p->history->stop.suspect_ns)
                return;
        p->history->stop.suspect_ns = since_ns;
        model_ask(m, ASK_TASK_STATE, &p->task, since_ns + m->thresholds.left_stopped_ns);
}

/* A tracer has sent a SIGSTOP, nobody else has, and it was not stopped before. Where the tracer's SIGSTOP was
 * not seen, neither was what state it found the process in: then it cannot be told. */
static bool may_be_a_tracers(const struct history *h)
{
        return h && h->stop.tracer.pid && !h->stop.by_other && !h->stop.older && !h->stop.unknown;
}

/* A SIGSTOP took effect with nobody tracing. */
static void stop_delivered(struct model *m, const struct event *e)
{
        struct process *p = process_of(m, &e->target);

        if (e->sig == SIGSTOP && !e->tracer.pid && p && may_be_a_tracers(p->history))
                suspect(m, p, e->time_ns);
}

/* The parent is told of a stop: a second witness, where the delivery itself was not recorded. */
static void parent_told(struct model *m, const struct event *e)
{
        struct process *p = process_of(m, &e->actor);
        const struct history *h = p ? p->history : NULL;

        if (e->sig != SIGCHLD || e->code != CLD_STOPPED || !h || !p->alive)
                return;
        if (may_be_a_tracers(h))
                suspect(m, p, e->time_ns);
}

/* The tracer had passed its own SIGSTOP on, and then left the process in the stop. */
static void tracer_left(struct model *m, struct process *p)
{
        const struct history *h = p ? p->history : NULL;

        if (may_be_a_tracers(h) && p->alive && p->n_traced == 0 && h->stop.delivered)
                suspect(m, p, m->now_ns);
}

static void tracer_exited(struct model *m, const struct event *e)
{
        uint32_t tid = e->target.tid ?: e->target.pid;

        for (size_t i = m->n_ended; i-- > 0;) {
                const struct session *s = &m->ended[(m->ended_first + i) % m->ended_size];

                if (s->until_ns != m->now_ns)
                        break;
                if (s->tracer.tid == tid)
                        tracer_left(m, process_of(m, &s->target));
        }
}

static void report_left_stopped(struct model *m, const struct rule *r, const struct event *e,
                                const struct history *h)
{
        struct task_ref tracer = h->stop.tracer;
        char target[WORD_MAX], who[WORD_MAX], lasted[64];
        struct finding f;

        finding_begin(m, &f, r, e);
        f.target.tid = 0;
        f.other_pid = tracer.pid;
        if (h->stop.seq) {
                f.evidence[0] = h->stop.seq;
                f.evidence[1] = e->seq;
                f.n_evidence = e->seq ? 2 : 1;
        }
        process_name(m, &tracer);
        say(SENTENCE(f.summary),
            "%s has been stopped for %s by a SIGSTOP that %s left behind: nobody traces it, and it was not "
            "stopped by job control",
            word_process(&f.target, target),
            text_duration(e->time_ns - h->stop.suspect_ns, lasted, sizeof(lasted)),
            word_process(&tracer, who));
        say(SENTENCE(f.remedy), "kill -CONT %" PRIu32, f.target.pid);
        model_report(m, &f);
}

static void state_told(struct model *m, const struct rule *r, const struct event *e)
{
        struct process *p = process_of(m, &e->target);
        struct history *h = p ? p->history : NULL;

        if (!h || !h->stop.suspect_ns || e->time_ns < h->stop.suspect_ns + m->thresholds.left_stopped_ns)
                return;
        if (e->state == 'T' && !e->tracer.pid && p->n_traced == 0 && may_be_a_tracers(h))
                report_left_stopped(m, r, e, h);
        if (e->state == 'T' || (e->state == 't' && h->stop.older))
                h->stop.suspect_ns = 0;
        else
                memset(&h->stop, 0, sizeof(h->stop));
}

void rule_left_stopped(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        switch (e->type) {
        case EV_SIGNAL_GENERATE:
                parent_told(m, e);
                break;
        case EV_SIGNAL_DELIVER:
                stop_delivered(m, e);
                break;
        case EV_PTRACE_DETACH:
                tracer_left(m, process_of(m, &e->target));
                break;
        case EV_TRACER_EXIT:
                tracer_exited(m, e);
                break;
        default:
                state_told(m, r, e);
        }
}

/* ---- tracer hung --------------------------------------------------------------------------------- */

static void report_hung(struct model *m, const struct rule *r, const struct event *e, const struct thread *t)
{
        const struct process *tracer = process_of(m, &e->tracer);
        const struct thread *main_thread =
                tracer ? thread_find(m, tracer->task.pid, tracer->task.start) : NULL;
        char target[WORD_MAX], who[WORD_MAX], above[WORD_MAX], lasted[64];
        struct task_ref name = e->tracer;
        struct finding f;

        finding_begin(m, &f, r, e);
        process_name(m, &name);
        f.other_pid = e->tracer.pid;
        say(SENTENCE(f.cause), "%s", e->tracer_state == 'T' ? "stopped" : "traced");
        say(SENTENCE(f.summary), "%s has waited in a ptrace-stop for %s: its tracer %s ",
            word_thread(&f.target, target),
            text_duration(e->time_ns - t->hung_since_ns, lasted, sizeof(lasted)), word_process(&name, who));
        if (e->tracer_state == 'T') {
                say(SENTENCE(f.summary), "is itself stopped (state T), so only SIGKILL would reach it");
                say(SENTENCE(f.remedy), "kill -CONT %" PRIu32 ", or \"fg\" in its terminal", e->tracer.pid);
        } else {
                say(SENTENCE(f.summary), "is itself held in a ptrace-stop");
                if (main_thread && main_thread->slot)
                        say(SENTENCE(f.summary), " by %s",
                            word_process(&main_thread->slot->s.tracer, above));
                say(SENTENCE(f.remedy), "continue %s in the debugger that holds it", word_tool(&name, who));
        }
        if (t->hung_seq) {
                f.evidence[0] = t->hung_seq;
                f.evidence[1] = e->seq;
                f.n_evidence = e->seq ? 2 : 1;
        }
        model_report(m, &f);
}

void rule_tracer_hung(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        struct thread *t = thread_of(m, &e->target);

        if (!t || !t->slot)
                return;
        if (e->state != 't' || (e->tracer_state != 'T' && e->tracer_state != 't')) {
                t->hung_since_ns = 0;
                return;
        }
        if (!t->hung_since_ns || e->time_ns > t->hung_last_ns + HUNG_GAP_NS) {
                t->hung_since_ns = e->time_ns;
                t->hung_seq = e->seq;
        }
        t->hung_last_ns = e->time_ns;
        if (e->time_ns >= t->hung_since_ns + m->thresholds.tracer_hung_ns)
                report_hung(m, r, e, t);
}
