/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A ptraced for one run: its own socket, state directory and log in a fresh directory below $TMPDIR, which
 * goes when it is stopped. It ends with us, however we end.
 */

#include <sys/types.h>

#include "cli/base/verb.h"

#define PRIVATE_READY_MS 20000 /* BPF programs may take seconds to load on a busy machine */
#define PRIVATE_STOP_MS  5000  /* then it is killed: everything was read before */

struct private_daemon {
        pid_t pid; /* 0: none */
        char dir[128], socket[160];
};

/* Starts it to follow a process, and waits until it is ready. An exit status; has said what is wrong. */
int private_daemon_start(const struct cli *c, pid_t follow, struct private_daemon *ret);
void private_daemon_stop(struct private_daemon *d);

#define _cleanup_private_daemon_ __attribute__((cleanup(private_daemon_stop)))
