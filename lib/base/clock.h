/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What time it is, for daemon and client. Pure code is told the time instead. Boot time is what events and
 * leases count in: it goes on while the machine sleeps (clock_gettime(2)). Monotonic time is for limits of
 * waiting, wall time for people. These clocks always exist, so there is no error.
 */

#include <stdint.h>
#include <time.h>

#include "lib/base/cleanup.h"

static inline uint64_t clock_read_ns(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_boot_ns(void)
{
        return clock_read_ns(CLOCK_BOOTTIME);
}

static inline uint64_t clock_mono_ns(void)
{
        return clock_read_ns(CLOCK_MONOTONIC);
}

static inline uint64_t clock_mono_ms(void)
{
        return clock_mono_ns() / NSEC_PER_MSEC;
}

static inline uint64_t clock_wall_ns(void)
{
        return clock_read_ns(CLOCK_REALTIME);
}
