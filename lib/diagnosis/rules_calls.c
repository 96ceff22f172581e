/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Tracers that ask for the wrong thing: signals that they keep from the program, requests from the wrong thread. */

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/tools.h"
#include "lib/event/wording.h"

#define REAP_WAIT_NS \
        (2 * NSEC_PER_SEC) /* from a SIGCHLD that was kept back to the look whether its child is reaped */

/* ---- trap-swallowed ---------------------------------------------------------------------------------- */

static bool is_kept_back(const struct event *e, int sig)
{
        return e->type == EV_SIGNAL_SUPPRESSED && e->sig == sig && e->disposition == DISP_HANDLER &&
               !is_holder(&e->tracer);
}

/* The flood beyond the first ones of a second. */
static void count_kept_back(struct model *m, const struct rule *r, const struct event *e, int sig)
{
        const struct process *p = process_of(m, &e->target);
        struct finding *f = p && e->of_type == EV_SIGNAL_SUPPRESSED && e->sig == sig
                                    ? model_last_finding(m, r->code, p, e->tracer.pid)
                                    : NULL;

        if (f)
                model_count_more(m, f, e->count);
}

static void say_how_to_pass(struct finding *f, const struct task_ref *tracer)
{
        const struct sentence remedy = SENTENCE(f->remedy);

        if (strcmp(tracer->comm, "gdb") == 0) {
                say(remedy,
                    "where gdb stops for it continue with \"signal SIGTRAP\" instead of \"continue\"");
                say(SENTENCE(f->risk),
                    "\"handle SIGTRAP pass\" is no way out: gdb then passes its own breakpoints on, too");
        } else if (strcmp(tracer->comm, "dlv") == 0)
                say(remedy, "run it without dlv: dlv has no way to pass a SIGTRAP on");
        else
                say(remedy,
                    "pass on each SIGTRAP whose si_code is 0 or less (PTRACE_GETSIGINFO): the tracer's own "
                    "have another one");
}

void rule_trap_swallowed(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        char target[WORD_MAX], tracer[WORD_MAX];
        struct task_ref who = e->tracer;
        struct finding f;

        if (e->type == EV_COUNTER)
                count_kept_back(m, r, e, SIGTRAP);
        if (!is_kept_back(e, SIGTRAP) || !e->by_itself)
                return;
        finding_begin(m, &f, r, e);
        process_name(m, &who);
        f.other_pid = who.pid;
        say(SENTENCE(f.summary),
            "%s sent itself SIGTRAP, and %s let it run on without the signal: its own handler has not run",
            word_thread(&f.target, target), word_process(&who, tracer));
        say_how_to_pass(&f, &who);
        model_report(m, &f);
}

/* ---- sigchld-swallowed ------------------------------------------------------------------------------- */

/* What the program does without that SIGCHLD shows later. */
static void remember_unreaped(struct diagnosis *d, const struct event *e)
{
        if (!e->actor.pid)
                return;
        d->withheld[d->n_withheld++ % WITHHELD_MAX] = (struct withheld){
                .child = e->actor,
                .parent = e->target,
                .tracer = e->tracer,
                .status_code = e->code,
                .at_ns = e->time_ns,
                .seq = e->seq,
        };
        model_ask(d->model, ASK_TASK_STATE, &e->actor, e->time_ns + REAP_WAIT_NS);
}

static struct withheld *find_unreaped(struct diagnosis *d, const struct event *e)
{
        for (size_t i = 0; i < MIN_OF(d->n_withheld, (size_t)WITHHELD_MAX); i++) {
                struct withheld *u = &d->withheld[i];

                if (u->child.pid && task_same_process(&u->child, &e->target) &&
                    e->time_ns >= u->at_ns + REAP_WAIT_NS)
                        return u;
        }
        return NULL;
}

static void report_unreaped(struct diagnosis *d, const struct rule *r, const struct event *e,
                            const struct withheld *u)
{
        static const char *const ends[] = {
                [CLD_EXITED] = "exited", [CLD_KILLED] = "was killed", [CLD_DUMPED] = "dumped core"};
        struct task_ref child = u->child, tracer = u->tracer;
        char target[WORD_MAX], by[WORD_MAX], of[WORD_MAX], lasted[64];
        struct event about = *e;
        struct finding f;

        about.target = u->parent;
        finding_begin(d->model, &f, r, &about);
        f.target.tid = 0;
        f.evidence[f.n_evidence++] = u->seq;
        process_name(d->model, &tracer);
        f.other_pid = tracer.pid;
        say(SENTENCE(f.summary),
            "%s let %s run on without the SIGCHLD that it was stopped with when its child %s %s: its handler has not "
            "run, and the child has waited for %s to be reaped",
            word_process(&tracer, by), word_process(&f.target, target), word_process(&child, of),
            u->status_code > 0 && u->status_code <= CLD_DUMPED ? ends[u->status_code] : "ended",
            text_duration(e->time_ns - u->at_ns, lasted, sizeof(lasted)));
        say(SENTENCE(f.remedy),
            "pass the signal of each stop on with the request that ends it (gdb: handle SIGCHLD nostop noprint "
            "pass); then kill -CHLD %" PRIu32 " makes up for this one",
            f.target.pid);
        model_report(d->model, &f);
}

void rule_sigchld_swallowed(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        const struct process *parent;
        struct withheld *u;

        if (is_kept_back(e, SIGCHLD))
                remember_unreaped(d, e);
        u = e->type == EV_TASK_STATE && d->n_withheld ? find_unreaped(d, e) : NULL;
        if (!u)
                return;
        parent = process_of(d->model, &u->parent);
        if (e->state == 'Z' && parent && parent->alive)
                report_unreaped(d, r, e, u);
        *u = (struct withheld){};
}
