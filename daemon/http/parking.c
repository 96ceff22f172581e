/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/parking.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "daemon/base/loop.h"

struct parking {
        struct parking *next, **link; /* in http->parked */
        struct api_call *call;
        void (*on_end)(struct api_call *call, uint64_t ticket);
        uint64_t ticket;
        bool suspended, done;
        struct turn *turn;   /* of the work */
        parking_worker work; /* NULL: something else is waited for */
        void *state;
        void (*drop)(void *state);
        int fd; /* a duplicate of the connection's */
        sd_event_source *hangup;
};

static void call_off(struct parking *p, unsigned status, const char *code, const char *message)
{
        if (p->done)
                return;
        p->done = true;
        p->on_end(p->call, p->ticket);
        api_fail(p->call, status, code, "", "%s", message);
}

/* Only a hang-up is waited for: a client that merely closed its sending side still listens. */
static int on_hangup(sd_event_source *source, int fd _unused_, uint32_t events _unused_, void *userdata)
{
        struct parking *p = userdata;

        sd_event_source_set_enabled(source, SD_EVENT_OFF);
        call_off(p, MHD_HTTP_SERVICE_UNAVAILABLE, "gone", "The client hung up.");
        parking_go_on(p);
        return 0;
}

static int park(struct api_call *call)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct parking *p = info ? calloc(1, sizeof(*p)) : NULL;
        int r;

        if (!p)
                return -ENOMEM;
        p->fd = fcntl(info->connect_fd, F_DUPFD_CLOEXEC, 0);
        r = p->fd < 0 ? -errno : sd_event_add_io(call->http->event, &p->hangup, p->fd, 0, on_hangup, p);
        if (r < 0) {
                if (p->fd >= 0)
                        close(p->fd);
                free(p);
                return r;
        }
        p->call = call;
        p->next = call->http->parked;
        p->link = &call->http->parked;
        if (p->next)
                p->next->link = &p->next;
        call->http->parked = p;
        call->parking = p;
        return 0;
}

int parking_begin(struct api_call *call, void (*on_end)(struct api_call *call, uint64_t ticket),
                  uint64_t ticket)
{
        int r = call->parking ? 0 : park(call);

        if (r < 0)
                return r;
        assert(!call->parking->done && !call->parking->turn);
        call->parking->on_end = on_end;
        call->parking->ticket = ticket;
        return 0;
}

/* ---- work ------------------------------------------------------------------------------------------ */

static void drop_work(struct parking *p)
{
        void (*drop)(void *state) = TAKE_PTR(p->drop);
        void *state = TAKE_PTR(p->state);

        p->turn = turn_cancel(p->turn);
        p->work = NULL;
        if (drop)
                drop(state);
}

static void on_work_ended(struct api_call *call, uint64_t ticket _unused_)
{
        drop_work(call->parking);
}

static enum turn_result on_work(void *userdata)
{
        struct parking *p = userdata;
        parking_worker work = TAKE_PTR(p->work);
        void (*drop)(void *state) = TAKE_PTR(p->drop);
        void *state = TAKE_PTR(p->state);
        enum turn_result result = work(p->call, state);

        if (result == TURN_AGAIN) {
                assert(!p->work);
                p->work = work;
                p->drop = drop;
                p->state = state;
                return result;
        }
        if (drop)
                drop(state);
        /* Answered; or it waits for more work, or for something else. */
        if (!p->work && p->on_end == on_work_ended)
                parking_go_on(p);
        return result;
}

void parking_wait(struct api_call *call, enum turn_need need, parking_worker work, void *state,
                  void (*drop)(void *state))
{
        int r = parking_begin(call, on_work_ended, 0);
        struct parking *p = call->parking;

        if (r >= 0)
                r = turn_take(call->http->turns, call->peer.uid, need, on_work, p, &p->turn);
        if (r >= 0) {
                p->work = work;
                p->state = state;
                p->drop = drop;
                return;
        }
        if (drop)
                drop(state);
        api_fail(call, MHD_HTTP_SERVICE_UNAVAILABLE, "failed", "", "The request cannot be put in line: %s.",
                 strerror(-r));
        parking_go_on(p);
}

void parking_work(struct api_call *call, parking_worker work, void *state, void (*drop)(void *state))
{
        if (work(call, state) == TURN_AGAIN)
                parking_wait(call, NEED_NOTHING, work, state, drop);
        else if (drop)
                drop(state);
}

/* ---- waiting, and going on ------------------------------------------------------------------------- */

bool parking_waits(const struct parking *p)
{
        return p && !p->done;
}

void parking_suspend(struct parking *p)
{
        if (p->suspended)
                return;
        p->suspended = true;
        MHD_suspend_connection(p->call->connection);
}

void parking_go_on(struct parking *p)
{
        if (!p)
                return;
        p->done = true;
        if (!p->suspended)
                return;
        p->suspended = false;
        MHD_resume_connection(p->call->connection);
        loop_later(p->call->resume);
}

void parking_free(struct parking *p)
{
        if (!p)
                return;
        if (!p->done)
                p->on_end(p->call, p->ticket);
        sd_event_source_disable_unref(p->hangup);
        close(p->fd);
        *p->link = p->next;
        if (p->next)
                p->next->link = p->link;
        free(p);
}

void parking_end_all(struct http *http)
{
        for (struct parking *p = http->parked; p; p = p->next) {
                call_off(p, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping",
                         "The daemon stops; nobody waits any more.");
                parking_go_on(p);
        }
}
