/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the daemon answers over HTTP: one handler per endpoint, in one table (api.c). server.c brings the
 * requests. Everything runs in the event loop; a handler makes its whole answer at once, except the event
 * stream (stream.c), which makes it piece by piece.
 */

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>
#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "../lib/cleanup.h"
#include "../lib/request.h"
#include "../lib/store.h"
#include "arbiter.h"
#include "guard.h"
#include "hold.h"
#include "loader.h"
#include "peer.h"
#include "pump.h"

#define API_ERROR_MAX 512

struct stream;

/* What handlers look at. The pointers are borrowed from main, which outlives the servers. */
struct api {
        sd_event *event;
        struct loader *loader;
        struct pump *pump;
        struct store *store;
        struct guard *guard;
        struct hold *hold;
        struct arbiter *arbiter;
        const char *socket_path, *state_dir;
        uint64_t max_store_bytes;
        uint64_t started_ns, started_wall_ns; /* CLOCK_BOOTTIME, CLOCK_REALTIME */
        bool ready;
        uint64_t requests, connections; /* requests answered so far; connections open now */
        uint64_t followers;             /* clients that follow events now ... */
        uint64_t follower_lost;         /* ... and events their queues had no room for, ever */
        struct owner_cache owners;      /* of all that is told */
        struct stream *streams;         /* list of the streams under way */
        sd_event_source *resume;        /* of the server: enabled once, it looks after resumed connections */
};

/* One request, from its header to the end of its answer. */
struct api_call {
        struct api *api;
        struct peer peer;
        struct MHD_Connection *connection;
        const struct route *route;
        uint32_t pid; /* of the path, 0: it has none */
        struct request_args args;
        unsigned status;
        struct MHD_Response *response; /* owned until queued */
        size_t uploaded;               /* bytes of body that came, and were thrown away */
};

/* Which of the routes a listening socket serves. */
enum api_surface {
        SURFACE_SOCKET = 1 << 0,  /* the Unix socket: all of them */
        SURFACE_METRICS = 1 << 1, /* TCP: figures only */
};

/* Finds the route, reads the arguments, asks whether the peer may, and lets the handler answer. Afterwards
 * call->response is there, unless memory ran out. */
void api_dispatch(struct api_call *call, const char *method, const char *path, enum api_surface surface);
/* The answer is an error; nothing of a former answer is kept. hint may be "". */
_printf_(5, 6) void api_fail(struct api_call *call, unsigned status, const char *code, const char *hint,
                             const char *format, ...);
/* The answer is an object, which is given away. NULL: memory ran out while it was made. */
void api_answer(struct api_call *call, struct json_object *o);
/* The answer is text, which is given away. */
void api_answer_text(struct api_call *call, const char *content_type, char *text);

/* ---- shared by handlers -------------------------------------------------------------------------- */

void api_losses(const struct api *api, uint64_t losses[_LOST_MAX]);
/* {"ring-full":0, ..., "total":0} */
struct json_object *api_losses_json(const struct api *api);
/* Adds untrusted text as valid UTF-8. */
void json_add_text(struct json_object *o, const char *key, const char *s);
/* Adds an ISO time, or null for 0. */
void json_add_time(struct json_object *o, const char *key, uint64_t wall_ns);
/* Adds a duration in seconds, to the millisecond. */
void json_add_seconds(struct json_object *o, const char *key, uint64_t ns);
void json_add_int(struct json_object *o, const char *key, int64_t n);
/* An object with its schema in it. */
struct json_object *json_new(const char *schema);

/* P of one process (args, user, parent, unit, ...); T of one session. */
struct json_object *api_process_json(const struct api *api, const struct process_view *v);
struct json_object *api_session_json(const struct api *api, const struct session *s);
/* Who traces, inside a session or as the holder of a slot. */
struct json_object *api_tracer_json(const struct api *api, const struct task_ref *t);

struct api_totals {
        struct model_counts model;
        uint64_t tracers; /* processes that trace something now */
};
void api_totals(const struct api *api, struct api_totals *ret);

/* Everything so far is in the model and, if the disk keeps up, readable in the store. */
void api_settle(const struct api *api);

/* ---- handlers ------------------------------------------------------------------------------------ */

void api_healthz(struct api_call *call);
void api_readyz(struct api_call *call);
void api_metrics(struct api_call *call);
void api_status(struct api_call *call);
void api_doctor(struct api_call *call);
void api_tracers(struct api_call *call);
void api_process(struct api_call *call);
void api_why(struct api_call *call);
void api_diagnosis(struct api_call *call);
void api_events(struct api_call *call);
