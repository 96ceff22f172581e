/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <check.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/sentence.h"
#include "lib/base/text.h"

static void assert_escape(const char *in, const char *out)
{
        char buf[128];

        ck_assert_str_eq(text_escape(in, buf, sizeof(buf)), out);
}

static void assert_utf8(const char *in, const char *out)
{
        char buf[128];

        ck_assert_str_eq(text_utf8(in, buf, sizeof(buf)), out);
}

START_TEST(escape_leaves_plain_text_alone)
{
        assert_escape("", "");
        assert_escape("php-fpm: pool www", "php-fpm: pool www");
        assert_escape("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9b",
                      "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9b");
}
END_TEST

START_TEST(escape_disarms_what_a_terminal_acts_on)
{
        assert_escape("a\x1b[31mb", "a\\x1b[31mb");
        assert_escape("a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd");
        assert_escape("\x7f", "\\x7f");
        assert_escape("\xc2\x9b", "\\xc2\\x9b");          /* C1 control sequence introducer */
        assert_escape("\xe2\x80\xae", "\\xe2\\x80\\xae"); /* right-to-left override */
        assert_escape("\\x1b", "\\\\x1b");
}
END_TEST

START_TEST(escape_shows_invalid_utf8_as_bytes)
{
        assert_escape("\xff\xfe", "\\xff\\xfe");
        assert_escape("\xc3", "\\xc3");
        assert_escape("\xe2\x82", "\\xe2\\x82");
        assert_escape("\xc0\xaf", "\\xc0\\xaf");                   /* overlong */
        assert_escape("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* surrogate */
        assert_escape("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* past U+10FFFF */
}
END_TEST

START_TEST(escape_cuts_between_characters)
{
        char buf[8];

        ck_assert_str_eq(text_escape("\x1b\x1b", buf, sizeof(buf)), "\\x1b");
        ck_assert_str_eq(text_escape("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", buf, sizeof(buf)),
                         "\xe2\x82\xac\xe2\x82\xac");
        ck_assert_str_eq(text_escape("abc", buf, 1), "");
        buf[0] = 'x';
        text_escape("abc", buf, 0);
        ck_assert_int_eq(buf[0], 'x');
}
END_TEST

START_TEST(utf8_replaces_only_invalid_bytes)
{
        assert_utf8("caf\xc3\xa9\n", "caf\xc3\xa9\n");
        assert_utf8("a\xff"
                    "b",
                    "a\xef\xbf\xbd"
                    "b");
        assert_utf8("\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd");
        assert_utf8("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}
END_TEST

/* Whatever the bytes and the room: terminated, in bounds, printable, and a parser accepts the JSON. */
START_TEST(any_bytes_become_safe_text)
{
        uint64_t seed = 88172645463325252ULL;

        for (int round = 0; round < 20000; round++) {
                char in[17] = {}, escaped[80], clean[64];
                size_t room = seed % sizeof(clean);

                for (size_t i = 0; i < sizeof(in) - 1; i++) {
                        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
                        in[i] = (char)(seed >> 20);
                }
                memset(clean, 'Z', sizeof(clean));
                if (room > 0) {
                        text_utf8(in, clean, room);
                        ck_assert_uint_lt(strlen(clean), room);
                        ck_assert_int_eq(clean[room], 'Z');
                        struct json_tokener *parser = json_tokener_new();
                        json_tokener_set_flags(parser, JSON_TOKENER_VALIDATE_UTF8);
                        struct json_object *o = json_object_new_string(clean);
                        struct json_object *back =
                                json_tokener_parse_ex(parser, json_object_to_json_string(o), -1);
                        ck_assert_ptr_nonnull(back);
                        json_object_put(back);
                        json_object_put(o);
                        json_tokener_free(parser);
                }
                for (const char *p = text_escape(in, escaped, sizeof(escaped)); *p; p++)
                        ck_assert((unsigned char)*p >= 0x20 && *p != 0x7f);
        }
}
END_TEST

START_TEST(durations_read_well)
{
        static const struct {
                uint64_t ns;
                const char *text;
        } cases[] = {
                {0, "0 ns"},
                {999, "999 ns"},
                {1000, "1 us"},
                {4 * NSEC_PER_MSEC, "4 ms"},
                {3200 * NSEC_PER_MSEC, "3.2 s"},
                {9999 * NSEC_PER_MSEC, "9.9 s"},
                {10 * NSEC_PER_SEC, "10 s"},
                {119 * NSEC_PER_SEC, "119 s"},
                {38 * 60 * NSEC_PER_SEC, "38 min"},
                {5 * 3600 * NSEC_PER_SEC, "5 h"},
                {72 * 3600 * NSEC_PER_SEC, "3 days"},
                {UINT64_MAX, "213503 days"},
        };
        char buf[32];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                ck_assert_str_eq(text_duration(cases[i].ns, buf, sizeof(buf)), cases[i].text);
}
END_TEST

START_TEST(sentence_grows_and_is_cut_between_characters)
{
        char buf[12] = "a";

        say(SENTENCE(buf), "%s-%d", "b", 7);
        ck_assert_str_eq(buf, "ab-7");
        say(SENTENCE(buf), "%s", "12345\xe2\x82\xac\xe2\x82\xac");
        ck_assert_str_eq(buf, "ab-712345");
        say((struct sentence){buf, 10}, "more");
        ck_assert_str_eq(buf, "ab-712345");
}
END_TEST

int main(void)
{
        Suite *s = suite_create("text");
        TCase *t = tcase_create("text");
        int failed;

        tcase_add_test(t, escape_leaves_plain_text_alone);
        tcase_add_test(t, escape_disarms_what_a_terminal_acts_on);
        tcase_add_test(t, escape_shows_invalid_utf8_as_bytes);
        tcase_add_test(t, escape_cuts_between_characters);
        tcase_add_test(t, utf8_replaces_only_invalid_bytes);
        tcase_add_test(t, any_bytes_become_safe_text);
        tcase_add_test(t, durations_read_well);
        tcase_add_test(t, sentence_grows_and_is_cut_between_characters);
        suite_add_tcase(s, t);

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
