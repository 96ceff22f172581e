/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The findings that a tier cannot make, or not always, as the member "unseen" of an answer has them. */

#include "cli/base/output.h"

/* All of them, a line each, with what is not seen. */
void out_of_reach_list(const struct cli *c, struct json_object *unseen);
/* How many they are, a line for each tier; where: what to look at for the list. */
void out_of_reach_count(const struct cli *c, struct json_object *unseen, const char *where);
