/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/diagnosis/diagnosis.h"
#include "lib/diagnosis/rule.h"
#include "lib/diagnosis/rules.h"
#include "lib/diagnosis/verdict.h"

/* The fixed part, accidents included, is one allocation; what was never used of it takes no memory. */
static_assert(sizeof(struct diagnosis) < 2 * 1024 * 1024, "a diagnosis itself stays small");

int diagnosis_new(struct diagnosis **ret, const struct model_thresholds *t, const struct model_sink *sink,
                  void *userdata)
{
        struct diagnosis *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        r = model_new(&d->model, t, sink, userdata);
        if (r < 0) {
                free(d);
                return r;
        }
        d->accidents.diagnosis = d;
        d->accidents.model = d->model;
        d->accidents.tell = verdict_tell;
        *ret = d;
        return 0;
}

struct diagnosis *diagnosis_free(struct diagnosis *d)
{
        if (d)
                model_free(d->model);
        free(d);
        return NULL;
}

static void restart(struct diagnosis *d, const struct event *e)
{
        /* What waits is told before the model forgets whom it is about. */
        accidents_finish(&d->accidents);
        attempts_expire(d, UINT64_MAX);
        d->n_storms = d->stops.n = d->n_deaths = d->n_withheld = d->n_coalesced = d->n_growths = 0;
        memset(&d->unreaped, 0, sizeof(d->unreaped));
        memset(d->bypasses, 0, sizeof(d->bypasses));
        memset(d->takeovers, 0, sizeof(d->takeovers));
        memset(d->probes, 0, sizeof(d->probes));
        memset(d->planted, 0, sizeof(d->planted));
        d->since_ns = e->time_ns;
        d->tier_full = strcmp(e->path, "full") == 0;
}

int diagnosis_apply(struct diagnosis *d, const struct event *e)
{
        int r = model_admit(d->model, e, d->accidents.n + d->attempts.n);

        if (r < 0)
                return r;
        accidents_expire(&d->accidents, d->model->now_ns);
        attempts_expire(d, d->model->now_ns);
        if (e->type == EV_DAEMON_START)
                restart(d, e);
        events_apply(d->model, e);
        rules_run(d, e);
        events_settle(d->model, e);
        return 0;
}

void diagnosis_finish(struct diagnosis *d)
{
        accidents_finish(&d->accidents);
        attempts_expire(d, UINT64_MAX);
}

const struct model *diagnosis_model(const struct diagnosis *d)
{
        return d->model;
}

void diagnosis_set_thresholds(struct diagnosis *d, const struct model_thresholds *t)
{
        d->model->thresholds = *t;
}
