/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What /proc says about whether one process may attach to another, for access_decide() and access_rights().
 */

#include "lib/access/access.h"
#include "lib/proc/procfs.h"

/* Of an attach by caller to a thread. target NULL: it is gone. Says nothing of who traces it now, and of the
 * guard. */
void attach_facts(const struct proc_status *caller, const struct proc_status *target,
                  struct access_facts *ret);
