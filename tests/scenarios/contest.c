// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * contest MODE ARG...: many tracers want one process at the same instant. Counts who got in, and with which
 * errno the others did not; says so in key=value lines. The tracers are released by a futex in shared memory
 * and wait for nothing in a loop: a guest may have two slow processors.
 */

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/scenarios/fixture.h"

#define THREADS_MAX    64
#define TRACERS_MAX    64
#define ATTACHERS_MAX  20000
#define FORKERS        8   /* threads that start the attachers of a storm */
#define WAVE           32  /* attachers that one of them has at a time */
#define ERRNO_MAX      134 /* of Linux: counts are kept by errno, 0 for success */
#define HANDOVER_MS    10000
#define EXEC_TRIES     16    /* attaches to a process right after its exec ... */
#define EXEC_TRIES_MAX 10000 /* ... and with those before it */

static const char *name_of(int error)
{
        return error ? strerrorname_np(error) : "won";
}

static uint64_t boottime_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void pause_ms(long ms)
{
        nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* ---- what all modes share: futexes, attach, counts --------------------------------------------------- */

static void futex_wait(_Atomic uint32_t *word, uint32_t while_it_is)
{
        while (*word == while_it_is)
                syscall(SYS_futex, word, FUTEX_WAIT, while_it_is, NULL, NULL, 0);
}

static void futex_set(_Atomic uint32_t *word, uint32_t value)
{
        *word = value;
        syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Count up, and wake whoever waits for the total. */
static void futex_arrive(_Atomic uint32_t *word, uint32_t total)
{
        if (++*word == total)
                syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void futex_await(_Atomic uint32_t *word, uint32_t total)
{
        for (uint32_t seen; (seen = *word) < total;)
                syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

static void *shared(size_t size)
{
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                die("mmap");
        return p;
}

static int seize(pid_t tid, unsigned long options)
{
        return ptrace(PTRACE_SEIZE, tid, NULL, options) < 0 ? errno : 0;
}

static int attach(pid_t tid)
{
        return ptrace(PTRACE_ATTACH, tid, NULL, NULL) < 0 ? errno : 0;
}

/* Of one that was seized or attached. A target that is gone needs no detach. */
static void detach(pid_t tid, int by_attach)
{
        int status;

        if (!by_attach && ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
                return;
        if (waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status) &&
            ptrace(PTRACE_DETACH, tid, NULL, NULL) < 0)
                die("PTRACE_DETACH");
}

struct counts {
        _Atomic uint32_t of[ERRNO_MAX];
};

static void count(struct counts *c, int error)
{
        c->of[error < ERRNO_MAX ? error : EINVAL]++;
}

/* " won=1 EBUSY=7" */
static void print_counts(const struct counts *c)
{
        for (int e = 0; e < ERRNO_MAX; e++)
                if (c->of[e] || e == 0)
                        printf(" %s=%u", name_of(e), c->of[e]);
}

static unsigned number(const char *text, unsigned max)
{
        unsigned long n = text ? strtoul(text, NULL, 10) : 0;

        if (n < 1 || n > max) {
                fprintf(stderr, "not a number from 1 to %u: %s\n", max, text ? text : "");
                _exit(2);
        }
        return (unsigned)n;
}

/* ---- a target of several threads ---------------------------------------------------------------------- */

struct target {
        _Atomic uint32_t n_ready, leave;
        unsigned n_threads;
        pid_t pid, tid[THREADS_MAX];
};

static struct target *the_target;

static void *target_thread(void *slot)
{
        struct target *t = the_target;

        *(pid_t *)slot = gettid();
        futex_arrive(&t->n_ready, t->n_threads);
        futex_wait(&t->leave, 0);
        return NULL;
}

static _Noreturn void target_main(struct target *t)
{
        pthread_attr_t small;
        pthread_t thread;

        fixture_guard();
        the_target = t;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 64 * 1024);
        for (unsigned i = 1; i < t->n_threads; i++)
                if (pthread_create(&thread, &small, target_thread, &t->tid[i]) != 0)
                        die("pthread_create");
        target_thread(&t->tid[0]);
        _exit(0);
}

static void target_start(struct target *t, unsigned n_threads)
{
        pid_t pid;

        *t = (struct target){.n_threads = n_threads};
        pid = fork(); /* not into *t, which the child shares */
        if (pid < 0)
                die("fork");
        if (pid == 0)
                target_main(t);
        t->pid = pid;
        futex_await(&t->n_ready, n_threads);
}

static void target_end(struct target *t)
{
        futex_set(&t->leave, 1);
        if (waitpid(t->pid, NULL, 0) != t->pid)
                die("waitpid");
}

/* ---- race ROUNDS THREADS TRACERS [seize|attach|mixed] -------------------------------------------- */

struct race {
        _Atomic uint32_t round, n_done, n_left; /* of a round: tracers that tried, tracers that let go */
        _Atomic uint32_t detach;                /* the round whose winners may let go */
        _Atomic uint32_t over;
        unsigned n_tracers;
        int how; /* 's', 'a', or 'm': every other one */
        int error[TRACERS_MAX];
        struct target target;
};

static _Noreturn void race_tracer(struct race *r, unsigned me)
{
        int by_attach = r->how == 'a' || (r->how == 'm' && me % 2);

        fixture_guard();
        for (uint32_t round = 1;; round++) {
                pid_t tid;

                futex_wait(&r->round, round - 1);
                if (r->over)
                        _exit(0);
                tid = r->target.tid[me % r->target.n_threads];
                r->error[me] = by_attach ? attach(tid) : seize(tid, 0);
                futex_arrive(&r->n_done, r->n_tracers);
                futex_wait(&r->detach, round - 1);
                if (r->error[me] == 0)
                        detach(tid, by_attach);
                futex_arrive(&r->n_left, r->n_tracers);
        }
}

/* After everybody has left, we get in, and at once: how many ms that took. */
static unsigned handover(pid_t tid)
{
        for (unsigned ms = 0; ms < HANDOVER_MS; ms++) {
                if (seize(tid, 0) == 0) {
                        detach(tid, 0);
                        return ms;
                }
                pause_ms(1);
        }
        return HANDOVER_MS;
}

/* Adds the round to the counts; how many won. */
static unsigned race_round(struct race *r, uint32_t round, struct counts *errors, unsigned *wins)
{
        unsigned winners = 0;

        r->n_done = r->n_left = 0;
        futex_set(&r->round, round);
        futex_await(&r->n_done, r->n_tracers);
        for (unsigned i = 0; i < r->n_tracers; i++) {
                count(errors, r->error[i]);
                if (r->error[i] == 0) {
                        wins[i]++;
                        winners++;
                }
        }
        futex_set(&r->detach, round);
        futex_await(&r->n_left, r->n_tracers);
        return winners;
}

static int mode_race(int n, char **args)
{
        unsigned rounds = number(n > 0 ? args[0] : NULL, 1000000);
        unsigned threads = number(n > 1 ? args[1] : NULL, THREADS_MAX);
        unsigned winners[TRACERS_MAX + 1] = {}, wins[TRACERS_MAX] = {}, wait, slowest = 0, stuck = 0,
                                       refused = 0;
        struct race *r = shared(sizeof(*r));
        struct counts errors = {};

        r->n_tracers = number(n > 2 ? args[2] : NULL, TRACERS_MAX);
        r->how = n > 3 ? args[3][0] : 's';
        for (unsigned i = 0; i < r->n_tracers; i++) {
                pid_t pid = fork();
                if (pid < 0)
                        die("fork");
                if (pid == 0)
                        race_tracer(r, i);
        }
        printf("ready pid=%d\n", getpid());
        for (uint32_t round = 1; round <= rounds; round++) {
                target_start(&r->target, threads);
                winners[race_round(r, round, &errors, wins)]++;
                wait = handover(r->target.tid[threads - 1]);
                slowest = wait > slowest ? wait : slowest;
                stuck += wait >= HANDOVER_MS;
                refused += wait;
                target_end(&r->target);
        }
        r->over = 1;
        futex_set(&r->round, rounds + 1);
        while (wait4(-1, NULL, 0, NULL) > 0)
                ;
        printf("race rounds=%u threads=%u tracers=%u exactly_one=%u nobody=%u", rounds, threads,
               r->n_tracers, winners[1], winners[0]);
        printf(" handover_stuck=%u handover_max_ms=%u handover_refused=%u\nerrors", stuck, slowest, refused);
        print_counts(&errors);
        printf("\nwinners_in_a_round");
        for (unsigned i = 0; i <= r->n_tracers; i++)
                if (winners[i])
                        printf(" %u:%u", i, winners[i]);
        printf("\nwins_by_tracer");
        for (unsigned i = 0; i < r->n_tracers; i++)
                printf(" %u", wins[i]);
        printf("\n");
        return winners[1] == rounds && !stuck ? 0 : 1;
}

/* ---- storm ATTACHERS THREADS --------------------------------------------------------------------- */

struct storm {
        _Atomic uint32_t gate[FORKERS]; /* the wave that may attach */
        _Atomic uint32_t n_waiting[FORKERS], n_tried[FORKERS];
        int error[FORKERS][WAVE]; /* of this wave's attachers */
        _Atomic uint32_t done;
        _Atomic pid_t winner;
        struct counts errors;
        struct target target;
};

struct forker {
        struct storm *storm;
        unsigned id, n; /* attachers that it starts */
        pthread_t thread;
};

static _Noreturn void attacher_main(struct storm *s, unsigned forker, uint32_t wave, unsigned i, unsigned of,
                                    pid_t tid)
{
        int error;

        fixture_guard();
        futex_arrive(&s->n_waiting[forker], of);
        futex_wait(&s->gate[forker], wave - 1);
        error = s->error[forker][i] = seize(tid, 0);
        count(&s->errors, error);
        if (error == 0)
                s->winner = getpid();
        futex_arrive(&s->n_tried[forker], of);
        if (error == 0) {
                futex_wait(&s->done, 0); /* keeps what it has */
                detach(tid, 0);
        }
        _exit(0);
}

static void *forker_main(void *arg)
{
        struct forker *f = arg;
        struct storm *s = f->storm;
        pid_t pid[WAVE];

        for (unsigned done = 0, wave = 1; done < f->n; wave++) {
                unsigned k = f->n - done < WAVE ? f->n - done : WAVE;

                s->n_waiting[f->id] = s->n_tried[f->id] = 0;
                for (unsigned i = 0; i < k; i++) {
                        pid_t tid = s->target.tid[(done + i + f->id) % s->target.n_threads];

                        pid[i] = fork();
                        if (pid[i] < 0)
                                die("fork");
                        if (pid[i] == 0)
                                attacher_main(s, f->id, wave, i, k, tid);
                }
                futex_await(&s->n_waiting[f->id], k);
                futex_set(&s->gate[f->id], wave);
                futex_await(&s->n_tried[f->id], k);
                for (unsigned i = 0; i < k; i++)
                        if (s->error[f->id][i] != 0)
                                (void)waitpid(pid[i], NULL, 0);
                done += k;
        }
        return NULL;
}

static int mode_storm(int n, char **args)
{
        unsigned attachers = number(n > 0 ? args[0] : NULL, ATTACHERS_MAX);
        unsigned threads = number(n > 1 ? args[1] : NULL, THREADS_MAX);
        struct forker forkers[FORKERS];
        struct storm *s = shared(sizeof(*s));
        unsigned won;

        target_start(&s->target, threads);
        printf("ready pid=%d target=%d\n", getpid(), s->target.pid);
        for (unsigned i = 0; i < FORKERS; i++) {
                forkers[i] = (struct forker){.storm = s, .id = i, .n = attachers / FORKERS};
                forkers[i].n += i < attachers % FORKERS;
                if (pthread_create(&forkers[i].thread, NULL, forker_main, &forkers[i]) != 0)
                        die("pthread_create");
        }
        for (unsigned i = 0; i < FORKERS; i++)
                pthread_join(forkers[i].thread, NULL);
        won = s->errors.of[0];
        printf("storm attachers=%u winner=%d", attachers, s->winner);
        print_counts(&s->errors);
        printf("\n");
        fixture_go(-1);
        futex_set(&s->done, 1);
        target_end(&s->target);
        while (wait4(-1, NULL, 0, NULL) > 0)
                ;
        return won == 1 ? 0 : 1;
}

/* ---- hammer COUNT PID [PAUSE_MS] ----------------------------------------------------------------- */

/* Attach and detach, COUNT times or until SIGUSR1; a line whenever the outcome changes. */
static int mode_hammer(int n, char **args)
{
        unsigned tries = number(n > 0 ? args[0] : NULL, UINT_MAX);
        pid_t pid = (pid_t)number(n > 1 ? args[1] : NULL, INT_MAX);
        int ms = n > 2 ? atoi(args[2]) : 0, last = -1;
        struct counts errors = {};
        unsigned done;

        printf("ready pid=%d\n", getpid());
        for (done = 0; done < tries; done++) {
                int error = seize(pid, 0);

                if (error == 0)
                        detach(pid, 0);
                count(&errors, error);
                if (error != last)
                        printf("at=%ju try=%u result=%s\n", (uintmax_t)boottime_ns(), done, name_of(error));
                last = error;
                if (fixture_go(ms)) {
                        done++;
                        break;
                }
        }
        printf("hammer tried=%u", done);
        print_counts(&errors);
        printf("\n");
        return 0;
}

/* ---- exec-race ROUNDS PROGRAM ARG... ------------------------------------------------------------- */

static int is_running(pid_t pid, const char *program)
{
        char link[32], path[PATH_MAX];
        ssize_t n;

        snprintf(link, sizeof(link), "/proc/%d/exe", pid);
        n = readlink(link, path, sizeof(path) - 1);
        return n > 0 && (size_t)n == strlen(program) && memcmp(path, program, (size_t)n) == 0;
}

/* exec closes its end of the pipe when the new program is in its place, before the first instruction. */
static pid_t start_program(char **args, int *ret_closed)
{
        int fds[2];
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0)
                die("fork");
        if (pid == 0) {
                int null = open("/dev/null", O_RDWR);

                if (dup2(null, 1) < 0)
                        die("dup2");
                execv(args[0], args);
                die(args[0]);
        }
        close(fds[1]);
        *ret_closed = fds[0];
        return pid;
}

struct exec_race {
        const char *program;
        unsigned slipped, early; /* attached after the exec, and before it */
        struct counts errors;
};

static void attach_once(struct exec_race *r, pid_t pid)
{
        int status, error = seize(pid, PTRACE_O_TRACEEXEC);

        count(&r->errors, error);
        if (error)
                return;
        (void)ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
        if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
                die("no stop");
        /* Who was in before the exec gets the exec's event. */
        if (status >> 16 != PTRACE_EVENT_EXEC && is_running(pid, r->program))
                r->slipped++;
        else
                r->early++;
        (void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

/* Starts PROGRAM and attaches again and again from the instant of its exec on; blind: from the fork on. */
static void exec_round(struct exec_race *r, char **args, bool blind)
{
        int closed, flags = blind ? O_NONBLOCK : 0;
        pid_t pid = start_program(args, &closed);
        unsigned since = 0;
        char byte;

        if (fcntl(closed, F_SETFL, flags) < 0)
                die("fcntl");
        for (unsigned i = 0; since < EXEC_TRIES && i < EXEC_TRIES_MAX; i++) {
                if (since > 0 || read(closed, &byte, 1) == 0)
                        since++;
                attach_once(r, pid);
        }
        close(closed);
        kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, __WALL);
}

static int mode_exec_race(int n, char **args)
{
        unsigned rounds = number(n > 0 ? args[0] : NULL, 1000000);
        struct exec_race r = {.program = n > 1 ? args[1] : ""};

        if (r.program[0] != '/')
                return 2;
        printf("ready pid=%d\n", getpid());
        for (unsigned round = 0; round < rounds; round++)
                exec_round(&r, args + 1, round % 2 == 1);
        printf("exec-race rounds=%u slipped=%u before_exec=%u", rounds, r.slipped, r.early);
        print_counts(&r.errors);
        printf("\n");
        return 0;
}

/* ---- cycle --------------------------------------------------------------------------------------- */

struct cycle {
        _Atomic uint32_t step;
        pid_t pid[2];
        int error[2];
};

/* Two processes, neither the other's child, trace each other: the first does, then the second tries. */
static int mode_cycle(int n, char **args)
{
        struct cycle *c = shared(sizeof(*c));

        (void)n;
        (void)args;
        for (unsigned i = 0; i < 2; i++) {
                pid_t pid = fork();

                if (pid < 0)
                        die("fork");
                if (pid > 0) {
                        c->pid[i] = pid;
                        continue;
                }
                fixture_guard();
                futex_await(&c->step, i + 1);
                c->error[i] = seize(c->pid[!i], 0);
                futex_set(&c->step, i + 2);
                futex_await(&c->step, 4);
                _exit(0);
        }
        printf("ready pid=%d first=%d second=%d\n", getpid(), c->pid[0], c->pid[1]);
        fixture_go(-1);
        futex_set(&c->step, 1);
        futex_await(&c->step, 3);
        printf("cycle first=%s second=%s\n", name_of(c->error[0]), name_of(c->error[1]));
        kill(c->pid[1], SIGKILL);
        kill(c->pid[0], SIGKILL);
        while (wait4(-1, NULL, 0, NULL) > 0)
                ;
        return 0;
}

static const struct mode {
        const char *name;
        int (*run)(int n, char **args);
} modes[] = {
        {"race", mode_race},           {"storm", mode_storm}, {"hammer", mode_hammer},
        {"exec-race", mode_exec_race}, {"cycle", mode_cycle},
};

int main(int argc, char **argv)
{
        fixture_guard();
        for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
                if (strcmp(argv[1], modes[i].name) == 0)
                        return modes[i].run(argc - 2, argv + 2);
        fprintf(stderr, "usage: contest MODE ARG...\n");
        return 2;
}
