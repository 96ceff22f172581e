/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Children that play a part in a self-test of the daemon's. */

#include <sys/types.h>

/* fork(2), for a child that is killed when its parent ends, however that ends, and that has none of the
 * parent's descriptors above stderr: with them it would keep the locks of a daemon that is gone. -1 and
 * errno. */
pid_t child_fork(void);
/* Waits for its end, after limit_ms brings it about, and reaps it. Its wait status, or -errno. */
int child_await(pid_t pid, int limit_ms);
