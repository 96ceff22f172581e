/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/answer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/event/event.h"
#include "daemon/api/doctor.h"
#include "daemon/api/handlers.h"
#include "daemon/api/metrics.h"
#include "daemon/api/totals.h"

static struct json_object *counts_json(const struct api *api, const struct store_stats *stats)
{
        struct json_object *o = json_object_new_object();
        struct api_totals t;

        api_totals(api, &t);
        json_add_int(o, "events", (int64_t)t.model.events);
        json_add_int(o, "stored", (int64_t)stats->events);
        json_add_int(o, "findings", (int64_t)t.findings);
        json_add_int(o, "processes", (int64_t)t.model.processes);
        json_add_int(o, "traced_threads", (int64_t)t.model.sessions_live);
        json_add_int(o, "tracers", (int64_t)t.tracers);
        json_add_int(o, "sessions_ended", (int64_t)t.store.sessions);
        json_add_int(o, "followers", (int64_t)api->http->followers);
        return o;
}

static struct json_object *store_json(const struct api *api, const struct store_stats *stats)
{
        struct json_object *o = json_object_new_object();
        char path[API_ERROR_MAX];

        snprintf(path, sizeof(path), "%s/trace.sqlite", api->state_dir);
        json_add_text(o, "path", path);
        json_add_int(o, "bytes", (int64_t)stats->bytes);
        json_add_int(o, "max_bytes", (int64_t)api->max_store_bytes);
        json_add_time(o, "oldest", stats->oldest_wall_ns);
        json_add_int(o, "expired", (int64_t)stats->expired);
        if (stats->last_error)
                json_add_text(o, "last_error", strerror(stats->last_error));
        else
                json_object_object_add(o, "last_error", NULL);
        return o;
}

static struct json_object *loop_json(const struct loop_times *loop)
{
        struct json_object *o = json_object_new_object();

        json_add_int(o, "turns", (int64_t)loop->turns);
        json_add_seconds(o, "busy_s", loop->busy_ns);
        json_add_seconds(o, "longest_s", loop->longest_ns);
        return o;
}

/* What the kernel does, and what is asked of it: claims are also kept by hold. */
static struct json_object *guard_json(const struct api *api)
{
        struct json_object *o = doctor_guard_json(api->guard);
        const struct claim_book *book = arbiter_book(api->arbiter);

        json_add_text(o, "means", arbiter_means_to_string(arbiter_means(api->arbiter)));
        json_add_int(o, "claims", (int64_t)claim_count(book));
        json_add_int(o, "waiting", (int64_t)claim_waiters(book));
        return o;
}

static struct json_object *signals_json(uint64_t signals)
{
        struct json_object *a = json_object_new_array();
        char name[16];

        for (int sig = 1; sig <= 64; sig++)
                if (signals >> (sig - 1) & 1)
                        json_object_array_add(a,
                                              json_object_new_string(signal_name(sig, name, sizeof(name))));
        return a;
}

static struct json_object *ports_json(const struct port_list *ports)
{
        struct json_object *a = json_object_new_array();

        for (size_t i = 0; i < ports->n; i++)
                json_object_array_add(a, json_object_new_int(ports->list[i]));
        return a;
}

void api_status(struct api_call *call)
{
        const struct api *api = call->api;
        struct json_object *o = json_new("ptraced.status/1");
        struct store_stats stats = {};

        store_get_stats(api->store, &stats);
        json_add_text(o, "version", PTRACED_VERSION);
        json_add_int(o, "pid", getpid());
        json_add_text(o, "tier", tier_to_string(loader_tier(api->loader)));
        json_add_text(o, "tier_reason", loader_reason(api->loader));
        json_object_object_add(o, "ready", json_object_new_boolean(api->ready));
        json_add_time(o, "started", api->started_wall_ns);
        json_add_int(o, "uptime_s", (int64_t)((clock_boot_ns() - api->started_ns) / NSEC_PER_SEC));
        json_add_text(o, "socket", api->socket_path);
        json_add_text(o, "state_dir", api->state_dir);
        json_object_object_add(o, "watched_signals", signals_json(loader_watched_signals(api->loader)));
        json_object_object_add(o, "dbgp_ports", ports_json(loader_dbgp_ports(api->loader)));
        json_object_object_add(o, "losses", api_losses_json(api));
        json_object_object_add(o, "counts", counts_json(api, &stats));
        json_object_object_add(o, "guard", guard_json(api));
        json_object_object_add(o, "loop", loop_json(api->loop));
        json_object_object_add(o, "store", store_json(api, &stats));
        api_answer(call, o);
}

void api_doctor(struct api_call *call)
{
        api_answer(call, doctor_json(call->api->loader, call->api->guard));
}

void api_metrics(struct api_call *call)
{
        api_answer_text(call, "text/plain; version=0.0.4; charset=utf-8", metrics_text(call->api));
}

void api_healthz(struct api_call *call)
{
        api_answer_text(call, "text/plain", strdup("ok\n"));
}

void api_readyz(struct api_call *call)
{
        if (call->api->ready)
                api_answer_text(call, "text/plain", strdup("ready\n"));
        else
                api_fail(call, MHD_HTTP_SERVICE_UNAVAILABLE, "not-ready", "Try again in a moment.",
                         "The daemon is starting or stopping.");
}
