/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the verbs about claims share: the claims as the daemon tells them, and the sentences about one. */

#include "cli/base/json.h"
#include "cli/base/session.h"

#define CLAIM_WORDS_MAX 256

/* Method on path, with a body or without. An exit status, and has said what is wrong. */
int claim_ask(const struct cli *c, const char *method, const char *path, struct json_object *body,
              struct json_object **ret);
/* The claims on a process, and who waits for it. Quietly: -errno of the client. */
int claims_get(struct client *client, uint32_t pid, struct json_object **ret, struct client_error *e);
/* The one with that id, or with id 0 the first; NULL: none. It belongs to the list. */
struct json_object *claims_find(struct json_object *claims, uint64_t id);

/* "process 4711 (api)" */
const char *claim_target(struct json_object *claim, char buf[CLAIM_WORDS_MAX]);
/* Whom it admits: "pid 4711 (gdb)", "uid 1000" */
const char *claim_owner(struct json_object *claim);
/* "for 4 min", "until it is released" */
const char *claim_until(struct json_object *claim, char buf[CLAIM_WORDS_MAX]);
/* "gdb(4802)"; "" if nobody traces it. */
const char *claim_tracer(struct json_object *claim, char buf[CLAIM_WORDS_MAX]);
/* Somebody whom the claim does not admit traces the target. */
bool claim_is_blocked(struct json_object *claim);
/* On stderr, before a take: from whom, and what it may do. */
void claim_say_risk(const struct cli *c, uint32_t pid);
