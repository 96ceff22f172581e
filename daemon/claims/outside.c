/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/outside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"
#include "daemon/claims/owner.h"

#define SECOND_US       1000000
#define SECOND_ACCURACY 100000
#define CHANGED_MAX     256 /* targets whose tracers changed; with more all are looked at */
#define ATTACHES_MAX    64  /* to audited claims, between two looks; more are not told */
#define CHECKS_A_TURN   64  /* claims and queues looked at before others have their turn */

/* Somebody attached to a process whose claim only looks on. */
struct seen_attach {
        struct task_ref tracer, target;
        int32_t request;
};

struct outside {
        struct arbiter *arbiter;
        const struct claim_book *book;
        struct pump *pump;
        sd_event_source *second, *later;

        struct task_ref changed[CHANGED_MAX];
        size_t n_changed;
        size_t awaited_left, awaited_at; /* queues still to be looked at in this round, and the next one */
        size_t claim_at;

        struct seen_attach attaches[ATTACHES_MAX], last_told;
        size_t n_attaches;
};

/* ---- tracers come and go ----------------------------------------------------------------------------- */

static void look_again(struct outside *o)
{
        sd_event_source_set_enabled(o->later, SD_EVENT_ONESHOT);
}

static void look_at_all(struct outside *o)
{
        o->awaited_left = claim_count(o->book) + claim_waiters(o->book);
        look_again(o);
}

static void note_change(struct outside *o, const struct task_ref *target)
{
        for (size_t i = 0; i < o->n_changed; i++)
                if (o->changed[i].pid == target->pid && o->changed[i].start == target->start)
                        return;
        if (o->n_changed == CHANGED_MAX) {
                look_at_all(o);
                return;
        }
        o->changed[o->n_changed++] = *target;
        look_again(o);
}

/* In the kernel the guard records them itself. */
static void note_attach(struct outside *o, const struct event *e)
{
        const struct claim *c = claim_of(o->book, e->target.pid);
        struct seen_attach *at = &o->attaches[o->n_attaches];

        if (arbiter_means(o->arbiter) != MEANS_HOLD || !c || c->request.mode != GUARD_AUDIT ||
            o->n_attaches == ATTACHES_MAX)
                return;
        for (size_t i = 0; i < o->n_attaches; i++) /* a debugger attaches to one thread after the other */
                if (o->attaches[i].tracer.pid == e->tracer.pid && o->attaches[i].target.pid == e->target.pid)
                        return;
        *at = (struct seen_attach){
                .tracer = e->tracer,
                .target = c->request.target,
                .request = e->type == EV_PTRACE_SEIZE ? PTRACE_SEIZE : PTRACE_ATTACH,
        };
        o->n_attaches++;
}

/* What enforce would have refused, had it been asked for. Who came and went in between is not told of. */
static void tell_attach(struct outside *o, const struct seen_attach *at)
{
        const struct claim *c = claim_of(o->book, at->target.pid);
        struct event e = {.type = EV_CLAIM_AUDIT, .actor = at->tracer, .target = at->target};
        struct proc_status tracer, target;

        if (!c || procfs_status(at->tracer.pid, 0, &tracer) < 0 ||
            procfs_status(at->target.pid, 0, &target) < 0 || tracer.ppid == at->target.pid ||
            owner_admits(&c->request.owner, &at->tracer) ||
            (task_same_process(&at->tracer, &o->last_told.tracer) &&
             task_same_process(&at->target, &o->last_told.target)))
                return;
        o->last_told = *at;
        e.claim = c->id;
        e.request = at->request;
        e.guard_reason = GUARD_CLAIMED;
        e.guard_source = SOURCE_CLAIM;
        e.caller_uid = tracer.ruid;
        e.target_uid = target.ruid;
        snprintf(e.owner, sizeof(e.owner), "%s", c->request.owner_text);
        pump_feed(o->pump, &e);
}

static void tell_attaches(struct outside *o)
{
        size_t n = TAKE(o->n_attaches, 0);

        for (size_t i = 0; i < n; i++) {
                struct seen_attach at = o->attaches[i];

                tell_attach(o, &at);
        }
}

/* Only noted here: an event may come from the middle of anything. */
static void note_event(void *userdata, const struct event *e)
{
        struct outside *o = userdata;
        struct task_ref process = {.pid = e->target.pid, .start = e->target.start};

        if (!claim_count(o->book) && !claim_waiters(o->book))
                return;
        switch (e->type) {
        case EV_TRACER_EXIT:
                look_at_all(o);
                return;
        case EV_PTRACE_ATTACH:
        case EV_PTRACE_SEIZE:
                note_attach(o, e);
                /* fall through */
        case EV_PTRACE_DETACH:
        case EV_PTRACE_TRACEME:
        case EV_PTRACE_AUTOATTACH:
        case EV_TASK_EXEC:
                if (claim_follows(o->book, &process))
                        note_change(o, &process);
                return;
        default:
                return;
        }
}

struct batch {
        struct task_ref targets[CHECKS_A_TURN];
        size_t n, skip, seen;
};

static int add_to_batch(struct batch *b, const struct task_ref *target)
{
        if (b->seen++ < b->skip)
                return 0;
        b->targets[b->n++] = *target;
        return b->n == CHECKS_A_TURN;
}

static int add_awaited(void *userdata, const struct task_ref *target)
{
        return add_to_batch(userdata, target);
}

static int add_claim(void *userdata, const struct claim *c)
{
        return c->request.asker.privileged ? 0 : add_to_batch(userdata, &c->request.target);
}

static void check_awaited(struct outside *o)
{
        struct batch b = {.skip = o->awaited_at};

        claim_each_awaited(o->book, add_awaited, &b);
        for (size_t i = 0; i < b.n; i++)
                arbiter_check(o->arbiter, &b.targets[i]);
        o->awaited_at += b.n;
        o->awaited_left -= MIN_OF(o->awaited_left, b.n);
        if (b.n < CHECKS_A_TURN) /* once around */
                o->awaited_at = o->awaited_left = 0;
}

static int on_later(sd_event_source *source _unused_, void *userdata)
{
        struct outside *o = userdata;
        struct task_ref changed[CHANGED_MAX];
        size_t n = o->n_changed;

        memcpy(changed, o->changed, n * sizeof(changed[0]));
        o->n_changed = 0;
        for (size_t i = 0; i < n; i++)
                arbiter_check(o->arbiter, &changed[i]);
        tell_attaches(o);
        if (o->awaited_left)
                check_awaited(o);
        if (o->awaited_left || o->n_changed)
                look_again(o);
        arbiter_settle(o->arbiter);
        return 0;
}

/* ---- time -------------------------------------------------------------------------------------------- */

/* A set-uid exec may not have been seen: some claims are compared with /proc every second, in turn. */
static void check_some_claims(struct outside *o)
{
        struct batch b = {.skip = o->claim_at};

        claim_each(o->book, add_claim, &b);
        for (size_t i = 0; i < b.n; i++)
                arbiter_check_claim(o->arbiter, b.targets[i].pid);
        o->claim_at = b.n < CHECKS_A_TURN ? 0 : o->claim_at + b.n;
}

static int on_each_second(sd_event_source *source, uint64_t usec _unused_, void *userdata)
{
        struct outside *o = userdata;

        arbiter_tick(o->arbiter);
        check_some_claims(o);
        if (!o->awaited_left && claim_waiters(o->book) + claim_count(o->book))
                look_at_all(o);
        arbiter_settle(o->arbiter);
        return sd_event_source_set_time_relative(source, SECOND_US);
}

/* ---- from beginning to end --------------------------------------------------------------------------- */

void outside_hold_changed(struct outside *o, const struct hold_view *v)
{
        const struct claim *c = claim_of(o->book, v->target.pid);

        if (c && task_same_process(&c->request.target, &v->target))
                note_change(o, &c->request.target);
}

static int start_outside(struct outside *o, sd_event *event)
{
        int r = sd_event_add_defer(event, &o->later, on_later, o);

        if (r >= 0)
                r = sd_event_source_set_enabled(o->later, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &o->second, CLOCK_MONOTONIC, SECOND_US,
                                               SECOND_ACCURACY, on_each_second, o);
        if (r >= 0)
                r = sd_event_source_set_enabled(o->second, SD_EVENT_ON);
        return r < 0 ? r : pump_follow(o->pump, note_event, o);
}

int outside_new(struct outside **ret, sd_event *event, struct arbiter *arbiter, struct pump *pump)
{
        struct outside *o = calloc(1, sizeof(*o));
        int r;

        if (!o)
                return -ENOMEM;
        o->arbiter = arbiter;
        o->book = arbiter_book(arbiter);
        o->pump = pump;
        r = start_outside(o, event);
        if (r < 0) {
                outside_free(o);
                return r;
        }
        *ret = o;
        return 0;
}

struct outside *outside_free(struct outside *o)
{
        if (!o)
                return NULL;
        pump_unfollow(o->pump, note_event, o);
        sd_event_source_disable_unref(o->later);
        sd_event_source_disable_unref(o->second);
        free(o);
        return NULL;
}
