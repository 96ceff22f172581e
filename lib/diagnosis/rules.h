/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* All rules, as lib/event/finding_table.h lists them; the functions are in rules_*.c. */

#include "lib/event/event.h"

struct diagnosis;

/* Every rule that listens to the event looks at it. */
void rules_run(struct diagnosis *d, const struct event *e);
