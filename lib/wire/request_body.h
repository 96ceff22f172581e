/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The body of a request: a small JSON object, checked key by key. Pure; errors are sentences. Whether a
 * process or file exists is not looked up here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/guard_maps.h"

#define BODY_PATH_MAX  4096 /* bytes of a path, with its NUL */
#define BODY_DEPTH_MAX 4    /* of nested objects */
#define TOKEN_MIN      8    /* characters of a token; at most GUARD_TOKEN_MAX - 1 */

/* Bits of request_body.given, and what an endpoint takes. */
enum body_key {
        BODY_PID = 1 << 0,
        BODY_OWNER = 1 << 1,
        BODY_TOKEN = 1 << 2,
        BODY_LEASE = 1 << 3,
        BODY_MODE = 1 << 4,
        BODY_WAIT = 1 << 5,
        BODY_TAKE = 1 << 6,
        BODY_STATE = 1 << 7,
        BODY_CATCH = 1 << 8,
        BODY_DRY_RUN = 1 << 9,
};

enum body_owner_kind {
        BODY_OWNER_NONE,
        BODY_OWNER_PID,
        BODY_OWNER_EXE,
        BODY_OWNER_UID,
        BODY_OWNER_CGROUP,
        BODY_OWNER_TOKEN, /* whoever shows the token */
};

struct request_body {
        uint32_t given; /* enum body_key: which were there */
        uint32_t pid;
        struct {
                enum body_owner_kind kind;
                uint32_t number; /* pid or uid */
                char path[BODY_PATH_MAX];
        } owner;
        char token[GUARD_TOKEN_MAX];
        uint64_t lease_s;
        enum guard_mode mode;
        bool wait, take, catch, dry_run;
        enum guard_state state;
        bool clear; /* "state":"clear" */
};

struct body_terms {
        uint32_t allowed, needed; /* enum body_key */
};

/*
 * All of *ret is written. An empty text is an object without
 * keys. -EINVAL with a sentence for what is no JSON object, for a key that is unknown, not allowed or
 * missing, and for a value of the wrong type or range. -ENOMEM.
 */
int request_body_parse(struct request_body *ret, const struct body_terms *terms, const char *text,
                       size_t length, char *error, size_t size);

/* Is it one: TOKEN_MIN to GUARD_TOKEN_MAX - 1 printable characters, no spaces? -EINVAL with a sentence. */
int token_check(const char *s, char *error, size_t size);
