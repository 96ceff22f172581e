/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The model: what events have told. It knows processes and threads by (pid, start time), each thread's slot
 * (the one place a tracer can take), sessions (attach to detach, with counts of what went on inside), and
 * the findings that were reported. Here is what can be read of it; lib/diagnosis feeds it and reports.
 *
 * Bounds: MODEL_*_MAX of model_views.h. When one is reached the oldest ended entry goes first, then the
 * least recently touched one; model_count() tells how many of those were live tasks.
 */

#include "lib/model/model_views.h"

struct model;

void model_thresholds_default(struct model_thresholds *ret);
const struct model_thresholds *model_thresholds(const struct model *m);

/* Current sessions (until_ns == 0), or with ended also the remembered ones. pid 0: all; else those where pid
 * is tracer or target. Calls fn until it returns non-zero, and returns that. */
int model_each_session(const struct model *m, uint32_t pid, bool ended,
                       int (*fn)(void *userdata, const struct session *s), void *userdata);
/* The live process with that pid (or the last dead one). -ESRCH. */
int model_process(const struct model *m, uint32_t pid, struct process_view *ret);
/* Each process that is taken to be alive, those longest without an event first, until fn returns non-zero.
 */
int model_each_live(const struct model *m, int (*fn)(void *userdata, const struct process_view *v),
                    void *userdata);
/* Nothing is known: -ENOENT. */
int model_stop(const struct model *m, const struct task_ref *process, struct stop_view *ret);
int model_each_finding(const struct model *m, uint32_t pid,
                       int (*fn)(void *userdata, const struct finding *f), void *userdata);

/* Sockets at debuggers' ports: who listens, and the connections with one end in that process (pid 0: all). */
int model_each_listener(const struct model *m, int (*fn)(void *userdata, const struct listener *l),
                        void *userdata);
int model_each_connection(const struct model *m, uint32_t pid,
                          int (*fn)(void *userdata, const struct connection *c), void *userdata);

void model_count(const struct model *m, struct model_counts *ret);
