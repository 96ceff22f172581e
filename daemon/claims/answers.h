/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What clients are told of their claims: who still waits for an answer, and in which words, with which hint
 * and HTTP status a refusal is told. One row per refusal.
 */

#include "lib/base/table.h"
#include "lib/claim/claim.h"
#include "daemon/claims/tracers.h"

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

/* What a client is told of its request. */
struct claim_answer {
        const struct claim *claim; /* NULL: there will be none; why */
        struct refusal_text why;
        struct tracer_seen tracer; /* who traces the target at this moment, if it was looked at */
        bool looked;
};
/* Called once, later. */
typedef void (*answer_fn)(void *userdata, const struct claim_answer *answer);

struct answers {
        struct table waiting; /* by ticket */
        uint64_t next_ticket; /* from 1: 0 is none */
};

int answers_init(struct answers *a);
void answers_done(struct answers *a); /* nobody waits any more */
/* A number that no promise has yet. */
uint64_t answers_ticket(struct answers *a);
/* Promises an answer under that ticket. -ENOMEM */
int answers_promise(struct answers *a, uint64_t ticket, answer_fn fn, void *userdata);
/* Gives it. False if nobody waits under that ticket. */
bool answers_give(struct answers *a, uint64_t ticket, const struct claim_answer *answer);
/* It is not wanted any more. False: nobody waited. */
bool answers_forget(struct answers *a, uint64_t ticket);
/* Some ticket that is waited for; 0: none. */
uint64_t answers_any(const struct answers *a);
