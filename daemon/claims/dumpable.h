/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Is a process of root dumpable? Its files belong to root either way. So we ask for something that the kernel
 * checks as it does an attach (get_robust_list(2)), without CAP_SYS_PTRACE, which would override it: what
 * remains to be refused for, ids and capabilities being no fewer than the target's, is that.
 */

#include <stdbool.h>

#include "lib/proc/procfs.h"

/* -ENODATA where that cannot be told: we are not root, or the target has more capabilities than we. */
int dumpable_by_trial(const struct proc_status *target, bool *ret);
