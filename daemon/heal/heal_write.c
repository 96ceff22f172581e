/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The part of heal that touches the process: it seizes every thread, looks again at what is to be written
 * now that nothing moves, writes single bytes, reads them back and lets go.
 *
 * A thread that has run into one of the breakpoints already has its SIGTRAP on the way: it is set back to
 * the instruction, and the signal is dropped, which is what the debugger would have done.
 */

#include "daemon/heal/heal_write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/proc/procfs.h"
#include "lib/event/wording.h"
#include "daemon/heal/heal_scan.h"

#define PAUSE_NS   500000 /* between two looks at threads that are to stop */
#define ROUNDS_MAX 64     /* of looking for threads that were started meanwhile */
#define STOPS_MAX  4      /* of a thread, before the signal it is about to receive is reported */

struct stopped {
        pid_t tid;
        int status; /* of the last stop; 0: runs */
        bool gone;
};

struct surgery {
        struct heal *h;
        struct stopped *threads;
        size_t n;
        bool new_one; /* the last round found a thread that was not known */
        uint64_t deadline_ns;
        bool late; /* the deadline was put off */
};

static bool is_known(const struct surgery *s, uint32_t tid)
{
        for (size_t i = 0; i < s->n; i++)
                if (s->threads[i].tid == (pid_t)tid)
                        return true;
        return false;
}

/* ---- stopping ------------------------------------------------------------------------------------ */

static void refuse_seize(struct surgery *s, uint32_t tid, int error)
{
        struct task_ref tracer;
        uint32_t holder = 0;
        char who[WORD_MAX];

        if (procfs_tracer_tid(s->h->target.pid, tid, &holder) == 0 && holder &&
            procfs_task(holder, &tracer) == 0)
                heal_refuse(s->h, "Thread %" PRIu32 " is traced by %s now. Nothing was changed.", tid,
                            word_process(&tracer, who));
        else
                heal_refuse(s->h, "Thread %" PRIu32 " cannot be stopped: %s. Nothing was changed.", tid,
                            strerror(error));
}

static int seize_one(void *userdata, uint32_t pid, uint32_t tid)
{
        struct surgery *s = userdata;
        struct proc_stat st;

        if (is_known(s, tid))
                return 0;
        if (procfs_stat(pid, tid, &st) < 0 || st.state == 'Z' || st.state == 'X')
                return 0;
        if (s->n == HEAL_THREADS_MAX) {
                heal_refuse(s->h, "It has more than %d threads. Nothing was changed.", HEAL_THREADS_MAX);
                return 1;
        }
        if (ptrace(PTRACE_SEIZE, (pid_t)tid, NULL, NULL) < 0) {
                if (errno == ESRCH)
                        return 0;
                refuse_seize(s, tid, errno);
                return 1;
        }
        s->threads[s->n++] = (struct stopped){.tid = (pid_t)tid};
        s->new_one = true;
        (void)ptrace(PTRACE_INTERRUPT, (pid_t)tid, NULL, NULL);
        return 0;
}

/* Put off once: where we stood still, a thread may have had no processor, either. */
static bool is_too_late(struct surgery *s)
{
        uint64_t now = clock_mono_ns();

        if (now <= s->deadline_ns)
                return false;
        if (s->late)
                return true;
        s->late = true;
        s->deadline_ns = now + HEAL_LATE_MS * NSEC_PER_MSEC;
        return false;
}

/* Wait until one thread has stopped, or is gone. False: it does neither in time. */
static bool await_stop(struct surgery *s, struct stopped *t)
{
        const struct timespec pause = {.tv_nsec = PAUSE_NS};

        while (!t->status && !t->gone) {
                int status;
                pid_t r = waitpid(t->tid, &status, __WALL | WNOHANG);

                if ((r < 0 && errno != EINTR) || (r > 0 && !WIFSTOPPED(status)))
                        t->gone = true;
                else if (r > 0)
                        t->status = status;
                else if (is_too_late(s)) {
                        heal_refuse(s->h,
                                    "Thread %d does not stop: it waits for the kernel, as a parent in vfork "
                                    "does. Nothing was changed; try again.",
                                    t->tid);
                        return false;
                } else
                        nanosleep(&pause, NULL);
        }
        return true;
}

static bool stop_all(struct surgery *s)
{
        for (unsigned round = 0; round < ROUNDS_MAX; round++) {
                s->new_one = false;
                if (procfs_each_thread(s->h->target.pid, seize_one, s) != 0) {
                        heal_refuse(s->h, "Its threads cannot be listed. Nothing was changed.");
                        return false;
                }
                for (size_t i = 0; i < s->n; i++)
                        if (!await_stop(s, &s->threads[i]))
                                return false;
                if (!s->new_one)
                        return true;
        }
        heal_refuse(s->h, "It starts threads faster than they can be stopped. Nothing was changed.");
        return false;
}

/* The signal that a thread has stopped to receive; 0: it has stopped for another reason. */
static int stop_signal(const struct stopped *t)
{
        return t->status >> 16 ? 0 : WSTOPSIG(t->status);
}

/* As they were: with the signals they were about to receive. */
static void let_all_go(struct surgery *s)
{
        for (size_t i = 0; i < s->n; i++)
                if (s->threads[i].status && !s->threads[i].gone)
                        (void)ptrace(PTRACE_DETACH, s->threads[i].tid, NULL,
                                     (unsigned long)stop_signal(&s->threads[i]));
}

/* ---- writing ------------------------------------------------------------------------------------- */

static bool restore_byte(struct heal *h, int mem, const struct heal_site *site, size_t before)
{
        uint8_t now = 0;

        if (pwrite(mem, &site->is, 1, (off_t)site->address) == 1 &&
            pread(mem, &now, 1, (off_t)site->address) == 1 && now == site->is)
                return true;
        heal_refuse(h, "The byte at 0x%" PRIx64 " cannot be written: %s; %zu others were put back.",
                    site->address, errno ? strerror(errno) : "it reads back as another one", before);
        return false;
}

static bool put_back(struct heal *h)
{
        _cleanup_close_ int mem = -1;
        char path[64];

        snprintf(path, sizeof(path), "/proc/%" PRIu32 "/mem", h->reader);
        mem = open(path, O_RDWR | O_CLOEXEC);
        if (mem < 0) {
                heal_refuse(h, "The memory cannot be written: %s. Nothing was changed.", strerror(errno));
                return false;
        }
        errno = 0;
        for (size_t i = 0; i < h->plan.n; i++)
                if (!restore_byte(h, mem, &h->plan.sites[i], i))
                        return false;
        return true;
}

/* One that is blocked would not be delivered: no int3 makes such, and the thread would run. */
static bool trap_is_due(const struct surgery *s, const struct stopped *t)
{
        struct proc_status st;

        return procfs_status(s->h->target.pid, (uint32_t)t->tid, &st) == 0 &&
               st.sig_pending & ~st.sig_blocked & 1ULL << (SIGTRAP - 1);
}

/* Its SIGTRAP is still pending where another stop came first: a step of the kernel's, and it is reported.
 * The thread runs no instruction of its own on the way. */
static bool fetch_pending_trap(struct surgery *s, struct stopped *t)
{
        for (unsigned i = 0; i < STOPS_MAX && !t->gone && !stop_signal(t) && trap_is_due(s, t); i++) {
                t->status = 0;
                if (ptrace(PTRACE_CONT, t->tid, NULL, NULL) < 0)
                        t->gone = true;
                if (!await_stop(s, t))
                        return false;
        }
        if (t->gone || stop_signal(t) || !trap_is_due(s, t))
                return true;
        heal_refuse(s->h, "Thread %d has run into a breakpoint, and does not take its signal. Try again.",
                    t->tid);
        return false;
}

/* A thread right behind an int3 that is to go. False: its state cannot be set right. */
static bool step_back(struct surgery *s, struct stopped *t, uint32_t *count)
{
        struct user_regs_struct regs;
        siginfo_t info;

        if (t->gone || ptrace(PTRACE_GETREGS, t->tid, NULL, &regs) < 0 ||
            !heal_site_behind(&s->h->plan, regs.rip))
                return true;
        if (!fetch_pending_trap(s, t))
                return false;
        if (t->gone || stop_signal(t) != SIGTRAP || ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info) < 0 ||
            info.si_code != SI_KERNEL)
                return true; /* came there by a jump, or by itself: no breakpoint of its own */
        regs.rip--;
        if (ptrace(PTRACE_SETREGS, t->tid, NULL, &regs) < 0) {
                heal_refuse(s->h, "Thread %d has run into a breakpoint and cannot be set back: %s.", t->tid,
                            strerror(errno));
                return false;
        }
        t->status = SIGSTOP << 8 | 0x7f | PTRACE_EVENT_STOP << 16; /* the trap has done its work */
        ++*count;
        return true;
}

/* All of them are stopped: what was planned must still be what is there. */
static bool operate(struct surgery *s, uint32_t *count)
{
        struct heal *h = s->h;
        const struct heal_plan planned = h->plan;

        h->n_notes = 0; /* they are made once more */
        if (!heal_scan(h) || !heal_same(&planned, &h->plan)) {
                heal_refuse(h, "Its code changed while it was looked at. Nothing was changed; try again.");
                return false;
        }
        /* First, so that a byte that cannot be written leaves a thread that runs into it once more. */
        for (size_t i = 0; i < s->n; i++)
                if (!step_back(s, &s->threads[i], count))
                        return false;
        return put_back(h);
}

bool heal_write(struct heal *h)
{
        struct surgery s = {.h = h, .deadline_ns = clock_mono_ns() + HEAL_STOP_MS * NSEC_PER_MSEC};
        uint32_t n_set_back = 0;

        s.threads = calloc(HEAL_THREADS_MAX, sizeof(*s.threads));
        if (!s.threads) {
                heal_refuse(h, "There was not enough memory. Nothing was changed.");
                return false;
        }
        /* Asked again: it may have become another's since. */
        h->done = heal_may_touch(h) && stop_all(&s) && operate(&s, &n_set_back);
        let_all_go(&s);
        free(s.threads);
        if (n_set_back)
                heal_note(h,
                          "%" PRIu32 " %s already run into a breakpoint and %s on at the instruction "
                          "itself.",
                          n_set_back, n_set_back == 1 ? "thread had" : "threads had",
                          n_set_back == 1 ? "goes" : "go");
        return h->done;
}
