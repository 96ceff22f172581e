/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Turns: whatever cannot be answered at once waits here, so that the event loop does not. What waits for
 * records that are still in the ring, or for the store's writer; what comes after others in a turn of the
 * loop that has been long enough; and work that is done piece by piece. Of those that could go on, each user
 * has one in turn.
 *
 * What is still waited for in the loop, each with its bound: one round of the ring (PUMP_CONSUME_NS), one
 * piece of work, and a lock on the store's file that somebody else holds (STORE_READ_BUSY_MS; readers meet
 * one only where another program has the file to itself). Without a bound of ours: names of users and
 * groups, which the C library asks whomever nsswitch.conf(5) names for.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "lib/store/store.h"
#include "daemon/events/pump.h"

#define TURNS_BUDGET_NS        (10 * NSEC_PER_MSEC) /* work begun in one turn of the loop */
#define TURNS_PIECE_NS         (10 * NSEC_PER_MSEC) /* of work that is done piece by piece */
#define TURNS_FLUSH_ROUNDS     50                   /* readings of a ring that does not get empty */
#define TURNS_STORE_MS         2000                 /* that an answer waits for the store's writer */
#define TURNS_STORE_BRIEFLY_MS 50                   /* the same for one that must not be late */

/* What must be known before the work begins: everything that happened so far ... */
enum turn_need {
        NEED_NOTHING,
        NEED_MODEL,         /* ... is in the model */
        NEED_STORE_BRIEFLY, /* ... and readable in the store, if that takes TURNS_STORE_BRIEFLY_MS at most */
        NEED_STORE,         /* ... and the same for TURNS_STORE_MS. Late is better than never: an answer
                               without the last rows still tells the losses. */
        _NEED_MAX,
};

enum turn_result {
        TURN_DONE,
        TURN_AGAIN,  /* there is more of it; others first */
        TURN_PASSED, /* done here, but it makes work elsewhere that belongs to this turn */
};

struct turns;
struct turn;
typedef enum turn_result (*turn_work)(void *userdata);

/* pump and store are borrowed. -errno. */
int turns_new(struct turns **ret, sd_event *event, struct pump *pump, struct store *store);
/* Whoever waited has been told before. Returns NULL. */
struct turns *turns_free(struct turns *t);

/* Is everything there that is needed, and time left in this turn of the loop? Then nobody has to wait. */
bool turns_ready(struct turns *t, enum turn_need need);
/* Calls work in a later turn of the loop, once what it needs is there, and again for as long as it returns
 * TURN_AGAIN. *ret is the turn while it waits, and NULL while work runs and afterwards. -ENOMEM. */
int turn_take(struct turns *t, uid_t uid, enum turn_need need, turn_work work, void *userdata,
              struct turn **ret);
/* work is not called any more. NULL does nothing; returns NULL. */
struct turn *turn_cancel(struct turn *turn);
