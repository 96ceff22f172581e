/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/ask/offline.h"

#include <errno.h>
#include <string.h>

#include "lib/diagnosis/diagnosis.h"
#include "lib/event/finding_reach.h"
#include "lib/event/lifetime.h"
#include "lib/export/trace.h"
#include "cli/base/findings.h"
#include "cli/base/losses.h"

#define RECORDINGS_MAX 64 /* whose tiers are told apart */

struct trace_reading {
        struct diagnosis *diagnosis;
        struct losses losses;
        uint64_t n_events, first_wall_ns, last_wall_ns, since_wall_ns;
        struct json_object *findings;
        struct lifetime of; /* whose findings are wanted */
        struct recording {
                uint64_t since_ns, since_wall_ns;
                char tier[16];
        } recordings[RECORDINGS_MAX]; /* in it, one after the other */
        size_t n_recordings;
};

/* Beyond the bound the last one is taken for all that follow. */
static void begin_recording(struct trace_reading *r, const struct event *e)
{
        struct recording *new = &r->recordings[MIN_OF(r->n_recordings, (size_t)RECORDINGS_MAX - 1)];

        r->n_recordings = MIN_OF(r->n_recordings + 1, (size_t)RECORDINGS_MAX);
        new->since_ns = e->time_ns;
        new->since_wall_ns = e->wall_ns;
        snprintf(new->tier, sizeof(new->tier), "%.*s", (int)sizeof(new->tier) - 1, e->path);
}

/* In force when that was recorded; "" where the trace does not tell. */
static const char *tier_at(const struct trace_reading *r, uint64_t wall_ns)
{
        for (size_t i = r->n_recordings; i-- > 0;)
                if (r->recordings[i].since_wall_ns <= wall_ns)
                        return r->recordings[i].tier;
        return "";
}

/* A part of the trace that tells little is named with its time, unless it is all of it. */
static void note_tiers(const struct trace_reading *r)
{
        char from[TIME_STRING_MAX], to[TIME_STRING_MAX];
        bool same = true;

        for (size_t i = 1; i < r->n_recordings; i++)
                same = same && !strcmp(r->recordings[i].tier, r->recordings[0].tier);
        if (same) {
                diagnosis_note_tier(r->n_recordings ? r->recordings[0].tier : "", "");
                return;
        }
        for (size_t i = 0; i < r->n_recordings; i++) {
                const struct recording *rec = &r->recordings[i];
                uint64_t end = i + 1 < r->n_recordings ? rec[1].since_wall_ns : r->last_wall_ns;

                if (!strcmp(rec->tier, "proc"))
                        cli_note(
                                "From %s to %s it was recorded in tier proc, which sees neither signals nor "
                                "refused attaches.",
                                local_time(rec->since_wall_ns, false, from), local_time(end, false, to));
        }
}

static int take_event(void *userdata, const struct event *e)
{
        struct trace_reading *r = userdata;
        int error;

        losses_add(&r->losses, e);
        if (e->type == EV_DAEMON_START)
                begin_recording(r, e);
        /* Totals that the daemon told at the end of its answer are about the trace, not in it. */
        if (e->type == EV_LOSS && e->seq == 0)
                return 0;
        if (r->n_events++ == 0)
                r->first_wall_ns = e->wall_ns;
        r->last_wall_ns = MAX_OF(r->last_wall_ns, e->wall_ns);
        error = diagnosis_apply(r->diagnosis, e);
        return error == -ENOMEM ? error : 0;
}

static int add_finding(void *userdata, const struct finding *f)
{
        struct trace_reading *r = userdata;
        struct json_object *o;
        int error;

        if (f->last_wall_ns < r->since_wall_ns || !lifetime_has_finding(&r->of, f))
                return 0;
        error = finding_to_json(f, &o);
        if (error < 0)
                return error;
        json_object_object_add(o, "tier", json_object_new_string(tier_at(r, f->last_wall_ns)));
        return json_object_array_add(r->findings, o);
}

/* A trace does not tell what the daemon asked for, or its kernel had: these are taken to be missing. */
static bool may_lack(const void *userdata _unused_, const char *hook)
{
        return !strcmp(hook, "on_secure_computing") || !strcmp(hook, HOOK_TASK_FROM_VPID);
}

/* Of all tiers that something was recorded in. */
static struct json_object *unseen_in_trace(const struct trace_reading *r)
{
        struct json_object *list = json_object_new_array();
        struct sight sight = {.lacks = may_lack};
        uint32_t told = 0;

        for (size_t i = 0; i < r->n_recordings; i++) {
                int tier = tier_from_string(r->recordings[i].tier);

                if (tier < 0 || told & (1u << tier))
                        continue;
                told |= 1u << tier;
                sight.tier = (enum tier)tier;
                (void)finding_reach_json(&sight, list);
        }
        return list;
}

static struct json_object *diagnosis_of_trace(struct trace_reading *r, uint32_t pid, bool earlier)
{
        struct json_object *o = json_object_new_object();
        struct model_counts counts;
        struct process_view v;

        r->of.pid = pid;
        if (pid && !earlier && model_process(diagnosis_model(r->diagnosis), pid, &v) == 0)
                r->of.start = v.task.start;

        diagnosis_finish(r->diagnosis);
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
        json_object_object_add(o, "unseen", unseen_in_trace(r));
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
                *ret = diagnosis_of_trace(&r, pid, c->args.given & OPTION(OPT_EARLIER));
                *ret_first_wall_ns = r.first_wall_ns;
                note_tiers(&r);
                status = *ret ? EXIT_DONE : cli_no_memory(c);
        }
        diagnosis_free(r.diagnosis);
        return status;
}
