/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The decision about an attach: asked before, and explained after. */

#include "../../lib/access.h"
#include "scene.h"

#define ALL_KNOWN (~(uint32_t)ATT_F_LSM_CALLED)

static struct access_facts ordinary(void)
{
        return (struct access_facts){
                .caller = named(4811, "gdb"),
                .target = named(4711, "api"),
                .request = PTRACE_ATTACH,
                .facts = FACTS_FINE,
                .known = ALL_KNOWN,
                .caller_uid = 1000,
                .target_uid = 1000,
                .yama = -1,
        };
}

static struct access_verdict decide(const struct access_facts *f)
{
        struct access_verdict v;

        access_decide(f, &v);
        ck_assert_int_eq(v.allowed, v.error == 0);
        ck_assert_int_eq(v.allowed, v.cause == ACCESS_NONE && f->error == 0);
        ck_assert_uint_gt(strlen(v.summary), 0);
        for (size_t i = 0; i < v.n_facts; i++)
                ck_assert_uint_gt(strlen(v.facts[i]), 0);
        return v;
}

static void expect_cause(const struct access_facts *f, enum access_cause cause)
{
        struct access_verdict v = decide(f);

        ck_assert_msg(v.cause == cause, "%s, not %s: %s", access_cause_to_string(v.cause),
                      access_cause_to_string(cause), v.summary);
}

START_TEST(ordinary_attach_is_allowed)
{
        struct access_facts f = ordinary();

        expect_cause(&f, ACCESS_NONE);
        ck_assert_str_eq(decide(&f).summary, "nothing forbids PID 4811 (gdb) to attach to PID 4711 (api)");
}
END_TEST

START_TEST(root_is_allowed_whatever_the_ids)
{
        struct access_facts f = ordinary();

        f.facts = ATT_F_TARGET_KNOWN | ATT_F_CAP_PTRACE;
        f.caller_uid = 0;
        f.caller_host_root = true;
        f.yama = 2;
        expect_cause(&f, ACCESS_NONE);
}
END_TEST

/* Each row refuses by itself; all rows above it in the kernel's order take precedence when they apply, too.
 */
static const struct row {
        enum access_cause cause;
        uint32_t set, clear;
        uint32_t holder;
        int32_t yama;
} rows[] = {
        {ACCESS_SECCOMP, ATT_F_SECCOMP, 0, 0, -1},
        {ACCESS_KERNEL_THREAD, ATT_F_KTHREAD, 0, 0, -1},
        {ACCESS_OWN_THREAD_GROUP, ATT_F_SAME_GROUP, 0, 0, -1},
        {ACCESS_ZOMBIE, ATT_F_ZOMBIE, 0, 0, -1},
        {ACCESS_TRACED, 0, 0, 4802, -1},
        {ACCESS_USER_NAMESPACE, 0, ATT_F_SAME_USERNS, 0, -1},
        {ACCESS_UID, 0, ATT_F_UID_MATCH, 0, -1},
        {ACCESS_NOT_DUMPABLE, 0, ATT_F_DUMPABLE, 0, -1},
        {ACCESS_CAPABILITY, 0, ATT_F_CAPS_SUBSET, 0, -1},
        {ACCESS_YAMA, 0, 0, 0, 2},
};

static void make_refuse(struct access_facts *f, const struct row *r)
{
        f->facts = (f->facts | r->set) & ~r->clear;
        f->yama = MAX_OF(f->yama, r->yama);
        if (r->holder)
                f->holder = named(r->holder, "dlv");
}

START_TEST(each_cause_alone)
{
        struct access_facts f = ordinary();

        make_refuse(&f, &rows[_i]);
        expect_cause(&f, rows[_i].cause);
        ck_assert_int_eq(decide(&f).error, EPERM);
        f.error = EPERM;
        expect_cause(&f, rows[_i].cause);
        ck_assert_uint_gt(strlen(decide(&f).remedy), 0);
}
END_TEST

START_TEST(causes_together_come_in_order)
{
        struct access_facts f = ordinary();

        for (size_t i = ELEMENTSOF(rows); i-- > 0;) {
                make_refuse(&f, &rows[i]);
                expect_cause(&f, rows[i].cause);
        }
}
END_TEST

START_TEST(traced_and_forbidden_are_both_told)
{
        struct access_facts f = ordinary();
        struct access_verdict v;

        f.holder = named(4802, "dlv");
        f.yama = 2;
        v = decide(&f);
        ck_assert_int_eq(v.cause, ACCESS_TRACED);
        ck_assert_ptr_nonnull(strstr(v.summary, "already traced by PID 4802 (dlv)"));
        ck_assert_ptr_nonnull(strstr(v.summary, "kernel.yama.ptrace_scope is 2"));
        ck_assert_uint_eq(v.n_facts, 2);
}
END_TEST

START_TEST(yama_in_scope_1_lets_ancestors_and_root_in)
{
        struct access_facts f = ordinary();

        f.yama = 1;
        f.yama_exempt = ANSWER_YES;
        expect_cause(&f, ACCESS_NONE);
        f.yama_exempt = ANSWER_NO;
        expect_cause(&f, ACCESS_YAMA);
        access_know(&f, ATT_F_CAP_PTRACE, true);
        expect_cause(&f, ACCESS_NONE);
        f.yama = 3;
        expect_cause(&f, ACCESS_YAMA);
}
END_TEST

START_TEST(security_module_is_blamed_for_its_own_answer_only)
{
        struct access_facts f = ordinary();

        f.error = EACCES;
        f.lsm_error = EACCES;
        f.yama = 1;
        access_know(&f, ATT_F_LSM_CALLED, true);
        expect_cause(&f, ACCESS_LSM);
        f.error = EPERM;
        f.lsm_error = 0;
        expect_cause(&f, ACCESS_TRACED);
        ck_assert_ptr_nonnull(strstr(decide(&f).summary, "a tracer that has left since"));
}
END_TEST

START_TEST(container_root_is_not_host_root)
{
        struct access_facts f = ordinary();

        f.facts = (f.facts | ATT_F_CAP_PTRACE) & ~(uint32_t)(ATT_F_SAME_USERNS | ATT_F_UID_MATCH);
        expect_cause(&f, ACCESS_USER_NAMESPACE);
        f.caller_host_root = true;
        expect_cause(&f, ACCESS_NONE);
}
END_TEST

START_TEST(traceme_is_not_asked_for_ids)
{
        struct access_facts f = ordinary();

        f.request = PTRACE_TRACEME;
        f.facts = ATT_F_TARGET_KNOWN | ATT_F_SAME_GROUP;
        f.error = EPERM;
        f.holder = named(4820, "strace");
        expect_cause(&f, ACCESS_TRACED);
        ck_assert_ptr_null(strstr(decide(&f).summary, "anyway"));
        f.holder = NOBODY;
        f.yama = 2;
        expect_cause(&f, ACCESS_YAMA);
}
END_TEST

START_TEST(gone_and_elsewhere)
{
        struct access_facts f = ordinary();

        f.target_gone = true;
        expect_cause(&f, ACCESS_GONE);
        ck_assert_int_eq(decide(&f).error, ESRCH);
        f.target_gone = false;
        f.error = ESRCH;
        expect_cause(&f, ACCESS_GONE);
        f.ns_level = 1;
        f.vpid = 15;
        expect_cause(&f, ACCESS_PID_NAMESPACE);
}
END_TEST

START_TEST(what_is_not_known_refuses_nothing)
{
        struct access_facts f = ordinary();

        f.facts = f.known = 0;
        expect_cause(&f, ACCESS_NONE);
        f.error = EPERM;
        expect_cause(&f, ACCESS_NONE);
        ck_assert_ptr_nonnull(strstr(decide(&f).summary, "the reason is not known"));
}
END_TEST

START_TEST(a_seccomp_filter_is_a_fact_not_a_verdict)
{
        struct access_facts f = ordinary();
        struct access_verdict v;

        f.caller_has_filter = true;
        v = decide(&f);
        ck_assert(v.allowed);
        ck_assert_uint_eq(v.n_facts, 1);
        ck_assert_ptr_nonnull(strstr(v.facts[0], "seccomp"));
}
END_TEST

START_TEST(ids_are_compared_as_the_kernel_does)
{
        struct access_ids user = {1000, 1000, 1000, 1000, 1000, 1000, 0, 0}, other = user;
        struct access_facts f = {};

        access_compare(&f, &user, &other);
        ck_assert_uint_eq(f.facts, ATT_F_UID_MATCH | ATT_F_CAPS_SUBSET);
        ck_assert_uint_eq(f.known, ATT_F_UID_MATCH | ATT_F_CAPS_SUBSET | ATT_F_CAP_PTRACE);
        other.suid = 0;
        access_compare(&f, &user, &other);
        ck_assert_uint_eq(f.facts, ATT_F_CAPS_SUBSET);
        other = user;
        other.egid = 4;
        other.cap_permitted = 1 << 10;
        access_compare(&f, &user, &other);
        ck_assert_uint_eq(f.facts, 0);
        user.cap_permitted = user.cap_effective = UINT64_MAX;
        access_compare(&f, &user, &other);
        ck_assert_uint_eq(f.facts, ATT_F_CAP_PTRACE | ATT_F_CAPS_SUBSET);
}
END_TEST

START_TEST(any_facts_give_a_verdict)
{
        uint64_t x = 88172645463325252ULL;

        for (int i = 0; i < 100000; i++) {
                struct access_facts f = ordinary();
                struct access_verdict v;

                x ^= x << 13, x ^= x >> 7, x ^= x << 17;
                f.facts = (uint32_t)x;
                f.known = (uint32_t)(x >> 32);
                f.yama = (int)(x >> 3 & 3) - 1;
                f.error = x & 1 << 20 ? EPERM : x & 1 << 21 ? ESRCH : 0;
                f.lsm_error = x & 1 << 22 ? EACCES : 0;
                f.ns_level = x >> 9 & 1;
                memset(f.caller.comm, 0x1b, sizeof(f.caller.comm) - 1);
                if (x & 1 << 23)
                        f.holder = f.caller;
                access_decide(&f, &v);
                ck_assert_uint_lt(strlen(v.summary), ACCESS_TEXT_MAX);
                ck_assert_uint_le(v.n_facts, ACCESS_SENTENCES);
                ck_assert_int_eq(v.allowed, v.error == 0);
        }
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("access");
        TCase *t = tcase_create("access");

        tcase_add_test(t, ordinary_attach_is_allowed);
        tcase_add_test(t, root_is_allowed_whatever_the_ids);
        tcase_add_loop_test(t, each_cause_alone, 0, ELEMENTSOF(rows));
        tcase_add_test(t, causes_together_come_in_order);
        tcase_add_test(t, traced_and_forbidden_are_both_told);
        tcase_add_test(t, yama_in_scope_1_lets_ancestors_and_root_in);
        tcase_add_test(t, security_module_is_blamed_for_its_own_answer_only);
        tcase_add_test(t, container_root_is_not_host_root);
        tcase_add_test(t, traceme_is_not_asked_for_ids);
        tcase_add_test(t, gone_and_elsewhere);
        tcase_add_test(t, what_is_not_known_refuses_nothing);
        tcase_add_test(t, a_seccomp_filter_is_a_fact_not_a_verdict);
        tcase_add_test(t, ids_are_compared_as_the_kernel_does);
        tcase_add_test(t, any_facts_give_a_verdict);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
