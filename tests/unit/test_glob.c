/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/glob.h"
#include "lib/base/cleanup.h"

static bool matches(const char *pattern, const char *text)
{
        char p[GUARD_GLOB_MAX] = "", t[GUARD_PATH_MAX] = "";

        ck_assert_uint_lt(strlen(pattern), sizeof(p));
        ck_assert_uint_lt(strlen(text), sizeof(t));
        strcpy(p, pattern);
        strcpy(t, text);
        return glob_matches(p, sizeof(p), t);
}

static const struct {
        const char *pattern, *text;
        bool matches;
} cases[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"abc", "abc", true},
        {"abc", "abcd", false},
        {"abcd", "abc", false},
        {"?", "a", true},
        {"?", "", false},
        {"a?c", "a/c", true},
        {"*", "", true},
        {"*", "/any/thing", true},
        {"**", "", true},
        {"a*", "a", true},
        {"a**", "a", true},
        {"*a", "ba", true},
        {"*a", "ab", false},
        {"a*?", "a", false},
        {"a*?", "ab", true},
        {"*ab", "aab", true},
        {"*aab", "aaab", true},
        {"a*b*c", "a-b-b-c", true},
        {"a*b*c", "a-c-b", false},
        {"*sleep", "/bin/sleeper/sleep", true},
        {"/usr/*/gdb", "/usr/local/bin/gdb", true},
        {"/usr/*/gdb", "/usr/gdb", false},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"\\?", "?", true},
        {"\\?", "a", false},
        {"\\\\", "\\", true},
        {"a\\b", "ab", true},
        {"a\\", "a\\", true}, /* nothing to quote: stands for itself */
        {"*\\*", "ab*", true},
        {"*\\*", "ab", false},
        {"\xff?", "\xff\xfe", true},
};

START_TEST(patterns_match_what_they_should)
{
        ck_assert_msg(matches(cases[_i].pattern, cases[_i].text) == cases[_i].matches, "\"%s\" with \"%s\"",
                      cases[_i].pattern, cases[_i].text);
}
END_TEST

/* The plain definition, which takes exponential time. */
static bool matches_slowly(const char *p, const char *t)
{
        if (*p == '*')
                return matches_slowly(p + 1, t) || (*t && matches_slowly(p, t + 1));
        if (!*t)
                return !*p;
        if (*p == '\\' && p[1])
                return p[1] == *t && matches_slowly(p + 2, t + 1);
        return *p && (*p == '?' || *p == *t) && matches_slowly(p + 1, t + 1);
}

#define PATTERN_LENGTH 5
#define TEXT_LENGTH    5

/* The string after s, of at most length characters of an alphabet, shorter ones first; false after the last.
 */
static bool next_string(const char *alphabet, size_t length, char *s)
{
        size_t i = 0;

        for (; s[i]; i++) {
                const char *next = strchr(alphabet, s[i]) + 1;

                if (*next) {
                        s[i] = *next;
                        return true;
                }
                s[i] = *alphabet;
        }
        if (i == length)
                return false;
        s[i] = *alphabet;
        s[i + 1] = '\0';
        return true;
}

START_TEST(all_short_patterns_mean_what_the_definition_says)
{
        char pattern[PATTERN_LENGTH + 2] = "", text[TEXT_LENGTH + 2];
        size_t matched = 0, compared = 0;

        do {
                text[0] = '\0';
                do {
                        bool expected = matches_slowly(pattern, text);

                        matched += expected;
                        compared++;
                        if (matches(pattern, text) != expected)
                                ck_abort_msg("\"%s\" with \"%s\": %d expected", pattern, text, expected);
                } while (next_string("ab", TEXT_LENGTH, text));
        } while (next_string("ab*?\\", PATTERN_LENGTH, pattern));
        ck_assert_uint_eq(compared, 3906 * 63); /* 1 + 5 + ... + 5^5 patterns, 1 + 2 + ... + 2^5 texts */
        ck_assert_uint_gt(matched, 1000);
}
END_TEST

START_TEST(arrays_without_an_end_are_not_left)
{
        char *pattern = malloc(GUARD_GLOB_MAX), *text = malloc(GUARD_PATH_MAX), *comm = malloc(REC_COMM_LEN);

        memset(pattern, 'a', GUARD_GLOB_MAX);
        memset(text, 'a', GUARD_PATH_MAX);
        memset(comm, 'a', REC_COMM_LEN);
        ck_assert(!glob_matches(pattern, GUARD_GLOB_MAX, text));
        pattern[GUARD_GLOB_MAX - 1] = '*';
        ck_assert(glob_matches(pattern, GUARD_GLOB_MAX, text));
        pattern[GUARD_GLOB_MAX - 1] = '\\';
        ck_assert(!glob_matches(pattern, GUARD_GLOB_MAX, text));
        text[REC_COMM_LEN] = '\0';
        ck_assert(glob_matches(comm, REC_COMM_LEN, text));
        free(pattern);
        free(text);
        free(comm);
}
END_TEST

/* What nearly matches at each place of a long text is no match rather than that many steps. */
START_TEST(a_match_that_takes_too_long_is_none)
{
        char pattern[GUARD_GLOB_MAX] = "*", text[GUARD_PATH_MAX] = "";

        memset(text, 'a', GUARD_PATH_MAX - 2);
        text[GUARD_PATH_MAX - 2] = 'b';
        memset(pattern + 1, 'a', 10);
        pattern[11] = 'b';
        ck_assert(matches(pattern, text));
        memset(pattern + 1, 'a', 100);
        pattern[101] = 'b';
        ck_assert(!matches(pattern, text));
        ck_assert(matches(pattern, text + GUARD_PATH_MAX - 1 - 110));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("glob");
        SRunner *runner = srunner_create(suite);
        TCase *tc = tcase_create("glob");
        int failed;

        tcase_add_loop_test(tc, patterns_match_what_they_should, 0, ELEMENTSOF(cases));
        tcase_add_test(tc, all_short_patterns_mean_what_the_definition_says);
        tcase_add_test(tc, arrays_without_an_end_are_not_left);
        tcase_add_test(tc, a_match_that_takes_too_long_is_none);
        suite_add_tcase(suite, tc);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
