/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Inside the arbiter. arbiter.c: requests, policy, from beginning to end; arbiter_follow.c: what happens
 * outside (ends of processes, tracers, time); arbiter_hold.c: claims by hold; arbiter_store.c: what is found
 * again after a restart; arbiter_ask.c: who is who, and who may.
 */

#include "lib/base/cleanup.h"
#include "lib/base/list.h"
#include "lib/base/table.h"
#include "daemon/claims/answers.h"
#include "daemon/claims/arbiter.h"

#define CHANGED_MAX   256 /* targets whose tracers changed; with more all are looked at */
#define ATTACHES_MAX  64  /* to audited claims, between two looks; more are not told */
#define CHECKS_A_TURN 64  /* claims and queues looked at before others have their turn */
#define SENTENCE_MAX  512
#define SAVE_AFTER_US 500000 /* words of claims that the kernel keeps: written this late */

/* A process whose end matters. */
struct followed {
        struct table_node node; /* by pid */
        struct list all;
        struct arbiter *arbiter;
        struct task_ref task;
        int fd; /* pidfd; -1: asked every second */
        sd_event_source *source;
};

/* Somebody attached to a process whose claim only looks on. */
struct attach {
        struct task_ref tracer, target;
        int32_t request;
};

/* A claim that is kept by hold. */
struct kept {
        struct task_ref target;
        uint64_t claim;
        bool ours;         /* the hold was taken for the claim, and goes with it */
        bool attached;     /* the owner was let in, and its tracer was seen */
        uint64_t retry_ns; /* not to be held again before */
};

struct arbiter {
        sd_event *event;
        struct guard *guard;
        struct hold *hold;
        struct pump *pump;
        char *state_dir, *policy_dir;
        char boot_id[37];
        enum arbiter_means means;
        struct claim_book *book;
        struct answers answers;
        uint64_t next_id;
        uint64_t logged_ns, n_logged; /* changes of claims in this window */
        bool clearing;                /* the kernel has forgotten everything already */

        struct table watches;
        struct list all_watches;
        bool unsaved; /* what claims.json tells is old */
        bool sweep;   /* some watches may not be needed any more */
        sd_event_source *expiry, *second, *later, *save;

        struct task_ref changed[CHANGED_MAX];
        size_t n_changed;
        size_t awaited_left, awaited_at; /* queues still to be looked at in this round, and the next one */
        size_t claim_at;

        struct attach attaches[ATTACHES_MAX], last_told;
        size_t n_attaches;

        struct kept kept[HOLD_MAX];
        size_t n_kept;

        struct policy *policy; /* NULL: none was read yet */
        uint64_t policy_wall_ns;
        bool rules_in_force;
        char policy_error[POLICY_ERROR_MAX];
};

uint64_t arbiter_now(void); /* CLOCK_BOOTTIME */
struct guard_process arbiter_key(const struct task_ref *t);
/* After anything changed in the book: lease timer, what is followed, what is stored. */
void arbiter_settle(struct arbiter *a);

/* Follows its end. -ESRCH: it is gone. Without descriptors it is asked for every second. */
int arbiter_watch(struct arbiter *a, const struct task_ref *process);
int arbiter_follow_start(struct arbiter *a);
void arbiter_follow_stop(struct arbiter *a);
/* Who traces this process may have changed. */
void arbiter_note_change(struct arbiter *a, const struct task_ref *target);

int arbiter_hold_install(struct arbiter *a, const struct claim *c);
void arbiter_hold_remove(struct arbiter *a, const struct claim *c);
/* An owner was just let in: that a former one traced it says nothing of this one. */
void arbiter_hold_entered(struct arbiter *a, const struct task_ref *target);
/* Let in, hold again, take hold: what fits what the target's tracers do now. */
void arbiter_hold_check(struct arbiter *a, const struct task_ref *target);
void arbiter_hold_check_all(struct arbiter *a);
struct kept *arbiter_kept(struct arbiter *a, const struct task_ref *target);

/* The claims of an earlier daemon. */
void arbiter_take_over(struct arbiter *a);
void arbiter_save(struct arbiter *a);
void arbiter_claim_to_guard(const struct claim *c, struct guard_claim *ret);

/* Does the target still run under the uid of the user who claimed it? Privileged claims always hold. */
bool arbiter_claim_holds(const struct claim *c);
/* "uid 1000", "pid 17 (gdb)": words for an owner of which only the numbers are known. */
void arbiter_describe_owner(const struct guard_owner *o, char text[CLAIM_OWNER_TEXT_MAX]);
