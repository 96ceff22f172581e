/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A process and all that descend from it, learned from the events as they pass, in order. Members are told
 * by (pid, start time), so a pid that is used again by a stranger is no member. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/event/event.h"

#define FAMILY_MAX 65536 /* members; more are not followed, family_overflow() counts them */

struct family;

/* root: pid and start time. -ENOMEM. */
int family_new(struct family **ret, const struct task_ref *root);
struct family *family_free(struct family *f); /* returns NULL */

/*
 * Looks at the next event: new children become members. True if a member takes part in it, as target, actor,
 * tracer or parent, and for what concerns every reader: losses and the start of the recording.
 */
bool family_takes(struct family *f, const struct event *e);
/* Is that process a member? start 0: any process with that pid. */
bool family_has(const struct family *f, uint32_t pid, uint64_t start);
uint64_t family_overflow(const struct family *f);
