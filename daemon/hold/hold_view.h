/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What daemon and helpers both know of a held process: its state as it is told and shown, and the limits
 * that both keep. Below everything else in this room.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/event/event.h"

#define HOLD_MAX         64    /* processes held at once */
#define HOLD_THREADS_MAX 8192  /* of one process; one with more is not held */
#define HOLD_ANSWER_MS   4000  /* for a helper to answer */
#define HOLD_ASKED_MAX   16    /* requests for one process whose answers are awaited */
#define HOLD_ADOPT_MS    3000  /* at start: for all helpers of an earlier daemon to answer */
#define HOLD_YIELD_MS    5000  /* who was let in and has not attached by then: held again ... */
#define HOLD_OWNER_MS    20000 /* ... and an owner who is known and still there, who may read symbols first */

enum hold_state {
        HOLD_HOLDING,
        HOLD_YIELDED, /* an owner was let in, or is expected */
        HOLD_CAUGHT,  /* catch: frozen at a breakpoint that nobody owns */
        HOLD_GONE,    /* target or helper ended */
        _HOLD_STATE_MAX,
};
const char *hold_state_to_string(enum hold_state s); /* "holding", "yielded", "caught", "gone" */

struct hold_view {
        struct task_ref target;
        struct task_ref helper; /* who traces it (TracerPid); while yielded who waits to take hold again */
        enum hold_state state;
        bool catch;         /* freeze at orphan breakpoints */
        uint32_t n_threads; /* held now */
        uint32_t caught_tid;
        uint64_t caught_ip; /* of the breakpoint instruction */
        uint64_t since_ns;  /* CLOCK_BOOTTIME: of this state */
};

/* How a request ended: see hold.h, requests. holder: who traces it, with -EPERM. */
typedef void (*hold_done)(void *userdata, int error, const struct task_ref *holder);
