/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>

#include "lib/base/text.h"
#include "lib/event/wording.h"
#include "lib/event/tools.h"

#define COMM_ESCAPED_MAX (sizeof(((struct task_ref *)0)->comm) * 4 + 1)

static void say_name(struct sentence to, const char *open, const struct task_ref *t, const char *close)
{
        char comm[COMM_ESCAPED_MAX];

        if (t->comm[0])
                say(to, "%s%s%s", open, text_escape(t->comm, comm, sizeof(comm)), close);
}

const char *word_process(const struct task_ref *t, char buf[WORD_MAX])
{
        const struct sentence word = {buf, WORD_MAX};

        buf[0] = '\0';
        say(word, "PID %" PRIu32, t->pid);
        say_name(word, " (", t, ")");
        return buf;
}

const char *word_thread(const struct task_ref *t, char buf[WORD_MAX])
{
        const struct sentence word = {buf, WORD_MAX};
        char process[WORD_MAX];

        word_process(t, process);
        buf[0] = '\0';
        if (t->tid != 0 && t->tid != t->pid)
                say(word, "thread %" PRIu32 " of ", t->tid);
        say(word, "%s", process);
        return buf;
}

const char *word_tool(const struct task_ref *t, char buf[WORD_MAX])
{
        const struct sentence word = {buf, WORD_MAX};

        buf[0] = '\0';
        say_name(word, "", t, " ");
        if (!buf[0])
                say(word, "PID ");
        say(word, "%" PRIu32, t->pid);
        return buf;
}

const char *word_clock(uint64_t wall_ns, char buf[WORD_MAX])
{
        uint64_t s = wall_ns / NSEC_PER_SEC % 86400;

        snprintf(buf, WORD_MAX, "%02d:%02d:%02d UTC", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
        return buf;
}

const char *word_exit(int32_t exit_code, char buf[WORD_MAX])
{
        char name[32];
        int sig = exit_code & 0x7f;

        if (sig)
                snprintf(buf, WORD_MAX, "was killed by %s", signal_name(sig, name, sizeof(name)));
        else
                snprintf(buf, WORD_MAX, "exited with status %d", exit_code >> 8 & 0xff);
        return buf;
}

const char *word_request(int32_t request, char buf[WORD_MAX])
{
        static const struct {
                int32_t request;
                const char *name;
        } names[] = {
                {PTRACE_TRACEME, "PTRACE_TRACEME"},
                {PTRACE_PEEKTEXT, "PTRACE_PEEKTEXT"},
                {PTRACE_PEEKDATA, "PTRACE_PEEKDATA"},
                {PTRACE_PEEKUSER, "PTRACE_PEEKUSER"},
                {PTRACE_POKETEXT, "PTRACE_POKETEXT"},
                {PTRACE_POKEDATA, "PTRACE_POKEDATA"},
                {PTRACE_POKEUSER, "PTRACE_POKEUSER"},
                {PTRACE_CONT, "PTRACE_CONT"},
                {PTRACE_KILL, "PTRACE_KILL"},
                {PTRACE_SINGLESTEP, "PTRACE_SINGLESTEP"},
                {PTRACE_GETREGS, "PTRACE_GETREGS"},
                {PTRACE_SETREGS, "PTRACE_SETREGS"},
                {PTRACE_GETFPREGS, "PTRACE_GETFPREGS"},
                {PTRACE_SETFPREGS, "PTRACE_SETFPREGS"},
                {PTRACE_ATTACH, "PTRACE_ATTACH"},
                {PTRACE_DETACH, "PTRACE_DETACH"},
                {PTRACE_SYSCALL, "PTRACE_SYSCALL"},
                {PTRACE_SETOPTIONS, "PTRACE_SETOPTIONS"},
                {PTRACE_GETEVENTMSG, "PTRACE_GETEVENTMSG"},
                {PTRACE_GETSIGINFO, "PTRACE_GETSIGINFO"},
                {PTRACE_SETSIGINFO, "PTRACE_SETSIGINFO"},
                {PTRACE_GETREGSET, "PTRACE_GETREGSET"},
                {PTRACE_SETREGSET, "PTRACE_SETREGSET"},
                {PTRACE_SEIZE, "PTRACE_SEIZE"},
                {PTRACE_INTERRUPT, "PTRACE_INTERRUPT"},
                {PTRACE_LISTEN, "PTRACE_LISTEN"},
                {PTRACE_GET_SYSCALL_INFO, "PTRACE_GET_SYSCALL_INFO"},
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (names[i].request == request) {
                        snprintf(buf, WORD_MAX, "%s", names[i].name);
                        return buf;
                }
        snprintf(buf, WORD_MAX, "ptrace request %" PRId32, request);
        return buf;
}

/* A shell has no "detach", and its death would not be worth it. */
static void say_no_release(struct sentence to, const struct tracer_ties *ties)
{
        say(to,
            "kill -KILL %" PRIu32
            " ends it; nobody else can detach it or attach to it. Next time start it under "
            "a debugger, or so that it does not call PTRACE_TRACEME",
            ties->target.pid);
}

void say_release(struct sentence to, const struct tracer_ties *ties)
{
        const struct task_ref *tracer = &ties->tracer;
        const struct tool *tool = tool_of(tracer);
        char name[WORD_MAX];

        if (ties->unaware) {
                say_no_release(to, ties);
                return;
        }
        word_tool(tracer, name);
        if (tool && tool->command)
                say(to, "detach in %s (%s)", name, tool->command);
        if (tool && tool->signal)
                say(to, "%send %s: kill -%s %" PRIu32, tool->command ? ", or " : "", name, tool->signal,
                    tracer->pid);
        if (!tool || (!tool->command && !tool->signal))
                say(to, "detach in %s, or end it: kill %" PRIu32, name, tracer->pid);
}

void say_release_risk(struct sentence to, const struct tracer_ties *ties)
{
        char tracer[WORD_MAX], target[WORD_MAX];

        word_tool(&ties->tracer, tracer);
        word_process(&ties->target, target);
        if (ties->unaware) {
                say(to, "what the program has not saved is lost");
                return;
        }
        if (ties->options & PTRACE_O_EXITKILL) {
                say(to, "ending %s kills %s: it was attached with PTRACE_O_EXITKILL", tracer, target);
                return;
        }
        if (!plants_breakpoints(&ties->tracer))
                return;
        if (ties->n_traps)
                say(to,
                    "%s has got %" PRIu64
                    " SIGTRAPs of %s: killed by SIGKILL it leaves its breakpoints, if it has any there, in the "
                    "program, which dies at the next one",
                    tracer, ties->n_traps, target);
        else
                say(to,
                    "a debugger that is ended by SIGKILL or SIGTERM may leave the breakpoints it has set in "
                    "%s, which dies at the next one",
                    target);
}
