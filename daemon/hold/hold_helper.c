/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The helper of one held process: answers the daemon, starts and ends the tracer (hold_trace.h), and takes
 * hold again when an owner who was let in has left. It outlives the daemon. One thread, one poll().
 */

#include "daemon/hold/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/proc/procfs.h"
#include "lib/event/tools.h"
#include "daemon/hold/hold_link.h"
#include "daemon/hold/hold_trace.h"

#define BACKLOG       8
#define TICK_MS       1000 /* while holding: is there a thread that is not held? */
#define TICK_ENTER_MS 5    /* while an owner is expected: has his tracer come? */
#define TICK_SCAN_MS  100  /* ... to another thread than the first? */
#define TICK_OWNED_MS 100  /* while he traces: has it left? Its end is told at once */
#define KICKS_MAX     200  /* to make the tracer look up, KICK_MS apart */
#define KICK_MS       5
#define NICE          (-10) /* a thread with a signal waits for us */

enum status {
        STATUS_DONE,
        STATUS_FAILED,
        STATUS_USAGE,
};

struct hold_client {
        int fd;
        uint64_t pending[HOLD_ASKED_MAX]; /* ids of requests that are answered with the next change */
        size_t n_pending;
};

struct helper {
        struct trace_shared *shared;
        struct hold_view view;
        struct task_ref self, holder;
        int listener, signals, doorbell, target_fd;
        int owner_fd;      /* of whoever was let in and is expected, -1: nobody in particular */
        int tracer_fd;     /* of whoever traces the target while it is yielded, -1: nobody yet */
        uint32_t seen_tid; /* the thread that was found traced last */
        struct hold_client clients[HOLD_CLIENTS_MAX];
        pid_t tracer;         /* our own, 0: not running */
        bool seizing, parked; /* parked: stopped by SIGSTOP on the breakpoint it was caught at */
        bool held_once, strange_count;
        cpu_set_t cpus; /* that we may use, and the tracer */
        uint64_t yield_end_ns, scan_ns, tick_ns;
        const char *state_dir;
};

static int signal_target(const struct helper *h, int sig)
{
        return syscall(SYS_pidfd_send_signal, h->target_fd, sig, NULL, 0) < 0 ? -errno : 0;
}

static void drop(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

/* ---- clients ----------------------------------------------------------------------------------------- */

static void disconnect(struct hold_client *c)
{
        drop(&c->fd);
        c->n_pending = 0;
}

static void count_threads(struct helper *h)
{
        struct proc_stat stat;

        h->view.n_threads = 0;
        if ((h->view.state == HOLD_HOLDING || h->view.state == HOLD_CAUGHT) &&
            procfs_stat(h->view.target.pid, 0, &stat) == 0)
                h->view.n_threads = stat.n_threads;
}

static void send_notice(struct helper *h, struct hold_client *c, uint64_t id, int error)
{
        struct hold_notice n = {
                .version = HOLD_PROTOCOL,
                .error = error,
                .id = id,
                .view = h->view,
                .holder = error == -EPERM ? h->holder : (struct task_ref){},
        };

        /* One who does not read his notices is let go of. */
        if (c->fd >= 0 && send(c->fd, &n, sizeof(n), MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof(n))
                disconnect(c);
}

/* To everybody; as an answer to those who wait for one. */
static void tell_clients(struct helper *h, int error)
{
        count_threads(h);
        for (size_t i = 0; i < HOLD_CLIENTS_MAX; i++) {
                struct hold_client *c = &h->clients[i];
                size_t n = TAKE(c->n_pending, 0);

                if (n == 0)
                        send_notice(h, c, 0, error);
                for (size_t k = 0; k < n; k++)
                        send_notice(h, c, c->pending[k], error);
        }
}

/* The oldest, if there are too many, was given up by its client long ago. */
static void answer_later(struct hold_client *c, uint64_t id)
{
        if (c->n_pending == HOLD_ASKED_MAX)
                memmove(&c->pending[0], &c->pending[1], --c->n_pending * sizeof(c->pending[0]));
        c->pending[c->n_pending++] = id;
}

static void enter(struct helper *h, enum hold_state state)
{
        h->view.state = state;
        h->view.since_ns = clock_boot_ns();
}

static void accept_client(struct helper *h)
{
        _cleanup_close_ int fd = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        socklen_t length = sizeof(struct ucred);
        struct ucred peer;

        if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 ||
            (peer.uid != 0 && peer.uid != geteuid()))
                return;
        for (size_t i = 0; i < HOLD_CLIENTS_MAX; i++) {
                struct hold_client *c = &h->clients[i];

                if (c->fd >= 0)
                        continue;
                *c = (struct hold_client){.fd = TAKE_FD(fd)};
                if (!h->seizing)
                        send_notice(h, c, 0, 0);
                return;
        }
}

/* ---- our tracer -------------------------------------------------------------------------------------- */

_Noreturn static void be_tracer(struct helper *h, pid_t parent)
{
        sigset_t none;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(STATUS_FAILED);
        drop(&h->listener);
        drop(&h->signals);
        for (size_t i = 0; i < HOLD_CLIENTS_MAX; i++)
                drop(&h->clients[i].fd);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        hold_trace(h->shared, h->view.target.pid, h->target_fd, h->doorbell);
}

static int start_tracer(struct helper *h)
{
        pid_t parent = getpid(), child;

        h->shared->phase = TRACE_SEIZING;
        h->shared->command = TRACE_NO_COMMAND;
        h->shared->catch = h->view.catch;
        h->shared->holder_tid = 0;
        h->shared->moved_on = false;
        h->shared->parked_tid = h->parked ? h->shared->caught_tid : 0;
        h->shared->parked_ip = h->shared->caught_ip;
        child = fork();
        if (child < 0)
                return -errno;
        if (child == 0)
                be_tracer(h, parent);
        h->tracer = child;
        h->seizing = true;
        return 0;
}

/* Lets go of every thread at once: see hold_trace.h. */
static void end_tracer(struct helper *h)
{
        if (h->tracer > 0) {
                kill(h->tracer, SIGKILL);
                waitpid(h->tracer, NULL, 0);
        }
        h->tracer = 0;
        h->seizing = false;
}

/* A signal that comes just before the tracer waits is missed: again, until it has seen the command. */
static bool command(struct helper *h, enum trace_command c)
{
        bool ended = false;

        h->shared->command = c;
        for (int i = 0; i < KICKS_MAX && !ended && h->shared->command == (uint32_t)c; i++) {
                kill(h->tracer, TRACE_KICK);
                if (waitpid(h->tracer, NULL, WNOHANG) == h->tracer)
                        ended = true;
                else
                        poll(NULL, 0, KICK_MS);
        }
        if (ended)
                h->tracer = 0;
        return ended;
}

/* ---- letting an owner in ----------------------------------------------------------------------------- */

static void look_for_owner(struct helper *h, uint32_t owner_pid)
{
        drop(&h->owner_fd);
        drop(&h->tracer_fd);
        h->seen_tid = h->view.target.pid;
        if (owner_pid)
                h->owner_fd = hold_pidfd(owner_pid);
        h->yield_end_ns =
                clock_boot_ns() + (h->owner_fd >= 0 ? HOLD_OWNER_MS : HOLD_YIELD_MS) * NSEC_PER_MSEC;
}

/* A caught process stays with us if it cannot be handed over: let go of now, it would die. */
static int yield(struct helper *h, uint32_t owner_pid)
{
        if (h->view.state == HOLD_CAUGHT && !h->parked && h->tracer > 0) {
                h->parked = command(h, TRACE_HAND_OVER);
                if (!h->parked)
                        return -ETIMEDOUT;
        }
        end_tracer(h);
        look_for_owner(h, owner_pid);
        h->view.helper = h->self;
        enter(h, HOLD_YIELDED);
        return 0;
}

static int find_traced(void *userdata, uint32_t pid, uint32_t tid)
{
        struct helper *h = userdata;
        uint32_t tracer;

        if (procfs_tracer_tid(pid, tid, &tracer) < 0 || tracer == 0)
                return 0;
        h->seen_tid = tid;
        return (int)tracer;
}

/* tid of a tracer, 0: nobody traces it. The thread that was traced last is asked first, then all. */
static uint32_t traced_by(struct helper *h, bool all)
{
        int tracer = find_traced(h, h->view.target.pid, h->seen_tid);

        if (tracer <= 0 && all)
                tracer = procfs_each_thread(h->view.target.pid, find_traced, h);
        return tracer > 0 ? (uint32_t)tracer : 0;
}

static void resume(struct helper *h)
{
        int r = start_tracer(h);

        if (r < 0)
                tell_clients(h, r);
}

static bool has_ended(int pidfd)
{
        struct pollfd p = {.fd = pidfd, .events = POLLIN};

        return pidfd >= 0 && poll(&p, 1, 0) > 0;
}

static void on_yield_tick(struct helper *h)
{
        uint64_t now = clock_boot_ns();
        bool was_traced = h->tracer_fd >= 0, scan = now >= h->scan_ns;
        bool over = was_traced || now >= h->yield_end_ns || has_ended(h->owner_fd);
        uint32_t tracer = traced_by(h, over || scan);
        struct task_ref task;

        if (scan)
                h->scan_ns = now + TICK_SCAN_MS * NSEC_PER_MSEC;
        if (was_traced && has_ended(h->tracer_fd))
                drop(&h->tracer_fd);
        if (tracer && h->tracer_fd < 0 && procfs_task(tracer, &task) == 0)
                h->tracer_fd = hold_pidfd(task.pid);
        if (!tracer && over)
                resume(h);
}

/* ---- what the tracer says ---------------------------------------------------------------------------- */

/* Always with the last words: nobody has to be told twice that it is over. */
_Noreturn static void finish(struct helper *h, int error)
{
        char path[PATH_MAX];

        end_tracer(h);
        enter(h, HOLD_GONE);
        snprintf(path, sizeof(path), "%s/" HOLD_DIR "/%u-%llu.sock", h->state_dir, h->view.target.pid,
                 (unsigned long long)h->view.target.start);
        unlink(path);
        tell_clients(h, error);
        _exit(error < 0 ? STATUS_FAILED : STATUS_DONE);
}

static void on_held(struct helper *h, uint32_t phase)
{
        h->seizing = false;
        h->held_once = true;
        if (phase != TRACE_HOLDING)
                h->parked = phase == TRACE_PARKED;
        /* Whoever took it over has brought it past its breakpoint, and left it in the stop that was ours. */
        if (phase == TRACE_HOLDING && h->parked && h->shared->moved_on) {
                h->parked = false;
                (void)signal_target(h, SIGCONT);
        }
        (void)procfs_task((uint32_t)h->tracer, &h->view.helper);
        drop(&h->owner_fd);
        drop(&h->tracer_fd);
        h->view.caught_tid = phase == TRACE_HOLDING ? 0 : h->shared->caught_tid;
        h->view.caught_ip = phase == TRACE_HOLDING ? 0 : h->shared->caught_ip;
        enter(h, phase == TRACE_HOLDING ? HOLD_HOLDING : HOLD_CAUGHT);
        tell_clients(h, 0);
}

/* Somebody else has come in: as if he had been let in. The first time that is the answer, and the end. */
static void on_failed(struct helper *h)
{
        int error = h->shared->error;

        end_tracer(h);
        h->holder = (struct task_ref){};
        if (h->shared->holder_tid)
                (void)procfs_task(h->shared->holder_tid, &h->holder);
        if (!h->held_once || error != -EPERM)
                finish(h, error);
        look_for_owner(h, 0);
        tell_clients(h, error);
}

static void on_phase(struct helper *h)
{
        switch (h->shared->phase) {
        case TRACE_HOLDING:
        case TRACE_CAUGHT:
        case TRACE_PARKED:
                on_held(h, h->shared->phase);
                break;
        case TRACE_FAILED:
                on_failed(h);
                break;
        case TRACE_GONE:
                finish(h, 0);
        }
}

static void on_doorbell(struct helper *h)
{
        uint64_t n;

        if (read(h->doorbell, &n, sizeof(n)) == (ssize_t)sizeof(n) && h->tracer > 0)
                on_phase(h);
}

static void on_signal(struct helper *h)
{
        struct signalfd_siginfo si;

        if (read(h->signals, &si, sizeof(si)) != (ssize_t)sizeof(si))
                return;
        if (si.ssi_signo != SIGCHLD)
                finish(h, 0);
        if (h->tracer <= 0 || waitpid(h->tracer, NULL, WNOHANG) != h->tracer)
                return;
        h->tracer = 0;
        if (h->shared->phase == TRACE_FAILED)
                on_failed(h);
        else
                finish(h, 0); /* the target ended, or somebody ended the tracer: then that is his wish */
}

/* ---- requests ---------------------------------------------------------------------------------------- */

static void ask_state(struct helper *h, struct hold_client *c, const struct hold_request *r)
{
        count_threads(h);
        send_notice(h, c, r->id, 0);
}

static void ask_yield(struct helper *h, struct hold_client *c, const struct hold_request *r)
{
        int error = yield(h, r->owner_pid);

        answer_later(c, r->id);
        tell_clients(h, error);
}

static void ask_resume(struct helper *h, struct hold_client *c, const struct hold_request *r)
{
        int error = 0;

        answer_later(c, r->id);
        if (h->view.state == HOLD_YIELDED && !h->seizing)
                error = start_tracer(h);
        if (!h->seizing)
                tell_clients(h, error);
}

static void ask_release(struct helper *h, struct hold_client *c, const struct hold_request *r)
{
        answer_later(c, r->id);
        end_tracer(h);
        /* It is stopped because of us; if nobody has taken it over it runs its breakpoint now. */
        if (h->parked && !traced_by(h, true))
                (void)signal_target(h, SIGCONT);
        finish(h, 0);
}

static void ask_catch(struct helper *h, struct hold_client *c, const struct hold_request *r)
{
        h->view.catch = h->shared->catch = r->catch != 0;
        count_threads(h);
        for (size_t i = 0; i < HOLD_CLIENTS_MAX; i++)
                send_notice(h, &h->clients[i], &h->clients[i] == c ? r->id : 0, 0);
}

static void on_client(struct helper *h, struct hold_client *c)
{
        static void (*const asks[])(struct helper *, struct hold_client *, const struct hold_request *) = {
                [HOLD_ASK_STATE] = ask_state,   [HOLD_ASK_YIELD] = ask_yield,
                [HOLD_ASK_RESUME] = ask_resume, [HOLD_ASK_RELEASE] = ask_release,
                [HOLD_ASK_CATCH] = ask_catch,
        };
        struct hold_request r;
        ssize_t n = recv(c->fd, &r, sizeof(r), MSG_DONTWAIT | MSG_TRUNC);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n != (ssize_t)sizeof(r) || r.version != HOLD_PROTOCOL || r.ask >= ELEMENTSOF(asks))
                disconnect(c);
        else
                asks[r.ask](h, c, &r);
}

/* ---- the loop ---------------------------------------------------------------------------------------- */

static int timeout_ms(const struct helper *h)
{
        if (h->view.state != HOLD_YIELDED || h->seizing)
                return TICK_MS;
        return h->tracer_fd >= 0 ? TICK_OWNED_MS : TICK_ENTER_MS;
}

/* A thread can be made so that it is not held (CLONE_UNTRACED). Two counts in a row that differ are looked
 * into. */
static void on_hold_tick(struct helper *h)
{
        struct proc_stat stat;
        bool strange =
                procfs_stat(h->view.target.pid, 0, &stat) == 0 && stat.n_threads != h->shared->n_threads;

        if (strange && h->strange_count) {
                h->shared->command = TRACE_RESCAN;
                kill(h->tracer, TRACE_KICK);
        }
        h->strange_count = strange;
        /* It follows its busiest thread to one processor, and must not starve there. */
        (void)sched_setaffinity(h->tracer, sizeof(h->cpus), &h->cpus);
}

static bool readable(const struct pollfd *p)
{
        return p->fd >= 0 && p->revents;
}

static void turn(struct helper *h)
{
        struct pollfd fds[5 + HOLD_CLIENTS_MAX] = {
                {.fd = h->listener, .events = POLLIN},
                {.fd = h->doorbell, .events = POLLIN},
                {.fd = h->signals, .events = POLLIN},
                {.fd = h->tracer > 0 ? -1 : h->target_fd, .events = POLLIN},
                {.fd = h->tracer_fd, .events = POLLIN},
        };
        int n;

        for (size_t i = 0; i < HOLD_CLIENTS_MAX; i++)
                fds[5 + i] = (struct pollfd){.fd = h->clients[i].fd, .events = POLLIN};
        n = poll(fds, ELEMENTSOF(fds), timeout_ms(h));
        if (n < 0)
                return;
        /* A client first: it waits for what the tracer is about to say. */
        if (readable(&fds[0]))
                accept_client(h);
        if (readable(&fds[1]))
                on_doorbell(h);
        if (readable(&fds[2]))
                on_signal(h);
        /* While a tracer runs, it is the tracer who takes the end and tells. */
        if (readable(&fds[3]))
                finish(h, 0);
        for (size_t i = 0; i < HOLD_CLIENTS_MAX; i++)
                if (readable(&fds[5 + i]) && h->clients[i].fd == fds[5 + i].fd)
                        on_client(h, &h->clients[i]);
        if (h->view.state == HOLD_YIELDED && !h->seizing)
                on_yield_tick(h);
        else if (h->view.state == HOLD_HOLDING && !h->seizing && clock_boot_ns() >= h->tick_ns) {
                h->tick_ns = clock_boot_ns() + TICK_MS * NSEC_PER_MSEC;
                on_hold_tick(h);
        }
}

static int open_signals(void)
{
        sigset_t mask;

        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGHUP);
        sigprocmask(SIG_SETMASK, &mask, NULL);
        return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The listening socket is standard input. Listening again makes us the peer that a new daemon sees. */
static int set_up_helper(struct helper *h)
{
        int type = 0;
        socklen_t length = sizeof(type);

        if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_SEQPACKET ||
            listen(STDIN_FILENO, BACKLOG) < 0)
                return -ENOTSOCK;
        h->listener = STDIN_FILENO;
        h->shared =
                mmap(NULL, sizeof(*h->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (h->shared == MAP_FAILED)
                return -errno;
        (void)sched_getaffinity(0, sizeof(h->cpus), &h->cpus);
        h->signals = open_signals();
        h->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return h->signals < 0 || h->doorbell < 0 ? -errno : 0;
}

/* The pidfd is opened first: if the start time fits after that, it is the process that was meant. */
static int open_target(struct helper *h)
{
        uint32_t pid = h->view.target.pid;
        uint64_t start = h->view.target.start;

        h->target_fd = hold_pidfd(pid);
        if (h->target_fd < 0 || procfs_task(pid, &h->view.target) < 0 || h->view.target.pid != pid ||
            h->view.target.start != start) {
                h->view.target.pid = pid;
                h->view.target.start = start;
                return -ESRCH;
        }
        return 0;
}

int hold_helper_main(uint32_t pid, uint64_t start, bool catch, const char *state_dir)
{
        struct helper h = {
                .view = {.target = {.pid = pid, .start = start}, .catch = catch, .state = HOLD_YIELDED},
                .target_fd = -1,
                .owner_fd = -1,
                .tracer_fd = -1,
                .seen_tid = pid,
                .state_dir = state_dir,
        };
        int r;

        for (size_t i = 0; i < HOLD_CLIENTS_MAX; i++)
                h.clients[i].fd = -1;
        prctl(PR_SET_NAME, HOLDER_COMM);
        (void)!nice(NICE);
        r = set_up_helper(&h);
        if (r < 0) {
                fputs("ptraced: --hold is for the daemon's own use: try 'ptracectl hold PID'.\n", stderr);
                return STATUS_USAGE;
        }
        (void)procfs_task((uint32_t)getpid(), &h.self);
        h.view.helper = h.self;
        r = open_target(&h);
        if (r >= 0)
                r = start_tracer(&h);
        if (r < 0) {
                h.seizing = true; /* as if that had failed: no client is told a state before the error */
                accept_client(&h);
                finish(&h, r);
        }
        for (;;)
                turn(&h);
}
