/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What of a difference between memory and file is a breakpoint, and what is not to be touched. */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/proc/heal_plan.h"

#define AT     0x401000ULL
#define OFFSET 0x1000ULL

static uint8_t memory[HEAL_PAGE], file[HEAL_PAGE];
static struct heal_plan plan;

static void page(void)
{
        for (size_t i = 0; i < HEAL_PAGE; i++)
                memory[i] = file[i] = (uint8_t)(i * 7);
        plan.n = 0;
}

static int compare(uint64_t *changed)
{
        const struct heal_piece piece = {
                .memory = memory,
                .file = file,
                .n = HEAL_PAGE,
                .address = AT,
                .offset = OFFSET,
                .number = 3,
        };

        return heal_compare(&plan, &piece, changed);
}

START_TEST(clean_page_has_nothing_to_heal)
{
        uint64_t changed = 0;

        page();
        /* An int3 that the file has, too, is the program's own. */
        memory[9] = file[9] = HEAL_INT3;
        ck_assert_int_eq(compare(&changed), 0);
        ck_assert_uint_eq(plan.n, 0);
}
END_TEST

START_TEST(breakpoints_are_found_at_both_ends)
{
        uint64_t changed = 0;

        page();
        file[0] = 0x55;
        file[HEAL_PAGE - 1] = 0xc3;
        memory[0] = memory[HEAL_PAGE - 1] = HEAL_INT3;
        ck_assert_int_eq(compare(&changed), 0);
        ck_assert_uint_eq(plan.n, 2);
        ck_assert_uint_eq(plan.sites[0].address, AT);
        ck_assert_uint_eq(plan.sites[0].offset, OFFSET);
        ck_assert_uint_eq(plan.sites[0].file, 3);
        ck_assert_uint_eq(plan.sites[0].was, 0xcc);
        ck_assert_uint_eq(plan.sites[0].is, 0x55);
        ck_assert_uint_eq(plan.sites[1].address, AT + HEAL_PAGE - 1);
        ck_assert_uint_eq(plan.sites[1].is, 0xc3);
}
END_TEST

START_TEST(any_other_change_is_refused)
{
        uint64_t changed = 0;

        page();
        memory[5] = HEAL_INT3;
        file[100] = 0x55;
        memory[100] = 0x90;
        ck_assert_int_eq(compare(&changed), -EUCLEAN);
        ck_assert_uint_eq(changed, AT + 100);
        /* Also where the program's own int3 was taken away. */
        page();
        file[8] = HEAL_INT3;
        memory[8] = 0x90;
        ck_assert_int_eq(compare(&changed), -EUCLEAN);
        ck_assert_uint_eq(changed, AT + 8);
}
END_TEST

START_TEST(too_many_are_no_breakpoints)
{
        uint64_t changed = 0;

        page();
        memset(file, 0x90, sizeof(file));
        memcpy(memory, file, sizeof(file));
        memset(memory, HEAL_INT3, HEAL_SITES_MAX);
        ck_assert_int_eq(compare(&changed), 0);
        ck_assert_uint_eq(plan.n, HEAL_SITES_MAX);
        plan.n = 0;
        memory[HEAL_SITES_MAX] = HEAL_INT3;
        ck_assert_int_eq(compare(&changed), -E2BIG);
}
END_TEST

START_TEST(plans_are_compared)
{
        struct heal_plan a = {.n = 1, .sites = {{.address = AT, .offset = OFFSET, .is = 0x55}}}, b = a;

        ck_assert(heal_same(&a, &b));
        b.sites[0].is = 0x54;
        ck_assert(!heal_same(&a, &b));
        b = a;
        b.sites[0].address++;
        ck_assert(!heal_same(&a, &b));
        b = a;
        b.n = 0;
        ck_assert(!heal_same(&a, &b));
        ck_assert_ptr_eq(heal_site_behind(&a, AT + 1), &a.sites[0]);
        ck_assert_ptr_null(heal_site_behind(&a, AT));
        ck_assert_ptr_null(heal_site_behind(&a, AT + 2));
}
END_TEST

START_TEST(pages_of_its_own)
{
        ck_assert(heal_is_private(1ULL << 63));
        ck_assert(heal_is_private(1ULL << 62));
        ck_assert(!heal_is_private(1ULL << 63 | 1ULL << 61));
        ck_assert(!heal_is_private(1ULL << 61));
        ck_assert(!heal_is_private(0));
}
END_TEST

START_TEST(probes_are_read)
{
        static const struct {
                const char *line, *path;
                int error;
        } lines[] = {
                {"p:uprobes/p_api_0x1149 /usr/bin/api:0x0000000000001149", "/usr/bin/api", 0},
                {"r:uprobes/ret /usr/bin/api:0x1149 a=%ax", "/usr/bin/api", 0},
                {"p:u/x /srv/my app:0x1:0x22(0x30) b=+0(%sp):u8\n", "/srv/my app:0x1", 0},
                {"p:u/x /usr/bin/api", NULL, -EINVAL},
                {"p:kprobes/x do_sys_open", NULL, -EINVAL},
                {"# comment", NULL, -EINVAL},
                {"", NULL, -EINVAL},
                {"p", NULL, -EINVAL},
                {"p:u/x /a-path-that-is-longer-than-the-room-for-it:0x1", NULL, -ENAMETOOLONG},
        };
        char path[32];

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                ck_assert_int_eq(heal_parse_probe(lines[i].line, path, sizeof(path)), lines[i].error);
                if (lines[i].path)
                        ck_assert_str_eq(path, lines[i].path);
        }
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("heal");
        TCase *t = tcase_create("heal");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_test(t, clean_page_has_nothing_to_heal);
        tcase_add_test(t, breakpoints_are_found_at_both_ends);
        tcase_add_test(t, any_other_change_is_refused);
        tcase_add_test(t, too_many_are_no_breakpoints);
        tcase_add_test(t, plans_are_compared);
        tcase_add_test(t, pages_of_its_own);
        tcase_add_test(t, probes_are_read);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
