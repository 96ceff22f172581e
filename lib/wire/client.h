/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Talking to ptraced: HTTP on its Unix socket, one request at a time per client. Answers are JSON objects,
 * or a stream of JSON lines handed out one by one. Sizes are bounded whatever the other side sends.
 *
 * Errors are -errno with struct client_error filled in: what failed and what to do, as sentences.
 *   -ENOTCONN   nobody answers on the socket          -EACCES   the socket, or the server, refused
 *   -ETIMEDOUT  it does not answer in time            -EPIPE    it went away in the middle of an answer
 *   -EREMOTEIO  the server answered with an error (http_status)
 *   -EBADMSG    the answer is not what it should be   -ENOMEM
 *
 * Global state: curl_global_init() must have been called (client_new() does it, once is enough).
 */

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#define CLIENT_SOCKET_DEFAULT "/run/ptraced/ptraced.sock"
#define CLIENT_SOCKET_ENV     "PTRACED_SOCKET"
#define CLIENT_BODY_MAX       (64UL << 20) /* of one JSON object */
#define CLIENT_LINE_MAX       (64UL << 10) /* of one line of a stream, and of an error's body */
#define CLIENT_DEPTH_MAX      32           /* nesting of JSON */
#define CLIENT_CONNECT_MS     5000
#define CLIENT_ANSWER_MS      30000  /* for a whole object, if not set otherwise */
#define CLIENT_SILENCE_MS     120000 /* a stream that does not follow goes on within this time */
#define CLIENT_URL_MAX        1024
#define CLIENT_ERROR_TEXT_MAX 512

struct client;

struct client_error {
        int http_status; /* 0: there was no answer */
        char code[48];   /* "no-such-process"; for programs */
        char message[CLIENT_ERROR_TEXT_MAX];
        char hint[CLIENT_ERROR_TEXT_MAX]; /* what to do, "" for nothing */
};

/* -ENAMETOOLONG for a socket path the kernel would not take. */
int client_new(struct client **ret, const char *socket, struct client_error *error);
struct client *client_free(struct client *c); /* returns NULL */

/* How long client_get() waits for the whole answer. */
void client_set_timeout(struct client *c, unsigned ms);

/* GET path ("/v1/status"); the caller puts the object. */
int client_get(struct client *c, const char *path, struct json_object **ret, struct client_error *error);

/* A request other than a plain GET. */
struct client_request {
        const char *method;       /* "POST", "DELETE" */
        struct json_object *body; /* NULL: none. Stays the caller's */
        /* The answer may be held back for hours: no time limit, and about every tick_ms on_tick is asked,
         * with the results of client_stream's. NULL: none. It must not use the same client. */
        bool patient;
        int (*on_tick)(void *userdata);
        int tick_ms;
        void *userdata;
        int stop_fd; /* gives up when this becomes readable; -1: none */
};

/* 0 and the answer in *ret (the caller puts it), or 1: given up, by stop_fd or on_tick. Giving up closes the
 * connection, which tells the server. */
int client_request(struct client *c, const char *path, const struct client_request *r,
                   struct json_object **ret, struct client_error *error);

struct client_stream {
        /* A line without its newline, NUL-terminated. 0: go on; positive: enough; negative: give up with it.
         */
        int (*on_line)(void *userdata, const char *line, size_t length);
        /* Between lines, about every tick_ms; same results. NULL: none. */
        int (*on_tick)(void *userdata);
        int tick_ms;
        void *userdata;
        int stop_fd; /* the stream ends when this becomes readable; -1: none */
        /* It became readable; same results, so that a stream can be one of several things to listen to.
         * NULL: ends it. */
        int (*on_stop)(void *userdata);
        bool follow; /* silence is normal: no time limit */
};

/* 0: the server ended the stream; 1: stop_fd or a callback did. */
int client_stream(struct client *c, const char *path, const struct client_stream *s,
                  struct client_error *error);

/* Append ?key=value or &key=value, percent-encoded, to a path in a buffer. -ENOSPC. */
int client_query(char *path, size_t size, const char *key, const char *value);

/* A JSON object out of a text of known length, nothing but white space behind it. -EBADMSG. */
int client_parse(const char *text, size_t length, struct json_object **ret);
