/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A claim as it is kept in a file across a restart of the daemon. Pure. */

#include <json-c/json.h>

#include "lib/claim/claim.h"

/* our_hold: the process is held for the claim's sake. NULL: no memory. */
struct json_object *claim_to_json(const struct claim *c, bool our_hold);
/* All of *ret is written. -EINVAL for what no claim looks like: the file may be anybody's work. */
int claim_from_json(struct json_object *o, struct claim *ret, bool *ret_our_hold);
