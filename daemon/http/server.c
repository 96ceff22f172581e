/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/base/loop.h"
#include "daemon/http/parking.h"
#include "daemon/http/stream.h"

#define SLOTS_MAX          (SERVER_CONNECTIONS_MAX + SERVER_REFUSALS_MAX)
#define ACCEPT_BATCH       16          /* connections accepted per wake-up */
#define ACCEPT_BURST       64          /* wake-ups of the accept source per ... */
#define ACCEPT_INTERVAL_US 100000      /* ... this: out of descriptors it would spin */
#define CONNECTION_MEMORY  (16 * 1024) /* for headers; longer ones get 431 */
#define UPLOAD_GIVE_UP     (1 << 20)   /* bytes of a body after which we hang up instead of answering */
#define GOODBYE_ROUNDS     8           /* turns given to streams to send their end */
#define TIMER_ACCURACY_US  50000       /* idle timeouts are not exact */

struct server_client {
        struct server *server;
        struct peer peer;
        bool used;
        bool refused; /* above the limits: gets 503, whatever it asks */
};

struct server {
        struct http *http;
        struct http_routes routes;
        enum api_surface surface;
        int listen_fd;
        struct MHD_Daemon *mhd;
        sd_event_source *accept_source, *http_source, *timer;
        sd_event_source *again; /* enabled once: run in the next turn of the loop, also because a connection
                                   goes on: libmicrohttpd has nothing to wake itself with */
        size_t connections_max, per_uid_max, reserved;
        struct server_client clients[SLOTS_MAX];
};

/* ---- one request --------------------------------------------------------------------------------- */

static enum MHD_Result queue_answer(struct api_call *call)
{
        enum MHD_Result r;

        if (!call->response)
                return MHD_NO; /* no memory even for an error: hang up */
        call->http->requests++;
        r = MHD_queue_response(call->connection, call->status, call->response);
        MHD_destroy_response(TAKE_PTR(call->response));
        return r;
}

/* What came of the call: an answer, or the promise of one. */
static enum MHD_Result finish_call(struct api_call *call)
{
        if (!parking_waits(call->parking))
                return queue_answer(call);
        parking_suspend(call->parking);
        return MHD_YES;
}

static enum MHD_Result too_large(struct api_call *call)
{
        api_fail(call, MHD_HTTP_CONTENT_TOO_LARGE, "body-too-large", "",
                 "The request has a body of more than %d KiB.", SERVER_BODY_MAX / 1024);
        return queue_answer(call);
}

/* The header is complete. What can be refused without its body is refused now, whatever its size. */
static enum MHD_Result begin_call(struct server_client *client, struct MHD_Connection *connection,
                                  const char *path, const char *method, void **slot)
{
        const char *given =
                MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
        uintmax_t length = given ? strtoumax(given, NULL, 10) : 0;
        struct api_call *call = calloc(1, sizeof(*call));

        if (!call)
                return MHD_NO;
        *call = (struct api_call){
                .http = client->server->http,
                .api = client->server->routes.api,
                .peer = client->peer,
                .connection = connection,
                .resume = client->server->again,
        };
        *slot = call;
        if (client->refused) {
                api_fail(call, MHD_HTTP_SERVICE_UNAVAILABLE, "too-many-connections",
                         "Close other connections first.",
                         "There are too many connections: %zu in all and %zu of one user are possible.",
                         client->server->connections_max, client->server->per_uid_max);
                if (call->response)
                        MHD_add_response_header(call->response, MHD_HTTP_HEADER_CONNECTION, "close");
                return queue_answer(call);
        }
        if (length > UPLOAD_GIVE_UP)
                return too_large(call);
        /* A smaller one is read to its end: a client that is still sending may not look for an answer. */
        if (length > SERVER_BODY_MAX)
                return MHD_YES;
        if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD) &&
            !client->server->routes.find(call, method, path, client->server->surface))
                return queue_answer(call);
        return MHD_YES;
}

/* A piece of the body. What is too much is not kept, but counted. */
static enum MHD_Result take_piece(struct api_call *call, const char *piece, size_t size)
{
        if (call->wants_body && call->uploaded + size <= SERVER_BODY_MAX) {
                char *more = realloc(call->upload, call->uploaded + size + 1);

                if (!more)
                        return MHD_NO;
                memcpy(more + call->uploaded, piece, size);
                more[call->uploaded + size] = '\0';
                call->upload = more;
        }
        call->uploaded += size;
        return call->uploaded > UPLOAD_GIVE_UP ? MHD_NO : MHD_YES;
}

/* libmicrohttpd calls this for the header, for each piece of a body, once more at its end, and when a call
 * that was parked goes on. */
static enum MHD_Result on_request(void *userdata _unused_, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version _unused_,
                                  const char *body, size_t *body_size, void **slot)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        struct server_client *client = info ? info->socket_context : NULL;
        struct api_call *call = *slot;

        if (!client)
                return MHD_NO;
        if (!call)
                return begin_call(client, connection, path, method, slot);
        if (*body_size) {
                size_t size = TAKE(*body_size, 0);

                return take_piece(call, body, size);
        }
        if (call->parking)
                return finish_call(call);
        if (call->uploaded > SERVER_BODY_MAX)
                return too_large(call);
        if (call->route || client->server->routes.find(call, method, path, client->server->surface))
                client->server->routes.dispatch(call);
        return finish_call(call);
}

static void on_completed(void *userdata _unused_, struct MHD_Connection *connection _unused_, void **slot,
                         enum MHD_RequestTerminationCode why _unused_)
{
        struct api_call *call = *slot;

        *slot = NULL;
        if (!call)
                return;
        parking_free(call->parking);
        if (call->response)
                MHD_destroy_response(call->response);
        free(call->body);
        free(call->upload);
        free(call);
}

/* ---- connections --------------------------------------------------------------------------------- */

/* Users may have many uids of their own (subuid(5)): all of them together leave room for the privileged. */
static bool over_limit(const struct server *s, const struct peer *peer)
{
        size_t all = 0, others = 0, of_uid = 0;

        for (size_t i = 0; i < SLOTS_MAX; i++) {
                const struct server_client *c = &s->clients[i];

                if (!c->used || c->refused)
                        continue;
                all++;
                others += !c->peer.privileged;
                of_uid += c->peer.uid == peer->uid;
        }
        if (all >= s->connections_max)
                return true;
        /* Over TCP nobody is known, so there is no user to count for. */
        return s->surface == SURFACE_SOCKET &&
               (of_uid >= s->per_uid_max ||
                (!peer->privileged && others >= s->connections_max - s->reserved));
}

static size_t n_refused(const struct server *s)
{
        size_t n = 0;

        for (size_t i = 0; i < SLOTS_MAX; i++)
                n += s->clients[i].used && s->clients[i].refused;
        return n;
}

static struct server_client *client_new(struct server *s, struct MHD_Connection *connection)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct peer peer = {.uid = (uid_t)-1, .gid = (gid_t)-1};
        struct server_client *c = NULL;

        if (!info || (s->surface == SURFACE_SOCKET && peer_from_socket(info->connect_fd, &peer) < 0))
                return NULL;
        for (size_t i = 0; i < SLOTS_MAX && !c; i++)
                if (!s->clients[i].used)
                        c = &s->clients[i];
        if (!c)
                return NULL;
        *c = (struct server_client){.server = s, .peer = peer, .refused = over_limit(s, &peer)};
        c->used = true;
        s->http->connections++;
        if (c->refused)
                MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                          (unsigned)SERVER_REFUSAL_S);
        return c;
}

/* A connection without a client is hung up on at its first request. */
static void on_connection(void *userdata, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode what)
{
        struct server *s = userdata;
        struct server_client *c = *slot;

        if (what == MHD_CONNECTION_NOTIFY_STARTED) {
                *slot = client_new(s, connection);
                return;
        }
        if (c) {
                c->used = false;
                s->http->connections--;
        }
        *slot = NULL;
}

/* ---- event sources ------------------------------------------------------------------------------- */

/*
 * libmicrohttpd says when it wants to run again without any input: for idle timeouts, or at once, because it
 * does a piece of each answer in turn. Others get theirs in between.
 */
static int set_timer(struct server *s)
{
        MHD_UNSIGNED_LONG_LONG ms;
        int r;

        if (MHD_get_timeout(s->mhd, &ms) != MHD_YES)
                return sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
        if (ms == 0)
                return loop_later(s->again);
        r = sd_event_source_set_time_relative(s->timer, ms * 1000);
        return r < 0 ? r : sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static int run_server(struct server *s)
{
        MHD_run(s->mhd);
        return set_timer(s);
}

static int on_http(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                   void *userdata)
{
        return run_server(userdata);
}

static int on_again(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        return run_server(userdata);
}

static int on_server_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        return run_server(userdata);
}

/* Who is neither served nor told so is hung up on at once: libmicrohttpd would wait for a request, in a slot
 * that is somebody else's. */
static bool is_welcome(const struct server *s, int fd)
{
        struct peer peer = {.uid = (uid_t)-1, .gid = (gid_t)-1};

        if (n_refused(s) < SERVER_REFUSALS_MAX)
                return true;
        if (s->surface == SURFACE_SOCKET && peer_from_socket(fd, &peer) < 0)
                return false;
        return !over_limit(s, &peer);
}

static int on_accept(sd_event_source *source _unused_, int listen_fd, uint32_t events _unused_,
                     void *userdata)
{
        struct server *s = userdata;

        for (int i = 0; i < ACCEPT_BATCH; i++) {
                struct sockaddr_storage address = {};
                socklen_t length = sizeof(address);
                int fd = accept4(listen_fd, (struct sockaddr *)&address, &length,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd < 0) {
                        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
                                log_warning("A client cannot be accepted: %s.", strerror(errno));
                        break;
                }
                if (is_welcome(s, fd)) /* takes the descriptor, and closes it where it has no room */
                        MHD_add_connection(s->mhd, fd, (struct sockaddr *)&address, length);
                else
                        close(fd);
        }
        return run_server(s);
}

static int start_http(struct server *s)
{
        s->mhd =
                MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0,
                                 NULL, NULL, on_request, s, MHD_OPTION_CONNECTION_LIMIT, (unsigned)SLOTS_MAX,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                                 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_IDLE_S,
                                 MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
                                 on_connection, s, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
        return s->mhd ? 0 : -ENOMEM;
}

/* Users who get all the connections they may have must not take the descriptors that root's would need. */
static void set_connection_limits(struct server *s)
{
        struct rlimit l = {.rlim_cur = RLIM_INFINITY};

        getrlimit(RLIMIT_NOFILE, &l);
        s->connections_max = (size_t)MIN_OF((rlim_t)SERVER_CONNECTIONS_MAX, l.rlim_cur / SERVER_SHARE);
        s->per_uid_max = s->connections_max * SERVER_PER_UID_MAX / SERVER_CONNECTIONS_MAX;
        s->reserved = s->connections_max * SERVER_RESERVED / SERVER_CONNECTIONS_MAX;
}

static int add_sources(struct server *s, sd_event *event)
{
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD);
        int r;

        if (!info || info->epoll_fd < 0)
                return -ENOTSUP;
        r = sd_event_add_io(event, &s->http_source, info->epoll_fd, EPOLLIN, on_http, s);
        if (r < 0)
                return r;
        r = sd_event_add_time(event, &s->timer, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_US, on_server_timer, s);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = loop_add_later(event, &s->again, on_again, s);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &s->accept_source, s->listen_fd, EPOLLIN, on_accept, s);
        if (r < 0)
                return r;
        return sd_event_source_set_ratelimit(s->accept_source, ACCEPT_INTERVAL_US, ACCEPT_BURST);
}

int server_new(struct server **ret, int listen_fd, enum api_surface surface, struct http *http,
               const struct http_routes *routes)
{
        struct server *s = calloc(1, sizeof(*s));
        int r;

        if (!s) {
                close(listen_fd);
                return -ENOMEM;
        }
        s->http = http;
        s->routes = *routes;
        s->surface = surface;
        s->listen_fd = listen_fd;
        set_connection_limits(s);
        /* One from systemd may block, and accept() is called until there is nobody left. */
        fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
        r = start_http(s);
        if (r == 0)
                r = add_sources(s, http->event);
        if (r < 0) {
                server_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

struct server *server_free(struct server *s)
{
        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->accept_source);
        sd_event_source_disable_unref(s->timer);
        sd_event_source_disable_unref(s->http_source);
        if (s->mhd) {
                streams_end(s->http);
                parking_end_all(s->http);
                for (int i = 0; i < GOODBYE_ROUNDS; i++)
                        MHD_run(s->mhd);
                MHD_stop_daemon(s->mhd);
        }
        sd_event_source_disable_unref(s->again);
        close(s->listen_fd);
        free(s);
        return NULL;
}
