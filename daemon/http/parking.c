/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/parking.h"

#include <errno.h>
#include <fcntl.h>

struct parking {
        struct parking *next, **link; /* in api->parked */
        struct api_call *call;
        void (*on_end)(struct api_call *call, uint64_t ticket);
        uint64_t ticket;
        bool suspended, done;
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

int parking_begin(struct api_call *call, void (*on_end)(struct api_call *call, uint64_t ticket),
                  uint64_t ticket)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct parking *p = info ? calloc(1, sizeof(*p)) : NULL;
        int r;

        if (!p)
                return -ENOMEM;
        p->fd = fcntl(info->connect_fd, F_DUPFD_CLOEXEC, 0);
        r = p->fd < 0 ? -errno : sd_event_add_io(call->api->event, &p->hangup, p->fd, 0, on_hangup, p);
        if (r < 0) {
                if (p->fd >= 0)
                        close(p->fd);
                free(p);
                return r;
        }
        p->call = call;
        p->on_end = on_end;
        p->ticket = ticket;
        p->next = call->api->parked;
        p->link = &call->api->parked;
        if (p->next)
                p->next->link = &p->next;
        call->api->parked = p;
        call->parking = p;
        return 0;
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
        sd_event_source_set_enabled(p->call->api->resume, SD_EVENT_ONESHOT);
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

void parking_end_all(struct api *api)
{
        for (struct parking *p = api->parked; p; p = p->next) {
                call_off(p, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping",
                         "The daemon stops; nobody waits any more.");
                parking_go_on(p);
        }
}
