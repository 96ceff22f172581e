/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What this kernel and machine allow: tier, hooks, and what cannot be seen with them. */

#include <json-c/json.h>

#include "daemon/guard/guard.h"
#include "daemon/kernel/loader.h"

/* ptraced.doctor/1. The caller puts it. */
struct json_object *doctor_json(struct loader *loader, struct guard *guard);
/* The findings that cannot be made here, or not always: [{"code","reach","tier","why"}]. */
struct json_object *doctor_unseen_json(const struct loader *loader);
/* {"state","mechanism","working","attached","pinned","pin_dir","taken_over","reason","claims","rules","slots"}
 */
struct json_object *doctor_guard_json(struct guard *guard);
