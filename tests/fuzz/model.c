/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Events in their compact form, as a store could hold them, given to the model; then everything is asked. */

#include <json-c/json.h>

#include "lib/model/model.h"
#include "tests/fuzz/fuzz.h"

#define EVENTS_MAX 256

static int look_at_finding(void *userdata, const struct finding *f)
{
        struct json_object *o;

        (void)userdata;
        must(finding_to_json(f, &o) == 0);
        must(json_object_to_json_string(o));
        json_object_put(o);
        return 0;
}

static int look_at_session(void *userdata, const struct session *s)
{
        struct process_view v;

        model_process(userdata, s->target.pid, &v);
        model_process(userdata, s->tracer.pid, &v);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = {data, size};
        struct model_thresholds t;
        struct model_counts counts;
        struct model *m;
        struct event e;
        uint64_t now = 0;

        model_thresholds_default(&t);
        must(model_new(&m, &t, &(struct model_sink){}, NULL) == 0);
        for (uint64_t i = 1; in.size && i <= EVENTS_MAX; i++) {
                uint8_t type = take_byte(&in), n = take_byte(&in), packed[256];

                if (event_unpack(type, packed, take_bytes(&in, packed, n), &e) < 0)
                        continue;
                e.seq = i;
                now += (uint64_t)take_byte(&in) << 22; /* up to a second */
                e.time_ns = e.wall_ns = now;
                model_apply(m, &e);
        }
        model_each_finding(m, 0, look_at_finding, NULL);
        model_each_session(m, 0, true, look_at_session, m);
        model_count(m, &counts);
        model_free(m);
        return 0;
}
