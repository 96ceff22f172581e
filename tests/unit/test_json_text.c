/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/json_text.h"
#include "tests/unit/random_event.h"
#include "tests/unit/strict_utf8.h"
#include "lib/base/text.h"

#define DEPTH 8
#define SEED  88172645463325252ULL

/* The string that the text is; NULL if it is no strict JSON. */
static const char *read_string(const char *text, char buf[256], struct json_text_end *end)
{
        struct json_object *o = NULL;
        int r = json_text_parse(text, strlen(text), DEPTH, &o, end);

        ck_assert(r == 0 || r == -EBADMSG);
        ck_assert_int_eq(r == 0, end->error == json_tokener_success);
        if (r < 0)
                return NULL;
        snprintf(buf, 256, "%s", json_object_get_string(o));
        json_object_put(o);
        return buf;
}

static const struct {
        const char *text, *value;
} texts[] = {
        {"\"plain\"", "plain"},
        {"\"caf\xc3\xa9\"", "caf\xc3\xa9"},
        {"\"\xef\xbf\xbd\\u001e\xef\xbf\xbd\"", "\xef\xbf\xbd\x1e\xef\xbf\xbd"},
        {"\"\\ud83d\\ude00 \xf0\x9f\x90\x9b\"", "\xf0\x9f\x98\x80 \xf0\x9f\x90\x9b"},
        {"\"\xc2\x80\xef\xbf\xbf\"", "\xc2\x80\xef\xbf\xbf"},
        /* no JSON, with and without something beyond ASCII */
        {"'caf\xc3\xa9'", NULL},
        {"'cafe'", NULL},
        {"\"\xc3\xa9\" 1", NULL},
        {"\"\\\xc3\xa9\"", NULL},
        {"\"\\u00\xc3\xa9\"", NULL},
        {"\xc3\xa9", NULL},
        {"\"tab\t\xc3\xa9\\\"", NULL},
        {"{\"\xc3\xa9\":1,}", NULL},
        {"[[[[[[[[[\"\xc3\xa9\"]]]]]]]]]", NULL},
        /* no UTF-8 */
        {"\"\xff\"", NULL},
        {"\"\xc3\"", NULL},
        {"\"\xed\xa0\x80\"", NULL},
        {"\"\xc0\x80\"", NULL},
        {"\"\xf4\x90\x80\x80\"", NULL},
};

START_TEST(only_json_is_read)
{
        struct json_text_end end;
        char buf[256];
        const char *value = read_string(texts[_i].text, buf, &end);

        if (texts[_i].value)
                ck_assert_str_eq(value ?: "(nothing)", texts[_i].value);
        else
                ck_assert_ptr_null(value);
}
END_TEST

START_TEST(the_place_of_a_mistake)
{
        struct json_text_end end;
        char buf[256];

        read_string("[\"\xc3\xa9\xc3\xa9\",nil]", buf, &end);
        ck_assert_uint_eq(end.at, 9);
        read_string("[\"\xc3\xa9\xc3\",1]", buf, &end);
        ck_assert_int_eq(end.error, json_tokener_error_parse_utf8_string);
        ck_assert_uint_eq(end.at, 4);
        read_string("[\"\xc3\xa9", buf, &end);
        ck_assert_int_eq(end.error, json_tokener_continue);
        ck_assert_int_eq(json_text_parse("", 0, DEPTH, &(struct json_object *){NULL}, &end), -EBADMSG);
        ck_assert_int_eq(end.error, json_tokener_continue);
}
END_TEST

/* Any bytes as a string, written, and read again: the same, if they were UTF-8. */
START_TEST(any_bytes_come_back_as_utf8)
{
        uint64_t seed = SEED;

        for (int i = 0; i < 20000; i++) {
                bool text = i & 1;
                char in[64] = {}, out[256];
                struct json_text_end end;

                random_string(&seed, text, in, sizeof(in));
                struct json_object *o = json_text_new(in);
                const char *written = json_object_to_json_string(o);
                assert_strict_utf8(written);
                ck_assert_ptr_nonnull(read_string(written, out, &end));
                ck_assert_str_eq(out, json_object_get_string(o));
                if (text)
                        ck_assert_str_eq(out, in);
                json_object_put(o);
        }
}
END_TEST

/* The two opinions about UTF-8 agree on anything. */
START_TEST(utf8_is_what_the_standard_says)
{
        static const uint8_t edges[] = {0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                        0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
                                        0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
        size_t n = ELEMENTSOF(edges);

        for (size_t i = 0; i < n * n * n * n; i++) {
                char s[5] = {(char)edges[i % n], (char)edges[i / n % n], (char)edges[i / n / n % n],
                             (char)edges[i / n / n / n]};
                const char *wrong = utf8_mistake(s);

                ck_assert_uint_eq(text_utf8_prefix(s, 4), wrong ? (size_t)(wrong - s) : 4);
        }
        ck_assert_uint_eq(text_utf8_prefix("a\0b\xff", 4), 3);
        ck_assert_uint_eq(text_utf8_prefix("\xc3\xa9", 1), 0);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("json-text");
        TCase *t = tcase_create("json-text");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_loop_test(t, only_json_is_read, 0, ELEMENTSOF(texts));
        tcase_add_test(t, the_place_of_a_mistake);
        tcase_add_test(t, any_bytes_come_back_as_utf8);
        tcase_add_test(t, utf8_is_what_the_standard_says);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
