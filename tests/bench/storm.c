/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generators of signals and ptrace calls, with their cost: one operation in a loop, timed in many short
 * slices. Prints one line:
 *
 *   pid=P ops=N ns=MEDIAN cpu=NS generated=N delivered=N seconds=S low=NS
 *
 * ns is the median over the slices of the wall-clock time of one operation, low their first decile, which others on
 * the machine disturb less; cpu the CPU time of one, own and
 * children's. generated and delivered are the signals that have P as their target, which is what a recorder
 * should have seen of it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <error.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define SLICES_MAX   1000
#define SLICE_NS     (2 * NSEC_PER_MSEC)
#define BATCH_MAX    (1 << 20)
#define CALIBRATIONS 5
#define PORTIONS     1000 /* -r: operations come in portions, this many a second */

#define NOTHING "nothing" /* the argument of a program that is to end at once */

static pid_t self, child;

/* ---- the operations ----------------------------------------------------------------------------------- */

static void fail(const char *what)
{
        error(1, errno, "%s", what);
}

static void on_trap(int sig)
{
        (void)sig;
}

static void handle_trap(void)
{
        if (sigaction(SIGTRAP, &(struct sigaction){.sa_handler = on_trap}, NULL))
                fail("cannot set a handler for SIGTRAP");
}

static void ignore_usr1(void)
{
        signal(SIGUSR1, SIG_IGN);
}

static void ignore_trap(void)
{
        signal(SIGTRAP, SIG_IGN);
}

static void do_getppid(void)
{
        syscall(SYS_getppid);
}

static void do_fork(void)
{
        pid_t pid = fork();

        if (pid < 0)
                fail("cannot fork");
        if (!pid)
                _exit(0);
        if (waitpid(pid, NULL, 0) != pid)
                fail("cannot wait for a child");
}

/* vfork, as what forks costs its pages, and is no part of an exec. */
static void do_exec(void)
{
        pid_t pid = vfork();

        if (pid < 0)
                fail("cannot fork");
        if (!pid) {
                execl("/proc/self/exe", "storm", NOTHING, NULL);
                _exit(127);
        }
        if (waitpid(pid, NULL, 0) != pid)
                fail("cannot wait for a child");
}

static void *thread_body(void *unused)
{
        return unused;
}

static void do_thread(void)
{
        pthread_t t;

        if (pthread_create(&t, NULL, thread_body, NULL) || pthread_join(t, NULL))
                fail("cannot start a thread");
}

static void do_wait_none(void)
{
        if (waitpid(-1, NULL, WNOHANG) != -1)
                fail("there is a child");
}

static void do_sigaction(void)
{
        static bool odd;

        odd = !odd;
        signal(SIGCHLD, odd ? on_trap : SIG_DFL);
}

static void do_kill_usr1(void)
{
        kill(self, SIGUSR1);
}

static void do_kill_trap(void)
{
        kill(self, SIGTRAP);
}

static void do_raise(void)
{
        raise(SIGTRAP);
}

static void do_int3(void)
{
        __asm__ volatile("int3");
}

/* ---- connects, to a port of nobody's and to one of a debugger's ---- */

#define DEBUGGER_PORT 9000 /* of DBGp; free on most machines, as is the address */
#define LOOPBACK      0x7f0d0101

static struct sockaddr_in address;
static int listener = -1;

static void listen_at(uint16_t port)
{
        const struct linger at_once = {.l_onoff = 1};
        socklen_t size = sizeof(address);
        int yes = 1;

        address = (struct sockaddr_in){
                .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(LOOPBACK)};
        listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        /* Accepted sockets inherit it: none is left in TIME_WAIT. */
        if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) ||
            setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
            bind(listener, (const struct sockaddr *)&address, size) || listen(listener, 8) ||
            getsockname(listener, (struct sockaddr *)&address, &size))
                fail("cannot listen");
}

static void listen_anywhere(void)
{
        listen_at(0);
}

static void listen_at_debugger_port(void)
{
        listen_at(DEBUGGER_PORT);
}

static void do_connect(void)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), accepted;

        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)))
                fail("cannot connect");
        accepted = accept(listener, NULL, NULL);
        if (accepted < 0)
                fail("cannot accept");
        close(accepted);
        close(fd);
}

/* One that was anybody's a moment ago. */
static void leave_a_port(void)
{
        listen_anywhere();
        close(listener);
}

static void do_refused(void)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || !connect(fd, (const struct sockaddr *)&address, sizeof(address)) ||
            errno != ECONNREFUSED)
                fail("somebody listens there");
        close(fd);
}

/* What needs no kernel: a microsecond or so. */
static void do_work(void)
{
        for (volatile unsigned n = 0; n < 500; n++)
                ;
}

/* A child that works, and does not outlive us. */
static void start_child(bool traced)
{
        pid_t parent = getpid();

        child = fork();
        if (child < 0)
                fail("cannot fork");
        if (child)
                return;
        /* Without ptrace an end of the parent is noticed by the change of getppid(). */
        if (traced && (ptrace(PTRACE_TRACEME, 0, 0, 0) || raise(SIGSTOP)))
                _exit(1);
        for (volatile uint64_t n = 0;; n++)
                if (!(n & 0xfffff) && getppid() != parent)
                        _exit(0);
}

static void start_tracee(void)
{
        int status;

        start_child(true);
        if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
                fail("the child did not stop; is somebody tracing this program?");
        if (ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_EXITKILL))
                fail("cannot set options");
}

static void start_sibling(void)
{
        start_child(false);
}

static void do_step(void)
{
        if (ptrace(PTRACE_SINGLESTEP, child, 0, 0) || waitpid(child, NULL, 0) != child)
                fail("cannot step");
}

static void do_attach(void)
{
        if (ptrace(PTRACE_ATTACH, child, 0, 0) || waitpid(child, NULL, __WALL) != child ||
            ptrace(PTRACE_DETACH, child, 0, 0))
                fail("cannot attach and detach");
}

static const struct mode {
        const char *name, *what;
        void (*setup)(void);
        void (*once)(void);
        int generated, delivered; /* signals to this process an operation */
} modes[] = {
        {"getppid", "a system call that no recorder asked for", NULL, do_getppid, 0, 0},
        {"work", "a loop that needs no kernel", NULL, do_work, 0, 0},
        {"fork", "fork, exit and wait", NULL, do_fork, 1, 0},
        {"exec", "vfork, exec, exit and wait", NULL, do_exec, 1, 0},
        {"thread", "a thread that is started and joined", NULL, do_thread, 0, 0},
        {"wait-none", "a wait without a child", NULL, do_wait_none, 0, 0},
        {"sigaction", "a handler of SIGCHLD, set or taken away", NULL, do_sigaction, 0, 0},
        {"kill", "kill(self, SIGUSR1), ignored", ignore_usr1, do_kill_usr1, 1, 0},
        {"kill-trap", "kill(self, SIGTRAP), ignored", ignore_trap, do_kill_trap, 1, 0},
        {"raise", "raise(SIGTRAP) with a handler", handle_trap, do_raise, 1, 1},
        {"int3", "a breakpoint instruction with a handler", handle_trap, do_int3, 1, 1},
        {"connect", "connect, accept and close over the loopback", listen_anywhere, do_connect, 0, 0},
        {"dial", "the same, at a port of DBGp clients", listen_at_debugger_port, do_connect, 0, 0},
        {"refused", "a connect to a port where nobody listens", leave_a_port, do_refused, 0, 0},
        {"step", "one PTRACE_SINGLESTEP of a child, and the wait", start_tracee, do_step, 1, 0},
        {"attach", "PTRACE_ATTACH of a child, the wait and PTRACE_DETACH", start_sibling, do_attach, 1, 0},
};

/* ---- timing ------------------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

static uint64_t cpu_ns(void)
{
        struct rusage self, children;

        getrusage(RUSAGE_SELF, &self);
        getrusage(RUSAGE_CHILDREN, &children);
        return (self.ru_utime.tv_sec + self.ru_stime.tv_sec + children.ru_utime.tv_sec +
                children.ru_stime.tv_sec) *
                       NSEC_PER_SEC +
               (self.ru_utime.tv_usec + self.ru_stime.tv_usec + children.ru_utime.tv_usec +
                children.ru_stime.tv_usec) *
                       1000ULL;
}

static uint64_t timed_batch(const struct mode *m, uint64_t n)
{
        uint64_t start = now_ns();

        for (uint64_t i = 0; i < n; i++)
                m->once();
        return now_ns() - start;
}

/* How many operations fill a slice; *ops grows by those it took to find out. One look may meet a stall. */
static uint64_t calibrate(const struct mode *m, uint64_t *ops)
{
        uint64_t batch = 1, ns;

        for (int looks = 0; looks < CALIBRATIONS; looks++) {
                ns = timed_batch(m, batch);
                *ops += batch;
                batch = batch * SLICE_NS / MAX_OF(ns, 1ULL);
                batch = MIN_OF(MAX_OF(batch, 1ULL), (uint64_t)BATCH_MAX);
        }
        return batch;
}

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static double run_slices(const struct mode *m, uint64_t ms, uint64_t *ops, double *low)
{
        static double slices[SLICES_MAX];
        uint64_t batch = calibrate(m, ops), end = now_ns() + ms * NSEC_PER_MSEC;
        size_t n = 0;

        do {
                slices[n++] = (double)timed_batch(m, batch) / (double)batch;
                *ops += batch;
        } while (n < SLICES_MAX && now_ns() < end);
        qsort(slices, n, sizeof(*slices), compare);
        *low = slices[n / 10];
        return (slices[n / 2] + slices[(n - 1) / 2]) / 2;
}

static void sleep_until(uint64_t ns)
{
        struct timespec t = {.tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC};

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
                ;
}

/* So many operations, at most `rate` a second (0: as fast as it goes). */
static double run_paced(const struct mode *m, uint64_t n, uint64_t rate, uint64_t *ops)
{
        uint64_t portion = rate ? MAX_OF(rate / PORTIONS, 1ULL) : n, busy = 0, start = now_ns(), k;

        while (*ops < n) {
                k = MIN_OF(portion, n - *ops);
                busy += timed_batch(m, k);
                *ops += k;
                if (rate)
                        sleep_until(start + *ops * NSEC_PER_SEC / rate);
        }
        return (double)busy / (double)n;
}

/* ---- main --------------------------------------------------------------------------------------------- */

static const struct mode *find_mode(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(modes); i++)
                if (!strcmp(modes[i].name, name))
                        return &modes[i];
        return NULL;
}

static void usage(FILE *f)
{
        fprintf(f, "Usage: storm [-w] [-c CPU] [-t MILLISECONDS | -n OPERATIONS [-r PER_SECOND]] MODE\n\n");
        for (size_t i = 0; i < ELEMENTSOF(modes); i++)
                fprintf(f, "  %-10s %s\n", modes[i].name, modes[i].what);
}

/* Say who we are, and begin when there is a line on standard input, or its end. */
static void wait_for_line(void)
{
        char c;

        printf("ready pid=%d\n", self);
        fflush(stdout);
        while (read(0, &c, 1) == 1 && c != '\n')
                ;
}

static void pin(int cpu)
{
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        if (sched_setaffinity(0, sizeof(set), &set))
                fail("cannot stay on that processor");
}

/* low 0: not known */
static void report(const struct mode *m, uint64_t ops, double ns, double low, uint64_t cpu, uint64_t wall)
{
        printf("pid=%d ops=%ju ns=%.1f cpu=%.1f generated=%ju delivered=%ju seconds=%.3f", self,
               (uintmax_t)ops, ns, (double)cpu / (double)ops, (uintmax_t)ops * m->generated,
               (uintmax_t)ops * m->delivered, (double)wall / NSEC_PER_SEC);
        if (low > 0)
                printf(" low=%.1f", low);
        putchar('\n');
}

int main(int argc, char **argv)
{
        uint64_t ms = 150, n = 0, rate = 0, ops = 0, start, cpu;
        const struct mode *m;
        bool wait = false;
        double ns, low = 0;
        int o;

        if (argc == 2 && !strcmp(argv[1], NOTHING))
                return 0;
        while ((o = getopt(argc, argv, "wc:t:n:r:h")) != -1) {
                switch (o) {
                case 'w':
                        wait = true;
                        break;
                case 'c':
                        pin(atoi(optarg));
                        break;
                case 't':
                        ms = strtoull(optarg, NULL, 10);
                        break;
                case 'n':
                        n = strtoull(optarg, NULL, 10);
                        break;
                case 'r':
                        rate = strtoull(optarg, NULL, 10);
                        break;
                default:
                        usage(o == 'h' ? stdout : stderr);
                        return o == 'h' ? 0 : 2;
                }
        }
        m = optind == argc - 1 ? find_mode(argv[optind]) : NULL;
        if (!m) {
                usage(stderr);
                return 2;
        }
        self = getpid();
        if (m->setup)
                m->setup();
        if (wait)
                wait_for_line();
        start = now_ns();
        cpu = cpu_ns();
        ns = n ? run_paced(m, n, rate, &ops) : run_slices(m, ms, &ops, &low);
        report(m, ops, ns, low, cpu_ns() - cpu, now_ns() - start);
        if (child > 0)
                kill(child, SIGKILL);
        return 0;
}
