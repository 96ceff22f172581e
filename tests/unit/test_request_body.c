/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "lib/base/cleanup.h"
#include "lib/wire/request_body.h"

#define ALL UINT32_MAX

static int parse(struct request_body *b, uint32_t allowed, uint32_t needed, const char *text, char *error)
{
        strcpy(error, "");
        return request_body_parse(b, &(struct body_terms){allowed, needed}, text, strlen(text), error, 256);
}

START_TEST(test_all_keys)
{
        struct request_body b;
        char error[256];

        ck_assert_int_eq(
                parse(&b, ALL, BODY_PID,
                      " {\"pid\":17,\"owner\":{\"pid\":4711},\"token\":\"open-sesame\",\"lease\":60,"
                      "\"mode\":\"audit\",\"wait\":true,\"take\":false,\"state\":\"on\","
                      "\"catch\":true,\"dry_run\":true}\n",
                      error),
                0);
        ck_assert_uint_eq(b.given, BODY_PID | BODY_OWNER | BODY_TOKEN | BODY_LEASE | BODY_MODE | BODY_WAIT |
                                           BODY_TAKE | BODY_STATE | BODY_CATCH | BODY_DRY_RUN);
        ck_assert_uint_eq(b.pid, 17);
        ck_assert_int_eq(b.owner.kind, BODY_OWNER_PID);
        ck_assert_uint_eq(b.owner.number, 4711);
        ck_assert_str_eq(b.token, "open-sesame");
        ck_assert_uint_eq(b.lease_s, 60);
        ck_assert_int_eq(b.mode, GUARD_AUDIT);
        ck_assert(b.wait && !b.take && b.catch && b.dry_run);
        ck_assert_int_eq(b.state, GUARD_ON);
        ck_assert(!b.clear);
}
END_TEST

static const struct {
        const char *text;
        enum body_owner_kind kind;
        uint32_t number;
        const char *path;
} owners[] = {
        {"{\"owner\":{\"exe\":\"/usr/bin/gdb\"}}", BODY_OWNER_EXE, 0, "/usr/bin/gdb"},
        {"{\"owner\":{\"exe\":\"/opt/d\xc3\xa9"
         "bogueur\"}}",
         BODY_OWNER_EXE, 0,
         "/opt/d\xc3\xa9"
         "bogueur"},
        {"{\"owner\":{\"uid\":0}}", BODY_OWNER_UID, 0, ""},
        {"{\"owner\":{\"uid\":4294967294}}", BODY_OWNER_UID, 4294967294U, ""},
        {"{\"owner\":{\"cgroup\":\"/user.slice\"}}", BODY_OWNER_CGROUP, 0, "/user.slice"},
        {"{\"owner\":{\"token\":true}}", BODY_OWNER_TOKEN, 0, ""},
        {"{\"owner\":null}", BODY_OWNER_NONE, 0, ""},
};

START_TEST(test_owners)
{
        struct request_body b;
        char error[256];

        ck_assert_int_eq(parse(&b, ALL, 0, owners[_i].text, error), 0);
        ck_assert_int_eq(b.owner.kind, owners[_i].kind);
        ck_assert_uint_eq(b.owner.number, owners[_i].number);
        ck_assert_str_eq(b.owner.path, owners[_i].path);
}
END_TEST

static const struct {
        const char *text, *word;
} wrong[] = {
        {"[]", "one JSON object"},
        {"17", "one JSON object"},
        {"null", "one JSON object"},
        {"{} {}", "no JSON"},
        {"{", "ends in the middle"},
        {"{\"pid\":17", "ends in the middle"},
        {"{pid:17}", "no JSON"},
        {"{\"pid\":17,}", "no JSON"},
        {"{\"token\":\"\xff\xff\xff\xff\xff\xff\xff\xff\"}", "no JSON"},
        {"{\"owner\":{\"pid\":[[[[[1]]]]]}}", "no JSON"},
        {"{\"colour\":1}", "'colour'"},
        {"{\"\\u001b[2J\":1}", "\\x1b"},
        {"{\"pid\":\"17\"}", "pid must be a whole number"},
        {"{\"pid\":1.5}", "pid must be a whole number"},
        {"{\"pid\":0}", "pid must be from 1 to 4194304"},
        {"{\"pid\":-1}", "pid must be from"},
        {"{\"pid\":4294967297}", "pid must be from"},
        {"{\"owner\":17}", "owner must be an object"},
        {"{\"owner\":{}}", "owner must be an object"},
        {"{\"owner\":{\"name\":1}}", "owner must be an object"},
        {"{\"owner\":{\"pid\":1,\"uid\":1}}", "owner must be an object"},
        {"{\"owner\":{\"pid\":true}}", "owner.pid"},
        {"{\"owner\":{\"uid\":4294967295}}", "owner.uid"},
        {"{\"owner\":{\"exe\":\"gdb\"}}", "begin with /"},
        {"{\"owner\":{\"exe\":\"/usr/bin/gdb\\u0000x\"}}", "must be a string"},
        {"{\"owner\":{\"token\":false}}", "only be true"},
        {"{\"token\":\"seven77\"}", "8 to 63"},
        {"{\"token\":\"with a space\"}", "spaces"},
        {"{\"token\":\"0123456789012345678901234567890123456789012345678901234567890123\"}", "8 to 63"},
        {"{\"lease\":31622401}", "lease must be from 0 to 31622400"},
        {"{\"lease\":\"1h\"}", "lease must be a whole number"},
        {"{\"mode\":\"maybe\"}", "mode must be"},
        {"{\"wait\":1}", "true or false"},
        {"{\"state\":\"On\"}", "state must be"},
};

START_TEST(test_wrong)
{
        struct request_body b;
        char error[256];

        ck_assert_int_eq(parse(&b, ALL, 0, wrong[_i].text, error), -EINVAL);
        ck_assert_msg(strstr(error, wrong[_i].word) != NULL, "%s: %s", wrong[_i].text, error);
}
END_TEST

/* Of more than 64 bits: the largest one to json-c, and from 0.18 on no number. */
START_TEST(test_large_number)
{
        struct request_body b;
        char error[256];

        ck_assert_int_eq(parse(&b, ALL, 0, "{\"pid\":99999999999999999999999}", error), -EINVAL);
        ck_assert_msg(strstr(error, "pid must be from") || strstr(error, "malformed or too large"), "%s",
                      error);
}
END_TEST

START_TEST(test_needed_and_allowed)
{
        struct request_body b;
        char error[256];

        ck_assert_int_eq(parse(&b, BODY_STATE, BODY_STATE, "", error), -EINVAL);
        ck_assert_ptr_nonnull(strstr(error, "'state'"));
        ck_assert_int_eq(parse(&b, BODY_STATE, BODY_STATE, "{\"state\":null}", error), -EINVAL);
        ck_assert_int_eq(parse(&b, BODY_LEASE, 0, " \n", error), 0);
        ck_assert_uint_eq(b.given, 0);
        ck_assert_int_eq(parse(&b, BODY_LEASE, 0, "{\"pid\":1}", error), -EINVAL);
        ck_assert_ptr_nonnull(strstr(error, "'pid'"));
        ck_assert_int_eq(parse(&b, ALL, 0, "{\"state\":\"clear\"}", error), 0);
        ck_assert(b.clear);
        /* A NUL is no end of the text. */
        ck_assert_int_eq(
                request_body_parse(&b, &(struct body_terms){ALL, 0}, "{}\0{", 4, error, sizeof(error)),
                -EINVAL);
}
END_TEST

START_TEST(test_long_path)
{
        char text[BODY_PATH_MAX + 64], error[256];
        struct request_body b;
        int n = snprintf(text, sizeof(text), "{\"owner\":{\"exe\":\"/");

        memset(text + n, 'a', BODY_PATH_MAX - 1);
        strcpy(text + n + BODY_PATH_MAX - 1, "\"}}"); /* with its slash one byte too many */
        ck_assert_int_eq(parse(&b, ALL, 0, text, error), -EINVAL);
        strcpy(text + n + BODY_PATH_MAX - 2, "\"}}");
        ck_assert_int_eq(parse(&b, ALL, 0, text, error), 0);
        ck_assert_uint_eq(strlen(b.owner.path), BODY_PATH_MAX - 1);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("request-body");
        TCase *t = tcase_create("request-body");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_test(t, test_all_keys);
        tcase_add_loop_test(t, test_owners, 0, ELEMENTSOF(owners));
        tcase_add_loop_test(t, test_wrong, 0, ELEMENTSOF(wrong));
        tcase_add_test(t, test_large_number);
        tcase_add_test(t, test_needed_and_allowed);
        tcase_add_test(t, test_long_path);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
