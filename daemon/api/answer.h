/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a handler needs for its answer: the daemon's parts, and who may ask for what. Handlers include this
 * and not each other; the routes stand above them (routes.h).
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "lib/event/lifetime.h"
#include "lib/proc/procfs.h"
#include "daemon/base/loop.h"
#include "daemon/claims/arbiter.h"
#include "daemon/guard/guard.h"
#include "daemon/hold/hold.h"
#include "daemon/kernel/loader.h"
#include "daemon/http/call.h"

struct healing;

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
        struct http *http;
        struct turns *turns;   /* of http */
        struct healing *heals; /* list of what is being healed, or waits for its turn */
};

/* The process that has the pid, or the newest one that had it and ended; of all where the request says
 * `earlier`, or nothing tells which that is. Without a pid: any. */
struct lifetime api_lifetime(const struct api_call *call);
/* May the peer do something to that process: it is theirs, or they are root or in PEER_GROUP? Answers with
 * an error if not, or if there is no such process; else *ret is it. */
bool api_target(struct api_call *call, uint32_t pid, struct task_ref *ret);
/* The same, with all that /proc says of it, to be asked once. */
bool api_live_target(struct api_call *call, uint32_t pid, struct proc_status *ret);
/* The answer is that it is not. */
void api_refuse(struct api_call *call, uint32_t pid);
/* Who asks, for the records: the process that connected, also when it has ended since; with its rights, and
 * the token that it shows (NULL: none). */
struct claimant api_claimant(const struct api_call *call, const char *token);
/* The process in whose name something is done. Answers with an error if it is not there any more: then its
 * connection is somebody else's. */
bool api_caller(struct api_call *call, struct proc_status *ret);
/* May the process that asks have ptraced trace this one for it: `what` ("hold", ...)? By the kernel's rules,
 * as if it did so itself; root and PEER_GROUP may. Answers with an error if not. */
bool api_may_trace(struct api_call *call, const struct task_ref *target, const char *what);
/* The same, of two processes that were looked at; the caller counts unless the peer is privileged. */
bool api_may_trace_as(struct api_call *call, const struct proc_status *caller,
                      const struct proc_status *target, const char *what);
