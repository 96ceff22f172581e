/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hold/hold_link.h"

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

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

#define DIRECTORY_MODE 0700
#define SOCKET_MODE    0600
#define BACKLOG        8
#define STEP_MS        100 /* of waiting for the first word */

/* ---- the directory ----------------------------------------------------------------------------------- */

int hold_directory_open(struct hold_directory *ret, const char *state_dir)
{
        _cleanup_free_ char *path = NULL;
        struct stat st;

        *ret = (struct hold_directory){.state_dir = realpath(state_dir, NULL), .fd = -1};
        if (!ret->state_dir)
                return -errno;
        if (asprintf(&path, "%s/" HOLD_DIR, ret->state_dir) < 0)
                return -ENOMEM;
        (void)mkdir(path, DIRECTORY_MODE);
        ret->fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (ret->fd < 0 || fstat(ret->fd, &st) < 0)
                return -errno;
        return st.st_uid == geteuid() && !(st.st_mode & 077) ? 0 : -EPERM;
}

void hold_directory_close(struct hold_directory *d)
{
        if (d->fd >= 0)
                close(d->fd);
        d->fd = -1;
        free(d->state_dir);
        d->state_dir = NULL;
}

/* ---- names and sockets ------------------------------------------------------------------------------- */

static const char *name_of(const struct task_ref *target, char buf[HOLD_NAME_MAX])
{
        snprintf(buf, HOLD_NAME_MAX, "%u-%llu.sock", target->pid, (unsigned long long)target->start);
        return buf;
}

bool hold_link_parse_name(const char *name, struct task_ref *ret)
{
        unsigned long long start;
        unsigned pid;
        char check[HOLD_NAME_MAX];

        *ret = (struct task_ref){};
        if (sscanf(name, "%u-%llu.sock", &pid, &start) != 2)
                return false;
        ret->pid = pid;
        ret->start = start;
        return strcmp(name, name_of(ret, check)) == 0;
}

void hold_link_remove_name(const struct hold_directory *d, const struct task_ref *target)
{
        char name[HOLD_NAME_MAX];

        (void)unlinkat(d->fd, name_of(target, name), 0);
}

/* By way of the open directory: a state directory may have any length, a socket's address has 107 bytes. */
static struct sockaddr_un address_of(const struct hold_directory *d, const char *name)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};

        snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%.*s", d->fd, HOLD_NAME_MAX, name);
        return a;
}

static int connect_helper(const struct hold_directory *d, const char *name, int *ret)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un a = address_of(d, name);

        if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static int listen_at(const struct hold_directory *d, const char *name, int *ret)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        struct sockaddr_un a = address_of(d, name);

        if (fd < 0)
                return -errno;
        (void)unlinkat(d->fd, name, 0); /* nobody answers there: it would be in the book */
        if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
            fchmodat(d->fd, name, SOCKET_MODE, 0) < 0 || listen(fd, BACKLOG) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static int peer_of(int fd, struct ucred *ret)
{
        socklen_t length = sizeof(*ret);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &length) < 0)
                return -errno;
        return ret->uid == 0 || ret->uid == geteuid() ? 0 : -EACCES;
}

int hold_pidfd(uint32_t pid)
{
        int fd = (int)syscall(SYS_pidfd_open, pid, 0);

        return fd < 0 ? -errno : fd;
}

/* ---- starting and finding ---------------------------------------------------------------------------- */

/* A session of its own, no file descriptor but the socket it listens on, all signals at their default. */
static int spawn(const struct hold_directory *d, const struct task_ref *target, bool catch, int listener,
                 pid_t *ret)
{
        char pid[16], start[24];
        char *argv[] = {"ptraced", "--hold",      pid,          "--hold-start",
                        start,     "--state-dir", d->state_dir, catch ? "--hold-catch" : NULL,
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

int hold_link_start(const struct hold_directory *d, const struct task_ref *target, bool catch,
                    struct hold_link *ret)
{
        _cleanup_close_ int listener = -1, fd = -1;
        char name[HOLD_NAME_MAX];
        pid_t pid = 0;
        int pidfd = -1, r = listen_at(d, name_of(target, name), &listener);

        if (r >= 0)
                r = connect_helper(d, name, &fd);
        if (r >= 0)
                r = spawn(d, target, catch, listener, &pid);
        if (r >= 0)
                r = pidfd = hold_pidfd((uint32_t)pid);
        if (r < 0) {
                if (pid)
                        kill(pid, SIGKILL);
                (void)unlinkat(d->fd, name, 0);
                return r;
        }
        *ret = (struct hold_link){.fd = TAKE_FD(fd), .pidfd = pidfd, .pid = (uint32_t)pid};
        return 0;
}

int hold_link_find(const struct hold_directory *d, const char *name, struct hold_link *ret)
{
        _cleanup_close_ int fd = -1;
        struct ucred peer;
        int pidfd = -1, r = connect_helper(d, name, &fd);

        if (r == -ECONNREFUSED)
                (void)unlinkat(d->fd, name, 0);
        if (r >= 0)
                r = peer_of(fd, &peer);
        if (r >= 0)
                r = pidfd = hold_pidfd((uint32_t)peer.pid);
        if (r < 0)
                return r;
        *ret = (struct hold_link){.fd = TAKE_FD(fd), .pidfd = pidfd, .pid = (uint32_t)peer.pid};
        return 0;
}

void hold_link_close(struct hold_link *l)
{
        if (l->pidfd >= 0) {
                /* Ours are to be reaped; those of an earlier daemon are not our children. */
                (void)waitid(P_PIDFD, (id_t)l->pidfd, NULL, WEXITED | WNOHANG);
                close(l->pidfd);
        }
        if (l->fd >= 0)
                close(l->fd);
        *l = HOLD_NO_LINK;
}

/* ---- speaking ---------------------------------------------------------------------------------------- */

int hold_link_receive(const struct hold_link *l, struct hold_notice *ret)
{
        ssize_t n = recv(l->fd, ret, sizeof(*ret), MSG_DONTWAIT | MSG_TRUNC);

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

int hold_link_send(const struct hold_link *l, const struct hold_request *r)
{
        if (send(l->fd, r, sizeof(*r), MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(*r))
                return 0;
        return errno == EAGAIN ? -ETIMEDOUT : -ECONNRESET;
}

void hold_link_signal(const struct hold_link *l, int sig)
{
        if (l->pidfd >= 0)
                (void)syscall(SYS_pidfd_send_signal, l->pidfd, sig, NULL, 0);
}

int hold_link_first_word(const struct hold_link *l, uint64_t deadline_ms, struct hold_notice *ret)
{
        struct pollfd p[] = {{.fd = l->fd, .events = POLLIN}, {.fd = l->pidfd, .events = POLLIN}};
        int r;

        while ((r = hold_link_receive(l, ret)) == 0) {
                uint64_t now = clock_mono_ms();

                if (now >= deadline_ms)
                        return -ETIMEDOUT;
                if (poll(p, ELEMENTSOF(p), (int)MIN_OF(deadline_ms - now, (uint64_t)STEP_MS)) > 0 &&
                    p[1].revents && !p[0].revents)
                        return -ECONNRESET;
        }
        return r < 0 ? r : 0;
}
