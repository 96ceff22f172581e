/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "daemon/api/answer.h"
#include "daemon/api/handlers.h"
#include "daemon/http/parking.h"

#define SHOWN_MAX 128

static uint64_t wall_of_boot(uint64_t boot_ns)
{
        return clock_wall_ns() - clock_boot_ns() + boot_ns;
}

static struct json_object *caught_json(const struct hold_view *v)
{
        struct json_object *o = json_object_new_object();
        char ip[32];

        snprintf(ip, sizeof(ip), "0x%" PRIx64, v->caught_ip);
        json_add_int(o, "tid", v->caught_tid);
        json_add_text(o, "ip", ip);
        return o;
}

static struct json_object *hold_json(const struct api *api, const struct hold_view *v)
{
        const struct claim *c = claim_of(arbiter_book(api->arbiter), v->target.pid);
        struct json_object *o = json_object_new_object(), *helper = json_object_new_object();

        json_add_int(o, "pid", v->target.pid);
        json_add_int(o, "start", (int64_t)v->target.start);
        json_add_text(o, "comm", v->target.comm);
        json_add_text(o, "state", hold_state_to_string(v->state));
        json_object_object_add(o, "catch", json_object_new_boolean(v->catch));
        json_add_int(o, "threads", v->n_threads);
        json_add_int(helper, "pid", v->helper.pid);
        json_object_object_add(o, "helper", helper);
        json_add_time(o, "since", v->since_ns ? wall_of_boot(v->since_ns) : 0);
        json_object_object_add(o, "caught", v->state == HOLD_CAUGHT ? caught_json(v) : NULL);
        json_object_object_add(o, "claim", c ? json_object_new_int64((int64_t)c->id) : NULL);
        return o;
}

struct hold_listing {
        struct api_call *call;
        struct json_object *list;
};

static int list_hold(void *userdata, const struct hold_view *v)
{
        struct hold_listing *l = userdata;

        if (l->call->peer.privileged ||
            peer_owns(&l->call->peer, pump_model(l->call->api->pump), &v->target))
                json_object_array_add(l->list, hold_json(l->call->api, v));
        return 0;
}

void api_holds(struct api_call *call)
{
        struct hold_listing l = {call, json_object_new_array()};
        struct json_object *o = json_new("ptraced.holds/1");

        hold_each(call->api->hold, list_hold, &l);
        json_object_object_add(o, "holds", l.list);
        api_answer(call, o);
}

static void answer_hold(struct api_call *call, unsigned status, const struct hold_view *v)
{
        struct json_object *o = json_new("ptraced.hold/1");

        json_object_object_add(o, "hold", hold_json(call->api, v));
        api_answer_status(call, status, o);
}

static const struct {
        int error;
        unsigned status;
        const char *code, *sentence;
} hold_failures[] = {
        {-ESRCH, MHD_HTTP_NOT_FOUND, "no-such-process", "it is gone"},
        {-EDQUOT, MHD_HTTP_TOO_MANY_REQUESTS, "too-many-holds", "as many processes as possible are held"},
        {-E2BIG, MHD_HTTP_TOO_MANY_REQUESTS, "too-many-threads", "it has too many threads"},
        {-EBUSY, MHD_HTTP_TOO_MANY_REQUESTS, "busy",
         "as many requests as possible wait for its helper; try again in a moment"},
        {-ECONNRESET, MHD_HTTP_SERVICE_UNAVAILABLE, "busy",
         "the helper that held it has just ended; try again"},
};

static void hold_failed(struct api_call *call, uint32_t pid, int error, const struct task_ref *holder)
{
        char comm[SHOWN_MAX];

        if (error == -EPERM && holder->pid) {
                api_fail(call, MHD_HTTP_CONFLICT, "traced", "Hold it when that tracer has left.",
                         "Process %u is traced by pid %u (%s): there is one place for a tracer, and it is "
                         "taken.",
                         pid, holder->pid, text_escape(holder->comm, comm, sizeof(comm)));
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(hold_failures); i++)
                if (hold_failures[i].error == error) {
                        api_fail(call, hold_failures[i].status, hold_failures[i].code, "",
                                 "Process %u cannot be held: %s.", pid, hold_failures[i].sentence);
                        return;
                }
        api_fail(call, error == -EPERM ? MHD_HTTP_CONFLICT : MHD_HTTP_INTERNAL_SERVER_ERROR,
                 error == -EPERM ? "refused" : "failed", "", "Process %u cannot be held: %s.", pid,
                 strerror(-error));
}

/* A hold would be in the way of a claim's owner in the kernel, and by hold it is held already. */
static bool is_free(struct api_call *call, uint32_t pid)
{
        const struct claim *c = claim_of(arbiter_book(call->api->arbiter), pid);
        char owner[SHOWN_MAX];

        if (!c)
                return true;
        api_fail(call, MHD_HTTP_CONFLICT, "claimed", "Release the claim first.",
                 "Process %u is claimed for %s (claim %" PRIu64 ").", pid,
                 text_escape(c->request.owner_text, owner, sizeof(owner)), c->id);
        return false;
}

/* ---- answers that come later ------------------------------------------------------------------------- */

static void on_taken(void *userdata, int error, const struct task_ref *holder)
{
        struct api_call *call = userdata;
        uint32_t pid = call->body->pid;
        struct hold_view v;

        if ((error < 0 && error != -EALREADY) || hold_get(call->api->hold, pid, &v) < 0)
                hold_failed(call, pid, error < 0 && error != -EALREADY ? error : -ESRCH, holder);
        else
                answer_hold(call, MHD_HTTP_CREATED, &v);
        parking_go_on(call->parking);
}

static void stop_taking(struct api_call *call, uint64_t ticket _unused_)
{
        hold_cancel(call->api->hold, on_taken, call);
}

/* What is to be answered is kept with the request: the hold has gone by then. */
struct letting_go {
        struct api_call *call;
        struct hold_view view;
};

static void on_released(void *userdata, int error, const struct task_ref *holder)
{
        struct letting_go *l = userdata;
        struct api_call *call = l->call;

        l->view.state = HOLD_GONE;
        if (error < 0)
                hold_failed(call, l->view.target.pid, error, holder);
        else
                answer_hold(call, MHD_HTTP_OK, &l->view);
        free(l);
        parking_go_on(call->parking);
}

static void stop_releasing(struct api_call *call, uint64_t ticket)
{
        struct letting_go *l = (struct letting_go *)(uintptr_t)ticket;

        hold_cancel(call->api->hold, on_released, l);
        free(l);
}

static void cannot_park(struct api_call *call, int error)
{
        api_fail(call, MHD_HTTP_SERVICE_UNAVAILABLE, "cannot-wait", "Try again in a moment.",
                 "Nobody more can wait now: %s.", strerror(-error));
}

/* ---- take and release -------------------------------------------------------------------------------- */

static void take(struct api_call *call, const struct task_ref *target)
{
        const enum hold_catch catch = call->body->catch ? HOLD_CATCH_ON : HOLD_CATCH_OFF;
        int r = parking_begin(call, stop_taking, 0);

        if (r < 0) {
                cannot_park(call, r);
                return;
        }
        r = hold_take(call->api->hold, target, catch, on_taken, call);
        if (r < 0)
                on_taken(call, r, &(struct task_ref){});
}

void api_hold_take(struct api_call *call)
{
        const struct request_body *b = call->body;
        struct task_ref target;

        if (!api_target(call, b->pid, &target))
                return;
        if (target.pid == (uint32_t)getpid()) {
                api_fail(call, MHD_HTTP_BAD_REQUEST, "is-ptraced", "",
                         "Process %u is ptraced itself, which cannot hold itself.", target.pid);
                return;
        }
        if (!api_may_trace(call, &target, b->catch ? "catch" : "hold"))
                return;
        if (b->catch || is_free(call, target.pid))
                take(call, &target);
}

static void release(struct api_call *call, const struct hold_view *v)
{
        struct letting_go *l = calloc(1, sizeof(*l));
        int r = l ? parking_begin(call, stop_releasing, (uintptr_t)l) : -ENOMEM;

        if (r < 0) {
                free(l);
                cannot_park(call, r);
                return;
        }
        *l = (struct letting_go){.call = call, .view = *v};
        r = hold_release(call->api->hold, &v->target, on_released, l);
        if (r < 0)
                on_released(l, r == -ENOENT ? 0 : r, &(struct task_ref){});
}

void api_hold_release(struct api_call *call)
{
        struct hold_view v;

        if (hold_get(call->api->hold, call->pid, &v) < 0) {
                api_fail(call, MHD_HTTP_NOT_FOUND, "not-held", "`ptracectl hold` shows those that are.",
                         "Process %u is not held.", call->pid);
                return;
        }
        if (is_free(call, call->pid))
                release(call, &v);
}
