/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Tracers that ask for the wrong thing: signals that they keep from the program, requests from the wrong thread. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/tools.h"
#include "lib/event/wording.h"

#define IN_VAIN_MIN 3 /* requests, within ... */
#define IN_VAIN_NS  (10 * NSEC_PER_SEC)
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
static void remember_withheld(struct diagnosis *d, const struct event *e)
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

static struct withheld *find_withheld(struct diagnosis *d, const struct event *e)
{
        for (size_t i = 0; i < MIN_OF(d->n_withheld, (size_t)WITHHELD_MAX); i++) {
                struct withheld *u = &d->withheld[i];

                if (u->child.pid && task_same_process(&u->child, &e->target) &&
                    e->time_ns >= u->at_ns + REAP_WAIT_NS)
                        return u;
        }
        return NULL;
}

static void report_withheld(struct diagnosis *d, const struct rule *r, const struct event *e,
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
                remember_withheld(d, e);
        u = e->type == EV_TASK_STATE && d->n_withheld ? find_withheld(d, e) : NULL;
        if (!u)
                return;
        parent = process_of(d->model, &u->parent);
        if (e->state == 'Z' && parent && parent->alive)
                report_withheld(d, r, e, u);
        *u = (struct withheld){};
}

/* ---- ptrace-wrong-thread ----------------------------------------------------------------------------- */

/* Its tracer asks, but not the thread of it that traces: whatever the tracee does, the answer is ESRCH. */
static struct slot *slot_asked_in_vain(struct model *m, const struct event *e)
{
        const struct thread *t = thread_of(m, &e->target);
        struct slot *s = t ? t->slot : NULL;

        if (e->of_type != EV_NONE || e->error != ESRCH || !e->tracer.tid || !s)
                return NULL;
        return task_same_process(&s->s.tracer, &e->tracer) && s->s.tracer.tid != e->tracer.tid ? s : NULL;
}

/* One may slip; who knows the rule does not do it again and again. */
static bool is_a_habit(struct slot *s, const struct event *e)
{
        if (!s->n_in_vain || e->time_ns > s->in_vain_since_ns + IN_VAIN_NS) {
                s->n_in_vain = 0;
                s->in_vain_since_ns = e->time_ns;
        }
        s->n_in_vain += e->count;
        return s->n_in_vain >= IN_VAIN_MIN;
}

void rule_ptrace_wrong_thread(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct slot *s = slot_asked_in_vain(d->model, e);
        char tool[WORD_MAX], target[WORD_MAX], request[WORD_MAX];
        struct task_ref tracee = e->target;
        struct event about = *e;
        struct finding f;

        if (!s || !is_a_habit(s, e))
                return;
        about.target = e->tracer;
        finding_begin(d->model, &f, r, &about);
        process_name(d->model, &tracee);
        f.count = s->n_in_vain;
        f.first_ns = MIN_OF(s->in_vain_since_ns, e->first_ns ?: e->time_ns);
        f.first_wall_ns = e->wall_ns - (e->time_ns - f.first_ns);
        f.other_pid = tracee.pid;
        s->n_in_vain = 0;
        say(SENTENCE(f.summary),
            "%s asked for %s on %s and got ESRCH, again and again: thread %" PRIu32
            " of it traces that one, and only that thread is answered",
            word_thread(&f.target, tool), word_request(e->request, request), word_thread(&tracee, target),
            s->s.tracer.tid);
        say(SENTENCE(f.remedy),
            "make every ptrace request from the thread that attached or started the process (Go: call "
            "runtime.LockOSThread first in the goroutine that does)");
        model_report(d->model, &f);
}
