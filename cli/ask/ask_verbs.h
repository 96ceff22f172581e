/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The verbs that ask the daemon what it knows, or a saved trace, and show the answer to people; none of them
 * changes anything. Each is the file of its name; describe has the words for events, offline the diagnosis
 * of a trace.
 */

#include "cli/base/verb.h"

int verb_status(struct cli *c);
int verb_doctor(struct cli *c);
int verb_who(struct cli *c);
int verb_why(struct cli *c);
int verb_diagnose(struct cli *c);
int verb_events(struct cli *c);
int verb_watch(struct cli *c);
