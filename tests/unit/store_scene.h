/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A store in a directory of its own: for the tests of the store. */

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "tests/unit/own_dir.h"
#include "lib/store/store.h"

#define SYNC_MS 20000

static char error[512];

static uint64_t wall_now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static struct store *open_store_with(const struct store_limits *limits)
{
        struct store *s = NULL;
        int r = store_open(&s, dir, limits, error, sizeof(error));

        ck_assert_msg(r == 0, "%d: %s", r, error);
        return s;
}

static struct store *open_store(void)
{
        struct store_limits limits;

        store_limits_default(&limits);
        return open_store_with(&limits);
}

static struct event event_of(uint64_t seq, uint32_t pid)
{
        return (struct event){
                .seq = seq,
                .type = EV_TASK_EXIT,
                .wall_ns = wall_now(),
                .time_ns = seq * 10,
                .target = {.pid = pid, .tid = pid, .start = 5, .tid_start = 5, .comm = "prog"},
        };
}

static void append(struct store *s, const struct event *e)
{
        ck_assert_int_eq(store_append(s, e), 0);
}

static void sync_store(struct store *s)
{
        ck_assert_int_eq(store_sync(s, SYNC_MS), 0);
}

/* Counts what a filter gives; the first and last seq in *ret_first, *ret_last (0: none). */
static size_t count(struct store *s, struct event_filter f, uint64_t *ret_first, uint64_t *ret_last)
{
        struct store_cursor *c = NULL;
        uint64_t first = 0, last = 0;
        struct event e;
        size_t n = 0;
        int r;

        ck_assert_int_eq(store_query(s, &f, &c), 0);
        while ((r = store_cursor_next(c, &e)) == 1) {
                ck_assert_uint_gt(e.seq, last);
                first = first ?: e.seq;
                last = e.seq;
                n++;
        }
        ck_assert_int_eq(r, 0);
        ck_assert_int_eq(store_cursor_next(c, &e), 0); /* stays at the end */
        store_cursor_free(c);
        if (ret_first)
                *ret_first = first;
        if (ret_last)
                *ret_last = last;
        return n;
}

/* Runs SQL on the store's file, as another version of the program might have. */
static void run_sql(const char *sql)
{
        sqlite3 *db = NULL;

        ck_assert_int_eq(sqlite3_open(in_dir("trace.sqlite"), &db), SQLITE_OK);
        ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
        sqlite3_close(db);
}

static struct finding finding_of(uint32_t pid, uint32_t other, uint64_t last, uint64_t n)
{
        return (struct finding){.code = FIND_ORPHAN_BREAKPOINT,
                                .cause = "tracer-died",
                                .severity = SEVERITY_ERROR,
                                .target = {.pid = pid, .start = 5, .comm = "prog"},
                                .other_pid = other,
                                .first_wall_ns = 1,
                                .last_wall_ns = last,
                                .count = n,
                                .summary = "it \"died\"",
                                .remedy = "r"};
}

struct seen {
        size_t n;
        uint64_t counts[8];
        uint64_t last;
};

static int note_finding(void *userdata, const struct finding *f)
{
        struct seen *seen = userdata;

        ck_assert_uint_ge(f->last_wall_ns, seen->last);
        seen->last = f->last_wall_ns;
        ck_assert_str_eq(f->summary, "it \"died\"");
        if (seen->n < ELEMENTSOF(seen->counts))
                seen->counts[seen->n] = f->count;
        seen->n++;
        return 0;
}
