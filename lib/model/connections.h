/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Debuggers that are reached over TCP: who listens at their ports, and which connections there are. Bounds
 * are below; when one is reached what is over goes first, then the oldest. Pure.
 */

#include "lib/model/model_views.h"

#define LISTENERS_MAX   64
#define CONNECTIONS_MAX 256

struct connections {
        struct listener listeners[LISTENERS_MAX];
        size_t n_listeners;
        struct connection list[CONNECTIONS_MAX]; /* oldest first */
        size_t n;
};

/* From a net.connect. */
void connections_note(struct connections *all, const struct event *e);
/* The recording begins anew: what was open may have been closed meanwhile. */
void connections_forget(struct connections *all);
/* The end that listened: who has the port now, or had it last; NULL: nobody was seen. */
struct listener *listener_at(struct connections *all, uint32_t netns, uint32_t port);
/* Who listens at the other end of a connection to a loopback address, or at this one; NULL: it is not known. */
struct listener *listener_behind(struct connections *all, const struct event *e);
/* The other end has sent not a byte in that connection, which has ended. */
bool received_nothing(const struct event *e);
/* Where Delve is that process; NULL: it does not listen, or that was not seen. */
struct listener *listener_of(struct connections *all, const struct task_ref *process);
/* The process's own connection to a DBGp client, while it lasts; NULL: it has none. */
struct connection *connection_of(struct connections *all, const struct task_ref *process);
