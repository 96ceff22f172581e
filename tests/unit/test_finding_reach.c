/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What each tier can find: the table has an answer for each code, and names hooks that there are. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/event/finding_reach.h"
#include "daemon/kernel/loader.h"

static bool lacks_all(const void *userdata _unused_, const char *hook _unused_)
{
        return true;
}

/* Whatever has no row is found in full, so a new code is to have one, or to be named here. */
START_TEST(tier_proc_finds_these_and_no_other)
{
        const struct sight proc = {.tier = TIER_PROC};
        static const enum finding_code shown_by_proc[] = {
                FIND_SPLIT_TRACERS,
                FIND_TRACER_CYCLE,
                FIND_TRACER_HUNG,
                FIND_ABI_MISMATCH,
        };

        for (enum finding_code code = FIND_NONE + 1; code < _FIND_MAX; code++) {
                bool shown = false;

                for (size_t i = 0; i < ELEMENTSOF(shown_by_proc); i++)
                        shown |= shown_by_proc[i] == code;
                ck_assert_msg(shown == (finding_reach(code, &proc) != REACH_NONE), "%s",
                              finding_code_to_string(code));
        }
        ck_assert_int_eq(finding_reach(FIND_TRACER_HUNG, &proc), REACH_FULL);
        ck_assert_int_eq(finding_reach(FIND_SPLIT_TRACERS, &proc), REACH_PART);
}
END_TEST

/* A tier that sees more does not find less. */
START_TEST(tier_full_finds_what_the_others_find)
{
        const struct sight full = {.tier = TIER_FULL}, proc = {.tier = TIER_PROC};

        for (int code = FIND_NONE + 1; code < _FIND_MAX; code++)
                if (finding_reach(code, &full) == REACH_NONE)
                        ck_assert_int_eq(finding_reach(code, &proc), REACH_NONE);
}
END_TEST

START_TEST(a_missing_hook_makes_a_difference)
{
        struct sight s = {.tier = TIER_FULL};

        ck_assert_int_eq(finding_reach(FIND_TRAP_FORCED, &s), REACH_FULL);
        s.lacks = lacks_all;
        ck_assert_int_eq(finding_reach(FIND_TRAP_FORCED, &s), REACH_PART);
        s.tier = TIER_PROC;
        ck_assert_int_eq(finding_reach(FIND_TRAP_FORCED, &s), REACH_NONE);
}
END_TEST

#define ASKED_MAX 256

static struct {
        const char *hooks[ASKED_MAX];
        size_t n;
} asked;

static bool note_asked(const void *userdata _unused_, const char *hook)
{
        ck_assert_uint_lt(asked.n, ASKED_MAX);
        asked.hooks[asked.n++] = hook;
        return false;
}

static bool is_program(const struct hook *hooks, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (!strcmp(hooks[i].program, name))
                        return true;
        return !strcmp(name, HOOK_TASK_FROM_VPID);
}

/* A name that is none would always be missing. */
START_TEST(rows_name_programs_that_there_are)
{
        struct loader *loader;
        const struct hook *hooks;
        char error[256];
        size_t n;

        ck_assert_int_eq(loader_new(&loader, TIER_PROC, false, NULL, error, sizeof(error)), 0);
        hooks = loader_hooks(loader, &n);
        for (int tier = 0; tier < _TIER_MAX; tier++)
                for (int code = FIND_NONE + 1; code < _FIND_MAX; code++)
                        finding_reach(code, &(struct sight){.tier = tier, .lacks = note_asked});
        ck_assert_uint_gt(asked.n, 0);
        for (size_t i = 0; i < asked.n; i++)
                ck_assert_msg(is_program(hooks, n, asked.hooks[i]), "%s", asked.hooks[i]);
        loader_free(loader);
}
END_TEST

/* Each reason is told that the verdict rests on, and no other. */
START_TEST(the_list_agrees_with_the_verdict)
{
        for (int tier = 0; tier < _TIER_MAX; tier++) {
                const struct sight s = {.tier = tier, .lacks = lacks_all};
                struct json_object *list = json_object_new_array(), *code, *reach, *why;
                bool listed[_FIND_MAX] = {};
                enum finding_code last = FIND_NONE;

                ck_assert_int_eq(finding_reach_json(&s, list), 0);
                for (size_t i = 0; i < json_object_array_length(list); i++) {
                        struct json_object *row = json_object_array_get_idx(list, i);
                        enum finding_code c;

                        ck_assert(json_object_object_get_ex(row, "code", &code));
                        ck_assert(json_object_object_get_ex(row, "reach", &reach));
                        ck_assert(json_object_object_get_ex(row, "why", &why));
                        ck_assert_int_le(json_object_get_string_len(why), REACH_WHY_MAX);
                        c = finding_code_from_string(json_object_get_string(code));
                        ck_assert_str_eq(json_object_get_string(reach),
                                         reach_to_string(finding_reach(c, &s)));
                        ck_assert_msg(c == last || !listed[c], "%s", finding_code_to_string(c));
                        listed[c] = true;
                        last = c;
                }
                for (int c = FIND_NONE + 1; c < _FIND_MAX; c++)
                        ck_assert_int_eq(listed[c], finding_reach(c, &s) != REACH_FULL);
                json_object_put(list);
        }
}
END_TEST

int main(void)
{
        Suite *s = suite_create("finding_reach");
        TCase *t = tcase_create("finding_reach");
        int failed;

        tcase_add_test(t, tier_proc_finds_these_and_no_other);
        tcase_add_test(t, tier_full_finds_what_the_others_find);
        tcase_add_test(t, a_missing_hook_makes_a_difference);
        tcase_add_test(t, rows_name_programs_that_there_are);
        tcase_add_test(t, the_list_agrees_with_the_verdict);
        suite_add_tcase(s, t);

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
