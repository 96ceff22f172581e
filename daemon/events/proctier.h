/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Tier proc: tracing relations without BPF. The proc connector reports attach, detach, fork, exec and exit
 * where it is to be had; TracerPid of every thread is polled in any case, because PTRACE_TRACEME and
 * auto-attached children reach no connector. Works without privilege, then by polling alone and only for
 * the processes that /proc shows.
 *
 * What it cannot see: signals, refused attaches, relations shorter than a poll, and why a relation ended
 * (cause "unseen") where the connector did not say so.
 */

#include <stdint.h>

#include <systemd/sd-event.h>

#include "lib/event/event.h"
#include "lib/model/model.h"

#define PROCTIER_POLL_MIN_US  250000  /* between two polls without the connector ... */
#define PROCTIER_POLL_MAX_US  1000000 /* ... and with it, or when a poll is expensive */
#define PROCTIER_BUDGET_NS    5000000 /* of one poll; the next one goes on where it stopped */
#define PROCTIER_COST_FACTOR  20      /* a poll may take one part in so many of the time */
#define PROCTIER_SESSIONS_MAX 1024    /* live sessions looked at in one poll, in turn */

struct proctier;

typedef int (*proctier_emit)(void *userdata, struct event *e);

/* The event loop and the model are borrowed. emit gets events complete but for seq and times, and may change
 * the model at once. -ENOMEM, or -errno of sd-event; a connector that does not work is no error. */
int proctier_new(struct proctier **ret, sd_event *event, const struct model *m, proctier_emit emit,
                 void *userdata);
struct proctier *proctier_free(struct proctier *p);

/* Why the connector is not used, a sentence without a full stop; "" when it works. */
const char *proctier_reason(const struct proctier *p);
/* Times the connector's buffer overflowed: each time an unknown number of events was lost. */
uint64_t proctier_overruns(const struct proctier *p);
/* Also report fork, exec and exit of this process and all it starts. Needs the connector. */
void proctier_follow(struct proctier *p, uint32_t pid);
