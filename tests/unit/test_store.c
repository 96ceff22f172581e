/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the store keeps and gives back. What it refuses: test_store_refusal.c. */

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "tests/unit/random_event.h"
#include "lib/store/store.h"
#include "tests/unit/store_scene.h"

#define SEED 88172645463325252ULL

/* For events that are as old as they like. */
static struct store *open_ageless_store(void)
{
        return open_store_with(&(struct store_limits){.max_bytes = 64 << 20});
}

/* ---- what is stored comes back ---------------------------------------------------------------------- */

START_TEST(events_of_every_type_come_back)
{
        struct store *s = open_ageless_store();
        uint64_t seed = SEED, seq = 1;
        struct store_cursor *c = NULL;
        struct event e;

        for (int round = 0; round < 200; round++)
                for (int type = EV_NONE + 1; type < _EV_MAX; type++) {
                        e = random_event(&seed, type, false);
                        e.seq = seq++;
                        append(s, &e);
                }
        sync_store(s);

        seed = SEED;
        seq = 1;
        ck_assert_int_eq(store_query(s, &(struct event_filter){}, &c), 0);
        for (int round = 0; round < 200; round++)
                for (int type = EV_NONE + 1; type < _EV_MAX; type++) {
                        struct event expected = random_event(&seed, type, false);
                        expected.seq = seq++;
                        ck_assert_int_eq(store_cursor_next(c, &e), 1);
                        assert_same_event(&expected, &e);
                }
        ck_assert_int_eq(store_cursor_next(c, &e), 0);
        store_cursor_free(c);
        store_close(s);
}
END_TEST

START_TEST(a_reopened_store_goes_on)
{
        struct store *s = open_store();

        ck_assert_uint_eq(store_next_seq(s), 1);
        for (uint64_t seq = 1; seq <= 3000; seq++) {
                struct event e = event_of(seq, 7);
                append(s, &e);
        }
        ck_assert_uint_eq(store_next_seq(s), 3001);
        store_close(s); /* without a sync: closing writes what waits */

        struct store_stats stats;
        s = open_store();
        ck_assert_uint_eq(store_next_seq(s), 3001);
        ck_assert_uint_eq(count(s, (struct event_filter){}, NULL, NULL), 3000);
        store_get_stats(s, &stats);
        ck_assert_uint_eq(stats.events, 3000);
        ck_assert_uint_eq(stats.written, 0);
        ck_assert_uint_eq(stats.lost, 0);
        ck_assert_uint_gt(stats.bytes, 4096);
        ck_assert_uint_gt(stats.oldest_wall_ns, wall_now() - 60 * NSEC_PER_SEC);
        struct event e = event_of(3000, 7);
        ck_assert_int_eq(store_append(s, &e), -EINVAL); /* numbers ascend */
        store_close(s);
}
END_TEST

START_TEST(sync_makes_events_readable_at_once)
{
        struct store *s = open_store();
        struct timespec before, after;

        for (uint64_t seq = 1; seq <= 20; seq++) {
                struct event e = event_of(seq, 7);
                clock_gettime(CLOCK_MONOTONIC, &before);
                append(s, &e);
                sync_store(s);
                clock_gettime(CLOCK_MONOTONIC, &after);
                ck_assert_uint_eq(count(s, (struct event_filter){}, NULL, NULL), seq);
        }
        ck_assert_int_eq(store_sync(s, 0), 0); /* nothing waits */
        store_close(s);
}
END_TEST

START_TEST(whoever_cannot_wait_is_told)
{
        struct store *s = open_store();
        struct event e = event_of(1, 7);
        struct pollfd reached = {.fd = store_reached_fd(s), .events = POLLIN};
        sqlite3 *db = NULL;
        uint64_t mark;

        ck_assert(store_reached(s, store_hurry(s))); /* nothing waits */
        ck_assert_int_eq(sqlite3_open(in_dir("trace.sqlite"), &db), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        append(s, &e);
        mark = store_hurry(s);
        ck_assert_int_eq(poll(&reached, 1, 300), 0);
        ck_assert(!store_reached(s, mark));
        ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        ck_assert_int_eq(poll(&reached, 1, SYNC_MS), 1);
        ck_assert(store_reached(s, mark));
        ck_assert_uint_eq(count(s, (struct event_filter){}, NULL, NULL), 1);
        store_close(s);
}
END_TEST

START_TEST(without_a_sync_a_batch_is_written_soon)
{
        struct store *s = open_store();
        struct event e = event_of(1, 7);
        int waited_ms = 0;

        append(s, &e);
        while (count(s, (struct event_filter){}, NULL, NULL) == 0 && waited_ms < 10000) {
                usleep(20000);
                waited_ms += 20;
        }
        ck_assert_uint_eq(count(s, (struct event_filter){}, NULL, NULL), 1);
        store_close(s);
}
END_TEST

/* Who was refused is in the file sooner than what may wait. The machine may be slow: most are. */
START_TEST(a_decision_is_written_sooner)
{
        struct store *s = open_store();
        unsigned quick = 0;

        for (uint64_t i = 0; i < 10; i++) {
                struct event ordinary = event_of(2 * i + 1, 7), refusal = event_of(2 * i + 2, 7);
                uint64_t began = wall_now();

                refusal.type = EV_PTRACE_REFUSED;
                append(s, &ordinary);
                usleep(1000);
                append(s, &refusal);
                while (count(s, (struct event_filter){}, NULL, NULL) < refusal.seq) {
                        ck_assert_uint_lt(wall_now() - began, SYNC_MS * NSEC_PER_MSEC);
                        usleep(1000);
                }
                quick += wall_now() - began < STORE_BATCH_DELAY_MS / 2 * NSEC_PER_MSEC;
        }
        ck_assert_uint_ge(quick, 5);
        store_close(s);
}
END_TEST

/* ---- filters ---------------------------------------------------------------------------------------- */

START_TEST(filters_agree_with_a_scan)
{
        enum {
                N = 5000
        };
        struct store *s = open_ageless_store();
        struct event *all = calloc(N, sizeof(*all));
        uint64_t seed = SEED;

        for (size_t i = 0; i < N; i++) {
                all[i] = random_event(&seed, (int)(1 + random_u64(&seed) % (_EV_MAX - 1)), false);
                all[i].seq = (i + 1) * 37; /* several spans */
                all[i].target.pid = 1 + (uint32_t)(random_u64(&seed) % 20);
                all[i].tracer.pid = 1 + (uint32_t)(random_u64(&seed) % 20);
                /* A clock that was set back in the middle. */
                all[i].wall_ns = 1000000 + i * 100 - (i > N / 2 ? 100000 : 0);
                append(s, &all[i]);
        }
        sync_store(s);
        for (int round = 0; round < 300; round++) {
                struct event_filter f = {
                        .pid = random_u64(&seed) & 1 ? (uint32_t)(random_u64(&seed) % 22) : 0,
                        .since_wall_ns = random_u64(&seed) & 1 ? 1000000 + random_u64(&seed) % 600000 : 0,
                        .until_wall_ns = random_u64(&seed) & 1 ? 1000000 + random_u64(&seed) % 600000 : 0,
                        .types = random_u64(&seed) & 1 ? (uint32_t)random_u64(&seed) : 0,
                        .after_seq = random_u64(&seed) & 1 ? random_u64(&seed) % (N * 38) : 0,
                };
                size_t expected = 0;
                for (size_t i = 0; i < N; i++)
                        expected += (!f.pid || event_concerns(&all[i], f.pid)) &&
                                    all[i].wall_ns >= f.since_wall_ns &&
                                    (!f.until_wall_ns || all[i].wall_ns <= f.until_wall_ns) &&
                                    (!f.types || f.types >> all[i].type & 1) && all[i].seq > f.after_seq;
                ck_assert_uint_eq(count(s, f, NULL, NULL), expected);
        }
        free(all);
        store_close(s);
}
END_TEST

/* A search for something rare goes on in steps, and passes over what cannot hold it. */
START_TEST(a_search_comes_in_bounded_steps)
{
        struct store *s = open_ageless_store();
        struct store_cursor *c = NULL;
        size_t n = 0, idle = 0;
        struct event e;
        int r;

        for (uint64_t seq = 1; seq <= 40; seq++) {
                e = event_of(seq * 16384, 7); /* each in a span of its own */
                if (seq == 30)
                        e.type = EV_SIGACTION;
                append(s, &e);
        }
        sync_store(s);
        ck_assert_int_eq(store_query(s, &(struct event_filter){.pid = 8}, &c), 0);
        while ((r = store_cursor_step(c, &e)) == -EAGAIN)
                idle++;
        ck_assert_int_eq(r, 0);
        ck_assert_uint_ge(idle, 40);
        store_cursor_free(c);

        ck_assert_int_eq(store_query(s, &(struct event_filter){.types = EVENT_BIT(EV_SIGACTION)}, &c), 0);
        for (idle = 0; (r = store_cursor_step(c, &e)) != 0;) {
                idle += r == -EAGAIN;
                n += r == 1;
        }
        ck_assert_uint_eq(n, 1);
        ck_assert_uint_eq(idle, 0);
        ck_assert_int_eq(store_cursor_step(c, &e), 0);
        store_cursor_free(c);
        store_close(s);
}
END_TEST

START_TEST(a_cursor_does_not_see_what_comes_later)
{
        struct store *s = open_store();
        struct store_cursor *c = NULL;
        struct event e;
        size_t n = 0;

        for (uint64_t seq = 1; seq <= 1000; seq++) {
                e = event_of(seq, 7);
                append(s, &e);
        }
        sync_store(s);
        ck_assert_int_eq(store_query(s, &(struct event_filter){}, &c), 0);
        ck_assert_int_eq(store_cursor_next(c, &e), 1);
        for (uint64_t seq = 1001; seq <= 2000; seq++) {
                e = event_of(seq, 7);
                append(s, &e);
        }
        sync_store(s);
        for (n = 1; store_cursor_next(c, &e) == 1; n++)
                ;
        ck_assert_uint_eq(n, 1000);
        store_cursor_free(c);
        store_close(s);
}
END_TEST

START_TEST(a_damaged_row_is_shown_as_a_loss)
{
        struct store *s = open_store();
        struct store_cursor *c = NULL;
        struct event e;

        for (uint64_t seq = 1; seq <= 3; seq++) {
                e = event_of(seq, 7);
                append(s, &e);
        }
        store_close(s);
        run_sql("UPDATE events SET body = x'ffffffff' WHERE seq = 2; UPDATE events SET type = 77 WHERE seq "
                "= 3");

        s = open_store();
        ck_assert_int_eq(store_query(s, &(struct event_filter){}, &c), 0);
        ck_assert_int_eq(store_cursor_next(c, &e), 1);
        ck_assert_int_eq(e.type, EV_TASK_EXIT);
        for (uint64_t seq = 2; seq <= 3; seq++) {
                ck_assert_int_eq(store_cursor_next(c, &e), 1);
                ck_assert_int_eq(e.type, EV_LOSS);
                ck_assert_uint_eq(e.seq, seq);
                ck_assert_uint_eq(e.count, 1);
        }
        ck_assert_int_eq(store_cursor_next(c, &e), 0);
        store_cursor_free(c);
        store_close(s);
}
END_TEST

/* ---- findings --------------------------------------------------------------------------------------- */

static int stop_at_once(void *userdata, const struct finding *f)
{
        (*(int *)userdata)++;
        return f->count ? 42 : 0;
}

START_TEST(findings_grow_in_place)
{
        struct store *s = open_store();
        uint64_t now = wall_now();
        struct seen seen = {};
        struct finding f;
        int calls = 0;

        for (uint64_t n = 1; n <= 20000; n++) { /* far more than wait at once: they are one */
                f = finding_of(100, 200, now + n, n);
                ck_assert_int_eq(store_put_finding(s, &f), 0);
        }
        f = finding_of(101, 0, now + 5, 1);
        ck_assert_int_eq(store_put_finding(s, &f), 0);
        sync_store(s);
        ck_assert_int_eq(store_each_finding(s, 100, 0, note_finding, &seen), 0);
        ck_assert_uint_eq(seen.counts[0], 20000); /* the newest of those that waited */
        seen = (struct seen){};
        f = finding_of(100, 200, now + 30000, 30000);
        ck_assert_int_eq(store_put_finding(s, &f), 0);
        sync_store(s);

        ck_assert_int_eq(store_each_finding(s, 0, 0, note_finding, &seen), 0);
        ck_assert_uint_eq(seen.n, 2);
        ck_assert_uint_eq(seen.counts[0], 1);
        ck_assert_uint_eq(seen.counts[1], 30000);
        seen = (struct seen){};
        ck_assert_int_eq(store_each_finding(s, 200, 0, note_finding, &seen), 0); /* the other party */
        ck_assert_uint_eq(seen.n, 1);
        seen = (struct seen){};
        ck_assert_int_eq(store_each_finding(s, 0, now + 6, note_finding, &seen), 0);
        ck_assert_uint_eq(seen.n, 1);
        ck_assert_int_eq(store_each_finding(s, 0, 0, stop_at_once, &calls), 42);
        ck_assert_int_eq(calls, 1);
        store_close(s);
}
END_TEST

START_TEST(findings_are_read_one_by_one)
{
        struct store *s = open_store();
        uint64_t now = wall_now();
        int64_t *ids = NULL;
        struct finding f;
        size_t n;

        for (uint32_t pid = 1; pid <= 3; pid++) {
                f = finding_of(pid, 0, now + 10 - pid, pid);
                ck_assert_int_eq(store_put_finding(s, &f), 0);
        }
        sync_store(s);
        ck_assert_int_eq(store_list_findings(s, &(struct finding_filter){}, &ids, &n), 0);
        ck_assert_uint_eq(n, 3);
        for (size_t i = 0; i < n; i++) { /* oldest first */
                ck_assert_int_eq(store_get_finding(s, ids[i], &f), 0);
                ck_assert_uint_eq(f.target.pid, 3 - i);
        }
        ck_assert_int_eq(store_get_finding(s, ids[0] + 1000, &f), -ENOENT);
        free(ids);
        store_close(s);
}
END_TEST

static uint64_t findings_counted(struct store *s, enum severity severity)
{
        struct store_totals totals;

        store_get_totals(s, &totals);
        return totals.findings[FIND_ORPHAN_BREAKPOINT][severity];
}

static uint64_t sessions_counted(struct store *s)
{
        struct store_totals totals;

        store_get_totals(s, &totals);
        return totals.sessions;
}

START_TEST(totals_outlive_restarts_and_retention)
{
        struct store *s = open_store();
        uint64_t now = wall_now();
        struct event e = event_of(1, 7);
        struct finding f;

        for (uint32_t round = 1; round <= 3; round++) /* they grow, and are the same ones */
                for (uint32_t pid = 1; pid <= 5; pid++) {
                        f = finding_of(pid, 0, now + round, round);
                        f.severity = pid == 5 ? SEVERITY_INFO : SEVERITY_ERROR;
                        ck_assert_int_eq(store_put_finding(s, &f), 0);
                        sync_store(s);
                }
        store_count_sessions(s, 3);
        append(s, &e);
        sync_store(s);
        ck_assert_uint_eq(findings_counted(s, SEVERITY_ERROR), 4);
        ck_assert_uint_eq(findings_counted(s, SEVERITY_INFO), 1);
        ck_assert_uint_eq(sessions_counted(s), 3);
        store_count_sessions(s, 2); /* with nothing behind it but the end */
        store_close(s);

        run_sql("DELETE FROM findings WHERE pid <= 3");
        s = open_store();
        f = finding_of(4, 0, now + 9, 9); /* known already */
        ck_assert_int_eq(store_put_finding(s, &f), 0);
        f = finding_of(6, 0, now + 9, 9);
        ck_assert_int_eq(store_put_finding(s, &f), 0);
        sync_store(s);
        ck_assert_uint_eq(findings_counted(s, SEVERITY_ERROR), 5);
        ck_assert_uint_eq(sessions_counted(s), 5);
        store_close(s);
}
END_TEST

START_TEST(a_store_without_totals_begins_with_what_is_in_it)
{
        struct store *s = open_store();
        struct finding f;

        for (uint32_t pid = 1; pid <= 4; pid++) {
                f = finding_of(pid, 0, wall_now(), 1);
                ck_assert_int_eq(store_put_finding(s, &f), 0);
        }
        store_close(s);
        run_sql("DROP TABLE total");
        s = open_store();
        ck_assert_uint_eq(findings_counted(s, SEVERITY_ERROR), 4);
        ck_assert_uint_eq(sessions_counted(s), 0);
        f = finding_of(9, 0, wall_now(), 1);
        ck_assert_int_eq(store_put_finding(s, &f), 0);
        store_close(s);
        s = open_store();
        ck_assert_uint_eq(findings_counted(s, SEVERITY_ERROR), 5);
        store_close(s);
}
END_TEST

START_TEST(findings_are_read_page_by_page)
{
        struct finding_filter page = {.in_pages = true, .max = 2};
        struct store *s = open_store();
        uint64_t now = wall_now();
        int64_t *ids = NULL;
        struct finding f;
        size_t n, all = 0;

        for (uint32_t pid = 1; pid <= 5; pid++) {
                f = finding_of(pid, 0, now + 10 - pid, pid);
                ck_assert_int_eq(store_put_finding(s, &f), 0);
        }
        sync_store(s);
        do {
                ck_assert_int_eq(store_list_findings(s, &page, &ids, &n), 0);
                for (size_t i = 0; i < n; i++) { /* as they were found */
                        ck_assert_int_eq(store_get_finding(s, ids[i], &f), 0);
                        ck_assert_uint_eq(f.target.pid, ++all);
                        page.after_id = ids[i];
                }
                free(ids);
        } while (n == page.max);
        ck_assert_uint_eq(all, 5);
        store_close(s);
}
END_TEST

START_TEST(former_owners_of_a_pid_are_told_apart)
{
        struct store *s = open_store();
        struct store_cursor *c = NULL;
        struct event e;
        uint64_t start;

        for (uint64_t seq = 1; seq <= 600; seq++) {
                e = event_of(seq, 7);
                e.target.start = seq <= 300 ? 5 : 9;
                append(s, &e);
        }
        sync_store(s);
        ck_assert_int_eq(store_last_start(s, 7, &start), 0);
        ck_assert_uint_eq(start, 9);
        ck_assert_int_eq(store_last_start(s, 8, &start), -ENOENT);
        ck_assert_int_eq(store_query(s, &(struct event_filter){.pid = 7, .of = {.pid = 7, .start = 9}}, &c),
                         0);
        for (uint64_t seq = 301; seq <= 600; seq++) {
                ck_assert_int_eq(store_cursor_next(c, &e), 1);
                ck_assert_uint_eq(e.seq, seq);
        }
        ck_assert_int_eq(store_cursor_next(c, &e), 0);
        store_cursor_free(c);
        store_close(s);
}
END_TEST

START_TEST(too_many_findings_at_once_are_counted)
{
        struct store *s = open_store();
        struct store_stats stats;
        size_t refused = 0;

        for (uint32_t pid = 1; pid <= 4000; pid++) {
                struct finding f = finding_of(pid, 0, wall_now(), 1);
                refused += store_put_finding(s, &f) == -ENOBUFS;
        }
        sync_store(s);
        struct seen seen = {};
        ck_assert_int_eq(store_each_finding(s, 0, 0, note_finding, &seen), 0);
        store_get_stats(s, &stats);
        ck_assert_uint_eq(seen.n + refused, 4000);
        ck_assert_uint_eq(stats.lost, refused);
        store_close(s);
}
END_TEST

/* ---- the appender never waits ----------------------------------------------------------------------- */

START_TEST(appending_does_not_wait_for_the_disk)
{
        enum {
                N = 100000
        };
        struct store *s = open_store();
        struct store_stats stats;
        sqlite3 *db = NULL;
        struct timespec before, after;
        uint64_t worst = 0, full = 0;

        /* Somebody else's lock: the writer cannot commit anything now. */
        ck_assert_int_eq(sqlite3_open(in_dir("trace.sqlite"), &db), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        for (uint64_t seq = 1; seq <= N; seq++) {
                struct event e = event_of(seq, 7);
                clock_gettime(CLOCK_MONOTONIC, &before);
                int r = store_append(s, &e);
                clock_gettime(CLOCK_MONOTONIC, &after);
                ck_assert(r == 0 || r == -ENOBUFS);
                full += r == -ENOBUFS;
                worst = MAX_OF(worst, (uint64_t)((after.tv_sec - before.tv_sec) * (int64_t)NSEC_PER_SEC +
                                                 after.tv_nsec - before.tv_nsec));
        }
        ck_assert_uint_eq(full, N - STORE_QUEUE_MAX);
        ck_assert_uint_lt(worst, 500 * NSEC_PER_MSEC); /* of a lock that lasts for seconds */
        ck_assert_int_eq(store_sync(s, 50), -ETIMEDOUT);
        ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);

        sync_store(s);
        store_get_stats(s, &stats);
        ck_assert_uint_eq(stats.lost, full);
        ck_assert_uint_eq(stats.written, N - full);
        ck_assert_uint_eq(count(s, (struct event_filter){}, NULL, NULL), N - full);
        store_close(s);
}
END_TEST

START_TEST(large_events_fill_the_queue_sooner)
{
        struct store *s = open_store();
        struct event e = event_of(1, 7);
        struct store_stats stats;
        sqlite3 *db = NULL;
        uint64_t taken = 0;

        e.type = EV_TASK_INFO;
        memset(e.args, 'a', sizeof(e.args) - 1);
        memset(e.path, 'p', sizeof(e.path) - 1);
        ck_assert_int_eq(sqlite3_open(in_dir("trace.sqlite"), &db), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        for (e.seq = 1; store_append(s, &e) == 0; e.seq++)
                taken++;
        ck_assert_uint_lt(taken, STORE_QUEUE_MAX);
        ck_assert_uint_gt(taken, 15000); /* 16 MiB of them */
        sqlite3_close(db);
        sync_store(s);
        store_get_stats(s, &stats);
        ck_assert_uint_eq(stats.written, taken);
        ck_assert_uint_eq(stats.lost, 1);
        store_close(s);
}
END_TEST

/* A failure in the middle of a batch takes the whole batch back, and the next one is written again. */
START_TEST(writing_resumes_after_a_failure_in_the_middle)
{
        struct store *s = open_store();
        struct store_stats stats;
        struct event e;

        run_sql("ALTER TABLE event_pid RENAME TO gone");
        e = event_of(1, 7);
        append(s, &e);
        sync_store(s);
        store_get_stats(s, &stats);
        ck_assert_int_ne(stats.last_error, 0);
        ck_assert_uint_eq(stats.lost, 1);
        run_sql("ALTER TABLE gone RENAME TO event_pid");
        e = event_of(2, 7);
        append(s, &e);
        sync_store(s);
        store_get_stats(s, &stats);
        ck_assert_int_eq(stats.last_error, 0);
        ck_assert_uint_eq(stats.written, 1);
        ck_assert_uint_eq(count(s, (struct event_filter){}, NULL, NULL), 1);
        store_close(s);
}
END_TEST

/* ---- retention -------------------------------------------------------------------------------------- */

static void wait_until_small(struct store *s, uint64_t max_events)
{
        struct store_stats stats;

        for (int i = 0; i < 500; i++) {
                store_get_stats(s, &stats);
                if (stats.events <= max_events)
                        return;
                usleep(20000);
        }
        ck_abort_msg("%llu events are left", (unsigned long long)stats.events);
}

static int64_t sql_number(const char *sql)
{
        sqlite3_stmt *statement = NULL;
        sqlite3 *db = NULL;
        int64_t n;

        ck_assert_int_eq(sqlite3_open(in_dir("trace.sqlite"), &db), SQLITE_OK);
        ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
        ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
        n = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        sqlite3_close(db);
        return n;
}

START_TEST(the_oldest_go_when_the_file_is_too_large)
{
        const uint64_t max = 2 << 20;
        struct store *s = open_store_with(&(struct store_limits){.max_bytes = max});
        struct store_stats stats;
        uint64_t first, last;
        size_t n;

        for (uint64_t seq = 1; seq <= 120000; seq++) {
                struct event e = event_of(seq, (uint32_t)(seq % 50) + 1);
                append(s, &e);
                if (seq % 5000 == 0)
                        sync_store(s);
        }
        sync_store(s);
        for (int i = 0; i < 500; i++) {
                store_get_stats(s, &stats);
                if (stats.bytes <= max)
                        break;
                usleep(20000);
        }
        ck_assert_uint_le(stats.bytes, max);
        n = count(s, (struct event_filter){}, &first, &last);
        ck_assert_uint_eq(last, 120000);
        ck_assert_uint_gt(n, 10000);
        ck_assert_uint_eq(first, last - n + 1); /* only the oldest went */
        ck_assert_uint_eq(stats.expired, 120000 - n);
        ck_assert_uint_eq(stats.events, n);
        ck_assert_uint_eq(stats.lost, 0);
        store_close(s);
        ck_assert_int_eq(sql_number("SELECT count(*) FROM event_pid"),
                         (int64_t)n); /* the index went with them */
        ck_assert_int_eq(sql_number("SELECT sum(events) FROM span"), (int64_t)n);
}
END_TEST

START_TEST(a_lowered_limit_shrinks_the_file)
{
        struct store *s = open_store();
        struct stat st;

        for (uint64_t seq = 1; seq <= 60000; seq++) {
                struct event e = event_of(seq, 7);
                append(s, &e);
        }
        store_close(s);
        ck_assert_int_eq(stat(in_dir("trace.sqlite"), &st), 0);
        ck_assert_int_gt(st.st_size, 2 << 20);

        s = open_store_with(&(struct store_limits){.max_bytes = 1 << 20});
        struct store_stats stats = {.bytes = UINT64_MAX};
        for (int i = 0; i < 500 && stats.bytes > 1 << 20; i++) {
                usleep(20000);
                store_get_stats(s, &stats);
        }
        store_close(s);
        ck_assert_int_eq(stat(in_dir("trace.sqlite"), &st), 0);
        ck_assert_int_le(st.st_size, 1 << 20);
}
END_TEST

START_TEST(events_past_the_age_limit_go)
{
        struct store *s = open_store_with(&(struct store_limits){.max_bytes = 64 << 20, .max_age_s = 3600});
        struct store_stats stats;
        uint64_t first;

        for (uint64_t seq = 1; seq <= 10000; seq++) {
                struct event e = event_of(seq, 7);
                if (seq <= 9990)
                        e.wall_ns -= 7200 * NSEC_PER_SEC;
                append(s, &e);
        }
        struct finding old = finding_of(1, 0, wall_now() - 7200 * NSEC_PER_SEC, 1);
        ck_assert_int_eq(store_put_finding(s, &old), 0);
        sync_store(s);
        wait_until_small(s, 10);
        store_get_stats(s, &stats);
        ck_assert_uint_eq(stats.expired, 9990);
        ck_assert_uint_eq(count(s, (struct event_filter){}, &first, NULL), 10);
        ck_assert_uint_eq(first, 9991);
        ck_assert_uint_gt(stats.oldest_wall_ns, wall_now() - 60 * NSEC_PER_SEC);
        store_close(s);
}
END_TEST

START_TEST(numbers_are_not_used_again_when_all_events_are_gone)
{
        struct store *s = open_store_with(&(struct store_limits){.max_bytes = 64 << 20, .max_age_s = 3600});

        for (uint64_t seq = 1; seq <= 3000; seq++) {
                struct event e = event_of(seq, 7);
                e.wall_ns -= 7200 * NSEC_PER_SEC;
                append(s, &e);
        }
        sync_store(s);
        wait_until_small(s, 0);
        store_close(s);
        s = open_store();
        ck_assert_uint_eq(store_next_seq(s), 3001);
        ck_assert_uint_eq(count(s, (struct event_filter){}, NULL, NULL), 0);
        store_close(s);
}
END_TEST

START_TEST(no_age_limit_keeps_everything)
{
        struct store *s = open_ageless_store();
        struct event e = event_of(1, 7);

        e.wall_ns = 1;
        append(s, &e);
        sync_store(s);
        usleep(100000);
        ck_assert_uint_eq(count(s, (struct event_filter){}, NULL, NULL), 1);
        store_close(s);
}
END_TEST

static TCase *content_cases(void)
{
        TCase *t = tcase_create("content");

        tcase_set_timeout(t, 120);
        tcase_add_checked_fixture(t, make_dir, remove_dir);
        tcase_add_test(t, events_of_every_type_come_back);
        tcase_add_test(t, a_reopened_store_goes_on);
        tcase_add_test(t, sync_makes_events_readable_at_once);
        tcase_add_test(t, whoever_cannot_wait_is_told);
        tcase_add_test(t, without_a_sync_a_batch_is_written_soon);
        tcase_add_test(t, a_decision_is_written_sooner);
        tcase_add_test(t, filters_agree_with_a_scan);
        tcase_add_test(t, a_search_comes_in_bounded_steps);
        tcase_add_test(t, a_cursor_does_not_see_what_comes_later);
        tcase_add_test(t, a_damaged_row_is_shown_as_a_loss);
        tcase_add_test(t, findings_grow_in_place);
        tcase_add_test(t, findings_are_read_one_by_one);
        tcase_add_test(t, findings_are_read_page_by_page);
        tcase_add_test(t, totals_outlive_restarts_and_retention);
        tcase_add_test(t, a_store_without_totals_begins_with_what_is_in_it);
        tcase_add_test(t, former_owners_of_a_pid_are_told_apart);
        tcase_add_test(t, too_many_findings_at_once_are_counted);
        tcase_add_test(t, appending_does_not_wait_for_the_disk);
        tcase_add_test(t, large_events_fill_the_queue_sooner);
        tcase_add_test(t, writing_resumes_after_a_failure_in_the_middle);
        tcase_add_test(t, the_oldest_go_when_the_file_is_too_large);
        tcase_add_test(t, a_lowered_limit_shrinks_the_file);
        tcase_add_test(t, events_past_the_age_limit_go);
        tcase_add_test(t, numbers_are_not_used_again_when_all_events_are_gone);
        tcase_add_test(t, no_age_limit_keeps_everything);
        return t;
}

int main(void)
{
        Suite *s = suite_create("store");
        int failed;

        suite_add_tcase(s, content_cases());

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
