/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/kernel/selftest.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/base/cleanup.h"
#include "daemon/kernel/backlog.h"
#include "daemon/base/child.h"

/* What a record proves about which program; two rows where two tiers have a program each. */
static const struct proof {
        uint16_t record;
        const char *programs[2];
} proofs[] = {
        {REC_SIGACTION, {"on_sigaction", "exit_sigaction"}},
        {REC_WAIT, {"on_wait", "exit_wait4"}},
        {REC_EXIT, {"on_exit", NULL}},
        {REC_FORK, {"on_fork", NULL}},
        {REC_EXEC, {"on_exec", NULL}},
};

static void mark(struct hook *hooks, size_t n, const char *program)
{
        for (size_t i = 0; i < n; i++)
                if (program && !strcmp(hooks[i].program, program) && hooks[i].state == HOOK_ATTACHED)
                        hooks[i].state = HOOK_WORKING;
}

struct record_reader {
        struct backlog **backlog;
        struct hook *hooks;
        size_t n_hooks;
};

static void mark_attach(struct record_reader *r, const struct rec_attach *a)
{
        mark(r->hooks, r->n_hooks, a->request == PTRACE_TRACEME ? "on_traceme" : "on_attach");
        mark(r->hooks, r->n_hooks, "exit_ptrace_call");
        if (!(a->flags & ATT_F_SECCOMP))
                mark(r->hooks, r->n_hooks, "enter_ptrace");
        if (a->flags & ATT_F_LSM_CALLED)
                mark(r->hooks, r->n_hooks, "on_access_check");
        if (a->ret == -ESRCH)
                mark(r->hooks, r->n_hooks, "on_ptrace_call");
}

static void mark_signal(struct record_reader *r, const struct rec_signal *s)
{
        mark(r->hooks, r->n_hooks, s->flags & SIG_F_DELIVER ? "on_signal_deliver" : "on_signal_generate");
}

static int note_record(void *userdata, void *data, size_t size)
{
        struct record_reader *r = userdata;
        const struct rec_header *h = data;

        if (size < sizeof(*h))
                return 0;
        if (backlog_is_refusal(h))
                return backlog_add(r->backlog, data, size), 0;
        if (h->type == REC_ATTACH && size >= sizeof(struct rec_attach))
                mark_attach(r, data);
        else if (h->type == REC_SIGNAL && size >= sizeof(struct rec_signal))
                mark_signal(r, data);
        else if (h->type == REC_DETACH)
                mark(r->hooks, r->n_hooks, "on_unlink");
        for (size_t i = 0; i < ELEMENTSOF(proofs); i++)
                for (size_t j = 0; proofs[i].record == h->type && j < 2; j++)
                        mark(r->hooks, r->n_hooks, proofs[i].programs[j]);
        return 0;
}

static void no_op(int sig _unused_)
{
}

/* The tracee: a breakpoint of its own, a handler for SIGTRAP that runs, a child that execs. */
static void act_tracee(void)
{
        struct sigaction sa = {.sa_handler = no_op};
        pid_t child;

        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                _exit(1);
        sigaction(SIGTRAP, &sa, NULL);
        __asm__ volatile("int3");
        raise(SIGTRAP);
        child = child_fork();
        if (child == 0) {
                execl("/bin/true", "true", NULL);
                _exit(0);
        }
        if (child > 0)
                waitid(P_PID, child, &(siginfo_t){}, WEXITED);
        _exit(0);
}

/* The tracer: passes every signal but the breakpoint on, until its tracee is gone. */
static void act_tracer(void)
{
        pid_t tracee, other;
        int status, stops = 0;

        tracee = child_fork();
        if (tracee == 0)
                act_tracee();
        while (tracee > 0 && waitpid(tracee, &status, 0) == tracee && WIFSTOPPED(status))
                ptrace(PTRACE_CONT, tracee, NULL, stops++ ? WSTOPSIG(status) : 0);
        /* A pid beyond the kernel's limit belongs to nobody: attaching there must fail with ESRCH. */
        ptrace(PTRACE_SEIZE, 0x3fffffff, NULL, NULL);
        other = child_fork();
        if (other == 0) {
                pause();
                _exit(0);
        }
        if (other > 0) {
                if (ptrace(PTRACE_SEIZE, other, NULL, NULL) == 0 &&
                    ptrace(PTRACE_INTERRUPT, other, NULL, NULL) == 0 &&
                    waitpid(other, &status, __WALL) == other)
                        ptrace(PTRACE_DETACH, other, NULL, NULL);
                kill(other, SIGKILL);
                waitpid(other, NULL, 0);
        }
        _exit(0);
}

/* Signals the daemon has blocked or ignored must not reach into the play. */
static void reset_signals(void)
{
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        for (int sig = 1; sig < NSIG; sig++)
                signal(sig, SIG_DFL);
}

void selftest_run(int ring_fd, struct backlog **backlog, struct hook *hooks, size_t n_hooks)
{
        struct record_reader reader = {.backlog = backlog, .hooks = hooks, .n_hooks = n_hooks};
        struct ring_buffer *ring = NULL;
        _cleanup_close_ int stats =
                bpf_enable_stats(BPF_STATS_RUN_TIME); /* needs CAP_SYS_ADMIN: not always to be had */
        pid_t tracer = child_fork();

        if (tracer == 0) {
                reset_signals();
                alarm(SELFTEST_LIMIT_MS / 1000 + 1);
                act_tracer();
        }
        if (tracer < 0)
                return;
        (void)child_await(tracer, SELFTEST_LIMIT_MS);

        ring = ring_buffer__new(ring_fd, note_record, &reader, NULL);
        if (!ring)
                return;
        ring_buffer__consume(ring);
        ring_buffer__free(ring);
}
