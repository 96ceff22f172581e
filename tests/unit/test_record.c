/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>

#include "cleanup.h"
#include "record.h"

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

int main(void)
{
        Suite *suite = suite_create("record");
        SRunner *runner = srunner_create(suite);
        TCase *tc = tcase_create("record");
        int failed;

        tcase_add_test(tc, any_return_value_is_taken);
        tcase_add_test(tc, a_short_record_is_refused);
        suite_add_tcase(suite, tc);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
