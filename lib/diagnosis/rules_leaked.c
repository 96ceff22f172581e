/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SIGTRAPs that a tracer passed on, although they were its own. */

#include <string.h>

#include "lib/diagnosis/inquest.h"
#include "lib/event/wording.h"

static void say_what_leaked(const struct inquest *i)
{
        struct sentence summary = SENTENCE(i->f->summary);
        struct task_ref tracer = i->t->passed_by;
        char name[WORD_MAX], target[WORD_MAX];
        static const char *const whats[] = {
                [SIGTRAP_BREAKPOINT] = "a breakpoint",    [SIGTRAP_SENT] = "a sender",
                [SIGTRAP_STEP] = "a single step",         [SIGTRAP_WATCHPOINT] = "a hardware watchpoint",
                [SIGTRAP_EXEC] = "an exec of a tracee's", [SIGTRAP_OTHER] = "something",
        };

        process_name(i->m, &tracer);
        i->f->other_pid = tracer.pid;
        say(summary, "%s passed the SIGTRAP of %s on to %s", word_process(&tracer, name), whats[i->t->kind],
            word_thread(&i->f->target, target));
        if (i->t->kind == SIGTRAP_BREAKPOINT)
                say_spot(summary, &i->t->at, i->t->ip ? i->t->ip - 1 : 0);
        if (sigtrap_ran_handler(i->t))
                say(summary, ", which runs its own handler");
        else if (i->t->disposition == DISP_IGNORED)
                say(summary, ", which ignores it");
        else
                say(summary, ", which %s", process_died(i) ? "died of it" : "it kills");
}

static void say_whose(const struct inquest *i)
{
        struct sentence summary = SENTENCE(i->f->summary);
        char other[WORD_MAX];

        if (i->t->rival.pid)
                say(summary, ". The breakpoint is likely one of %s, which traces other threads of it",
                    word_process(&i->t->rival, other));
        else if (planted_by_passer(i)) {
                say(summary, ". It had written that breakpoint there itself");
                add_evidence(i->f, i->t->history.planted.seq);
        } else if (i->t->rewound)
                say(summary,
                    ". The tracer took the breakpoint for its own: it set the instruction pointer back "
                    "to it");
        else if (i->t->kind == SIGTRAP_BREAKPOINT)
                say(summary, ". The breakpoint is not in the program's file");
}

void tell_leaked(const struct inquest *i)
{
        char tracer[WORD_MAX];

        i->f->code = FIND_TRAP_LEAKED;
        i->f->severity = SEVERITY_ERROR;
        say_what_leaked(i);
        say_whose(i);
        if (i->t->rival.pid)
                say(SENTENCE(i->f->remedy), "let one debugger hold all threads: end %s first",
                    word_tool(&i->t->passed_by, tracer));
        else
                say_fix(i, "", "do not pass SIGTRAP on (gdb: handle SIGTRAP nopass)");
}
