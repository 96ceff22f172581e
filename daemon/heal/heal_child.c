/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/heal/heal_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/heal/heal.h"

struct heal_child {
        struct heal *heal;
        struct heal *answer; /* as far as it came */
        size_t received;
        pid_t pid; /* 0: reaped */
        int fd;
        bool late; /* the end of its time was put off */
        sd_event_source *readable, *timeout;
        void (*on_end)(void *userdata);
        void *userdata;
};

struct heal_child *heal_end(struct heal_child *c)
{
        if (!c)
                return NULL;
        if (c->pid) {
                kill(c->pid, SIGKILL);
                while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        sd_event_source_disable_unref(c->readable);
        sd_event_source_disable_unref(c->timeout);
        if (c->fd >= 0)
                close(c->fd);
        free(c->answer);
        free(c);
        return NULL;
}

/* All of the answer, or what became of it. */
static void take_answer(struct heal_child *c)
{
        struct heal *h = c->heal;

        sd_event_source_set_enabled(c->readable, SD_EVENT_OFF);
        sd_event_source_set_enabled(c->timeout, SD_EVENT_OFF);
        if (c->received == sizeof(*c->answer))
                *h = *c->answer;
        else
                heal_refuse(
                        h,
                        "It came to no end within %d s: a thread that cannot be stopped, memory that "
                        "cannot be read, or a file that was cut short is in the way. Look what is there: "
                        "ptracectl heal --dry-run",
                        HEAL_CHILD_MS / 1000);
        c->on_end(c->userdata);
}

static int on_readable(sd_event_source *source _unused_, int fd, uint32_t events _unused_, void *userdata)
{
        struct heal_child *c = userdata;
        ssize_t n = read(fd, (char *)c->answer + c->received, sizeof(*c->answer) - c->received);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        c->received += n > 0 ? (size_t)n : 0;
        if (n <= 0 || c->received == sizeof(*c->answer))
                take_answer(c);
        return 0;
}

/* Once it is put off: where this process stood still, the answer may be there, unread. */
static int on_timeout(sd_event_source *source, uint64_t usec _unused_, void *userdata)
{
        struct heal_child *c = userdata;

        if (!c->late && sd_event_source_set_time_relative(source, HEAL_LATE_MS * 1000ULL) >= 0 &&
            sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) >= 0)
                c->late = true;
        else
                take_answer(c);
        return 0;
}

static _Noreturn void run_child(struct heal *h, int out, pid_t parent)
{
        const char *p = (const void *)h;
        size_t left = sizeof(*h);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        heal_run(h);
        while (left > 0) {
                ssize_t n = write(out, p, left);

                if (n <= 0)
                        _exit(EXIT_FAILURE);
                p += n;
                left -= (size_t)n;
        }
        _exit(EXIT_SUCCESS);
}

/* The child inherits descriptors of the daemon's, and uses none but its end of the pipe. */
static int start(struct heal_child *c)
{
        pid_t self = getpid();
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        c->fd = fds[0];
        c->pid = fork();
        if (c->pid == 0)
                run_child(c->heal, fds[1], self);
        close(fds[1]);
        if (c->pid < 0) {
                c->pid = 0;
                return -errno;
        }
        return fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int heal_begin(struct heal_child **ret, sd_event *event, struct heal *h, void (*on_end)(void *userdata),
               void *userdata)
{
        struct heal_child *c = calloc(1, sizeof(*c));
        int r = -ENOMEM;

        if (!c)
                return -ENOMEM;
        *c = (struct heal_child){.heal = h, .fd = -1, .on_end = on_end, .userdata = userdata};
        c->answer = calloc(1, sizeof(*c->answer));
        if (c->answer)
                r = start(c);
        if (r >= 0)
                r = sd_event_add_io(event, &c->readable, c->fd, EPOLLIN, on_readable, c);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &c->timeout, CLOCK_MONOTONIC, HEAL_CHILD_MS * 1000ULL,
                                               0, on_timeout, c);
        if (r < 0) {
                heal_end(c);
                return r;
        }
        *ret = c;
        return 0;
}
