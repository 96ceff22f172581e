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

#include "lib/base/cleanup.h"
#include "lib/wire/request.h"
#include "lib/wire/request_body.h"
#include "lib/store/store.h"
#include "daemon/base/loop.h"
#include "daemon/claims/arbiter.h"
#include "daemon/guard/guard.h"
#include "daemon/hold/hold.h"
#include "daemon/kernel/loader.h"
#include "daemon/http/peer.h"
#include "daemon/events/pump.h"

#define API_ERROR_MAX 512

struct healing;
struct parking;
struct stream;
struct turns;

/* What handlers look at. The pointers are borrowed from main, which outlives the servers. */
struct api {
        sd_event *event;
        const struct loop_times *loop;
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
        uint64_t followers;             /* clients that follow events now */
        struct owner_cache owners;      /* of all that is told */
        struct stream *streams;         /* list of the streams under way */
        struct healing *heals;          /* list of what is being healed, or waits for its turn */
        struct parking *parked;         /* list of the calls whose answers come later */
        struct turns *turns;            /* of what is not answered at once */
};

/* One request, from its header to the end of its answer. */
struct api_call {
        struct api *api;
        struct peer peer;
        struct MHD_Connection *connection;
        const struct route *route;
        uint32_t pid; /* of the path, 0: it has none */
        uint64_t id;  /* the same for the number of a claim */
        struct request_args args;
        struct request_body *body; /* NULL: the route takes none */
        bool wants_body;
        char *upload; /* the body as it comes */
        struct parking *parking;
        sd_event_source *resume; /* of its server: enabled once, it looks after resumed connections */
        unsigned status;
        struct MHD_Response *response; /* owned until queued */
        size_t uploaded;               /* bytes of body that came; those nobody wants are thrown away */
};

/* Which of the routes a listening socket serves. */
enum api_surface {
        SURFACE_SOCKET = 1 << 0,  /* the Unix socket: all of them */
        SURFACE_METRICS = 1 << 1, /* TCP: figures only */
};

/* Finds the route: what can be refused without arguments and body is refused, and false returned. */
bool api_find(struct api_call *call, const char *method, const char *path, enum api_surface surface);
/* Reads arguments and body, asks whether the peer may, and lets the handler answer. Afterwards
 * call->response is there, unless memory ran out or call->parking says that it comes later. */
void api_dispatch(struct api_call *call);
/* The answer is an error; nothing of a former answer is kept. hint may be "". */
_printf_(5, 6) void api_fail(struct api_call *call, unsigned status, const char *code, const char *hint,
                             const char *format, ...);
/* The answer is an object, which is given away. NULL: memory ran out while it was made. */
void api_answer(struct api_call *call, struct json_object *o);
/* The same with another status than 200. */
void api_answer_status(struct api_call *call, unsigned status, struct json_object *o);
/* The answer is text, which is given away. */
void api_answer_text(struct api_call *call, const char *content_type, char *text);

/* ---- shared by handlers -------------------------------------------------------------------------- */

/* {"ring-full":0, ..., "total":0} */
struct json_object *api_losses_json(const struct api *api);
/* May the peer do something to that process: it is theirs, or they are root or in PEER_GROUP? Answers with
 * an error if not, or if there is no such process; else *ret is it. */
bool api_target(struct api_call *call, uint32_t pid, struct task_ref *ret);
/* Who asks, for the records: the process that connected, also when it has ended since. */
struct task_ref api_asker(const struct api_call *call);
/* The process in whose name something is done. Answers with an error if it is not there any more: then its
 * connection is somebody else's. */
bool api_caller(struct api_call *call, struct proc_status *ret);
/* May the process that asks have ptraced trace this one for it: `what` ("hold", ...)? By the kernel's rules,
 * as if it did so itself; root and PEER_GROUP may. Answers with an error if not. */
bool api_may_trace(struct api_call *call, const struct task_ref *target, const char *what);
/* A claim, as all answers show it; with exact /proc is asked who traces its target. NULL for NULL. */
struct json_object *api_claim_json(const struct api *api, const struct claim *c, bool exact);
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

/* ---- handlers ------------------------------------------------------------------------------------ */

void api_healthz(struct api_call *call);
void api_readyz(struct api_call *call);
void api_metrics(struct api_call *call);
void api_status(struct api_call *call);
void api_doctor(struct api_call *call);
void api_tracers(struct api_call *call);
void api_process(struct api_call *call);
void api_why(struct api_call *call);
void api_heal(struct api_call *call);
void api_diagnosis(struct api_call *call);
void api_events(struct api_call *call);
void api_claims(struct api_call *call);
void api_claim_make(struct api_call *call);
void api_claim_renew(struct api_call *call);
void api_claim_enter(struct api_call *call);
void api_claim_release(struct api_call *call);
void api_guard(struct api_call *call);
void api_guard_set(struct api_call *call);
void api_policy(struct api_call *call);
void api_policy_reload(struct api_call *call);
void api_holds(struct api_call *call);
void api_hold_take(struct api_call *call);
void api_hold_release(struct api_call *call);
