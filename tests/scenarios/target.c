// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * target STATE [ARG]: put this process into a named state, say "ready key=value ..." on standard output,
 * wait for SIGUSR1 from the test (fixture.h), do what the state is about, and exit 0. What it did is said in
 * further lines. `work` is the function whose address raw tracers plant a breakpoint at.
 */

#include <linux/sched.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/scenarios/fixture.h"

#define TICK_MS     10
#define THREADS_MAX 64
#define CHILDREN    5

static char **words; /* those behind STATE */
static volatile sig_atomic_t traps;
static volatile unsigned long worked;

__attribute__((noinline, noclone)) void work(void);
__attribute__((noinline, noclone)) void work(void)
{
        worked++;
}

static void on_trap(int sig)
{
        (void)sig;
        traps++;
}

static void handle_trap(void (*handler)(int))
{
        struct sigaction sa = {.sa_handler = handler};

        if (sigaction(SIGTRAP, &sa, NULL) < 0)
                die("sigaction");
}

static void ready(void)
{
        printf("ready pid=%d work=0x%lx\n", getpid(), (unsigned long)(uintptr_t)work);
}

static int state_idle(int arg)
{
        (void)arg;
        ready();
        fixture_go(-1);
        return 0;
}

static int state_nodump(int arg)
{
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                die("PR_SET_DUMPABLE");
        return state_idle(arg);
}

/* Calls work() every TICK_MS until told to end. */
static int state_work(int arg)
{
        (void)arg;
        ready();
        while (!fixture_go(TICK_MS))
                work();
        printf("done worked=%lu\n", worked);
        return 0;
}

/* Calls work() once, when told: a breakpoint there is armed until then. */
static int state_once(int arg)
{
        (void)arg;
        ready();
        fixture_go(-1);
        work();
        printf("done worked=%lu\n", worked);
        return 0;
}

static pthread_barrier_t started;
static pid_t tids[THREADS_MAX];

static void *idle_thread(void *slot)
{
        *(pid_t *)slot = gettid();
        pthread_barrier_wait(&started);
        pause();
        return NULL;
}

static int state_threads(int n)
{
        pthread_t thread;

        if (n < 1 || n > THREADS_MAX)
                n = 1;
        pthread_barrier_init(&started, NULL, (unsigned)n + 1);
        for (int i = 0; i < n; i++)
                if (pthread_create(&thread, NULL, idle_thread, &tids[i]) != 0)
                        die("pthread_create");
        pthread_barrier_wait(&started);
        printf("ready pid=%d", getpid());
        for (int i = 0; i < n; i++)
                printf(" tid%d=%d", i + 1, tids[i]);
        printf("\n");
        fixture_go(-1);
        return 0;
}

static void *working_thread(void *slot)
{
        *(pid_t *)slot = gettid();
        pthread_barrier_wait(&started);
        fixture_go(-1);
        work();
        return NULL;
}

/* The second thread runs work() when told, the leader only waits for it. */
static int state_side_thread(int arg)
{
        pthread_t thread;

        (void)arg;
        pthread_barrier_init(&started, NULL, 2);
        if (pthread_create(&thread, NULL, working_thread, &tids[0]) != 0)
                die("pthread_create");
        pthread_barrier_wait(&started);
        printf("ready pid=%d tid1=%d work=0x%lx\n", getpid(), tids[0], (unsigned long)(uintptr_t)work);
        pthread_join(thread, NULL);
        printf("done worked=%lu\n", worked);
        return 0;
}

/* The main thread has ended, and is a zombie; the other one runs work() when told. */
static int state_leader_gone(int arg)
{
        pthread_t thread;

        (void)arg;
        pthread_barrier_init(&started, NULL, 2);
        if (pthread_create(&thread, NULL, working_thread, &tids[0]) != 0)
                die("pthread_create");
        pthread_barrier_wait(&started);
        printf("ready pid=%d tid1=%d work=0x%lx\n", getpid(), tids[0], (unsigned long)(uintptr_t)work);
        pthread_exit(NULL);
}

/* When told, forks a child that runs work(); says how the child ended. */
static int state_forker(int arg)
{
        int status;
        pid_t child;

        (void)arg;
        ready();
        fixture_go(-1);
        child = fork();
        if (child == 0) {
                fixture_guard();
                work();
                _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0)
                die("fork");
        printf("done child=%d signal=%d status=%d\n", child, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
               WIFEXITED(status) ? WEXITSTATUS(status) : 0);
        fixture_go(-1);
        return 0;
}

/* When told, waits in vfork() for a child that only waits: its thread cannot be stopped by anybody. */
static int state_vfork(int arg)
{
        pid_t child;

        (void)arg;
        ready();
        fixture_go(-1);
        child = vfork();
        if (child == 0) {
                pause();
                _exit(0);
        }
        work();
        return child < 0;
}

static int state_zombie(int arg)
{
        siginfo_t info;
        pid_t child = fork();

        (void)arg;
        if (child == 0)
                _exit(0);
        if (child < 0 || waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) < 0)
                die("zombie");
        printf("ready pid=%d zombie=%d\n", getpid(), child);
        fixture_go(-1);
        return 0;
}

/* raise(SIGTRAP) when told, with whatever disposition `arg` asks for: 0 default, 1 handler, 2 blocked. */
static int state_raise(int arg)
{
        sigset_t set;

        if (arg == 1)
                handle_trap(on_trap);
        sigemptyset(&set);
        sigaddset(&set, SIGTRAP);
        if (arg == 2)
                sigprocmask(SIG_BLOCK, &set, NULL);
        ready();
        fixture_go(-1);
        raise(SIGTRAP);
        printf("done traps=%d\n", (int)traps);
        return 0;
}

__attribute__((noinline)) static void hit_int3(void)
{
        __asm__ volatile("int3");
}

/* An int3 of the program itself. */
static int state_int3(int arg)
{
        (void)arg;
        ready();
        fixture_go(-1);
        hit_int3();
        printf("done traps=%d\n", (int)traps);
        return 0;
}

/* It steps itself, as protections against debuggers do. */
static int state_trap_flag(int arg)
{
        (void)arg;
        ready();
        fixture_go(-1);
        __asm__ volatile("sub $128, %%rsp; pushf; orl $0x100, (%%rsp); popf; nop; add $128, %%rsp" ::
                                 : "memory", "cc");
        printf("done traps=%d\n", (int)traps);
        return 0;
}

static int state_trap_flag_handler(int arg)
{
        handle_trap(on_trap);
        return state_trap_flag(arg);
}

static int state_int3_handler(int arg)
{
        handle_trap(on_trap);
        return state_int3(arg);
}

static int state_int3_ignored(int arg)
{
        handle_trap(SIG_IGN);
        return state_int3(arg);
}

static int state_int3_blocked(int arg)
{
        sigset_t set;

        handle_trap(on_trap);
        sigemptyset(&set);
        sigaddset(&set, SIGTRAP);
        sigprocmask(SIG_BLOCK, &set, NULL);
        return state_int3(arg);
}

static void trap_again(int sig)
{
        (void)sig;
        traps++;
        hit_int3();
}

static int state_int3_in_handler(int arg)
{
        handle_trap(trap_again);
        return state_int3(arg);
}

/* kill(self, SIGTRAP) as fast as it goes, arg times; each runs the handler. */
static int state_burst(int n)
{
        handle_trap(on_trap);
        ready();
        fixture_go(-1);
        for (int i = 0; i < n; i++)
                if (kill(getpid(), SIGTRAP) < 0)
                        die("kill");
        printf("done sent=%d traps=%d\n", n, (int)traps);
        return 0;
}

static void reap_all(int sig)
{
        int saved = errno;

        (void)sig;
        while (waitpid(-1, NULL, WNOHANG) > 0)
                traps++;
        errno = saved;
}

/* A server that forks n children and reaps them from its SIGCHLD handler, in a loop as it should. */
static int state_fork_server(int n)
{
        struct sigaction sa = {.sa_handler = reap_all, .sa_flags = SA_RESTART};

        if (sigaction(SIGCHLD, &sa, NULL) < 0)
                die("sigaction");
        ready();
        fixture_go(-1);
        for (int i = 0; i < n; i++) {
                pid_t child = fork();
                if (child == 0)
                        _exit(0);
                if (child < 0)
                        die("fork");
        }
        for (int i = 0; i < 1000 && traps < n; i++)
                fixture_go(TICK_MS);
        printf("done reaped=%d\n", (int)traps);
        return 0;
}

/* Children with SIGCHLD at its default (arg 0) or ignored (arg 1); both are legal. */
static int state_children(int ignored)
{
        int reaped = 0;

        if (ignored && signal(SIGCHLD, SIG_IGN) == SIG_ERR)
                die("signal");
        ready();
        fixture_go(-1);
        for (int i = 0; i < CHILDREN; i++) {
                pid_t child = fork();
                if (child == 0)
                        _exit(0);
                if (child < 0)
                        die("fork");
        }
        while (waitpid(-1, NULL, 0) > 0)
                reaped++;
        printf("done reaped=%d\n", reaped);
        return 0;
}

/* exec PROGRAM ARG...: become another program when told. */
static int state_exec(int arg)
{
        (void)arg;
        ready();
        fixture_go(-1);
        execv(words[0], words);
        die(words[0]);
        return 1;
}

/* reuse PID: idle under the pid of a process that is gone. */
static int state_reuse(int pid)
{
        pid_t set = pid;
        struct clone_args a = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&set, .set_tid_size = 1};
        long child = syscall(SYS_clone3, &a, sizeof(a));

        if (child < 0)
                die("clone3 with a pid of our choice");
        if (child == 0) {
                fixture_guard();
                return state_idle(0);
        }
        if (waitpid((pid_t)child, NULL, 0) != child)
                die("waitpid");
        return 0;
}

/* A crash handler: when told, a child of ours attaches to our second thread. */
static int state_own_helper(int arg)
{
        pthread_t thread;
        pid_t child;

        (void)arg;
        pthread_barrier_init(&started, NULL, 2);
        if (pthread_create(&thread, NULL, idle_thread, &tids[0]) != 0)
                die("pthread_create");
        pthread_barrier_wait(&started);
        printf("ready pid=%d tid1=%d\n", getpid(), tids[0]);
        fixture_go(-1);
        child = fork();
        if (child == 0) {
                int error = ptrace(PTRACE_SEIZE, tids[0], NULL, NULL) < 0 ? errno : 0;

                printf("done helper=%s\n", error ? strerrorname_np(error) : "attached");
                _exit(0);
        }
        if (child < 0 || waitpid(child, NULL, 0) < 0)
                die("fork");
        fixture_go(-1);
        return 0;
}

static const struct state {
        const char *name;
        int (*run)(int arg);
} states[] = {
        {"idle", state_idle},
        {"nodump", state_nodump},
        {"work", state_work},
        {"once", state_once},
        {"threads", state_threads},
        {"side-thread", state_side_thread},
        {"leader-gone", state_leader_gone},
        {"forker", state_forker},
        {"vfork", state_vfork},
        {"zombie", state_zombie},
        {"raise", state_raise},
        {"int3", state_int3},
        {"int3-handler", state_int3_handler},
        {"trap-flag", state_trap_flag},
        {"trap-flag-handler", state_trap_flag_handler},
        {"int3-ignored", state_int3_ignored},
        {"int3-blocked", state_int3_blocked},
        {"int3-in-handler", state_int3_in_handler},
        {"burst", state_burst},
        {"fork-server", state_fork_server},
        {"children", state_children},
        {"exec", state_exec},
        {"reuse", state_reuse},
        {"own-helper", state_own_helper},
};

int main(int argc, char **argv)
{
        fixture_guard();
        words = argv + (argc > 2 ? 2 : argc);
        for (size_t i = 0; argc > 1 && i < sizeof(states) / sizeof(states[0]); i++)
                if (strcmp(argv[1], states[i].name) == 0)
                        return states[i].run(argc > 2 ? atoi(argv[2]) : 0);
        fprintf(stderr, "usage: target STATE [ARG]\n");
        return 2;
}
