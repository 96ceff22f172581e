/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Looks at the state of tasks when somebody wants to know: the model's questions, each when it is due, and
 * once a second the tracees whose tracer cannot serve them (it is stopped, or a zombie, while they wait in a
 * ptrace-stop). Time is passed in (CLOCK_BOOTTIME); the answers are events. Bounds are below; a question
 * beyond them is refused and counted by sampler_dropped().
 */

#include <stdint.h>

#include "lib/event/event.h"
#include "lib/model/model.h"

#define SAMPLER_QUESTIONS_MAX 1024
#define SAMPLER_ANSWERS_MAX   64            /* in one run, for which the event loop waits */
#define SAMPLER_PERIOD_NS     1000000000ULL /* between two walks over the live sessions */
#define SAMPLER_WALK_MAX      1024          /* sessions looked at in one walk; the next one goes on there */
#define SAMPLER_EPISODES_MAX  1024          /* tracees at once whose tracer cannot serve them */
#define SAMPLER_PROBES_MAX    16            /* processes asked in one period who traces them, unseen */
#define SAMPLER_UNSEEN_MAX    256           /* threads looked at of one that may be traced, unseen */
#define SAMPLER_THREADS_MAX   256           /* threads looked at for one that nobody traces */
#define SAMPLER_REPEATS_MAX   16            /* task.state events of one such episode, and one at its end */

struct sampler;

typedef int (*sampler_emit)(void *userdata, struct event *e);

int sampler_new(struct sampler **ret); /* -ENOMEM */
struct sampler *sampler_free(struct sampler *s);

/* -ENOBUFS when the queue is full. A question that is already queued is not queued twice. */
int sampler_ask(struct sampler *s, const struct model_question *q);
/* Look also for tracees whose tracers' calls are not seen: a few processes in each period. */
void sampler_probe(struct sampler *s);
/* When sampler_run() should be called next (CLOCK_BOOTTIME). */
uint64_t sampler_next_due(const struct sampler *s);
/* Answer what is due and walk if it is time to. Returns what emit returned if that is not 0, or -errno. */
int sampler_run(struct sampler *s, uint64_t now_ns, const struct model *m, sampler_emit emit,
                void *userdata);

uint64_t sampler_dropped(const struct sampler *s);
