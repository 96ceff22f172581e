/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hold/hold.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"
#include "daemon/hold/hold_protocol.h"
#include "daemon/base/log.h"

#define DIRECTORY_MODE 0700
#define SOCKET_MODE    0600
#define BACKLOG        8
#define NAME_MAX_BYTES 48   /* "PID-START.sock" */
#define ADOPT_MS       3000 /* for all helpers of an earlier daemon to answer */
#define NOTICES_MAX    64   /* of one helper, read in a row */
#define ENTRIES_MAX    1024 /* of the directory, looked at */
#define STEP_MS        100  /* of waiting for an answer */
#define ABANDON_MS     2000 /* for a helper to end by a signal */

static const char *const state_names[] = {
        [HOLD_HOLDING] = "holding",
        [HOLD_YIELDED] = "yielded",
        [HOLD_CAUGHT] = "caught",
        [HOLD_GONE] = "gone",
};

struct held {
        struct hold *owner;
        struct hold_view view;
        enum hold_state told; /* what on_change knows */
        int fd, pidfd;        /* of the helper */
        bool ended;           /* ... which is no more, and can be reaped */
        sd_event_source *on_notice, *on_end;
};

struct hold {
        sd_event *event;
        sd_event_source *teller;
        void (*on_change)(void *userdata, const struct hold_view *v);
        void *userdata;
        char *state_dir;
        int dir; /* STATE_DIR/hold */
        uint64_t last_id;
        struct held *held[HOLD_MAX];
        size_t n_held;
};

const char *hold_state_to_string(enum hold_state s)
{
        return (size_t)s < ELEMENTSOF(state_names) ? state_names[s] : "?";
}

static uint64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / NSEC_PER_MSEC;
}

/* ---- the book ---------------------------------------------------------------------------------------- */

static struct held *held_free(struct held *e)
{
        sd_event_source_disable_unref(e->on_notice);
        sd_event_source_disable_unref(e->on_end);
        if (e->pidfd >= 0) {
                /* Ours are to be reaped; those of an earlier daemon are not our children. */
                (void)waitid(P_PIDFD, (id_t)e->pidfd, NULL, WEXITED | WNOHANG);
                close(e->pidfd);
        }
        if (e->fd >= 0)
                close(e->fd);
        free(e);
        return NULL;
}

static struct held *find(const struct hold *h, uint32_t pid)
{
        for (size_t i = 0; i < h->n_held; i++)
                if (h->held[i]->view.target.pid == pid && h->held[i]->view.state != HOLD_GONE)
                        return h->held[i];
        return NULL;
}

static struct held *find_target(const struct hold *h, const struct task_ref *target)
{
        struct held *e = find(h, target->pid);

        return e && e->view.target.start == target->start ? e : NULL;
}

/* Changes are told from the event loop, never from inside a call. */
static int on_tell(sd_event_source *source _unused_, void *userdata)
{
        struct hold *h = userdata;

        sd_event_source_set_enabled(h->teller, SD_EVENT_OFF);
        for (size_t i = 0; i < h->n_held;) {
                struct held *e = h->held[i];
                struct hold_view view = e->view;
                bool changed = e->told != view.state;

                e->told = view.state;
                if (e->ended) {
                        h->held[i] = h->held[--h->n_held];
                        held_free(e);
                } else
                        i++;
                if (changed && h->on_change)
                        h->on_change(h->userdata, &view);
        }
        return 0;
}

static void changed(struct held *e)
{
        if (e->told != e->view.state || e->ended)
                sd_event_source_set_enabled(e->owner->teller, SD_EVENT_ONESHOT);
}

static void gone(struct held *e)
{
        e->view.state = HOLD_GONE;
        sd_event_source_set_enabled(e->on_notice, SD_EVENT_OFF);
        changed(e);
}

/* ---- notices ----------------------------------------------------------------------------------------- */

/* 1: there was one. 0: none now. -EPROTO: a helper of another version. -ECONNRESET: it is gone. */
static int receive(struct held *e, struct hold_notice *ret)
{
        ssize_t n = recv(e->fd, ret, sizeof(*ret), MSG_DONTWAIT | MSG_TRUNC);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        if (n != (ssize_t)sizeof(*ret) || ret->version != HOLD_PROTOCOL || ret->view.state < 0 ||
            ret->view.state >= _HOLD_STATE_MAX)
                return -EPROTO;
        ret->view.target.comm[sizeof(ret->view.target.comm) - 1] = '\0';
        ret->view.helper.comm[sizeof(ret->view.helper.comm) - 1] = '\0';
        ret->holder.comm[sizeof(ret->holder.comm) - 1] = '\0';
        return 1;
}

static void learn(struct held *e, const struct hold_notice *n)
{
        struct task_ref target = e->view.target;

        e->view = n->view;
        if (target.pid) /* it may tell news of its target, not choose another one */
                e->view.target.pid = target.pid, e->view.target.start = target.start;
        if (e->view.state == HOLD_GONE)
                gone(e);
        else
                changed(e);
}

static void signal_helper(const struct held *e, int sig)
{
        if (e->pidfd >= 0)
                (void)syscall(SYS_pidfd_send_signal, e->pidfd, sig, NULL, 0);
}

static void dismiss(struct held *e)
{
        signal_helper(e, SIGTERM);
        gone(e);
}

static int on_notice(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_,
                     void *userdata)
{
        struct held *e = userdata;
        struct hold_notice n;
        int r = 0;

        for (int i = 0; i < NOTICES_MAX && e->view.state != HOLD_GONE && (r = receive(e, &n)) > 0; i++)
                learn(e, &n);
        if (r < 0) {
                log_warning(
                        "The helper that held process %u (%s) has ended: nothing of ptraced holds it now.",
                        e->view.target.pid, e->view.target.comm);
                dismiss(e);
        }
        return 0;
}

static int on_end(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_,
                  void *userdata)
{
        struct held *e = userdata;

        /* Its last words come first. */
        on_notice(NULL, e->fd, 0, e);
        e->ended = true;
        gone(e);
        return sd_event_source_set_enabled(e->on_end, SD_EVENT_OFF);
}

/* Waits for something to read. True: the helper has ended, and nothing is left to read. Time for which this
 * process stood still is added to the deadline: the helper had no processor then, either. */
static bool ended_silently(const struct held *e, uint64_t *deadline_ms)
{
        struct pollfd p[] = {{.fd = e->fd, .events = POLLIN}, {.fd = e->pidfd, .events = POLLIN}};
        uint64_t began = now_ms(), step = MIN_OF(*deadline_ms - began, (uint64_t)STEP_MS), took;
        bool ended = poll(p, ELEMENTSOF(p), (int)step) > 0 && p[1].revents && !p[0].revents;

        took = now_ms() - began;
        if (took > step)
                *deadline_ms += took - step;
        return ended;
}

/* The answer to the request with that id; 0 stands for the first notice of a helper. */
static int await(struct held *e, uint64_t id, uint64_t deadline_ms, struct hold_notice *ret)
{
        for (;;) {
                int r = receive(e, ret);

                if (r < 0)
                        return r;
                if (r > 0) {
                        learn(e, ret);
                        if (ret->id == id)
                                return ret->error;
                        continue;
                }
                if (now_ms() >= deadline_ms)
                        return -ETIMEDOUT;
                if (ended_silently(e, &deadline_ms))
                        return -ECONNRESET;
        }
}

static int ask(struct held *e, enum hold_ask what, const struct hold_request *more, struct hold_notice *ret)
{
        struct hold_request r = more ? *more : (struct hold_request){};
        int error;

        r.version = HOLD_PROTOCOL;
        r.ask = what;
        r.id = ++e->owner->last_id;
        if (send(e->fd, &r, sizeof(r), MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof(r))
                error = errno == EAGAIN ? -ETIMEDOUT : -ECONNRESET;
        else
                error = await(e, r.id, now_ms() + HOLD_ANSWER_MS, ret);
        if (error == -ECONNRESET || error == -EPIPE || error == -EPROTO) {
                gone(e);
                return -ESRCH;
        }
        return error;
}

/* ---- helpers ----------------------------------------------------------------------------------------- */

static int pidfd_of(uint32_t pid)
{
        int fd = (int)syscall(SYS_pidfd_open, pid, 0);

        return fd < 0 ? -errno : fd;
}

static const char *name_of(const struct task_ref *target, char buf[NAME_MAX_BYTES])
{
        snprintf(buf, NAME_MAX_BYTES, "%u-%llu.sock", target->pid, (unsigned long long)target->start);
        return buf;
}

/* By way of the open directory: a state directory may have any length, a socket's address has 107 bytes. */
static struct sockaddr_un address_of(const struct hold *h, const char *name)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};

        snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%.*s", h->dir, NAME_MAX_BYTES, name);
        return a;
}

static int connect_to(const struct hold *h, const char *name, int *ret)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un a = address_of(h, name);

        if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static int listen_at(const struct hold *h, const char *name, int *ret)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        struct sockaddr_un a = address_of(h, name);

        if (fd < 0)
                return -errno;
        (void)unlinkat(h->dir, name, 0); /* nobody answers there: it would be in our book */
        if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
            fchmodat(h->dir, name, SOCKET_MODE, 0) < 0 || listen(fd, BACKLOG) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

/* A session of its own, no file descriptor but the socket it listens on, all signals at their default. */
static int spawn(const struct hold *h, const struct task_ref *target, bool catch, int listener, pid_t *ret)
{
        char pid[16], start[24];
        char *argv[] = {"ptraced", "--hold",      pid,          "--hold-start",
                        start,     "--state-dir", h->state_dir, catch ? "--hold-catch" : NULL,
                        NULL};
        char *envp[] = {"LC_ALL=C", NULL};
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r;

        snprintf(pid, sizeof(pid), "%u", target->pid);
        snprintf(start, sizeof(start), "%llu", (unsigned long long)target->start);
        sigemptyset(&none);
        sigfillset(&all);
        r = posix_spawn_file_actions_init(&files);
        if (r)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r) {
                posix_spawn_file_actions_destroy(&files);
                return -r;
        }
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setflags(&attributes,
                                 POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r = posix_spawn_file_actions_adddup2(&files, listener, STDIN_FILENO);
        r = r ?: posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        r = r ?: posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
        r = r ?: posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
        r = r ?: posix_spawn(ret, "/proc/self/exe", &files, &attributes, argv, envp);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&files);
        return -r;
}

static int enter(struct hold *h, int fd, struct held **ret)
{
        struct held *e;

        if (h->n_held == HOLD_MAX)
                return -EDQUOT;
        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;
        e->owner = h;
        e->fd = fd;
        e->pidfd = -1;
        e->view.state = e->told = HOLD_HOLDING;
        *ret = e;
        return 0;
}

static int watch(struct held *e)
{
        struct hold *h = e->owner;
        int r = sd_event_add_io(h->event, &e->on_notice, e->fd, EPOLLIN, on_notice, e);

        if (r >= 0)
                r = sd_event_add_io(h->event, &e->on_end, e->pidfd, EPOLLIN, on_end, e);
        if (r < 0)
                return r;
        e->told = e->view.state;
        h->held[h->n_held++] = e;
        return 0;
}

/* It is connected to before it runs, so that it cannot end unheard. */
static int start_helper(struct hold *h, const struct task_ref *target, bool catch, struct held **ret)
{
        _cleanup_close_ int listener = -1, fd = -1;
        char name[NAME_MAX_BYTES];
        struct held *e;
        pid_t pid;
        int r = listen_at(h, name_of(target, name), &listener);

        if (r >= 0)
                r = connect_to(h, name, &fd);
        if (r >= 0)
                r = spawn(h, target, catch, listener, &pid);
        if (r < 0) {
                (void)unlinkat(h->dir, name, 0);
                return r;
        }
        r = enter(h, fd, &e);
        if (r < 0) {
                kill(pid, SIGTERM);
                return r;
        }
        TAKE_FD(fd);
        e->view.target = *target;
        e->view.helper.pid = (uint32_t)pid;
        e->pidfd = pidfd_of((uint32_t)pid);
        *ret = e;
        return 0;
}

static bool end_by(const struct held *e, int sig)
{
        struct pollfd p = {.fd = e->pidfd, .events = POLLIN};

        signal_helper(e, sig);
        return poll(&p, 1, ABANDON_MS) > 0;
}

/* Ended by the first signal: it lets go of whatever it has seized by then. Forgotten alive, it would remove
 * the socket of the next helper for that target. */
static void abandon(struct held *e, const char *name)
{
        if (e->pidfd >= 0 && !end_by(e, SIGTERM))
                (void)end_by(e, SIGKILL);
        (void)unlinkat(e->owner->dir, name, 0);
        held_free(e);
}

/* ---- after a restart --------------------------------------------------------------------------------- */

static bool parse_name(const char *name, struct task_ref *ret)
{
        unsigned long long start;
        unsigned pid;
        char check[NAME_MAX_BYTES];

        *ret = (struct task_ref){};
        if (sscanf(name, "%u-%llu.sock", &pid, &start) != 2)
                return false;
        ret->pid = pid;
        ret->start = start;
        return strcmp(name, name_of(ret, check)) == 0;
}

static int peer_of(int fd, struct ucred *ret)
{
        socklen_t length = sizeof(*ret);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &length) < 0)
                return -errno;
        return ret->uid == 0 || ret->uid == geteuid() ? 0 : -EACCES;
}

static int adopt(struct hold *h, const char *name, const struct task_ref *target, uint64_t deadline_ms)
{
        struct hold_notice n;
        struct ucred peer;
        struct held *e;
        int fd, r = connect_to(h, name, &fd);

        if (r == -ECONNREFUSED)
                (void)unlinkat(h->dir, name, 0);
        if (r < 0)
                return r;
        r = peer_of(fd, &peer);
        if (r >= 0)
                r = enter(h, fd, &e);
        if (r < 0) {
                close(fd);
                return r;
        }
        e->view.target = *target;
        e->pidfd = pidfd_of((uint32_t)peer.pid);
        e->view.helper.pid = (uint32_t)peer.pid;
        r = e->pidfd < 0 ? e->pidfd : await(e, 0, deadline_ms, &n);
        if (r == -EPROTO)
                signal_helper(e, SIGTERM);
        /* One that is silent holds all the same. What it is doing is told when it says so. */
        if (r == -ETIMEDOUT)
                log_warning(
                        "The helper that holds process %u does not answer yet. To let go, kill process %d.",
                        target->pid, (int)peer.pid);
        if (r >= 0 || r == -ETIMEDOUT)
                r = watch(e);
        if (r < 0)
                held_free(e);
        return r;
}

static int adopt_all(struct hold *h)
{
        _cleanup_closedir_ DIR *d = NULL;
        uint64_t deadline = now_ms() + ADOPT_MS;
        int fd = openat(h->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent *entry;

        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d)
                return -errno;
        for (size_t i = 0; i < ENTRIES_MAX && (entry = readdir(d)); i++) {
                struct task_ref target;
                int r;

                if (!parse_name(entry->d_name, &target))
                        continue;
                r = adopt(h, entry->d_name, &target, deadline);
                if (r < 0 && r != -ECONNREFUSED && r != -ECONNRESET)
                        log_warning(
                                "The helper that holds process %u does not answer (%s): it is left as it "
                                "is. To let go, kill the process that traces %u.",
                                target.pid, strerror(-r), target.pid);
        }
        return 0;
}

/* ---- the room's door --------------------------------------------------------------------------------- */

static int open_directory(struct hold *h)
{
        char *path;
        struct stat st;

        if (asprintf(&path, "%s/" HOLD_DIR, h->state_dir) < 0)
                return -ENOMEM;
        (void)mkdir(path, DIRECTORY_MODE);
        h->dir = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        free(path);
        if (h->dir < 0 || fstat(h->dir, &st) < 0)
                return -errno;
        /* Whoever may write here may speak as a helper. */
        return st.st_uid == geteuid() && !(st.st_mode & 077) ? 0 : -EPERM;
}

int hold_new(struct hold **ret, sd_event *event, const char *state_dir,
             void (*on_change)(void *userdata, const struct hold_view *v), void *userdata)
{
        struct hold *h = calloc(1, sizeof(*h));
        int r;

        if (!h)
                return -ENOMEM;
        h->event = sd_event_ref(event);
        h->on_change = on_change;
        h->userdata = userdata;
        h->dir = -1;
        h->state_dir = realpath(state_dir, NULL);
        r = h->state_dir ? open_directory(h) : -errno;
        if (r >= 0)
                r = sd_event_add_defer(event, &h->teller, on_tell, h);
        if (r >= 0)
                r = sd_event_source_set_enabled(h->teller, SD_EVENT_OFF);
        if (r >= 0)
                r = adopt_all(h);
        if (r < 0) {
                hold_free(h);
                return r;
        }
        *ret = h;
        return 0;
}

struct hold *hold_free(struct hold *h)
{
        if (!h)
                return NULL;
        for (size_t i = 0; i < h->n_held; i++)
                held_free(h->held[i]);
        sd_event_source_disable_unref(h->teller);
        if (h->dir >= 0)
                close(h->dir);
        sd_event_unref(h->event);
        free(h->state_dir);
        free(h);
        return NULL;
}

static bool is_ours(const struct hold *h, uint32_t pid)
{
        if (pid == (uint32_t)getpid())
                return true;
        for (size_t i = 0; i < h->n_held; i++)
                if (h->held[i]->view.helper.pid == pid)
                        return true;
        return false;
}

int hold_take(struct hold *h, const struct task_ref *target, bool catch, struct task_ref *ret_holder)
{
        struct held *e = find_target(h, target);
        char name[NAME_MAX_BYTES];
        struct hold_notice n = {};
        int r;

        *ret_holder = (struct task_ref){};
        if (e) {
                r = ask(e, HOLD_ASK_CATCH, &(struct hold_request){.catch = catch}, &n);
                if (r != -ESRCH) /* that is a helper which has just ended: another one is needed */
                        return r < 0 ? r : -EALREADY;
        }
        if (is_ours(h, target->pid))
                return -EINVAL;
        if (h->n_held == HOLD_MAX)
                return -EDQUOT;
        r = start_helper(h, target, catch, &e);
        if (r < 0)
                return r;
        r = e->pidfd < 0 ? e->pidfd : await(e, 0, now_ms() + HOLD_ANSWER_MS, &n);
        if (r >= 0)
                r = watch(e);
        if (r >= 0)
                return 0;
        if (r == -EPERM)
                *ret_holder = n.holder;
        abandon(e, name_of(target, name));
        return r == -ECONNRESET ? -ESRCH : r;
}

int hold_yield(struct hold *h, const struct task_ref *target, const struct task_ref *owner)
{
        struct held *e = find_target(h, target);
        struct hold_notice n;

        return e ? ask(e, HOLD_ASK_YIELD, &(struct hold_request){.owner_pid = owner ? owner->pid : 0}, &n)
                 : -ENOENT;
}

int hold_resume(struct hold *h, const struct task_ref *target)
{
        struct held *e = find_target(h, target);
        struct hold_notice n;

        return e ? ask(e, HOLD_ASK_RESUME, NULL, &n) : -ENOENT;
}

int hold_release(struct hold *h, const struct task_ref *target)
{
        struct held *e = find_target(h, target);
        struct hold_notice n;
        int r = e ? ask(e, HOLD_ASK_RELEASE, NULL, &n) : -ENOENT;

        /* It ended before it could answer: it has let go all the same. */
        return r == -ESRCH ? 0 : r;
}

int hold_get(const struct hold *h, uint32_t pid, struct hold_view *ret)
{
        struct held *e = find(h, pid);

        if (!e)
                return -ENOENT;
        *ret = e->view;
        return 0;
}

int hold_each(const struct hold *h, int (*fn)(void *userdata, const struct hold_view *v), void *userdata)
{
        int r = 0;

        for (size_t i = 0; i < h->n_held && r == 0; i++)
                if (h->held[i]->view.state != HOLD_GONE)
                        r = fn(userdata, &h->held[i]->view);
        return r;
}
