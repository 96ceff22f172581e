// SPDX-License-Identifier: GPL-2.0-or-later
/* A library for LD_PRELOAD that takes SIGTRAP over, or the signal TAKE_SIGNAL, as crash reporters and profilers do. */

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t taken;

static void take(int sig)
{
        (void)sig;
        taken++;
}

__attribute__((constructor)) static void take_over(void)
{
        const char *which = getenv("TAKE_SIGNAL");
        struct sigaction sa;

        memset(&sa, 0, sizeof(sa));
        sa.sa_handler = take;
        (void)sigaction(which ? atoi(which) : SIGTRAP, &sa, NULL);
}
