/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a client asks for: the path of a request and its query arguments, checked. Pure: the caller gives
 * the time, errors are sentences.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/guard_maps.h"

/* Bits of request_args.given, and what an endpoint allows. */
enum request_arg {
        ARG_PID = 1 << 0,
        ARG_SINCE = 1 << 1,
        ARG_UNTIL = 1 << 2,
        ARG_TYPE = 1 << 3,
        ARG_AFTER = 1 << 4,
        ARG_FOLLOW = 1 << 5,
        ARG_ENDED = 1 << 6,
        ARG_TOKEN = 1 << 7,
        ARG_SECCOMP = 1 << 8,
        ARG_EARLIER = 1 << 9,
};

struct request_args {
        uint32_t given; /* enum request_arg: which were there */
        uint32_t pid;
        uint64_t since_wall_ns, until_wall_ns;
        uint64_t types; /* EVENT_BIT()s */
        uint64_t after_seq;
        bool follow, ended;
        bool earlier; /* also what is about those that had the pid before */
        char token[GUARD_TOKEN_MAX];
        /* What a ptrace call of the client met in its seccomp filter: "0" is nothing, a number an errno,
         * "SIGSYS" (REQUEST_SECCOMP_KILLS) its end. */
        int32_t seccomp;
};
#define REQUEST_SECCOMP_KILLS (-1)
#define REQUEST_SECCOMP_MAX   4095 /* the largest errno that a filter can answer */

struct request_terms {
        uint32_t allowed; /* enum request_arg */
        uint64_t now_ns;  /* CLOCK_REALTIME */
};

/*
 * One key=value of a query string, already unescaped. value may be NULL (a key without "="). -EINVAL with a
 * sentence for a key that is unknown, not allowed or given twice, and for a value that is none.
 */
int request_arg_set(struct request_args *a, const struct request_terms *terms, const char *key,
                    const char *value, char *error, size_t size);

/*
 * Does the path match? In the pattern "{pid}" stands for a process id, e.g. "/v1/processes/{pid}/why", and
 * "{id}" for the number of a claim. 1: yes, *ret_number is what stands there, if anything; 0: no; -EINVAL:
 * yes, but what stands there is no such number (error says so).
 */
int request_path_match(const char *pattern, const char *path, uint64_t *ret_number, char *error,
                       size_t size);

/* "ADDRESS:PORT", "[V6ADDRESS]:PORT", ":PORT" (all addresses) taken apart into the caller's buffers.
 * -EINVAL. */
int address_split(const char *s, char *host, size_t host_size, char *port, size_t port_size);
