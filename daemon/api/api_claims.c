/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/random.h>

#include "lib/access/access_facts.h"
#include "lib/base/clock.h"
#include "lib/claim/policy.h"
#include "lib/proc/procfs.h"
#include "lib/base/text.h"
#include "daemon/api/answer.h"
#include "daemon/api/handlers.h"
#include "daemon/api/views.h"
#include "daemon/claims/owner.h"
#include "daemon/http/parking.h"

#define TOKEN_BYTES 16 /* random ones of a token we make, told as hex */
#define SHOWN_MAX   128
#define OWNER_SHOWN 256 /* bytes of an owner's path that an error repeats */

/* CLOCK_BOOTTIME as people know it; 0 stays 0. */
static uint64_t boot_to_wall(uint64_t boottime_ns)
{
        return boottime_ns ? clock_wall_ns() - clock_boot_ns() + boottime_ns : 0;
}

/* ---- CLAIM ------------------------------------------------------------------------------------------- */

/* Who traces the target of a claim. */
struct tracing {
        struct session session; /* of it, as far as it is known */
        bool known, admitted;
};

struct claim_session_search {
        uint32_t target, tracer; /* tracer 0: whoever it is, but for ... */
        uint32_t helper;         /* ... this one, of hold */
        struct tracing *found;
};

static int find_claim_session(void *userdata, const struct session *s)
{
        const struct claim_session_search *search = userdata;

        if (s->until_ns || s->target.pid != search->target || s->tracer.pid == search->helper ||
            (search->tracer && s->tracer.pid != search->tracer))
                return 0;
        search->found->session = *s;
        search->found->known = true;
        return 1;
}

/* As the model knows it; with seen as /proc says, of which the model knows more. */
static struct tracing tracing_of(const struct api *api, const struct claim *c,
                                 const struct tracer_seen *seen)
{
        struct tracing t = {};
        struct claim_session_search search = {.target = c->request.target.pid, .found = &t};
        struct hold_view v;

        if (seen) {
                t = (struct tracing){{.tracer = seen->task}, seen->task.pid != 0, seen->admitted};
                search.tracer = seen->task.pid;
                if (!t.known)
                        return t;
        } else if (api->hold && hold_get(api->hold, search.target, &v) == 0)
                search.helper = v.helper.pid;
        model_each_session(pump_model(api->pump), search.target, false, find_claim_session, &search);
        if (!seen)
                t.admitted = t.known && owner_admits(&c->request.owner, &t.session.tracer);
        return t;
}

/* What the owner is, beside its kind and words. */
static struct json_member owner_member(const struct guard_owner *owner, const char *text)
{
        const char *path = strchr(text, '/') ?: "";

        switch ((enum guard_owner_kind)owner->kind) {
        case OWNER_PROCESS:
                return (struct json_member)JSON_INT("pid", owner->process.pid);
        case OWNER_UID:
                return (struct json_member)JSON_INT("uid", owner->uid);
        case OWNER_EXE:
                return (struct json_member)JSON_TEXT("exe", path);
        case OWNER_CGROUP:
                return (struct json_member)JSON_TEXT("cgroup", path);
        default:
                return (struct json_member){};
        }
}

static struct json_object *owner_json(const struct claim_request *r)
{
        static const char *const kinds[] = {
                [OWNER_NOBODY] = "token", [OWNER_PROCESS] = "pid",   [OWNER_EXE] = "exe",
                [OWNER_UID] = "uid",      [OWNER_CGROUP] = "cgroup",
        };
        static_assert(ELEMENTSOF(kinds) == _GUARD_OWNER_MAX, "a name for each kind of owner");
        const struct json_member members[] = {
                JSON_TEXT("kind", r->owner.kind < _GUARD_OWNER_MAX ? kinds[r->owner.kind] : ""),
                JSON_TEXT("text", r->owner_text),
                owner_member(&r->owner, r->owner_text),
        };

        return json_of(members, ELEMENTSOF(members));
}

static struct json_object *user_json(const struct claim_request *r)
{
        const struct json_member members[] = {
                JSON_INT("uid", r->asker.uid),
                JSON_INT("pid", r->asker.process.pid),
        };

        return json_of(members, ELEMENTSOF(members));
}

/* Null if there is no such time. */
static uint64_t left_until(uint64_t end_ns, uint64_t now)
{
        return end_ns ? end_ns - MIN_OF(end_ns, now) : JSON_NO_SPAN;
}

static struct json_object *claim_as_json(const struct api *api, const struct claim *c,
                                         const struct tracing *t, enum arbiter_means means)
{
        const struct claim_request *r = &c->request;
        uint64_t now = clock_boot_ns(), active = t->known ? t->session.last_active_ns : 0;
        const struct json_member members[] = {
                JSON_INT("id", c->id),
                JSON_INT("pid", r->target.pid),
                JSON_INT("start", r->target.start),
                JSON_TEXT("comm", r->target.comm),
                JSON_TEXT("mode", guard_mode_to_string(r->mode)),
                JSON_VALUE("owner", owner_json(r)),
                JSON_BOOL("token", r->token[0]),
                JSON_TIME("made", boot_to_wall(c->made_ns)),
                JSON_VALUE("made_by", user_json(r)),
                JSON_TIME("lease_ends", boot_to_wall(c->end_ns)),
                JSON_SECONDS("lease_left_s", left_until(c->end_ns, now)),
                JSON_VALUE("owner_alive", r->owner.kind == OWNER_PROCESS
                                                  ? json_object_new_boolean(!c->grace_until_ns)
                                                  : NULL),
                JSON_BOOL("attached", t->known && t->admitted),
                JSON_VALUE("tracer", t->known ? api_tracer_json(api, &t->session.tracer) : NULL),
                JSON_SECONDS("idle_s", active ? now - MIN_OF(active, now) : JSON_NO_SPAN),
                JSON_SECONDS("grace_left_s", left_until(c->grace_until_ns, now)),
                JSON_INT("waiters", c->n_waiters),
                JSON_BOOL("reserved", c->reserved),
                JSON_TEXT("means", arbiter_means_to_string(means)),
        };

        return json_of(members, ELEMENTSOF(members));
}

static struct tracing exact_tracing(const struct api *api, const struct claim *c)
{
        struct tracer_seen seen =
                tracers_look(arbiter_tracers(api->arbiter), &c->request.target, &c->request.owner);

        return tracing_of(api, c, &seen);
}

struct json_object *api_claim_json(const struct api *api, const struct claim *c, bool exact)
{
        struct tracing t;

        if (!c)
                return NULL;
        t = exact ? exact_tracing(api, c) : tracing_of(api, c, NULL);
        return claim_as_json(api, c, &t, arbiter_means(api->arbiter));
}

/* ---- GET --------------------------------------------------------------------------------------------- */

struct claim_listing {
        struct api_call *call;
        struct json_object *list;
};

static bool may_see(const struct claim_listing *l, const struct claim_request *r)
{
        const struct api_call *call = l->call;

        if (call->args.pid && call->args.pid != r->target.pid)
                return false;
        return call->peer.privileged || r->asker.uid == call->peer.uid ||
               peer_owns(&call->peer, pump_model(call->api->pump), &r->target);
}

static int list_claim(void *userdata, const struct claim *c)
{
        struct claim_listing *l = userdata;

        if (may_see(l, &c->request))
                json_object_array_add(l->list, api_claim_json(l->call->api, c, l->call->args.pid != 0));
        return 0;
}

static struct json_object *waiter_json(const struct claim_waiter *w)
{
        const struct claim_request *r = w->request;
        const struct json_member members[] = {
                JSON_INT("pid", r->target.pid),    JSON_TEXT("comm", r->target.comm),
                JSON_TEXT("owner", r->owner_text), JSON_VALUE("asked_by", user_json(r)),
                JSON_INT("position", w->position), JSON_TIME("since", boot_to_wall(w->since_ns)),
        };

        return json_of(members, ELEMENTSOF(members));
}

static int list_waiter(void *userdata, const struct claim_waiter *w)
{
        struct claim_listing *l = userdata;

        if (may_see(l, w->request))
                json_object_array_add(l->list, waiter_json(w));
        return 0;
}

void api_claims(struct api_call *call)
{
        const struct claim_book *book = arbiter_book(call->api->arbiter);
        struct claim_listing claims = {call, json_object_new_array()},
                             waiting = {call, json_object_new_array()};
        struct json_object *o = json_new("ptraced.claims/1");

        claim_each(book, list_claim, &claims);
        claim_each_waiter(book, list_waiter, &waiting);
        json_add_text(o, "means", arbiter_means_to_string(arbiter_means(call->api->arbiter)));
        json_object_object_add(o, "claims", claims.list);
        json_object_object_add(o, "waiting", waiting.list);
        api_answer(call, o);
}

/* ---- what an owner is -------------------------------------------------------------------------------- */

static const struct {
        int error;
        unsigned status;
        const char *code, *sentence, *hint;
} path_failures[] = {
        {-EAGAIN, MHD_HTTP_SERVICE_UNAVAILABLE, "try-again",
         "it is not in the kernel's memory, not there, or closed to you, and nothing waits for a file system here",
         "Look at the file (stat PATH), and ask again at once; on an overlay file system name it without "
         "symbolic links (readlink -f PATH); or name the owner by --owner-pid or --owner-uid."},
        {-EOPNOTSUPP, MHD_HTTP_NOT_IMPLEMENTED, "no-look-up",
         "that is not possible here: for an executable it takes Linux 5.12, for a cgroup version 2, and "
         "CAP_SETUID and CAP_SETGID for ptraced",
         "Name the owner by --owner-pid or --owner-uid."},
};

static void owner_failed(struct api_call *call, const struct owner_wish *wish, int error)
{
        unsigned status = MHD_HTTP_BAD_REQUEST;
        const char *code = "bad-owner", *sentence = strerror(-error),
                   *hint = "An executable is an absolute path as you see it; a cgroup is the path in "
                           "/proc/PID/cgroup.";
        char shown[OWNER_SHOWN];

        if (!wish->path) {
                api_fail(call, MHD_HTTP_NOT_FOUND, "no-such-process", "",
                         "There is no process %u that could be the owner.", wish->number);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(path_failures); i++)
                if (path_failures[i].error == error) {
                        status = path_failures[i].status;
                        code = path_failures[i].code;
                        sentence = path_failures[i].sentence;
                        hint = path_failures[i].hint;
                }
        api_fail(call, status, code, hint, "The owner %s cannot be found: %s.",
                 text_escape(wish->path, shown, sizeof(shown)), sentence);
}

/* A path is looked up as the asking process would. */
static int find_by_path(struct api_call *call, struct owner_wish *wish, struct guard_owner *ret,
                        char text[CLAIM_OWNER_TEXT_MAX])
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct lookup_rights rights = {
                .process = call->peer.process,
                .uid = call->peer.uid,
                .gid = call->peer.gid,
        };
        _cleanup_free_ gid_t *groups = NULL;
        int r = info ? peer_groups(info->connect_fd, &groups, &rights.n_groups) : -EBADF;

        if (r < 0)
                return r;
        rights.groups = groups;
        wish->rights = &rights;
        r = owner_find(wish, ret, text);
        wish->rights = NULL;
        return r;
}

/* The asking process is to be the owner, or a path is looked up as it would. */
static bool owner_is_of_caller(const struct request_body *b)
{
        return b->owner.kind == BODY_OWNER_NONE || *b->owner.path;
}

/* Of the body, else the asking process; caller: it, if that matters. */
static bool read_owner(struct api_call *call, const struct proc_status *caller, struct guard_owner *ret,
                       char text[CLAIM_OWNER_TEXT_MAX])
{
        static const enum guard_owner_kind kinds[] = {
                [BODY_OWNER_PID] = OWNER_PROCESS,  [BODY_OWNER_EXE] = OWNER_EXE,
                [BODY_OWNER_UID] = OWNER_UID,      [BODY_OWNER_CGROUP] = OWNER_CGROUP,
                [BODY_OWNER_TOKEN] = OWNER_NOBODY,
        };
        const struct request_body *b = call->body;
        struct owner_wish wish = {.kind = kinds[b->owner.kind], .number = b->owner.number};
        int r;

        if (b->owner.kind == BODY_OWNER_NONE) {
                owner_be_process(&caller->task, ret, text);
                return true;
        }
        if (*b->owner.path)
                wish.path = b->owner.path;
        r = wish.path ? find_by_path(call, &wish, ret, text) : owner_find(&wish, ret, text);
        if (r < 0)
                owner_failed(call, &wish, r);
        return r == 0;
}

static int make_token(char token[GUARD_TOKEN_MAX])
{
        unsigned char random[TOKEN_BYTES];

        if (getrandom(random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
                return -EAGAIN;
        for (size_t i = 0; i < sizeof(random); i++)
                sprintf(token + 2 * i, "%02x", random[i]);
        return 0;
}

/* A claim for whoever shows its token has one: without, nobody could ever show it. */
static bool read_token(struct api_call *call, char token[GUARD_TOKEN_MAX])
{
        const struct request_body *b = call->body;

        memcpy(token, b->token, GUARD_TOKEN_MAX);
        if (b->owner.kind != BODY_OWNER_TOKEN || token[0] || make_token(token) == 0)
                return true;
        api_fail(call, MHD_HTTP_SERVICE_UNAVAILABLE, "no-token", "Try again, or bring a token of your own.",
                 "No token can be made: the kernel has no random numbers now.");
        return false;
}

struct claimant api_claimant(const struct api_call *call, const char *token)
{
        return (struct claimant){
                .process = call->peer.process,
                .uid = call->peer.uid,
                .privileged = call->peer.privileged,
                .token = token,
        };
}

/* ---- POST -------------------------------------------------------------------------------------------- */

/* Nobody can detach another's tracer: what would happen if it were killed is said before. */
static void say_risk(const struct tracing *t, char risk[API_ERROR_MAX])
{
        uint64_t options = t->session.options | options_of_ptrace(t->session.ptrace);
        const char *follows =
                "If it is killed, breakpoints that it set stay in the program, and the next one "
                "that is reached kills it; it may also have set EXITKILL, which kills at once.";
        char comm[SHOWN_MAX];

        if (options & PTRACE_O_EXITKILL)
                follows = "It has set EXITKILL: if it is killed, the process is killed with it.";
        else if (access_holder_is_unaware(&t->session, clock_boot_ns()))
                follows =
                        "It does not know that it does, for the process asked for it (PTRACE_TRACEME): it lets "
                        "go when it ends, and not before.";
        snprintf(risk, API_ERROR_MAX,
                 "pid %u (%s) traces the process until it leaves by itself: nobody can detach it from "
                 "outside. %s",
                 t->session.tracer.pid, text_escape(t->session.tracer.comm, comm, sizeof(comm)), follows);
}

/* The token is told to its maker, once: whoever may renew a claim or enter by it may not therefore release
 * it. */
static struct json_object *claim_answer(const struct api *api, const struct claim *c,
                                        const struct tracing *t, bool to_maker)
{
        enum arbiter_means means = arbiter_means(api->arbiter);
        bool tells_token = to_maker && c->request.token[0],
             is_risky = to_maker && c->request.take && t->known && !t->admitted;
        char risk[API_ERROR_MAX] = "";
        const struct json_member members[] = {
                JSON_TEXT("schema", "ptraced.claim/1"),
                JSON_VALUE("claim", claim_as_json(api, c, t, means)),
                JSON_TEXT(means == MEANS_HOLD ? "note" : NULL,
                          "Kept by hold: ptraced occupies the process, and lets go for the moment in which "
                          "the owner attaches."),
                JSON_TEXT(tells_token ? "token" : NULL, c->request.token),
                JSON_TEXT(is_risky ? "risk" : NULL, risk),
        };

        if (is_risky)
                say_risk(t, risk);
        return json_of(members, ELEMENTSOF(members));
}

static void claim_refused(struct api_call *call, const struct refusal_text *why)
{
        api_fail(call, why->status, why->code, why->hint, "%s", why->sentence);
}

static void answer_claim(struct api_call *call, const struct claim_answer *answer)
{
        const struct claim *c = answer->claim;
        struct tracing t;

        if (!c) {
                claim_refused(call, &answer->why);
                return;
        }
        t = answer->looked ? tracing_of(call->api, c, &answer->tracer) : exact_tracing(call->api, c);
        api_answer_status(call, MHD_HTTP_CREATED, claim_answer(call->api, c, &t, true));
}

/* Its turn has come, or never will. */
static void on_claim(void *userdata, const struct claim_answer *answer)
{
        struct api_call *call = userdata;

        answer_claim(call, answer);
        parking_go_on(call->parking);
}

static void stop_waiting(struct api_call *call, uint64_t ticket)
{
        arbiter_cancel(call->api->arbiter, ticket);
}

static void cannot_wait(struct api_call *call, int error)
{
        api_fail(call, MHD_HTTP_SERVICE_UNAVAILABLE, "cannot-wait", "Try again in a moment.",
                 "Nobody more can wait now: %s.", strerror(-error));
}

static void request_claim(struct api_call *call, const struct claim_request *r)
{
        struct claim_answer answer;
        uint64_t ticket = arbiter_claim(call->api->arbiter, r, &answer, on_claim, call);
        int e;

        if (!ticket) {
                answer_claim(call, &answer);
                return;
        }
        e = parking_begin(call, stop_waiting, ticket);
        if (e == 0)
                return;
        arbiter_cancel(call->api->arbiter, ticket);
        cannot_wait(call, e);
}

/* Ourselves traced would answer nobody any more. */
static bool can_be_traced(struct api_call *call, const struct proc_status *target)
{
        if (target->task.pid == (uint32_t)getpid())
                api_fail(call, MHD_HTTP_BAD_REQUEST, "is-ptraced", "",
                         "Process %u is ptraced itself, which keeps no claim on itself.", target->task.pid);
        else if (target->kthread)
                api_fail(call, MHD_HTTP_BAD_REQUEST, "kernel-thread", "",
                         "%u is a thread of the kernel, which nobody can trace.", target->task.pid);
        else
                return true;
        return false;
}

/* Where claims are kept by hold ptraced traces the process, on the asker's behalf, so the asker must be one who
 * may. The kernel's guard only keeps others out. */
static bool is_held_for_caller(const struct api_call *call)
{
        return arbiter_means(call->api->arbiter) == MEANS_HOLD && call->body->mode != GUARD_AUDIT &&
               !call->peer.privileged;
}

void api_claim_make(struct api_call *call)
{
        const struct request_body *b = call->body;
        struct claim_request r = {
                .asker = api_claimant(call, NULL),
                .lease_ns = b->lease_s * NSEC_PER_SEC,
                .mode = b->mode,
                .wait = b->wait,
                .take = b->take,
        };
        bool is_held = is_held_for_caller(call);
        struct proc_status target, caller;

        if (!api_live_target(call, b->pid, &target) || !can_be_traced(call, &target))
                return;
        if ((is_held || owner_is_of_caller(b)) && !api_caller(call, &caller))
                return;
        if (is_held && !api_may_trace_as(call, &caller, &target, "claim"))
                return;
        if (!read_owner(call, &caller, &r.owner, r.owner_text) || !read_token(call, r.token))
                return;
        r.target = target.task;
        request_claim(call, &r);
}

/* ---- one claim --------------------------------------------------------------------------------------- */

/* Whom it is not told about does not learn that it is there. */
static const struct claim *get_claim(struct api_call *call)
{
        const struct claim *c = claim_by_id(arbiter_book(call->api->arbiter), call->id);

        if (!c)
                api_fail(call, MHD_HTTP_NOT_FOUND, "no-such-claim",
                         "`ptracectl claims` shows those there are.",
                         "There is no claim %" PRIu64 ": it ended, or never was.", call->id);
        return c;
}

static void answer_changed(struct api_call *call, const struct claim *c)
{
        struct tracing t = exact_tracing(call->api, c);

        api_answer(call, claim_answer(call->api, c, &t, false));
}

static void change_refused(struct api_call *call, const char *what, const struct claimant *by,
                           const struct claim_outcome *o)
{
        struct refusal_text why;

        refusal_of_change(o, what, call->id, by, &why);
        claim_refused(call, &why);
}

/* A new owner: named, or with a token whoever shows it, if the former one is gone. */
static bool wants_owner(const struct request_body *b, const struct claim *c)
{
        return b->owner.kind != BODY_OWNER_NONE ||
               (b->token[0] && (c->grace_until_ns || c->request.owner.kind == OWNER_NOBODY));
}

void api_claim_renew(struct api_call *call)
{
        const struct request_body *b = call->body;
        const struct claim *c = get_claim(call);
        struct claimant by = api_claimant(call, b->token);
        char text[CLAIM_OWNER_TEXT_MAX] = "";
        struct claim_renewal to = {.owner_text = text};
        struct claim_outcome o = {};
        struct proc_status caller;
        struct guard_owner owner;

        if (!c)
                return;
        o.refusal = claim_check_right(c, &by);
        if (o.refusal) {
                change_refused(call, "renew", &by, &o);
                return;
        }
        if (b->owner.kind == BODY_OWNER_TOKEN && !c->request.token[0]) {
                api_fail(call, MHD_HTTP_BAD_REQUEST, "no-token", "Release it, and claim with a token.",
                         "Claim %" PRIu64 " has no token that anybody could show.", call->id);
                return;
        }
        if (wants_owner(b, c)) {
                if (owner_is_of_caller(b) && !api_caller(call, &caller))
                        return;
                if (!read_owner(call, &caller, &owner, text))
                        return;
                to.owner = &owner;
        }
        to.lease_ns = b->given & BODY_LEASE ? b->lease_s * NSEC_PER_SEC : c->request.lease_ns;
        o = arbiter_renew(call->api->arbiter, call->id, &to, &by);
        if (o.refusal)
                change_refused(call, "renew", &by, &o);
        else
                answer_changed(call, o.claim);
}

static void on_entered(void *userdata, int error, const struct task_ref *holder _unused_)
{
        struct api_call *call = userdata;
        const struct claim *c = get_claim(call);
        struct claimant by = api_claimant(call, NULL);
        struct claim_outcome o = {.refusal = claim_refusal_of_errno(error), .error = error};

        if (c && error < 0 && error != -ESRCH) /* not held any more: nobody is in the way */
                change_refused(call, "enter", &by, &o);
        else if (c)
                answer_changed(call, c);
        parking_go_on(call->parking);
}

static void stop_entering(struct api_call *call, uint64_t ticket _unused_)
{
        hold_cancel(call->api->hold, on_entered, call);
}

void api_claim_enter(struct api_call *call)
{
        const struct claim *c = get_claim(call);
        struct claimant by = api_claimant(call, call->body->token);
        struct proc_status caller;
        struct claim_outcome o;
        int e;

        if (!c)
                return;
        /* Who may by uid or token may, whichever process it is; an owner is let in as itself. */
        if (claim_check_right(c, &by) == REFUSED_NOT_PERMITTED && !api_caller(call, &caller))
                return;
        o = arbiter_enter(call->api->arbiter, call->id, &by, on_entered, call);
        if (o.refusal) {
                change_refused(call, "enter", &by, &o);
                return;
        }
        if (o.claim) {
                answer_changed(call, o.claim);
                return;
        }
        e = parking_begin(call, stop_entering, 0);
        if (e < 0) {
                stop_entering(call, 0);
                cannot_wait(call, e);
        }
}

/* The answer to a release, until hold has let go. */
struct late_release {
        struct api_call *call;
        struct json_object *answer;
};

static void on_settled(void *userdata, int error _unused_, const struct task_ref *holder _unused_)
{
        struct late_release *l = userdata;
        struct api_call *call = l->call;

        api_answer(call, l->answer);
        free(l);
        parking_go_on(call->parking);
}

static void stop_settling(struct api_call *call, uint64_t ticket)
{
        struct late_release *l = (struct late_release *)(uintptr_t)ticket;

        hold_cancel(call->api->hold, on_settled, l);
        json_object_put(l->answer);
        free(l);
}

/* Who hears that it is released may attach. */
static void answer_when_let_go(struct api_call *call, const struct task_ref *target, struct json_object *o)
{
        struct late_release *l = call->api->hold ? calloc(1, sizeof(*l)) : NULL;

        if (!l || parking_begin(call, stop_settling, (uintptr_t)l) < 0) {
                free(l);
                api_answer(call, o);
                return;
        }
        *l = (struct late_release){call, o};
        if (hold_settle(call->api->hold, target, on_settled, l) < 0)
                on_settled(l, 0, NULL);
}

void api_claim_release(struct api_call *call)
{
        struct claimant by = api_claimant(call, call->args.token);
        struct claim_outcome done = {};
        struct json_object *o, *claim;
        const struct claim *c;
        struct task_ref target;

        c = get_claim(call);
        if (!c)
                return;
        target = c->request.target;
        claim = api_claim_json(call->api, c, false);
        done.refusal = arbiter_release(call->api->arbiter, call->id, &by);
        if (done.refusal) {
                json_object_put(claim);
                change_refused(call, "release", &by, &done);
                return;
        }
        o = json_new("ptraced.released/1");
        json_object_object_add(o, "claim", claim);
        answer_when_let_go(call, &target, o);
}
