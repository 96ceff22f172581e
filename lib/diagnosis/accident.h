/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * An accident: a SIGTRAP in a process, what followed from it there (the handler that ran, a second trap
 * within it, the program's own raise()), and how the process ended. It is told once: when the process has
 * ended and its text was looked at, else when the wait is over. For a while after that it takes in what
 * still follows, and what was told is told again, completed.
 *
 * Bounds: ACCIDENTS_MAX at once, ACCIDENT_TRAPS_MAX different traps in each. When one more comes, the oldest
 * one gives way, first of those that are told.
 */

#include <stddef.h>

#include "lib/base/cleanup.h"
#include "lib/diagnosis/sigtrap.h"

#define ACCIDENTS_MAX        128
#define ACCIDENTS_OF_ONE_MAX 8 /* of one process, so that none fills the table alone */
#define ACCIDENT_TRAPS_MAX   3

#define OUTCOME_WAIT_NS (1 * NSEC_PER_SEC) /* for the delivery, the text.scans, and the end that follows */
#define END_WAIT_NS     (10 * NSEC_PER_SEC) /* of a process that took the default action: it dumps core first */
#define AFTERMATH_NS    (10 * NSEC_PER_SEC) /* what comes later than that is an accident of its own */

struct diagnosis;
struct accident;

typedef void (*accident_tell_fn)(struct diagnosis *d, struct accident *a);

struct accident {
        bool used;
        struct task_ref process;
        struct sigtrap traps[ACCIDENT_TRAPS_MAX]; /* in the order they came */
        size_t n_traps;
        uint64_t opened_ns, last_ns, last_wall_ns, due_ns;
        bool told;
        /* How the process ended, and whether by the SIGTRAP of this accident. */
        bool ended, died;
        int32_t exit_code;
        uint64_t ended_ns, end_seq;
        /* As it was told: it stays the same finding when it is told again. code FIND_NONE: there was
         * nothing to tell. */
        enum finding_code code;
        char cause[sizeof(((struct finding *)0)->cause)];
        uint32_t other_pid;
};

struct accidents {
        struct diagnosis *diagnosis; /* whose they are */
        struct model *model;
        accident_tell_fn tell;
        struct accident list[ACCIDENTS_MAX];
        size_t n;
        uint64_t due_ns; /* nothing is due before */
};

/* The accident of that process that takes in what comes now, the last one that began; NULL: none. */
struct accident *accident_of(struct accidents *all, const struct task_ref *process);
/* The one that a process dies of which SIGTRAP has ended: the last that took the default action, else the last.
 */
struct accident *accident_that_kills(struct accidents *all, const struct task_ref *process);
/* A new one of e's target, still without a trap. */
struct accident *accident_begin(struct accidents *all, const struct event *e);
/* Room for one more trap in it; NULL: it has as many as it takes. */
struct sigtrap *accident_add(struct accident *a);
/* Something of it has changed: tell it, if all is known now. */
void accident_changed(struct accidents *all, struct accident *a);

/* Tell those that have waited too long at that time, and forget those that are over. */
void accidents_expire(struct accidents *all, uint64_t now_ns);
/* Tell what waits, and forget all. */
void accidents_finish(struct accidents *all);
