/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A book of claims whose effects are written down: for the tests of claims. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "lib/claim/claim.h"
#include "lib/base/cleanup.h"

#define S     NSEC_PER_SEC
#define GRACE (10 * S)
#define LOG   8192

/* What the book asked for, in order. */
struct answered {
        uint64_t ticket, id;
        enum claim_refusal refusal;
        int error;
};
static struct {
        struct event events[64]; /* the last ones */
        size_t n_events;
        struct answered answers[LOG];
        size_t n_answers;
        size_t n_installed, n_removed;
        uint64_t installed_end; /* of the last one */
        uint64_t in_force;      /* id that the kernel has for the target asked about */
        int install_error;
        struct task_ref tracer; /* who traces every target; pid 0: nobody */
        uint32_t admitted_uid;  /* requests for this owner admit that tracer */
} out;

static _unused_ int on_install(void *userdata _unused_, const struct claim *c)
{
        if (out.install_error)
                return out.install_error;
        out.n_installed++;
        out.in_force = c->id;
        out.installed_end = c->end_ns;
        return 0;
}

static _unused_ void on_remove(void *userdata _unused_, const struct claim *c _unused_)
{
        out.n_removed++;
        out.in_force = 0;
}

static _unused_ void on_answer(void *userdata _unused_, const struct claim_outcome *o)
{
        ck_assert_uint_lt(out.n_answers, LOG);
        ck_assert(!o->claim == (o->refusal != CLAIM_NOT_REFUSED));
        out.answers[out.n_answers++] =
                (struct answered){o->ticket, o->claim ? o->claim->id : 0, o->refusal, o->error};
}

static _unused_ void on_event(void *userdata _unused_, struct event *e)
{
        out.events[out.n_events++ % ELEMENTSOF(out.events)] = *e;
}

static _unused_ struct task_ref on_holder(void *userdata _unused_, const struct claim_request *r)
{
        if (r->owner.kind == OWNER_UID && r->owner.uid == out.admitted_uid)
                return (struct task_ref){};
        return out.tracer;
}

static struct claim_book *book;
static uint64_t next_id, next_ticket;

static _unused_ void setup(void)
{
        static const struct claim_sink sink = {
                .install = on_install,
                .remove = on_remove,
                .answer = on_answer,
                .event = on_event,
                .holder = on_holder,
        };

        memset(&out, 0, sizeof(out));
        out.admitted_uid = UINT32_MAX;
        next_id = 1;
        next_ticket = 1000;
        ck_assert_int_eq(claim_book_new(&book, &sink, GRACE), 0);
}

static _unused_ void teardown(void)
{
        book = claim_book_free(book);
}

/* A request by user `uid` for a process of ours as owner. */
static _unused_ struct claim_request request(uint32_t target, uint32_t owner, uint32_t uid)
{
        struct claim_request r = {
                .target = {.pid = target, .start = 100 + target, .comm = "target"},
                .asker = {.process = {.pid = owner, .start = 7000 + owner, .comm = "asker"},
                          .uid = uid,
                          .privileged = uid == 0},
                .owner = {.kind = OWNER_PROCESS, .process = {.pid = owner, .start = 7000 + owner}},
                .ticket = next_ticket++,
        };

        snprintf(r.owner_text, sizeof(r.owner_text), "pid %u (gdb)", owner);
        return r;
}

static _unused_ struct task_ref task(uint32_t pid, uint64_t start)
{
        return (struct task_ref){.pid = pid, .start = start};
}

/* User `uid`, without a token. */
static _unused_ struct claimant user(uint32_t uid)
{
        return (struct claimant){.process = task(1, 1), .uid = uid, .privileged = uid == 0};
}

static _unused_ enum claim_refusal release(uint64_t id, uint32_t uid, uint64_t now)
{
        struct claimant by = user(uid);

        return claim_release(book, id, &by, now);
}

static _unused_ enum claim_refusal renew(uint64_t id, uint64_t lease_ns, uint32_t uid, uint64_t now)
{
        const struct claim_renewal to = {.lease_ns = lease_ns};
        struct claimant by = user(uid);

        return claim_renew(book, id, &to, &by, now).refusal;
}

/* What became of the last request: last.claim is what it made. */
static struct claim_outcome last;

static _unused_ enum claim_refusal make(const struct claim_request *r, uint64_t now)
{
        struct task_ref tracer = claim_needs_tracer(book, r) ? on_holder(NULL, r) : (struct task_ref){};

        last = claim_make(book, next_id++, r, &tracer, now);
        return last.refusal;
}

/* Makes a claim that must succeed. */
static _unused_ const struct claim *claimed(uint32_t target, uint32_t owner, uint32_t uid, uint64_t now)
{
        struct claim_request r = request(target, owner, uid);

        ck_assert_int_eq(make(&r, now), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
        return last.claim;
}

static _unused_ uint64_t queued(uint32_t target, uint32_t owner, uint32_t uid, uint64_t now)
{
        struct claim_request r = request(target, owner, uid);

        r.wait = true;
        ck_assert_int_eq(make(&r, now), CLAIM_NOT_REFUSED);
        ck_assert_ptr_null(last.claim);
        return r.ticket;
}

static _unused_ const struct event *event_at(size_t back)
{
        ck_assert_uint_gt(out.n_events, back);
        return &out.events[(out.n_events - 1 - back) % ELEMENTSOF(out.events)];
}

static _unused_ void told(size_t back, enum event_type type, uint64_t id)
{
        ck_assert_str_eq(event_type_to_string(event_at(back)->type), event_type_to_string(type));
        ck_assert_uint_eq(event_at(back)->claim, id);
}

static _unused_ const struct answered *last_answer(void)
{
        ck_assert_uint_gt(out.n_answers, 0);
        return &out.answers[out.n_answers - 1];
}
