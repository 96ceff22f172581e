// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * calls MODE ARG...: programs that need their signals and their breakpoints, and tracers that lose them by what they ask
 * for. As target.c and tracer.c: says "ready key=value ...", waits for SIGUSR1 from the test.
 */

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "tests/scenarios/fixture.h"

#define INT3        0xccL
#define ASKED_TIMES 20 /* by a thread that gets no answer */
#define ASK_EACH_MS 50

static char **words; /* those behind MODE */
static volatile sig_atomic_t handled;

__attribute__((noinline, noclone)) static void probed(void)
{
        __asm__ volatile("nop; nop; nop; nop; nop; nop; nop; nop");
}

static void ready(void)
{
        printf("ready pid=%d probed=0x%lx\n", getpid(), (unsigned long)(uintptr_t)probed);
}

static void on_signal(int sig)
{
        (void)sig;
        handled++;
}

/* ---- programs ------------------------------------------------------------------------------------------- */

/* raise [default]: sends itself SIGTRAP, for its own handler. */
static int mode_raise(void)
{
        if (!words[0])
                signal(SIGTRAP, on_signal);
        ready();
        fixture_go(-1);
        raise(SIGTRAP);
        printf("done handled=%d\n", (int)handled);
        fixture_go(-1);
        return 0;
}

/* reaper [in-time]: learns of its child's end by SIGCHLD, as shells and supervisors do; in-time: it looks by itself, too. */
static int mode_reaper(void)
{
        struct timespec second = {.tv_sec = 1};
        sigset_t block, old;
        pid_t child;

        signal(SIGCHLD, on_signal);
        sigemptyset(&block);
        sigaddset(&block, SIGCHLD);
        sigprocmask(SIG_BLOCK, &block, &old);
        ready();
        fixture_go(-1);
        child = fork();
        if (child == 0) {
                usleep(10 * 1000);
                _exit(0);
        }
        printf("child=%d\n", child);
        while (waitpid(child, NULL, WNOHANG) == 0)
                if (words[0])
                        (void)ppoll(NULL, 0, &second, &old);
                else
                        sigsuspend(&old);
        printf("done handled=%d\n", (int)handled);
        fixture_go(-1);
        return 0;
}

/* forker [exec]: its child lives on, without tracer, in a copy of its memory or in a program of its own. */
static int mode_forker(void)
{
        pid_t child;

        ready();
        fixture_go(-1);
        child = fork();
        if (child == 0) {
                fixture_guard();
                if (words[0])
                        execl("/proc/self/exe", "calls", "idle", NULL);
                fixture_go(-1);
                _exit(0);
        }
        printf("done child=%d\n", child);
        fixture_go(-1);
        kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        return 0;
}

static int mode_idle(void)
{
        ready();
        fixture_go(-1);
        return 0;
}

/* execer: becomes another program. */
static int mode_execer(void)
{
        ready();
        fixture_go(-1);
        execl("/proc/self/exe", "calls", "idle", NULL);
        die("execl");
        return 0;
}

static void *idle_thread(void *unused)
{
        for (;;)
                pause();
        return unused;
}

/* threads: two, one of which its debugger may overlook. */
static int mode_threads(void)
{
        pthread_t thread;

        if (pthread_create(&thread, NULL, idle_thread, NULL) != 0)
                die("pthread_create");
        ready();
        fixture_go(-1);
        return 0;
}

/* once: runs the function whose address it told. */
static int mode_once(void)
{
        ready();
        fixture_go(-1);
        probed();
        puts("done");
        return 0;
}

/* ---- tracers -------------------------------------------------------------------------------------------- */

static void seize(pid_t pid, long options)
{
        if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) < 0)
                die("PTRACE_SEIZE");
}

static void halt(pid_t pid)
{
        if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || waitpid(pid, NULL, __WALL) != pid)
                die("PTRACE_INTERRUPT");
}

static void poke_int3(pid_t pid, unsigned long where)
{
        long word;

        errno = 0;
        word = ptrace(PTRACE_PEEKTEXT, pid, (void *)where, NULL);
        if (errno != 0 || ptrace(PTRACE_POKETEXT, pid, (void *)where, (void *)((word & ~0xffL) | INT3)) < 0)
                die("PTRACE_POKETEXT");
}

/* Those of its stops that are a signal's, and not the tracer's own. */
static int signal_of(int status)
{
        return WIFSTOPPED(status) && status >> 16 == 0 ? WSTOPSIG(status) : 0;
}

/* Until the test says so; what the tracees are stopped with is passed on, or nothing is. */
static void serve(bool pass)
{
        while (!fixture_go(1)) {
                int status;
                pid_t who = waitpid(-1, &status, __WALL | WNOHANG);

                if (who > 0 && WIFSTOPPED(status))
                        (void)ptrace(PTRACE_CONT, who, NULL, (void *)(long)(pass ? signal_of(status) : 0));
        }
}

/* swallow PID, pass PID: keeps every signal back, or none. */
static int mode_swallow(void)
{
        seize(atoi(words[0]), 0);
        ready();
        serve(false);
        return 0;
}
static int mode_pass(void)
{
        seize(atoi(words[0]), 0);
        ready();
        serve(true);
        return 0;
}

/* plant PID ADDRESS [OPTIONS]: a breakpoint; signals are passed on, its own too: it is as careless as that. */
static int mode_plant(void)
{
        pid_t pid = atoi(words[0]);

        seize(pid, words[2] ? strtol(words[2], NULL, 0) : 0);
        halt(pid);
        poke_int3(pid, strtoul(words[1], NULL, 0));
        ready();
        if (ptrace(PTRACE_CONT, pid, NULL, NULL) < 0)
                die("PTRACE_CONT");
        serve(true);
        return 0;
}

/* unplant PID ADDRESS: takes it out again, and stays. */
static int mode_unplant(void)
{
        pid_t pid = atoi(words[0]);
        unsigned long where = strtoul(words[1], NULL, 0);
        long word;

        seize(pid, 0);
        halt(pid);
        word = ptrace(PTRACE_PEEKTEXT, pid, (void *)where, NULL);
        poke_int3(pid, where);
        if (ptrace(PTRACE_POKETEXT, pid, (void *)where, (void *)word) < 0 ||
            ptrace(PTRACE_CONT, pid, NULL, NULL) < 0)
                die("PTRACE_POKETEXT");
        ready();
        serve(true);
        return 0;
}

static void *ask_often(void *pid)
{
        struct user_regs_struct regs;

        for (int i = 0; i < ASKED_TIMES; i++) {
                if (ptrace(PTRACE_GETREGS, (pid_t)(intptr_t)pid, NULL, &regs) == 0)
                        die("it was not to be answered");
                usleep(ASK_EACH_MS * 1000);
        }
        return NULL;
}

static void ask_from(bool another, pid_t pid)
{
        pthread_t thread;

        if (!another)
                ask_often((void *)(intptr_t)pid);
        else if (pthread_create(&thread, NULL, ask_often, (void *)(intptr_t)pid) != 0 ||
                 pthread_join(thread, NULL) != 0)
                die("pthread_create");
}

/* wrong-thread PID: asks from another thread than the one that traces. */
static int mode_wrong_thread(void)
{
        seize(atoi(words[0]), 0);
        halt(atoi(words[0]));
        ready();
        ask_from(true, atoi(words[0]));
        puts("asked");
        fixture_go(-1);
        return 0;
}

/* too-early PID: from the right one, while the tracee runs. */
static int mode_too_early(void)
{
        seize(atoi(words[0]), 0);
        ready();
        ask_from(false, atoi(words[0]));
        puts("asked");
        fixture_go(-1);
        return 0;
}

static const struct mode {
        const char *name;
        int (*run)(void);
        int n_words; /* at least */
} modes[] = {
        {"raise", mode_raise, 0},         {"reaper", mode_reaper, 0},
        {"forker", mode_forker, 0},       {"idle", mode_idle, 0},
        {"execer", mode_execer, 0},       {"threads", mode_threads, 0},
        {"once", mode_once, 0},           {"swallow", mode_swallow, 1},
        {"pass", mode_pass, 1},           {"plant", mode_plant, 2},
        {"unplant", mode_unplant, 2},     {"wrong-thread", mode_wrong_thread, 1},
        {"too-early", mode_too_early, 1},
};

int main(int argc, char **argv)
{
        fixture_guard();
        words = argv + (argc > 2 ? 2 : argc);
        for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
                if (strcmp(argv[1], modes[i].name) == 0 && argc - 2 >= modes[i].n_words)
                        return modes[i].run();
        fprintf(stderr, "usage: calls MODE [ARG...]\n");
        return 2;
}
