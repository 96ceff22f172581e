/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a service takes from its start until it says READY=1. Prints milliseconds, and ends it with
 * SIGTERM.
 */
#include <errno.h>
#include <error.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define PATIENCE_MS 10000

static double now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A name without a file, chosen by the kernel, goes away with the socket. */
static int listen_for_notification(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        socklen_t size = sizeof(address);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        char name[32] = "@";

        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) ||
            getsockname(fd, (struct sockaddr *)&address, &size))
                error(1, errno, "cannot make a notification socket");
        memcpy(name + 1, address.sun_path + 1, size - sizeof(sa_family_t) - 1);
        setenv("NOTIFY_SOCKET", name, 1);
        return fd;
}

/* 0 when it said READY=1, -ETIMEDOUT. */
static int await_ready(int fd, double end)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};
        char text[1024];
        ssize_t n;

        while (now_ms() < end) {
                if (poll(&p, 1, 100) <= 0)
                        continue;
                n = recv(fd, text, sizeof(text) - 1, 0);
                if (n < 0)
                        return -errno;
                text[n] = '\0';
                if (strstr(text, "READY=1"))
                        return 0;
        }
        return -ETIMEDOUT;
}

int main(int argc, char **argv)
{
        double start;
        pid_t pid;
        int fd, r;

        if (argc < 2) {
                fprintf(stderr, "Usage: ready PROGRAM [ARGUMENT...]\n");
                return 2;
        }
        fd = listen_for_notification();
        start = now_ms();
        pid = fork();
        if (pid < 0)
                error(1, errno, "cannot fork");
        if (!pid) {
                execvp(argv[1], argv + 1);
                error(127, errno, "cannot run %s", argv[1]);
        }
        r = await_ready(fd, start + PATIENCE_MS);
        if (!r)
                printf("%.1f\n", now_ms() - start);
        kill(pid, SIGTERM);
        waitpid(pid, NULL, 0);
        if (r)
                error(1, -r, "%s did not become ready", argv[1]);
        return 0;
}
