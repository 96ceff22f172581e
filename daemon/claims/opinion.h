/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the guard would say of an attach, before it is tried: the facts that the kernel would look up, asked
 * of /proc, and its own decision on them. */

#include "bpf/decide.h"
#include "daemon/claims/arbiter.h"

struct arbiter_opinion {
        struct guard_facts facts;
        struct guard_verdict verdict;
        const struct claim *claim; /* on the target, NULL: none */
        size_t rule;               /* of the policy, from 1; 0: none */
};
void opinion_of(const struct arbiter *a, const struct task_ref *tracer, const struct task_ref *target,
                struct arbiter_opinion *ret);
