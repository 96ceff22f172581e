/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the guard would say of an attach, before it is tried: the facts that the kernel would look up, asked
 * of /proc, and its own decision on them. And who stands behind one that was refused. */

#include "bpf/decide.h"
#include "daemon/claims/arbiter.h"

struct rec_guard;

struct arbiter_opinion {
        struct guard_facts facts;
        struct guard_verdict verdict;
        const struct claim *claim; /* on the target, NULL: none */
        size_t rule;               /* of the policy, from 1; 0: none */
};
void opinion_of(const struct arbiter *a, const struct task_ref *tracer, const struct task_ref *target,
                struct arbiter_opinion *ret);

/* Who stands behind a refused attach, in words: what a record names by number, and holds of ptraced's own.
 * record: what the kernel's guard wrote. NULL: the kernel itself refused because of e->tracer, which may be
 * a hold helper; then the event tells of the claim or the hold, as one of the guard would. */
void refusal_name(const struct arbiter *a, const struct hold *hold, const struct rec_guard *record,
                  struct event *e);
