/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A call whose answer comes later. libmicrohttpd does not look at its connection meanwhile, so the end of
 * the client is seen here.
 */

#include "daemon/http/call.h"
#include "daemon/http/turns.h"

/* on_end is called once, if the client hangs up or the daemon stops before parking_go_on(): what was to come
 * is to be called off. A call that is parked already waits for this from now on. -errno. */
int parking_begin(struct api_call *call, void (*on_end)(struct api_call *call, uint64_t ticket),
                  uint64_t ticket);

/*
 * Parks the call until work has answered it, or parked it for something else. It is called in turns of its
 * own, once what it needs is there, until it returns something else than TURN_AGAIN. drop (may be NULL) is
 * called once when state is not used any more, whatever happens; and so is the answer made.
 */
typedef enum turn_result (*parking_worker)(struct api_call *call, void *state);
void parking_wait(struct api_call *call, enum turn_need need, parking_worker work, void *state,
                  void (*drop)(void *state));
/* The same for what can begin now: only if there is more of it the call is parked. */
void parking_work(struct api_call *call, parking_worker work, void *state, void (*drop)(void *state));

/* Is the answer still to come? p may be NULL. */
bool parking_waits(const struct parking *p);
/* The handler returned without an answer. */
void parking_suspend(struct parking *p);
/* call->response is there. p may be NULL. */
void parking_go_on(struct parking *p);
/* With the call. */
void parking_free(struct parking *p);
void parking_end_all(struct http *http);
