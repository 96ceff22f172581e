/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The part of access.c that is about ptraced's own guard: claims, policy, `single`, hold. Only access.c
 * looks in here. Each pair refuses_/tell_ is a row of its table.
 */

#include <stdbool.h>

#include "bpf/guard_maps.h"
#include "lib/access/access_facts.h"
#include "lib/event/wording.h"

struct telling {
        const struct access_facts *f;
        char caller[WORD_MAX], target[WORD_MAX], holder[WORD_MAX];
};

/* What is told of one refusal. */
struct reasons {
        struct sentence why, remedy, risk;
};

/* The attempt was made, and it was the guard that refused it: whatever else is true did not decide. */
bool guard_decided(const struct access_facts *f);
/* Somebody else than ptraced's own hold helper is in the way, and the guard counts tracers. */
bool guard_says_held(const struct access_facts *f);
/* It is the kernel's guard that would refuse, before the kernel looks whether somebody traces the target. */
bool guard_comes_first(const struct access_facts *f);
/* What an attach gets that only the guard is against: positive errno. */
int guard_error(const struct access_facts *f);
/* " (claim 12 admits one tracer at a time)", to the end of a sentence about a tracer in the way. */
void guard_say_single(const struct access_facts *f, struct sentence to);
/* What audit mode would record; "" if nothing. */
void guard_say_audit(const struct telling *t, struct sentence to);

bool refuses_claimed(const struct access_facts *f);
bool refuses_policy(const struct access_facts *f);
bool refuses_held(const struct access_facts *f);
bool refuses_cycle(const struct access_facts *f);
bool refuses_busy(const struct access_facts *f);
void tell_claimed(const struct telling *t, const struct reasons *out);
void tell_policy(const struct telling *t, const struct reasons *out);
void tell_held(const struct telling *t, const struct reasons *out);
void tell_cycle(const struct telling *t, const struct reasons *out);
void tell_busy(const struct telling *t, const struct reasons *out);
