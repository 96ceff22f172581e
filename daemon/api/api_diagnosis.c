/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/answer.h"
#include "daemon/api/doctor.h"
#include "daemon/api/handlers.h"
#include "daemon/api/totals.h"

#include <errno.h>
#include <string.h>

#include "lib/base/clock.h"
#include "daemon/http/parking.h"

/* Findings in one answer, which is made in memory: about 2 MiB. The newest ones are the ones told. */
#define FINDINGS_MAX 1024

/* Reads a few at a time: the newest FINDINGS_MAX that the peer may see, as a ring. */
struct diagnosis_answer {
        int64_t *ids; /* of the store, oldest first */
        size_t n_ids, next_id;
        struct lifetime of; /* the process that is asked about */
        bool in_pages;
        struct json_object *ring[FINDINGS_MAX];
        uint64_t n; /* seen so far */
};

static void diagnosis_free(void *state)
{
        struct diagnosis_answer *d = state;

        for (size_t i = 0; i < FINDINGS_MAX; i++)
                json_object_put(d->ring[i]);
        free(d->ids);
        free(d);
}

/* -ENOMEM */
static int keep_finding(struct diagnosis_answer *d, const struct finding *f)
{
        struct json_object **slot = &d->ring[d->n % FINDINGS_MAX];
        struct json_object *o = NULL;
        int r = finding_to_json(f, &o);

        if (r < 0)
                return r;
        json_object_put(*slot);
        *slot = o;
        d->n++;
        return 0;
}

static int read_one(struct api_call *call, struct diagnosis_answer *d)
{
        struct finding f;
        int r = store_get_finding(call->api->store, d->ids[d->next_id++], &f);

        if (r == -ENOENT)
                return 0;
        if (r < 0 || !lifetime_has_finding(&d->of, &f) ||
            !peer_sees_finding(&call->peer, pump_model(call->api->pump), &f))
                return r;
        return keep_finding(d, &f);
}

static struct json_object *diagnosis_json(const struct api *api, struct diagnosis_answer *d)
{
        struct json_object *o = json_new("ptraced.diagnosis/1"), *list = json_object_new_array();
        uint64_t first = d->n > FINDINGS_MAX ? d->n - FINDINGS_MAX : 0;

        for (uint64_t i = first; i < d->n; i++)
                json_object_array_add(list, TAKE_PTR(d->ring[i % FINDINGS_MAX]));
        json_add_text(o, "tier", tier_to_string(loader_tier(api->loader)));
        json_object_object_add(o, "losses", api_losses_json(api));
        json_object_object_add(o, "unseen", doctor_unseen_json(api->loader));
        json_add_int(o, "omitted", (int64_t)first);
        json_object_object_add(o, "findings", list);
        /* A full page may have another one behind it. */
        if (d->in_pages)
                json_object_object_add(o, "next",
                                       d->n_ids == FINDINGS_MAX ? json_object_new_int64(d->ids[d->n_ids - 1])
                                                                : NULL);
        return o;
}

static void findings_unreadable(struct api_call *call, int error)
{
        api_fail(call, MHD_HTTP_INTERNAL_SERVER_ERROR, "store-failed", "",
                 "The stored findings cannot be read: %s.", strerror(-error));
}

static enum turn_result read_some(struct api_call *call, void *state)
{
        const uint64_t until_ns = clock_mono_ns() + TURNS_PIECE_NS;
        struct diagnosis_answer *d = state;
        int r = 0;

        while (d->next_id < d->n_ids && r == 0) {
                if (clock_mono_ns() >= until_ns)
                        return TURN_AGAIN;
                r = read_one(call, d);
        }
        if (r < 0)
                findings_unreadable(call, r);
        else
                api_answer(call, diagnosis_json(call->api, d));
        return TURN_DONE;
}

/* From the store, not from the model: what was found before the daemon was restarted still counts. */
void api_diagnosis(struct api_call *call)
{
        struct diagnosis_answer *d = calloc(1, sizeof(*d));
        const bool in_pages = call->args.given & ARG_AFTER;
        const struct finding_filter filter = {
                .pid = call->args.pid,
                .since_wall_ns = call->args.since_wall_ns,
                .in_pages = in_pages,
                .after_id = (int64_t)MIN_OF(call->args.after_seq, (uint64_t)INT64_MAX),
                .max = in_pages ? FINDINGS_MAX : 0,
        };
        int r = d ? store_list_findings(call->api->store, &filter, &d->ids, &d->n_ids) : -ENOMEM;

        if (r >= 0) {
                d->of = api_lifetime(call);
                d->in_pages = in_pages;
                parking_work(call, read_some, d, diagnosis_free);
                return;
        }
        findings_unreadable(call, r);
        free(d);
}
