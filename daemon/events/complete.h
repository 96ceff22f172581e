/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Fills in whom an event is about, where the kernel side knew only a number: tier tracepoint sees the
 * arguments of a system call, not the task. The model's live sessions answer for detaches and counters,
 * /proc for the rest.
 */

#include "lib/event/event.h"
#include "lib/model/model.h"

/* -ESRCH if the target cannot be told any more. */
int complete_event(const struct model *m, struct event *e);
void complete_counter(const struct model *m, struct event *e);
