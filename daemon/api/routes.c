/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/answer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/diagnosis/access.h"
#include "lib/proc/procfs.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "daemon/claims/attach_facts.h"
#include "daemon/http/parking.h"

#define JSON_TEXT_MAX 2048 /* bytes of one string, after invalid UTF-8 was replaced */
#define PATH_SHOWN    128  /* bytes of a wrong path that the error repeats */
#define METHODS_MAX   64   /* bytes of their list */

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
        {"GET", "/v1/processes/{pid}/why", AUTH_ANYBODY, SURFACE_SOCKET, 0, NEED_STORE, api_why, 0, 0},
        {"GET", "/v1/diagnosis", AUTH_OWNER, SURFACE_SOCKET, ARG_PID | ARG_SINCE, NEED_STORE, api_diagnosis,
         0, 0},
        {"GET", "/v1/events", AUTH_OWNER, SURFACE_SOCKET,
         ARG_PID | ARG_SINCE | ARG_UNTIL | ARG_TYPE | ARG_AFTER | ARG_FOLLOW, NEED_STORE, api_events, 0, 0},
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

/* ---- answers ------------------------------------------------------------------------------------- */

static void set_response(struct api_call *call, unsigned status, struct MHD_Response *response,
                         const char *content_type)
{
        if (call->response)
                MHD_destroy_response(call->response);
        call->response = response;
        call->status = status;
        if (!response)
                return;
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

static void answer_text(struct api_call *call, unsigned status, const char *content_type, char *text)
{
        struct MHD_Response *response =
                text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;

        if (!response)
                free(text);
        set_response(call, status, response, content_type);
}

static void answer_json(struct api_call *call, unsigned status, struct json_object *o)
{
        const char *s =
                json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        char *text = NULL;

        if (s && asprintf(&text, "%s\n", s) < 0)
                text = NULL;
        json_object_put(o);
        answer_text(call, status, "application/json", text);
}

void api_answer_text(struct api_call *call, const char *content_type, char *text)
{
        answer_text(call, MHD_HTTP_OK, content_type, text);
}

void api_answer(struct api_call *call, struct json_object *o)
{
        api_answer_status(call, MHD_HTTP_OK, o);
}

void api_answer_status(struct api_call *call, unsigned status, struct json_object *o)
{
        if (o)
                answer_json(call, status, o);
        else
                api_fail(call, MHD_HTTP_INTERNAL_SERVER_ERROR, "no-memory", "",
                         "There was not enough memory for the answer.");
}

void api_fail(struct api_call *call, unsigned status, const char *code, const char *hint, const char *format,
              ...)
{
        struct json_object *o = json_new("ptraced.error/1"), *error = json_object_new_object();
        char message[API_ERROR_MAX];
        va_list ap;

        va_start(ap, format);
        vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        json_add_text(error, "code", code);
        json_add_text(error, "message", message);
        json_add_text(error, "hint", hint);
        json_object_object_add(o, "error", error);
        answer_json(call, status, o);
}

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

static bool read_args(struct api_call *call)
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

static void refuse(struct api_call *call, uint32_t pid)
{
        api_fail(call, MHD_HTTP_FORBIDDEN, "not-permitted",
                 "Ask as root, or as a member of group " PEER_GROUP ".",
                 "Process %u does not run as user %u, who asks: it is a matter of its own user, root and "
                 "group " PEER_GROUP " only.",
                 pid, (unsigned)call->peer.uid);
}

bool api_target(struct api_call *call, uint32_t pid, struct task_ref *ret)
{
        struct task_ref task = {.pid = pid};

        if (procfs_task(pid, ret) < 0)
                api_fail(call, MHD_HTTP_NOT_FOUND, "no-such-process",
                         "Inside a container pids differ: use the pid that ps shows on the host.",
                         "There is no process %u.", pid);
        else if (ret->pid != pid)
                api_fail(call, MHD_HTTP_NOT_FOUND, "is-a-thread", "Name the process.",
                         "%u is a thread of process %u.", pid, ret->pid);
        else if (!call->peer.privileged && !peer_owns(&call->peer, pump_model(call->api->pump), &task))
                refuse(call, pid);
        else {
                ret->tid = 0;
                ret->tid_start = 0;
                return true;
        }
        return false;
}

struct task_ref api_asker(const struct api_call *call)
{
        return call->peer.process;
}

bool api_caller(struct api_call *call, struct proc_status *ret)
{
        int r = peer_process(&call->peer, ret);

        if (r == -ENXIO)
                api_fail(call, MHD_HTTP_BAD_REQUEST, "no-caller", "Name an owner, or ask from this machine.",
                         "The process that asks cannot be seen from here, so nothing can be done or said in "
                         "its name.");
        else if (r == -ESRCH)
                api_fail(call, MHD_HTTP_FORBIDDEN, "no-caller",
                         "Ask over a connection that this process opens itself.",
                         "Process %u, which opened this connection, has ended: nobody else can act in its "
                         "name.",
                         call->peer.process.pid);
        else if (r < 0)
                api_fail(call, MHD_HTTP_FORBIDDEN, "no-caller",
                         "Ask over a connection that this process opens now.",
                         "Process %u, which opened this connection as user %u, runs as another user now.",
                         call->peer.process.pid, (unsigned)call->peer.uid);
        return r == 0;
}

bool api_may_trace(struct api_call *call, const struct task_ref *target, const char *what)
{
        char why[ACCESS_TEXT_MAX] = "";
        struct proc_status caller, st;
        struct access_facts facts;

        if (call->peer.privileged)
                return true;
        if (!api_caller(call, &caller))
                return false;
        if (procfs_status(target->pid, 0, &st) < 0 || st.task.start != target->start) {
                api_fail(call, MHD_HTTP_NOT_FOUND, "no-such-process", "", "There is no process %u any more.",
                         target->pid);
                return false;
        }
        attach_facts(&caller, &st, &facts);
        if (access_rights(&facts, why) == ACCESS_NONE)
                return true;
        api_fail(call, MHD_HTTP_FORBIDDEN, "not-permitted", "Ask as root.",
                 "User %u may not %s process %u, which the kernel would not let them trace: %s.",
                 (unsigned)call->peer.uid, what, target->pid, why);
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
                refuse(call, task.pid);
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
bool api_find(struct api_call *call, const char *method, const char *path, enum api_surface surface)
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

void api_dispatch(struct api_call *call)
{
        if (!read_args(call) || !read_body(call) || !permitted(call))
                return;
        if (turns_ready(call->api->turns, call->route->need))
                call->route->handle(call);
        else
                parking_wait(call, call->route->need, handle_later, NULL, NULL);
}

/* ---- shared by handlers -------------------------------------------------------------------------- */

struct json_object *json_new(const char *schema)
{
        struct json_object *o = json_object_new_object();

        json_object_object_add(o, "schema", json_object_new_string(schema));
        return o;
}

void json_add_text(struct json_object *o, const char *key, const char *s)
{
        char buf[JSON_TEXT_MAX];

        json_object_object_add(o, key, json_object_new_string(text_utf8(s, buf, sizeof(buf))));
}

void json_add_time(struct json_object *o, const char *key, uint64_t wall_ns)
{
        char buf[TIME_STRING_MAX];

        json_object_object_add(o, key,
                               wall_ns ? json_object_new_string(time_to_string(wall_ns, buf)) : NULL);
}

void json_add_seconds(struct json_object *o, const char *key, uint64_t ns)
{
        double seconds = (double)ns / NSEC_PER_SEC;
        char text[32];

        /* As text, too: the writer alone would print all the digits a double has. */
        snprintf(text, sizeof(text), "%.3f", seconds);
        json_object_object_add(o, key, json_object_new_double_s(seconds, text));
}

void json_add_int(struct json_object *o, const char *key, int64_t n)
{
        json_object_object_add(o, key, json_object_new_int64(n));
}

struct json_object *api_losses_json(const struct api *api)
{
        struct json_object *o = json_object_new_object();
        uint64_t losses[_LOST_MAX], total = 0;

        pump_losses(api->pump, losses);
        for (int i = 0; i < _LOST_MAX; i++) {
                json_add_int(o, loss_cause_to_string(i), (int64_t)losses[i]);
                total += losses[i];
        }
        json_add_int(o, "total", (int64_t)total);
        return o;
}

/* ---- the two small ones -------------------------------------------------------------------------- */

void api_healthz(struct api_call *call)
{
        api_answer_text(call, "text/plain", strdup("ok\n"));
}

void api_readyz(struct api_call *call)
{
        if (call->api->ready)
                api_answer_text(call, "text/plain", strdup("ready\n"));
        else
                api_fail(call, MHD_HTTP_SERVICE_UNAVAILABLE, "not-ready", "Try again in a moment.",
                         "The daemon is starting or stopping.");
}
