/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/totals.h"

#include <stdlib.h>

#define TRACERS_MAX MODEL_PROCESSES_MAX /* more cannot be in the model */

struct counting {
        uint32_t *seen; /* hash of pids, open addressing; 0: free */
        size_t size;
        uint64_t n;
};

/* A tracer may hold thousands of threads, so each pid is looked up in a hash. */
static int count_tracer(void *userdata, const struct session *s)
{
        struct counting *c = userdata;

        for (size_t i = s->tracer.pid % c->size, tries = 0; tries < c->size;
             i = (i + 1) % c->size, tries++) {
                if (c->seen[i] == s->tracer.pid)
                        return 0;
                if (c->seen[i])
                        continue;
                c->seen[i] = s->tracer.pid;
                c->n++;
                return 0;
        }
        return 1;
}

void api_totals(const struct api *api, struct api_totals *ret)
{
        const struct model *model = pump_model(api->pump);
        struct counting c = {};

        model_count(model, &ret->model);
        c.size = MIN_OF(2 * ret->model.sessions_live + 1, (uint64_t)2 * TRACERS_MAX);
        c.seen = calloc(c.size, sizeof(c.seen[0]));
        if (c.seen)
                model_each_session(model, 0, false, count_tracer, &c);
        free(c.seen);
        ret->tracers = c.n;
        store_get_totals(api->store, &ret->store);
        ret->findings = 0;
        for (size_t code = 0; code < _FIND_MAX; code++)
                for (size_t severity = 0; severity < _SEVERITY_MAX; severity++)
                        ret->findings += ret->store.findings[code][severity];
}

struct json_object *api_losses_json(const struct api *api)
{
        struct json_object *o = json_object_new_object();
        uint64_t losses[_LOST_MAX], total = 0;

        pump_losses(api->pump, losses);
        for (int i = 0; i < _LOST_MAX; i++) {
                json_add_int(o, loss_cause_to_string(i), (int64_t)losses[i]);
                total += losses[i];
        }
        json_add_int(o, "total", (int64_t)total);
        return o;
}
