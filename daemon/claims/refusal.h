/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Who stands behind a refused attach, in words: what a record names by number, and holds of ptraced's own.
 */

#include "daemon/claims/arbiter.h"

struct rec_guard;

/* record: what the kernel's guard wrote. NULL: the kernel itself refused because of e->tracer, which may be
 * a hold helper; then the event tells of the claim or the hold, as one of the guard would. */
void refusal_name(const struct arbiter *a, const struct hold *hold, const struct rec_guard *record,
                  struct event *e);
