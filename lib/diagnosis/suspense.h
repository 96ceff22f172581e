/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Findings in suspense: a trap is known, but not yet what the file has at that place, or whose handler ran.
 * The text.scan that tells comes milliseconds later, or never; the process may be gone by then, or another
 * one, so what was known of it is kept. At most SUSPENSES_MAX wait, each for TEXT_SCAN_WAIT_NS; when one
 * more comes, the oldest is finished without its answer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/cleanup.h"
#include "lib/model/model_state.h"

#define SUSPENSES_MAX     256
#define TEXT_SCAN_WAIT_NS (1 * NSEC_PER_SEC)

struct diagnosis;
struct rule;
struct suspense;

/* Finish it; scan is NULL when the wait is over. */
typedef void (*suspense_fn)(struct diagnosis *d, const struct suspense *s, const struct event *scan);

struct suspense {
        const struct rule *rule;
        suspense_fn finish;
        bool wants_handler; /* the scan of the handler, else of the trap */
        uint64_t deadline_ns, count;
        /* of the event that began it */
        struct task_ref target, parent;
        uint64_t seq, time_ns, wall_ns, ip;
        uint32_t parent_tracer, sibling_tracer;
        int32_t code, disposition;
        bool residue, execed;
        /* of the process at that moment */
        struct history history;
};

struct suspenses {
        struct diagnosis *diagnosis; /* whose they are */
        const struct model *model;
        struct suspense waiting[SUSPENSES_MAX]; /* oldest first */
        size_t n;
};

/* Wait for the text.scan of e's target. A second trap at the same place joins the first. */
void suspense_begin(struct suspenses *all, const struct rule *r, const struct event *e, suspense_fn finish,
                    bool wants_handler);
/* So many more of what that function will finish for the target of e. False: nothing of it waits. */
bool suspense_count_more(struct suspenses *all, suspense_fn finish, const struct event *e);
/* Finish what the scan in e answers, and what has waited too long at that time. */
void suspense_answer(struct suspenses *all, const struct event *e);
void suspense_expire(struct suspenses *all, uint64_t now_ns);
void suspense_finish_all(struct suspenses *all);
