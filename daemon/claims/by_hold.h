/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Claims kept by hold: ptraced occupies the target, lets go when the owner is let in, and takes hold again
 * when its tracer has left.
 */

#include "daemon/claims/means.h"
#include "daemon/claims/tracers.h"
#include "daemon/hold/hold.h"

/* A claim that is kept by hold. */
struct kept {
        struct task_ref target;
        uint64_t claim;
        bool ours;         /* the hold was taken for the claim, and goes with it */
        bool attached;     /* the owner was let in, and its tracer was seen */
        uint64_t retry_ns; /* not to be held again before */
};

struct by_hold {
        struct hold *hold; /* NULL: none, so that no claim can be kept */
        const struct tracers *tracers;
        struct kept kept[HOLD_MAX];
        size_t n;
};

/* h outlives it. */
struct means by_hold_means(struct by_hold *h);
