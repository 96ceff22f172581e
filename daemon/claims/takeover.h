/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The claims of an earlier daemon. */

#include "daemon/claims/claims_file.h"
#include "daemon/guard/guard.h"

/* All that stand still: guard NULL, those of the file; else the kernel is the authority, and the file only
 * has the words for its claims, and those that hold keeps still. *ret is initialized. */
void takeover_find(struct guard *guard, const char *state_dir, struct claims_found *ret);
