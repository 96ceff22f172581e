/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The verbs that make files of events: export of the daemon's record, and record with a daemon of its own.
 */

#include "cli/base/verb.h"

int verb_export(struct cli *c);
int verb_record(struct cli *c);
