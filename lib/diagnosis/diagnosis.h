/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Events in, state and findings out: the model (lib/model) learns facts from each event, the rules
 * (rules_*.c, one row each in lib/event/finding_table.h) turn them into findings.
 *
 * Pure: no clock, no kernel, no files. Time is the time of the last event. What it wants to know from /proc
 * or an ELF file it asks for through the sink; the answer comes back as an event (task.state, text.scan,
 * task.info), so a replay of the stored events gives the same findings without asking anybody.
 */

#include "lib/model/model.h"

struct diagnosis;

/* sink members may be NULL. -ENOMEM. */
int diagnosis_new(struct diagnosis **ret, const struct model_thresholds *t, const struct model_sink *sink,
                  void *userdata);
struct diagnosis *diagnosis_free(struct diagnosis *d); /* returns NULL */

/* Feed the next event, in order of seq. -ENOMEM, -EINVAL for a type that does not exist; state is unchanged
 * then. */
int diagnosis_apply(struct diagnosis *d, const struct event *e);
/* No event will follow: what still waits for one is told as it stands. */
void diagnosis_finish(struct diagnosis *d);

/* What is known: to read, between two events. Lives as long as d. */
const struct model *diagnosis_model(const struct diagnosis *d);
/* From the next event on. */
void diagnosis_set_thresholds(struct diagnosis *d, const struct model_thresholds *t);
