/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The pump: everything that becomes an event passes here, in order. It drains the ring and the counters,
 * decodes records, adds what /proc or an ELF file knows, numbers and stamps the event, gives it to the
 * model, the store and the live followers. It also answers the model's questions and samples the state of
 * tracees.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "lib/base/cleanup.h"
#include "lib/event/event.h"
#include "lib/model/model.h"
#include "lib/store/store.h"
#include "daemon/kernel/loader.h"

struct pump;

#define PUMP_COALESCE_US 10000 /* after a wake-up, look again this often until the ring stays empty */
#define PUMP_CONSUME_NS  (20 * NSEC_PER_MSEC) /* reading the ring, before others have their turn */
#define PUMP_COUNTERS_US 1000000              /* counters, losses and live tracees are read this often */

/* What the guard, which stands above, says about its refusals. */
struct rec_guard;
struct guard_voice {
        /* Are they told by the guard itself? Then the same, seen by others, is left out. */
        bool (*tells)(void *userdata);
        /* What a record of the guard's names by number, in words: the rule, the owner that a claim admits.
         * Called before the event is told; with r NULL for an attach that the kernel refused because of
         * e->tracer. */
        void (*name)(void *userdata, const struct rec_guard *r, struct event *e);
        void *userdata;
};

/* loader and store are borrowed and must outlive the pump, and so must what voice speaks of. Starts its
 * event sources on `event`. */
int pump_new(struct pump **ret, sd_event *event, struct loader *loader, struct store *store,
             const struct model_thresholds *thresholds, const struct guard_voice *voice);
struct pump *pump_free(struct pump *p); /* drains once more; returns NULL */

/* Scan /proc for tracers older than us; emits daemon.start, then one event per traced thread found. */
int pump_start(struct pump *p);

/* Give an event that user space made (scan, sampler, proc connector). time_ns 0: now. */
int pump_feed(struct pump *p, struct event *e);

/* Record this process and all it starts, from now on. -ESRCH; -EOPNOTSUPP in tier proc without the proc
 * connector, which then sees its tracers only. After pump_start(). */
int pump_watch(struct pump *p, uint32_t pid);

/*
 * One piece of reading ring and counters; returns how many whole readings there were. A reading that began
 * now is over when that has reached pump_mark() of now: then what happened before is in the model and queued
 * for the store.
 */
uint64_t pump_flush(struct pump *p);
uint64_t pump_mark(const struct pump *p);
/* The same to the end, with a bound: for when there is no event loop any more. */
void pump_drain(struct pump *p);

const struct model *pump_model(const struct pump *p);
void pump_set_thresholds(struct pump *p, const struct model_thresholds *t);

/* Losses by cause, since start. */
enum loss_cause {
        LOST_RING_FULL,
        LOST_COUNTER_FULL,
        LOST_STORAGE,
        LOST_PROG_SKIPPED,
        LOST_TARGET_UNKNOWN,
        LOST_STORE,
        LOST_MODEL_EVICTED,
        LOST_BAD_RECORD,
        LOST_FOLLOWER,   /* live events that a client did not take in time: each is told so itself */
        LOST_CONNECTOR,  /* tier proc: times the proc connector overflowed */
        LOST_GUARD_SLOT, /* attaches that were refused because their slot could not be stored */
        _LOST_MAX,
};
const char *loss_cause_to_string(enum loss_cause c); /* "ring-full", ... */
void pump_losses(struct pump *p, uint64_t losses[_LOST_MAX]);
/* A follower had no room for an event. */
void pump_follower_lost(struct pump *p);

/* Live followers: called for each event after it was queued for the store. At most PUMP_FOLLOWERS_MAX. */
#define PUMP_FOLLOWERS_MAX 64
typedef void (*pump_follower)(void *userdata, const struct event *e);
int pump_follow(struct pump *p, pump_follower fn, void *userdata);
void pump_unfollow(struct pump *p, pump_follower fn, void *userdata);

/* What was refused while no daemon was there: after pump_start() and once the names are known. */
void pump_take_refusals(struct pump *p);
/* By the guard, since the start. */
uint64_t pump_refusals(const struct pump *p);
