/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Events in words, one line each, escaped. Pure, but for the local time zone. */

#include "lib/event/event.h"

#define DESCRIBE_MAX 1024

/* "gdb(812) attached to app(701)". Returns buf. */
const char *describe_event(const struct event *e, char *buf, size_t size);

/* Worth a line for somebody who watches: attaches, refusals, ends, traps and stops that went astray. */
bool event_interesting(const struct event *e);
