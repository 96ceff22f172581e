/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a tracer leaves behind in a thread rather than in its text: debug registers, a step under way. */

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/diagnosis/inquest.h"
#include "lib/event/wording.h"
#include "lib/event/tools.h"
#include "lib/model/model.h"

#define STEP_WAIT_NS (1 * NSEC_PER_SEC) /* from the tracer's end to the step that it had under way */

/* ---- orphan-watchpoint ------------------------------------------------------------------------------- */

/* The tracers that this thread is known to have had: only one of them can have set its debug registers. */
struct suspects {
        const struct task_ref *thread;
        struct task_ref last;
        size_t n; /* different ones */
};

static int add_suspect(void *userdata, const struct session *s)
{
        struct suspects *all = userdata;

        if (!s->until_ns || s->target.tid != all->thread->tid ||
            !task_same_process(&s->target, all->thread) || !plants_breakpoints(&s->tracer) ||
            (all->n && task_same_process(&all->last, &s->tracer)))
                return 0;
        all->last = s->tracer;
        all->n++;
        return 0;
}

static struct suspects suspects_of(const struct inquest *i)
{
        struct suspects all = {.thread = &i->t->target};

        (void)model_each_session(i->m, all.thread->pid, true, add_suspect, &all);
        return all;
}

/* It took its leave in good order, and there may have been one before recording began. */
static bool may_be_older(const struct inquest *i)
{
        return !i->t->whole && i->t->history.ended.cause == DETACHED_BY_CALL;
}

void tell_watchpoint(const struct inquest *i)
{
        const struct suspects suspects = suspects_of(i);
        struct sentence summary = SENTENCE(i->f->summary);
        char name[WORD_MAX];

        i->f->code = FIND_ORPHAN_WATCHPOINT;
        say(summary, "A hardware watchpoint fired in %s", word_thread(&i->f->target, name));
        if (suspects.n == 1 && may_be_older(i))
                say(summary,
                    ". Only a tracer of the thread can set one: the one that was seen, or one that left before "
                    "recording began");
        else if (suspects.n == 1 && i->t->history.ended.cause &&
                 task_same_process(&suspects.last, &i->t->history.ended.tracer)) {
                say(SENTENCE(i->f->cause), "%s", leaver_cause(i, &i->t->history.ended));
                say(summary,
                    ". Only a tracer of the thread can set one, and the only one that was seen is gone: ");
                say_leaver(i, &i->t->history.ended, "left it");
        } else if (suspects.n)
                say(summary,
                    ". Only a tracer of the thread can set one: which of the %zu that were there did cannot "
                    "be told",
                    suspects.n);
        else
                say(summary, ". Only a tracer of the thread can set one: %s",
                    i->t->whole ? "one that was not seen" : "one that left before recording began");
        say_outcome(i);
        say_fix(i, "attach a debugger and detach it again, with no watchpoint set",
                "delete the watchpoints and detach before the debugger ends");
}

/* ---- orphan-step ------------------------------------------------------------------------------------- */

/* The trap flag stays set when a tracer ends, and not when it detaches. The next instruction then traps: what
 * comes long after is a step that somebody else began, if no system call lies between. */
static bool tracer_ended(const struct inquest *i)
{
        const struct departure *left = &i->t->history.ended;

        return left->cause == DETACHED_TRACER_EXIT && plants_breakpoints(&left->tracer) &&
               i->t->time_ns <= left->until_ns + STEP_WAIT_NS;
}

/* The tracer had it stopped for that very SIGTRAP. */
static bool left_in_stop(const struct inquest *i)
{
        return i->t->stopped_by.pid && i->t->history.ended.cause &&
               task_same_process(&i->t->stopped_by, &i->t->history.ended.tracer);
}

static void say_own_step(const struct inquest *i)
{
        struct sentence summary = SENTENCE(i->f->summary);

        i->f->code = FIND_TRAP_WITHOUT_TRACER;
        say(SENTENCE(i->f->cause), "single-step");
        if (i->t->whole && was_never_traced(i))
                say(summary, ". Nobody ever traced it: it set the trap flag itself, or ran int1");
        else
                say(summary, ". Whether it set the trap flag itself, or who did, cannot be told");
        say_outcome(i);
        say_fix(i, sigtrap_ran_handler(i->t) ? "its handler has dealt with it" : "", "");
}

void tell_step(const struct inquest *i)
{
        struct sentence summary = SENTENCE(i->f->summary);
        bool exec = i->t->kind == SIGTRAP_EXEC;
        char name[WORD_MAX];

        i->f->code = FIND_ORPHAN_STEP;
        say(summary, "%s got the SIGTRAP of %s", word_thread(&i->f->target, name),
            exec ? "its exec, which is for a tracer" : "a single step");
        if (!exec && !tracer_ended(i) && !left_in_stop(i)) {
                say_own_step(i);
                return;
        }
        if (i->t->history.ended.cause) {
                say(SENTENCE(i->f->cause), "%s", leaver_cause(i, &i->t->history.ended));
                say(summary, ", and its tracer had gone: ");
                say_leaver(i, &i->t->history.ended, "left it");
        } else
                say(summary, ", and whoever traced it had gone");
        say_outcome(i);
        say_fix(i, "",
                "keep the thread that traces alive until it has detached: each request must come from it");
}
