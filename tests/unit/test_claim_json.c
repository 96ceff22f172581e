/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include <check.h>

#include "lib/claim/claim_json.h"
#include "lib/base/cleanup.h"

static struct claim sample(void)
{
        return (struct claim){
                .id = INT64_MAX,
                .request =
                        {
                                .target = {.pid = 17, .start = 12345, .comm = "target"},
                                .asker = {.process = {.pid = 4711, .start = 99, .comm = "gdb"},
                                          .uid = 1000,
                                          .privileged = true},
                                .owner = {.kind = OWNER_PROCESS,
                                          .process = {.pid = 4711, .start = 99},
                                          .inode = 1,
                                          .dev = 0xffffffff,
                                          .cgroup = 3,
                                          .uid = 4},
                                .owner_text = "pid 4711 (gdb)",
                                .token = "open-sesame",
                                .lease_ns = 60 * NSEC_PER_SEC,
                                .mode = GUARD_AUDIT,
                        },
                .made_ns = 5,
                .end_ns = UINT64_MAX,
                .grace_until_ns = 7,
        };
}

START_TEST(test_round_trip)
{
        struct claim c = sample(), d;
        struct json_object *o = claim_to_json(&c, true), *parsed;
        bool ours = false;

        parsed = json_tokener_parse(json_object_to_json_string(o));
        ck_assert_int_eq(claim_from_json(parsed, &d, &ours), 0);
        ck_assert(ours);
        ck_assert_uint_eq(d.id, c.id);
        ck_assert_uint_eq(d.made_ns, c.made_ns);
        ck_assert_uint_eq(d.end_ns, c.end_ns);
        ck_assert_uint_eq(d.grace_until_ns, c.grace_until_ns);
        ck_assert_int_eq(d.request.mode, c.request.mode);
        ck_assert(d.request.asker.privileged);
        ck_assert_uint_eq(d.request.asker.uid, 1000);
        ck_assert_uint_eq(d.request.lease_ns, c.request.lease_ns);
        ck_assert_str_eq(d.request.token, c.request.token);
        ck_assert_str_eq(d.request.owner_text, c.request.owner_text);
        ck_assert(!memcmp(&d.request.owner, &c.request.owner, sizeof(c.request.owner)));
        ck_assert(!memcmp(&d.request.target, &c.request.target, sizeof(c.request.target)));
        ck_assert(!memcmp(&d.request.asker.process, &c.request.asker.process, sizeof(struct task_ref)));
        json_object_put(o);
        json_object_put(parsed);
}
END_TEST

static const struct {
        const char *key, *value; /* NULL: the key is not there */
} wrong[] = {
        {"id", NULL},
        {"id", "0"},
        {"id", "-1"},
        {"id", "\"1\""},
        {"id", "99999999999999999999"},
        {"pid", "0"},
        {"pid", "4194305"},
        {"pid", "17.5"},
        {"start", "0"},
        {"comm", "17"},
        {"comm", "\"a\\u0000b\""},
        {"mode", "2"},
        {"token", "null"},
        {"token", "[]"},
        {"privileged", "1"},
        {"owner_kind", "5"},
        {"owner_pid", "0"},
        {"owner_dev", "4294967296"},
        {"lease_ns", "0"}, /* but it ends */
        {"lease_ns", "18446744073709551615"},
        {"end_ns", "0"}, /* but it has a lease */
        {"asker_uid", "{}"},
};

START_TEST(test_wrong)
{
        struct claim c = sample(), d;
        struct json_object *o = claim_to_json(&c, false);
        bool ours;

        ck_assert_int_eq(claim_from_json(o, &d, &ours), 0);
        json_object_object_del(o, wrong[_i].key);
        if (wrong[_i].value)
                json_object_object_add(o, wrong[_i].key, json_tokener_parse(wrong[_i].value));
        ck_assert_int_eq(claim_from_json(o, &d, &ours), -EINVAL);
        json_object_put(o);
}
END_TEST

/* What does not fit is cut, and stays a string. */
START_TEST(test_long_strings)
{
        struct claim c = sample(), d;
        struct json_object *o = claim_to_json(&c, false);
        char text[1000];
        bool ours;

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        json_object_object_add(o, "owner", json_object_new_string(text));
        json_object_object_add(o, "token", json_object_new_string(text));
        ck_assert_int_eq(claim_from_json(o, &d, &ours), 0);
        ck_assert_uint_eq(strlen(d.request.owner_text), CLAIM_OWNER_TEXT_MAX - 1);
        ck_assert_uint_eq(strlen(d.request.token), GUARD_TOKEN_MAX - 1);
        json_object_put(o);
        ck_assert_int_eq(claim_from_json(NULL, &d, &ours), -EINVAL);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("claim-json");
        TCase *t = tcase_create("claim-json");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_test(t, test_round_trip);
        tcase_add_loop_test(t, test_wrong, 0, ELEMENTSOF(wrong));
        tcase_add_test(t, test_long_strings);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
