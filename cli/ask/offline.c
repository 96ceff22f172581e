/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/ask/offline.h"

#include <errno.h>

#include "lib/diagnosis/diagnosis.h"
#include "lib/export/trace.h"
#include "cli/base/findings.h"
#include "cli/base/losses.h"

struct trace_reading {
        struct diagnosis *diagnosis;
        struct losses losses;
        uint64_t n_events, first_wall_ns, since_wall_ns;
        struct json_object *findings;
        char tier[16]; /* of the last recording in it */
};

static int take_event(void *userdata, const struct event *e)
{
        struct trace_reading *r = userdata;
        int error;

        losses_add(&r->losses, e);
        if (e->type == EV_DAEMON_START)
                snprintf(r->tier, sizeof(r->tier), "%.*s", (int)sizeof(r->tier) - 1, e->path);
        /* Totals that the daemon told at the end of its answer are about the trace, not in it. */
        if (e->type == EV_LOSS && e->seq == 0)
                return 0;
        if (r->n_events++ == 0)
                r->first_wall_ns = e->wall_ns;
        error = diagnosis_apply(r->diagnosis, e);
        return error == -ENOMEM ? error : 0;
}

static int add_finding(void *userdata, const struct finding *f)
{
        struct trace_reading *r = userdata;
        struct json_object *o;
        int error;

        if (f->last_wall_ns < r->since_wall_ns)
                return 0;
        error = finding_to_json(f, &o);
        return error < 0 ? error : json_object_array_add(r->findings, o);
}

static struct json_object *diagnosis_of_trace(struct trace_reading *r, uint32_t pid)
{
        struct json_object *o = json_object_new_object();
        struct model_counts counts;

        model_count(diagnosis_model(r->diagnosis), &counts);
        losses_count(&r->losses, "model-evicted", counts.evicted);
        r->findings = json_object_new_array();
        if (model_each_finding(diagnosis_model(r->diagnosis), pid, add_finding, r) < 0) {
                json_object_put(r->findings);
                json_object_put(o);
                return NULL;
        }
        json_object_object_add(o, "schema", json_object_new_string("ptraced.diagnosis/1"));
        json_object_object_add(o, "losses", losses_json(&r->losses));
        json_object_object_add(o, "findings", r->findings);
        return o;
}

int offline_diagnosis(const struct cli *c, const char *file, uint32_t pid, uint64_t since_wall_ns,
                      struct json_object **ret, uint64_t *ret_first_wall_ns)
{
        struct trace_reading r = {.since_wall_ns = since_wall_ns};
        struct model_thresholds thresholds;
        char error[SHOWN_TEXT_MAX] = "";
        int status = EXIT_DONE, e;

        model_thresholds_default(&thresholds);
        if (diagnosis_new(&r.diagnosis, &thresholds, &(struct model_sink){}, NULL) < 0)
                return cli_no_memory(c);
        e = trace_read(file, take_event, &r, error, sizeof(error));
        if (e == -ENOMEM && !error[0])
                status = cli_no_memory(c);
        else if (e < 0)
                status = cli_fail(c, EXIT_FAILED, "bad-trace", "", "%s", error);
        else {
                *ret = diagnosis_of_trace(&r, pid);
                *ret_first_wall_ns = r.first_wall_ns;
                diagnosis_note_tier(r.tier, "");
                status = *ret ? EXIT_DONE : cli_no_memory(c);
        }
        diagnosis_free(r.diagnosis);
        return status;
}
