/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/claim/claim.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/claim/claim_impl.h"
#include "lib/base/cleanup.h"

/* ---- events ------------------------------------------------------------------------------------------ */

/* by: NULL for the passing of time or the end of a process. */
static struct event event_of(enum event_type type, const struct claim *c, const struct claimant *by)
{
        struct event e = {
                .type = type,
                .target = c->request.target,
                .claim = c->id,
                .guard_mode = (int32_t)c->request.mode,
                .lease_ns = c->request.lease_ns,
        };

        if (by) {
                e.actor = by->process;
                e.caller_uid = by->uid;
        }
        snprintf(e.owner, sizeof(e.owner), "%s", c->request.owner_text);
        return e;
}

static void pass_on(struct claim_book *b, struct event *e)
{
        if (b->sink.event)
                b->sink.event(b->sink.userdata, e);
}

static void tell_made(struct claim_book *b, const struct entry *e, const struct task_ref *tracer)
{
        struct event ev = event_of(EV_CLAIM_MADE, &e->claim, &e->claim.request.asker);

        ev.tracer = *tracer;
        if (tracer->pid)
                snprintf(ev.note, sizeof(ev.note), "pid %u (%s) traces it until it leaves", tracer->pid,
                         tracer->comm);
        else if (e->claim.made_ns > e->since_ns)
                snprintf(ev.note, sizeof(ev.note), "after waiting");
        pass_on(b, &ev);
}

static void tell_queued(struct claim_book *b, const struct entry *e)
{
        struct event ev = event_of(EV_CLAIM_QUEUED, &e->claim, &e->claim.request.asker);

        ev.count = e->place->n_waiting;
        pass_on(b, &ev);
}

static void tell_ended(struct claim_book *b, const struct claim *c, enum claim_end why,
                       const struct claimant *by)
{
        struct event ev = event_of(EV_CLAIM_ENDED, c, by);

        ev.claim_end = (int32_t)why;
        pass_on(b, &ev);
}

/* The loser's claim, and who admits whom now. */
static void tell_taken(struct claim_book *b, const struct claim *c, const struct claim_request *taker)
{
        struct event ev = event_of(EV_CLAIM_TAKEN, c, &taker->asker);

        snprintf(ev.note, sizeof(ev.note), "was for %.80s", c->request.owner_text);
        snprintf(ev.owner, sizeof(ev.owner), "%s", taker->owner_text);
        pass_on(b, &ev);
}

/* ---- making and ending ------------------------------------------------------------------------------- */

static const struct {
        int error;
        enum claim_refusal refusal;
} system_refusals[] = {
        {-ESRCH, REFUSED_PROCESS_GONE},
        {-EDQUOT, REFUSED_LIMIT},
        {-E2BIG, REFUSED_THREADS},
        {-EOPNOTSUPP, REFUSED_NO_MEANS},
};

enum claim_refusal claim_refusal_of_errno(int error)
{
        for (size_t i = 0; i < ELEMENTSOF(system_refusals); i++)
                if (system_refusals[i].error == error)
                        return system_refusals[i].refusal;
        return error < 0 ? REFUSED_BY_SYSTEM : CLAIM_NOT_REFUSED;
}

static struct claim_outcome outcome_of(const struct claim *c)
{
        return (struct claim_outcome){.claim = c};
}

static struct claim_outcome refused(enum claim_refusal why)
{
        return (struct claim_outcome){.refusal = why};
}

static struct claim_outcome system_refused(int error)
{
        return (struct claim_outcome){.refusal = claim_refusal_of_errno(error), .error = error};
}

/* What a claim's end means for who still waits for it. */
static struct claim_outcome ended(enum claim_end why)
{
        static const enum claim_refusal refusals[] = {
                [CLAIM_RELEASED] = REFUSED_RELEASED,     [CLAIM_LEASE_OVER] = REFUSED_RELEASED,
                [CLAIM_OWNER_GONE] = REFUSED_OWNER_GONE, [CLAIM_TARGET_GONE] = REFUSED_PROCESS_GONE,
                [CLAIM_TAKEN_OVER] = REFUSED_TAKEN_OVER, [CLAIM_GUARD_OFF] = REFUSED_GUARD_OFF,
        };
        static_assert(ELEMENTSOF(refusals) == _CLAIM_END_MAX, "a refusal for each end");

        return refused(refusals[why]);
}

/* Who waits for it, if somebody does, is told by whoever calls. */
static struct claim_outcome address(struct claim_book *b, struct entry *e, struct claim_outcome o)
{
        o.waited = e->claim.request.wait;
        o.ticket = e->asked ? e->claim.request.ticket : 0;
        if (e->asked)
                claim_unask(b, e);
        return o;
}

/* Tells the client that waits, if one does. */
static void answer_ticket(struct claim_book *b, struct entry *e, struct claim_outcome o)
{
        o = address(b, e, o);
        if (o.ticket)
                b->sink.answer(b->sink.userdata, &o);
}

static struct task_ref holder(const struct claim_book *b, const struct claim_request *r)
{
        return b->sink.holder ? b->sink.holder(b->sink.userdata, r) : (struct task_ref){};
}

static uint64_t lease_end(uint64_t lease_ns, uint64_t now)
{
        return lease_ns ? now + lease_ns : 0;
}

/* `former` is the claim that it replaces, or NULL. */
static int check_room(const struct claim_book *b, const struct entry *e, const struct entry *former)
{
        size_t of_uid = e->user->n_claims, all = b->n_claims;

        if (former) {
                all--;
                of_uid -= former->user == e->user;
        }
        if (all >= GUARD_CLAIMS_MAX || (!e->claim.request.asker.privileged && of_uid >= CLAIM_PER_UID_MAX))
                return -EDQUOT;
        return 0;
}

/* Puts it in force, or begins to. On failure it is as before. The caller sees to a former claim, then links
 * this one. */
static int install(struct claim_book *b, struct entry *e, bool reserved, uint64_t now)
{
        int r = check_room(b, e, e->place->claim);

        if (r < 0)
                return r;
        e->claim.made_ns = now;
        e->claim.end_ns = lease_end(e->claim.request.lease_ns, now);
        e->claim.reserved = reserved;
        r = b->sink.install(b->sink.userdata, &e->claim);
        if (r != -EINPROGRESS)
                return r;
        e->installing = e->claim.reserved = true;
        return 0;
}

static void drop_waiter(struct claim_book *b, struct entry *w, struct claim_outcome o)
{
        answer_ticket(b, w, o);
        claim_unfollow_owner(b, w);
        claim_entry_free(b, w);
}

/*
 * The place has no claim: the first in the queue for whom it can be made gets it. handed_over: a claim ended
 * at this moment, so a tracer that is still there is the former owner's, and the next claim is reserved.
 */
static void serve(struct claim_book *b, struct claim_place *p, bool handed_over, uint64_t now)
{
        struct entry *w;

        while (!p->claim && (w = claim_first_waiter(p))) {
                struct task_ref tracer = holder(b, &w->claim.request);
                int r;

                if (tracer.pid && !handed_over)
                        return;
                claim_dequeue(b, w);
                r = install(b, w, tracer.pid != 0, now);
                if (r < 0) {
                        drop_waiter(b, w, system_refused(r));
                        continue;
                }
                claim_link(b, w);
                if (w->installing)
                        return;
                tell_made(b, w, &tracer);
                if (!w->claim.reserved)
                        answer_ticket(b, w, outcome_of(&w->claim));
        }
}

/* All who wait for it get nothing. */
static void empty_queue(struct claim_book *b, struct claim_place *p, enum claim_end why)
{
        struct entry *w;

        while ((w = claim_first_waiter(p))) {
                claim_dequeue(b, w);
                drop_waiter(b, w, ended(why));
        }
}

/* Ends it for its owner; the next waiter comes in its place. */
static void end(struct claim_book *b, struct entry *e, enum claim_end why, const struct claimant *by,
                uint64_t now)
{
        struct claim_place *p = e->place;

        if (!e->installing) /* nobody was told that it was made */
                tell_ended(b, &e->claim, why, by);
        claim_unlink(b, e);
        answer_ticket(b, e, ended(why));
        if (why == CLAIM_TARGET_GONE)
                empty_queue(b, p, why);
        else
                serve(b, p, true, now);
        if (!p->claim)
                b->sink.remove(b->sink.userdata, &e->claim);
        claim_entry_free(b, e);
        claim_place_put(b, p);
}

/* Its claim and its queue, whatever they are, are of a process that is no more. */
static void place_gone(struct claim_book *b, struct claim_place *p, uint64_t now)
{
        if (p->claim) {
                end(b, p->claim, CLAIM_TARGET_GONE, NULL, now);
                return;
        }
        empty_queue(b, p, CLAIM_TARGET_GONE);
        claim_place_put(b, p);
}

/* ---- requests ---------------------------------------------------------------------------------------- */

static bool same_owner(const struct claim_request *a, const struct claim_request *b)
{
        return a->asker.uid == b->asker.uid && !memcmp(&a->owner, &b->owner, sizeof(a->owner));
}

static enum claim_refusal check_taking(const struct claim *c, const struct claim_request *r)
{
        return c->request.asker.privileged && !r->asker.privileged ? REFUSED_ROOTS : CLAIM_NOT_REFUSED;
}

/* Who is in the way of a request that does not wait. */
static enum claim_refusal check_way(const struct claim_place *p, const struct claim_request *r,
                                    const struct task_ref *tracer)
{
        const struct claim *c = p->claim ? &p->claim->claim : NULL;

        if (c && r->take)
                return check_taking(c, r);
        if (c)
                return same_owner(&c->request, r) && !r->wait ? REFUSED_YOURS : REFUSED_CLAIMED;
        if (r->take)
                return CLAIM_NOT_REFUSED;
        if (tracer->pid)
                return REFUSED_TRACED;
        return p->n_waiting ? REFUSED_QUEUE : CLAIM_NOT_REFUSED;
}

/* What passes by itself. */
static bool is_worth_waiting(enum claim_refusal why)
{
        return why == REFUSED_CLAIMED || why == REFUSED_TRACED || why == REFUSED_QUEUE;
}

/* e is on its way into the queue of its place, and freed if it does not get there. */
static struct claim_outcome queue_up(struct claim_book *b, struct entry *e)
{
        if (b->n_waiters >= CLAIM_WAITERS_MAX ||
            (!e->claim.request.asker.privileged && e->user->n_waiters >= CLAIM_WAITERS_PER_UID)) {
                claim_entry_free(b, e);
                return refused(REFUSED_LIMIT);
        }
        claim_enqueue(b, e);
        tell_queued(b, e);
        return outcome_of(NULL);
}

/* The present owner loses it. Its place in the kernel was taken by the new claim already. */
static void lose(struct claim_book *b, struct entry *loser, const struct claim_request *taker)
{
        if (!loser->installing) {
                tell_taken(b, &loser->claim, taker);
                tell_ended(b, &loser->claim, CLAIM_TAKEN_OVER, &taker->asker);
        }
        claim_unlink(b, loser);
        answer_ticket(b, loser, ended(CLAIM_TAKEN_OVER));
        claim_entry_free(b, loser);
}

/* e is to be the claim of its place, and freed if it cannot be. */
static struct claim_outcome make_now(struct claim_book *b, struct entry *e, const struct task_ref *tracer,
                                     uint64_t now)
{
        struct entry *former = e->place->claim;
        int error = install(b, e, tracer->pid && e->claim.request.wait, now);

        if (error < 0) {
                claim_entry_free(b, e);
                return system_refused(error);
        }
        if (former)
                lose(b, former, &e->claim.request);
        claim_link(b, e);
        if (!e->installing)
                tell_made(b, e, tracer);
        if (!e->claim.reserved)
                return outcome_of(&e->claim);
        claim_ask(b, e);
        return outcome_of(NULL);
}

static struct claim_outcome make_or_queue(struct claim_book *b, struct entry *e,
                                          const struct task_ref *tracer, uint64_t now)
{
        const struct claim_request *r = &e->claim.request;
        enum claim_refusal why = check_way(e->place, r, tracer);

        if (why == CLAIM_NOT_REFUSED)
                return make_now(b, e, tracer, now);
        if (r->wait && is_worth_waiting(why))
                return queue_up(b, e);
        claim_entry_free(b, e);
        return refused(why);
}

struct claim_outcome claim_make(struct claim_book *b, uint64_t id, const struct claim_request *r,
                                const struct task_ref *tracer, uint64_t now_ns)
{
        struct claim_place *p = claim_place_find(b, r->target.pid);
        struct claim_outcome o;
        struct entry *e;

        assert(id && r->target.pid);
        if (p && p->target.start != r->target.start) {
                if (p->target.start > r->target.start)
                        return refused(REFUSED_PROCESS_GONE); /* the pid is another process's by now */
                place_gone(b, p, now_ns);
        }
        e = claim_entry_new(b, id, r, now_ns);
        if (!e)
                return system_refused(-ENOMEM);
        p = e->place;
        o = make_or_queue(b, e, tracer, now_ns);
        if (o.refusal) {
                o.other = p->claim ? &p->claim->claim : NULL;
                o.tracer = *tracer;
        }
        claim_place_put(b, p);
        return o;
}

/* It never was: whoever waits for the process is next. */
static struct claim_outcome fail_installing(struct claim_book *b, struct entry *e, int error, uint64_t now)
{
        struct claim_outcome o = address(b, e, system_refused(error));
        struct claim_place *p = e->place;

        claim_unlink(b, e);
        serve(b, p, false, now);
        if (!p->claim)
                b->sink.remove(b->sink.userdata, &e->claim);
        claim_entry_free(b, e);
        claim_place_put(b, p);
        return o;
}

struct claim_outcome claim_installed(struct claim_book *b, uint64_t id, int error,
                                     const struct task_ref *tracer, uint64_t now_ns)
{
        struct entry *e = claim_find(b, id);

        if (!e || !e->installing)
                return refused(REFUSED_NO_CLAIM);
        if (error < 0)
                return fail_installing(b, e, error, now_ns);
        e->installing = false;
        e->claim.reserved = tracer->pid && e->claim.request.wait;
        tell_made(b, e, tracer);
        return e->claim.reserved ? outcome_of(NULL) : address(b, e, outcome_of(&e->claim));
}

int claim_adopt(struct claim_book *b, const struct claim *c)
{
        struct entry *e;

        if (b->n_claims >= GUARD_CLAIMS_MAX)
                return -EDQUOT;
        if (claim_place_find(b, c->request.target.pid) || claim_find(b, c->id))
                return -EEXIST;
        e = claim_entry_new(b, c->id, &c->request, c->made_ns);
        if (!e)
                return -ENOMEM;
        e->claim = *c;
        e->claim.reserved = false;
        claim_link(b, e);
        return 0;
}

/* In a time that tells neither how much of it was right nor how long the right one is. */
static bool same_token(const char *a, const char *b)
{
        char x[GUARD_TOKEN_MAX] = "", y[GUARD_TOKEN_MAX] = "";
        volatile unsigned char difference = 0;

        memcpy(x, a, strnlen(a, sizeof(x) - 1));
        memcpy(y, b, strnlen(b, sizeof(y) - 1));
        for (size_t i = 0; i < sizeof(x); i++)
                difference |= (unsigned char)(x[i] ^ y[i]);
        return !difference && strlen(b) < sizeof(y);
}

enum claim_refusal claim_check_right(const struct claim *c, const struct claimant *by)
{
        if (by->token && *by->token)
                return c->request.token[0] && same_token(c->request.token, by->token) ? CLAIM_NOT_REFUSED
                                                                                      : REFUSED_WRONG_TOKEN;
        return by->privileged || c->request.asker.uid == by->uid ? CLAIM_NOT_REFUSED : REFUSED_NOT_PERMITTED;
}

static void change(struct claim *c, const struct claim_renewal *to, uint64_t now)
{
        c->request.lease_ns = to->lease_ns;
        c->end_ns = lease_end(to->lease_ns, now);
        if (!to->owner)
                return;
        c->request.owner = *to->owner;
        snprintf(c->request.owner_text, sizeof(c->request.owner_text), "%s", to->owner_text);
        c->grace_until_ns = 0;
}

struct claim_outcome claim_renew(struct claim_book *b, uint64_t id, const struct claim_renewal *to,
                                 const struct claimant *by, uint64_t now_ns)
{
        struct entry *e = claim_find(b, id);
        enum claim_refusal why = e ? claim_check_right(&e->claim, by) : REFUSED_NO_CLAIM;
        struct claim former;
        struct event ev;
        int r;

        if (why)
                return refused(why);
        former = e->claim;
        change(&e->claim, to, now_ns);
        r = b->sink.install(b->sink.userdata, &e->claim);
        if (r < 0 && r != -EINPROGRESS) { /* that one is told by claim_installed() */
                e->claim = former;
                return system_refused(r);
        }
        if (to->owner) {
                claim_unfollow_owner(b, e);
                claim_follow_owner(b, e);
        }
        claim_schedule(b, e);
        ev = event_of(EV_CLAIM_RENEWED, &e->claim, by);
        if (to->owner && strcmp(former.request.owner_text, to->owner_text) != 0)
                snprintf(ev.note, sizeof(ev.note), "was for %.80s", former.request.owner_text);
        pass_on(b, &ev);
        return outcome_of(&e->claim);
}

enum claim_refusal claim_release(struct claim_book *b, uint64_t id, const struct claimant *by,
                                 uint64_t now_ns)
{
        struct entry *e = claim_find(b, id);
        enum claim_refusal why = e ? claim_check_right(&e->claim, by) : REFUSED_NO_CLAIM;

        if (!why)
                end(b, e, CLAIM_RELEASED, by, now_ns);
        return why;
}

void claim_cancel(struct claim_book *b, uint64_t ticket, uint64_t now_ns)
{
        struct entry *e = claim_find_ticket(b, ticket);
        struct claim_place *p;

        if (!e)
                return;
        claim_unask(b, e);
        if (e->made) {
                const struct claimant by = e->claim.request.asker;

                end(b, e, CLAIM_RELEASED, &by, now_ns);
                return;
        }
        p = e->place;
        claim_dequeue(b, e);
        claim_unfollow_owner(b, e);
        claim_entry_free(b, e);
        if (!p->claim)
                serve(b, p, false, now_ns);
        claim_place_put(b, p);
}

/* ---- what happens outside ---------------------------------------------------------------------------- */

/* An owner is gone. Whoever has the token may come back for the grace time. */
static void lose_owner(struct claim_book *b, struct entry *e, uint64_t now)
{
        claim_unfollow_owner(b, e);
        if (!e->claim.request.token[0] || e->claim.reserved) {
                end(b, e, CLAIM_OWNER_GONE, NULL, now);
                return;
        }
        e->claim.grace_until_ns = now + b->grace_ns;
        claim_schedule(b, e);
        /* So that the kernel ends it, too, should we not be there. It stands in any case. */
        b->sink.install(b->sink.userdata, &e->claim);
}

void claim_process_gone(struct claim_book *b, const struct task_ref *process, uint64_t now_ns)
{
        struct claim_place *p = claim_place_find(b, process->pid);
        struct entry *e;

        if (p && p->target.start == process->start)
                place_gone(b, p, now_ns);
        /* Waiters first: none of them is to be served only to end again. */
        while ((e = claim_find_owned(b, process, false))) {
                p = e->place;
                claim_dequeue(b, e);
                drop_waiter(b, e, ended(CLAIM_OWNER_GONE));
                if (!p->claim)
                        serve(b, p, false, now_ns);
                claim_place_put(b, p);
        }
        while ((e = claim_find_owned(b, process, true)))
                lose_owner(b, e, now_ns);
}

/* The tracer it waited for has left: its time begins now. */
static void confirm(struct claim_book *b, struct entry *e, uint64_t now)
{
        struct task_ref tracer = holder(b, &e->claim.request);

        if (tracer.pid || e->installing)
                return;
        e->claim.reserved = false;
        e->claim.end_ns = lease_end(e->claim.request.lease_ns, now);
        claim_schedule(b, e);
        b->sink.install(b->sink.userdata, &e->claim);
        answer_ticket(b, e, outcome_of(&e->claim));
}

void claim_target_free(struct claim_book *b, const struct task_ref *target, uint64_t now_ns)
{
        struct claim_place *p = claim_place_find(b, target->pid);

        if (!p || p->target.start != target->start)
                return;
        if (p->claim && p->claim->claim.reserved)
                confirm(b, p->claim, now_ns);
        else if (!p->claim)
                serve(b, p, false, now_ns);
        claim_place_put(b, p);
}

static void expire_one(struct claim_book *b, struct entry *e, uint64_t now)
{
        if (e->claim.grace_until_ns && e->claim.grace_until_ns <= now) {
                end(b, e, CLAIM_OWNER_GONE, NULL, now);
                return;
        }
        if (!e->claim.reserved) {
                end(b, e, CLAIM_LEASE_OVER, NULL, now);
                return;
        }
        /* Its owner had nothing of it yet. */
        e->claim.end_ns = lease_end(e->claim.request.lease_ns, now);
        claim_schedule(b, e);
        b->sink.install(b->sink.userdata, &e->claim);
}

uint64_t claim_expire(struct claim_book *b, uint64_t now_ns)
{
        while (b->n_heap && claim_due(b->heap[0]) <= now_ns)
                expire_one(b, b->heap[0], now_ns);
        return claim_next_end(b);
}

void claim_terminate(struct claim_book *b, uint64_t id, enum claim_end why, uint64_t now_ns)
{
        struct entry *e = claim_find(b, id);

        if (e)
                end(b, e, why, NULL, now_ns);
}

void claim_end_all(struct claim_book *b, enum claim_end why, const struct claimant *by, uint64_t now_ns)
{
        while (!list_empty(&b->all_places)) {
                struct claim_place *p = LIST_ENTRY(b->all_places.next, struct claim_place, all);
                bool claimed = p->claim;

                empty_queue(b, p, why);
                if (claimed)
                        end(b, p->claim, why, by, now_ns);
                else
                        claim_place_put(b, p);
        }
}
