/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/arbiter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/proc/procfs.h"
#include "lib/base/text.h"
#include "daemon/claims/arbiter_impl.h"
#include "daemon/base/log.h"

#define SHOWN_MAX     128
#define LOG_BURST     200 /* changes of claims that are logged in ... */
#define LOG_WINDOW_NS (10 * NSEC_PER_SEC)

uint64_t arbiter_now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static uint64_t wall_now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

const char *arbiter_means_to_string(enum arbiter_means m)
{
        static const char *const names[] = {[MEANS_KERNEL] = "kernel", [MEANS_HOLD] = "hold"};
        static_assert(ELEMENTSOF(names) == _MEANS_MAX, "a name for each means");

        return m >= 0 && m < _MEANS_MAX ? names[m] : NULL;
}

/* ---- what the book wants ----------------------------------------------------------------------------- */

static int install(void *userdata, const struct claim *c)
{
        struct arbiter *a = userdata;
        const struct guard_process target = arbiter_key(&c->request.target);
        struct guard_claim g;

        a->unsaved = true;
        if (a->means == MEANS_HOLD)
                return arbiter_hold_install(a, c);
        arbiter_claim_to_guard(c, &g);
        return guard_put_claim(a->guard, &target, &g);
}

static void uninstall(void *userdata, const struct claim *c)
{
        struct arbiter *a = userdata;
        const struct guard_process target = arbiter_key(&c->request.target);
        int r;

        a->sweep = a->unsaved = true;
        if (a->means == MEANS_HOLD) {
                arbiter_hold_remove(a, c);
                return;
        }
        r = a->clearing ? 0 : guard_remove_claim(a->guard, &target);
        if (r < 0 && r != -ENOENT)
                log_error("Claim %" PRIu64 " on process %u cannot be taken out of the kernel: %s.", c->id,
                          target.pid, strerror(-r));
}

static struct task_ref strange_tracer(void *userdata, const struct claim_request *r)
{
        return arbiter_tracer(userdata, &r->target, NULL, &r->owner);
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

/* Anybody can make and release claims by the thousand; the journal would drop our other messages with them.
 */
static bool may_log(struct arbiter *a)
{
        uint64_t now = arbiter_now();

        if (now >= a->logged_ns + LOG_WINDOW_NS) {
                if (a->n_logged > LOG_BURST)
                        log_info("%" PRIu64 " more changes of claims were not logged; ptracectl events has "
                                 "them.",
                                 a->n_logged - LOG_BURST);
                a->logged_ns = now;
                a->n_logged = 0;
        }
        return ++a->n_logged <= LOG_BURST;
}

/* One line for each: the events are the trail, the log is for who reads no events. */
static void log_event(const struct event *e)
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

static void tell(void *userdata, struct event *e)
{
        struct arbiter *a = userdata;

        if (may_log(a))
                log_event(e);
        pump_feed(a->pump, e);
}

static void give_answer(void *userdata, uint64_t ticket, const struct claim_outcome *o)
{
        struct arbiter *a = userdata;
        struct refusal_text why;

        if (o->refusal)
                refusal_of_waiter(o, &why);
        a->sweep |= answers_give(&a->answers, ticket, o->claim, o->refusal ? &why : NULL);
}

/* ---- requests ---------------------------------------------------------------------------------------- */

static int follow_parties(struct arbiter *a, const struct claim_request *r)
{
        const struct guard_owner *o = &r->owner;
        struct task_ref owner = {.pid = o->process.pid, .start = o->process.start};
        int e = arbiter_watch(a, &r->target);

        return e == 0 && o->kind == OWNER_PROCESS ? arbiter_watch(a, &owner) : e;
}

/* Above those of the kernel and of claims that came from a file. */
static uint64_t next_id(struct arbiter *a)
{
        uint64_t id = a->means == MEANS_KERNEL ? guard_next_claim_id(a->guard) : 0;

        id = MAX_OF(id, a->next_id);
        a->next_id = id + 1;
        return id;
}

static struct claim_outcome make(struct arbiter *a, const struct claim_request *r)
{
        struct task_ref tracer = {};
        int e = r->ticket ? follow_parties(a, r) : -ENOMEM;

        if (e < 0)
                return (struct claim_outcome){.refusal = claim_refusal_of_errno(e), .error = e};
        if (claim_needs_tracer(a->book, r))
                tracer = strange_tracer(a, r);
        return claim_make(a->book, next_id(a), r, &tracer, arbiter_now());
}

uint64_t arbiter_claim(struct arbiter *a, const struct claim_request *request, answer_fn fn, void *userdata)
{
        struct claim_request r = *request;
        struct claim_outcome o;
        struct refusal_text why;

        r.ticket = answers_promise(&a->answers, fn, userdata);
        o = make(a, &r);
        if (!o.claim && !o.refusal) { /* it waits */
                arbiter_settle(a);
                return r.ticket;
        }
        a->sweep |= o.refusal;
        if (o.refusal)
                refusal_of_request(&r, &o, arbiter_now(), &why);
        if (!answers_give(&a->answers, r.ticket, o.claim, o.refusal ? &why : NULL))
                fn(userdata, NULL, &why); /* no memory for the promise */
        arbiter_settle(a);
        return 0;
}

void arbiter_cancel(struct arbiter *a, uint64_t ticket)
{
        if (!answers_forget(&a->answers, ticket))
                return;
        a->sweep = true;
        claim_cancel(a->book, ticket, arbiter_now());
        arbiter_settle(a);
}

struct claim_outcome arbiter_renew(struct arbiter *a, uint64_t id, const struct claim_renewal *to,
                                   const struct claimant *by)
{
        struct claim_outcome o = {};
        struct task_ref process = {};

        if (to->owner && to->owner->kind == OWNER_PROCESS) {
                process.pid = to->owner->process.pid;
                process.start = to->owner->process.start;
                o.error = arbiter_watch(a, &process);
                o.refusal = claim_refusal_of_errno(o.error);
        }
        if (!o.refusal)
                o = claim_renew(a->book, id, to, by, arbiter_now());
        a->sweep = true;
        arbiter_settle(a);
        return o;
}

enum claim_refusal arbiter_release(struct arbiter *a, uint64_t id, const struct claimant *by)
{
        enum claim_refusal why = claim_release(a->book, id, by, arbiter_now());

        arbiter_settle(a);
        return why;
}

struct claim_outcome arbiter_enter(struct arbiter *a, uint64_t id, const struct claimant *by)
{
        const struct claim *c = claim_by_id(a->book, id);
        struct claim_outcome o = {.claim = c};
        struct task_ref owner = {};

        o.refusal = c ? claim_check_right(c, by) : REFUSED_NO_CLAIM;
        if (o.refusal == REFUSED_NOT_PERMITTED && by->process.pid &&
            arbiter_admits(&c->request.owner, &by->process))
                o.refusal = CLAIM_NOT_REFUSED;
        if (o.refusal || !a->hold)
                return o;
        if (c->request.owner.kind == OWNER_PROCESS) {
                owner.pid = c->request.owner.process.pid;
                owner.start = c->request.owner.process.start;
        }
        /* Also where claims are kept by the kernel: it may be held, or caught, for another reason. */
        o.error = hold_yield(a->hold, &c->request.target, &owner);
        arbiter_hold_entered(a, &c->request.target);
        if (o.error == -ENOENT || o.error == -ESRCH) /* not held at this moment: nobody is in the way */
                o.error = 0;
        o.refusal = claim_refusal_of_errno(o.error);
        return o;
}

/* ---- policy and `single` ----------------------------------------------------------------------------- */

/* e: type, count, state */
static void tell_policy(struct arbiter *a, struct event e, const char *note, const struct claimant *by)
{
        char words[SENTENCE_MAX];

        if (by) {
                e.actor = by->process;
                e.caller_uid = by->uid;
        }
        snprintf(e.note, sizeof(e.note), "%.*s", (int)sizeof(e.note) - 1, note);
        text_escape(note, words, sizeof(words));
        if (by)
                log_notice("%s: %s (process %u, user %u).", event_type_to_string(e.type), words,
                           by->process.pid, by->uid);
        else
                log_notice("%s: %s.", event_type_to_string(e.type), words);
        pump_feed(a->pump, &e);
}

int arbiter_set_state(struct arbiter *a, enum guard_state state, const struct claimant *by)
{
        char note[SENTENCE_MAX];
        int r;

        if (a->means != MEANS_KERNEL)
                return state == GUARD_OFF ? 0 : -EOPNOTSUPP;
        r = guard_set_state(a->guard, state);
        if (r < 0)
                return r;
        snprintf(note, sizeof(note), "the rule single is %s", guard_state_to_string(state));
        tell_policy(a, (struct event){.type = EV_POLICY_GUARD, .guard_state = (int32_t)state}, note, by);
        return 0;
}

int arbiter_clear(struct arbiter *a, const struct claimant *by)
{
        int r = a->means == MEANS_KERNEL ? guard_clear(a->guard) : 0;

        /* The book follows in any case: who asks for this wants no claim to stand. */
        a->clearing = r == 0;
        a->rules_in_force = false;
        claim_end_all(a->book, CLAIM_GUARD_OFF, by, arbiter_now());
        a->clearing = false;
        tell_policy(a, (struct event){.type = EV_POLICY_GUARD, .guard_state = GUARD_OFF},
                    "cleared: every claim, rule and single ended", by);
        arbiter_settle(a);
        return r;
}

/* Rules that would refuse something. */
static size_t n_refusing(const struct policy *p)
{
        size_t n = 0;

        for (size_t i = 0; i < p->n; i++)
                n += p->rules[i].rule.say != SAY_OFF || p->rules[i].rule.flags & RULE_F_MEMORY_DENY;
        return n;
}

static int put_in_force(struct arbiter *a, const struct policy *p)
{
        struct guard_rule *rules;
        int r;

        if (a->means != MEANS_KERNEL) {
                if (n_refusing(p))
                        log_warning("The %zu rules of %s are read, but not enforced: this kernel lets "
                                    "ptraced refuse no attach. Claims work, by hold.",
                                    p->n, a->policy_dir);
                return 0;
        }
        rules = calloc(MAX_OF(p->n, (size_t)1), sizeof(*rules));
        if (!rules)
                return -ENOMEM;
        for (size_t i = 0; i < p->n; i++)
                rules[i] = p->rules[i].rule;
        r = guard_set_rules(a->guard, rules, p->n);
        free(rules);
        return r;
}

static int load(struct arbiter *a, struct policy *p, char *error, size_t size)
{
        int r = policy_load(p, a->policy_dir, error, size);

        if (r < 0)
                return r;
        r = put_in_force(a, p);
        if (r < 0)
                snprintf(error, size, "The rules of %s cannot be put in force: %s.", a->policy_dir,
                         strerror(-r));
        return r;
}

int arbiter_reload(struct arbiter *a, const struct claimant *by, char *error, size_t size)
{
        struct policy *p = calloc(1, sizeof(*p));
        char note[SENTENCE_MAX];
        int r = p ? load(a, p, error, size) : -ENOMEM;

        if (!p)
                snprintf(error, size, "There is no memory for the policy.");
        if (r < 0) {
                snprintf(a->policy_error, sizeof(a->policy_error), "%s", error);
                tell_policy(a, (struct event){.type = EV_POLICY_REJECTED}, error, by);
                free(p);
                return r;
        }
        free(a->policy);
        a->policy = p;
        a->policy_wall_ns = wall_now();
        a->policy_error[0] = '\0';
        a->rules_in_force = a->means == MEANS_KERNEL;
        snprintf(note, sizeof(note), "%zu rules of %s", p->n, a->policy_dir);
        tell_policy(a, (struct event){.type = EV_POLICY_LOADED, .count = p->n}, note, by);
        return 0;
}

/* At start. Silent where there is no policy and never was. */
static void load_first(struct arbiter *a)
{
        struct policy *p = calloc(1, sizeof(*p));
        struct guard_status status = {};
        char error[POLICY_ERROR_MAX] = "";
        int r;

        if (!p)
                return;
        if (a->means == MEANS_KERNEL)
                guard_get_status(a->guard, &status);
        r = policy_load(p, a->policy_dir, error, sizeof(error));
        if (r == 0 && p->n == 0 && status.n_rules == 0) {
                a->policy = p;
                a->policy_wall_ns = wall_now();
                a->rules_in_force = a->means == MEANS_KERNEL;
                return;
        }
        free(p);
        r = arbiter_reload(a, NULL, error, sizeof(error));
        if (r < 0)
                log_error("%s %s", error,
                          status.n_rules
                                  ? "The rules that an earlier daemon put in force stay; what they are "
                                    "called is not known."
                                  : "No rule is in force.");
}

const struct policy *arbiter_policy(const struct arbiter *a, uint64_t *ret_wall_ns, const char **ret_error)
{
        *ret_wall_ns = a->policy_wall_ns;
        *ret_error = a->policy_error;
        return a->policy;
}

const char *arbiter_policy_dir(const struct arbiter *a)
{
        return a->policy_dir;
}

enum guard_state arbiter_state(const struct arbiter *a)
{
        struct guard_status s;

        if (a->means != MEANS_KERNEL)
                return GUARD_OFF;
        guard_get_status(a->guard, &s);
        return s.state;
}

bool arbiter_enforces(const struct arbiter *a)
{
        return a->means == MEANS_KERNEL && a->rules_in_force;
}

const char *arbiter_rule_name(const struct arbiter *a, size_t index)
{
        return a->policy && index && index <= a->policy->n ? a->policy->rules[index - 1].name : "";
}

const char *arbiter_owner_text(const struct arbiter *a, uint64_t claim)
{
        const struct claim *c = claim ? claim_by_id(a->book, claim) : NULL;

        return c ? c->request.owner_text : "";
}

void arbiter_pins_removed(struct arbiter *a)
{
        a->clearing = true;
        a->rules_in_force = false;
        claim_end_all(a->book, CLAIM_GUARD_OFF, NULL, arbiter_now());
        a->clearing = false;
        tell_policy(a, (struct event){.type = EV_POLICY_GUARD, .guard_state = GUARD_OFF},
                    "the pins were removed: every claim, rule and single ended", NULL);
        arbiter_settle(a);
}

/* ---- from beginning to end --------------------------------------------------------------------------- */

enum arbiter_means arbiter_means(const struct arbiter *a)
{
        return a->means;
}

const struct claim_book *arbiter_book(const struct arbiter *a)
{
        return a->book;
}

static int on_save(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        arbiter_save(userdata);
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
        if (a->means == MEANS_HOLD) {
                arbiter_save(a);
                return;
        }
        sd_event_source_get_enabled(a->save, &enabled);
        if (enabled != SD_EVENT_OFF)
                return;
        sd_event_source_set_time_relative(a->save, SAVE_AFTER_US);
        sd_event_source_set_enabled(a->save, SD_EVENT_ONESHOT);
}

void arbiter_settle(struct arbiter *a)
{
        uint64_t next = claim_expire(a->book, arbiter_now());

        if (next == UINT64_MAX)
                sd_event_source_set_enabled(a->expiry, SD_EVENT_OFF);
        else {
                sd_event_source_set_time(a->expiry, next / 1000 + 1);
                sd_event_source_set_enabled(a->expiry, SD_EVENT_ONESHOT);
        }
        save_soon(a);
}

static int set_up(struct arbiter *a, uint64_t grace_ns)
{
        const struct claim_sink sink = {
                .userdata = a,
                .install = install,
                .remove = uninstall,
                .answer = give_answer,
                .event = tell,
                .holder = strange_tracer,
        };
        int r = claim_book_new(&a->book, &sink, grace_ns);

        if (r == 0)
                r = answers_init(&a->answers);
        if (r == 0)
                r = table_init(&a->watches);
        if (r == 0)
                r = sd_event_add_time(a->event, &a->save, CLOCK_MONOTONIC, 0, 0, on_save, a);
        if (r >= 0)
                r = sd_event_source_set_enabled(a->save, SD_EVENT_OFF);
        return r < 0 ? r : arbiter_follow_start(a);
}

int arbiter_new(struct arbiter **ret, const struct arbiter_parts *parts)
{
        struct arbiter *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        a->event = parts->event;
        a->guard = parts->guard;
        a->hold = parts->hold;
        a->pump = parts->pump;
        a->next_id = 1;
        a->means = a->guard && guard_available(a->guard) ? MEANS_KERNEL : MEANS_HOLD;
        a->state_dir = strdup(parts->state_dir);
        a->policy_dir = strdup(parts->policy_dir ?: POLICY_DEFAULT_DIR);
        list_init(&a->all_watches);
        procfs_boot_id(a->boot_id);
        r = a->state_dir && a->policy_dir ? set_up(a, parts->grace_ns) : -ENOMEM;
        if (r < 0) {
                arbiter_free(a);
                return r;
        }
        load_first(a);
        arbiter_take_over(a);
        arbiter_settle(a);
        *ret = a;
        return 0;
}

/* Each is told once; what they wait for goes on without them. */
static void dismiss_waiters(struct arbiter *a)
{
        const struct claim_outcome stopping = {.refusal = REFUSED_STOPPING};
        struct refusal_text why;
        uint64_t ticket;

        refusal_of_waiter(&stopping, &why);
        while ((ticket = answers_any(&a->answers))) {
                claim_cancel(a->book, ticket, arbiter_now());
                answers_give(&a->answers, ticket, NULL, &why);
        }
}

struct arbiter *arbiter_free(struct arbiter *a)
{
        if (!a)
                return NULL;
        if (a->answers.waiting.buckets)
                dismiss_waiters(a);
        if (a->book && a->save && (a->unsaved || claim_count(a->book)))
                arbiter_save(a);
        if (a->watches.buckets)
                arbiter_follow_stop(a);
        sd_event_source_disable_unref(a->save);
        claim_book_free(a->book);
        answers_done(&a->answers);
        table_done(&a->watches);
        free(a->policy);
        free(a->state_dir);
        free(a->policy_dir);
        free(a);
        return NULL;
}
