/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What every fixture needs: a hard end, and a way to wait for the test that a tracer cannot notice.
 *
 * SIGUSR1 is blocked and taken with sigtimedwait(): a signal taken that way never becomes a
 * signal-delivery-stop, so a debugger that holds the fixture is not disturbed by the test.
 * The hard end is a SIGKILL from a timer, not alarm(): it also ends a stopped or a held process. Timers
 * are not inherited, so every forked child calls fixture_guard() again.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define FIXTURE_SECONDS 90 /* default life, FIXTURE_SECONDS in the environment overrides it */

static inline unsigned fixture_seconds(void)
{
        const char *e = getenv("FIXTURE_SECONDS");
        unsigned long n = e ? strtoul(e, NULL, 10) : 0;

        return n > 0 && n < 36000 ? (unsigned)n : FIXTURE_SECONDS;
}

static inline void die(const char *what)
{
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        _exit(99);
}

/* SIGKILL to ourselves when our time is up; SIGUSR1 blocked; where Yama asks for an ancestor, tracers of our
 * own user are let in all the same. */
static inline void fixture_guard(void)
{
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
        struct itimerspec when = {.it_value.tv_sec = fixture_seconds()};
        sigset_t set;
        timer_t timer;

        if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 || timer_settime(timer, 0, &when, NULL) < 0)
                die("timer");
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                die("sigprocmask");
        (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* EINVAL: there is no Yama */
        setvbuf(stdout, NULL, _IOLBF, 0);
}

/* Wait at most ms milliseconds for the test's SIGUSR1 (-1: as long as we live). 1 if it came, else 0. */
static inline int fixture_go(int ms)
{
        struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
        sigset_t set;
        int r;

        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        do
                r = ms < 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &t);
        while (r < 0 && errno == EINTR && ms < 0);
        return r == SIGUSR1;
}
