/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SIGTRAPs that reach their tracer, and do harm all the same. */

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/diagnosis/inquest.h"
#include "lib/event/wording.h"

/* ---- trap-forced ----------------------------------------------------------------------------------------- */

static void say_reset(struct finding *f, enum forced how)
{
        static const char *const causes[] = {
                [FORCED_BLOCKED] = "blocked",
                [FORCED_IGNORED] = "ignored",
                [FORCED_SOMEHOW] = "",
        };
        char target[WORD_MAX];

        say(SENTENCE(f->cause), "%s", causes[how]);
        say(SENTENCE(f->summary), "%s ran into a trap ", word_thread(&f->target, target));
        if (how == FORCED_SOMEHOW)
                say(SENTENCE(f->summary),
                    "with the default disposition and the flags of an earlier one: the kernel has most "
                    "likely reset its SIGTRAP handler (or the program did, before recording began)");
        else
                say(SENTENCE(f->summary),
                    "while SIGTRAP was %s: the kernel forced it through and reset the disposition to "
                    "default",
                    causes[how]);
        say(SENTENCE(f->summary), "; %s, and the program behaves differently from now on",
            how == FORCED_IGNORED ? "SIGTRAP is no longer ignored" : "the program's own handler is gone");
}

/* Under a tracer. Without one it is part of an accident. */
void rule_trap_forced(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        const struct process *p = process_of(m, &e->target);
        const struct history *h = p ? p->history : NULL;
        struct task_ref who = e->tracer;
        char tracer[WORD_MAX];
        enum forced how;
        struct finding f;

        if (e->sig != SIGTRAP || !who.pid || e->code <= 0 || e->noinfo || e->priv || e->queued ||
            e->result == SIGRES_IGNORED)
                return;
        how = forced_how(e, h);
        if (how == NOT_FORCED)
                return;
        /* Blocked without a handler: worker threads block everything, and lose nothing. */
        if (how == FORCED_BLOCKED && !had_handler(e, h))
                return;
        finding_begin(m, &f, r, e);
        process_name(m, &who);
        f.other_pid = who.pid;
        say_reset(&f, how);
        if (h && h->trap.known && h->trap.seq)
                add_evidence(&f, h->trap.seq);
        say(SENTENCE(f.remedy),
            "set no breakpoint in %s where it blocks or ignores SIGTRAP, and start it again to get its "
            "handling back",
            word_tool(&f.target, tracer));
        model_report(m, &f);
}

/* ---- breakpoint-collided --------------------------------------------------------------------------------- */

static void count_collisions(struct model *m, const struct rule *r, const struct event *e)
{
        const struct process *p = process_of(m, &e->target);
        struct finding *f = p ? model_last_finding(m, r->code, p, 0) : NULL;

        if (f && e->of_type == EV_SIGNAL_GENERATE)
                model_count_more(m, f, e->count);
}

void rule_breakpoint_collided(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        char target[WORD_MAX], tracer[WORD_MAX];
        struct task_ref who = e->tracer;
        struct finding f;

        if (e->sig != SIGTRAP || e->code != SI_CODE_INT3 || e->result != SIGRES_PENDING || !who.pid)
                return;
        if (e->type == EV_COUNTER) {
                count_collisions(m, r, e);
                return;
        }
        finding_begin(m, &f, r, e);
        process_name(m, &who);
        f.other_pid = who.pid;
        say(SENTENCE(f.summary),
            "%s ran into a breakpoint while another SIGTRAP was pending: %s sees only one, takes it for a "
            "stray signal, and resumes behind the breakpoint, in mid-instruction",
            word_thread(&f.target, target), word_process(&who, tracer));
        say(SENTENCE(f.remedy),
            "set the instruction pointer back by one before continuing (gdb: set $pc = $pc - 1), and send "
            "that program no SIGTRAP");
        model_report(m, &f);
}
