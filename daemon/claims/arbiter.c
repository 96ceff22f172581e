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

/* ---- answers ----------------------------------------------------------------------------------------- */

static struct pending *find_pending(const struct arbiter *a, uint64_t ticket)
{
        for (struct table_node *n = table_first(&a->pending, table_hash(ticket)); n; n = table_next(n)) {
                struct pending *p = LIST_ENTRY(n, struct pending, node);

                if (p->ticket == ticket)
                        return p;
        }
        return NULL;
}

static const struct {
        enum claim_end why;
        const char *words;
} why_not[] = {
        {CLAIM_TARGET_GONE, "the process ended"},
        {CLAIM_OWNER_GONE, "its owner ended"},
        {CLAIM_GUARD_OFF, "the guard was switched off"},
        {CLAIM_TAKEN_OVER, "somebody else took it"},
        {CLAIM_RELEASED, "it was released"},
};

static void answer(void *userdata, uint64_t ticket, const struct claim *c, int error, enum claim_end why)
{
        struct arbiter *a = userdata;
        struct pending *p = find_pending(a, ticket);
        const char *words = strerror(error ? -error : EIO);
        char sentence[SENTENCE_MAX];

        if (!p)
                return;
        a->sweep = true;
        for (size_t i = 0; i < ELEMENTSOF(why_not); i++)
                if (why_not[i].why == why)
                        words = why_not[i].words;
        snprintf(sentence, sizeof(sentence), "The claim that was waited for is not made: %s.", words);
        table_remove(&a->pending, &p->node);
        p->done(p->userdata, c, error, c ? "" : sentence, "");
        free(p);
}

static void say_claimed(const struct claim *c, char *sentence, char *hint)
{
        uint64_t seconds = (arbiter_now() - MIN_OF(c->made_ns, arbiter_now())) / NSEC_PER_SEC;
        char owner[SHOWN_MAX], target[SHOWN_MAX], waiting[32] = "";

        if (c->n_waiters)
                snprintf(waiting, sizeof(waiting), "; %u waiting", c->n_waiters);
        snprintf(sentence, SENTENCE_MAX,
                 "Process %u (%s) is claimed for %s, since %" PRIu64 " s, by user %u (claim %" PRIu64 "%s).",
                 c->request.target.pid, text_escape(c->request.target.comm, target, sizeof(target)),
                 text_escape(c->request.owner_text, owner, sizeof(owner)), seconds, c->request.asker.uid,
                 c->id, waiting);
        snprintf(hint, SENTENCE_MAX, "Wait for your turn with --wait, or take it over with --take.");
}

static void say_traced(const struct claim_request *r, const struct task_ref *holder, char *sentence,
                       char *hint)
{
        char comm[SHOWN_MAX];

        if (holder->pid)
                snprintf(sentence, SENTENCE_MAX,
                         "Process %u is traced by pid %u (%s), which a claim for %s does not admit.",
                         r->target.pid, holder->pid, text_escape(holder->comm, comm, sizeof(comm)),
                         r->owner_text);
        else
                snprintf(sentence, SENTENCE_MAX, "Others wait for process %u already.", r->target.pid);
        snprintf(hint, SENTENCE_MAX,
                 "Wait until it has left with --wait. With --take the claim is made now, and that tracer "
                 "stays "
                 "until it leaves: nobody can detach it.");
}

static const struct {
        int error;
        const char *sentence, *hint;
} failures[] = {
        {-ESRCH, "There is no such process any more.", ""},
        {-EDQUOT,
         "There are too many claims or waiters: 4096 claims and 1024 waiters in all, 256 of each of "
         "one user, 64 claims where they are kept by hold.",
         "Release some; `ptracectl claims` shows them."},
        {-E2BIG, "The process has too many threads to be held.", ""},
        {-EOPNOTSUPP,
         "Nothing here can keep a claim: this kernel lets ptraced refuse no attach, and hold is "
         "not possible either.",
         "`ptracectl doctor` says what is missing."},
};

static void fail(const struct claim_request *r, int error, const struct claim *other,
                 const struct task_ref *holder, arbiter_done done, void *userdata)
{
        char sentence[SENTENCE_MAX], hint[SENTENCE_MAX] = "";

        snprintf(sentence, sizeof(sentence), "The claim cannot be made: %s.", strerror(-error));
        if (other && (error == -EBUSY || error == -EALREADY || error == -EPERM)) {
                say_claimed(other, sentence, hint);
                if (error == -EPERM)
                        snprintf(hint, sizeof(hint),
                                 "Root or group ptraced made that claim, so only they can take it over.");
                if (error == -EALREADY)
                        snprintf(hint, sizeof(hint), "It is yours: renew or release it.");
        } else if (error == -EBUSY) {
                error = -EUSERS;
                say_traced(r, holder, sentence, hint);
        } else
                for (size_t i = 0; i < ELEMENTSOF(failures); i++)
                        if (failures[i].error == error) {
                                snprintf(sentence, sizeof(sentence), "%s", failures[i].sentence);
                                snprintf(hint, sizeof(hint), "%s", failures[i].hint);
                        }
        done(userdata, NULL, error, sentence, hint);
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

uint64_t arbiter_claim(struct arbiter *a, const struct claim_request *request, arbiter_done done,
                       void *userdata)
{
        struct pending *p = calloc(1, sizeof(*p));
        struct claim_request r = *request;
        const struct claim *c = NULL, *other = NULL;
        struct task_ref holder = {};
        int e = p ? follow_parties(a, &r) : -ENOMEM;

        r.ticket = a->next_ticket++;
        if (e == 0) {
                *p = (struct pending){.ticket = r.ticket, .done = done, .userdata = userdata};
                e = claim_make(a->book, next_id(a), &r, arbiter_now(), &c, &other, &holder);
        }
        if (e == 0)
                table_insert(&a->pending, &p->node, table_hash(p->ticket));
        else
                free(p);
        a->sweep |= e < 0;
        if (e < 0)
                fail(&r, e, other, &holder, done, userdata);
        else if (e > 0)
                done(userdata, c, 0, "", "");
        arbiter_settle(a);
        return e == 0 ? r.ticket : 0;
}

void arbiter_cancel(struct arbiter *a, uint64_t ticket)
{
        struct pending *p = find_pending(a, ticket);

        if (!p)
                return;
        table_remove(&a->pending, &p->node);
        free(p);
        a->sweep = true;
        claim_cancel(a->book, ticket, arbiter_now());
        arbiter_settle(a);
}

int arbiter_renew(struct arbiter *a, uint64_t id, const struct claim_renewal *to, const struct claimant *by,
                  const struct claim **ret)
{
        struct task_ref process = {};
        int r = 0;

        if (to->owner && to->owner->kind == OWNER_PROCESS) {
                process.pid = to->owner->process.pid;
                process.start = to->owner->process.start;
                r = arbiter_watch(a, &process);
        }
        if (r == 0)
                r = claim_renew(a->book, id, to, by, arbiter_now(), ret);
        a->sweep = true;
        arbiter_settle(a);
        return r;
}

int arbiter_release(struct arbiter *a, uint64_t id, const struct claimant *by)
{
        int r = claim_release(a->book, id, by, arbiter_now());

        arbiter_settle(a);
        return r;
}

int arbiter_enter(struct arbiter *a, uint64_t id, const struct claimant *by)
{
        const struct claim *c = claim_by_id(a->book, id);
        struct task_ref owner = {};
        int r;

        if (!c)
                return -ENOENT;
        r = claim_check_right(c, by);
        if (r == -EPERM && by->process.pid && arbiter_admits(&c->request.owner, &by->process))
                r = 0;
        if (r < 0 || !a->hold)
                return r;
        if (c->request.owner.kind == OWNER_PROCESS) {
                owner.pid = c->request.owner.process.pid;
                owner.start = c->request.owner.process.start;
        }
        /* Also where claims are kept by the kernel: it may be held, or caught, for another reason. */
        r = hold_yield(a->hold, &c->request.target, &owner);
        arbiter_hold_entered(a, &c->request.target);
        return r == -ENOENT || r == -ESRCH ? 0 : r; /* not held at this moment: nobody is in the way */
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
                .answer = answer,
                .event = tell,
                .holder = strange_tracer,
        };
        int r = claim_book_new(&a->book, &sink, grace_ns);

        if (r == 0)
                r = table_init(&a->pending);
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
        a->next_ticket = a->next_id = 1;
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
        for (size_t i = 0; i < a->pending.n_buckets; i++)
                while (a->pending.buckets[i]) {
                        struct pending *p = LIST_ENTRY(a->pending.buckets[i], struct pending, node);

                        table_remove(&a->pending, &p->node);
                        claim_cancel(a->book, p->ticket, arbiter_now());
                        p->done(p->userdata, NULL, -ECANCELED, "The daemon stops; nobody waits any more.",
                                "Ask again when it is back.");
                        free(p);
                }
}

struct arbiter *arbiter_free(struct arbiter *a)
{
        if (!a)
                return NULL;
        if (a->pending.buckets)
                dismiss_waiters(a);
        if (a->book && a->save && (a->unsaved || claim_count(a->book)))
                arbiter_save(a);
        if (a->watches.buckets)
                arbiter_follow_stop(a);
        sd_event_source_disable_unref(a->save);
        claim_book_free(a->book);
        table_done(&a->pending);
        table_done(&a->watches);
        free(a->policy);
        free(a->state_dir);
        free(a->policy_dir);
        free(a);
        return NULL;
}
