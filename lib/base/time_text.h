/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Times as people write them, and back. */

#include <stdint.h>

/* ISO 8601 UTC with nanoseconds, "2026-11-22T01:02:03.000000004Z", into a buffer of TIME_STRING_MAX. */
#define TIME_STRING_MAX 40
const char *time_to_string(uint64_t wall_ns, char buf[TIME_STRING_MAX]);
/* ISO times (with or without fraction and zone; none means UTC), "-5m", "-2h30m", "-10s"; now_ns is
 * CLOCK_REALTIME. */
int time_from_string(const char *s, uint64_t now_ns, uint64_t *ret_wall_ns);
