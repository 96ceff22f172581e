/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What this kernel lets us use. Lower is more. */
enum tier {
        TIER_FULL,
        TIER_TRACEPOINT,
        TIER_PROC,
        _TIER_MAX
};
#define TIER_BEST (-1)

const char *tier_to_string(enum tier t); /* "full", "tracepoint", "proc" */
int tier_from_string(const char *s);     /* -EINVAL */
