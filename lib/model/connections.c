/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/model/connections.h"

#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/event/tools.h"

/* ---- who listens --------------------------------------------------------------------------------- */

struct listener *listener_at(struct connections *all, uint32_t netns, uint32_t port)
{
        for (size_t i = 0; i < all->n_listeners; i++)
                if (all->listeners[i].netns == netns && all->listeners[i].port == port)
                        return &all->listeners[i];
        return NULL;
}

struct listener *listener_of(struct connections *all, const struct task_ref *process)
{
        for (size_t i = 0; i < all->n_listeners; i++) {
                struct listener *l = &all->listeners[i];

                if (l->delve && l->task.pid && task_same_process(&l->task, process))
                        return l;
        }
        return NULL;
}

/* The place to give up for another: one that is closed, else the one that came first. */
static struct listener *listener_to_drop(struct connections *all)
{
        struct listener *oldest = &all->listeners[0];

        for (size_t i = 0; i < all->n_listeners; i++) {
                struct listener *l = &all->listeners[i];

                if (l->closed != oldest->closed ? l->closed : l->since_ns < oldest->since_ns)
                        oldest = l;
        }
        return oldest;
}

static struct listener *listener_get(struct connections *all, uint32_t netns, uint32_t port)
{
        struct listener *l = listener_at(all, netns, port);

        if (l)
                return l;
        l = all->n_listeners < LISTENERS_MAX ? &all->listeners[all->n_listeners++] : listener_to_drop(all);
        *l = (struct listener){.netns = netns, .port = port};
        return l;
}

static void note_listener(struct connections *all, const struct event *e)
{
        struct listener *l = listener_get(all, e->netns, e->port);

        *l = (struct listener){
                .task = e->target,
                .netns = e->netns,
                .port = e->port,
                .delve = is_delve(&e->target),
                .since_ns = e->time_ns,
                .since_wall_ns = e->wall_ns,
                .seq = e->seq,
        };
        memcpy(l->local, e->local, sizeof(l->local));
}

static void note_closed_listener(struct connections *all, const struct event *e)
{
        struct listener *l = listener_at(all, e->netns, e->port);

        if (l)
                l->closed = true;
}

/* ---- connections --------------------------------------------------------------------------------- */

static struct connection *connection_find(struct connections *all, const struct event *e)
{
        for (size_t i = all->n; i-- > 0;) {
                struct connection *c = &all->list[i];

                if (!c->over && c->server == e->server && c->netns == e->netns &&
                    strcmp(c->local, e->local) == 0 && strcmp(c->remote, e->remote) == 0)
                        return c;
        }
        return NULL;
}

static struct connection *place_for_one(struct connections *all)
{
        size_t gone = 0;

        if (all->n < CONNECTIONS_MAX)
                return &all->list[all->n++];
        while (gone < all->n && !all->list[gone].over)
                gone++;
        gone %= all->n;
        memmove(&all->list[gone], &all->list[gone + 1], (all->n - gone - 1) * sizeof(all->list[0]));
        return &all->list[all->n - 1];
}

#define FIN_BYTES 1 /* what the kernel counts of an other end that only closed */

/* A loopback address is that of a socket in the same network namespace; what another address leads to is not
 * known from here. */
static bool is_loopback(const char *address)
{
        return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0;
}

struct listener *listener_behind(struct connections *all, const struct event *e)
{
        return e->server || is_loopback(e->remote) ? listener_at(all, e->netns, e->port) : NULL;
}

bool received_nothing(const struct event *e)
{
        return e->received <= FIN_BYTES;
}

static void note_opened(struct connections *all, const struct event *e)
{
        struct listener *l = listener_behind(all, e);
        struct connection *c = place_for_one(all);

        *c = (struct connection){
                .task = e->target,
                .netns = e->netns,
                .port = e->port,
                .server = e->server,
                .xdebug = e->xdebug,
                .other_netns = e->other_netns,
                .since_ns = e->time_ns,
                .since_wall_ns = e->wall_ns,
                .seq = e->seq,
        };
        memcpy(c->local, e->local, sizeof(c->local));
        memcpy(c->remote, e->remote, sizeof(c->remote));
        if (!l)
                return;
        if (e->server) {
                c->task = l->task;
                l->n_clients++;
                l->client_gone_ns = l->client_gone_wall_ns = 0;
        } else if (!l->closed)
                c->peer = l->task;
}

static void note_ended(struct connections *all, const struct event *e)
{
        struct listener *l = listener_behind(all, e);
        struct connection *c = connection_find(all, e);

        if (!c)
                return;
        if (l && !e->server && !received_nothing(e))
                l->served = true;
        c->over = true;
        c->peer_ended = e->change == NET_PEER_ENDED;
        c->until_ns = e->time_ns;
        c->until_wall_ns = e->wall_ns;
        if (!l || !e->server || !l->n_clients || --l->n_clients)
                return;
        l->client_gone_ns = e->time_ns;
        l->client_gone_wall_ns = e->wall_ns;
}

struct connection *connection_of(struct connections *all, const struct task_ref *process)
{
        for (size_t i = all->n; i-- > 0;) {
                struct connection *c = &all->list[i];

                if (!c->over && !c->server && c->task.pid && task_same_process(&c->task, process))
                        return c;
        }
        return NULL;
}

void connections_note(struct connections *all, const struct event *e)
{
        switch (e->change) {
        case NET_LISTENS:
                note_listener(all, e);
                break;
        case NET_LISTENS_NO_MORE:
                note_closed_listener(all, e);
                break;
        case NET_OPENED:
                note_opened(all, e);
                break;
        case NET_ENDED:
        case NET_PEER_ENDED:
                note_ended(all, e);
                break;
        default:
                break;
        }
}

void connections_forget(struct connections *all)
{
        all->n = all->n_listeners = 0;
}
