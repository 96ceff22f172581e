/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A call whose answer comes later. libmicrohttpd does not look at its connection meanwhile, so the end of
 * the client is seen here.
 */

#include "daemon/api/api.h"

/* on_end is called once, if the client hangs up or the daemon stops before parking_go_on(): what was to come
 * is to be called off. -errno. */
int parking_begin(struct api_call *call, void (*on_end)(struct api_call *call, uint64_t ticket),
                  uint64_t ticket);
/* The handler returned without an answer. */
void parking_suspend(struct parking *p);
/* call->response is there. p may be NULL. */
void parking_go_on(struct parking *p);
/* With the call. */
void parking_free(struct parking *p);
void parking_end_all(struct api *api);
