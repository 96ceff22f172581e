/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The arbiter: claims, for clients. It keeps the book (lib/claim/claim.h) and carries its effects out:
 * claims are put in force by the means there are (means.h), clients are answered, events are fed to the
 * pump. It restores itself at start from the kernel's maps, or from claims.json in the state directory where
 * there is no guard. What happens outside is brought to it by outside.h; policy and `single` are the
 * rulebook's.
 */

#include <systemd/sd-event.h>

#include "lib/claim/claim.h"
#include "daemon/claims/means.h"
#include "daemon/claims/owner.h"
#include "daemon/claims/refusal.h"
#include "daemon/claims/rulebook.h"
#include "daemon/events/pump.h"
#include "daemon/guard/guard.h"
#include "daemon/hold/hold.h"

struct arbiter;

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
/* Claims stay in the kernel; waiters are told; returns NULL. */
struct arbiter *arbiter_free(struct arbiter *a);

enum arbiter_means arbiter_means(const struct arbiter *a);
const char *arbiter_means_to_string(enum arbiter_means m); /* "kernel", "hold" */
const struct claim_book *arbiter_book(const struct arbiter *a);
struct rulebook *arbiter_rules(const struct arbiter *a);
const struct tracers *arbiter_tracers(const struct arbiter *a);

/* What a client is told of its request. */
struct claim_answer {
        const struct claim *claim; /* NULL: there will be none; why */
        struct refusal_text why;
        struct tracer_seen tracer; /* who traces the target at this moment, if it was looked at */
        bool looked;
};
/* Called once, later. */
typedef void (*answer_fn)(void *userdata, const struct claim_answer *answer);
/* Returns 0 and the answer, or, where it has to wait, a ticket to cancel it with: then fn is called once. */
uint64_t arbiter_claim(struct arbiter *a, const struct claim_request *r, struct claim_answer *ret,
                       answer_fn fn, void *userdata);
void arbiter_cancel(struct arbiter *a, uint64_t ticket);
struct claim_outcome arbiter_renew(struct arbiter *a, uint64_t id, const struct claim_renewal *to,
                                   const struct claimant *by);
enum claim_refusal arbiter_release(struct arbiter *a, uint64_t id, const struct claimant *by);
/* Let the owner in: in MEANS_HOLD ptraced lets go of the target; in MEANS_KERNEL nobody is in its way.
 * Refused if neither the owner nor whoever made the claim asks. No claim and no refusal: done is called when
 * hold has let go, unless it is called off (hold_cancel()). */
struct claim_outcome arbiter_enter(struct arbiter *a, uint64_t id, const struct claimant *by, hold_done done,
                                   void *userdata);
/* The emergency switch: every claim, rule and `single` ends; programs leave the kernel. */
int arbiter_clear(struct arbiter *a, const struct claimant *by);
/* guard_tend() said that somebody removed the pins: every claim and rule is over. */
void arbiter_pins_removed(struct arbiter *a);

/* ---- what happens outside ---------------------------------------------------------------------------- */

/* The target's tracers, or the user it runs as, may have changed. */
void arbiter_check(struct arbiter *a, const struct task_ref *target);
/* Only the user: nobody keeps root out of a set-uid program. */
void arbiter_check_claim(struct arbiter *a, uint32_t pid);
/* Once a second. */
void arbiter_tick(struct arbiter *a);
/* After any of these: lease timer, and what is stored. */
void arbiter_settle(struct arbiter *a);
