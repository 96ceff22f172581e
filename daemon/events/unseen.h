/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who traces a process, as /proc says and the model does not know: the ptrace calls of 32-bit programs are
 * not seen in tier tracepoint. Its threads are looked at in pieces.
 */

#include "daemon/events/scan.h"

struct unseen;

/* At most so many threads. What the model knows is taken from it now. -ENOMEM. */
int unseen_new(struct unseen **ret, const struct model *m, uint32_t pid, unsigned max);
struct unseen *unseen_free(struct unseen *u); /* returns NULL */
/* Tells of what it finds until `until_ns` (CLOCK_MONOTONIC): a ptrace.attach with origin scan for each thread
 * that is traced. 1: there are more threads; 0: that was all. */
int unseen_step(struct unseen *u, uint64_t until_ns, scan_emit emit, void *userdata);
