/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Breakpoints that ran where no debugger stopped: how they came there. */

#include <inttypes.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/diagnosis/inquest.h"
#include "lib/event/wording.h"
#include "lib/event/tools.h"

static bool is_file_unseen(const struct inquest *i)
{
        return !i->t->at.file_known;
}

static struct task_ref sibling_of(const struct inquest *i)
{
        struct task_ref tracer = {.pid = i->t->sibling_tracer};

        process_name(i->m, &tracer);
        return tracer;
}

static bool left_to_sibling(const struct inquest *i)
{
        const struct task_ref tracer = sibling_of(i);

        return tracer.pid && plants_breakpoints(&tracer) &&
               (only_memory_has_int3(i) || stopped_there(i, &i->t->target, &tracer));
}

static bool is_inherited(const struct inquest *i)
{
        const struct history *h = &i->t->history;

        if (!h->forked.at_ns && (!i->t->parent_tracer || i->t->execed))
                return false;
        return (only_memory_has_int3(i) && !h->forked.only_looked) ||
               (h->forked.at_ns && stopped_there(i, &h->forked.parent, &h->forked.tracer));
}

static bool wrote_it_itself(const struct inquest *i)
{
        return only_memory_has_int3(i) && i->t->whole && (was_never_traced(i) || ran_before_tracers(i));
}

/* A tracer that was seen leaves that mark, too. */
static bool was_stopped_before_recording(const struct inquest *i)
{
        return only_memory_has_int3(i) && i->t->residue && !i->t->whole && !i->t->history.ended.cause;
}

static bool any_case(const struct inquest *i)
{
        (void)i;
        return true;
}

/* ---- in words ---------------------------------------------------------------------------------------- */

#define RESTORE "ptracectl heal %" PRIu32 " restores the text of the running program"

static void say_orphan_fix(const struct inquest *i, const char *next_time)
{
        char now[WORD_MAX];

        snprintf(now, sizeof(now), RESTORE, i->f->target.pid);
        say_fix(i, now, next_time);
}

static const char *fix_of_handled(const struct inquest *i)
{
        return sigtrap_ran_handler(i->t) ? "its handler has dealt with it" : "";
}

static void tell_hard_coded(const struct inquest *i)
{
        say(SENTENCE(i->f->summary), " that is part of the program itself");
        say_outcome(i);
        say_fix(i, fix_of_handled(i),
                "run it under a debugger from the start, or build it without the breakpoint (int3, "
                "__builtin_debugtrap, runtime.Breakpoint)");
}

static void tell_generated(const struct inquest *i)
{
        say(SENTENCE(i->f->summary),
            " in code that was generated at run time. Generated code has no file to compare with, so whose "
            "breakpoint it is cannot be told");
        say_outcome(i);
        say_fix(i, fix_of_handled(i),
                "run it without a debugger from the start: if it runs into the breakpoint again, the "
                "breakpoint is the generator's own");
}

static void tell_untraced_thread(const struct inquest *i)
{
        struct task_ref tracer = sibling_of(i);
        char name[WORD_MAX], next_time[WORD_MAX * 2];

        i->f->other_pid = tracer.pid;
        say(SENTENCE(i->f->summary), ": %s traces other threads of the process, but not this one",
            word_process(&tracer, name));
        say_outcome(i);
        snprintf(next_time, sizeof(next_time),
                 "attach %s to all of its threads, and compare: ptracectl who PID",
                 tracer.comm[0] ? word_tool(&tracer, name) : "the debugger");
        say_fix(i, "detach the debugger and attach it again: it then takes every thread", next_time);
}

static bool left_by_a_tracer(const struct inquest *i)
{
        return i->leaver.found;
}

static void tell_leaver(const struct inquest *i)
{
        const struct departure *left = &i->leaver.left;

        say(SENTENCE(i->f->cause), "%s", leaver_cause(i, left));
        say(SENTENCE(i->f->summary), " that ");
        say_leaver(i, left, "left in it");
        say_outcome(i);
        say_orphan_fix(i, strcmp(leaver_cause(i, left), "dirty-detach") == 0
                                  ? "delete the breakpoints (\"delete\", \"clearall\") before the debugger "
                                    "detaches"
                                  : "detach in the debugger before it ends");
}

static void tell_inherited(const struct inquest *i)
{
        const struct history *h = &i->t->history;
        struct task_ref parent = h->forked.at_ns ? h->forked.parent : i->t->parent;
        struct task_ref tracer = h->forked.at_ns ? h->forked.tracer : (struct task_ref){};
        char a[WORD_MAX], b[WORD_MAX];

        if (!tracer.pid)
                tracer.pid = i->t->parent_tracer;
        process_name(i->m, &parent);
        process_name(i->m, &tracer);
        i->f->other_pid = tracer.pid;
        add_evidence(i->f, h->forked.seq);
        say(SENTENCE(i->f->summary), " that it inherited when %s forked it: %s traces the parent%s",
            word_process(&parent, a), tracer.pid ? word_process(&tracer, b) : "a debugger",
            i->t->parent_tracer ? ", not the child" : " or did, not the child");
        say_outcome(i);
        say_fix(i, "",
                "let the debugger follow the child: gdb: set detach-on-fork off (or set follow-fork-mode "
                "child); dlv: target follow-exec -on follows an exec only, so set no breakpoint between fork "
                "and exec");
}

static void tell_self_patched(const struct inquest *i)
{
        say(SENTENCE(i->f->summary),
            " that its file does not have. It has been recorded from its start, and nobody %s: it wrote the "
            "breakpoint itself (or had it written through /proc/%" PRIu32 "/mem)",
            was_never_traced(i) ? "ever traced it" : "had traced it when it first ran into that",
            i->f->target.pid);
        say_outcome(i);
        if (sigtrap_ran_handler(i->t) && !process_died(i) && !handler_ended_it(i)) {
                i->f->severity = SEVERITY_INFO;
                say(SENTENCE(i->f->remedy), "none, if its handler expects that");
                return;
        }
        say_fix(i, "",
                "look at what patches its code (an instrumentation or a tracing library): its handler must "
                "be there before its breakpoint is");
}

static void tell_stranger(const struct inquest *i)
{
        say(SENTENCE(i->f->summary),
            " that its file does not have: somebody wrote it into memory before recording began, most "
            "likely a debugger that left");
        say_outcome(i);
        say_orphan_fix(i, "");
}

static void tell_unknown_writer(const struct inquest *i)
{
        struct sentence summary = SENTENCE(i->f->summary);
        const struct departure *noted = &i->t->history.ended;
        const size_t n = i->leaver.n;
        char name[WORD_MAX];

        say(summary, " that its file does not have. Who wrote it there cannot be told: ");
        if (n == 1 && !i->t->whole && noted->cause && plants_breakpoints(&noted->tracer))
                say(summary, "the program itself, a debugger before recording began, or %s, which left",
                    word_process(&noted->tracer, name));
        else if (n == 1 && noted->cause && plants_breakpoints(&noted->tracer))
                say(summary, "the program itself, or %s, which left and was not seen to write to it",
                    word_process(&noted->tracer, name));
        else if (n > 1)
                say(summary, "the program itself, or one of %zu tracers that have come and gone", n);
        else if (!i->t->whole)
                say(summary, "the program itself, or a debugger before recording began");
        else if (i->d->tier_full)
                say(summary, "the program itself, or somebody through /proc/%" PRIu32 "/mem",
                    i->f->target.pid);
        else
                say(summary, "the program itself, or a tracer that was not seen (32-bit ones are not)");
        say_outcome(i);
        say_orphan_fix(i, "watch it from its start: ptracectl record -- COMMAND");
}

/* Nobody is accused: the program's own int3 looks the same. */
static void tell_unseen(const struct inquest *i)
{
        struct sentence summary = SENTENCE(i->f->summary);
        struct task_ref tracer = i->t->history.ended.tracer;
        char name[WORD_MAX], ago[64];
        uint64_t until = MIN_OF(i->t->history.ended.until_ns, i->t->time_ns);

        say(summary, ". Its file could not be compared, so it cannot be told whether the breakpoint is the "
                     "program's own");
        process_name(i->m, &tracer);
        if (i->t->history.ended.cause && plants_breakpoints(&tracer))
                say(summary, " or one of %s, which left %s before", word_process(&tracer, name),
                    text_duration(i->t->time_ns - until, ago, sizeof(ago)));
        else if (i->t->residue && !i->t->whole)
                say(summary, " or one of a debugger that left before recording began");
        else if (was_never_traced(i))
                say(summary, " or generated at run time. No debugger is known to have been there");
        say_outcome(i);
        say_fix(i, fix_of_handled(i),
                "start it without a debugger: if it runs into the breakpoint again, the breakpoint is its "
                "own");
}

/* First match. The file is the best witness; then who is there; then who was. */
static const struct orphan_cause {
        const char *name; /* NULL: its teller says it */
        bool (*applies)(const struct inquest *i);
        void (*tell)(const struct inquest *i);
} orphan_causes[] = {
        {"hard-coded", file_has_int3, tell_hard_coded},
        {"file-unseen", is_generated, tell_generated},
        {"untraced-thread", left_to_sibling, tell_untraced_thread},
        {NULL, left_by_a_tracer, tell_leaver},
        {"inherited-by-fork", is_inherited, tell_inherited},
        {"file-unseen", is_file_unseen, tell_unseen},
        {"self-patched", wrote_it_itself, tell_self_patched},
        {"dirty-detach", was_stopped_before_recording, tell_stranger},
        {"unknown-writer", any_case, tell_unknown_writer},
};

static const struct orphan_cause *orphan_cause_of(const struct inquest *i)
{
        const struct orphan_cause *c = orphan_causes;

        while (!c->applies(i))
                c++;
        return c;
}

/* ---- what took it in the program ------------------------------------------------------------------------ */

/* The program's own breakpoint is not the news: that its handler is gone is. */
static void tell_forced(const struct inquest *i)
{
        static const char *const causes[] = {
                [FORCED_BLOCKED] = "blocked",
                [FORCED_IGNORED] = "ignored",
                [FORCED_SOMEHOW] = "",
        };
        struct sentence summary = SENTENCE(i->f->summary);

        i->f->code = FIND_TRAP_FORCED;
        say(SENTENCE(i->f->cause), "%s", causes[i->t->forced]);
        if (i->t->forced == FORCED_SOMEHOW)
                say(summary,
                    " with the default disposition and the flags of an earlier one: the kernel has most "
                    "likely reset its SIGTRAP handler (or the program did, before recording began)");
        else
                say(summary,
                    " while SIGTRAP was %s: the kernel forced it through and reset the disposition to "
                    "default%s",
                    causes[i->t->forced], i->t->had_handler ? ", so its handler did not run" : "");
        if (i->t->history.trap.known)
                add_evidence(i->f, i->t->history.trap.seq);
        say_outcome(i);
        say_fix(i, "",
                i->t->had_handler
                        ? "unblock SIGTRAP where the handler is to run: a breakpoint cannot be blocked or "
                          "ignored"
                        : "run it under a debugger from the start: a breakpoint cannot be blocked or ignored");
}

static bool is_own_executable(const struct inquest *i)
{
        const struct process *p = process_of(i->m, &i->t->target);

        return p && p->info && p->info->path[0] && strcmp(p->info->path, i->t->handler.path) == 0;
}

static void tell_to_handler(const struct inquest *i)
{
        struct sentence summary = SENTENCE(i->f->summary);

        i->f->code = FIND_TRAP_TO_HANDLER;
        say(summary, "%s", file_has_int3(i) ? " that is part of the program itself" : "");
        say_outcome(i);
        say(summary, ", instead of stopping in a debugger");
        if (is_own_executable(i) || !i->t->handler.path[0])
                say(SENTENCE(i->f->remedy),
                    "attach a debugger before the SIGTRAP comes: a tracer sees it before any handler");
        else
                say(SENTENCE(i->f->remedy),
                    "attach a debugger before the SIGTRAP comes: a tracer sees it before any handler. If "
                    "the program's own handling is wanted, run it without the module that the handler is in");
}

/* Nobody but the program is known to have to do with it: then what took it is the finding. */
static bool is_of_nobody(const struct orphan_cause *c, const struct inquest *i)
{
        return c->tell == tell_hard_coded || (c->tell == tell_unseen && was_never_traced(i));
}

void tell_breakpoint(const struct inquest *i)
{
        const struct orphan_cause *c = orphan_cause_of(i);
        char name[WORD_MAX];

        i->f->code = FIND_ORPHAN_BREAKPOINT;
        say(SENTENCE(i->f->summary), "%s ran into a breakpoint", word_thread(&i->f->target, name));
        say_spot(SENTENCE(i->f->summary), &i->t->at, i->t->ip ? i->t->ip - 1 : 0);
        if (is_of_nobody(c, i) && i->t->forced && !i->t->passed_by.pid) {
                tell_forced(i);
                return;
        }
        if (is_of_nobody(c, i) && sigtrap_ran_handler(i->t) && !process_died(i) && !handler_ended_it(i)) {
                tell_to_handler(i);
                return;
        }
        if (c->name)
                say(SENTENCE(i->f->cause), "%s", c->name);
        c->tell(i);
}
