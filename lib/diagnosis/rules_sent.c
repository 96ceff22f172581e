/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SIGTRAP as a message, and SIGTRAPs of which nothing better is known. */

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/diagnosis/inquest.h"
#include "lib/event/tools.h"
#include "lib/event/wording.h"

#define ECHO_NS (5 * NSEC_PER_SEC) /* from a child's death to the parent's that repeats it */

static const char *how_sent(int32_t code)
{
        return code == SI_TKILL ? "tgkill" : code == SI_QUEUE ? "sigqueue" : "kill";
}

static bool is_from_itself(const struct inquest *i)
{
        return task_same_process(&i->t->sender, &i->t->target);
}

/* A child of it that died of SIGTRAP just before: who waits for a command ends as the command did. */
static const struct death *death_repeated(const struct inquest *i)
{
        const struct death *last = NULL;

        if (!is_from_itself(i) || !process_died(i))
                return NULL;
        for (size_t k = 0; k < MIN_OF(i->d->n_deaths, (size_t)DEATHS_MAX); k++) {
                const struct death *death = &i->d->deaths[k];

                if (task_same_process(&death->parent, &i->t->target) && death->time_ns <= i->t->time_ns &&
                    i->t->time_ns - death->time_ns <= ECHO_NS && (!last || death->time_ns > last->time_ns))
                        last = death;
        }
        return last;
}

static void tell_echo(const struct inquest *i, const struct death *death)
{
        struct task_ref child = death->task;
        char name[WORD_MAX], other[WORD_MAX], ago[64];

        process_name(i->m, &child);
        i->f->severity = SEVERITY_INFO;
        add_evidence(i->f, death->seq);
        say(SENTENCE(i->f->cause), "echoed");
        say(SENTENCE(i->f->summary),
            "%s ended itself by SIGTRAP as its child %s had died of it %s before: that death is the one to "
            "look at",
            word_process(&i->f->target, name), word_process(&child, other),
            text_duration(i->t->time_ns - death->time_ns, ago, sizeof(ago)));
        say(SENTENCE(i->f->remedy), "ptracectl diagnose %" PRIu32, child.pid);
}

static void say_sender(const struct inquest *i)
{
        struct sentence summary = SENTENCE(i->f->summary);
        struct task_ref who = i->t->sender;
        char sender[WORD_MAX], target[WORD_MAX];

        process_name(i->m, &who);
        i->f->other_pid = who.pid;
        word_thread(&i->f->target, target);
        if (!who.pid)
                say(summary, "A SIGTRAP was delivered to %s: who sent it was not recorded", target);
        else if (is_from_itself(i) && i->t->code > 0)
                say(summary,
                    "%s sent SIGTRAP to itself, with si_code %" PRId32 " as if the kernel had raised it "
                    "(rt_sigqueueinfo or the like)",
                    target, i->t->code);
        else if (is_from_itself(i))
                say(summary, "%s sent SIGTRAP to itself (raise or %s)", target, how_sent(i->t->code));
        else
                say(summary, "%s (uid %" PRIu32 ") sent SIGTRAP by %s to %s", word_process(&who, sender),
                    i->t->sender_uid, how_sent(i->t->code), target);
}

static bool is_halt_of_leaver(const struct inquest *i)
{
        const struct history *h = &i->t->history;

        return h->ended.cause && h->ended.tracer.pid == i->t->sender.pid && i->t->sender.pid &&
               i->t->time_ns >= h->ended.until_ns;
}

/* By its own name, which proves nothing: what is said of it is an if. */
static bool calls_itself_emulator(const struct inquest *i)
{
        const struct process *p = process_of(i->m, &i->t->target);

        return is_emulator(p && p->info ? p->info->path : i->f->target.comm);
}

static bool may_be_emulator(const struct inquest *i)
{
        return is_from_itself(i) && process_died(i) && calls_itself_emulator(i);
}

static void say_guest(const struct inquest *i)
{
        if (may_be_emulator(i))
                say(SENTENCE(i->f->summary),
                    ". If it is the emulator that it is called after, this is how it ends when its guest "
                    "runs into a breakpoint: what the guest ran cannot be seen from here");
}

static void say_fix_of_sent(const struct inquest *i)
{
        if (may_be_emulator(i))
                say_fix(i, "",
                        "let the emulator wait for a debugger (qemu-ARCH -g PORT PROGRAM): that one sees what "
                        "the guest runs into");
        else if (is_from_itself(i))
                say_fix(i, "nothing is to be done if its handler expects that",
                        "run it under a debugger, or let it raise SIGTRAP only when TracerPid in "
                        "/proc/self/status is not 0");
        else
                say_fix(i, "find out why it was sent",
                        "send SIGTRAP only to a process that is traced: ptracectl who PID");
}

void tell_sent(const struct inquest *i)
{
        const struct death *death = death_repeated(i);
        char ago[64];

        i->f->code = FIND_TRAP_WITHOUT_TRACER;
        if (death) {
                tell_echo(i, death);
                return;
        }
        say_sender(i);
        if (i->t->passed_by.pid)
                say(SENTENCE(i->f->cause), "passed-on");
        say_outcome(i);
        say_guest(i);
        if (is_halt_of_leaver(i))
                say(SENTENCE(i->f->summary),
                    ". It is how that debugger halts its target, but it had left %s before",
                    text_duration(i->t->time_ns - i->t->history.ended.until_ns, ago, sizeof(ago)));
        say_fix_of_sent(i);
}

void tell_unexplained(const struct inquest *i)
{
        struct sentence summary = SENTENCE(i->f->summary);
        char name[WORD_MAX];

        i->f->code = FIND_TRAP_WITHOUT_TRACER;
        i->f->severity = SEVERITY_ERROR;
        say(SENTENCE(i->f->cause), "not-seen");
        say(summary, "%s died of a SIGTRAP", word_process(&i->f->target, name));
        if (i->t->seq == i->a->end_seq)
                say(summary, ". What raised it was not recorded, so its cause cannot be told");
        else
                say(summary, " with si_code %" PRId32 ". What raises that cannot be told from here",
                    i->t->code);
        say(SENTENCE(i->f->remedy),
            "run it again under a debugger: gdb --args COMMAND, or ptracectl record -- "
            "COMMAND");
}
