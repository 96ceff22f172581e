// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load ignored COUNT: waits in epoll_wait(), without and with a time limit, and is sent so many signals that
 *   it ignores; how often a wait was ended by them is said. At each SIGUSR1.
 * load spin MILLIONS: work without signals; how long it took is said. At each SIGUSR1.
 * load raise COUNT: the same for a signal raised and handled.
 * load crowd THREADS: that many threads that wait.
 * load churn THREADS: threads that begin and end all the time, so many at once, until SIGUSR1.
 * load execs COUNT: execs itself so often without a pause, every second time from another thread.
 * load flee SECONDS: the same for so long, always from another thread, with THREADS more of which one is
 * made so that no tracer gets it by itself.
 */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "tests/scenarios/fixture.h"

#define STACK_BYTES   65536
#define SEND_PAUSE_NS 200000
#define THREADS       6

/* ---- calls that ignored signals wake, and what it costs ------------------------------------------ */

/* EINTR of epoll_wait() while signals come that the program ignores; without a tracer there is none. */
static int interrupted(int timeout, int count)
{
        int ends[2], n = 0, fd = epoll_create1(0);
        struct epoll_event event = {.events = EPOLLIN};
        pid_t target = getpid(), sender;

        if (fd < 0 || pipe(ends) < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, ends[0], &event) < 0)
                die("epoll");
        sender = fork();
        if (sender == 0) {
                fixture_guard();
                for (int i = 0; i < count; i++) {
                        kill(target, i % 2 ? SIGUSR2 : SIGWINCH);
                        nanosleep(&(struct timespec){.tv_nsec = SEND_PAUSE_NS}, NULL);
                }
                (void)!write(ends[1], "", 1);
                _exit(0);
        }
        while (epoll_wait(fd, &event, 1, timeout) < 0 && errno == EINTR)
                n++;
        waitpid(sender, NULL, 0);
        close(fd);
        close(ends[0]);
        close(ends[1]);
        return n;
}

static int ignored(int count)
{
        signal(SIGUSR2, SIG_IGN);
        printf("ready pid=%d\n", getpid());
        while (fixture_go(-1)) {
                int unlimited = interrupted(-1, count), limited = interrupted(60000, count);

                printf("done sent=%d unlimited=%d limited=%d\n", count, unlimited, limited);
        }
        return 0;
}

static long long now_ns(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void work_a_million(int i)
{
        static volatile unsigned long sum;

        for (int k = 0; k < 1000000; k++)
                sum += (unsigned long)(i ^ k);
}

static volatile sig_atomic_t raised;

static void on_raise(int sig)
{
        (void)sig;
        raised++;
}

static void raise_one(int i)
{
        (void)i;
        raise(SIGUSR2);
}

/* n times, at each SIGUSR1 from the test: nanoseconds of the clock and of the processor. */
static int timed(int n, void (*what)(int i))
{
        signal(SIGUSR2, on_raise);
        printf("ready pid=%d\n", getpid());
        while (fixture_go(-1)) {
                long long began = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);

                for (int i = 0; i < n; i++)
                        what(i);
                printf("done each=%lld cpu=%lld\n", (now_ns(CLOCK_MONOTONIC) - began) / n,
                       (now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu) / n);
        }
        return 0;
}

static int spin(int n)
{
        return timed(n, work_a_million);
}

static int raise_all(int n)
{
        return timed(n, raise_one);
}

/* ---- threads and execs --------------------------------------------------------------------------- */

static void *wait_for_ever(void *arg)
{
        for (;;)
                pause();
        return arg;
}

static pthread_attr_t small;
static _Atomic long begun;
static _Atomic int over;

static void *end_at_once(void *arg)
{
        begun++;
        return arg;
}

static void *churn_threads(void *arg)
{
        pthread_t thread;

        while (!over)
                if (pthread_create(&thread, &small, end_at_once, NULL) == 0)
                        pthread_join(thread, NULL);
        return arg;
}

static void start_threads(int n, void *(*run)(void *), pthread_t *threads)
{
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, STACK_BYTES);
        for (int i = 0; i < n; i++)
                if (pthread_create(&threads[i], &small, run, NULL) != 0)
                        die("pthread_create");
}

static int crowd(int n)
{
        pthread_t *threads = calloc((size_t)n + 1, sizeof(*threads));

        start_threads(n, wait_for_ever, threads);
        printf("ready pid=%d\n", getpid());
        fixture_go(-1);
        return 0;
}

static int churn(int n)
{
        pthread_t *threads = calloc((size_t)n + 1, sizeof(*threads));

        start_threads(n, churn_threads, threads);
        printf("ready pid=%d\n", getpid());
        fixture_go(-1);
        over = 1;
        for (int i = 0; i < n; i++)
                pthread_join(threads[i], NULL);
        printf("done began=%ld\n", begun);
        return 0;
}

static const char *mode_name;
static bool first_exec;

static void *exec_next(void *arg)
{
        char n[16];

        snprintf(n, sizeof(n), "%d", (int)(intptr_t)arg);
        execl("/proc/self/exe", "load", mode_name, n, "again", (char *)NULL);
        die("exec");
        return NULL;
}

static int execs(int n)
{
        pthread_t thread;

        if (first_exec) {
                printf("ready pid=%d\n", getpid());
                fixture_go(-1);
        }
        if (n <= 0) {
                printf("done\n");
                return 3;
        }
        if (n % 2 && pthread_create(&thread, NULL, exec_next, (void *)(intptr_t)(n - 1)) == 0)
                wait_for_ever(NULL);
        exec_next((void *)(intptr_t)(n - 1));
        return 1;
}

static int untraced(void *arg)
{
        wait_for_ever(arg);
        return 0;
}

static int now_seconds(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int)t.tv_sec;
}

/* After the first exec n is when it is over. The program that replaces us frees nothing. */
static int flee(int n)
{
        static char stack[STACK_BYTES] __attribute__((aligned(64)));
        pthread_t threads[THREADS];

        if (first_exec) {
                printf("ready pid=%d\n", getpid());
                fixture_go(-1);
                n += now_seconds();
        } else if (now_seconds() >= n) {
                printf("done\n");
                return 3;
        }
        start_threads(THREADS - 1, wait_for_ever, threads);
        if (clone(untraced, stack + sizeof(stack),
                  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                          CLONE_UNTRACED,
                  NULL) < 0)
                die("clone");
        if (pthread_create(&threads[THREADS - 1], &small, exec_next, (void *)(intptr_t)n) != 0)
                die("pthread_create");
        wait_for_ever(NULL);
        return 1;
}

static const struct mode {
        const char *name;
        int (*run)(int n);
} modes[] = {
        {"ignored", ignored}, {"spin", spin},   {"raise", raise_all}, {"crowd", crowd},
        {"churn", churn},     {"execs", execs}, {"flee", flee},
};

int main(int argc, char **argv)
{
        fixture_guard();
        first_exec = argc == 3;
        mode_name = argv[1];
        for (size_t i = 0; argc > 2 && i < sizeof(modes) / sizeof(modes[0]); i++)
                if (strcmp(argv[1], modes[i].name) == 0)
                        return modes[i].run(atoi(argv[2]));
        fprintf(stderr, "usage: load ignored|spin|raise|crowd|churn|execs|flee N\n");
        return 2;
}
