/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What is there now: whose process it is, who traces it, and where its code differs from its files. */

#include "daemon/heal/heal_report.h"

#define HEAL_PAGES_MAX (4u << 20) /* of text looked at: 16 GiB */
#define HEAL_COMPARE_MAX \
        (64u << 10) /* pages compared one by one where the kernel does not tell which changed */

/* False: it is gone, not the peer's, or has no program. */
bool heal_may_look(struct heal *h);
/* False: somebody traces a thread of it, or it is not the peer's any more. */
bool heal_may_touch(struct heal *h);
/* Fill in plan and files from what is there now. False: refused. */
bool heal_scan(struct heal *h);
