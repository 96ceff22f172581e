/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The arbiter: claims, policy and the rule `single`, for clients. It keeps the book (lib/claim.h), carries
 * its effects out in the kernel (guard.h) or, where the kernel has no guard, by hold (hold.h), follows the
 * ends of owners and targets by pidfd, and restores itself at start from the kernel's maps, or from
 * claims.json in the state directory where there is no guard.
 */

#include <systemd/sd-event.h>

#include "bpf/decide.h"
#include "lib/claim/claim.h"
#include "lib/claim/policy.h"
#include "daemon/claims/answers.h"
#include "daemon/guard/guard.h"
#include "daemon/hold/hold.h"
#include "daemon/base/lookup.h"
#include "daemon/events/pump.h"

struct arbiter;

enum arbiter_means { /* how claims are kept here */
        MEANS_KERNEL,
        MEANS_HOLD, /* ptraced itself occupies the slot: a gap of moments when an owner is let in */
        _MEANS_MAX,
};
const char *arbiter_means_to_string(enum arbiter_means m); /* "kernel", "hold" */

/* What it works with; borrowed, except that the names are copied. */
struct arbiter_parts {
        sd_event *event;
        struct guard *guard; /* NULL: none */
        struct hold *hold;   /* NULL: none */
        struct pump *pump;
        const char *state_dir, *policy_dir; /* policy_dir NULL: POLICY_DEFAULT_DIR */
        uint64_t grace_ns;
};
int arbiter_new(struct arbiter **ret, const struct arbiter_parts *parts);
struct arbiter *arbiter_free(
        struct arbiter *a); /* claims stay in the kernel; waiters are told; returns NULL */

enum arbiter_means arbiter_means(const struct arbiter *a);
const struct claim_book *arbiter_book(const struct arbiter *a);
/* The policy that holds now, and since when; error of the last attempt that failed, "" if none since. */
const struct policy *arbiter_policy(const struct arbiter *a, uint64_t *ret_wall_ns, const char **ret_error);
const char *arbiter_policy_dir(const struct arbiter *a);
enum guard_state arbiter_state(const struct arbiter *a);
/* False where rules and `single` cannot be enforced: then the policy only says what it would be. */
bool arbiter_enforces(const struct arbiter *a);
/* What a rule is called (index from 1), "" if it is not known. */
const char *arbiter_rule_name(const struct arbiter *a, size_t index);
/* Whom a claim admits, "" if it is not known. */
const char *arbiter_owner_text(const struct arbiter *a, uint64_t claim);
/* guard_tend() said that somebody removed the pins: every claim and rule is over. */
void arbiter_pins_removed(struct arbiter *a);
/* A helper of hold told of a change: for the on_change of hold_new(). a may be NULL. */
void arbiter_hold_changed(struct arbiter *a, const struct hold_view *v);
/* Fills in whom a claim is for: kind OWNER_PROCESS and pid; OWNER_EXE and path; OWNER_UID and uid;
 * OWNER_CGROUP and path; OWNER_NOBODY. text gets the words for it. -ESRCH, and what lookup.h says of paths.
 */
struct owner_wish {
        enum guard_owner_kind kind;
        uint32_t number; /* pid or uid */
        uint64_t start;  /* of the process; 0: whoever has that pid now */
        const char *path;
        const struct lookup_rights *rights; /* of who names the path */
};
int arbiter_find_owner(const struct owner_wish *wish, struct guard_owner *ret,
                       char text[CLAIM_OWNER_TEXT_MAX]);
/* Does the owner admit this tracer? As the kernel compares. */
bool arbiter_admits(const struct guard_owner *owner, const struct task_ref *tracer);
/* A process that traces a thread of the target now, helpers of ptraced's own left out: asked of /proc. With
 * admitted_by only one that it admits, with strange_to only one that it does not. pid 0: nobody. */
struct task_ref arbiter_tracer(struct arbiter *a, const struct task_ref *target,
                               const struct guard_owner *admitted_by, const struct guard_owner *strange_to);

/* fn is called once, now or later. Returns the ticket to cancel a waiter with, or 0 when it was already. */
uint64_t arbiter_claim(struct arbiter *a, const struct claim_request *r, answer_fn fn, void *userdata);
void arbiter_cancel(struct arbiter *a, uint64_t ticket);
struct claim_outcome arbiter_renew(struct arbiter *a, uint64_t id, const struct claim_renewal *to,
                                   const struct claimant *by);
enum claim_refusal arbiter_release(struct arbiter *a, uint64_t id, const struct claimant *by);
/* Let the owner in: in MEANS_HOLD ptraced lets go of the target; in MEANS_KERNEL nobody is in its way.
 * Refused if neither the owner nor whoever made the claim asks. */
struct claim_outcome arbiter_enter(struct arbiter *a, uint64_t id, const struct claimant *by);
/* by, here and below: NULL, nobody asked for it. */
int arbiter_set_state(struct arbiter *a, enum guard_state state, const struct claimant *by);
/* The emergency switch: every claim, rule and `single` ends; programs leave the kernel. */
int arbiter_clear(struct arbiter *a, const struct claimant *by);
/* Read the policy files again. A mistake leaves the former policy: -EINVAL, error has FILE:LINE. */
int arbiter_reload(struct arbiter *a, const struct claimant *by, char *error, size_t size);

/* Of an attach by `tracer` to `target`, before it is tried: facts for guard_decide() and what decided. */
struct arbiter_opinion {
        struct guard_facts facts;
        struct guard_verdict verdict;
        const struct claim *claim; /* on the target, NULL: none */
        size_t rule;               /* of the policy, from 1; 0: none */
};
void arbiter_ask(struct arbiter *a, const struct task_ref *tracer, const struct task_ref *target,
                 struct arbiter_opinion *ret);
