/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Processes that ended without a word. The programs watch those that trace or are traced; of a process that
 * only tried to, or sent one signal, no exit is reported, and after a loss that of any other may be missing.
 * They would be taken for alive until the model is full, and then crowd out processes that are.
 * Source: kill(2) with signal 0, which needs no privilege to tell that nobody is there.
 */

#include "daemon/events/scan.h"

#define DEPARTED_MAX 4096 /* told in one round; the others in the next */

/*
 * For each process that the model takes to be alive, that has no part in a session (those are compared with
 * /proc after a loss) and is gone: emit a task.state in state X. flush (may be NULL) brings into the model
 * what the kernel has reported so far, so that an exit on its way is not told twice. Returns how many, or
 * -errno.
 */
int departed_look(const struct model *m, void (*flush)(void *userdata), scan_emit emit, void *userdata);
