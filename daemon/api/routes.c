/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/routes.h"

#include <stdio.h>
#include <string.h>

#include "lib/proc/procfs.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "daemon/api/answer.h"
#include "daemon/api/handlers.h"
#include "daemon/http/parking.h"

#define PATH_SHOWN  128 /* bytes of a wrong path that the error repeats */
#define METHODS_MAX 64  /* bytes of their list */

enum route_auth {
        AUTH_ANYBODY,    /* tells nothing of anybody's processes, or filters what it tells */
        AUTH_OWNER,      /* the process in the path or in ?pid= must be the peer's */
        AUTH_PRIVILEGED, /* root and group ptraced */
};

struct route {
        const char *method, *path;
        enum route_auth auth;
        uint32_t surfaces; /* enum api_surface */
        uint32_t args;     /* enum request_arg */
        enum turn_need need;
        void (*handle)(struct api_call *call);
        uint32_t body, needed; /* enum body_key: what a body may and must have; 0: there is none */
};

#define CLAIM_KEYS (BODY_PID | BODY_OWNER | BODY_TOKEN | BODY_LEASE | BODY_MODE | BODY_WAIT | BODY_TAKE)
#define RENEW_KEYS (BODY_OWNER | BODY_TOKEN | BODY_LEASE)

static const struct route routes[] = {
        {"GET", "/healthz", AUTH_ANYBODY, SURFACE_SOCKET | SURFACE_METRICS, 0, NEED_NOTHING, api_healthz, 0,
         0},
        {"GET", "/readyz", AUTH_ANYBODY, SURFACE_SOCKET, 0, NEED_NOTHING, api_readyz, 0, 0},
        {"GET", "/metrics", AUTH_ANYBODY, SURFACE_SOCKET | SURFACE_METRICS, 0, NEED_NOTHING, api_metrics, 0,
         0},
        {"GET", "/v1/status", AUTH_ANYBODY, SURFACE_SOCKET, 0, NEED_STORE_BRIEFLY, api_status, 0, 0},
        {"GET", "/v1/doctor", AUTH_ANYBODY, SURFACE_SOCKET, 0, NEED_NOTHING, api_doctor, 0, 0},
        {"GET", "/v1/tracers", AUTH_OWNER, SURFACE_SOCKET, ARG_PID | ARG_ENDED, NEED_MODEL, api_tracers, 0,
         0},
        {"GET", "/v1/processes/{pid}", AUTH_OWNER, SURFACE_SOCKET, 0, NEED_MODEL, api_process, 0, 0},
        {"GET", "/v1/processes/{pid}/why", AUTH_ANYBODY, SURFACE_SOCKET, ARG_SECCOMP, NEED_STORE, api_why, 0,
         0},
        {"GET", "/v1/diagnosis", AUTH_OWNER, SURFACE_SOCKET, ARG_PID | ARG_SINCE | ARG_EARLIER | ARG_AFTER,
         NEED_STORE, api_diagnosis, 0, 0},
        {"GET", "/v1/events", AUTH_OWNER, SURFACE_SOCKET,
         ARG_PID | ARG_SINCE | ARG_UNTIL | ARG_TYPE | ARG_AFTER | ARG_FOLLOW | ARG_EARLIER, NEED_STORE,
         api_events, 0, 0},
        {"GET", "/v1/claims", AUTH_ANYBODY, SURFACE_SOCKET, ARG_PID, NEED_MODEL, api_claims, 0, 0},
        {"POST", "/v1/claims", AUTH_ANYBODY, SURFACE_SOCKET, 0, NEED_MODEL, api_claim_make, CLAIM_KEYS,
         BODY_PID},
        {"DELETE", "/v1/claims/{id}", AUTH_ANYBODY, SURFACE_SOCKET, ARG_TOKEN, NEED_MODEL, api_claim_release,
         0, 0},
        {"POST", "/v1/claims/{id}/renew", AUTH_ANYBODY, SURFACE_SOCKET, 0, NEED_NOTHING, api_claim_renew,
         RENEW_KEYS, 0},
        {"POST", "/v1/claims/{id}/enter", AUTH_ANYBODY, SURFACE_SOCKET, 0, NEED_NOTHING, api_claim_enter,
         BODY_TOKEN, 0},
        {"GET", "/v1/guard", AUTH_ANYBODY, SURFACE_SOCKET, 0, NEED_NOTHING, api_guard, 0, 0},
        {"POST", "/v1/guard", AUTH_PRIVILEGED, SURFACE_SOCKET, 0, NEED_MODEL, api_guard_set, BODY_STATE,
         BODY_STATE},
        {"GET", "/v1/policy", AUTH_ANYBODY, SURFACE_SOCKET, 0, NEED_NOTHING, api_policy, 0, 0},
        {"POST", "/v1/policy/reload", AUTH_PRIVILEGED, SURFACE_SOCKET, 0, NEED_MODEL, api_policy_reload, 0,
         0},
        {"GET", "/v1/holds", AUTH_ANYBODY, SURFACE_SOCKET, 0, NEED_NOTHING, api_holds, 0, 0},
        {"POST", "/v1/holds", AUTH_ANYBODY, SURFACE_SOCKET, 0, NEED_NOTHING, api_hold_take,
         BODY_PID | BODY_CATCH, BODY_PID},
        {"POST", "/v1/heal", AUTH_ANYBODY, SURFACE_SOCKET, 0, NEED_NOTHING, api_heal,
         BODY_PID | BODY_DRY_RUN, BODY_PID},
        {"DELETE", "/v1/holds/{pid}", AUTH_OWNER, SURFACE_SOCKET, 0, NEED_NOTHING, api_hold_release, 0, 0},
};

/* ---- from request to handler --------------------------------------------------------------------- */

struct reading {
        struct request_args *args;
        struct request_terms terms;
        char error[API_ERROR_MAX];
        int r;
};

static enum MHD_Result read_arg(void *userdata, enum MHD_ValueKind kind _unused_, const char *key,
                                const char *value)
{
        struct reading *rd = userdata;

        rd->r = request_arg_set(rd->args, &rd->terms, key, value, rd->error, sizeof(rd->error));
        return rd->r < 0 ? MHD_NO : MHD_YES;
}

static bool read_query(struct api_call *call)
{
        struct reading rd = {
                .args = &call->args,
                .terms = {.allowed = call->route->args, .now_ns = clock_wall_ns()},
        };

        MHD_get_connection_values(call->connection, MHD_GET_ARGUMENT_KIND, read_arg, &rd);
        if (rd.r < 0)
                api_fail(call, MHD_HTTP_BAD_REQUEST, "bad-argument", "", "%s", rd.error);
        return rd.r == 0;
}

static bool read_body(struct api_call *call)
{
        const struct route *rt = call->route;
        char error[API_ERROR_MAX] = "There is no memory for it.";

        if (!rt->body)
                return true;
        call->body = malloc(sizeof(*call->body));
        if (call->body && request_body_parse(call->body, &(struct body_terms){rt->body, rt->needed},
                                             call->upload ?: "", call->uploaded, error, sizeof(error)) == 0)
                return true;
        api_fail(call, MHD_HTTP_BAD_REQUEST, "bad-body", "The body is a JSON object; see ptraced(8).", "%s",
                 error);
        return false;
}

/* The process that is asked about must be the peer's own. One that nobody knows is left to the handler. */
static bool permitted(struct api_call *call)
{
        const struct model *model = pump_model(call->api->pump);
        struct task_ref task = {.pid = call->pid ? call->pid : call->args.pid};
        struct task_ref found;
        struct process_view v;
        bool known;

        if (call->route->auth != AUTH_OWNER || call->peer.privileged || !task.pid ||
            peer_owns(&call->peer, model, &task))
                return true;
        known = model_process(model, task.pid, &v) == 0 || procfs_task(task.pid, &found) == 0;
        if (known)
                api_refuse(call, task.pid);
        return !known;
}

/* What the path takes instead: "GET, HEAD, POST". */
static void wrong_method(struct api_call *call, const char *path, enum api_surface surface)
{
        char methods[METHODS_MAX] = "", error[API_ERROR_MAX];
        uint64_t number;

        for (size_t i = 0; i < ELEMENTSOF(routes); i++) {
                const struct route *rt = &routes[i];
                size_t n = strlen(methods);

                if (rt->surfaces & surface &&
                    request_path_match(rt->path, path, &number, error, sizeof(error)) == 1)
                        snprintf(methods + n, sizeof(methods) - n, "%s%s%s", n ? ", " : "", rt->method,
                                 strcmp(rt->method, "GET") ? "" : ", HEAD");
        }
        api_fail(call, MHD_HTTP_METHOD_NOT_ALLOWED, "method-not-allowed", "",
                 "This address takes only these requests: %s.", methods);
        if (call->response)
                MHD_add_response_header(call->response, MHD_HTTP_HEADER_ALLOW, methods);
}

static bool take_route(struct api_call *call, const struct route *rt, uint64_t number)
{
        call->route = rt;
        call->pid = (uint32_t)number; /* no path has both */
        call->id = number;
        call->wants_body = rt->body;
        if (rt->auth != AUTH_PRIVILEGED || call->peer.privileged)
                return true;
        api_fail(call, MHD_HTTP_FORBIDDEN, "not-permitted",
                 "Ask as root, or as a member of group " PEER_GROUP ".",
                 "Only root and group " PEER_GROUP " may do this; user %u is neither.",
                 (unsigned)call->peer.uid);
        return false;
}

/* Several rows may have the path, for different methods. Answers itself if none is right. */
static bool find_route(struct api_call *call, const char *method, const char *path, enum api_surface surface)
{
        char error[API_ERROR_MAX], shown[PATH_SHOWN];
        bool other = false;
        uint64_t number = 0;

        for (size_t i = 0; i < ELEMENTSOF(routes); i++) {
                const struct route *rt = &routes[i];
                int r = rt->surfaces & surface
                                ? request_path_match(rt->path, path, &number, error, sizeof(error))
                                : 0;

                if (r < 0) {
                        api_fail(call, MHD_HTTP_BAD_REQUEST,
                                 strstr(rt->path, "{pid}") ? "bad-pid" : "bad-claim", "", "%s", error);
                        return false;
                }
                other |= r == 1;
                if (r == 1 &&
                    (!strcmp(rt->method, method) || (!strcmp(method, "HEAD") && !strcmp(rt->method, "GET"))))
                        return take_route(call, rt, number);
        }
        if (other)
                wrong_method(call, path, surface);
        else
                api_fail(call, MHD_HTTP_NOT_FOUND, "no-such-address",
                         "The addresses are listed in ptraced(8).", "There is nothing at %s.",
                         text_escape(path, shown, sizeof(shown)));
        return false;
}

/* Asked again: while the call waited, the pid may have become another's. */
static enum turn_result handle_later(struct api_call *call, void *state _unused_)
{
        if (permitted(call))
                call->route->handle(call);
        return TURN_DONE;
}

static void dispatch_call(struct api_call *call)
{
        if (!read_query(call) || !read_body(call) || !permitted(call))
                return;
        if (turns_ready(call->api->turns, call->route->need))
                call->route->handle(call);
        else
                parking_wait(call, call->route->need, handle_later, NULL, NULL);
}

struct http_routes routes_of(struct api *api)
{
        return (struct http_routes){.find = find_route, .dispatch = dispatch_call, .api = api};
}
