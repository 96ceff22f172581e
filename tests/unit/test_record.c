/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <check.h>
#include <netinet/in.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>

#include "bpf/guard_maps.h"
#include "lib/base/cleanup.h"
#include "lib/event/record.h"

START_TEST(any_return_value_is_taken)
{
        struct rec_attach attach = {.h.type = REC_ATTACH, .request = PTRACE_ATTACH, .ret = INT32_MIN};
        struct rec_wait wait = {.h.type = REC_WAIT, .ret = INT32_MIN};
        struct event e;

        attach.lsm_ret = INT32_MIN;
        ck_assert_int_eq(record_to_event(&attach, sizeof(attach), &e), 0);
        ck_assert_int_eq(e.error, 0);
        ck_assert_int_eq(e.lsm_error, 0);
        ck_assert_int_eq(record_to_event(&wait, sizeof(wait), &e), 0);
        ck_assert_int_eq(e.error, 0);

        attach.ret = -EPERM;
        ck_assert_int_eq(record_to_event(&attach, sizeof(attach), &e), 0);
        ck_assert_int_eq(e.error, EPERM);
}
END_TEST

START_TEST(a_short_record_is_refused)
{
        struct rec_attach attach = {.h.type = REC_ATTACH};
        struct event e;

        for (size_t size = 0; size < sizeof(attach); size++)
                ck_assert_int_eq(record_to_event(&attach, size, &e), -EBADMSG);
}
END_TEST

static const struct rec_guard refusal = {
        .h = {.type = REC_GUARD, .time_ns = 5, .seq = 9},
        .caller = {.pid = 20, .tid = 21, .start_ns = 30 * NSEC_PER_TICK, .comm = "gdb"},
        .target = {.pid = 10, .tid = 11, .start_ns = 7 * NSEC_PER_TICK, .comm = "server"},
        .holder = {.pid = 40, .comm = "strace"},
        .claim = 77,
        .request = PTRACE_SEIZE,
        .reason = GUARD_CLAIMED,
        .source = SOURCE_CLAIM,
        .error = EBUSY,
        .rule = 3,
        .caller_uid = 1000,
        .target_uid = 33,
        .vpid = 4,
        .ns_level = 1,
};

START_TEST(a_refusal_of_the_guard_is_told_in_full)
{
        struct event e;

        ck_assert_int_eq(record_to_event(&refusal, sizeof(refusal), &e), 0);
        ck_assert_int_eq(e.type, EV_PTRACE_REFUSED);
        ck_assert_uint_eq(e.time_ns, 5);
        ck_assert_uint_eq(e.actor.tid, 21);
        ck_assert_uint_eq(e.actor.start, 30);
        ck_assert_uint_eq(e.target.tid, 11);
        ck_assert_uint_eq(e.target.start, 7);
        ck_assert_uint_eq(e.tracer.pid, 40);
        ck_assert_uint_eq(e.claim, 77);
        ck_assert_int_eq(e.request, PTRACE_SEIZE);
        ck_assert_int_eq(e.guard_reason, GUARD_CLAIMED);
        ck_assert_int_eq(e.guard_source, SOURCE_CLAIM);
        ck_assert_int_eq(e.error, EBUSY);
        ck_assert_uint_eq(e.caller_uid, 1000);
        ck_assert_uint_eq(e.target_uid, 33);
        ck_assert_uint_eq(e.vpid, 4);
        ck_assert_uint_eq(e.ns_level, 1);
        ck_assert_uint_eq(e.facts, ATT_F_TARGET_KNOWN);
        ck_assert_int_eq(e.yama, -1);
        ck_assert_str_eq(e.modules, MODULES_UNKNOWN);
        ck_assert_uint_eq(e.kernel_seq, 9);
        ck_assert_str_eq(e.note, "rule 3");
}
END_TEST

START_TEST(the_guard_tells_audits_and_memory_apart)
{
        struct rec_guard r = refusal;
        struct event e;

        r.flags = GRD_F_AUDIT;
        r.error = 0;
        r.rule = 0;
        ck_assert_int_eq(record_to_event(&r, sizeof(r), &e), 0);
        ck_assert_int_eq(e.type, EV_CLAIM_AUDIT);
        ck_assert_int_eq(e.guard_reason, GUARD_CLAIMED);
        ck_assert_int_eq(e.error, 0);
        ck_assert_str_eq(e.note, "");

        r.flags |= GRD_F_MEMORY;
        ck_assert_int_eq(record_to_event(&r, sizeof(r), &e), 0);
        ck_assert_int_eq(e.type, EV_MEMORY_ACCESS);
}
END_TEST

START_TEST(the_guard_may_claim_any_number)
{
        struct rec_guard r = refusal;
        uint8_t packed[EVENT_PACKED_MAX];
        struct event e;

        r.reason = _GUARD_REASON_MAX;
        r.source = UINT32_MAX;
        r.error = INT32_MIN;
        ck_assert_int_eq(record_to_event(&r, sizeof(r), &e), 0);
        ck_assert_int_eq(e.guard_reason, GUARD_ALLOWED);
        ck_assert_int_eq(e.guard_source, SOURCE_NONE);
        ck_assert_int_eq(e.error, 0);
        ck_assert_int_gt(event_pack(&e, packed, sizeof(packed)), 0);
}
END_TEST

START_TEST(a_socket_of_a_debuggers)
{
        struct rec_connect r = {
                .h = {.type = REC_CONNECT, .time_ns = 5, .seq = 9},
                .task = {.pid = 10, .tid = 11, .start_ns = 70000000, .comm = "php"},
                .parent = {.pid = 4, .tid = 4, .comm = "bash"},
                .waited_ns = 6,
                .netns = 77,
                .error = ECONNREFUSED,
                .local_port = 40000,
                .remote_port = 9003,
                .family = AF_INET,
                .what = CONNECT_FAILED,
                .flags = CONNECT_F_XDEBUG,
                .local = {127, 0, 0, 1},
                .remote = {127, 0, 0, 2},
        };
        struct event e;

        ck_assert_int_eq(record_to_event(&r, sizeof(r), &e), 0);
        ck_assert_int_eq(e.type, EV_NET_CONNECT);
        ck_assert_int_eq(e.change, NET_FAILED);
        ck_assert_uint_eq(e.target.start, 7);
        ck_assert_uint_eq(e.parent.pid, 4);
        ck_assert_int_eq(e.error, ECONNREFUSED);
        ck_assert_uint_eq(e.port, 9003);
        ck_assert_str_eq(e.local, "127.0.0.1:40000");
        ck_assert_str_eq(e.remote, "127.0.0.2:9003");
        ck_assert(e.xdebug && !e.server);
        ck_assert_uint_eq(e.netns, 77);
        ck_assert_uint_eq(e.waited_ns, 6);

        r.family = AF_INET6;
        memcpy(r.remote, &in6addr_loopback, sizeof(r.remote));
        memcpy(r.local, (uint8_t[16]){[10] = 0xff, 0xff, 10, 0, 0, 1}, sizeof(r.local));
        r.flags = CONNECT_F_SERVER;
        r.error = INT32_MIN;
        r.what = 200;
        ck_assert_int_eq(record_to_event(&r, sizeof(r), &e), 0);
        ck_assert_str_eq(e.local, "10.0.0.1:40000");
        ck_assert_str_eq(e.remote, "[::1]:9003");
        ck_assert_uint_eq(e.port, 40000); /* of the end that listened */
        ck_assert_int_eq(e.change, 0);
        ck_assert_int_eq(e.error, 0);
        ck_assert_int_eq(record_to_event(&r, sizeof(r) - 1, &e), -EBADMSG);
}
END_TEST

START_TEST(a_flood_of_the_guards_is_counted_by_reason)
{
        static const struct {
                uint32_t reason;
                bool audit, memory;
                enum event_type type;
                int error;
        } cases[] = {
                {GUARD_HELD, false, false, EV_PTRACE_REFUSED, EBUSY},
                {GUARD_NO_SLOT, false, false, EV_PTRACE_REFUSED, EAGAIN},
                {GUARD_CLAIMED, true, false, EV_CLAIM_AUDIT, 0},
                {GUARD_ALLOWED, false, true, EV_MEMORY_ACCESS, 0},
                {GUARD_MEMORY, false, true, EV_MEMORY_ACCESS, EBUSY},
                {_GUARD_REASON_MAX, false, false, EV_PTRACE_REFUSED, 0},
        };
        const struct count_value value = {.count = 9, .first_ns = 100, .last_ns = 200};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const struct count_key key = {
                        .start_ns = 7 * NSEC_PER_TICK,
                        .pid = 10,
                        .tracer = 21,
                        .code = (int32_t)cases[i].reason,
                        .sig = SOURCE_SINGLE,
                        .result = cases[i].audit,
                        .handled = cases[i].memory,
                        .kind = COUNT_GUARD,
                };
                uint32_t reason = cases[i].reason < _GUARD_REASON_MAX ? cases[i].reason : 0;
                struct event e;

                counter_to_event(&key, &value, 4, 150, &e);
                ck_assert_int_eq(e.type, EV_COUNTER);
                ck_assert_int_eq(e.of_type, cases[i].type);
                ck_assert_uint_eq(e.count, 4);
                ck_assert_uint_eq(e.first_ns, 150);
                ck_assert_uint_eq(e.target.pid, 10);
                ck_assert_uint_eq(e.target.start, 7);
                ck_assert_uint_eq(e.tracer.tid, 21);
                ck_assert_int_eq(e.guard_reason, (int)reason);
                ck_assert_int_eq(e.guard_source, SOURCE_SINGLE);
                ck_assert_int_eq(e.error, cases[i].error);
                /* What a signal's key would say with the same members. */
                ck_assert_int_eq(e.sig, 0);
                ck_assert_int_eq(e.code, 0);
                ck_assert_int_eq(e.result, 0);
        }
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("record");
        SRunner *runner = srunner_create(suite);
        TCase *tc = tcase_create("record");
        int failed;

        tcase_add_test(tc, any_return_value_is_taken);
        tcase_add_test(tc, a_short_record_is_refused);
        tcase_add_test(tc, a_refusal_of_the_guard_is_told_in_full);
        tcase_add_test(tc, the_guard_tells_audits_and_memory_apart);
        tcase_add_test(tc, the_guard_may_claim_any_number);
        tcase_add_test(tc, a_socket_of_a_debuggers);
        tcase_add_test(tc, a_flood_of_the_guards_is_counted_by_reason);
        suite_add_tcase(suite, tc);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
