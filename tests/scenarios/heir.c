/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A connection whose process has ended. `heir SOCKET gone` connects as user 65534 and ends; a child that
 * inherited the connection goes on with it. `reused`: a process of the same user has the pid by then.
 * `early`: both before the server accepts, which the test is to stop meanwhile. Each line of standard input,
 * "METHOD PATH BODY", is a request; its answer is a line "STATUS BODY".
 */

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/scenarios/fixture.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define NOBODY       65534
#define MESSAGE_SIZE 65536

static int told[2];  /* a byte: go on */
static int quiet[2]; /* nothing, until the first process ends */

static void be_nobody(void)
{
        if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
            setresuid(NOBODY, NOBODY, NOBODY) < 0)
                die("setresuid");
        prctl(PR_SET_DUMPABLE, 1);
}

static int connect_to(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                die("connect");
        return fd;
}

/* The answer has a Content-Length, and comes before the next request. */
static void ask(int fd, const char *method, const char *path, const char *body, bool show)
{
        static char text[MESSAGE_SIZE];
        size_t n = 0, length = SIZE_MAX;
        char *at = NULL, *end = NULL;
        ssize_t got;
        int size = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
                            method, path, strlen(body), body);

        if (send(fd, text, (size_t)size, MSG_NOSIGNAL) != size)
                die("send");
        while (n < sizeof(text) - 1 && (!end || n < (size_t)(end - text) + length)) {
                got = recv(fd, text + n, sizeof(text) - 1 - n, 0);
                if (got <= 0)
                        die("recv");
                n += (size_t)got;
                text[n] = '\0';
                if (end || !(at = strstr(text, "\r\n\r\n")))
                        continue;
                end = at + 4;
                at = strcasestr(text, "Content-Length:");
                length = at ? strtoul(at + 15, NULL, 10) : 0;
        }
        text[strcspn(end, "\n") + (size_t)(end - text)] = '\0';
        if (show)
                printf("%.3s %s\n", text + strlen("HTTP/1.1 "), end);
}

static void serve(int fd)
{
        static char line[MESSAGE_SIZE / 2], method[16], path[256];
        int at = 0;

        while (fgets(line, sizeof(line), stdin)) {
                line[strcspn(line, "\n")] = '\0';
                if (sscanf(line, "%15s %255s %n", method, path, &at) >= 2)
                        ask(fd, method, path, line + at, true);
        }
}

static void connect_and_leave(const char *path, const char *mode)
{
        int fd;
        char c;

        be_nobody();
        fd = connect_to(path);
        if (strcmp(mode, "early") != 0)
                ask(fd, "GET", "/healthz", "", false);
        if (fork() != 0) {
                if (!strcmp(mode, "raised") && dup2(quiet[0], STDIN_FILENO) >= 0)
                        execlp("passwd", "passwd", NULL);
                _exit(0);
        }
        close(quiet[1]);
        if (read(told[0], &c, 1) != 1)
                _exit(99);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fixture_guard();
        serve(fd);
        _exit(0);
}

/* Can the server tell the process that connected from one that has its pid by the time it accepts? */
static int has_peer_pidfd(void)
{
        int pair[2], fd = -1;
        socklen_t length = sizeof(fd);

        return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
               getsockopt(pair[0], SOL_SOCKET, SO_PEERPIDFD, &fd, &length) == 0;
}

static void use_pid_again(pid_t pid)
{
        struct clone_args a = {
                .exit_signal = SIGCHLD,
                .set_tid = (uint64_t)(uintptr_t)&pid,
                .set_tid_size = 1,
        };
        long r = syscall(SYS_clone3, &a, sizeof(a));

        if (r < 0)
                die("clone3");
        if (r > 0)
                return;
        fixture_guard();
        be_nobody();
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of user takes it back */
        for (;;)
                pause();
}

int main(int argc, char **argv)
{
        bool raised = argc == 3 && !strcmp(argv[2], "raised");
        pid_t pid;

        fixture_guard();
        if (argc != 3 || pipe2(told, O_CLOEXEC) < 0 || pipe2(quiet, O_CLOEXEC) < 0 ||
            prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                die("usage: heir SOCKET gone|reused|early|raised");
        pid = fork();
        if (pid == 0)
                connect_and_leave(argv[1], argv[2]);
        if (pid < 0 || (!raised && waitpid(pid, NULL, 0) != pid))
                die("fork");
        usleep(30000); /* start times differ: they are counted in ticks of 10 ms */
        if (!raised && strcmp(argv[2], "gone") != 0)
                use_pid_again(pid);
        printf("ready pid=%d pidfd=%d\n", (int)pid, has_peer_pidfd());
        if (write(told[1], "", 1) != 1)
                die("write");
        for (;;)
                pause();
}
