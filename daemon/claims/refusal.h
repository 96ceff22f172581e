/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* In which words, with which hint and HTTP status it is told that a claim is refused. One row per refusal. */

#include "lib/claim/claim.h"

#define REFUSAL_TEXT_MAX 512

struct refusal_text {
        unsigned status; /* of HTTP */
        const char *code;
        char sentence[REFUSAL_TEXT_MAX], hint[REFUSAL_TEXT_MAX]; /* "": no hint */
};

/* Of a request that is refused at once. */
void refusal_of_request(const struct claim_request *r, const struct claim_outcome *o, uint64_t now_ns,
                        struct refusal_text *ret);
/* Of one that waited. */
void refusal_of_waiter(const struct claim_outcome *o, struct refusal_text *ret);
/* Of what `by` wanted to do ("renew", "release") to claim id. */
void refusal_of_change(const struct claim_outcome *o, const char *what, uint64_t id,
                       const struct claimant *by, struct refusal_text *ret);
