/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proc/security_modules.h"

static const struct {
        const char *list, *expected;
} lists[] = {
        {"lockdown,capability,landlock,yama,apparmor\n", "landlock,apparmor"},
        {"capability,yama,selinux,bpf", "selinux,bpf"},
        {"lockdown,capability,yama,safesetid,ima,evm", ""},
        {"capability", ""},
        {"", ""},
        {"\n", ""},
        {"selinux2,xselinux,smac,smackk,land", ""},
        {",,smack,,\nbpf", "smack,bpf"},
        {"bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf",
         "bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf,bpf"},
};

START_TEST(names_those_that_can_refuse_an_attach)
{
        char got[EVENT_MODULES_MAX];

        security_modules_from_list(lists[_i].list, got);
        ck_assert_uint_lt(strlen(got), sizeof(got));
        ck_assert_str_eq(got, lists[_i].expected);
}
END_TEST

START_TEST(the_kernels_list_is_read)
{
        char path[] = "/tmp/security-modules-XXXXXX", got[EVENT_MODULES_MAX];
        int fd = mkstemp(path);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, lists[0].list, strlen(lists[0].list)), (ssize_t)strlen(lists[0].list));
        security_modules(path, "/proc/self/attr", got);
        ck_assert_str_eq(got, lists[0].expected);
        close(fd);
        unlink(path);
}
END_TEST

/* Without the list the kernel is asked: one that cannot answer leaves it open, or has no module at all. */
START_TEST(without_a_list_nothing_is_made_up)
{
        char got[EVENT_MODULES_MAX], none[EVENT_MODULES_MAX];

        security_modules("/nonexistent", "/proc/self", got);
        security_modules("/nonexistent", "/nonexistent", none);
        if (strcmp(got, MODULES_UNKNOWN) == 0)
                ck_assert_str_eq(none, "");
        else
                ck_assert_str_eq(none, got);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("security-modules");
        TCase *t = tcase_create("security-modules");
        int failed;

        tcase_add_loop_test(t, names_those_that_can_refuse_an_attach, 0, sizeof(lists) / sizeof(lists[0]));
        tcase_add_test(t, the_kernels_list_is_read);
        tcase_add_test(t, without_a_list_nothing_is_made_up);
        suite_add_tcase(s, t);

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
