/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A request and its answer, as the server brings it and handlers make it. Everything runs in the event loop:
 * a handler makes its whole answer at once, or in turns (parking.h), or piece by piece (stream.h).
 */

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>
#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "lib/base/cleanup.h"
#include "lib/store/store.h"
#include "lib/wire/request.h"
#include "lib/wire/request_body.h"
#include "daemon/events/pump.h"
#include "daemon/http/peer.h"

#define API_ERROR_MAX 512

struct api;
struct parking;
struct route;
struct stream;
struct turns;

/* What all servers have in common. The pointers are borrowed from main, which outlives them. */
struct http {
        sd_event *event;
        struct pump *pump;
        struct store *store;
        struct turns *turns;            /* of what is not answered at once */
        uint64_t requests, connections; /* requests answered so far; connections open now */
        uint64_t followers;             /* clients that follow events now */
        struct owner_cache owners;      /* of all that is told */
        struct stream *streams;         /* list of the streams under way */
        struct parking *parked;         /* list of the calls whose answers come later */
};

/* One request, from its header to the end of its answer. */
struct api_call {
        struct http *http;
        struct api *api; /* what the handlers look at; nothing to us */
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

/* What is served: handed to the server, which knows no handler. */
struct http_routes {
        /* Finds the route: what can be refused without arguments and body is refused, and false returned. */
        bool (*find)(struct api_call *call, const char *method, const char *path, enum api_surface surface);
        /* Reads arguments and body, asks whether the peer may, and lets the handler answer. Afterwards
         * call->response is there, unless memory ran out or call->parking says that it comes later. */
        void (*dispatch)(struct api_call *call);
        struct api *api;
};

/* The answer is an error; nothing of a former answer is kept. hint may be "". */
_printf_(5, 6) void api_fail(struct api_call *call, unsigned status, const char *code, const char *hint,
                             const char *format, ...);
/* The answer is an object, which is given away. NULL: memory ran out while it was made. */
void api_answer(struct api_call *call, struct json_object *o);
/* The same with another status than 200. */
void api_answer_status(struct api_call *call, unsigned status, struct json_object *o);
/* The answer is text, which is given away. */
void api_answer_text(struct api_call *call, const char *content_type, char *text);

/* ---- objects ------------------------------------------------------------------------------------------ */

/* A member of an object, made by one of the macros. Without a name it is left out. */
struct json_member {
        const char *name;
        enum json_kind {
                JSON_KIND_TEXT,
                JSON_KIND_INT,
                JSON_KIND_BOOL,
                JSON_KIND_TIME,
                JSON_KIND_SECONDS,
                JSON_KIND_VALUE,
        } kind;
        union {
                const char *text;
                int64_t n;
                uint64_t ns;
                bool yes;
                struct json_object *value;
        };
};
#define JSON_TEXT(key, s)                                          \
        {                                                          \
                .name = (key), .kind = JSON_KIND_TEXT, .text = (s) \
        } /* untrusted: made valid UTF-8 */
#define JSON_INT(key, i)                                                \
        {                                                               \
                .name = (key), .kind = JSON_KIND_INT, .n = (int64_t)(i) \
        }
#define JSON_BOOL(key, b)                                         \
        {                                                         \
                .name = (key), .kind = JSON_KIND_BOOL, .yes = (b) \
        }
#define JSON_TIME(key, t)                                        \
        {                                                        \
                .name = (key), .kind = JSON_KIND_TIME, .ns = (t) \
        } /* wall clock; 0: null */
/* To the millisecond; JSON_NO_SPAN: null. */
#define JSON_SECONDS(key, t)                                        \
        {                                                           \
                .name = (key), .kind = JSON_KIND_SECONDS, .ns = (t) \
        }
#define JSON_VALUE(key, v)                                           \
        {                                                            \
                .name = (key), .kind = JSON_KIND_VALUE, .value = (v) \
        } /* given away; NULL: null */
#define JSON_NO_SPAN UINT64_MAX

/* An object with these members, in this order. */
struct json_object *json_of(const struct json_member *members, size_t n);

/* The same, member by member. Adds untrusted text as valid UTF-8. */
void json_add_text(struct json_object *o, const char *key, const char *s);
/* Adds an ISO time, or null for 0. */
void json_add_time(struct json_object *o, const char *key, uint64_t wall_ns);
/* Adds a duration in seconds, to the millisecond. */
void json_add_seconds(struct json_object *o, const char *key, uint64_t ns);
void json_add_int(struct json_object *o, const char *key, int64_t n);
/* An object with its schema in it. */
struct json_object *json_new(const char *schema);
