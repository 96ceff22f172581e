/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The diagnosis of a saved trace, without a daemon. */

#include "cli/base/output.h"

/*
 * Reads the trace, feeds the model, and builds a "ptraced.diagnosis/1" object, which the caller puts. pid 0:
 * all processes; findings that ended before since_wall_ns are left out. *ret_first_wall_ns: when the trace
 * begins. Returns an exit status and has said what is wrong.
 */
int offline_diagnosis(const struct cli *c, const char *file, uint32_t pid, uint64_t since_wall_ns,
                      struct json_object **ret, uint64_t *ret_first_wall_ns);
