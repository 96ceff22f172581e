// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tracer MODE ARG...: a raw tracer that does one thing a debugger does, or does wrong. Says "ready pid=..."
 * when the state is reached, keeps the tracees going (signals are passed on, stops of its own are not) and
 * waits for SIGUSR1 from the test (fixture.h).
 */

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tests/scenarios/fixture.h"

#define TICK_MS      5
#define TRACEES_MAX  64
#define TRIES_MAX    200000
#define SPIN_MAX     4096 /* turns, between letting a thread run and stopping it again */
#define STATUS_BYTES 32
#define STOP_LOOK_MS 10 /* until the other threads take part in a stop */

static pid_t tracees[TRACEES_MAX];
static int n_tracees;

static void ready(void)
{
        printf("ready pid=%d\n", getpid());
}

static void seize(pid_t tid, unsigned long options)
{
        if (n_tracees == TRACEES_MAX || ptrace(PTRACE_SEIZE, tid, NULL, options) < 0)
                die("PTRACE_SEIZE");
        tracees[n_tracees++] = tid;
}

/* Let a stopped tracee go on; its own SIGTRAPs end here, as in a debugger, other signals are passed on. */
static void resume(pid_t tid, int status)
{
        int sig = WSTOPSIG(status) & 0x7f, event = status >> 16;

        if (event != 0 || sig == SIGTRAP)
                sig = 0;
        (void)ptrace(PTRACE_CONT, tid, NULL, (unsigned long)sig);
}

/* Serve the tracees until the test says go. */
static void serve(void)
{
        int status;
        pid_t tid;

        while (!fixture_go(TICK_MS))
                while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
                        if (WIFSTOPPED(status))
                                resume(tid, status);
}

/* Bring tid into a ptrace-stop, whatever it does. */
static void stop(pid_t tid)
{
        int status;

        if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0 || waitpid(tid, &status, __WALL) != tid)
                die("PTRACE_INTERRUPT");
}

static void detach_all(void)
{
        for (int i = 0; i < n_tracees; i++) {
                stop(tracees[i]);
                if (ptrace(PTRACE_DETACH, tracees[i], NULL, NULL) < 0)
                        die("PTRACE_DETACH");
        }
}

/* hold TID...: trace each of them, detach cleanly when told. */
static int mode_hold(int n, char **args)
{
        for (int i = 0; i < n; i++)
                seize(atoi(args[i]), 0);
        ready();
        serve();
        detach_all();
        return 0;
}

/* Put an int3 at address; the word that was there. */
static long plant(pid_t tid, uintptr_t address)
{
        long word;

        errno = 0;
        word = ptrace(PTRACE_PEEKTEXT, tid, (void *)address, NULL);
        if (errno != 0 ||
            ptrace(PTRACE_POKETEXT, tid, (void *)address, (void *)((word & ~0xffL) | 0xcc)) < 0)
                die("PTRACE_POKETEXT");
        return word;
}

static long seize_and_plant(char **args)
{
        pid_t tid = atoi(args[0]);
        long word;

        seize(tid, 0);
        stop(tid);
        word = plant(tid, strtoul(args[1], NULL, 0));
        (void)ptrace(PTRACE_CONT, tid, NULL, NULL);
        return word;
}

/* plant TID ADDRESS: arm a breakpoint and go on tracing; disarm and detach when told. */
static int mode_plant(int n, char **args)
{
        long word;

        if (n < 2)
                return 2;
        word = seize_and_plant(args);
        ready();
        serve();
        stop(tracees[0]);
        (void)ptrace(PTRACE_POKETEXT, tracees[0], (void *)strtoul(args[1], NULL, 0), (void *)word);
        (void)ptrace(PTRACE_DETACH, tracees[0], NULL, NULL);
        return 0;
}

/* plant-dirty TID ADDRESS: detach without disarming. Stays alive, so that it is not a dead tracer. */
static int mode_plant_dirty(int n, char **args)
{
        if (n < 2)
                return 2;
        (void)seize_and_plant(args);
        detach_all();
        ready();
        fixture_go(-1);
        return 0;
}

static void *plant_and_end(void *args)
{
        (void)seize_and_plant(args);
        return (void *)(intptr_t)gettid();
}

/* thread-plant TID ADDRESS: a thread of ours arms a breakpoint and ends without a detach; we go on. */
static int mode_thread_plant(int n, char **args)
{
        pthread_t thread;
        void *tid;

        if (n < 2)
                return 2;
        if (pthread_create(&thread, NULL, plant_and_end, args) != 0 || pthread_join(thread, &tid) != 0)
                die("pthread_create");
        printf("ready pid=%d tid=%d\n", getpid(), (int)(intptr_t)tid);
        fixture_go(-1);
        return 0;
}

static void *hold_by_thread(void *tid)
{
        (void)prctl(PR_SET_NAME, "a-thread-of-it");
        seize(*(pid_t *)tid, 0);
        ready();
        serve();
        detach_all();
        return NULL;
}

/* thread-hold TID: a thread of ours, with a name of its own, traces it. */
static int mode_thread_hold(int n, char **args)
{
        pid_t tid = n > 0 ? atoi(args[0]) : -1;
        pthread_t thread;

        if (pthread_create(&thread, NULL, hold_by_thread, &tid) != 0 || pthread_join(thread, NULL) != 0)
                die("pthread_create");
        return 0;
}

/* ptrace(2) as a 32-bit program calls it. */
static long ptrace32(long request, pid_t tid)
{
        long r;

        __asm__ volatile("int $0x80"
                         : "=a"(r)
                         : "a"(26L), "b"(request), "c"((long)tid), "d"(0L), "S"(0L)
                         : "memory", "r8", "r9", "r10", "r11");
        return r;
}

/* Without ptrace(2), as debuggers do. */
static void write_int3(pid_t tid, off_t address)
{
        const unsigned char int3 = 0xcc;
        char path[32];
        int fd;

        snprintf(path, sizeof(path), "/proc/%d/mem", tid);
        fd = open(path, O_RDWR);
        if (fd < 0 || pwrite(fd, &int3, 1, address) != 1)
                die(path);
        close(fd);
}

/* seize32 TID [ADDRESS]: trace it as a 32-bit tool does, whose calls tier tracepoint does not see, and leave a
 * breakpoint there. ENOSYS: this kernel takes no such calls. */
static int mode_seize32(int n, char **args)
{
        pid_t tid = n > 0 ? atoi(args[0]) : -1;
        long r = ptrace32(PTRACE_SEIZE, tid);

        if (r == 0 && n > 1)
                write_int3(tid, (off_t)strtoul(args[1], NULL, 0));
        printf("ready pid=%d errno=%s\n", getpid(), r < 0 ? strerrorname_np((int)-r) : "0");
        fixture_go(-1);
        if (r == 0 && ptrace32(PTRACE_INTERRUPT, tid) == 0 && waitpid(tid, NULL, __WALL) == tid)
                ptrace32(PTRACE_DETACH, tid);
        return 0;
}

/* poke TID ADDRESS: change one byte of the text, to no breakpoint, and leave it so. */
static int mode_poke(int n, char **args)
{
        uintptr_t address;
        pid_t tid;
        long word;

        if (n < 2)
                return 2;
        tid = atoi(args[0]);
        address = strtoul(args[1], NULL, 0);
        seize(tid, 0);
        stop(tid);
        errno = 0;
        word = ptrace(PTRACE_PEEKTEXT, tid, (void *)address, NULL);
        if (errno != 0 || ptrace(PTRACE_POKETEXT, tid, (void *)address, (void *)(word ^ 0x10)) < 0)
                die("PTRACE_POKETEXT");
        if (ptrace(PTRACE_DETACH, tid, NULL, NULL) < 0)
                die("PTRACE_DETACH");
        ready();
        return 0;
}

/* The first word of a field of /proc/TID/status; "": there is none. */
static void read_status(pid_t tid, const char *field, char ret[STATUS_BYTES])
{
        char path[64], line[256];
        FILE *f;

        ret[0] = '\0';
        snprintf(path, sizeof(path), "/proc/%d/status", tid);
        f = fopen(path, "re");
        while (f && !ret[0] && fgets(line, sizeof(line), f))
                if (strncmp(line, field, strlen(field)) == 0)
                        (void)sscanf(line + strlen(field), " %31s", ret);
        if (f)
                fclose(f);
}

/* Is the trap of an int3 at `address` on its way, and not reported yet? */
static int trap_is_pending(pid_t tid, uintptr_t address)
{
        struct user_regs_struct regs;
        char pending[STATUS_BYTES];

        if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0 || regs.rip != address + 1)
                return 0;
        read_status(tid, "SigPnd:", pending);
        return strtoul(pending, NULL, 16) >> (SIGTRAP - 1) & 1;
}

/* In a group-stop. Let go of before that, a thread would take its trap first. */
static int is_stopped(pid_t pid)
{
        char state[STATUS_BYTES];

        read_status(pid, "State:", state);
        return state[0] == 'T';
}

/*
 * trap-pending PID TID ADDRESS: TID runs into a breakpoint at ADDRESS, and at that very moment the tracer
 * stops it, stops the process, and leaves: the trap is still to come. TID is not the main thread, which
 * takes the SIGSTOP. It is a matter of a microsecond, so it is tried again until it happens.
 */
static int mode_trap_pending(int n, char **args)
{
        struct user_regs_struct regs;
        int status, tries;
        uintptr_t address;
        pid_t tid, pid;

        if (n < 3)
                return 2;
        pid = atoi(args[0]);
        tid = atoi(args[1]);
        address = strtoul(args[2], NULL, 0);
        (void)seize_and_plant((char *[]){args[1], args[2]});
        if (kill(pid, SIGUSR1) < 0 || waitpid(tid, &status, __WALL) != tid)
                die("waitpid");
        for (tries = 0; tries < TRIES_MAX && !trap_is_pending(tid, address); tries++) {
                if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0)
                        die("PTRACE_GETREGS");
                regs.rip = address;
                if (ptrace(PTRACE_SETREGS, tid, NULL, &regs) < 0 || ptrace(PTRACE_CONT, tid, NULL, NULL) < 0)
                        die("PTRACE_CONT");
                for (volatile int spin = tries % SPIN_MAX; spin > 0; spin--)
                        ;
                stop(tid);
        }
        if (kill(pid, SIGSTOP) < 0)
                die("SIGSTOP");
        while (!is_stopped(pid))
                fixture_go(STOP_LOOK_MS);
        (void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
        printf("ready pid=%d pending=%d tries=%d\n", getpid(), tries < TRIES_MAX, tries);
        return 0;
}

/* attach-exit PID: PTRACE_ATTACH and end at once: its SIGSTOP stays behind. */
static int mode_attach_exit(int n, char **args)
{
        if (n < 1 || ptrace(PTRACE_ATTACH, atoi(args[0]), NULL, NULL) < 0)
                die("PTRACE_ATTACH");
        return 0;
}

/* attach PID: say what PTRACE_ATTACH answers; detach again if it worked. */
static int mode_attach(int n, char **args)
{
        pid_t pid = n > 0 ? atoi(args[0]) : -1;
        int status, r = ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0 ? errno : 0;

        if (r == 0 && waitpid(pid, &status, __WALL) == pid)
                (void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
        printf("ready pid=%d errno=%s\n", getpid(), r ? strerrorname_np(r) : "0");
        return r ? 1 : 0;
}

/* stop PID: attach, and leave it in its ptrace-stop, as a debugger at its prompt does. */
static int mode_stop(int n, char **args)
{
        if (n < 1)
                return 2;
        seize(atoi(args[0]), 0);
        stop(tracees[0]);
        ready();
        fixture_go(-1);
        (void)ptrace(PTRACE_DETACH, tracees[0], NULL, NULL);
        return 0;
}

static void *wait_here(void *tid)
{
        *(volatile pid_t *)tid = gettid();
        pause();
        return NULL;
}

/* attach-self: attach to a thread of our own, then wait. */
static int mode_attach_self(int n, char **args)
{
        static volatile pid_t tid;
        pthread_t thread;
        int r;

        (void)n;
        (void)args;
        if (pthread_create(&thread, NULL, wait_here, (void *)&tid) != 0)
                die("pthread_create");
        while (tid == 0)
                sched_yield();
        r = ptrace(PTRACE_ATTACH, tid, NULL, NULL) < 0 ? errno : 0;
        printf("ready pid=%d tid=%d errno=%s\n", getpid(), tid, r ? strerrorname_np(r) : "0");
        fixture_go(-1);
        return r ? 1 : 0;
}

/* read-vm PID ADDRESS: read memory as profilers do, without ptrace. */
static int mode_read_vm(int n, char **args)
{
        char byte;
        struct iovec here = {.iov_base = &byte, .iov_len = 1}, there = here;
        int error;

        if (n < 2)
                return 2;
        there.iov_base = (void *)strtoul(args[1], NULL, 0);
        error = process_vm_readv(atoi(args[0]), &here, 1, &there, 1, 0) == 1 ? 0 : errno;
        printf("ready pid=%d errno=%s\n", getpid(), error ? strerrorname_np(error) : "0");
        return error ? 1 : 0;
}

/* read-mem PID ADDRESS: the same by /proc/PID/mem. */
static int mode_read_mem(int n, char **args)
{
        char path[32], byte;
        int fd, error;

        if (n < 2)
                return 2;
        snprintf(path, sizeof(path), "/proc/%d/mem", atoi(args[0]));
        fd = open(path, O_RDONLY);
        error = fd >= 0 && pread(fd, &byte, 1, (off_t)strtoul(args[1], NULL, 0)) == 1 ? 0 : errno;
        printf("ready pid=%d errno=%s\n", getpid(), error ? strerrorname_np(error) : "0");
        return error ? 1 : 0;
}

static const struct mode {
        const char *name;
        int (*run)(int n, char **args);
} modes[] = {
        {"hold", mode_hold},
        {"plant", mode_plant},
        {"plant-dirty", mode_plant_dirty},
        {"thread-plant", mode_thread_plant},
        {"thread-hold", mode_thread_hold},
        {"seize32", mode_seize32},
        {"poke", mode_poke},
        {"trap-pending", mode_trap_pending},
        {"attach", mode_attach},
        {"attach-exit", mode_attach_exit},
        {"attach-self", mode_attach_self},
        {"stop", mode_stop},
        {"read-vm", mode_read_vm},
        {"read-mem", mode_read_mem},
};

int main(int argc, char **argv)
{
        fixture_guard();
        for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
                if (strcmp(argv[1], modes[i].name) == 0)
                        return modes[i].run(argc - 2, argv + 2);
        fprintf(stderr, "usage: tracer MODE ARG...\n");
        return 2;
}
