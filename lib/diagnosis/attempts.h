/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Connects of Xdebug that failed, and are not told yet: where its host has several addresses it tries one
 * after the other, and the last one may answer. Each waits ATTEMPT_WAIT_NS for a better end. Pure.
 */

#include "lib/event/event.h"

#define ATTEMPTS_MAX    32 /* beyond, the oldest is told as it stands */
#define ATTEMPT_WAIT_NS (500 * NSEC_PER_MSEC)

struct diagnosis;
struct rule;

struct attempt {
        const struct rule *rule;
        /* Of the last failure, as its net.connect has it. */
        struct task_ref target, parent;
        uint64_t seq, time_ns, wall_ns, waited_ns;
        uint32_t netns, port;
        int32_t error;
        bool other_netns;
        char remote[EVENT_ADDRESS_MAX];
        uint64_t due_ns;
};

struct attempts {
        struct attempt list[ATTEMPTS_MAX]; /* oldest first */
        size_t n;
};

/* Tell those whose time is over; UINT64_MAX: all of them. */
void attempts_expire(struct diagnosis *d, uint64_t now_ns);
