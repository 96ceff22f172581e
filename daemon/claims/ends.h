/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Tells once when a process has ended: by a pidfd each, or, where there are not enough descriptors, by
 * asking. */

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "lib/event/event.h"

struct ends;

/* on_gone may watch others, and sweep. */
int ends_new(struct ends **ret, sd_event *event,
             void (*on_gone)(void *userdata, const struct task_ref *process), void *userdata);
struct ends *ends_free(struct ends *e);

/* Twice is once. -ESRCH: it is gone. */
int ends_watch(struct ends *e, const struct task_ref *process);
/* Forgets those that nobody needs any more. */
void ends_sweep(struct ends *e, bool (*needed)(void *userdata, const struct task_ref *process),
                void *userdata);
/* Once a second: of those without a descriptor one that has ended is told. */
void ends_poll(struct ends *e);
