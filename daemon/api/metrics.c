/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/metrics.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/api/totals.h"
#include "daemon/guard/guard.h"

/* Everything that is asked for once per scrape. */
struct figures {
        const struct api *api;
        struct api_totals totals;
        struct store_stats store;
        struct guard_status guard;
};

static uint64_t started_s(const struct figures *f)
{
        return f->api->started_wall_ns / NSEC_PER_SEC;
}
static uint64_t events(const struct figures *f)
{
        return f->totals.model.events;
}
static uint64_t processes(const struct figures *f)
{
        return f->totals.model.processes;
}
static uint64_t traced_threads(const struct figures *f)
{
        return f->totals.model.sessions_live;
}
static uint64_t tracers(const struct figures *f)
{
        return f->totals.tracers;
}
static uint64_t sessions_ended(const struct figures *f)
{
        return f->totals.store.sessions;
}
static uint64_t followers(const struct figures *f)
{
        return f->api->http->followers;
}
static uint64_t requests(const struct figures *f)
{
        return f->api->http->requests;
}
static uint64_t connections(const struct figures *f)
{
        return f->api->http->connections;
}
static uint64_t stored(const struct figures *f)
{
        return f->store.events;
}
static uint64_t store_bytes(const struct figures *f)
{
        return f->store.bytes;
}
static uint64_t store_max_bytes(const struct figures *f)
{
        return f->api->max_store_bytes;
}
static uint64_t written(const struct figures *f)
{
        return f->store.written;
}
static uint64_t expired(const struct figures *f)
{
        return f->store.expired;
}
static uint64_t store_failing(const struct figures *f)
{
        return f->store.last_error != 0;
}

static uint64_t loop_turns(const struct figures *f)
{
        return f->api->loop->turns;
}

static uint64_t guard_attached(const struct figures *f)
{
        return f->guard.attached;
}
static uint64_t guard_pinned(const struct figures *f)
{
        return f->guard.pinned;
}
static uint64_t guard_claims(const struct figures *f)
{
        return f->guard.n_claims;
}
static uint64_t guard_rules(const struct figures *f)
{
        return f->guard.n_rules;
}
static uint64_t guard_slots(const struct figures *f)
{
        return f->guard.n_slots;
}
static uint64_t guard_skipped(const struct figures *f)
{
        return f->guard.n_skipped;
}
static uint64_t guard_refusals(const struct figures *f)
{
        return pump_refusals(f->api->pump);
}

static const struct {
        const char *name, *type, *help;
        uint64_t (*get)(const struct figures *f);
} rows[] = {
        {"ptraced_start_time_seconds", "gauge", "When the daemon started, in seconds since 1970.",
         started_s},
        {"ptraced_events_total", "counter", "Events seen since the start.", events},
        {"ptraced_processes", "gauge", "Processes the model knows.", processes},
        {"ptraced_traced_threads", "gauge", "Threads that have a tracer now.", traced_threads},
        {"ptraced_tracers", "gauge", "Processes that trace a thread now.", tracers},
        {"ptraced_sessions_ended_total", "counter", "Tracing sessions that ended since the store began.",
         sessions_ended},
        {"ptraced_followers", "gauge", "Clients that follow events now.", followers},
        {"ptraced_http_requests_total", "counter", "Requests answered since the start.", requests},
        {"ptraced_http_connections", "gauge", "Connections that are open now.", connections},
        {"ptraced_store_events", "gauge", "Events in the store.", stored},
        {"ptraced_store_bytes", "gauge", "Size of the store's file.", store_bytes},
        {"ptraced_store_max_bytes", "gauge", "Size at which the oldest events are removed.",
         store_max_bytes},
        {"ptraced_store_written_total", "counter", "Events written since the start.", written},
        {"ptraced_store_expired_total", "counter", "Events removed by age or size since the start.",
         expired},
        {"ptraced_loop_turns_total", "counter", "Turns of the event loop since the start.", loop_turns},
        {"ptraced_guard_attached", "gauge", "1 while the guard's programs are in the kernel.",
         guard_attached},
        {"ptraced_guard_pinned", "gauge", "1 while the guard would outlive the daemon.", guard_pinned},
        {"ptraced_guard_claims", "gauge", "Claims that the kernel keeps.", guard_claims},
        {"ptraced_guard_rules", "gauge", "Rules of the policy that the kernel keeps.", guard_rules},
        {"ptraced_guard_slots", "gauge", "Attaches that are under way.", guard_slots},
        {"ptraced_guard_refusals_total", "counter", "Attaches the guard refused, since the start.",
         guard_refusals},
        {"ptraced_guard_skipped_checks_total", "counter",
         "Attaches that the kernel did not show to the guard, since the start.", guard_skipped},
        {"ptraced_store_failing", "gauge", "1 while the last write to the store failed.", store_failing},
};

static void print_head(FILE *f, const char *name, const char *type, const char *help)
{
        fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_seconds(FILE *f, const char *name, uint64_t ns)
{
        fprintf(f, "%s %" PRIu64 ".%06" PRIu64 "\n", name, (uint64_t)(ns / NSEC_PER_SEC),
                (uint64_t)(ns % NSEC_PER_SEC / 1000));
}

/* While one turn lasts, nobody else is answered. */
static void print_loop(FILE *f, const struct loop_times *loop)
{
        print_head(f, "ptraced_loop_seconds", "gauge",
                   "The longest turn of the event loop since the start.");
        print_seconds(f, "ptraced_loop_seconds", loop->longest_ns);
        print_head(f, "ptraced_loop_busy_seconds_total", "counter",
                   "What all turns of the event loop took since the start.");
        print_seconds(f, "ptraced_loop_busy_seconds_total", loop->busy_ns);
}

/* With the severity that a code usually has it is there before the first one, so that the first counts. */
static void print_finding_totals(FILE *f, const struct store_totals *totals)
{
#define USUAL(code, function, name, severity, listens, meaning) [FIND_##code] = SEVERITY_##severity,
        static const enum severity usual[_FIND_MAX] = {FINDINGS(USUAL)};
#undef USUAL

        print_head(f, "ptraced_findings_total", "counter",
                   "Findings since the store began, by code and severity.");
        for (int code = FIND_NONE + 1; code < _FIND_MAX; code++)
                for (int severity = 0; severity < _SEVERITY_MAX; severity++)
                        if (totals->findings[code][severity] || usual[code] == (enum severity)severity)
                                fprintf(f,
                                        "ptraced_findings_total{code=\"%s\",severity=\"%s\"} %" PRIu64 "\n",
                                        finding_code_to_string(code), severity_to_string(severity),
                                        totals->findings[code][severity]);
}

static void print_families(FILE *f, const struct figures *fig)
{
        uint64_t losses[_LOST_MAX];

        print_head(f, "ptraced_build_info", "gauge", "Always 1; the labels tell version and tier.");
        fprintf(f, "ptraced_build_info{version=\"%s\",tier=\"%s\"} 1\n", PTRACED_VERSION,
                tier_to_string(loader_tier(fig->api->loader)));
        print_head(f, "ptraced_guard_info", "gauge", "Always 1; the label tells how attaches are refused.");
        fprintf(f, "ptraced_guard_info{mechanism=\"%s\"} 1\n",
                guard_mechanism_to_string(fig->guard.mechanism));
        print_head(f, "ptraced_lost_events_total", "counter", "Events lost since the start, by cause.");
        pump_losses(fig->api->pump, losses);
        for (int i = 0; i < _LOST_MAX; i++)
                fprintf(f, "ptraced_lost_events_total{cause=\"%s\"} %" PRIu64 "\n", loss_cause_to_string(i),
                        losses[i]);
        print_finding_totals(f, &fig->totals.store);
}

char *metrics_text(const struct api *api)
{
        struct figures fig = {.api = api};
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        api_totals(api, &fig.totals);
        store_get_stats(api->store, &fig.store);
        guard_get_status(api->guard, &fig.guard);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                print_head(f, rows[i].name, rows[i].type, rows[i].help);
                fprintf(f, "%s %" PRIu64 "\n", rows[i].name, rows[i].get(&fig));
        }
        print_loop(f, api->loop);
        print_families(f, &fig);
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}
