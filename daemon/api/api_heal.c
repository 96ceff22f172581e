/* SPDX-License-Identifier: GPL-2.0-or-later */

/* POST /v1/heal: what the model, the claims and the holds know of the process goes in, sentences come out.
 */

#include "daemon/api/answer.h"
#include "daemon/api/handlers.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proc/procfs.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/event/wording.h"
#include "daemon/claims/opinion.h"
#include "daemon/heal/heal_child.h"
#include "daemon/hold/hold.h"
#include "daemon/base/log.h"
#include "daemon/http/parking.h"

#define HEALS_MAX     8     /* at the same time, each of another process */
#define HEALS_ASKED   64    /* with those that wait for their turn */
#define HEALS_PER_UID 16    /* ... and of one user but root */
#define SIGNALS_READ  20000 /* rows that are looked at for a stop that came later */
#define SIGNALS_STEPS 64    /* searches of the store that may find nothing */

/* ---- was it left stopped ------------------------------------------------------------------------- */

struct stop_search {
        const struct task_ref *target;
        uint64_t last_ns, last_wall_ns; /* of the newest finding; 0: there is none */
        struct store_cursor *cursor;    /* over the signals since */
        unsigned rows, fruitless;       /* so far */
};

static int note_left_stopped(void *userdata, const struct finding *f)
{
        struct stop_search *s = userdata;

        if (f->code == FIND_LEFT_STOPPED && f->target.pid == s->target->pid &&
            f->target.start == s->target->start && f->last_ns > s->last_ns) {
                s->last_ns = f->last_ns;
                s->last_wall_ns = f->last_wall_ns;
        }
        return 0;
}

static bool is_job_control(const struct event *e, const struct stop_search *s)
{
        /* The SIGSTOP of somebody who attaches, and looks, is nobody's will. */
        return e->target.pid == s->target->pid && e->time_ns > s->last_ns && !e->sender_is_tracer &&
               (e->sig == SIGCONT || e->sig == SIGSTOP || e->sig == SIGTSTP || e->sig == SIGTTIN ||
                e->sig == SIGTTOU);
}

/* False: it was not left stopped, or it cannot be told. */
static bool begin_stop_search(const struct api_call *call, struct stop_search *s)
{
        struct event_filter filter = {.pid = s->target->pid, .types = EVENT_BIT(EV_SIGNAL_GENERATE)};

        model_each_finding(pump_model(call->api->pump), s->target->pid, note_left_stopped, s);
        filter.since_wall_ns = s->last_wall_ns;
        filter.of = (struct lifetime){.pid = s->target->pid, .start = s->target->start};
        return s->last_ns && store_query(call->api->store, &filter, &s->cursor) >= 0;
}

/*
 * Was the process continued or stopped since? Then the stop that it is in is somebody's will. 1: it was not;
 * 0: it was, or it cannot be told; -EAGAIN: there is more to search.
 */
static int go_on_searching(struct stop_search *s)
{
        const uint64_t until_ns = clock_mono_ns() + TURNS_PIECE_NS;
        struct event e;

        while (s->rows++ < SIGNALS_READ && s->fruitless < SIGNALS_STEPS) {
                int r = store_cursor_step(s->cursor, &e);

                if (r == 0 || (r < 0 && r != -EAGAIN))
                        return 1;
                s->fruitless += r == -EAGAIN;
                if (r == 1 && is_job_control(&e, s))
                        return 0;
                if (clock_mono_ns() >= until_ns)
                        return -EAGAIN;
        }
        return 0;
}

/* Of the stop that it is in, if it is. */
static void say_whose_stop(const struct api_call *call, struct heal *h)
{
        const struct sentence to = SENTENCE(h->stop);
        char who[WORD_MAX], clock[WORD_MAX];
        struct stop_view v;

        if (model_stop(pump_model(call->api->pump), &h->target, &v) < 0)
                return;
        if (h->left_stopped && v.by_tracer)
                say(to, "by %s", word_process(&v.tracer, who));
        if (h->left_stopped)
                return;
        if (v.since_wall_ns)
                say(to, "since %s", word_clock(v.since_wall_ns, clock));
        if (v.other.pid)
                say(to, "%sby a SIGSTOP of %s", h->stop[0] ? " " : "", word_process(&v.other, who));
        else if (v.older && v.tracer.pid)
                say(to, "%sbefore %s came", h->stop[0] ? ", " : "", word_process(&v.tracer, who));
}

/* ---- whose it is --------------------------------------------------------------------------------- */

/* The guard would refuse the child that writes. It is told before, with who stands behind it. */
static void refuse_by_guard(const struct api_call *call, struct heal *h)
{
        struct arbiter_opinion o = {};
        struct task_ref self = {};
        char target[WORD_MAX], owner[CLAIM_OWNER_TEXT_MAX * 4 + 1];

        if (!call->api->arbiter || h->dry_run || arbiter_means(call->api->arbiter) == MEANS_HOLD ||
            procfs_task((uint32_t)getpid(), &self) < 0)
                return;
        opinion_of(call->api->arbiter, &self, &h->target, &o);
        if (!o.verdict.error || o.verdict.reason == GUARD_HELD)
                return; /* a tracer is found and named by heal itself */
        word_process(&h->target, target);
        if (o.verdict.reason == GUARD_CLAIMED && o.claim)
                heal_refuse(
                        h,
                        "%s is claimed by %s: its owner heals it, or releases it first (ptracectl release "
                        "%" PRIu64 ").",
                        target, text_escape(o.claim->request.owner_text, owner, sizeof(owner)), o.claim->id);
        else
                heal_refuse(h, "The policy does not let ptraced trace %s: ptracectl policy show.", target);
}

/* Is it held, so that a hold helper has to let go first? What was caught at a healed breakpoint may go on.
 */
static bool must_be_let_in(const struct api_call *call, struct heal *h)
{
        struct hold_view v;

        if (!call->api->hold || hold_get(call->api->hold, h->target.pid, &v) < 0)
                return false;
        if (v.state != HOLD_HOLDING && v.state != HOLD_CAUGHT)
                return false;
        if (v.target.start && v.target.start != h->target.start)
                return false;
        if (v.state == HOLD_CAUGHT)
                h->caught_ip = v.caught_ip;
        if (h->dry_run)
                h->helper = v.helper.pid;
        return !h->dry_run;
}

/* ---- the answer ---------------------------------------------------------------------------------- */

static const char *hex(uint64_t n, char buf[20])
{
        snprintf(buf, 20, "0x%" PRIx64, n);
        return buf;
}

static void add_site(const struct heal *h, size_t i, struct json_object *sites)
{
        const struct heal_site *site = &h->plan.sites[i];
        struct json_object *o = json_object_new_object();
        char number[20];

        json_add_text(o, "address", hex(site->address, number));
        json_add_text(o, "path", h->files[site->file].path);
        json_add_text(o, "file_offset", hex(site->offset, number));
        json_add_text(o, "symbol", h->symbols[i]);
        snprintf(number, sizeof(number), "%02x", site->was);
        json_add_text(o, "was", number);
        snprintf(number, sizeof(number), "%02x", site->is);
        json_add_text(o, "is", number);
        json_object_array_add(sites, o);
}

static void add_action(const struct heal *h, size_t i, struct json_object *actions)
{
        const struct heal_site *site = &h->plan.sites[i];
        const char *path = h->files[site->file].path, *symbol = h->symbols[i];
        char action[EVENT_PATH_MAX + EVENT_SYMBOL_MAX + 128], clean[sizeof(action) * 3 + 1], number[20];

        snprintf(action, sizeof(action), "%s%s%s in %s: breakpoint %s, the file's byte %02x %s",
                 hex(site->address, number), symbol[0] ? ", " : "", symbol, path,
                 h->dry_run ? "to be taken out" : "taken out", site->is,
                 h->dry_run ? "to be put back" : "is back");
        json_object_array_add(actions, json_object_new_string(text_utf8(action, clean, sizeof(clean))));
}

static void summarize(const struct heal *h, char *text, size_t size)
{
        char target[WORD_MAX];
        const char *plural = h->plan.n == 1 ? "" : "s";
        const struct sentence to = {text, size};

        text[0] = '\0';
        word_process(&h->target, target);
        if (h->refused[0])
                say(to, "%s", h->refused);
        else if (h->plan.n)
                say(to, "%s: %zu breakpoint%s that nobody owns %s", target, h->plan.n, plural,
                    h->dry_run      ? "would be taken out"
                    : h->plan.n > 1 ? "were taken out"
                                    : "was taken out");
        else if (!h->resumed)
                say(to, "%s: nothing to heal", target);
        else
                say(to, "%s: no breakpoints that nobody owns", target);
        if (h->resumed)
                say(to, "; it was left stopped%s%s, and %s", h->stop[0] ? " " : "", h->stop,
                    h->dry_run ? "would be resumed" : "goes on");
        if (!h->refused[0])
                say(to, ".");
}

/* What is there, healed or not; NULL where nobody has looked. */
static struct json_object *found_json(const struct heal *h)
{
        struct json_object *found = h->looked ? json_object_new_array() : NULL;

        for (size_t i = 0; found && i < h->plan.n; i++)
                add_site(h, i, found);
        return found;
}

static struct json_object *heal_json(const struct heal *h)
{
        struct json_object *o = json_new("ptraced.heal/1"), *healed = json_object_new_array(),
                           *actions = json_object_new_array(), *notes = json_object_new_array();
        char text[HEAL_TEXT_MAX * 2], clean[HEAL_TEXT_MAX * 3 + 1];

        for (size_t i = 0; !h->refused[0] && i < h->plan.n; i++) {
                add_site(h, i, healed);
                add_action(h, i, actions);
        }
        for (size_t i = 0; i < h->n_notes; i++)
                json_object_array_add(notes,
                                      json_object_new_string(text_utf8(h->notes[i], clean, sizeof(clean))));
        json_add_int(o, "pid", h->target.pid);
        json_add_text(o, "comm", h->target.comm);
        json_object_object_add(o, "dry_run", json_object_new_boolean(h->dry_run));
        json_object_object_add(o, "found", found_json(h));
        json_object_object_add(o, "left_stopped", json_object_new_boolean(h->left_stopped));
        json_object_object_add(o, "healed", healed);
        json_object_object_add(o, "resumed", json_object_new_boolean(h->resumed));
        if (h->refused[0])
                json_add_text(o, "refused", h->refused);
        else
                json_object_object_add(o, "refused", NULL);
        summarize(h, text, sizeof(text));
        json_add_text(o, "summary", text);
        json_object_object_add(o, "actions", actions);
        json_object_object_add(o, "notes", notes);
        return o;
}

static void log_it(const struct api_call *call, const struct heal *h)
{
        char text[HEAL_TEXT_MAX * 2];

        if (h->dry_run || (!h->plan.n && !h->resumed))
                return;
        summarize(h, text, sizeof(text));
        log_notice("Heal, asked for by uid %u (process %d): %s", call->peer.uid, (int)call->peer.process.pid,
                   text);
}

/* ---- from request to answer ----------------------------------------------------------------------------- */

enum healing_phase {
        HEALING_WAITS,   /* its turn has not come */
        HEALING_SETTLES, /* what happened before is to be known first */
        HEALING_ENTERS,  /* a hold helper is letting go */
        HEALING_RUNS,    /* the child is at work */
        HEALING_RETURNS, /* a hold helper is taking hold again */
};

struct healing {
        struct healing *next; /* in api->heals, in the order they were asked for */
        struct api_call *call;
        struct heal heal;
        enum healing_phase phase;
        struct turn *turn; /* of the loop, while it looks */
        struct stop_search stop;
        struct heal_child *child;
        bool entered; /* a hold helper has let go, or is about to */
};

static void take_turns(struct api *api);
static void on_held_again(void *userdata, int error, const struct task_ref *holder);
static void on_let_in(void *userdata, int error, const struct task_ref *holder);

static void healing_free(struct healing *g)
{
        struct healing **at = &g->call->api->heals;

        turn_cancel(g->turn);
        store_cursor_free(g->stop.cursor);
        while (*at != g)
                at = &(*at)->next;
        *at = g->next;
        free(g);
}

/* Nobody waits for it any more. Nothing of ours stays in the process but the hold that was there before. */
static void call_off_healing(struct healing *g)
{
        struct hold *hold = g->call->api->hold;

        g->child = heal_end(g->child);
        if (hold) {
                hold_cancel(hold, on_let_in, g);
                hold_cancel(hold, on_held_again, g);
        }
        if (g->entered && g->phase != HEALING_RETURNS)
                (void)hold_resume(hold, &g->heal.target, NULL, NULL);
        healing_free(g);
}

static void answer_healing(struct healing *g)
{
        struct api_call *call = g->call;

        log_it(call, &g->heal);
        api_answer(call, heal_json(&g->heal));
        healing_free(g);
        parking_go_on(call->parking);
}

static void on_held_again(void *userdata, int error, const struct task_ref *holder _unused_)
{
        struct healing *g = userdata;
        struct api *api = g->call->api;

        if (error < 0)
                heal_note(&g->heal, "ptraced held it, and could not take hold again.");
        answer_healing(g);
        take_turns(api);
}

/* The answer comes when it is held again as it was. */
static void conclude_healing(struct healing *g)
{
        int r;

        g->child = heal_end(g->child);
        if (!g->entered) {
                answer_healing(g);
                return;
        }
        g->phase = HEALING_RETURNS;
        r = hold_resume(g->call->api->hold, &g->heal.target, on_held_again, g);
        if (r == 0)
                return;
        heal_note(&g->heal, "ptraced held it, and could not take hold again.");
        answer_healing(g);
}

static void on_healed(void *userdata)
{
        struct healing *g = userdata;
        struct api *api = g->call->api;

        conclude_healing(g);
        take_turns(api);
}

/* The client hung up, or the daemon stops: what is not done by now is left undone. */
static void on_gone(struct api_call *call, uint64_t ticket)
{
        struct api *api = call->api;

        call_off_healing((struct healing *)(uintptr_t)ticket);
        take_turns(api);
}

static void run_heal_child(struct healing *g)
{
        struct api_call *call = g->call;
        int r = heal_begin(&g->child, call->api->event, &g->heal, on_healed, g);

        g->phase = HEALING_RUNS;
        if (r >= 0)
                return;
        api_fail(call, MHD_HTTP_SERVICE_UNAVAILABLE, "failed", "", "No helper can be started: %s.",
                 strerror(-r));
        call_off_healing(g);
        parking_go_on(call->parking);
}

static void not_let_in(struct healing *g, int error)
{
        g->entered = false;
        heal_refuse(&g->heal, "ptraced holds process %" PRIu32 " and cannot let go of it now: %s.",
                    g->heal.target.pid, strerror(-error));
        answer_healing(g);
}

static void on_let_in(void *userdata, int error, const struct task_ref *holder _unused_)
{
        struct healing *g = userdata;
        struct api *api = g->call->api;

        if (error < 0)
                not_let_in(g, error);
        else
                run_heal_child(g);
        take_turns(api);
}

static void enter_hold(struct healing *g)
{
        int r;

        g->phase = HEALING_ENTERS;
        g->entered = true;
        r = hold_yield(g->call->api->hold, &g->heal.target, NULL, on_let_in, g);
        if (r < 0)
                not_let_in(g, r);
}

/* What was found is in g->heal. The ones behind it may be waiting for this one. */
static void begin_informed(struct healing *g)
{
        struct api_call *call = g->call;
        struct api *api = call->api;

        refuse_by_guard(call, &g->heal);
        if (g->heal.refused[0])
                answer_healing(g);
        else if (must_be_let_in(call, &g->heal))
                enter_hold(g);
        else
                run_heal_child(g);
        take_turns(api);
}

/* The model and the store know what happened so far. */
static enum turn_result look_for_stop(void *userdata)
{
        struct healing *g = userdata;
        struct proc_status st;
        bool begun = g->stop.cursor;
        int r = 0;

        if (!begun && procfs_living_thread(g->heal.target.pid, &st) == 0 && st.state == 'T') {
                g->stop.target = &g->heal.target;
                begun = begin_stop_search(g->call, &g->stop);
        }
        if (begun)
                r = go_on_searching(&g->stop);
        if (r == -EAGAIN)
                return TURN_AGAIN;
        g->stop.cursor = store_cursor_free(g->stop.cursor);
        g->heal.left_stopped = r == 1;
        say_whose_stop(g->call, &g->heal);
        begin_informed(g);
        return TURN_DONE;
}

/* Asked when its turn comes: the one before it may have healed the process. */
static void begin(struct healing *g)
{
        struct api_call *call = g->call;
        int r;

        g->phase = HEALING_SETTLES;
        if (!api_may_trace(call, &g->heal.target, "heal")) {
                healing_free(g);
                parking_go_on(call->parking);
                return;
        }
        r = turn_take(call->api->turns, call->peer.uid, NEED_STORE, look_for_stop, g, &g->turn);
        if (r >= 0)
                return;
        api_fail(call, MHD_HTTP_SERVICE_UNAVAILABLE, "failed", "", "The request cannot be put in line: %s.",
                 strerror(-r));
        healing_free(g);
        parking_go_on(call->parking);
}

/* Two at once would take each other's helper for a tracer that is in the way. */
static bool must_wait(const struct healing *g)
{
        unsigned running = 0;

        for (const struct healing *other = g->call->api->heals; other; other = other->next) {
                running += other->phase != HEALING_WAITS;
                if (other->phase != HEALING_WAITS && other->heal.target.pid == g->heal.target.pid)
                        return true;
        }
        return running >= HEALS_MAX;
}

/* Begins what may begin. One that is answered at once leaves the list, so each look starts over. */
static void take_turns(struct api *api)
{
        struct healing *g = api->heals;

        while (g)
                if (g->phase != HEALING_WAITS || must_wait(g))
                        g = g->next;
                else {
                        begin(g);
                        g = api->heals;
                }
}

/* Puts it at the end of the list. -EBUSY: that is full. */
static int join(struct healing *g)
{
        struct healing **end = &g->call->api->heals;
        unsigned asked = 0, of_uid = 0;
        int r;

        for (; *end; end = &(*end)->next) {
                asked++;
                of_uid += (*end)->heal.uid == g->heal.uid;
        }
        if (asked >= HEALS_ASKED || (!g->heal.any_uid && of_uid >= HEALS_PER_UID))
                return -EBUSY;
        r = parking_begin(g->call, on_gone, (uintptr_t)g);
        if (r >= 0)
                *end = g;
        return r;
}

void api_heal(struct api_call *call)
{
        struct api *api = call->api;
        struct task_ref target;
        struct healing *g;
        int r;

        if (!api_target(call, call->body->pid, &target))
                return;
        g = calloc(1, sizeof(*g));
        if (!g) {
                api_answer(call, NULL);
                return;
        }
        g->call = call;
        g->heal.target = target;
        g->heal.dry_run = call->body->dry_run;
        g->heal.any_uid = call->peer.privileged;
        g->heal.uid = call->peer.uid;
        r = join(g);
        if (r >= 0) {
                take_turns(api);
                return;
        }
        if (r == -EBUSY)
                api_fail(call, MHD_HTTP_TOO_MANY_REQUESTS, "busy", "Try again in a moment.",
                         "Too many requests to heal wait for their turn: %d in all, or %d of one user.",
                         HEALS_ASKED, HEALS_PER_UID);
        else
                api_fail(call, MHD_HTTP_SERVICE_UNAVAILABLE, "failed", "",
                         "The request cannot be put in line: %s.", strerror(-r));
        free(g);
}
