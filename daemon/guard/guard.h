/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The guard in the kernel: loads its programs (an object of its own, ptraced_guard.skel.h), proves them by a
 * refused attach on a child of ours, attaches them while a claim, a rule or `single` is in force, and keeps
 * links and maps pinned below a directory of bpffs, so that a daemon that dies leaves the guard standing.
 * The next one takes the pins over. Nothing here decides: see bpf/decide.h; who may claim what is the
 * arbiter's.
 *
 * After pinning no link is held open here: removing the pin directory switches the guard off at once.
 *
 * Functions that return int give 0 or -errno; -EOPNOTSUPP where this kernel has no guard (guard_status()
 * says why).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/guard_maps.h"
#include "daemon/guard/guard_object.h"
#include "daemon/kernel/loader.h"

struct guard;
struct guard_pins;

const char *guard_mechanism_to_string(enum guard_mechanism m); /* "none", "lsm", "fmod_ret" */

struct guard_status {
        enum guard_mechanism mechanism;
        bool working;    /* the self-test's attach was refused, and the allowed one was not */
        bool attached;   /* programs are in the kernel's way now, or were when last looked */
        bool pinned;     /* ... and stay when the daemon goes */
        bool taken_over; /* pins of an earlier daemon were found and are used */
        enum guard_state state;
        uint32_t n_rules;
        uint64_t n_skipped;         /* checks the kernel left out since this daemon started */
        uint64_t n_claims, n_slots; /* slots taken at this moment: attaches under way */
        uint64_t generation;
        const char *pin_dir; /* "" where there is no bpffs */
        const char *reason;  /* why there is no guard, or why it is not pinned; "" for neither */
};

/* Owns pins from now on; NULL: nothing is ever pinned. Never fails for lack of a kernel that can, or because
 * another ptraced keeps the guard: then the mechanism is MECHANISM_NONE, and the reason says so. */
int guard_new(struct guard **ret, struct loader *loader, struct guard_pins *pins);
/* Pins stay if anything is in force; else nothing remains in the kernel. Returns NULL. */
struct guard *guard_free(struct guard *g);

void guard_get_status(struct guard *g, struct guard_status *ret);
/* The programs were attached once, if only by an earlier daemon. */
bool guard_was_attached(const struct guard *g);
/* True if claims and rules are enforced by the kernel: mechanism there and proved. */
bool guard_available(const struct guard *g);

/* Each of these attaches the programs first if they are not, and detaches them when nothing is in force any
 * more. */
int guard_set_state(struct guard *g, enum guard_state state);
int guard_set_rules(struct guard *g, const struct guard_rule *rules, size_t n); /* all at once, or none */
/* Insert or replace. -E2BIG: GUARD_CLAIMS_MAX. -ESRCH: no such process now (checked after the insertion, so
 * that a claim never stays on a process that is gone). */
int guard_put_claim(struct guard *g, const struct guard_process *target, const struct guard_claim *claim);
int guard_remove_claim(struct guard *g, const struct guard_process *target); /* -ENOENT */
/* Claims in the kernel, for a takeover: until fn returns non-zero, and that is returned. */
int guard_each_claim(struct guard *g,
                     int (*fn)(void *userdata, const struct guard_process *target,
                               const struct guard_claim *claim),
                     void *userdata);
uint64_t guard_next_claim_id(struct guard *g); /* never gives the same twice while pins live */
/* Once a second: remove claims and slots of processes that are gone; look whether the pins still are there.
 * True, once, if somebody removed them: then the guard is off, and every claim and rule was forgotten, so
 * that none comes back unasked with the next one. */
bool guard_tend(struct guard *g);
/* The emergency switch: forget every claim and rule, detach, unpin. */
int guard_clear(struct guard *g);
