/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A hook that attaches is not a hook that works: __ptrace_link is inlined on some kernels, a program may be
 * skipped. So at start a child of ours is traced by another, for a few milliseconds, and what the programs
 * say of it is read off the ring. Hooks that spoke become HOOK_WORKING. The records are not events: they are
 * dropped, but for what the guard of an earlier daemon refused meanwhile.
 */

#include <stddef.h>

#include "daemon/kernel/loader.h"

#define SELFTEST_LIMIT_MS 5000 /* then the children are ended and the hooks stay HOOK_ATTACHED */

void loader_selftest(struct loader *l, struct backlog **backlog, struct hook *hooks, size_t n_hooks);
