/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Events in their compact form, as a store could hold them, given to the model; then everything is asked. */

#include <json-c/json.h>

#include "lib/diagnosis/diagnosis.h"
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
        struct diagnosis *d;
        struct event e;
        uint64_t now = 0;

        model_thresholds_default(&t);
        must(diagnosis_new(&d, &t, &(struct model_sink){}, NULL) == 0);
        for (uint64_t i = 1; in.size && i <= EVENTS_MAX; i++) {
                uint8_t type = take_byte(&in), n = take_byte(&in), packed[256];

                if (event_unpack(type, packed, take_bytes(&in, packed, n), &e) < 0)
                        continue;
                e.seq = i;
                now += (uint64_t)take_byte(&in) << 22; /* up to a second */
                e.time_ns = e.wall_ns = now;
                diagnosis_apply(d, &e);
        }
        model_each_finding(diagnosis_model(d), 0, look_at_finding, NULL);
        model_each_session(diagnosis_model(d), 0, true, look_at_session, (void *)diagnosis_model(d));
        model_count(diagnosis_model(d), &counts);
        diagnosis_free(d);
        return 0;
}
