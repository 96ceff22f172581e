/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * HTTP on a listening socket, inside the event loop: no threads, and nothing waits (turns.h names the few
 * exceptions, with their bounds). libmicrohttpd does the
 * protocol; its epoll instance is one event source of ours (microhttpd.h, "external" mode). We accept
 * ourselves, so who connects and how often is decided here.
 */

#include "daemon/http/call.h"

#define SERVER_CONNECTIONS_MAX 320         /* served at once, all clients together */
#define SERVER_PER_UID_MAX     128         /* ... and of one user */
#define SERVER_RESERVED        64          /* of them: for root and group ptraced only */
#define SERVER_SHARE           2           /* one in so many descriptors, if less: all in proportion */
#define SERVER_REFUSALS_MAX    16          /* above those: only to be told so */
#define SERVER_IDLE_S          30          /* a silent connection is closed; not one that follows events */
#define SERVER_REFUSAL_S       2           /* the same for one that is above the limits */
#define SERVER_BODY_MAX        (64 * 1024) /* bytes of a request body */

struct server;

/* Takes listen_fd over, also on failure. http is borrowed. */
int server_new(struct server **ret, int listen_fd, enum api_surface surface, struct http *http,
               const struct http_routes *routes);
/* Ends the event streams, then closes every connection. Returns NULL. */
struct server *server_free(struct server *s);
