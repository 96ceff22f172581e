/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/api.h"

#include <string.h>

/* Findings in one answer, which is made in memory: about 2 MiB. The newest ones are the ones told. */
#define FINDINGS_MAX 1024

/* The newest FINDINGS_MAX of what the store gives, as a ring. */
struct gathering {
        const struct api_call *call;
        struct json_object *ring[FINDINGS_MAX];
        uint64_t n; /* seen so far */
        bool failed;
};

static int gather(void *userdata, const struct finding *f)
{
        struct gathering *g = userdata;
        struct json_object **slot = &g->ring[g->n % FINDINGS_MAX];
        struct json_object *o = NULL;

        if (!peer_sees_finding(&g->call->peer, pump_model(g->call->api->pump), f))
                return 0;
        if (finding_to_json(f, &o) < 0) {
                g->failed = true;
                return 1;
        }
        json_object_put(*slot);
        *slot = o;
        g->n++;
        return 0;
}

static struct json_object *diagnosis_json(struct gathering *g)
{
        struct json_object *o = json_new("ptraced.diagnosis/1"), *list = json_object_new_array();
        uint64_t first = g->n > FINDINGS_MAX ? g->n - FINDINGS_MAX : 0;

        for (uint64_t i = first; i < g->n; i++)
                json_object_array_add(list, TAKE_PTR(g->ring[i % FINDINGS_MAX]));
        json_object_object_add(o, "losses", api_losses_json(g->call->api));
        json_add_int(o, "omitted", (int64_t)first);
        json_object_object_add(o, "findings", list);
        return o;
}

/* From the store, not from the model: what was found before the daemon was restarted still counts. */
void api_diagnosis(struct api_call *call)
{
        const struct request_args *a = &call->args;
        struct gathering *g = calloc(1, sizeof(*g));
        int r;

        if (!g) {
                api_answer(call, NULL);
                return;
        }
        g->call = call;
        r = store_each_finding(call->api->store, a->pid, a->since_wall_ns, gather, g);
        if (r < 0)
                api_fail(call, MHD_HTTP_INTERNAL_SERVER_ERROR, "store-failed", "",
                         "The stored findings cannot be read: %s.", strerror(-r));
        else
                api_answer(call, g->failed ? NULL : diagnosis_json(g));
        for (size_t i = 0; i < FINDINGS_MAX; i++)
                json_object_put(g->ring[i]);
        free(g);
}
