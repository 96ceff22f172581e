/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/arbiter.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/ratelimit.h"
#include "lib/base/table.h"
#include "lib/base/text.h"
#include "daemon/base/log.h"
#include "daemon/claims/by_hold.h"
#include "daemon/claims/by_kernel.h"
#include "daemon/claims/ends.h"

#define SHOWN_MAX     128
#define LOG_BURST     200 /* changes of claims that are logged in ... */
#define LOG_WINDOW_NS (10 * NSEC_PER_SEC)
#define SAVE_AFTER_US 500000 /* words of claims that the kernel keeps: written this late */

struct arbiter {
        struct guard *guard; /* NULL: it cannot keep claims */
        struct pump *pump;
        char *state_dir;
        struct tracers tracers;
        union {
                struct by_kernel kernel;
                struct by_hold hold;
        } kept;
        struct means means;
        struct claim_book *book;
        struct table promises; /* by ticket */
        uint64_t next_ticket;  /* from 1: 0 is none */
        struct ends *ends;
        struct rulebook *rules;
        uint64_t next_id;
        struct ratelimit log;
        bool unsaved; /* what claims.json tells is old */
        bool sweep;   /* some ends may not matter any more */
        sd_event_source *expiry, *save;
};

/* ---- who waits for an answer ------------------------------------------------------------------------- */

/* A client whose answer is still to come. */
struct promise {
        struct table_node node; /* by ticket */
        uint64_t ticket;
        answer_fn fn;
        void *userdata;
};

static int promise_answer(struct arbiter *a, uint64_t ticket, answer_fn fn, void *userdata)
{
        struct promise *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        *p = (struct promise){.ticket = ticket, .fn = fn, .userdata = userdata};
        table_insert(&a->promises, &p->node, table_hash(ticket));
        return 0;
}

/* To be freed. NULL: nobody waits under that ticket. */
static struct promise *take_promise(struct arbiter *a, uint64_t ticket)
{
        for (struct table_node *n = table_first(&a->promises, table_hash(ticket)); n; n = table_next(n)) {
                struct promise *p = LIST_ENTRY(n, struct promise, node);

                if (p->ticket != ticket)
                        continue;
                table_remove(&a->promises, &p->node);
                return p;
        }
        return NULL;
}

/* False: nobody waited. */
static bool keep_promise(struct arbiter *a, uint64_t ticket, const struct claim_answer *answer)
{
        _cleanup_free_ struct promise *p = take_promise(a, ticket);

        if (p)
                p->fn(p->userdata, answer);
        return p;
}

/* ---- what the book wants ----------------------------------------------------------------------------- */

static int put_in_force(void *userdata, const struct claim *c)
{
        struct arbiter *a = userdata;
        int r = a->means.install(a->means.self, c);

        a->unsaved |= r != -EINPROGRESS; /* nobody was told of it yet */
        return r;
}

static void take_out_of_force(void *userdata, const struct claim *c)
{
        struct arbiter *a = userdata;

        a->sweep = a->unsaved = true;
        a->means.remove(a->means.self, c);
}

static struct task_ref strange_tracer(void *userdata, const struct claim_request *r)
{
        const struct arbiter *a = userdata;
        struct tracer_seen seen = tracers_look(&a->tracers, &r->target, &r->owner);

        return seen.admitted ? (struct task_ref){} : seen.task;
}

static const char *const event_words[_EV_MAX] = {
        [EV_CLAIM_MADE] = "made",   [EV_CLAIM_QUEUED] = "queued", [EV_CLAIM_RENEWED] = "renewed",
        [EV_CLAIM_TAKEN] = "taken", [EV_CLAIM_ENDED] = "ended",
};
static const char *const end_words[] = {
        [CLAIM_RELEASED] = "; it was released",
        [CLAIM_LEASE_OVER] = "; its lease is over",
        [CLAIM_OWNER_GONE] = "; its owner is gone",
        [CLAIM_TARGET_GONE] = "; the process is gone, or another user's now",
        [CLAIM_TAKEN_OVER] = "; it was taken over",
        [CLAIM_GUARD_OFF] = "; the guard was switched off",
};
static_assert(ELEMENTSOF(end_words) == _CLAIM_END_MAX, "words for each end");

/* One line for each: the events are the trail, the log is for who reads no events. */
static void log_claim_event(const struct event *e)
{
        char target[SHOWN_MAX], owner[SHOWN_MAX], who[SHOWN_MAX], by[2 * SHOWN_MAX] = "";

        if (e->actor.pid)
                snprintf(by, sizeof(by), ", by process %u (%s) of user %u", e->actor.pid,
                         text_escape(e->actor.comm, who, sizeof(who)), e->caller_uid);
        log_info("Claim %" PRIu64 " on process %u (%s) for %s: %s%s%s.", e->claim, e->target.pid,
                 text_escape(e->target.comm, target, sizeof(target)),
                 text_escape(e->owner, owner, sizeof(owner)), event_words[e->type],
                 e->type == EV_CLAIM_ENDED ? end_words[e->claim_end] : "", by);
}

/* Anybody can make and release claims by the thousand. */
static void tell_claim(void *userdata, struct event *e)
{
        struct arbiter *a = userdata;
        uint64_t dropped;

        if (ratelimit_admits(&a->log, clock_boot_ns(), &dropped))
                log_claim_event(e);
        if (dropped)
                log_info("%" PRIu64 " more changes of claims were not logged; ptracectl events has them.",
                         dropped);
        pump_feed(a->pump, e);
}

/* seen: who traces the target, if that was looked at. */
static void give_answer(struct arbiter *a, const struct claim_outcome *o, const struct tracer_seen *seen)
{
        struct claim_answer answer = {.claim = o->claim, .looked = seen};

        if (seen)
                answer.tracer = *seen;
        if (o->refusal)
                refusal_of_waiter(o, &answer.why);
        a->sweep |= keep_promise(a, o->ticket, &answer);
}

static void answer_waiter(void *userdata, const struct claim_outcome *o)
{
        give_answer(userdata, o, NULL);
}

/* ---- what stays -------------------------------------------------------------------------------------- */

static void save(struct arbiter *a)
{
        const struct claims_to_save what = {a->book, a->next_id, a->means.holds, a->means.self};

        claims_file_save(a->state_dir, &what);
}

static int on_save(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        save(userdata);
        return 0;
}

/* The kernel keeps its claims itself: what is missing there may be written a little later, for many at once.
 * What hold keeps stands nowhere else. */
static void save_soon(struct arbiter *a)
{
        int enabled = SD_EVENT_OFF;

        if (!a->unsaved)
                return;
        a->unsaved = false;
        if (!a->means.by_itself) {
                save(a);
                return;
        }
        sd_event_source_get_enabled(a->save, &enabled);
        if (enabled != SD_EVENT_OFF)
                return;
        sd_event_source_set_time_relative(a->save, SAVE_AFTER_US);
        sd_event_source_set_enabled(a->save, SD_EVENT_ONESHOT);
}

/* After the book changed: when the next lease ends, and what is stored. Ends nothing, so that a claim that
 * was just made can still be told. */
static void arrange(struct arbiter *a)
{
        uint64_t next = claim_next_end(a->book);

        if (next == UINT64_MAX)
                sd_event_source_set_enabled(a->expiry, SD_EVENT_OFF);
        else {
                sd_event_source_set_time(a->expiry, next / 1000 + 1);
                sd_event_source_set_enabled(a->expiry, SD_EVENT_ONESHOT);
        }
        save_soon(a);
}

void arbiter_settle(struct arbiter *a)
{
        claim_expire(a->book, clock_boot_ns());
        arrange(a);
}

/* ---- requests ---------------------------------------------------------------------------------------- */

static int follow_parties(struct arbiter *a, const struct claim_request *r)
{
        struct task_ref owner = owner_task(&r->owner);
        int e = ends_watch(a->ends, &r->target);

        return e == 0 && owner.pid ? ends_watch(a->ends, &owner) : e;
}

/* Above those of the kernel and of claims that came from a file. */
static uint64_t next_id(struct arbiter *a)
{
        uint64_t id = a->guard ? guard_next_claim_id(a->guard) : 0;

        id = MAX_OF(id, a->next_id);
        a->next_id = id + 1;
        return id;
}

static struct claim_outcome refused_by_errno(int error)
{
        return (struct claim_outcome){.refusal = claim_refusal_of_errno(error), .error = error};
}

/* Who traces the target is asked once, and told with the answer. */
static struct claim_outcome try_to_make(struct arbiter *a, const struct claim_request *r,
                                        struct claim_answer *answer)
{
        struct task_ref strange = {};
        int e = follow_parties(a, r);

        if (e < 0)
                return refused_by_errno(e);
        answer->looked = claim_needs_tracer(a->book, r);
        if (answer->looked)
                answer->tracer = tracers_look(&a->tracers, &r->target, &r->owner);
        if (!answer->tracer.admitted)
                strange = answer->tracer.task;
        return claim_make(a->book, next_id(a), r, &strange, clock_boot_ns());
}

uint64_t arbiter_claim(struct arbiter *a, const struct claim_request *request, struct claim_answer *ret,
                       answer_fn fn, void *userdata)
{
        struct claim_request r = *request;
        struct claim_outcome o;
        uint64_t ticket = r.ticket = a->next_ticket++;
        int e = 0;

        *ret = (struct claim_answer){};
        o = try_to_make(a, &r, ret);
        ret->claim = o.claim;
        if (!o.claim && !o.refusal)
                e = promise_answer(a, ticket, fn, userdata);
        if (e < 0) {
                claim_cancel(a->book, ticket, clock_boot_ns());
                o = refused_by_errno(e);
        }
        if (o.refusal) {
                a->sweep = true;
                refusal_of_request(&r, &o, clock_boot_ns(), &ret->why);
        }
        arrange(a);
        return o.claim || o.refusal ? 0 : ticket;
}

void arbiter_cancel(struct arbiter *a, uint64_t ticket)
{
        _cleanup_free_ struct promise *p = take_promise(a, ticket);

        if (!p)
                return;
        a->sweep = true;
        claim_cancel(a->book, ticket, clock_boot_ns());
        arbiter_settle(a);
}

struct claim_outcome arbiter_renew(struct arbiter *a, uint64_t id, const struct claim_renewal *to,
                                   const struct claimant *by)
{
        struct task_ref owner = to->owner ? owner_task(to->owner) : (struct task_ref){};
        int e = owner.pid ? ends_watch(a->ends, &owner) : 0;
        struct claim_outcome o =
                e < 0 ? refused_by_errno(e) : claim_renew(a->book, id, to, by, clock_boot_ns());

        a->sweep = true;
        arrange(a);
        return o;
}

enum claim_refusal arbiter_release(struct arbiter *a, uint64_t id, const struct claimant *by)
{
        enum claim_refusal why = claim_release(a->book, id, by, clock_boot_ns());

        arbiter_settle(a);
        return why;
}

struct claim_outcome arbiter_enter(struct arbiter *a, uint64_t id, const struct claimant *by, hold_done done,
                                   void *userdata)
{
        const struct claim *c = claim_by_id(a->book, id);
        enum claim_refusal why = c ? claim_check_right(c, by) : REFUSED_NO_CLAIM;
        struct task_ref owner;
        int r;

        if (why == REFUSED_NOT_PERMITTED && by->process.pid && owner_admits(&c->request.owner, &by->process))
                why = CLAIM_NOT_REFUSED;
        if (why)
                return (struct claim_outcome){.refusal = why};
        owner = owner_task(&c->request.owner);
        r = a->means.enter(a->means.self, c, &owner, done, userdata);
        if (r == -ENOENT || r == -ESRCH) /* not held at this moment: nobody is in the way */
                return (struct claim_outcome){.claim = c};
        return refused_by_errno(r);
}

/* ---- the emergency switch ---------------------------------------------------------------------------- */

/* The book follows in any case: who asks for this wants no claim to stand. */
static void end_everything(struct arbiter *a, bool forgotten, const struct claimant *by, const char *note)
{
        if (a->guard)
                a->kept.kernel.forgotten = forgotten;
        claim_end_all(a->book, CLAIM_GUARD_OFF, by, clock_boot_ns());
        if (a->guard)
                a->kept.kernel.forgotten = false;
        rulebook_ended(a->rules, by, note);
        arbiter_settle(a);
}

int arbiter_clear(struct arbiter *a, const struct claimant *by)
{
        int r = a->guard ? guard_clear(a->guard) : 0;

        end_everything(a, r == 0, by, "cleared: every claim, rule and single ended");
        return r;
}

void arbiter_pins_removed(struct arbiter *a)
{
        end_everything(a, true, NULL, "the pins were removed: every claim, rule and single ended");
}

/* ---- what happens later ------------------------------------------------------------------------------ */

/* One that an earlier daemon made ends; one that was being made never was there. */
static void on_installed(void *userdata, const struct means_news *news)
{
        struct arbiter *a = userdata;
        struct tracer_seen seen = {};
        struct task_ref strange = {};
        struct claim_outcome o;
        const struct claim *c;

        a->unsaved = true;
        if (news->error == 0 && !news->alone && (c = claim_by_id(a->book, news->claim)))
                seen = tracers_look(&a->tracers, &c->request.target, &c->request.owner);
        if (!seen.admitted)
                strange = seen.task;
        o = claim_installed(a->book, news->claim, news->error, &strange, clock_boot_ns());
        if (o.ticket)
                give_answer(a, &o, news->error == 0 ? &seen : NULL);
        if (o.refusal == REFUSED_NO_CLAIM && news->error < 0) {
                log_warning("Claim %" PRIu64 " on process %u cannot be kept any more: %s.", news->claim,
                            news->pid, strerror(-news->error));
                claim_terminate(a->book, news->claim, CLAIM_GUARD_OFF, clock_boot_ns());
        }
        arbiter_settle(a);
}

/* ---- what happens outside ---------------------------------------------------------------------------- */

static void on_party_gone(void *userdata, const struct task_ref *process)
{
        struct arbiter *a = userdata;

        claim_process_gone(a->book, process, clock_boot_ns());
        arbiter_settle(a);
}

void arbiter_check_claim(struct arbiter *a, uint32_t pid)
{
        const struct claim *c = claim_of(a->book, pid);

        if (c && !owner_claim_holds(c))
                claim_terminate(a->book, c->id, CLAIM_TARGET_GONE, clock_boot_ns());
}

void arbiter_check(struct arbiter *a, const struct task_ref *target)
{
        arbiter_check_claim(a, target->pid);
        claim_target_free(a->book, target, clock_boot_ns());
        a->means.check(a->means.self, target);
}

static bool end_matters(void *userdata, const struct task_ref *process)
{
        return claim_follows(userdata, process);
}

void arbiter_tick(struct arbiter *a)
{
        if (a->sweep)
                ends_sweep(a->ends, end_matters, a->book);
        a->sweep = false;
        ends_poll(a->ends);
        a->means.check(a->means.self, NULL);
}

/* ---- from a former daemon ---------------------------------------------------------------------------- */

static void adopt_found(struct arbiter *a, const struct found_claim *f)
{
        const struct claim *c = &f->claim;
        struct task_ref target = c->request.target, owner = owner_task(&c->request.owner);
        int r;

        if (claim_adopt(a->book, c) < 0)
                return;
        a->next_id = MAX_OF(a->next_id, c->id + 1);
        if (ends_watch(a->ends, &target) == -ESRCH) {
                claim_process_gone(a->book, &target, clock_boot_ns());
                return;
        }
        r = a->means.adopt(a->means.self, c, f->our_hold);
        if (r < 0) {
                log_warning("Claim %" PRIu64 " on process %u cannot be kept any more: %s.", c->id,
                            target.pid, strerror(-r));
                claim_terminate(a->book, c->id, CLAIM_GUARD_OFF, clock_boot_ns());
                return;
        }
        if (owner.pid && ends_watch(a->ends, &owner) == -ESRCH)
                claim_process_gone(a->book, &owner, clock_boot_ns());
}

static void take_over(struct arbiter *a)
{
        struct claims_found found;

        claims_found_init(&found);
        if (a->guard)
                by_kernel_find(a->guard, a->state_dir, &found);
        else
                claims_file_read(a->state_dir, &found);
        a->next_id = MAX_OF(a->next_id, found.next_id);
        LIST_FOREACH (it, &found.list)
                adopt_found(a, LIST_ENTRY(it, struct found_claim, link));
        if (found.n_bad)
                log_warning("%zu claims of an earlier daemon make no sense and are not taken over.",
                            found.n_bad);
        if (claim_count(a->book))
                log_notice("%zu claims of an earlier daemon are taken over.", claim_count(a->book));
        claims_found_done(&found);
}

/* ---- from beginning to end --------------------------------------------------------------------------- */

const char *arbiter_means_to_string(enum arbiter_means m)
{
        static const char *const names[] = {[MEANS_KERNEL] = "kernel", [MEANS_HOLD] = "hold"};
        static_assert(ELEMENTSOF(names) == _MEANS_MAX, "a name for each means");

        return m >= 0 && m < _MEANS_MAX ? names[m] : NULL;
}

enum arbiter_means arbiter_means(const struct arbiter *a)
{
        return a->means.kind;
}

const struct claim_book *arbiter_book(const struct arbiter *a)
{
        return a->book;
}

struct rulebook *arbiter_rules(const struct arbiter *a)
{
        return a->rules;
}

const struct tracers *arbiter_tracers(const struct arbiter *a)
{
        return &a->tracers;
}

static int on_expiry(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        arbiter_settle(userdata);
        return 0;
}

static int set_up_timers(struct arbiter *a, sd_event *event)
{
        int r = sd_event_add_time(event, &a->expiry, CLOCK_BOOTTIME, UINT64_MAX, 1, on_expiry, a);

        if (r >= 0)
                r = sd_event_source_set_enabled(a->expiry, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &a->save, CLOCK_MONOTONIC, 0, 0, on_save, a);
        return r < 0 ? r : sd_event_source_set_enabled(a->save, SD_EVENT_OFF);
}

static void choose_means(struct arbiter *a, const struct arbiter_parts *parts)
{
        a->guard = parts->guard && guard_available(parts->guard) ? parts->guard : NULL;
        if (a->guard) {
                a->kept.kernel = (struct by_kernel){.guard = a->guard, .hold = parts->hold};
                a->means = by_kernel_means(&a->kept.kernel);
        } else {
                a->kept.hold = (struct by_hold){
                        .hold = parts->hold,
                        .tracers = &a->tracers,
                        .on_installed = on_installed,
                        .userdata = a,
                };
                a->means = by_hold_means(&a->kept.hold);
        }
}

static int set_up_arbiter_parts(struct arbiter *a, const struct arbiter_parts *parts)
{
        const struct claim_sink sink = {
                .userdata = a,
                .install = put_in_force,
                .remove = take_out_of_force,
                .answer = answer_waiter,
                .event = tell_claim,
                .holder = strange_tracer,
        };
        int r;

        a->state_dir = strdup(parts->state_dir);
        r = a->state_dir ? claim_book_new(&a->book, &sink, parts->grace_ns) : -ENOMEM;
        if (r == 0)
                r = table_init(&a->promises);
        if (r == 0)
                r = ends_new(&a->ends, parts->event, on_party_gone, a);
        if (r == 0)
                r = set_up_timers(a, parts->event);
        return r < 0 ? r : rulebook_new(&a->rules, a->guard, a->pump, parts->policy_dir);
}

int arbiter_new(struct arbiter **ret, const struct arbiter_parts *parts)
{
        struct arbiter *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        a->pump = parts->pump;
        a->tracers = (struct tracers){pump_model(parts->pump), parts->hold};
        a->log = (struct ratelimit){.window_ns = LOG_WINDOW_NS, .burst = LOG_BURST};
        a->next_id = a->next_ticket = 1;
        choose_means(a, parts);
        r = set_up_arbiter_parts(a, parts);
        if (r < 0) {
                arbiter_free(a);
                return r;
        }
        take_over(a);
        arbiter_settle(a);
        *ret = a;
        return 0;
}

/* Each is told once; what they wait for goes on without them. */
static void dismiss_waiters(struct arbiter *a)
{
        const struct claim_outcome stopping = {.refusal = REFUSED_STOPPING};
        struct claim_answer answer = {};

        refusal_of_waiter(&stopping, &answer.why);
        for (size_t i = 0; i < a->promises.n_buckets; i++)
                while (a->promises.buckets[i]) {
                        uint64_t ticket = LIST_ENTRY(a->promises.buckets[i], struct promise, node)->ticket;

                        claim_cancel(a->book, ticket, clock_boot_ns());
                        keep_promise(a, ticket, &answer);
                }
}

struct arbiter *arbiter_free(struct arbiter *a)
{
        if (!a)
                return NULL;
        dismiss_waiters(a);
        if (a->book && a->save && (a->unsaved || claim_count(a->book)))
                save(a);
        sd_event_source_disable_unref(a->expiry);
        sd_event_source_disable_unref(a->save);
        ends_free(a->ends);
        if (!a->guard)
                by_hold_done(&a->kept.hold);
        claim_book_free(a->book);
        assert(!a->promises.n);
        table_done(&a->promises);
        rulebook_free(a->rules);
        free(a->state_dir);
        free(a);
        return NULL;
}
