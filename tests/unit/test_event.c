/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <check.h>
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/event/event.h"
#include "lib/event/lifetime.h"
#include "tests/unit/random_event.h"

#define ROUNDS 400 /* random events of each type */
#define SEED   88172645463325252ULL

static struct event sample(enum event_type type)
{
        return (struct event){
                .seq = 7,
                .type = type,
                .time_ns = 5000000001,
                .wall_ns = 1795309323000000004,
                .target = {.pid = 100, .tid = 101, .start = 50, .tid_start = 60, .comm = "prog"},
                .sig = SIGTRAP,
        };
}

static struct json_object *to_json(const struct event *e)
{
        struct json_object *o = NULL;

        ck_assert_int_eq(event_to_json(e, &o), 0);
        return o;
}

/* The event that a JSON text is; fails the test if it is none. */
static struct event from_text(const char *text)
{
        struct json_object *o = json_tokener_parse(text);
        char error[256] = "";
        struct event e;

        ck_assert_ptr_nonnull(o);
        ck_assert_msg(event_from_json(o, &e, error, sizeof(error)) == 0, "%s", error);
        json_object_put(o);
        return e;
}

#define FRAME "\"type\":\"task.exit\",\"time\":\"2026-11-22T01:02:03Z\",\"boottime_ns\":1"

static void assert_rejected(const char *text, const char *complaint)
{
        struct json_object *o = json_tokener_parse(text);
        char error[256] = "";
        struct event e = {.seq = 99};

        ck_assert_int_eq(event_from_json(o, &e, error, sizeof(error)), -EINVAL);
        ck_assert_str_eq(error, complaint);
        ck_assert_uint_eq(e.seq, 99);
        json_object_put(o);
}

/* ---- the table -------------------------------------------------------------------------------------- */

START_TEST(every_type_has_a_unique_name)
{
        for (int i = EV_NONE + 1; i < _EV_MAX; i++) {
                ck_assert_ptr_nonnull(event_type_to_string(i));
                ck_assert_int_eq(event_type_from_string(event_type_to_string(i)), i);
        }
        ck_assert_ptr_null(event_type_to_string(EV_NONE));
        ck_assert_ptr_null(event_type_to_string(_EV_MAX));
        ck_assert_int_eq(event_type_from_string("signal.generat"), EV_NONE);
        ck_assert_int_eq(event_type_from_string(NULL), EV_NONE);
}
END_TEST

START_TEST(a_type_has_each_name_and_member_once)
{
        size_t n;
        const struct event_field *f = event_fields(&n);

        for (int type = EV_NONE + 1; type < _EV_MAX; type++) {
                size_t of_type = 0;
                for (size_t i = 0; i < n; i++) {
                        if (!(f[i].types & EVENT_BIT(type)))
                                continue;
                        of_type++;
                        for (size_t k = 0; k < i; k++) {
                                if (!(f[k].types & EVENT_BIT(type)))
                                        continue;
                                ck_assert_str_ne(f[i].json, f[k].json);
                                ck_assert_msg(f[i].offset != f[k].offset, "%s: %s is %s",
                                              event_type_to_string(type), f[i].json, f[k].json);
                        }
                }
                ck_assert_uint_gt(of_type, 0);
                ck_assert_uint_le(of_type, 64); /* bits of the compact form's mask */
        }
}
END_TEST

START_TEST(signals_have_the_promised_keys)
{
        static const char *const keys[] = {"seq",     "type",    "time",        "boottime_ns", "sig",
                                           "signame", "si_code", "result",      "sender",      "target",
                                           "tracer",  "blocked", "disposition", "handler",     "ip"};
        struct event e = sample(EV_SIGNAL_GENERATE);
        struct json_object *o = to_json(&e), *v;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                ck_assert_msg(json_object_object_get_ex(o, keys[i], NULL), "no %s", keys[i]);
        json_object_object_get_ex(o, "time", &v);
        ck_assert_str_eq(json_object_get_string(v), "2026-11-22T01:02:03.000000004Z");
        json_object_object_get_ex(o, "signame", &v);
        ck_assert_str_eq(json_object_get_string(v), "SIGTRAP");
        json_object_object_get_ex(o, "result", &v);
        ck_assert_str_eq(json_object_get_string(v), "queued");
        json_object_object_get_ex(o, "target", &v);
        ck_assert_str_eq(json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN),
                         "{\"pid\":100,\"tid\":101,\"comm\":\"prog\",\"start\":50,\"tid_start\":60}");
        json_object_object_get_ex(o, "tracer", &v);
        ck_assert_ptr_null(v);
        json_object_put(o);
}
END_TEST

START_TEST(ptrace_requests_are_counted_under_their_own_name)
{
        struct event e = sample(EV_COUNTER), back;
        struct json_object *o = to_json(&e), *v;
        char error[256];

        json_object_object_get_ex(o, "of_type", &v);
        ck_assert_str_eq(json_object_get_string(v), "ptrace.request");
        ck_assert_int_eq(event_from_json(o, &back, error, sizeof(error)), 0);
        ck_assert_int_eq(back.of_type, EV_NONE);
        json_object_put(o);
}
END_TEST

/* ---- round trips ------------------------------------------------------------------------------------ */

START_TEST(json_round_trip_loses_nothing)
{
        uint64_t seed = SEED + (uint64_t)_i;

        for (int round = 0; round < ROUNDS; round++) {
                struct event e = random_event(&seed, _i, true), back;
                struct json_object *o = to_json(&e);
                struct json_object *parsed = json_tokener_parse(json_object_to_json_string(o));
                char error[256] = "";

                ck_assert_msg(event_from_json(parsed, &back, error, sizeof(error)) == 0, "%s", error);
                assert_same_event(&e, &back);
                json_object_put(parsed);
                json_object_put(o);
        }
}
END_TEST

START_TEST(packed_round_trip_loses_nothing)
{
        uint64_t seed = SEED + (uint64_t)_i;

        for (int round = 0; round < ROUNDS; round++) {
                struct event e = random_event(&seed, _i, false), back;
                uint8_t buf[EVENT_PACKED_MAX];
                int n = event_pack(&e, buf, sizeof(buf));

                ck_assert_int_gt(n, 0);
                ck_assert_int_eq(event_unpack(e.type, buf, (size_t)n, &back), 0);
                back.seq = e.seq;
                back.time_ns = e.time_ns;
                back.wall_ns = e.wall_ns;
                assert_same_event(&e, &back);
        }
}
END_TEST

START_TEST(a_refusal_of_earlier_does_not_know_the_modules)
{
        struct event e = {.type = EV_PTRACE_REFUSED, .modules = MODULES_UNKNOWN}, back;
        uint8_t buf[EVENT_PACKED_MAX];
        char error[256];
        int used = event_pack(&e, buf, sizeof(buf));

        ck_assert_int_eq(used, 1);
        ck_assert_int_eq(event_unpack(EV_PTRACE_REFUSED, buf, 1, &back), 0);
        ck_assert_str_eq(back.modules, MODULES_UNKNOWN);
        struct json_object *o = to_json(&e);
        json_object_object_del(o, "security_modules");
        ck_assert_int_eq(event_from_json(o, &back, error, sizeof(error)), 0);
        ck_assert_str_eq(back.modules, MODULES_UNKNOWN);
        json_object_put(o);

        e.modules[0] = '\0';
        used = event_pack(&e, buf, sizeof(buf));
        ck_assert_int_eq(event_unpack(EV_PTRACE_REFUSED, buf, (size_t)used, &back), 0);
        ck_assert_str_eq(back.modules, "");
}
END_TEST

START_TEST(the_largest_event_fits)
{
        struct event e = sample(_i);
        uint8_t buf[EVENT_PACKED_MAX];
        size_t n;
        const struct event_field *f = event_fields(&n);

        for (size_t i = 0; i < n; i++) {
                void *member = (char *)&e + f[i].offset;
                if (!(f[i].types & EVENT_BIT(_i)))
                        continue;
                if (f[i].kind == FIELD_STRING)
                        memset(member, 'x', f[i].size - 1);
                else if (f[i].kind == FIELD_U64 || f[i].kind == FIELD_HEX)
                        *(uint64_t *)member = UINT64_MAX;
                else if (f[i].kind == FIELD_U32)
                        *(uint32_t *)member = UINT32_MAX;
                else if (f[i].kind == FIELD_I32)
                        *(int32_t *)member = INT32_MIN;
                else if (f[i].kind == FIELD_TASK)
                        *(struct task_ref *)member = (struct task_ref){
                                UINT32_MAX, UINT32_MAX - 1, UINT64_MAX, UINT64_MAX - 1, "fifteen letters"};
        }
        int used = event_pack(&e, buf, sizeof(buf));
        ck_assert_int_gt(used, 0);
        ck_assert_int_eq(event_pack(&e, buf, (size_t)used - 1), -ENOSPC);
}
END_TEST

START_TEST(an_empty_event_packs_small)
{
        struct event e = {.type = EV_SIGNAL_GENERATE};
        uint8_t buf[EVENT_PACKED_MAX];

        ck_assert_int_eq(event_pack(&e, buf, sizeof(buf)), 1);
}
END_TEST

/* ---- hostile input ---------------------------------------------------------------------------------- */

START_TEST(damaged_packed_bytes_are_refused_or_read_in_bounds)
{
        uint64_t seed = SEED + (uint64_t)_i;

        for (int round = 0; round < ROUNDS; round++) {
                struct event e = random_event(&seed, _i, false), back;
                uint8_t buf[EVENT_PACKED_MAX];
                int n = event_pack(&e, buf, sizeof(buf));

                for (int cut = 0; cut < n; cut++)
                        ck_assert_int_eq(event_unpack(_i, buf, (size_t)cut, &back), -EBADMSG);
                buf[random_u64(&seed) % (uint64_t)n] ^= (uint8_t)(random_u64(&seed) | 1);
                if (event_unpack(_i, buf, (size_t)n, &back) ==
                    0) { /* then it is an event that can be used */
                        struct json_object *o = to_json(&back);
                        json_object_put(o);
                }
                for (size_t k = 0; k < sizeof(buf); k++)
                        buf[k] = (uint8_t)random_u64(&seed);
                (void)!event_unpack(_i, buf, random_u64(&seed) % 64, &back);
        }
}
END_TEST

START_TEST(trailing_bytes_and_unknown_types_are_refused)
{
        struct event e = sample(EV_TASK_EXIT), back;
        uint8_t buf[EVENT_PACKED_MAX];
        int n = event_pack(&e, buf, sizeof(buf));

        buf[n] = 0;
        ck_assert_int_eq(event_unpack(EV_TASK_EXIT, buf, (size_t)n + 1, &back), -EBADMSG);
        ck_assert_int_eq(event_unpack(EV_NONE, buf, (size_t)n, &back), -EBADMSG);
        ck_assert_int_eq(event_unpack(_EV_MAX, buf, (size_t)n, &back), -EBADMSG);
        e.type = EV_NONE;
        ck_assert_int_eq(event_pack(&e, buf, sizeof(buf)), -EINVAL);
}
END_TEST

START_TEST(a_string_with_a_nul_inside_is_refused)
{
        struct event e = {.type = EV_LOSS, .note = "ab"}, back;
        uint8_t buf[EVENT_PACKED_MAX];
        int n = event_pack(&e, buf, sizeof(buf));

        ck_assert_int_eq(event_unpack(EV_LOSS, buf, (size_t)n, &back), 0);
        buf[n - 2] = '\0';
        ck_assert_int_eq(event_unpack(EV_LOSS, buf, (size_t)n, &back), -EBADMSG);
}
END_TEST

START_TEST(enum_members_out_of_range_are_refused)
{
        struct event e = sample(EV_SIGNAL_GENERATE), back;
        uint8_t buf[EVENT_PACKED_MAX];
        int n;

        e.result = _SIGRES_MAX;
        ck_assert_int_eq(event_pack(&e, buf, sizeof(buf)), -EINVAL);
        e.result = -1;
        ck_assert_int_eq(event_pack(&e, buf, sizeof(buf)), -EINVAL);
        e = (struct event){.type = EV_PTRACE_DETACH, .cause = DETACHED_UNSEEN};
        n = event_pack(&e, buf, sizeof(buf));
        buf[n - 1] = 2 * _DETACHED_MAX; /* zigzag */
        ck_assert_int_eq(event_unpack(EV_PTRACE_DETACH, buf, (size_t)n, &back), -EBADMSG);
}
END_TEST

START_TEST(wrong_json_gets_a_sentence_with_the_place)
{
        assert_rejected("[1]", "an event is a JSON object");
        assert_rejected("{}", "\"type\" is missing");
        assert_rejected("{\"type\":5}", "\"type\" is not a string");
        assert_rejected("{\"type\":\"no\\u001bthing\"}",
                        "\"type\" is \"no\\x1bthing\", which is no event type");
        assert_rejected("{\"type\":\"loss\"}", "\"time\" is missing");
        assert_rejected("{\"type\":\"loss\",\"time\":\"-5m\"}",
                        "\"time\" is not a time like \"2026-11-22T01:02:03.000000004Z\"");
        assert_rejected("{\"type\":\"loss\",\"time\":\"2026-11-22\"}", "\"boottime_ns\" is missing");
        assert_rejected("{" FRAME ",\"status\":\"x\"}", "\"status\" is not a whole number");
        assert_rejected("{" FRAME ",\"status\":1.5}", "\"status\" is not a whole number");
        assert_rejected("{" FRAME ",\"status\":99999999999}",
                        "\"status\" is out of range (-2147483648 to 2147483647)");
        assert_rejected("{" FRAME ",\"group_dead\":1}", "\"group_dead\" is neither true nor false");
        assert_rejected("{" FRAME ",\"target\":7}", "\"target\" is neither an object nor null");
        assert_rejected("{" FRAME ",\"target\":{}}", "\"target.pid\" is missing");
        assert_rejected("{" FRAME ",\"target\":{\"pid\":-1}}",
                        "\"target.pid\" is out of range (0 to 4294967295)");
        assert_rejected("{" FRAME ",\"target\":{\"pid\":1,\"comm\":[]}}", "\"target.comm\" is not a string");
        assert_rejected("{" FRAME ",\"target\":{\"pid\":1,\"comm\":\"a\\u0000b\"}}",
                        "\"target.comm\" has a NUL character in it");
        assert_rejected("{" FRAME ",\"seq\":9223372036854775808}",
                        "\"seq\" is out of range (0 to 9223372036854775807)");
}
END_TEST

#define SIGNAL "{\"type\":\"signal.generate\",\"time\":\"2026-11-22T01:02:03Z\",\"boottime_ns\":1,"
START_TEST(wrong_values_of_each_kind_are_refused)
{
        assert_rejected(SIGNAL "\"result\":\"lost\"}",
                        "\"result\" is \"lost\", which is none of its values");
        assert_rejected(SIGNAL "\"result\":1}", "\"result\" is not a string");
        assert_rejected(SIGNAL "\"ip\":\"12\"}", "\"ip\" is not a hexadecimal number like \"0x7f00\"");
        assert_rejected(SIGNAL "\"ip\":\"0x\"}", "\"ip\" is not a hexadecimal number like \"0x7f00\"");
        assert_rejected(SIGNAL "\"ip\":\"0x-1\"}", "\"ip\" is not a hexadecimal number like \"0x7f00\"");
        assert_rejected(SIGNAL "\"ip\":\"0x12345678123456789\"}",
                        "\"ip\" is not a hexadecimal number like \"0x7f00\"");
        assert_rejected(
                "{\"type\":\"wait.error\",\"time\":\"2026-11-22\",\"boottime_ns\":1,\"errno\":\"EFOO\"}",
                "\"errno\" is \"EFOO\", which is no error name");
        assert_rejected(
                "{\"type\":\"task.state\",\"time\":\"2026-11-22\",\"boottime_ns\":1,\"state\":\"tt\"}",
                "\"state\" is not a one-letter string");
        assert_rejected("{\"type\":\"task.exec\",\"time\":\"2026-11-22\",\"boottime_ns\":1,\"path\":{}}",
                        "\"path\" is not a string");
}
END_TEST

START_TEST(lenient_where_nothing_is_lost)
{
        struct event e = from_text("{" FRAME ",\"later_key\":{\"a\":[1]},\"target\":null,\"status\":null}");

        ck_assert_int_eq(e.type, EV_TASK_EXIT);
        ck_assert_uint_eq(e.target.pid, 0);
        ck_assert_int_eq(e.status, 0);
        e = from_text("{" FRAME
                      ",\"target\":{\"pid\":4,\"tid\":4,\"start\":9,\"comm\":\"12345678901234567890\"}}");
        ck_assert_str_eq(e.target.comm, "123456789012345");
        ck_assert_uint_eq(e.target.tid_start, 9);
}
END_TEST

START_TEST(invalid_utf8_becomes_valid_json)
{
        struct event e = sample(EV_TASK_EXEC), back;
        struct json_object *o, *v;
        char error[256];

        memset(e.path, 0xff, sizeof(e.path) - 1);
        strcpy(e.target.comm, "a\xff");
        o = to_json(&e);
        json_object_object_get_ex(o, "path", &v);
        ck_assert_int_eq(json_object_get_string_len(v), 3 * (EVENT_PATH_MAX - 1));
        json_object_object_get_ex(json_object_object_get(o, "target"), "comm", &v);
        ck_assert_str_eq(json_object_get_string(v), "a\xef\xbf\xbd");
        ck_assert_int_eq(event_from_json(o, &back, error, sizeof(error)), 0);
        ck_assert_uint_eq(strlen(back.path), (EVENT_PATH_MAX - 1) / 3 * 3);
        json_object_put(o);
}
END_TEST

/* ---- names and times -------------------------------------------------------------------------------- */

START_TEST(signal_names)
{
        char buf[16];

        ck_assert_str_eq(signal_name(SIGTRAP, buf, sizeof(buf)), "SIGTRAP");
        ck_assert_str_eq(signal_name(77, buf, sizeof(buf)), "SIG77");
        for (int sig = 1; sig <= 64; sig++)
                ck_assert_int_eq(signal_number(signal_name(sig, buf, sizeof(buf))), sig);
        ck_assert_int_eq(signal_number("TRAP"), SIGTRAP);
        ck_assert_int_eq(signal_number("5"), 5);
        ck_assert_int_eq(signal_number("SIG77"), 77);
        ck_assert_int_eq(signal_number("SIGNOTHING"), 0);
        ck_assert_int_eq(signal_number(""), 0);
        ck_assert_int_eq(signal_number("5x"), 0);
        ck_assert_int_eq(signal_number("-5"), 0);
        ck_assert_int_eq(signal_number("99999999999999999999"), 0);
}
END_TEST

START_TEST(errno_names)
{
        char buf[32];

        ck_assert_str_eq(errno_name(EPERM, buf, sizeof(buf)), "EPERM");
        ck_assert_str_eq(errno_name(512, buf, sizeof(buf)), "ERESTARTSYS");
        ck_assert_str_eq(errno_name(4000, buf, sizeof(buf)), "4000");
}
END_TEST

START_TEST(times_are_written_and_read)
{
        static const struct {
                const char *text;
                uint64_t ns;
        } cases[] = {
                {"1970-01-01T00:00:00Z", 0},
                {"2026-11-22T01:02:03.000000004Z", 1795309323000000004},
                {"2026-11-22T01:02:03.000000004", 1795309323000000004},
                {"2026-11-22 01:02:03.5", 1795309323500000000},
                {"2026-11-22T01:02:03.0000000049", 1795309323000000004},
                {"2026-11-22T03:02:03+02:00", 1795309323000000000},
                {"2026-11-21T23:32:03-0130", 1795309323000000000},
                {"2026-11-22T01:02", 1795309320000000000},
                {"2026-11-22", 1795305600000000000},
                {"2024-02-29", 1709164800000000000},
        };
        char buf[TIME_STRING_MAX];
        uint64_t ns;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ck_assert_msg(time_from_string(cases[i].text, 5, &ns) == 0, "%s", cases[i].text);
                ck_assert_uint_eq(ns, cases[i].ns);
        }
        ck_assert_str_eq(time_to_string(1795309323000000004, buf), "2026-11-22T01:02:03.000000004Z");
        ck_assert_int_eq(time_from_string(time_to_string(UINT64_MAX, buf), 0, &ns), 0);
        ck_assert_uint_eq(ns, UINT64_MAX);
}
END_TEST

START_TEST(relative_times_count_back)
{
        const uint64_t now = 1795309323000000004;
        uint64_t ns;

        ck_assert_int_eq(time_from_string("-5m", now, &ns), 0);
        ck_assert_uint_eq(ns, now - 300 * NSEC_PER_SEC);
        ck_assert_int_eq(time_from_string("-2h30m", now, &ns), 0);
        ck_assert_uint_eq(ns, now - 9000 * NSEC_PER_SEC);
        ck_assert_int_eq(time_from_string("-1w1d10s", now, &ns), 0);
        ck_assert_uint_eq(ns, now - (8 * 86400 + 10) * NSEC_PER_SEC);
        ck_assert_int_eq(time_from_string("-10000w", now, &ns), 0);
        ck_assert_uint_eq(ns, 0);
}
END_TEST

START_TEST(what_is_no_time_is_refused)
{
        static const char *const bad[] = {"",
                                          "-",
                                          "-5",
                                          "-m",
                                          "-5x",
                                          "5m",
                                          "yesterday",
                                          "2026",
                                          "2026-13-01",
                                          "2026-02-29",
                                          "2026-11-32",
                                          "2026-00-10",
                                          "2026-11-22T",
                                          "2026-11-22T25:00",
                                          "2026-11-22T01:60",
                                          "2026-11-22T01:02:03.",
                                          "2026-11-22T01:02:03Zjunk",
                                          "2026-11-22T01:02:03+2",
                                          "1969-12-31T23:59:59Z",
                                          "9999-01-01",
                                          "2554-07-21T23:34:33.709551616Z",
                                          "-99999999999999999999s",
                                          "-9999999999999w",
                                          "2026-11-22T24:00:00"};
        uint64_t ns = 42;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(time_from_string(bad[i], 5, &ns) == -EINVAL, "accepted: %s", bad[i]);
        ck_assert_uint_eq(ns, 42);
}
END_TEST

START_TEST(who_takes_part)
{
        struct event e = {.type = EV_SIGNAL_GENERATE,
                          .target.pid = 1,
                          .actor.pid = 2,
                          .tracer.pid = 1,
                          .parent.pid = 3};
        uint32_t pids[4];

        ck_assert_uint_eq(event_pids(&e, pids), 3);
        ck_assert(event_concerns(&e, 1) && event_concerns(&e, 2) && event_concerns(&e, 3));
        ck_assert(!event_concerns(&e, 4));
        e.parent.pid = 0;
        ck_assert(!event_concerns(&e, 0));
        e.type = EV_SIGACTION; /* has a target only */
        ck_assert(event_concerns(&e, 1) && !event_concerns(&e, 2));
}
END_TEST

/* A live event and the same event read back must concern the same processes. */
START_TEST(who_takes_part_survives_storing)
{
        struct event e = {.type = _i, .target.pid = 1, .actor.pid = 2, .tracer.pid = 3, .parent.pid = 4},
                     back;
        uint8_t buf[EVENT_PACKED_MAX];
        int n = event_pack(&e, buf, sizeof(buf));

        ck_assert_int_eq(event_unpack(_i, buf, (size_t)n, &back), 0);
        for (uint32_t pid = 1; pid <= 4; pid++)
                ck_assert_int_eq(event_concerns(&e, pid), event_concerns(&back, pid));
}
END_TEST

START_TEST(same_process_needs_the_same_start)
{
        struct task_ref a = {.pid = 5, .start = 10}, b = {.pid = 5, .start = 10, .tid = 6};

        ck_assert(task_same_process(&a, &b));
        b.start = 11;
        ck_assert(!task_same_process(&a, &b));
        b.start = 0;
        ck_assert(task_same_process(&a, &b));
        ck_assert(task_same_process(&b, &a));
        b.pid = 6;
        ck_assert(!task_same_process(&a, &b));
}
END_TEST

START_TEST(a_pid_is_of_one_process_at_a_time)
{
        const struct lifetime first = {.pid = 7, .start = 100, .start_wall_ns = 5000 * NSEC_PER_SEC},
                              second = {.pid = 7, .start = 300, .start_wall_ns = 5002 * NSEC_PER_SEC};
        struct event e = {.type = EV_TASK_EXIT, .target = {.pid = 7, .start = 100}};
        struct finding f = {.target = {.pid = 7, .start = 100}, .other_pid = 9};

        ck_assert(lifetime_has_event(&first, &e) && !lifetime_has_event(&second, &e));
        ck_assert(lifetime_has_finding(&first, &f) && !lifetime_has_finding(&second, &f));
        ck_assert_uint_eq(lifetime_start_in(&e, 7), 100);
        ck_assert_uint_eq(lifetime_start_in(&e, 8), 0);
        /* Without a start time the moment decides; in another boot the wall clock does. */
        e.target.start = 0;
        e.time_ns = 2 * NSEC_PER_SEC;
        e.wall_ns = 5001 * NSEC_PER_SEC;
        ck_assert(lifetime_has_event(&first, &e) && !lifetime_has_event(&second, &e));
        e.time_ns = 900 * NSEC_PER_SEC;
        e.wall_ns = 100 * NSEC_PER_SEC;
        ck_assert(!lifetime_has_event(&first, &e));
        f = (struct finding){.target = {.pid = 9, .start = 1},
                             .other_pid = 7,
                             .last_ns = 2 * NSEC_PER_SEC,
                             .last_wall_ns = 5001 * NSEC_PER_SEC};
        ck_assert(lifetime_has_finding(&first, &f) && !lifetime_has_finding(&second, &f));
        /* All that had the pid; and anything at all. */
        ck_assert(lifetime_has_finding(&(struct lifetime){.pid = 7}, &f));
        ck_assert(!lifetime_has_finding(&(struct lifetime){.pid = 8}, &f));
        ck_assert(lifetime_has_finding(&(struct lifetime){}, &f) &&
                  lifetime_has_event(&(struct lifetime){}, &e));
}
END_TEST

int main(void)
{
        Suite *s = suite_create("event");
        TCase *t = tcase_create("event");
        int failed;

        tcase_set_timeout(t, 60);
        tcase_add_test(t, every_type_has_a_unique_name);
        tcase_add_test(t, a_type_has_each_name_and_member_once);
        tcase_add_test(t, signals_have_the_promised_keys);
        tcase_add_test(t, ptrace_requests_are_counted_under_their_own_name);
        tcase_add_loop_test(t, json_round_trip_loses_nothing, EV_NONE + 1, _EV_MAX);
        tcase_add_loop_test(t, packed_round_trip_loses_nothing, EV_NONE + 1, _EV_MAX);
        tcase_add_test(t, a_refusal_of_earlier_does_not_know_the_modules);
        tcase_add_loop_test(t, the_largest_event_fits, EV_NONE + 1, _EV_MAX);
        tcase_add_test(t, an_empty_event_packs_small);
        tcase_add_loop_test(t, damaged_packed_bytes_are_refused_or_read_in_bounds, EV_NONE + 1, _EV_MAX);
        tcase_add_test(t, trailing_bytes_and_unknown_types_are_refused);
        tcase_add_test(t, a_string_with_a_nul_inside_is_refused);
        tcase_add_test(t, enum_members_out_of_range_are_refused);
        tcase_add_test(t, wrong_json_gets_a_sentence_with_the_place);
        tcase_add_test(t, wrong_values_of_each_kind_are_refused);
        tcase_add_test(t, lenient_where_nothing_is_lost);
        tcase_add_test(t, invalid_utf8_becomes_valid_json);
        tcase_add_test(t, signal_names);
        tcase_add_test(t, errno_names);
        tcase_add_test(t, times_are_written_and_read);
        tcase_add_test(t, relative_times_count_back);
        tcase_add_test(t, what_is_no_time_is_refused);
        tcase_add_test(t, who_takes_part);
        tcase_add_loop_test(t, who_takes_part_survives_storing, EV_NONE + 1, _EV_MAX);
        tcase_add_test(t, same_process_needs_the_same_start);
        tcase_add_test(t, a_pid_is_of_one_process_at_a_time);
        suite_add_tcase(s, t);

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
