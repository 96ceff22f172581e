/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "lib/base/cleanup.h"
#include "lib/event/event.h"
#include "lib/wire/request.h"

#define NOW     (1700000000ULL * NSEC_PER_SEC)
#define ALL     0xffffU
#define ERROR_N 256

static const struct {
        const char *pattern, *path;
        int result;
        uint64_t number;
} paths[] = {
        {"/v1/status", "/v1/status", 1, 0},
        {"/v1/status", "/v1/status/", 0, 0},
        {"/v1/status", "/v1/statu", 0, 0},
        {"/v1/status", "", 0, 0},
        {"/v1/processes/{pid}", "/v1/processes/17", 1, 17},
        {"/v1/processes/{pid}", "/v1/processes/17/why", 0, 0},
        {"/v1/processes/{pid}", "/v1/processes/", -EINVAL, 0},
        {"/v1/processes/{pid}", "/v1/processes", 0, 0},
        {"/v1/processes/{pid}", "/v1/processes/0", -EINVAL, 0},
        {"/v1/processes/{pid}", "/v1/processes/-3", -EINVAL, 0},
        {"/v1/processes/{pid}", "/v1/processes/1x", -EINVAL, 0},
        {"/v1/processes/{pid}", "/v1/processes/4294967297", -EINVAL, 0},
        {"/v1/processes/{pid}/why", "/v1/processes/4194304/why", 1, 4194304},
        {"/v1/processes/{pid}/why", "/v1/processes/17", 0, 0},
        {"/v1/processes/{pid}/why", "/v1/processes/../why", -EINVAL, 0},
        {"/v1/claims/{id}", "/v1/claims/18446744073709551615", 1, UINT64_MAX},
        {"/v1/claims/{id}", "/v1/claims/18446744073709551616", -EINVAL, 0},
        {"/v1/claims/{id}", "/v1/claims/0", -EINVAL, 0},
        {"/v1/claims/{id}", "/v1/claims/7x", -EINVAL, 0},
        {"/v1/claims/{id}", "/v1/claims/", -EINVAL, 0},
        {"/v1/claims/{id}", "/v1/claims", 0, 0},
        {"/v1/claims/{id}", "/v1/claims/7/renew", 0, 0},
        {"/v1/claims/{id}/renew", "/v1/claims/7/renew", 1, 7},
};

START_TEST(test_paths)
{
        char error[ERROR_N] = "";
        uint64_t number = 0;

        ck_assert_int_eq(
                request_path_match(paths[_i].pattern, paths[_i].path, &number, error, sizeof(error)),
                paths[_i].result);
        if (paths[_i].result == 1)
                ck_assert_uint_eq(number, paths[_i].number);
        if (paths[_i].result < 0)
                ck_assert_str_ne(error, "");
}
END_TEST

static const struct request_terms all = {ALL, NOW};

START_TEST(test_args)
{
        struct request_args a = {};
        char error[ERROR_N];

        ck_assert_int_eq(request_arg_set(&a, &all, "pid", "12", error, sizeof(error)), 0);
        ck_assert_int_eq(request_arg_set(&a, &all, "since", "-5m", error, sizeof(error)), 0);
        ck_assert_int_eq(request_arg_set(&a, &all, "until", "2023-11-14T22:13:20Z", error, sizeof(error)),
                         0);
        ck_assert_int_eq(request_arg_set(&a, &all, "type", "signal.generate,loss", error, sizeof(error)), 0);
        ck_assert_int_eq(request_arg_set(&a, &all, "after", "18446744073709551615", error, sizeof(error)),
                         0);
        ck_assert_int_eq(request_arg_set(&a, &all, "follow", "1", error, sizeof(error)), 0);
        ck_assert_int_eq(request_arg_set(&a, &all, "ended", "0", error, sizeof(error)), 0);
        ck_assert_uint_eq(a.given,
                          ARG_PID | ARG_SINCE | ARG_UNTIL | ARG_TYPE | ARG_AFTER | ARG_FOLLOW | ARG_ENDED);
        ck_assert_uint_eq(a.pid, 12);
        ck_assert_uint_eq(a.since_wall_ns, NOW - 300 * NSEC_PER_SEC);
        ck_assert_uint_eq(a.until_wall_ns, NOW);
        ck_assert_uint_eq(a.types, EVENT_BIT(EV_SIGNAL_GENERATE) | EVENT_BIT(EV_LOSS));
        ck_assert_uint_eq(a.after_seq, UINT64_MAX);
        ck_assert(a.follow && !a.ended);
}
END_TEST

static const struct {
        uint32_t allowed;
        const char *key, *value, *word;
} wrong[] = {
        {ALL, "pid", "zero", "'zero'"},
        {ALL, "pid", "", "needs a value"},
        {ALL, "pid", NULL, "needs a value"},
        {ALL, "colour", "red", "'colour'"},
        {ARG_PID, "since", "-5m", "'since'"},
        {ALL, "since", "yesterday", "'yesterday'"},
        {ALL, "until", "-5q", "'-5q'"},
        {ALL, "type", "signal.generate,", "''"},
        {ALL, "type", "signal", "'signal'"},
        {ALL, "type", "a-very-long-name-of-a-type-that-does-not-exist-anywhere", "type"},
        {ALL, "after", "-1", "'-1'"},
        {ALL, "after", "18446744073709551616", "after"},
        {ALL, "follow", "yes", "'yes'"},
        {ALL, "token", "short", "8 to 63"},
        {ALL, "token", "has a space", "spaces"},
        {ALL, "seccomp", "EPERM", "'EPERM'"},
        {ALL, "seccomp", "4096", "'4096'"},
        {ALL, "seccomp", "-1", "'-1'"},
        {ALL, "\x1b[2J", "x", "\\x1b"},
};

START_TEST(test_what_a_filter_answers)
{
        static const struct {
                const char *value;
                int32_t seccomp;
        } answers[] = {{"0", 0}, {"38", 38}, {"4095", 4095}, {"SIGSYS", REQUEST_SECCOMP_KILLS}};
        char error[ERROR_N];

        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                struct request_args a = {};

                ck_assert_int_eq(
                        request_arg_set(&a, &all, "seccomp", answers[i].value, error, sizeof(error)), 0);
                ck_assert_uint_eq(a.given, ARG_SECCOMP);
                ck_assert_int_eq(a.seccomp, answers[i].seccomp);
        }
}
END_TEST

START_TEST(test_wrong_args)
{
        struct request_args a = {};
        char error[ERROR_N] = "";

        ck_assert_int_eq(request_arg_set(&a, &(struct request_terms){wrong[_i].allowed, NOW}, wrong[_i].key,
                                         wrong[_i].value, error, sizeof(error)),
                         -EINVAL);
        ck_assert_msg(strstr(error, wrong[_i].word) != NULL, "%s", error);
        ck_assert_uint_eq(a.given, 0);
}
END_TEST

START_TEST(test_twice)
{
        struct request_args a = {};
        char error[ERROR_N];

        ck_assert_int_eq(request_arg_set(&a, &all, "pid", "12", error, sizeof(error)), 0);
        ck_assert_int_eq(request_arg_set(&a, &all, "pid", "13", error, sizeof(error)), -EINVAL);
        ck_assert_ptr_nonnull(strstr(error, "twice"));
        ck_assert_uint_eq(a.pid, 12);
}
END_TEST

static const struct {
        const char *address, *host, *port;
} addresses[] = {
        {"127.0.0.1:9732", "127.0.0.1", "9732"},
        {"[::1]:80", "::1", "80"},
        {":65535", "", "65535"},
        {"[]:1", "", "1"},
        {"127.0.0.1", NULL, NULL},
        {"127.0.0.1:", NULL, NULL},
        {"127.0.0.1:0", NULL, NULL},
        {"127.0.0.1:65536", NULL, NULL},
        {"127.0.0.1:http", NULL, NULL},
        {"::1:80", NULL, NULL},
        {"a-name-that-is-longer-than-the-room-for-it:80", NULL, NULL},
        {"", NULL, NULL},
};

START_TEST(test_addresses)
{
        char host[32], port[8];
        int r = address_split(addresses[_i].address, host, sizeof(host), port, sizeof(port));

        ck_assert_int_eq(r, addresses[_i].host ? 0 : -EINVAL);
        if (r == 0) {
                ck_assert_str_eq(host, addresses[_i].host);
                ck_assert_str_eq(port, addresses[_i].port);
        }
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("request");
        TCase *t = tcase_create("request");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_loop_test(t, test_paths, 0, ELEMENTSOF(paths));
        tcase_add_test(t, test_args);
        tcase_add_test(t, test_what_a_filter_answers);
        tcase_add_loop_test(t, test_wrong_args, 0, ELEMENTSOF(wrong));
        tcase_add_test(t, test_twice);
        tcase_add_loop_test(t, test_addresses, 0, ELEMENTSOF(addresses));
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
