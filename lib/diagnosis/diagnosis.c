/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/diagnosis/diagnosis.h"
#include "lib/diagnosis/rule.h"
#include "lib/diagnosis/rules.h"

/* The fixed part, suspenses included, is one allocation. */
static_assert(sizeof(struct diagnosis) < 512 * 1024, "a diagnosis itself stays small");

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
        d->suspenses.diagnosis = d;
        d->suspenses.model = d->model;
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

int diagnosis_apply(struct diagnosis *d, const struct event *e)
{
        int r = model_admit(d->model, e, d->suspenses.n);

        if (r < 0)
                return r;
        suspense_expire(&d->suspenses, d->model->now_ns);
        /* What waits is told before the model forgets whom it is about. */
        if (e->type == EV_DAEMON_START) {
                suspense_finish_all(&d->suspenses);
                d->n_storms = 0;
        }
        events_apply(d->model, e);
        suspense_answer(&d->suspenses, e);
        rules_run(d, e);
        events_settle(d->model, e);
        return 0;
}

const struct model *diagnosis_model(const struct diagnosis *d)
{
        return d->model;
}

void diagnosis_set_thresholds(struct diagnosis *d, const struct model_thresholds *t)
{
        d->model->thresholds = *t;
}
