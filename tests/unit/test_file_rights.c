/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/proc/file_rights.h"

static const struct {
        size_t size;
        uint8_t data[24];
        int r;
        uint64_t permitted;
} attributes[] = {
        /* setcap cap_net_raw=ep */
        {20, {1, 0, 0, 2, 0, 0x20}, 0, 1 << 13},
        /* revision 3, with the user namespace's root behind: CAP_CHECKPOINT_RESTORE */
        {24, {0, 0, 0, 3, [12] = 0x00, [13] = 1}, 0, 1ULL << 40},
        {12, {0, 0, 0, 1, 0, 0x20}, -EBADMSG, 0},
        {19, {1, 0, 0, 2, 0, 0x20}, -EBADMSG, 0},
        {3, {1, 0, 0}, -EBADMSG, 0},
        {0, {}, -EBADMSG, 0},
};

START_TEST(what_a_file_permits)
{
        uint64_t permitted = 0;

        ck_assert_int_eq(file_capabilities_parse(attributes[_i].data, attributes[_i].size, &permitted),
                         attributes[_i].r);
        ck_assert_uint_eq(permitted, attributes[_i].permitted);
}
END_TEST

START_TEST(a_file_without_any)
{
        uint64_t permitted;

        ck_assert_int_lt(file_capabilities("/proc/self/exe", &permitted), 0);
        ck_assert_int_eq(file_capabilities("/nowhere", &permitted), -ENOENT);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("file rights");
        SRunner *runner = srunner_create(suite);
        TCase *t = tcase_create("file rights");
        int failed;

        tcase_add_loop_test(t, what_a_file_permits, 0, ELEMENTSOF(attributes));
        tcase_add_test(t, a_file_without_any);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
