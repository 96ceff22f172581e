/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Which network namespace is the daemon's own. */

#include "lib/event/event.h"

/* Fills in e->other_netns of a net.connect. */
void netns_compare(struct event *e);
