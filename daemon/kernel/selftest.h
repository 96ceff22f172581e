/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A hook that attaches is not a hook that works: __ptrace_link is inlined on some kernels, a program may be
 * skipped. So at start a child of ours is traced by another, for a few milliseconds, and what the programs
 * say of it is read off the ring. Hooks that spoke become HOOK_WORKING; of the others the kernel counts the
 * runs meanwhile, where it lets us ask it to. The records are not events: they are dropped, but for what the
 * guard of an earlier daemon refused meanwhile.
 */

#include <stddef.h>

#include "daemon/kernel/hook.h"

#define SELFTEST_LIMIT_MS 5000 /* then the children are ended and the hooks stay HOOK_ATTACHED */

struct backlog;

void selftest_run(int ring_fd, struct backlog **backlog, struct hook *hooks, size_t n_hooks);
