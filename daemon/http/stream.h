/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The event stream of /v1/events: what is stored, then (with follow) what happens, as one JSON object a
 * line. A client gets its lines at its own pace: rows are read from the store as it takes them, live events
 * wait in a queue of its own. Where that is full the event is counted as lost to this client, who is told.
 */

#include "daemon/http/call.h"

#define STREAM_QUEUE_EVENTS 4096        /* live events that wait for one client, at most ... */
#define STREAM_QUEUE_BYTES  (2u << 20)  /* ... and their size as text */
#define STREAM_BLOCK        (32 * 1024) /* bytes handed to libmicrohttpd at a time */
#define STREAM_STEP_EVENTS  1024        /* rows read before others get their turn */
#define STREAM_CATCH_UP     8           /* times the store is read again before the queue takes over */

/* Answers the call with a stream. */
void stream_answer(struct api_call *call, const struct event_filter *filter, bool history, bool follow);
/* Every stream ends here, in good order: the daemon stops. */
void streams_end(struct http *http);
