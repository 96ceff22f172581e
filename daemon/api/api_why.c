/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/answer.h"
#include "daemon/api/handlers.h"
#include "daemon/api/views.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>

#include "bpf/records.h"
#include "lib/base/clock.h"
#include "lib/access/access.h"
#include "lib/base/json_text.h"
#include "lib/proc/procfs.h"
#include "lib/base/text.h"
#include "daemon/claims/arbiter.h"
#include "daemon/claims/attach_facts.h"
#include "daemon/claims/opinion.h"
#include "daemon/hold/hold.h"
#include "daemon/http/parking.h"

#define REFUSALS_MAX   10
#define REFUSALS_READ  20000 /* rows of one window that are looked at, at most */
#define REFUSALS_STEPS 64    /* searches of the store that may find nothing: about a million rows */

/* ---- facts --------------------------------------------------------------------------------------- */

static int note_holder(void *userdata, const struct session *s)
{
        struct access_facts *f = userdata;

        if (s->until_ns || s->target.tid != f->target.tid || s->tracer.pid != f->holder.pid)
                return 0;
        f->holder = s->tracer;
        access_holder(f, s, clock_boot_ns());
        return 1;
}

/* By the name that its process has now: a thread has one of its own, and a session that of its beginning. */
static void name_holder(struct access_facts *f)
{
        struct proc_stat st;

        if (procfs_stat(f->holder.pid, 0, &st) == 0)
                memcpy(f->holder.comm, st.comm, sizeof(f->holder.comm));
}

/* Only the client knows, by trying. It can deceive nobody but itself. */
static void note_filter(const struct api_call *call, struct access_facts *f)
{
        if (!(call->args.given & ARG_SECCOMP) || !(f->facts & ATT_F_CALLER_FILTER))
                return;
        f->filter.passes = call->args.seccomp ? ANSWER_NO : ANSWER_YES;
        f->filter.error = call->args.seccomp > 0 ? call->args.seccomp : 0;
}

static void gather_why_facts(const struct api_call *call, const struct proc_status *caller,
                             struct access_facts *ret)
{
        struct proc_status target, holder;

        if (procfs_status(call->pid, call->pid, &target) < 0 && procfs_status(call->pid, 0, &target) < 0) {
                attach_facts(caller, NULL, ret);
                ret->vpid = call->pid;
                ret->target.pid = call->pid;
                note_filter(call, ret);
                return;
        }
        attach_facts(caller, &target, ret);
        ret->vpid = call->pid;
        note_filter(call, ret);
        if (target.tracer_tid && procfs_status(target.tracer_tid, 0, &holder) == 0) {
                ret->holder = holder.task;
                ret->holder_uid = holder.euid;
                ret->holder_uid_known = true;
                access_holder(ret, NULL, 0); /* unless the model knows more */
                model_each_session(pump_model(call->api->pump), target.task.pid, false, note_holder, ret);
                name_holder(ret);
        }
}

/* ---- the guard ------------------------------------------------------------------------------------ */

static int note_any_holder(void *userdata, const struct session *s)
{
        struct access_facts *f = userdata;

        if (s->until_ns || s->target.pid != f->target.pid || s->tracer.pid == f->caller.pid)
                return 0;
        f->holder = s->tracer;
        access_holder(f, s, clock_boot_ns());
        return 1;
}

static void note_rule(const struct arbiter *a, size_t rule, struct access_guard *g)
{
        const char *error;
        uint64_t since;
        const struct policy *p = rulebook_policy(arbiter_rules(a), &since, &error);

        if (!p || rule == 0 || rule > p->n)
                return;
        snprintf(g->rule, sizeof(g->rule), "%s", p->rules[rule - 1].name);
        snprintf(g->rule_place, sizeof(g->rule_place), "%.180s:%u", p->rules[rule - 1].file,
                 p->rules[rule - 1].line);
}

static void note_claim(const struct claim *c, struct access_guard *g)
{
        uint64_t now = clock_boot_ns();

        if (!c)
                return;
        g->claim = c->id;
        snprintf(g->owner, sizeof(g->owner), "%s", c->request.owner_text);
        if (c->end_ns > now)
                g->lease_left_ns = c->end_ns - now;
}

/*
 * A hold helper in the target's slot is ptraced, no debugger; the kernel then answers, with EPERM. Also
 * where claims are kept by hold and the helper is about to take hold again.
 */
static void note_hold(const struct api_call *call, const struct arbiter_opinion *o, struct access_facts *f)
{
        struct access_guard *g = &f->guard;
        struct hold_view held;

        if (!call->api->hold || hold_get(call->api->hold, f->target.pid, &held) < 0)
                return;
        if (held.target.start && f->target.start && held.target.start != f->target.start)
                return;
        g->by_hold = f->holder.pid ? f->holder.pid == held.helper.pid : held.state != HOLD_GONE;
        if (!g->by_hold)
                return;
        g->audit = false;
        g->admits = o->claim && o->facts.claim == FACT_CLAIM_OURS;
        g->reason = o->claim && !g->admits ? GUARD_CLAIMED : GUARD_HELD;
        g->source = o->claim ? SOURCE_CLAIM : SOURCE_NONE;
        g->caught = held.state == HOLD_CAUGHT;
}

static void ask_about_claims(const struct api_call *call, struct access_facts *f, struct arbiter_opinion *o)
{
        struct access_guard *g = &f->guard;

        *o = (struct arbiter_opinion){};
        if (!call->api->arbiter || !f->target.pid || f->target_gone)
                return;
        opinion_of(call->api->arbiter, &f->caller, &f->target, o);
        g->reason = o->verdict.reason;
        g->source = o->verdict.source;
        g->audit = o->verdict.audit;
        g->by_kernel = arbiter_means(call->api->arbiter) == MEANS_KERNEL;
        note_claim(o->claim, g);
        note_rule(call->api->arbiter, o->rule, g);
        note_hold(call, o, f);
        if (g->reason == GUARD_HELD && !f->holder.pid)
                model_each_session(pump_model(call->api->pump), f->target.pid, false, note_any_holder, f);
}

/* ---- former refusals ----------------------------------------------------------------------------- */

/* Recent ones first: rows come oldest first, and a debugger may have been refused a million times. */
static const uint64_t windows_s[] = {60, 3600, 0};

/* The answer but for the refusals, which are looked for piece by piece. */
struct why {
        struct json_object *answer;
        uint32_t pid;    /* of the process, also where a thread of it was asked about */
        uint64_t now_ns; /* of all windows */
        size_t window;
        struct store_cursor *cursor;     /* in the window; NULL: at its beginning */
        unsigned rows, fruitless;        /* of the window, so far */
        struct event ring[REFUSALS_MAX]; /* the last of them that the peer may see */
        size_t n;
};

static void why_free(void *state)
{
        struct why *w = state;

        json_object_put(w->answer);
        store_cursor_free(w->cursor);
        free(w);
}

static int open_window(const struct api_call *call, struct why *w)
{
        const uint64_t window_ns = windows_s[w->window] * NSEC_PER_SEC;
        const struct event_filter filter = {
                .pid = w->pid,
                .since_wall_ns = window_ns ? w->now_ns - window_ns : 0,
                .types = EVENT_BIT(EV_PTRACE_REFUSED),
        };

        w->rows = w->fruitless = 0;
        w->n = 0;
        return store_query(call->api->store, &filter, &w->cursor);
}

/* The next row of the window; false at its end. */
static bool read_row(const struct api_call *call, struct why *w)
{
        struct event e;
        int r;

        if (w->rows++ >= REFUSALS_READ || w->fruitless >= REFUSALS_STEPS)
                return false;
        r = store_cursor_step(w->cursor, &e);
        if (r == 0 || (r < 0 && r != -EAGAIN))
                return false;
        w->fruitless += r == -EAGAIN;
        if (r == 1 && e.target.pid == w->pid &&
            peer_sees_event(&call->peer, pump_model(call->api->pump), &call->http->owners, &e))
                w->ring[w->n++ % REFUSALS_MAX] = e;
        return true;
}

static struct json_object *refusals_json(const struct why *w)
{
        struct json_object *list = json_object_new_array();

        for (size_t i = w->n > REFUSALS_MAX ? w->n - REFUSALS_MAX : 0; i < w->n; i++) {
                struct json_object *o = NULL;

                if (event_to_json(&w->ring[i % REFUSALS_MAX], &o) == 0)
                        json_object_array_add(list, o);
        }
        return list;
}

static enum turn_result look_for_refusals(struct api_call *call, void *state)
{
        const uint64_t until_ns = clock_mono_ns() + TURNS_PIECE_NS;
        struct why *w = state;

        while (w->window < ELEMENTSOF(windows_s)) {
                if (clock_mono_ns() >= until_ns)
                        return TURN_AGAIN;
                if (!w->cursor && open_window(call, w) < 0)
                        break;
                if (read_row(call, w))
                        continue;
                w->cursor = store_cursor_free(w->cursor);
                w->window = w->n < REFUSALS_MAX ? w->window + 1 : ELEMENTSOF(windows_s);
        }
        json_object_object_add(w->answer, "refusals", refusals_json(w));
        api_answer(call, TAKE_PTR(w->answer));
        return TURN_DONE;
}

/* ---- the answer ---------------------------------------------------------------------------------- */

struct others {
        const struct access_facts *facts;
        struct json_object *list;
};

/* The verdict is about one thread, as the kernel's is. Debuggers want all of them. */
static int tell_other_thread(void *userdata, const struct session *s)
{
        struct others *o = userdata;
        char sentence[ACCESS_SENTENCE_MAX];

        if (s->until_ns || s->target.pid != o->facts->target.pid || s->target.tid == o->facts->target.tid)
                return 0;
        snprintf(sentence, sizeof(sentence),
                 "Its thread %u is traced by pid %u (%s): an attach to all threads is refused there.",
                 s->target.tid, s->tracer.pid, s->tracer.comm);
        json_object_array_add(o->list, json_text_new(sentence));
        return 1;
}

static struct json_object *facts_json(const struct api_call *call, const struct access_facts *f,
                                      const struct access_verdict *v)
{
        struct json_object *list = json_object_new_array();
        char buf[ACCESS_SENTENCE_MAX];

        for (size_t i = 0; i < v->n_facts; i++)
                json_object_array_add(list,
                                      json_object_new_string(text_utf8(v->facts[i], buf, sizeof(buf))));
        if (!f->holder.pid && f->target.pid)
                model_each_session(pump_model(call->api->pump), f->target.pid, false, tell_other_thread,
                                   &(struct others){.facts = f, .list = list});
        return list;
}

static struct json_object *claim_json(const struct access_facts *f, const struct arbiter_opinion *o)
{
        struct json_object *claim;

        if (!o->claim)
                return NULL;
        claim = json_object_new_object();
        json_add_int(claim, "id", (int64_t)o->claim->id);
        json_add_text(claim, "owner", o->claim->request.owner_text);
        json_add_text(claim, "mode", o->claim->request.mode == GUARD_AUDIT ? "audit" : "enforce");
        json_add_time(claim, "lease_ends",
                      f->guard.lease_left_ns ? clock_wall_ns() + f->guard.lease_left_ns : 0);
        json_object_object_add(claim, "admits", json_object_new_boolean(o->facts.claim == FACT_CLAIM_OURS));
        return claim;
}

/* Who asks, with the rights that the answer depends on. */
static struct json_object *asker_json(const struct api_call *call, const struct access_facts *f)
{
        struct json_object *o = json_object_new_object();

        json_add_int(o, "pid", call->peer.process.pid);
        json_add_int(o, "uid", call->peer.uid);
        json_object_object_add(o, "cap_sys_ptrace", json_object_new_boolean(access_is(f, ATT_F_CAP_PTRACE)));
        json_object_object_add(o, "user_namespace",
                               json_object_new_boolean(access_is(f, ATT_F_CALLER_USERNS)));
        json_object_object_add(o, "pid_namespace", json_object_new_boolean(f->ns_level > 0));
        json_object_object_add(o, "seccomp_filter",
                               json_object_new_boolean(access_is(f, ATT_F_CALLER_FILTER)));
        return o;
}

static struct json_object *why_json(const struct api_call *call, const struct access_facts *f,
                                    const struct access_verdict *v, const struct arbiter_opinion *guard)
{
        struct json_object *o = json_new("ptraced.why/1");
        char name[32];

        json_add_int(o, "pid", f->target.pid);
        json_add_int(o, "tid", f->target.tid ?: f->target.pid);
        json_object_object_add(o, "asked_by", asker_json(call, f));
        json_object_object_add(o, "allowed", json_object_new_boolean(v->allowed));
        json_object_object_add(o, "errno",
                               v->error ? json_object_new_string(errno_name(v->error, name, sizeof(name)))
                                        : NULL);
        json_object_object_add(o, "cause",
                               v->cause ? json_object_new_string(access_cause_to_string(v->cause)) : NULL);
        json_object_object_add(o, "signal", v->killed ? json_object_new_string("SIGSYS") : NULL);
        json_add_text(o, "summary", v->summary);
        json_object_object_add(o, "holder", f->holder.pid ? api_tracer_json(call->api, &f->holder) : NULL);
        json_object_object_add(o, "claim", claim_json(f, guard));
        json_add_text(o, "remedy", v->remedy);
        json_add_text(o, "risk", v->risk);
        json_object_object_add(o, "facts", facts_json(call, f, v));
        return o;
}

/*
 * Anybody may ask about anybody's process: what is compared is in /proc for all to read, and whoever is
 * refused should be told why. Former refusals are shown only to those they concern.
 */
void api_why(struct api_call *call)
{
        struct arbiter_opinion opinion;
        struct access_verdict verdict;
        struct proc_status caller;
        struct access_facts facts;
        struct why *w;

        if (!api_caller(call, &caller))
                return;
        w = calloc(1, sizeof(*w));
        if (!w) {
                api_answer(call, NULL);
                return;
        }
        gather_why_facts(call, &caller, &facts);
        ask_about_claims(call, &facts, &opinion);
        access_decide(&facts, &verdict);
        w->answer = why_json(call, &facts, &verdict, &opinion);
        w->pid = facts.target.pid;
        w->now_ns = clock_wall_ns();
        parking_work(call, look_for_refusals, w, why_free);
}
