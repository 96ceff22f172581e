// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tracers and signals that get into each other's way:
 *
 *   entangled cycle          two processes trace each other; both run
 *   entangled chain          the first traces the second, which traces a third
 *   entangled retry PID N MS N attaches to PID, MS milliseconds apart; all are refused
 *   entangled pending        a SIGTRAP is blocked and pending when, told to, it calls a function whose address it told
 *   entangled unblocked      the same, without the block
 *   entangled sigwait        takes SIGTRAP and SIGINT by sigwait(), and says so
 *   entangled signalfd       by signalfd()
 *   entangled halt PID SIG   traces PID, sends it SIG, and waits for its stop
 */

#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/scenarios/fixture.h"

static void hold_on(pid_t pid)
{
        if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
                die("PTRACE_SEIZE");
}

static pid_t child_that_waits(pid_t seize)
{
        pid_t pid = fork();

        if (pid < 0)
                die("fork");
        if (pid == 0) {
                fixture_guard();
                if (seize)
                        hold_on(seize);
                fixture_go(-1);
                _exit(0);
        }
        return pid;
}

/* Who is told first traces nobody any more when the other ends. */
static int end_both(pid_t one, pid_t other)
{
        fixture_go(-1);
        kill(one, SIGKILL);
        kill(other, SIGKILL);
        while (wait(NULL) > 0)
                ;
        return 0;
}

static int run_cycle(void)
{
        pid_t child = child_that_waits(getpid());

        hold_on(child);
        printf("ready pid=%d other=%d\n", getpid(), child);
        return end_both(child, child);
}

static int run_chain(void)
{
        pid_t third = child_that_waits(0), second = child_that_waits(third);

        hold_on(second);
        printf("ready pid=%d second=%d third=%d\n", getpid(), second, third);
        return end_both(second, third);
}

static int run_retry(char **args)
{
        pid_t pid = atoi(args[0]);
        int refused = 0;

        for (int i = atoi(args[1]); i > 0; i--) {
                refused += ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0;
                usleep(1000 * atoi(args[2]));
        }
        printf("ready pid=%d refused=%d\n", getpid(), refused);
        return 0;
}

__attribute__((noinline, noclone)) static void function(void)
{
        __asm__ volatile("nop; nop; nop; nop; nop; nop; nop; nop");
}

/* In the middle of the nops a breakpoint may be stepped over by whoever resumes behind it. */
#define INTO_FUNCTION 2

static void nothing(int sig)
{
        (void)sig;
}

static int run_pending(int block)
{
        sigset_t set;

        signal(SIGTRAP, nothing);
        sigemptyset(&set);
        sigaddset(&set, SIGTRAP);
        if (block)
                sigprocmask(SIG_BLOCK, &set, NULL);
        printf("ready pid=%d function=0x%lx\n", getpid(),
               (unsigned long)(uintptr_t)function + INTO_FUNCTION);
        fixture_go(-1);
        if (block)
                syscall(SYS_tgkill, getpid(), getpid(), SIGTRAP);
        function();
        return 0;
}

/* What it takes is no stop to a tracer; told to, it ends. */
static int run_taker(int by_fd)
{
        struct signalfd_siginfo info;
        sigset_t set;
        int sig, fd;

        sigemptyset(&set);
        sigaddset(&set, SIGTRAP);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL);
        fd = by_fd ? signalfd(-1, &set, 0) : -1;
        printf("ready pid=%d\n", getpid());
        do {
                if (!by_fd)
                        sigwait(&set, &sig);
                else if (read(fd, &info, sizeof(info)) == sizeof(info))
                        sig = (int)info.ssi_signo;
                else
                        die("signalfd");
                printf("took=%d\n", sig);
        } while (sig != SIGUSR1);
        return 0;
}

static int run_halt(char **args)
{
        pid_t pid = atoi(args[0]);
        int status = 0;

        hold_on(pid);
        kill(pid, atoi(args[1]));
        printf("ready pid=%d\n", getpid());
        for (int go = 0; !go; go = fixture_go(50))
                if (waitpid(pid, &status, __WALL | WNOHANG) == pid && WIFSTOPPED(status))
                        ptrace(PTRACE_CONT, pid, NULL, NULL);
        return 0;
}

int main(int argc, char **argv)
{
        const char *mode = argc > 1 ? argv[1] : "";

        fixture_guard();
        if (!strcmp(mode, "cycle"))
                return run_cycle();
        if (!strcmp(mode, "chain"))
                return run_chain();
        if (!strcmp(mode, "retry") && argc > 4)
                return run_retry(argv + 2);
        if (!strcmp(mode, "pending") || !strcmp(mode, "unblocked"))
                return run_pending(!strcmp(mode, "pending"));
        if (!strcmp(mode, "sigwait") || !strcmp(mode, "signalfd"))
                return run_taker(!strcmp(mode, "signalfd"));
        if (!strcmp(mode, "halt") && argc > 3)
                return run_halt(argv + 2);
        fprintf(stderr, "usage: entangled MODE [ARG...]\n");
        return 2;
}
