/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the options of a verb ask for, as the body of a request about a claim. The functions return an exit
 * status, EXIT_DONE to go on, and have said what is wrong otherwise. */

#include "cli/base/output.h"

#define CLAIM_TOKEN_NEW "new" /* value of --token: one is made */
#define CLAIM_TOKEN_MIN 8     /* bytes; shorter ones can be guessed */

/* The body of POST /v1/claims for the verb's options: pid, owner, token, lease, mode, take. The token that
 * was made for `--token new` is in it. */
int claim_request(const struct cli *c, uint32_t pid, struct json_object **ret);
/* --lease in seconds; 0: none */
int claim_lease(const struct cli *c, unsigned *ret);
