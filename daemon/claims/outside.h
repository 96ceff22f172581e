/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Brings to the arbiter what happens outside: tracers that come and go, changes of hold, set-uid programs,
 * and each second. */

#include <systemd/sd-event.h>

#include "daemon/claims/arbiter.h"

struct outside;

int outside_new(struct outside **ret, sd_event *event, struct arbiter *arbiter, struct pump *pump);
struct outside *outside_free(struct outside *o); /* before the arbiter */
/* For the on_change of hold_new(). */
void outside_hold_changed(struct outside *o, const struct hold_view *v);
