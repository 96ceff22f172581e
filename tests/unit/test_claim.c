/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <time.h>

#include "tests/unit/claim_scene.h"

/* ---- one claim --------------------------------------------------------------------------------------- */

START_TEST(test_make_and_release)
{
        const struct claim *c = claimed(10, 20, 1000, 5 * S);
        struct claimant by = user(1000);
        uint64_t id = c->id;

        ck_assert_uint_eq(out.in_force, id);
        ck_assert_ptr_eq(claim_of(book, 10), c);
        ck_assert_ptr_eq(claim_by_id(book, id), c);
        ck_assert_uint_eq(c->made_ns, 5 * S);
        ck_assert_uint_eq(c->end_ns, 0);
        ck_assert(!c->reserved);
        told(0, EV_CLAIM_MADE, id);
        ck_assert_str_eq(event_at(0)->owner, "pid 20 (gdb)");
        ck_assert_uint_eq(event_at(0)->caller_uid, 1000);
        ck_assert_uint_eq(event_at(0)->actor.pid, 20);
        ck_assert_uint_eq(claim_expire(book, UINT64_MAX - 1), UINT64_MAX);

        ck_assert_int_eq(release(id + 7, 1000, 6 * S), REFUSED_NO_CLAIM);
        ck_assert_int_eq(release(id, 1001, 6 * S), REFUSED_NOT_PERMITTED);
        by.token = "no such token";
        ck_assert_int_eq(claim_release(book, id, &by, 6 * S), REFUSED_WRONG_TOKEN);
        ck_assert_uint_eq(claim_count(book), 1);
        ck_assert_int_eq(release(id, 1000, 6 * S), CLAIM_NOT_REFUSED);
        told(0, EV_CLAIM_ENDED, id);
        ck_assert_int_eq(event_at(0)->claim_end, CLAIM_RELEASED);
        ck_assert_uint_eq(event_at(0)->actor.pid, 1);
        ck_assert_uint_eq(out.n_removed, 1);
        ck_assert_uint_eq(claim_count(book), 0);
        ck_assert_ptr_null(claim_of(book, 10));
        ck_assert_int_eq(release(id, 0, 6 * S), REFUSED_NO_CLAIM);
}
END_TEST

START_TEST(test_root_releases_any)
{
        const struct claim *c = claimed(10, 20, 1000, S);

        ck_assert_int_eq(release(c->id, 0, S), CLAIM_NOT_REFUSED);
}
END_TEST

START_TEST(test_second_claim_refused)
{
        const struct claim *c = claimed(10, 20, 1000, S);
        struct claim_request r = request(10, 30, 1001);

        ck_assert_int_eq(make(&r, S), REFUSED_CLAIMED);
        ck_assert_ptr_eq(last.other, c);
        ck_assert_uint_eq(last.tracer.pid, 0);
        ck_assert_uint_eq(claim_count(book), 1);
        ck_assert_uint_eq(out.n_installed, 1);

        r = request(10, 20, 1000); /* again, by the same for the same */
        ck_assert_int_eq(make(&r, S), REFUSED_YOURS);
        ck_assert_ptr_eq(last.other, c);
        r = request(10, 20, 1001); /* another user */
        ck_assert_int_eq(make(&r, S), REFUSED_CLAIMED);
}
END_TEST

START_TEST(test_traced_target)
{
        struct claim_request r = request(10, 20, 1000);

        out.tracer = task(77, 1);
        ck_assert_int_eq(make(&r, S), REFUSED_TRACED);
        ck_assert_ptr_null(last.other);
        ck_assert_uint_eq(last.tracer.pid, 77);
        ck_assert_uint_eq(out.n_events, 0);

        r = request(10, 20, 1000);
        r.owner = (struct guard_owner){.kind = OWNER_UID, .uid = 55};
        out.admitted_uid = 55;
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
}
END_TEST

START_TEST(test_install_fails)
{
        struct claim_request r = request(10, 20, 1000);

        out.install_error = -ESRCH;
        ck_assert_int_eq(make(&r, S), REFUSED_PROCESS_GONE);
        ck_assert_uint_eq(claim_count(book), 0);
        ck_assert_uint_eq(out.n_events, 0);
        out.install_error = 0;
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
}
END_TEST

/* ---- leases ------------------------------------------------------------------------------------------ */

START_TEST(test_lease)
{
        struct claim_request r = request(10, 20, 1000);
        const struct claim *c;
        uint64_t id;

        r.lease_ns = 60 * S;
        ck_assert_int_eq(make(&r, 100 * S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
        c = last.claim;
        id = c->id;
        ck_assert_uint_eq(c->end_ns, 160 * S);
        ck_assert_uint_eq(out.installed_end, 160 * S);
        ck_assert_uint_eq(claim_expire(book, 159 * S), 160 * S);
        ck_assert_int_eq(renew(id, 30 * S, 1000, 150 * S), CLAIM_NOT_REFUSED);
        ck_assert_uint_eq(c->end_ns, 180 * S);
        ck_assert_uint_eq(out.installed_end, 180 * S);
        told(0, EV_CLAIM_RENEWED, id);
        ck_assert_uint_eq(claim_expire(book, 170 * S), 180 * S);
        ck_assert_uint_eq(claim_expire(book, 180 * S), UINT64_MAX);
        told(0, EV_CLAIM_ENDED, id);
        ck_assert_int_eq(event_at(0)->claim_end, CLAIM_LEASE_OVER);
        ck_assert_uint_eq(out.in_force, 0);
        ck_assert_int_eq(renew(id, S, 1000, 181 * S), REFUSED_NO_CLAIM);
}
END_TEST

START_TEST(test_lease_taken_off)
{
        struct claim_request r = request(10, 20, 1000);

        r.lease_ns = 5 * S;
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
        ck_assert_int_eq(renew(last.claim->id, 0, 1000, 2 * S), CLAIM_NOT_REFUSED);
        ck_assert_uint_eq(claim_expire(book, 100 * S), UINT64_MAX);
        ck_assert_uint_eq(claim_count(book), 1);
}
END_TEST

START_TEST(test_renew_fails)
{
        struct claim_request r = request(10, 20, 1000);

        r.lease_ns = 5 * S;
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
        ck_assert_int_eq(renew(last.claim->id, S, 1001, S), REFUSED_NOT_PERMITTED);
        out.install_error = -ESRCH;
        ck_assert_int_eq(renew(last.claim->id, 50 * S, 1000, S), REFUSED_PROCESS_GONE);
        ck_assert_uint_eq(last.claim->end_ns, 6 * S);
        ck_assert_uint_eq(claim_expire(book, S), 6 * S);
}
END_TEST

/* ---- ends of processes ------------------------------------------------------------------------------- */

START_TEST(test_owner_gone)
{
        uint64_t id = claimed(10, 20, 1000, S)->id;
        struct task_ref reused = task(20, 9999), owner = task(20, 7020);

        claim_process_gone(book, &reused, 2 * S); /* same pid, another process */
        ck_assert_uint_eq(claim_count(book), 1);
        ck_assert(claim_follows(book, &owner));
        ck_assert(!claim_follows(book, &reused));
        claim_process_gone(book, &owner, 2 * S);
        told(0, EV_CLAIM_ENDED, id);
        ck_assert_int_eq(event_at(0)->claim_end, CLAIM_OWNER_GONE);
        ck_assert_uint_eq(claim_count(book), 0);
        ck_assert(!claim_follows(book, &owner));
}
END_TEST

static const struct claim *with_token(void)
{
        struct claim_request r = request(10, 20, 1000);

        strcpy(r.token, "open sesame");
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
        return last.claim;
}

START_TEST(test_grace_is_over)
{
        uint64_t id = with_token()->id;
        struct task_ref owner = task(20, 7020);

        claim_process_gone(book, &owner, 2 * S);
        ck_assert_uint_eq(claim_count(book), 1);
        ck_assert_uint_eq(claim_by_id(book, id)->grace_until_ns, 12 * S);
        ck_assert_uint_eq(out.in_force, id);
        ck_assert_uint_eq(claim_expire(book, 11 * S), 12 * S);
        ck_assert_uint_eq(claim_expire(book, 12 * S), UINT64_MAX);
        told(0, EV_CLAIM_ENDED, id);
        ck_assert_int_eq(event_at(0)->claim_end, CLAIM_OWNER_GONE);
}
END_TEST

static int shows(const struct claim *c, const char *token)
{
        struct claimant by = user(0);

        by.token = token;
        return claim_check_right(c, &by);
}

START_TEST(test_token_keeps)
{
        const struct claim *c = with_token();
        struct guard_owner owner = {.kind = OWNER_PROCESS, .process = {.pid = 40, .start = 7040}};
        struct claim_renewal to = {.owner = &owner, .owner_text = "pid 40"};
        struct task_ref gone = task(20, 7020), client = task(40, 7040);
        struct claimant by = {.process = client, .uid = 1001, .token = "open simsim"};
        uint64_t id = c->id;

        claim_process_gone(book, &gone, 2 * S);
        ck_assert_int_eq(shows(c, "open sesam"), REFUSED_WRONG_TOKEN);
        ck_assert_int_eq(shows(c, "open sesame!"), REFUSED_WRONG_TOKEN);
        ck_assert_int_eq(claim_renew(book, id, &to, &by, 3 * S).refusal, REFUSED_WRONG_TOKEN);
        by.token = "open sesame";
        ck_assert_int_eq(claim_renew(book, id, &to, &by, 3 * S).refusal, CLAIM_NOT_REFUSED);
        ck_assert_uint_eq(c->grace_until_ns, 0);
        ck_assert_uint_eq(c->request.owner.process.pid, 40);
        told(0, EV_CLAIM_RENEWED, id);
        ck_assert_uint_eq(claim_expire(book, 100 * S), UINT64_MAX);
        ck_assert_uint_eq(claim_count(book), 1);
        /* The new owner is followed, the old one is not. */
        claim_process_gone(book, &gone, 101 * S);
        ck_assert_uint_eq(claim_by_id(book, id)->grace_until_ns, 0);
        claim_process_gone(book, &client, 102 * S);
        ck_assert_uint_eq(claim_by_id(book, id)->grace_until_ns, 112 * S);
}
END_TEST

/* Whichever of lease and grace comes first. */
START_TEST(test_lease_in_grace)
{
        struct claim_request r = request(10, 20, 1000);
        struct task_ref owner = task(20, 7020);

        strcpy(r.token, "open sesame");
        r.lease_ns = 4 * S;
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
        claim_process_gone(book, &owner, 2 * S);
        ck_assert_uint_eq(claim_expire(book, 3 * S), 5 * S);
        claim_expire(book, 5 * S);
        ck_assert_int_eq(event_at(0)->claim_end, CLAIM_LEASE_OVER);
}
END_TEST

START_TEST(test_target_gone)
{
        uint64_t id = claimed(10, 20, 1000, S)->id, ticket = queued(10, 30, 1000, S);
        struct task_ref target = task(10, 110);

        claim_process_gone(book, &target, 2 * S);
        told(0, EV_CLAIM_ENDED, id);
        ck_assert_int_eq(event_at(0)->claim_end, CLAIM_TARGET_GONE);
        ck_assert_uint_eq(last_answer()->ticket, ticket);
        ck_assert_int_eq(last_answer()->refusal, REFUSED_PROCESS_GONE);
        ck_assert_uint_eq(claim_waiters(book), 0);
        ck_assert_uint_eq(out.n_removed, 1);
        ck_assert(!claim_follows(book, &target));
}
END_TEST

START_TEST(test_pid_reused)
{
        uint64_t id = claimed(10, 20, 1000, S)->id, ticket = queued(10, 30, 1000, S);
        struct claim_request r = request(10, 40, 1000);

        r.target.start = 50; /* older than the one that is known: not there any more */
        ck_assert_int_eq(make(&r, S), REFUSED_PROCESS_GONE);
        ck_assert_uint_eq(claim_of(book, 10)->id, id);
        r.target.start = 500;
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
        ck_assert_uint_eq(last_answer()->ticket, ticket);
        ck_assert_int_eq(last_answer()->refusal, REFUSED_PROCESS_GONE);
        told(1, EV_CLAIM_ENDED, id);
        ck_assert_int_eq(event_at(1)->claim_end, CLAIM_TARGET_GONE);
        ck_assert_uint_eq(claim_of(book, 10)->request.target.start, 500);
        ck_assert_uint_eq(claim_count(book), 1);
        /* What is told of the former process now does not concern the new one. */
        claim_process_gone(book, &(struct task_ref){.pid = 10, .start = 110}, 2 * S);
        ck_assert_uint_eq(claim_count(book), 1);
}
END_TEST

/* ---- bounds ------------------------------------------------------------------------------------------ */

START_TEST(test_claims_of_a_user)
{
        struct claim_request r;

        for (uint32_t i = 0; i < CLAIM_PER_UID_MAX; i++)
                claimed(1000 + i, 20, 1000, S);
        r = request(5000, 20, 1000);
        ck_assert_int_eq(make(&r, S), REFUSED_LIMIT);
        ck_assert_uint_eq(claim_count(book), CLAIM_PER_UID_MAX);
        claimed(5000, 20, 1001, S); /* another user may */
        claimed(5001, 20, 0, S);
        r = request(5000, 30, 1000); /* a takeover from somebody else is one more, too */
        r.take = true;
        ck_assert_int_eq(make(&r, S), REFUSED_LIMIT);
        r = request(1000, 30, 1000); /* one's own is not */
        r.take = true;
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
}
END_TEST

START_TEST(test_waiters_of_a_user)
{
        struct claim_request r;

        claimed(10, 20, 1000, S);
        for (uint32_t i = 0; i < CLAIM_WAITERS_PER_UID; i++)
                queued(10, 100 + i, 1000, S);
        r = request(10, 5000, 1000);
        r.wait = true;
        ck_assert_int_eq(make(&r, S), REFUSED_LIMIT);
        queued(10, 5001, 1001, S);
}
END_TEST

static uint64_t cpu_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (uint64_t)t.tv_sec * S + (uint64_t)t.tv_nsec;
}

static int count(void *userdata, const struct claim *c _unused_)
{
        ++*(size_t *)userdata;
        return 0;
}

/* The bounds of all, and that nothing there takes long. */
START_TEST(test_full)
{
        uint64_t began = cpu_ns();
        struct claim_request r;
        size_t n = 0;

        for (uint32_t i = 0; i < GUARD_CLAIMS_MAX; i++) {
                r = request(10000 + i, 20000 + i, 0);
                r.lease_ns = (1 + i * 7919 % 1000) * S;
                ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
                ck_assert_ptr_nonnull(last.claim);
        }
        r = request(5000, 20, 0);
        ck_assert_int_eq(make(&r, S), REFUSED_LIMIT);
        r = request(10000, 20, 0); /* a takeover is not one more */
        r.take = true;
        r.lease_ns = S;
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_nonnull(last.claim);
        for (uint32_t i = 0; i < CLAIM_WAITERS_MAX; i++)
                queued(10000 + i, 30000 + i, 0, S);
        r = request(10000, 20, 0);
        r.wait = true;
        ck_assert_int_eq(make(&r, S), REFUSED_LIMIT);
        claim_each(book, count, &n);
        ck_assert_uint_eq(n, GUARD_CLAIMS_MAX);
        for (uint64_t t = 2; t < 1010; t++)
                ck_assert_uint_gt(claim_expire(book, t * S), t * S);
        ck_assert_uint_eq(out.n_answers, CLAIM_WAITERS_MAX);
        ck_assert_uint_eq(claim_waiters(book), 0);
        ck_assert_uint_eq(claim_count(book), CLAIM_WAITERS_MAX); /* theirs have no lease */
        for (uint32_t i = 0; i < CLAIM_WAITERS_MAX; i++)
                claim_process_gone(book, &(struct task_ref){.pid = 30000 + i, .start = 37000 + i}, S);
        ck_assert_uint_eq(claim_count(book), 0);
        ck_assert_uint_lt(cpu_ns() - began, S); /* about 10 ms; with sanitizers 130 ms */
}
END_TEST

START_TEST(test_end_all)
{
        struct claimant root = user(0);

        claimed(10, 20, 1000, S);
        queued(10, 30, 1000, S);
        out.tracer = task(77, 1);
        queued(11, 31, 1000, S);
        claim_end_all(book, CLAIM_GUARD_OFF, &root, 2 * S);
        ck_assert_uint_eq(claim_count(book) + claim_waiters(book), 0);
        ck_assert_uint_eq(out.n_answers, 2);
        ck_assert_int_eq(out.answers[0].refusal, REFUSED_GUARD_OFF);
        ck_assert_int_eq(out.answers[1].refusal, REFUSED_GUARD_OFF);
        told(0, EV_CLAIM_ENDED, 1);
        ck_assert_int_eq(event_at(0)->claim_end, CLAIM_GUARD_OFF);
        ck_assert_uint_eq(event_at(0)->actor.pid, 1);
        out.tracer = task(0, 0);
        claimed(10, 20, 1000, 3 * S); /* and it goes on */
}
END_TEST

START_TEST(test_adopt)
{
        struct claim c = {.id = 7, .request = request(10, 20, 1000), .made_ns = S, .end_ns = 9 * S};
        struct claim again = c;

        ck_assert_int_eq(claim_adopt(book, &c), 0);
        ck_assert_uint_eq(out.n_installed + out.n_events, 0);
        ck_assert_int_eq(claim_adopt(book, &again), -EEXIST);
        again.request.target.pid = 11;
        ck_assert_int_eq(claim_adopt(book, &again), -EEXIST); /* the same id */
        ck_assert_uint_eq(claim_expire(book, 8 * S), 9 * S);
        claim_process_gone(book, &(struct task_ref){.pid = 20, .start = 7020}, 8 * S);
        ck_assert_uint_eq(claim_count(book), 0);
}
END_TEST

static int await(void *userdata, const struct task_ref *target)
{
        *(uint32_t *)userdata = *(uint32_t *)userdata * 100 + target->pid;
        return 0;
}

START_TEST(test_awaited)
{
        struct claim_request r = request(12, 40, 1000);
        uint32_t pids = 0;

        claimed(10, 20, 1000, S);
        queued(10, 30, 1000, S);
        out.tracer = task(77, 1);
        queued(11, 31, 1000, S);
        r.take = r.wait = true;
        ck_assert_int_eq(make(&r, S), CLAIM_NOT_REFUSED);
        ck_assert_ptr_null(last.claim);
        claim_each_awaited(book, await, &pids);
        ck_assert_uint_eq(pids, 1112);
}
END_TEST

int main(void)
{
        const TTest *const tests[] = {test_make_and_release,
                                      test_root_releases_any,
                                      test_second_claim_refused,
                                      test_traced_target,
                                      test_install_fails,
                                      test_lease,
                                      test_lease_taken_off,
                                      test_renew_fails,
                                      test_owner_gone,
                                      test_grace_is_over,
                                      test_token_keeps,
                                      test_lease_in_grace,
                                      test_target_gone,
                                      test_pid_reused,
                                      test_claims_of_a_user,
                                      test_waiters_of_a_user,
                                      test_full,
                                      test_end_all,
                                      test_adopt,
                                      test_awaited};
        Suite *suite = suite_create("claim");
        TCase *t = tcase_create("claim");
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
