/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * At most so many in so long: a journal that drops what comes too fast would drop our other messages, too.
 * Pure: the caller says what time it is.
 */

#include <stdbool.h>
#include <stdint.h>

struct ratelimit {
        uint64_t window_ns; /* of any clock */
        uint64_t burst;     /* in one window */
        uint64_t since_ns, n;
};

/* Is there room for one more? *ret_dropped: how many found none in the window that has just ended, to be
 * told once; else 0. */
static inline bool ratelimit_admits(struct ratelimit *r, uint64_t now_ns, uint64_t *ret_dropped)
{
        *ret_dropped = 0;
        if (now_ns >= r->since_ns + r->window_ns) {
                if (r->n > r->burst)
                        *ret_dropped = r->n - r->burst;
                r->since_ns = now_ns;
                r->n = 0;
        }
        return ++r->n <= r->burst;
}
