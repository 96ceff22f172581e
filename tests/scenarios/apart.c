/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * apart: holds a network namespace of its own, with nothing but its loopback, for others to enter. Says
 * "ready pid=N", and waits to be ended.
 */

#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/scenarios/fixture.h"

int main(void)
{
        struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
        int fd;

        fixture_guard();
        if (unshare(CLONE_NEWNET))
                die("unshare");
        fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo))
                die("lo");
        printf("ready pid=%d\n", (int)getpid());
        for (;;)
                pause();
}
