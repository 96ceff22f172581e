/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/claim_scene.h"

/* ---- the queue --------------------------------------------------------------------------------------- */

START_TEST(test_queue_in_order)
{
        uint64_t tickets[50], id = claimed(10, 20, 1000, S)->id;

        for (uint32_t i = 0; i < 50; i++) {
                tickets[i] = queued(10, 100 + i, 1000, S);
                told(0, EV_CLAIM_QUEUED, next_id - 1);
                ck_assert_uint_eq(event_at(0)->count, i + 1);
        }
        ck_assert_uint_eq(claim_of(book, 10)->n_waiters, 50);
        for (uint32_t i = 0; i < 50; i++) {
                ck_assert_int_eq(release(id, 0, 2 * S), CLAIM_NOT_REFUSED);
                ck_assert_uint_eq(out.n_answers, i + 1);
                ck_assert_uint_eq(out.answers[i].ticket, tickets[i]);
                ck_assert_int_eq(out.answers[i].refusal, CLAIM_NOT_REFUSED);
                id = out.answers[i].id;
                ck_assert_uint_eq(claim_of(book, 10)->id, id);
                ck_assert_uint_eq(out.in_force, id); /* without a gap: nothing was removed */
                ck_assert_uint_eq(out.n_removed, 0);
                ck_assert_uint_eq(claim_of(book, 10)->n_waiters, 49 - i);
        }
        ck_assert_int_eq(release(id, 0, 2 * S), CLAIM_NOT_REFUSED);
        ck_assert_uint_eq(out.n_answers, 50);
        ck_assert_uint_eq(out.n_removed, 1);
        ck_assert_uint_eq(claim_count(book), 0);
}
END_TEST

struct seen {
        uint32_t pids[8], positions[8];
        size_t n;
};

static int see(void *userdata, const struct claim_waiter *w)
{
        struct seen *s = userdata;

        s->pids[s->n] = w->request->asker.process.pid;
        s->positions[s->n++] = w->position;
        return 0;
}

START_TEST(test_cancel_in_the_middle)
{
        uint64_t id = claimed(10, 20, 1000, S)->id;
        uint64_t a = queued(10, 30, 1000, S), b = queued(10, 31, 1000, S), c = queued(10, 32, 1000, S);
        struct seen s = {};

        claim_cancel(book, b, 2 * S);
        claim_cancel(book, b, 2 * S); /* twice does no harm */
        claim_cancel(book, 424242, 2 * S);
        claim_each_waiter(book, see, &s);
        ck_assert_uint_eq(s.n, 2);
        ck_assert_uint_eq(s.pids[0], 30);
        ck_assert_uint_eq(s.pids[1], 32);
        ck_assert_uint_eq(s.positions[1], 2);
        ck_assert_uint_eq(claim_by_id(book, id)->n_waiters, 2);
        release(id, 0, 3 * S);
        ck_assert_uint_eq(last_answer()->ticket, a);
        release(last_answer()->id, 0, 3 * S);
        ck_assert_uint_eq(last_answer()->ticket, c);
        ck_assert_uint_eq(out.n_answers, 2);
}
END_TEST

START_TEST(test_waiters_owner_gone)
{
        struct task_ref owner = task(30, 7030);
        uint64_t id = claimed(10, 20, 1000, S)->id;
        uint64_t a = queued(10, 30, 1000, S), b = queued(10, 31, 1000, S);

        claim_process_gone(book, &owner, 2 * S);
        ck_assert_uint_eq(last_answer()->ticket, a);
        ck_assert_int_eq(last_answer()->refusal, REFUSED_OWNER_GONE);
        release(id, 0, 3 * S);
        ck_assert_uint_eq(last_answer()->ticket, b);
}
END_TEST

/* The owner waits for a second process with the claim of the first; both end with it. */
START_TEST(test_owner_of_claim_and_waiter_gone)
{
        struct task_ref owner = task(20, 7020);
        uint64_t id = claimed(10, 20, 1000, S)->id;

        queued(10, 20, 1000, S);
        claim_process_gone(book, &owner, 2 * S);
        told(0, EV_CLAIM_ENDED, id);
        ck_assert_uint_eq(out.n_answers, 1);
        ck_assert_int_eq(last_answer()->refusal, REFUSED_OWNER_GONE);
        ck_assert_uint_eq(claim_count(book) + claim_waiters(book), 0);
}
END_TEST

/* Somebody without a claim traces the target: who waits does not disturb them. */
START_TEST(test_wait_for_tracer)
{
        struct task_ref target = task(10, 110), reused = task(10, 111);
        struct claim_request r = request(10, 50, 1000);
        uint64_t a, b;

        out.tracer = task(77, 1);
        a = queued(10, 30, 1000, S);
        b = queued(10, 31, 1000, S);
        ck_assert_uint_eq(out.n_installed, 0);
        claim_target_free(book, &target, 2 * S); /* not so */
        ck_assert_uint_eq(out.n_answers, 0);
        out.tracer = task(0, 0);
        ck_assert_int_eq(make(&r, 2 * S), REFUSED_QUEUE); /* others were first */
        claim_target_free(book, &reused, 3 * S);
        ck_assert_uint_eq(out.n_answers, 0);
        claim_target_free(book, &target, 3 * S);
        ck_assert_uint_eq(out.n_answers, 1);
        ck_assert_uint_eq(last_answer()->ticket, a);
        claim_target_free(book, &target, 3 * S);
        ck_assert_uint_eq(out.n_answers, 1);
        release(last_answer()->id, 0, 4 * S);
        ck_assert_uint_eq(last_answer()->ticket, b);
}
END_TEST

/* A lease ends while its owner still traces: the next claim keeps others out, and begins when it has left.
 */
START_TEST(test_reserved)
{
        struct claim_request r = request(10, 20, 1000), next = request(10, 30, 1000);
        struct task_ref target = task(10, 110);
        const struct claim *c;

        r.lease_ns = 5 * S;
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
        next.wait = true;
        next.lease_ns = 3 * S;
        ck_assert_int_eq(make(&next, 2 * S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_null(last.claim);
        out.tracer = task(77, 1);
        claim_expire(book, 6 * S);
        c = claim_of(book, 10);
        ck_assert_ptr_nonnull(c);
        ck_assert(c->reserved);
        ck_assert_uint_eq(out.in_force, c->id);
        ck_assert_uint_eq(out.n_removed, 0);
        ck_assert_uint_eq(out.n_answers, 0);
        claim_expire(book, 9 * S); /* its lease does not run out before it begins */
        ck_assert_ptr_eq(claim_of(book, 10), c);
        ck_assert_uint_eq(c->end_ns, 12 * S);
        out.tracer = task(0, 0);
        claim_target_free(book, &target, 10 * S);
        ck_assert_uint_eq(out.n_answers, 1);
        ck_assert_uint_eq(last_answer()->ticket, next.ticket);
        ck_assert(!c->reserved);
        ck_assert_uint_eq(c->end_ns, 13 * S);
}
END_TEST

START_TEST(test_reserved_cancelled)
{
        uint64_t id = claimed(10, 20, 1000, S)->id;
        uint64_t a = queued(10, 30, 1000, S), b = queued(10, 31, 1000, S);

        out.tracer = task(77, 1);
        release(id, 0, 2 * S);
        ck_assert_uint_eq(claim_of(book, 10)->request.ticket, a);
        claim_cancel(book, a, 3 * S);
        ck_assert_uint_eq(claim_of(book, 10)->request.ticket, b);
        ck_assert(claim_of(book, 10)->reserved);
        ck_assert_uint_eq(out.n_answers, 0);
        claim_process_gone(book, &(struct task_ref){.pid = 31, .start = 7031}, 4 * S);
        ck_assert_uint_eq(claim_count(book), 0);
        ck_assert_uint_eq(last_answer()->ticket, b);
        ck_assert_int_eq(last_answer()->refusal, REFUSED_OWNER_GONE);
        ck_assert_uint_eq(out.n_removed, 1);
}
END_TEST

START_TEST(test_waiter_cannot_be_served)
{
        uint64_t id = claimed(10, 20, 1000, S)->id;

        queued(10, 30, 1000, S);
        queued(10, 31, 1000, S);
        out.install_error = -ENOSPC;
        release(id, 0, 2 * S);
        ck_assert_uint_eq(out.n_answers, 2);
        ck_assert_int_eq(out.answers[0].error, -ENOSPC);
        ck_assert_int_eq(out.answers[1].error, -ENOSPC);
        ck_assert_uint_eq(out.n_removed, 1);
        ck_assert_uint_eq(claim_count(book) + claim_waiters(book), 0);
}
END_TEST

/* ---- put in force later ------------------------------------------------------------------------------ */

static const struct task_ref nobody;

/* Until it is in force it keeps others out, and nobody is told of it. */
START_TEST(test_installed_later)
{
        struct claim_request r = request(10, 20, 1000);
        struct claim_outcome o;
        uint64_t id;

        out.install_error = -EINPROGRESS;
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_null(last.claim);
        id = claim_of(book, 10)->id;
        ck_assert(claim_of(book, 10)->reserved);
        ck_assert_uint_eq(out.n_events + out.n_answers, 0);
        claim_target_free(book, &r.target, S);
        ck_assert_uint_eq(out.n_answers, 0);

        out.install_error = 0;
        ck_assert_int_eq(claim_installed(book, id + 1, 0, &nobody, 2 * S).refusal, REFUSED_NO_CLAIM);
        o = claim_installed(book, id, 0, &nobody, 2 * S);
        told(0, EV_CLAIM_MADE, id);
        ck_assert_uint_eq(o.claim->id, id);
        ck_assert_uint_eq(o.ticket, r.ticket);
        ck_assert(!claim_of(book, 10)->reserved);
        o = claim_installed(book, id, -ESRCH, &nobody, 2 * S); /* said twice */
        ck_assert_int_eq(o.refusal, REFUSED_NO_CLAIM);
        ck_assert_uint_eq(o.ticket + out.n_answers, 0);
        ck_assert_uint_eq(claim_count(book), 1);
}
END_TEST

/* It never was: its maker is told why, and the next one's turn comes. */
START_TEST(test_not_installed)
{
        struct claim_request r = request(10, 20, 1000);
        struct claim_outcome o;
        uint64_t ticket;

        out.install_error = -EINPROGRESS;
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ticket = queued(10, 30, 1000, S);
        out.install_error = 0;
        o = claim_installed(book, claim_of(book, 10)->id, -E2BIG, &nobody, 2 * S);
        ck_assert_int_eq(o.refusal, REFUSED_THREADS);
        ck_assert_int_eq(o.error, -E2BIG);
        ck_assert_uint_eq(o.ticket, r.ticket);
        ck_assert_uint_eq(out.n_answers, 1);
        ck_assert_uint_eq(last_answer()->ticket, ticket);
        ck_assert_int_eq(last_answer()->refusal, CLAIM_NOT_REFUSED);
        ck_assert_uint_eq(out.n_removed, 0);
        told(0, EV_CLAIM_MADE, last_answer()->id);
}
END_TEST

/* ---- takeover ---------------------------------------------------------------------------------------- */

START_TEST(test_take)
{
        uint64_t id = claimed(10, 20, 1000, S)->id, ticket = queued(10, 30, 1000, S);
        struct claim_request r = request(10, 40, 1001);

        r.take = true;
        ck_assert_int_eq(make(&r, 2 * S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
        told(2, EV_CLAIM_TAKEN, id);
        ck_assert_str_eq(event_at(2)->owner, "pid 40 (gdb)");
        ck_assert_str_eq(event_at(2)->note, "was for pid 20 (gdb)");
        ck_assert_uint_eq(event_at(2)->actor.pid, 40);
        told(1, EV_CLAIM_ENDED, id);
        ck_assert_int_eq(event_at(1)->claim_end, CLAIM_TAKEN_OVER);
        told(0, EV_CLAIM_MADE, last.claim->id);
        ck_assert_uint_eq(out.in_force, last.claim->id);
        ck_assert_uint_eq(out.n_removed, 0);
        ck_assert_uint_eq(last.claim->n_waiters, 1);
        ck_assert_uint_eq(claim_count(book), 1);
        release(last.claim->id, 0, 3 * S);
        ck_assert_uint_eq(last_answer()->ticket, ticket);
}
END_TEST

/* The loser was the taker's own only claim: nothing of that user may be forgotten too early. */
START_TEST(test_take_from_oneself)
{
        struct claim_request r = request(10, 20, 1000);

        claimed(10, 20, 1000, S);
        r.take = true;
        ck_assert_int_eq(make(&r, 2 * S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
        ck_assert_uint_eq(claim_count(book), 1);
}
END_TEST

START_TEST(test_take_from_root)
{
        const struct claim *c = claimed(10, 20, 0, S);
        struct claim_request r = request(10, 40, 1001);

        r.take = true;
        ck_assert_int_eq(make(&r, 2 * S), REFUSED_ROOTS);
        ck_assert_ptr_eq(last.other, c);
        r = request(10, 40, 0);
        r.take = true;
        ck_assert_int_eq(make(&r, 2 * S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
}
END_TEST

START_TEST(test_take_fails)
{
        uint64_t id = claimed(10, 20, 1000, S)->id;
        struct claim_request r = request(10, 40, 1001);

        r.take = true;
        out.install_error = -ENOMEM;
        ck_assert_int_eq(make(&r, 2 * S), REFUSED_BY_SYSTEM);
        ck_assert_uint_eq(claim_of(book, 10)->id, id);
        told(0, EV_CLAIM_MADE, id);
}
END_TEST

/* From a tracer without a claim: made at once, and answered at once unless it waits. */
START_TEST(test_take_from_tracer)
{
        struct claim_request r = request(10, 40, 1001);
        struct task_ref target = task(10, 110);

        out.tracer = task(77, 1);
        r.take = true;
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
        ck_assert(!last.claim->reserved);
        ck_assert_uint_eq(event_at(0)->tracer.pid, 77);
        release(last.claim->id, 0, S);

        r = request(10, 40, 1001);
        r.take = r.wait = true;
        ck_assert_int_eq(make(&r, 2 * S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_null(last.claim);
        ck_assert(claim_of(book, 10)->reserved);
        ck_assert_uint_eq(out.n_answers, 0);
        out.tracer = task(0, 0);
        claim_target_free(book, &target, 3 * S);
        ck_assert_uint_eq(last_answer()->ticket, r.ticket);
        ck_assert_int_eq(last_answer()->refusal, CLAIM_NOT_REFUSED);
}
END_TEST

int main(void)
{
        const TTest *const tests[] = {test_queue_in_order,
                                      test_cancel_in_the_middle,
                                      test_waiters_owner_gone,
                                      test_owner_of_claim_and_waiter_gone,
                                      test_wait_for_tracer,
                                      test_reserved,
                                      test_reserved_cancelled,
                                      test_waiter_cannot_be_served,
                                      test_installed_later,
                                      test_not_installed,
                                      test_take,
                                      test_take_from_oneself,
                                      test_take_from_root,
                                      test_take_fails,
                                      test_take_from_tracer};
        Suite *suite = suite_create("claim-queue");
        TCase *t = tcase_create("claim-queue");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(t, setup, teardown);
        for (size_t i = 0; i < ELEMENTSOF(tests); i++)
                tcase_add_test(t, tests[i]);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
