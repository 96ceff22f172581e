/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Claims kept by hold: ptraced occupies the target, lets go when the owner is let in, and takes hold again
 * when its tracer has left.
 */

#include "daemon/claims/means.h"
#include "daemon/claims/owner.h"
#include "daemon/hold/hold.h"

struct kept;

struct by_hold {
        struct hold *hold; /* NULL: none, so that no claim can be kept */
        const struct tracers *tracers;
        means_installed on_installed;
        void *userdata;
        struct kept *kept[HOLD_MAX];
        size_t n;
};

/* What is asked of hold is called off; holds stay. */
void by_hold_done(struct by_hold *h);
/* h outlives it. */
struct means by_hold_means(struct by_hold *h);
