/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <check.h>

#include "lib/base/cleanup.h"
#include "daemon/kernel/backlog.h"

#define RECORD_MAX 4096

static uint8_t record[RECORD_MAX];

static void make_record(size_t size)
{
        for (size_t i = 0; i < size; i++)
                record[i] = (uint8_t)(size * 7 + i);
}

struct reading {
        const size_t *sizes;
        size_t n;
};

static void compare(void *userdata, const void *data, size_t size)
{
        struct reading *r = userdata;

        ck_assert_uint_eq(size, r->sizes[r->n++]);
        ck_assert_uint_eq((uintptr_t)data % 8, 0);
        make_record(size);
        ck_assert_mem_eq(data, record, size);
}

START_TEST(test_all_come_back)
{
        static const size_t sizes[] = {16, 17, 192, 23, RECORD_MAX, 24};
        struct reading r = {.sizes = sizes};
        struct backlog *b = NULL;

        backlog_each(b, compare, &r);
        ck_assert_uint_eq(r.n, 0);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                make_record(sizes[i]);
                ck_assert_int_eq(backlog_add(&b, record, sizes[i]), 0);
        }
        backlog_each(b, compare, &r);
        ck_assert_uint_eq(r.n, ELEMENTSOF(sizes));
        ck_assert_uint_eq(backlog_lost(b), 0);
        ck_assert_ptr_null(backlog_free(b));
}
END_TEST

static void count(void *userdata, const void *data, size_t size)
{
        (void)data;
        ck_assert_uint_eq(size, RECORD_MAX);
        ++*(size_t *)userdata;
}

START_TEST(test_too_many_are_counted)
{
        size_t tries = BACKLOG_MAX / RECORD_MAX + 10, kept = 0;
        struct backlog *b = NULL;

        for (size_t i = 0; i < tries; i++)
                backlog_add(&b, record, sizeof(record));
        backlog_each(b, count, &kept);
        ck_assert_uint_eq(kept + backlog_lost(b), tries);
        ck_assert_uint_ge(backlog_lost(b), 10);
        ck_assert_uint_gt(kept, BACKLOG_MAX / RECORD_MAX / 2);
        backlog_free(b);
}
END_TEST

START_TEST(test_what_is_kept)
{
        struct rec_guard refusal = {.h.type = REC_GUARD};
        struct rec_exit other = {.h.type = REC_EXIT};
        struct backlog *b = NULL;

        ck_assert(backlog_is_refusal(&refusal.h));
        ck_assert(!backlog_is_refusal(&other.h));
        ck_assert_int_lt(backlog_take(&b, -1, NULL, NULL), 0);
        ck_assert_ptr_null(b);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("backlog");
        TCase *c = tcase_create("all");
        SRunner *r;
        int failed;

        tcase_add_test(c, test_all_come_back);
        tcase_add_test(c, test_too_many_are_counted);
        tcase_add_test(c, test_what_is_kept);
        suite_add_tcase(s, c);
        r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed > 0;
}
