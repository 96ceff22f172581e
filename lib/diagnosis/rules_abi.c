/* SPDX-License-Identifier: GPL-2.0-or-later */

/* abi-mismatch: a tracer that cannot know the program as the program knows itself. */

#include <inttypes.h>

#include "lib/diagnosis/rule.h"
#include "lib/event/tools.h"
#include "lib/event/wording.h"

static bool too_small(const struct slot *s, const struct process *tracee)
{
        return s->tracer->word_bits == 32 && tracee->word_bits == 64;
}

/* Whoever only looks on, or is an emulator itself, does not take it for its guest. */
static bool takes_for_guest(const struct slot *s, const struct process *tracee)
{
        const struct process *tracer = s->tracer;

        return tracee->info && is_emulator(tracee->info->path) && tracer->info &&
               !is_emulator(tracer->info->path) && plants_breakpoints(&tracer->task) &&
               !is_holder(&tracer->task) && !session_is_unaware(&s->s);
}

static void say_too_small(struct finding *f, const char *target, const char *tracer)
{
        say(SENTENCE(f->cause), "word-size");
        say(SENTENCE(f->summary),
            "%s is a 64-bit program, and its tracer %s is a 32-bit one: that cannot read the whole of its "
            "registers, nor set a breakpoint above 4 GiB, where most of its code lies",
            target, tracer);
        say(SENTENCE(f->remedy),
            "detach, and use the 64-bit build of that tool: it can trace 32-bit programs as well");
}

static void say_emulated(struct finding *f, const char *target, const char *tracer, const char *emulator)
{
        f->severity = SEVERITY_INFO;
        say(SENTENCE(f->cause), "emulated");
        say(SENTENCE(f->summary),
            "%s is traced by %s, and is an emulator by its name (%s): what a tracer sees and changes there is "
            "the emulator, not the program that it runs. A breakpoint at an address of that program never "
            "stops, and may make it fail",
            target, tracer, emulator);
        say(SENTENCE(f->remedy),
            "if the program is meant and not the emulator: let the emulator wait for a debugger (qemu-ARCH -g "
            "PORT PROGRAM, then \"target remote :PORT\" in gdb-multiarch)");
}

static void compare_abi(struct diagnosis *d, const struct rule *r, const struct event *e,
                        const struct slot *s)
{
        struct process *tracee = process_of(d->model, &s->s.target);
        struct task_ref who = s->tracer->task;
        char target[WORD_MAX], tracer[WORD_MAX];
        struct finding f;
        bool small;

        /* Before it is asked again after an exec, it is known by what it was. */
        if (!tracee || !tracee->info_known || !s->tracer->info_known)
                return;
        small = too_small(s, tracee);
        if (!small && !takes_for_guest(s, tracee))
                return;
        finding_begin(d->model, &f, r, e);
        f.target = tracee->task;
        f.other_pid = who.pid;
        word_process(&f.target, target);
        word_process(&who, tracer);
        if (small)
                say_too_small(&f, target, tracer);
        else
                say_emulated(&f, target, tracer, tracee->info->path);
        model_report(d->model, &f);
}

/* One thread speaks for all that one tracer has of a process. */
static void compare_tracees(struct diagnosis *d, const struct rule *r, const struct event *e,
                            const struct process *tracer)
{
        uint32_t last = 0;

        LIST_FOREACH (it, &tracer->tracees) {
                const struct slot *s = LIST_ENTRY(it, struct slot, of_tracer);

                if (s->s.target.pid == last)
                        continue;
                last = s->s.target.pid;
                compare_abi(d, r, e, s);
        }
}

/* Its threads may have different ones, of which one does not fit. */
static void compare_tracers(struct diagnosis *d, const struct rule *r, const struct event *e,
                            const struct process *tracee)
{
        const struct process *last = NULL;

        LIST_FOREACH (it, &tracee->threads) {
                const struct slot *s = LIST_ENTRY(it, struct thread, in_process)->slot;

                if (!s || s->tracer == last)
                        continue;
                last = s->tracer;
                compare_abi(d, r, e, s);
        }
}

void rule_abi_mismatch(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        const struct process *p = process_of(d->model, &e->target);
        const struct thread *t = thread_of(d->model, &e->target);

        if (p && e->type == EV_TASK_INFO) {
                compare_tracers(d, r, e, p);
                compare_tracees(d, r, e, p);
        } else if (t && t->slot)
                compare_abi(d, r, e, t->slot);
}
