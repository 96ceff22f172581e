/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The policy that is in force, and the rule `single`: read from files, given to the kernel's guard, told of.
 */

#include "lib/claim/claim.h"
#include "lib/claim/policy.h"
#include "daemon/events/pump.h"
#include "daemon/guard/guard.h"

struct rulebook;

/* guard NULL: nothing here can enforce a rule; then the policy only says what it would be. dir NULL:
 * POLICY_DEFAULT_DIR. The policy is read, silently where there is none and never was. */
int rulebook_new(struct rulebook **ret, struct guard *guard, struct pump *pump, const char *dir);
struct rulebook *rulebook_free(struct rulebook *b); /* rules stay in the kernel; returns NULL */

/* NULL: none was read yet. When it was loaded; why the last attempt failed, "" if it did not. */
const struct policy *rulebook_policy(const struct rulebook *b, uint64_t *ret_wall_ns,
                                     const char **ret_error);
const char *rulebook_dir(const struct rulebook *b);
/* False where nothing is enforced, or no more. */
bool rulebook_enforces(const struct rulebook *b);
/* What a rule is called (index from 1), "" if it is not known. */
const char *rulebook_name(const struct rulebook *b, size_t index);
/* Read the files again. A mistake leaves the former policy: error has FILE:LINE. by: NULL, nobody asked. */
int rulebook_reload(struct rulebook *b, const struct claimant *by, char *error, size_t size);
enum guard_state rulebook_state(const struct rulebook *b);
int rulebook_set_state(struct rulebook *b, enum guard_state state, const struct claimant *by);
/* Every rule and `single` are over in the kernel already; note says how. */
void rulebook_ended(struct rulebook *b, const struct claimant *by, const char *note);
