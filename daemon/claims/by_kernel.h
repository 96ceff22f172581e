/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Claims kept by the kernel's guard: what they are in its map, and how they are put there. */

#include "daemon/claims/claims_file.h"
#include "daemon/claims/means.h"
#include "daemon/guard/guard.h"
#include "daemon/hold/hold.h"

struct by_kernel {
        struct guard *guard;
        struct hold *hold; /* NULL: none. A claimed process may be held for another reason */
        bool forgotten;    /* the kernel has forgotten every claim already */
};

/* k outlives it. */
struct means by_kernel_means(struct by_kernel *k);
/* Adds the claims of an earlier daemon that stand still: the kernel is the authority, the file has the words
 * for its claims, and those that hold keeps still. */
void by_kernel_find(struct guard *guard, const char *state_dir, struct claims_found *ret);
