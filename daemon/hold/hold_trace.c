/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hold/hold_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"
#include "daemon/hold/hold.h"

#define OPTIONS         PTRACE_O_TRACECLONE /* no EXITKILL: whatever happens to us, the target goes on */
#define PASSES_MAX      32                  /* over all threads, until one finds nothing new */
#define SERVE_EVERY     64                  /* threads looked at before stops are served again */
#define PENDING_MAX     HOLD_THREADS_MAX    /* stops served in a row during a scan */
#define FOLLOW_EVERY    32                  /* stops served before we move to where the program runs */
#define SEIZE_LOOK_MS   20                  /* a seizing may take, before ends are taken during it */
#define SETTLE_MS       200                 /* for a frozen process's threads to stop */
#define FROZEN_LOOK_S   1                   /* between looks at a frozen process of which nothing is heard */
#define STRANGER_MS     100                 /* for a child that is no thread to stop */
#define ERESTARTNOHAND  514                 /* the kernel's own: restart unless a handler runs */
#define PROCESSOR_FIELD 39                  /* of /proc/PID/stat */
#define CODE_SEGMENT_64 0x33
#define NSEC_PER_MS     1000000L

struct tracer {
        struct trace_shared *shared;
        uint32_t pid;
        int pidfd, doorbell;
        uint32_t n_threads, stops;
        uint32_t looked, fresh; /* of the pass under way */
        bool denied, frozen;
        uint8_t known[PROC_PIDS_MAX / 8]; /* threads that are ours, of the scan under way */
};

/* The process does nothing else. Pages of it that are not touched cost nothing. */
static struct tracer the_tracer;

static void ring(struct tracer *t)
{
        (void)!write(t->doorbell, &(uint64_t){1}, sizeof(uint64_t));
}

static void enter_phase(struct tracer *t, enum trace_phase phase)
{
        t->shared->n_threads = t->n_threads;
        t->shared->phase = phase;
        ring(t);
}

_Noreturn static void leave(struct tracer *t, enum trace_phase phase, int error)
{
        t->shared->error = error;
        enter_phase(t, phase);
        _exit(0);
}

static void pause_ms(long ms)
{
        nanosleep(&(struct timespec){.tv_nsec = ms * NSEC_PER_MS}, NULL);
}

static int same_process(const struct tracer *t)
{
        return syscall(SYS_pidfd_send_signal, t->pidfd, 0, NULL, 0) < 0 ? -ESRCH : 0;
}

/* ---- calls that ignored signals must not end ------------------------------------------------------- */

/*
 * A traced thread is woken by signals that it ignores, too. Most system calls are restarted by the kernel
 * then, some never are and return EINTR, without that any handler ran (ptrace(2), BUGS). In the stop before
 * the signal the result can be changed to the one with which calls are restarted unless a handler runs.
 * Only where the call waits without a limit: with one it would begin anew.
 */
enum limit {
        LIMIT_NONE,
        LIMIT_NEGATIVE_R10, /* there is none if the register is negative, as an int */
        LIMIT_NULL_R10,
        LIMIT_NULL_RDX,
        LIMIT_NULL_R8,
};

static const struct {
        unsigned long nr;
        enum limit limit;
} never_restarted[] = {
        {SYS_epoll_wait, LIMIT_NEGATIVE_R10},
        {SYS_epoll_pwait, LIMIT_NEGATIVE_R10},
        {SYS_epoll_pwait2, LIMIT_NULL_R10},
        {SYS_rt_sigtimedwait, LIMIT_NULL_RDX},
        {SYS_semop, LIMIT_NONE},
        {SYS_semtimedop, LIMIT_NULL_R10},
        {SYS_io_getevents, LIMIT_NULL_R8},
};

static bool waits_without_limit(const struct user_regs_struct *regs)
{
        for (size_t i = 0; i < ELEMENTSOF(never_restarted); i++) {
                if (never_restarted[i].nr != regs->orig_rax)
                        continue;
                switch (never_restarted[i].limit) {
                case LIMIT_NONE:
                        return true;
                case LIMIT_NEGATIVE_R10:
                        return (int)regs->r10 < 0;
                case LIMIT_NULL_R10:
                        return regs->r10 == 0;
                case LIMIT_NULL_RDX:
                        return regs->rdx == 0;
                case LIMIT_NULL_R8:
                        return regs->r8 == 0;
                }
        }
        return false;
}

static bool is_stop_signal(int sig)
{
        return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

/* A job-control stop does end these calls, held or not: then the result is EINTR again. SIGCONT may be the
 * end of such a stop, so it is left as it is. */
static void keep_waiting(pid_t tid, int sig)
{
        long now, wanted = is_stop_signal(sig) ? -EINTR : -ERESTARTNOHAND;
        struct user_regs_struct regs;

        if (sig == SIGCONT)
                return;
        errno = 0;
        now = ptrace(PTRACE_PEEKUSER, tid, offsetof(struct user_regs_struct, rax), NULL);
        if (errno != 0 || now == wanted || (now != -EINTR && now != -ERESTARTNOHAND))
                return;
        if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) == 0 && regs.cs == CODE_SEGMENT_64 &&
            waits_without_limit(&regs))
                (void)ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rax), wanted);
}

/* ---- breakpoints ------------------------------------------------------------------------------------- */

/* The thread is in the stop of a SIGTRAP: where its int3 (cc, or cd 03) begins. */
static bool at_breakpoint(pid_t tid, uint64_t *ret_ip)
{
        _cleanup_close_ int fd = -1;
        struct user_regs_struct regs;
        unsigned char code[2] = {};
        char path[32];
        siginfo_t info;

        if (ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) < 0 ||
            (info.si_code != SI_KERNEL && info.si_code != TRAP_BRKPT) ||
            ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0)
                return false;
        snprintf(path, sizeof(path), "/proc/%d/mem", tid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        if (pread(fd, code, 1, (off_t)regs.rip - 1) == 1 && code[0] == 0xcc) {
                *ret_ip = regs.rip - 1;
                return true;
        }
        if (pread(fd, code, 2, (off_t)regs.rip - 2) == 2 && code[0] == 0xcd && code[1] == 0x03) {
                *ret_ip = regs.rip - 2;
                return true;
        }
        return false;
}

/* What stop a thread is in: signal, and event << 8. 0: in none. Nothing is taken. */
static int stop_of(pid_t tid)
{
        siginfo_t si = {};

        if (waitid(P_PID, (id_t)tid, &si, WSTOPPED | WNOWAIT | WNOHANG | __WALL) < 0 || si.si_pid == 0)
                return 0;
        return si.si_status;
}

static int interrupt(void *userdata _unused_, uint32_t pid _unused_, uint32_t tid)
{
        (void)ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
        return 0;
}

static int runs_still(void *userdata _unused_, uint32_t pid _unused_, uint32_t tid)
{
        return stop_of((pid_t)tid) == 0;
}

static int seize(void *userdata, uint32_t pid, uint32_t tid);

/* All other threads into a stop, which is then simply not answered. One that cannot stop now (it waits for
 * its vfork child) stops by itself later. */
static void freeze(struct tracer *t, pid_t tid, uint64_t ip)
{
        t->shared->caught_tid = (uint32_t)tid;
        t->shared->caught_ip = ip;
        t->frozen = true;
        if (t->shared->phase == TRACE_SEIZING)
                (void)procfs_each_thread(t->pid, seize, t);
        (void)procfs_each_thread(t->pid, interrupt, t);
        for (int i = 0; i < SETTLE_MS && procfs_each_thread(t->pid, runs_still, t) > 0; i++)
                pause_ms(1);
        enter_phase(t, TRACE_CAUGHT);
}

static int set_back(void *userdata _unused_, uint32_t pid _unused_, uint32_t tid)
{
        uint64_t ip;

        if (stop_of((pid_t)tid) != SIGTRAP || !at_breakpoint((pid_t)tid, &ip))
                return 0;
        if (ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rip), ip) == 0)
                (void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
        return 0;
}

/*
 * The SIGSTOP is pending for the process before the first thread is let go of, so that none returns to its
 * program. Threads that are at a breakpoint run it again for whoever traces them then.
 */
_Noreturn static void hand_over(struct tracer *t)
{
        (void)syscall(SYS_pidfd_send_signal, t->pidfd, SIGSTOP, NULL, 0);
        (void)procfs_each_thread(t->pid, set_back, t);
        _exit(0);
}

/* Looked at first: waiting for ends alone would take a stop as well. */
static bool took_end(uint32_t tid)
{
        siginfo_t si = {};

        if (waitid(P_PID, tid, &si, WEXITED | WNOWAIT | WNOHANG | __WALL) < 0 || si.si_pid == 0 ||
            si.si_code == CLD_TRAPPED || si.si_code == CLD_STOPPED)
                return false;
        return waitid(P_PID, tid, &si, WEXITED | WNOHANG | __WALL) == 0;
}

/* 1 if that was the process. */
static int take_end(void *userdata _unused_, uint32_t pid, uint32_t tid)
{
        return took_end(tid) && tid == pid;
}

/* Stops stay as they are, only ends are taken, so that the real parent learns of a SIGKILL. */
_Noreturn static void stay_frozen(struct tracer *t)
{
        const struct timespec look = {.tv_sec = FROZEN_LOOK_S};
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        sigaddset(&set, TRACE_KICK);
        sigprocmask(SIG_BLOCK, &set, NULL);
        for (;;) {
                /* The second time for a leader, whose end can be taken after those of its threads only. */
                for (int i = 0; i < 2; i++)
                        if (procfs_each_thread(t->pid, take_end, t) > 0)
                                leave(t, TRACE_GONE, 0);
                if (same_process(t) < 0)
                        leave(t, TRACE_GONE, 0);
                if (t->shared->command == TRACE_HAND_OVER)
                        hand_over(t);
                t->shared->command = TRACE_NO_COMMAND;
                (void)sigtimedwait(&set, NULL, &look);
        }
}

/* ---- stops and ends ---------------------------------------------------------------------------------- */

static bool makes_thread(pid_t tid)
{
        struct user_regs_struct regs;
        unsigned long flags;

        if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0 || regs.cs != CODE_SEGMENT_64)
                return false;
        flags = regs.rdi;
        if (regs.orig_rax == SYS_clone3) {
                errno = 0;
                flags = (unsigned long)ptrace(PTRACE_PEEKDATA, tid, regs.rdi, NULL);
                if (errno != 0)
                        return false;
        } else if (regs.orig_rax != SYS_clone)
                return false;
        return flags & CLONE_THREAD;
}

/* A child process that ends with another signal than SIGCHLD is followed like a thread: it is not ours. */
static void let_go_of_stranger(struct tracer *t, pid_t tid)
{
        unsigned long child = 0;
        struct task_ref task;
        int stop;

        if (ptrace(PTRACE_GETEVENTMSG, tid, NULL, &child) < 0 || procfs_task((uint32_t)child, &task) < 0)
                return;
        if (task.pid == t->pid) {
                t->n_threads++;
                return;
        }
        (void)ptrace(PTRACE_INTERRUPT, (pid_t)child, NULL, NULL);
        for (int i = 0; (stop = stop_of((pid_t)child)) == 0 && i < STRANGER_MS; i++)
                pause_ms(1);
        (void)ptrace(PTRACE_DETACH, (pid_t)child, NULL, (long)(stop >> 8 ? 0 : stop));
}

static void on_clone(struct tracer *t, pid_t tid)
{
        if (makes_thread(tid))
                t->n_threads++;
        else
                let_go_of_stranger(t, tid);
        (void)ptrace(PTRACE_CONT, tid, NULL, NULL);
}

/*
 * The first stop of a thread that was handed over at a breakpoint. It may come when all is held already: a
 * debugger that has just detached has sent it on its way to that stop. If it has not run at all since, it
 * takes the SIGSTOP of the hand-over only now, and the stop that this leads to comes next.
 */
static void on_parked(struct tracer *t, pid_t tid, int sig, int event)
{
        struct user_regs_struct regs;
        bool known = ptrace(PTRACE_GETREGS, tid, NULL, &regs) == 0;

        if (known && event == 0 && regs.rip == t->shared->parked_ip)
                return;
        t->shared->parked_tid = 0;
        if (!known || event != PTRACE_EVENT_STOP || !is_stop_signal(sig))
                return;
        if (regs.rip == t->shared->parked_ip) {
                t->shared->caught_tid = (uint32_t)tid;
                t->shared->caught_ip = regs.rip;
                enter_phase(t, TRACE_PARKED);
                return;
        }
        t->shared->moved_on = true;
        if (t->shared->phase == TRACE_HOLDING)
                ring(t);
}

/*
 * Thread and tracer take turns. On two processors each turn wakes an idle one by an interrupt, which takes
 * ten times as long as a switch on one (50 us instead of 6, in a guest). So a tracer that is kept busy moves
 * to the processor of its thread; the helper gives it its freedom back every second.
 */
static void follow(pid_t tid)
{
        char path[48], text[512], *p;
        _cleanup_close_ int fd = -1;
        cpu_set_t set;
        ssize_t n;
        int cpu;

        snprintf(path, sizeof(path), "/proc/%d/stat", tid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return;
        text[n] = '\0';
        p = strrchr(text, ')'); /* then a blank and field 3 */
        for (int field = 2; p && field < PROCESSOR_FIELD; field++)
                p = strchr(p + 1, ' ');
        if (!p || sscanf(p, " %d", &cpu) != 1 || cpu < 0 || cpu >= CPU_SETSIZE)
                return;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        (void)sched_setaffinity(0, sizeof(set), &set);
}

static void on_trace_stop(struct tracer *t, pid_t tid, int status)
{
        int sig = status & 0xff, event = status >> 8;
        uint64_t ip;

        if (++t->stops % FOLLOW_EVERY == 0)
                follow(tid);
        if (t->shared->parked_tid == (uint32_t)tid)
                on_parked(t, tid, sig, event);
        if (event == PTRACE_EVENT_STOP && is_stop_signal(sig)) {
                (void)ptrace(PTRACE_LISTEN, tid, NULL, NULL);
        } else if (event == PTRACE_EVENT_CLONE) {
                on_clone(t, tid);
        } else if (event != 0) {
                if (t->shared->phase == TRACE_PARKED)
                        enter_phase(t, TRACE_HOLDING);
                (void)ptrace(PTRACE_CONT, tid, NULL, NULL);
        } else if (sig == SIGTRAP && t->shared->catch && at_breakpoint(tid, &ip)) {
                freeze(t, tid, ip);
                stay_frozen(t);
        } else {
                keep_waiting(tid, sig);
                (void)ptrace(PTRACE_CONT, tid, NULL, (long)sig);
        }
}

/* Taken at once: its parent, or a thread that runs another program now, waits for it. */
static void on_tracee_end(struct tracer *t, pid_t tid)
{
        siginfo_t si;

        (void)waitid(P_PID, (id_t)tid, &si, WEXITED | __WALL);
        if (tid == (pid_t)t->pid)
                leave(t, TRACE_GONE, 0);
        if (t->n_threads > 0)
                t->n_threads--;
        t->shared->n_threads = t->n_threads;
}

/* 1: something was served. 0: there is nothing, or a signal came. */
static int serve_stop(struct tracer *t, int flags)
{
        siginfo_t si = {};

        if (waitid(P_ALL, 0, &si, WEXITED | WSTOPPED | WNOWAIT | __WALL | flags) < 0) {
                if (errno == ECHILD && !(flags & WNOHANG))
                        leave(t, TRACE_GONE, 0);
                return 0;
        }
        if (si.si_pid == 0)
                return 0;
        if (si.si_code == CLD_TRAPPED || si.si_code == CLD_STOPPED)
                on_trace_stop(t, si.si_pid, si.si_status);
        else
                on_tracee_end(t, si.si_pid);
        return 1;
}

static void serve_pending(struct tracer *t)
{
        for (int i = 0; i < PENDING_MAX && serve_stop(t, WNOHANG); i++)
                ;
}

/* ---- taking hold ------------------------------------------------------------------------------------- */

static int take_thread_end(void *userdata, uint32_t pid, uint32_t tid)
{
        struct tracer *t = userdata;

        if (tid != pid && took_end(tid) && t->n_threads > 0)
                t->n_threads--;
        return 0;
}

/*
 * A thread that execs holds the lock that PTRACE_SEIZE takes (cred_guard_mutex, until fs/exec.c: de_thread()
 * has returned), and waits for the other threads to end, which those that are ours do only when their ends
 * are taken: neither would ever go on. So a seizing that takes long is interrupted, again and again, and the
 * kernel repeats the call after the handler. The signal is let in there and nowhere else, so the handler may
 * do what others may not.
 */
static void set_alarm(void)
{
        (void)setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = SEIZE_LOOK_MS * 1000}, NULL);
}

static void on_alarm(int sig _unused_)
{
        (void)procfs_each_thread(the_tracer.pid, take_thread_end, &the_tracer);
        set_alarm();
}

static void block_alarm(int how)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGALRM);
        sigprocmask(how, &set, NULL);
}

static long seize_thread(uint32_t tid)
{
        int error;
        long r;

        set_alarm();
        block_alarm(SIG_UNBLOCK);
        r = ptrace(PTRACE_SEIZE, tid, NULL, OPTIONS);
        error = errno;
        block_alarm(SIG_BLOCK);
        errno = error;
        return r;
}

/* It could not be seized: ours already (its creator was), somebody else's, or about to be gone. */
static int why_not(struct tracer *t, uint32_t pid, uint32_t tid)
{
        struct proc_stat stat;
        uint32_t holder;

        if (procfs_tracer_tid(pid, tid, &holder) < 0)
                return 0;
        if (holder == (uint32_t)getpid()) {
                t->known[tid / 8] |= (uint8_t)(1U << tid % 8);
                return 0;
        }
        if (holder != 0) {
                t->shared->holder_tid = holder;
                return -EPERM;
        }
        if (procfs_stat(pid, tid, &stat) == 0 && stat.state != 'Z' && stat.state != 'X')
                t->denied = true;
        return 0;
}

static int seize(void *userdata, uint32_t pid, uint32_t tid)
{
        struct tracer *t = userdata;

        if (tid >= PROC_PIDS_MAX || t->known[tid / 8] & 1U << tid % 8)
                return 0;
        if (!t->frozen && ++t->looked % SERVE_EVERY == 0)
                serve_pending(t);
        if (seize_thread(tid) < 0)
                return errno == ESRCH ? 0 : why_not(t, pid, tid);
        t->known[tid / 8] |= (uint8_t)(1U << tid % 8);
        t->fresh++;
        return ++t->n_threads > HOLD_THREADS_MAX ? -E2BIG : 0;
}

/* The threads of seized threads are ours by themselves, so a pass that finds nothing new is the last. */
static int seize_all(struct tracer *t)
{
        for (int pass = 0; pass < PASSES_MAX; pass++) {
                int r;

                t->fresh = 0;
                t->denied = false;
                r = procfs_each_thread(t->pid, seize, t);
                serve_pending(t);
                if (r < 0)
                        return r;
                if (t->fresh == 0 && !t->denied)
                        return t->n_threads ? same_process(t) : -ESRCH;
        }
        return t->denied ? -EPERM : -EAGAIN;
}

/* Threads that are made to escape (CLONE_UNTRACED), and a count that an exec has put out of step. */
static void rescan(struct tracer *t)
{
        struct proc_stat stat;

        t->shared->command = TRACE_NO_COMMAND;
        memset(t->known, 0, sizeof(t->known));
        (void)procfs_each_thread(t->pid, seize, t);
        if (procfs_stat(t->pid, 0, &stat) == 0)
                t->n_threads = stat.n_threads;
        t->shared->n_threads = t->n_threads;
}

static void on_kick(int sig _unused_)
{
}

/* A kick without SA_RESTART: it is to end the wait. */
static void handle_signals(void)
{
        block_alarm(SIG_BLOCK);
        (void)sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
        (void)sigaction(TRACE_KICK, &(struct sigaction){.sa_handler = on_kick}, NULL);
}

_Noreturn void hold_trace(struct trace_shared *shared, uint32_t pid, int pidfd, int doorbell)
{
        struct tracer *t = &the_tracer;
        int r;

        t->shared = shared;
        t->pid = pid;
        t->pidfd = pidfd;
        t->doorbell = doorbell;
        handle_signals();
        r = same_process(t);
        r = r < 0 ? r : seize_all(t);
        if (r < 0)
                leave(t, TRACE_FAILED, r);
        if (shared->phase == TRACE_SEIZING)
                enter_phase(t, TRACE_HOLDING);
        for (;;) {
                if (shared->command == TRACE_RESCAN)
                        rescan(t);
                serve_stop(t, 0);
        }
}
