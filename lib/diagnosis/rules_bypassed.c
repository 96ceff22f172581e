/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Signals that a program takes by sigwait(2) or signalfd(2): they never become a signal-delivery-stop, so its tracer
 * does not see them.
 */

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/tools.h"
#include "lib/event/wording.h"

/* Long enough that what was counted of its tracer's stops in the same second has been told. */
#define TAKEN_BY_NS (1500 * NSEC_PER_MSEC)

/* A debugger stops a program by one of these. One that the program sends itself is its own affair. */
static bool is_sent_to_stop(const struct event *e)
{
        bool sent = e->code <= 0 && !e->noinfo && !e->priv && e->result == SIGRES_QUEUED;
        bool meant = e->sender_is_tracer ? e->sig == SIGTRAP || e->sig == SIGINT : e->sig == SIGTRAP;

        return sent && meant && e->tracer.pid && !is_holder(&e->tracer) && e->actor.pid &&
               e->actor.pid != e->target.pid && (e->blocked || e->awaited);
}

static void watch_it(struct diagnosis *d, const struct event *e)
{
        struct bypass *b = &d->bypasses[d->n_bypasses++ % BYPASSES_MAX];

        *b = (struct bypass){
                .target = e->target,
                .tracer = e->tracer,
                .sender = e->actor,
                .sig = e->sig,
                .awaited = e->awaited,
                .seq = e->seq,
                .at_ns = e->time_ns,
        };
        model_ask(d->model, ASK_TASK_STATE, &b->target, e->time_ns + TAKEN_BY_NS);
}

/* Its tracer is told of a stop; which one, is not known of those that were only counted. */
static void tracer_is_told(struct diagnosis *d, const struct event *e)
{
        if (e->sig != SIGCHLD || e->code != CLD_TRAPPED)
                return;
        for (size_t i = 0; i < BYPASSES_MAX; i++) {
                struct bypass *b = &d->bypasses[i];
                bool stopped =
                        e->type == EV_COUNTER || (e->info_status == b->sig && e->actor.pid == b->target.pid);

                if (b->at_ns && e->target.pid == b->tracer.pid && stopped)
                        b->at_ns = 0;
        }
}

static void report_bypass(struct diagnosis *d, const struct rule *r, const struct event *e,
                          const struct bypass *b)
{
        struct task_ref tracer = b->tracer, sender = b->sender;
        char target[WORD_MAX], who[WORD_MAX], by[WORD_MAX], sig[16];
        struct finding f;

        finding_begin(d->model, &f, r, e);
        f.target = b->target;
        process_name(d->model, &f.target);
        process_name(d->model, &tracer);
        process_name(d->model, &sender);
        f.other_pid = tracer.pid;
        f.evidence[0] = b->seq;
        f.evidence[1] = e->seq;
        f.n_evidence = 2;
        signal_name(b->sig, sig, sizeof(sig));
        say(SENTENCE(f.cause), "%s", b->awaited ? "sigwait" : "blocked");
        say(SENTENCE(f.summary), "%s took the %s that %s sent it by %s: such a signal makes no stop, so ",
            word_process(&f.target, target), sig, word_process(&sender, by),
            b->awaited ? "sigwait(), in which it waited for it"
                       : "sigwait() or signalfd(), as it blocks it");
        if (task_same_process(&sender, &tracer))
                say(SENTENCE(f.summary), "the debugger waits for one that does not come");
        else
                say(SENTENCE(f.summary), "its tracer %s was never told", word_process(&tracer, who));
        say(SENTENCE(f.remedy),
            "to stop it in the debugger: kill -STOP %" PRIu32
            ", which nothing can block; or leave %s out of what the program takes by sigwait() or signalfd()",
            f.target.pid, sig);
        model_report(d->model, &f);
}

static void look_whether_taken(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        for (size_t i = 0; i < BYPASSES_MAX; i++) {
                struct bypass *b = &d->bypasses[i];

                if (!b->at_ns || !task_same_process(&b->target, &e->target) ||
                    e->time_ns < b->at_ns + TAKEN_BY_NS)
                        continue;
                if (!strchr("ZXx", e->state) && e->tracer.pid && !(e->pending >> (b->sig - 1) & 1) &&
                    d->model->last_loss_ns < b->at_ns)
                        report_bypass(d, r, e, b);
                b->at_ns = 0;
        }
}

void rule_signal_bypassed(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        if (e->type == EV_TASK_STATE)
                look_whether_taken(d, r, e);
        else if (e->type == EV_SIGNAL_GENERATE && is_sent_to_stop(e))
                watch_it(d, e);
        else
                tracer_is_told(d, e);
}
