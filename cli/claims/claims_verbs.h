/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The verbs that change who may trace what: claims, rules, the guard, holds, healing. claim_request and
 * claim_view have what several of them say about a claim, queue waits for one's turn.
 */

#include "cli/base/verb.h"

int verb_claim(struct cli *c);
int verb_renew(struct cli *c);
int verb_release(struct cli *c);
int verb_claims(struct cli *c);
int verb_debug(struct cli *c);
int verb_policy(struct cli *c);
int verb_guard(struct cli *c);
int verb_hold(struct cli *c);
int verb_catch(struct cli *c);
int verb_heal(struct cli *c);
