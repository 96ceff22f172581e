// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * signals storm ROUNDS: a parent and its child. The child handles every signal that can be handled; the
 * parent sends them all, stops and continues the child, and waits for it as a shell does. What both were
 * told is printed sorted and summed up, without pids and without times: two runs print the same bytes.
 * The child is "ready pid=": whoever traces it must not change a byte.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tests/scenarios/fixture.h"

#define RECORDS_MAX 131072
#define THREADS     4  /* that run beside the main thread, with everything blocked */
#define SHORT_LIVED 40 /* threads made and ended in a round, each of them signalled */
#define KIDS        10
#define EXECS       6
#define TICKS       20
#define QUEUED      8 /* values of each realtime signal in a row */
#define PAUSE_NS    20000
#define SHARED_FD   100 /* survives exec */

struct record {
        int sig, code, sender, uid;
        long value;
};

static struct shared {
        _Atomic int phase, done, n_records, blocked;
        int rounds;
        pid_t parent, child;
        struct record records[RECORDS_MAX];
} * shared;

enum sender {
        KERNEL,
        PARENT,
        SELF,
        KID,
};

static const char *const sender_names[] = {"kernel", "parent", "self", "kid"};

/* Long before our own end, so that there is time to say what was waited for. */
static time_t wait_seconds(void)
{
        return fixture_seconds() / 3;
}

static void nap(void)
{
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

/* A wait that never ends would be the worst difference: then the test says where. */
static void until(_Atomic int *what, int least, const char *where)
{
        time_t end = time(NULL) + wait_seconds();

        while (*what < least) {
                if (time(NULL) > end) {
                        printf("stuck: %s\n", where);
                        _exit(98);
                }
                nap();
        }
}

static void note(int sig, int code, int sender, int uid, long value)
{
        int i = shared->n_records++;

        if (i < RECORDS_MAX)
                shared->records[i] = (struct record){sig, code, sender, uid, value};
}

/* ---- the child: handlers ----------------------------------------------------------------------------- */

static sigjmp_buf fault;
static volatile sig_atomic_t faulting;
static void *volatile fault_address;

static int sender_of(const siginfo_t *si)
{
        if (si->si_pid == 0)
                return KERNEL;
        return si->si_pid == shared->parent ? PARENT : si->si_pid == shared->child ? SELF : KID;
}

static void on_any(int sig, siginfo_t *si, void *context)
{
        int saved = errno;

        (void)context;
        if (faulting && (sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL)) {
                note(sig, si->si_code, KERNEL, 0, si->si_addr == fault_address);
                siglongjmp(fault, 1);
        }
        if (si->si_code == SI_TIMER)
                note(sig, si->si_code, KERNEL, 0, si->si_value.sival_int);
        else if (sig == SIGCHLD && si->si_code > 0)
                note(sig, si->si_code, KID, (int)si->si_uid, si->si_status);
        else if (si->si_code == SI_KERNEL || si->si_code > 0)
                note(sig, si->si_code, KERNEL, 0, 0);
        else
                note(sig, si->si_code, sender_of(si), (int)si->si_uid,
                     si->si_code == SI_QUEUE ? si->si_value.sival_int : 0);
        errno = saved;
}

static bool catchable(int sig)
{
        return sig != SIGKILL && sig != SIGSTOP && (sig < 32 || sig >= SIGRTMIN) && sig <= SIGRTMAX;
}

static void handle_all(void)
{
        struct sigaction sa = {.sa_sigaction = on_any, .sa_flags = SA_SIGINFO | SA_RESTART};

        for (int sig = 1; sig <= SIGRTMAX; sig++)
                if (catchable(sig) && sigaction(sig, &sa, NULL) < 0)
                        die("sigaction");
}

static void mask_all(int how)
{
        sigset_t all;

        sigfillset(&all);
        pthread_sigmask(how, &all, NULL);
}

/* What a program does: system calls of all kinds, and none. */
static void live(int i)
{
        struct epoll_event event;
        static volatile unsigned long sum;
        int fd;

        switch (i % 4) {
        case 0:
                nap();
                break;
        case 1:
                fd = epoll_create1(0);
                epoll_wait(fd, &event, 1, 1);
                close(fd);
                break;
        case 2:
                for (int k = 0; k < 20000; k++)
                        sum += (unsigned long)k;
                break;
        default:
                syscall(SYS_getppid);
        }
}

static void *live_beside(void *arg)
{
        for (int i = 0;; i++)
                live(i);
        return arg;
}

static void start_beside(void)
{
        pthread_t thread;

        mask_all(SIG_BLOCK);
        for (int i = 0; i < THREADS; i++)
                if (pthread_create(&thread, NULL, live_beside, NULL) != 0)
                        die("pthread_create");
        mask_all(SIG_UNBLOCK);
}

/* ---- the phases, as child and as parent -------------------------------------------------------------- */

/* Each signal alone, until its handler has run: nothing coalesces. */
static void send_one(int sig, int how, int value)
{
        int before = shared->n_records, r;

        if (how == 0)
                r = kill(shared->child, sig);
        else if (how == 1)
                r = sigqueue(shared->child, sig, (union sigval){.sival_int = value});
        else
                r = (int)syscall(SYS_tgkill, shared->child, shared->child, sig);
        if (r < 0)
                die("kill");
        until(&shared->n_records, before + 1, "a signal was sent and its handler did not run");
}

static void parent_each(void)
{
        for (int round = 0; round < shared->rounds; round++)
                for (int sig = 1; sig <= SIGRTMAX; sig++)
                        for (int how = 0; catchable(sig) && how < 3; how++)
                                send_one(sig, how, round * 1000 + sig);
}

static void child_live(void)
{
        for (int i = 0; shared->phase < shared->done + 2; i++)
                live(i);
}

/* Realtime signals in a row without waiting: each is queued, in order. */
static void parent_queue(void)
{
        for (int round = 0; round < shared->rounds; round++) {
                int before = shared->n_records, sent = 0;

                for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++)
                        for (int i = 0; i < QUEUED; i++, sent++)
                                if (sigqueue(shared->child, sig, (union sigval){.sival_int = i + 1}) < 0)
                                        die("sigqueue");
                until(&shared->n_records, before + sent, "a queued signal was lost");
        }
}

static void parent_nothing(void)
{
}

/* A fault of the program's own, and back: handlers of real programs do the same. */
static void fault_at(void *address, void (*what)(void))
{
        fault_address = address;
        if (sigsetjmp(fault, 1) == 0)
                what();
}

static void write_there(void)
{
        *(volatile char *)fault_address = 1;
}

static void read_there(void)
{
        (void)*(volatile char *)fault_address;
}

static void divide(void)
{
        static volatile int zero;

        zero = 1 / zero;
}

static void run_nonsense(void)
{
        __asm__ volatile("ud2");
}

static void child_faults(void)
{
        void *beyond = mmap(NULL, 4096, PROT_READ, MAP_SHARED, SHARED_FD, 1L << 30);

        faulting = 1;
        for (int round = 0; round < shared->rounds; round++) {
                fault_at((void *)16, write_there);
                fault_at(beyond, read_there);
                fault_at(NULL, divide);
                fault_at(NULL, run_nonsense);
                __asm__ volatile("int3");
                raise(SIGUSR2);
        }
        faulting = 0;
}

static void child_timers(void)
{
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1};
        int clocks[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
        timer_t timer;

        for (int i = 0; i < TICKS; i++) {
                for (int k = 0; k < 3; k++) {
                        struct itimerval once = {.it_value.tv_usec = 1000};
                        int before = shared->n_records;

                        setitimer(clocks[k], &once, NULL);
                        while (shared->n_records == before)
                                live(2);
                }
                event.sigev_value.sival_int = i;
                if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) {
                        struct itimerspec once = {.it_value.tv_nsec = 500000};
                        int before = shared->n_records;

                        timer_settime(timer, 0, &once, NULL);
                        while (shared->n_records == before)
                                live(0);
                        timer_delete(timer);
                }
        }
}

static void child_kids(void)
{
        for (int i = 0; i < KIDS; i++) {
                int before = shared->n_records, status;
                pid_t kid = fork();

                if (kid == 0) {
                        mask_all(SIG_BLOCK);
                        _exit(i);
                }
                until(&shared->n_records, before + 1, "no SIGCHLD for a kid");
                if (waitpid(kid, &status, 0) == kid)
                        note(0, 0, KID, 0, status);
        }
}

static void *be_signalled(void *tid)
{
        mask_all(SIG_UNBLOCK);
        *(_Atomic int *)tid = gettid();
        while (*(_Atomic int *)tid)
                nap();
        return NULL;
}

static void child_threads(void)
{
        for (int i = 0; i < SHORT_LIVED * shared->rounds; i++) {
                int before = shared->n_records;
                _Atomic int tid = 0;
                pthread_t thread;

                if (pthread_create(&thread, NULL, be_signalled, (void *)&tid) != 0)
                        die("pthread_create");
                until(&tid, 1, "a thread did not start");
                syscall(SYS_tgkill, shared->child, tid, SIGUSR2);
                until(&shared->n_records, before + 1, "a thread was not signalled");
                tid = 0;
                pthread_join(thread, NULL);
        }
}

/* Taken without a handler: no tracer sees these. */
static void child_takes(void)
{
        sigset_t set;
        siginfo_t si;
        struct signalfd_siginfo fdsi;
        int fd;

        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        sigprocmask(SIG_BLOCK, &set, NULL);
        fd = signalfd(-1, &set, 0);
        shared->blocked = 1;
        for (int i = 0; i < shared->rounds * 10; i++)
                if (sigwaitinfo(&set, &si) == SIGUSR2)
                        note(-SIGUSR2, si.si_code, sender_of(&si), (int)si.si_uid, si.si_value.sival_int);
                else
                        note(-SIGUSR2, -errno, SELF, 0, 0);
        for (int i = 0; i < shared->rounds * 10; i++)
                if (read(fd, &fdsi, sizeof(fdsi)) == (ssize_t)sizeof(fdsi))
                        note(-SIGUSR2, fdsi.ssi_code, (pid_t)fdsi.ssi_pid == shared->parent ? PARENT : KID,
                             (int)fdsi.ssi_uid, fdsi.ssi_int);
        close(fd);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        shared->blocked = 0;
}

static void parent_takes(void)
{
        until(&shared->blocked, 1, "the child does not wait for its signal");
        for (int i = 0; i < shared->rounds * 20; i++)
                send_one(SIGUSR2, 1, i);
}

/* What SIGCHLD said of a stop or a continue. Its status is 0 if waitpid() was quicker than SIGCHLD, which
 * happens with and without a tracer: the kernel takes it from the place that a wait empties. */
static void note_sigchld(int sig, int status)
{
        const struct timespec limit = {.tv_sec = wait_seconds()};
        siginfo_t si;
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        if (sigtimedwait(&set, &si, &limit) == SIGCHLD)
                note(2000 + sig, si.si_code, si.si_pid == shared->child, (int)si.si_uid,
                     si.si_status ? si.si_status : status);
}

/* Job control: what waitpid() and SIGCHLD tell the parent. */
static void stopped_and_continued(int sig)
{
        int before = shared->n_records, status = 0;

        kill(shared->child, sig);
        if (waitpid(shared->child, &status, WUNTRACED) != shared->child)
                die("waitpid");
        note(1000 + sig, status, PARENT, 0, WIFSTOPPED(status));
        note_sigchld(sig, sig);
        kill(shared->child, SIGCONT);
        if (waitpid(shared->child, &status, WCONTINUED) != shared->child)
                die("waitpid");
        note(1000 + sig, status, PARENT, 0, WIFCONTINUED(status));
        note_sigchld(sig, SIGCONT);
        /* Four notes of ours and the child's handler of SIGCONT. */
        until(&shared->n_records, before + 5, "the handler of SIGCONT did not run");
        note(3000 + sig, 0, PARENT, 0, waitpid(shared->child, &status, WUNTRACED | WCONTINUED | WNOHANG));
}

static void parent_jobs(void)
{
        static const int stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};

        until(&shared->blocked, 1, "the child does not stop by default");
        for (int round = 0; round < shared->rounds * 3; round++)
                for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
                        stopped_and_continued(stops[i]);
        shared->blocked = 0;
}

static void child_jobs(void)
{
        signal(SIGTSTP, SIG_DFL);
        signal(SIGTTIN, SIG_DFL);
        signal(SIGTTOU, SIG_DFL);
        shared->blocked = 1;
        for (int i = 0; shared->blocked; i++)
                live(i);
        handle_all();
}

/* Pending signals, kept over an exec by the leader or by another thread. */
static void *exec_again(void *arg)
{
        char n[16];

        snprintf(n, sizeof(n), "%d", (int)(intptr_t)arg);
        execl("/proc/self/exe", "signals", "after-exec", n, (char *)NULL);
        die("exec");
        return NULL;
}

static void child_execs_from(int n)
{
        pthread_t thread;

        if (n == EXECS)
                return;
        mask_all(SIG_BLOCK);
        shared->blocked = n + 1;
        until(&shared->blocked, 1000, "nothing was sent before the exec");
        if (n % 2 && pthread_create(&thread, NULL, exec_again, (void *)(intptr_t)(n + 1)) == 0)
                pause();
        exec_again((void *)(intptr_t)(n + 1));
}

static void child_execs(void)
{
        child_execs_from(0);
}

static void parent_execs(void)
{
        for (int n = 0; n < EXECS; n++) {
                int before = shared->n_records;

                until(&shared->blocked, n + 1, "no exec");
                sigqueue(shared->child, SIGUSR2, (union sigval){.sival_int = n});
                sigqueue(shared->child, SIGRTMAX, (union sigval){.sival_int = n});
                shared->blocked = 1000;
                until(&shared->n_records, before + 3, "signals were lost over an exec");
        }
}

static const struct phase {
        void (*child)(void), (*parent)(void);
} phases[] = {
        {child_live, parent_each},      {child_live, parent_queue},   {child_faults, parent_nothing},
        {child_timers, parent_nothing}, {child_kids, parent_nothing}, {child_threads, parent_nothing},
        {child_takes, parent_takes},    {child_jobs, parent_jobs},    {child_execs, parent_execs},
};
#define N_PHASES ((int)(sizeof(phases) / sizeof(phases[0])))

/* ---- both -------------------------------------------------------------------------------------------- */

static void map_shared(void)
{
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_FD, 0);
        if (shared == MAP_FAILED)
                die("mmap");
}

static int child_from(int phase)
{
        for (int i = phase; i < N_PHASES; i++) {
                until(&shared->phase, i + 1, "the parent does not go on");
                phases[i].child();
                shared->done = i + 1;
        }
        _exit(7);
}

/* argv[2]: how often it has exec'd. What was pending arrives when it is unblocked. */
static int after_exec(int n)
{
        map_shared();
        fixture_guard();
        handle_all();
        note(0, n, SELF, 0, gettid() == getpid());
        shared->blocked = 0;
        mask_all(SIG_UNBLOCK);
        start_beside();
        child_execs_from(n);
        shared->done = N_PHASES;
        return child_from(N_PHASES);
}

static int compare(const void *a, const void *b)
{
        return memcmp(a, b, sizeof(struct record));
}

/* Equal records as one line; the order of queued values is looked at before sorting takes it away. */
static void print_records(void)
{
        int n = shared->n_records < RECORDS_MAX ? shared->n_records : RECORDS_MAX, last[65] = {},
            disorder = 0;

        for (int i = 0; i < n; i++) {
                const struct record *r = &shared->records[i];

                if (r->sig < SIGRTMIN || r->sig > SIGRTMAX || r->code != SI_QUEUE || r->value > QUEUED)
                        continue;
                disorder += r->value != 0 && r->value != last[r->sig] % QUEUED + 1;
                last[r->sig] = (int)r->value;
        }
        qsort(shared->records, (size_t)n, sizeof(struct record), compare);
        for (int i = 0, same; i < n; i += same) {
                const struct record *r = &shared->records[i];

                for (same = 1; i + same < n && compare(r, r + same) == 0; same++)
                        ;
                printf("signal=%d code=%d sender=%s uid=%d value=%ld times=%d\n", r->sig, r->code,
                       sender_names[r->sender], r->uid, r->value, same);
        }
        printf("records=%d disorder=%d\n", n, disorder);
}

static int storm(int rounds)
{
        int fd = memfd_create("signals", 0), status;

        if (fd < 0 || ftruncate(fd, sizeof(*shared)) < 0 || dup2(fd, SHARED_FD) < 0)
                die("memfd");
        close(fd);
        map_shared();
        shared->rounds = rounds > 0 ? rounds : 1;
        shared->parent = getpid();
        mask_all(SIG_BLOCK);
        shared->child = fork();
        if (shared->child == 0) {
                fixture_guard();
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                shared->child = getpid();
                handle_all();
                mask_all(SIG_UNBLOCK);
                start_beside();
                return child_from(0);
        }
        printf("ready pid=%d\n", shared->child);
        fixture_go(-1);
        for (int i = 0; i < N_PHASES; i++) {
                shared->phase = i + 1;
                phases[i].parent();
                if (phases[i].child == child_live)
                        shared->phase = i + 2;
                until(&shared->done, i + 1, "the child does not finish a phase");
        }
        if (waitpid(shared->child, &status, 0) != shared->child)
                die("waitpid");
        print_records();
        printf("done status=%d\n", status);
        return 0;
}

int main(int argc, char **argv)
{
        if (argc > 2 && strcmp(argv[1], "after-exec") == 0)
                return after_exec(atoi(argv[2]));
        if (argc > 2 && strcmp(argv[1], "storm") == 0) {
                fixture_guard();
                return storm(atoi(argv[2]));
        }
        fprintf(stderr, "usage: signals storm ROUNDS\n");
        return 2;
}
