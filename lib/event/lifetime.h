/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One process among those that had its pid one after the other, and what is about it and not about them.
 * Pure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/event/event.h"
#include "lib/event/finding.h"

struct lifetime {
        uint32_t pid;
        uint64_t start;         /* clock ticks since boot; 0: not known, or all that had the pid are meant */
        uint64_t start_wall_ns; /* CLOCK_REALTIME at the same moment, 0: not known */
};

/* Where a part is not told with its start time, what happened since the process began is taken for it. */
bool lifetime_has_event(const struct lifetime *l, const struct event *e);
bool lifetime_has_finding(const struct lifetime *l, const struct finding *f);
/* The start time of the one with that pid that takes part; 0: none does, or it is not told. */
uint64_t lifetime_start_in(const struct event *e, uint32_t pid);
