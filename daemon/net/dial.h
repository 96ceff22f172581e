/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Sockets at debuggers' ports, as the kernel side tells of them: what user space knows besides. Reads
 * /proc/PID/maps, of which it takes DIAL_MAPS_MAX bytes.
 */

#include "lib/event/event.h"

#define DIAL_MAPS_MAX (1024 * 1024)

/*
 * Fills in e->xdebug and e->other_netns of a net.connect. False: the process was looked at and has no Xdebug,
 * so that its connections are none of a debugger's.
 */
bool dial_matters(struct event *e);
