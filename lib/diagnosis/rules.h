/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The rules: one row per finding, in rules.c; the functions are in rules_attach.c, rules_trap.c and
 * rules_stop.c. A rule looks at one event and at what the model knows after it, and reports. It changes
 * nothing but what it alone uses (holds, storms, suspicions), and asks nobody: time is the event's.
 */

#include <stddef.h>
#include <stdint.h>

#include "lib/diagnosis/access.h"
#include "lib/model/model_state.h"
#include "lib/diagnosis/wording.h"

struct rule {
        enum finding_code code;
        enum severity severity; /* unless the case says otherwise */
        uint64_t types;         /* EVENT_BIT()s of what it listens to */
        void (*check)(struct model *m, const struct rule *r, const struct event *e);
        const char *means; /* in one sentence, for lists of findings */
};

/* The row of a code, NULL for FIND_NONE. */
const struct rule *rule_of(enum finding_code code);
/* All rules that listen to the event. */
void rules_run(struct model *m, const struct event *e);

/* ---- held findings ---------------------------------------------------------------------------------- */

/* Wait for the text.scan of e's target. A second trap at the same place joins the first. */
void hold_begin(struct model *m, const struct event *e, hold_fn finish, bool wants_handler);
/* Finish what the scan in e answers, and what has waited too long at e's time. */
void hold_answer(struct model *m, const struct event *e);
void hold_expire(struct model *m, uint64_t now_ns);
void hold_finish_all(struct model *m);

/* ---- beginnings of a finding ------------------------------------------------------------------------ */

/* About e->target; named as its process, seen at e's time, with e as evidence. */
void finding_begin(const struct model *m, struct finding *f, const struct rule *r, const struct event *e);
void finding_from_hold(const struct model *m, struct finding *f, enum finding_code code,
                       const struct hold *h);

/* ---- the functions of the table --------------------------------------------------------------------- */

void rule_attach_refused_traced(struct model *m, const struct rule *r, const struct event *e);
void rule_attach_refused_permission(struct model *m, const struct rule *r, const struct event *e);
void rule_attach_refused_target(struct model *m, const struct rule *r, const struct event *e);
void rule_attach_refused_claimed(struct model *m, const struct rule *r, const struct event *e);
void rule_attach_storm(struct model *m, const struct rule *r, const struct event *e);
void rule_split_tracers(struct model *m, const struct rule *r, const struct event *e);
void rule_tracer_cycle(struct model *m, const struct rule *r, const struct event *e);
void rule_untraced_threads(struct model *m, const struct rule *r, const struct event *e);
void rule_orphan_breakpoint(struct model *m, const struct rule *r, const struct event *e);
void rule_trap_without_tracer(struct model *m, const struct rule *r, const struct event *e);
void rule_trap_to_handler(struct model *m, const struct rule *r, const struct event *e);
void rule_trap_forced(struct model *m, const struct rule *r, const struct event *e);
void rule_breakpoint_collided(struct model *m, const struct rule *r, const struct event *e);
void rule_trap_leaked(struct model *m, const struct rule *r, const struct event *e);
void rule_left_stopped(struct model *m, const struct rule *r, const struct event *e);
void rule_tracer_hung(struct model *m, const struct rule *r, const struct event *e);
