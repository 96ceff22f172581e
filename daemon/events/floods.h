/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Floods: the counters of the BPF programs, read once a second and turned into counter events. The programs
 * only ever add; what was read before is remembered here, so an increment is reported once and none is
 * missed. A counter that stood still for FLOOD_IDLE_NS is removed from the kernel's hash to make room.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cleanup.h"
#include "lib/event/event.h"

#define FLOOD_IDLE_NS   3000000000ULL
#define FLOODS_PIECE_NS (5 * NSEC_PER_MSEC) /* of a round, before others have their turn */

struct floods;

/* read_fd: a hash from key to how far it was told, kept for the next daemon; -1: none. Both are borrowed. */
int floods_new(struct floods **ret, int counters_fd, int read_fd);
struct floods *floods_free(struct floods *f); /* returns NULL */

/* What was there before the first drain: of an earlier daemon's counters (begun before own_since_ns, or the
 * guard's) what it did not tell is new; of our own, nothing is, for it is the self-test. -errno. */
int floods_begin(struct floods *f, uint64_t own_since_ns);
/* Read all counters at now_ns (CLOCK_BOOTTIME) and emit what was added since the last round. 1: time is up,
 * and the next call goes on with this round; 0: it is complete; -errno of the map read. */
int floods_drain(struct floods *f, uint64_t now_ns, void (*emit)(void *userdata, struct event *e),
                 void *userdata);
bool floods_under_way(const struct floods *f);
