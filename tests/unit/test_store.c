/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>

#include "cleanup.h"
#include "random_event.h"
#include "store.h"

#define SEED    88172645463325252ULL
#define SYNC_MS 20000

static char dir[64];
static char error[512];

static void make_dir(void)
{
        strcpy(dir, "/tmp/ptraced-store-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void)
{
        char command[128];

        snprintf(command, sizeof(command), "rm -rf %s", dir);
        ck_assert_int_eq(system(command), 0);
}

static const char *in_dir(const char *name)
{
        static char paths[4][128]; /* a few may be in use at once */
        static unsigned next;
        char *path = paths[next++ % ELEMENTSOF(paths)];

        snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
        return path;
}

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

/* For events that are as old as they like. */
static struct store *open_ageless_store(void)
{
        return open_store_with(&(struct store_limits){.max_bytes = 64 << 20});
}

static int open_fails(void)
{
        struct store_limits limits;
        struct store *s = (struct store *)&limits;
        int r;

        store_limits_default(&limits);
        error[0] = '\0';
        r = store_open(&s, dir, &limits, error, sizeof(error));
        ck_assert_int_lt(r, 0);
        ck_assert_ptr_eq(s, &limits); /* written only on success */
        ck_assert_str_ne(error, "");
        ck_assert_ptr_null(strchr(error, '\n'));
        return r;
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

static void write_file(const char *path, const void *data, size_t n)
{
        FILE *f = fopen(path, "w");

        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(data, 1, n, f), n);
        ck_assert_int_eq(fclose(f), 0);
}

/* Runs SQL on the store's file, as another version of the program might have. */
static void run_sql(const char *sql)
{
        sqlite3 *db = NULL;

        ck_assert_int_eq(sqlite3_open(in_dir("trace.sqlite"), &db), SQLITE_OK);
        ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
        sqlite3_close(db);
}

static size_t read_whole(const char *path, char *buf, size_t size)
{
        FILE *f = fopen(path, "r");
        size_t n;

        ck_assert_ptr_nonnull(f);
        n = fread(buf, 1, size, f);
        fclose(f);
        return n;
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

/* ---- what cannot be opened -------------------------------------------------------------------------- */

static void assert_error(const char *format, ...)
{
        char expected[512];
        va_list args;

        va_start(args, format);
        vsnprintf(expected, sizeof(expected), format, args);
        va_end(args);
        ck_assert_str_eq(error, expected);
}

START_TEST(a_missing_directory_is_named)
{
        remove_dir();
        ck_assert_int_eq(open_fails(), -ENOENT);
        assert_error(
                "the state directory %s does not exist: create it, or choose another one with --state-dir",
                dir);
        ck_assert_int_eq(mkdir(dir, 0700), 0);
}
END_TEST

START_TEST(a_file_is_no_directory)
{
        remove_dir();
        write_file(dir, "x", 1);
        ck_assert_int_eq(open_fails(), -ENOTDIR);
        ck_assert_ptr_nonnull(strstr(error, "is not a directory"));
}
END_TEST

/* A child takes the lock, so that the sentence names a pid that is not ours. */
START_TEST(a_second_daemon_is_refused_and_told_who)
{
        int ready[2];
        char byte;

        ck_assert_int_eq(pipe(ready), 0);
        pid_t child = fork();
        if (child == 0) {
                struct store *s = open_store();
                struct event e = event_of(1, 7);
                append(s, &e);
                sync_store(s);
                (void)!write(ready[1], "x", 1);
                pause();
                _exit(0);
        }
        ck_assert_int_eq(read(ready[0], &byte, 1), 1);
        ck_assert_int_eq(open_fails(), -EBUSY);
        assert_error(
                "another ptraced (pid %d) uses the state directory %s: stop it, or choose another one with "
                "--state-dir",
                (int)child, dir);
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);

        /* The lock died with it, and nothing it wrote is lost. */
        struct store *s = open_store();
        ck_assert_uint_eq(count(s, (struct event_filter){}, NULL, NULL), 1);
        store_close(s);
        close(ready[0]);
        close(ready[1]);
}
END_TEST

/* Here the lock outlives its owner by a child; a killed daemon's threads do the same. */
START_TEST(a_killed_owner_is_waited_for)
{
        int ready[2];
        pid_t child;
        char byte;

        ck_assert_int_eq(pipe(ready), 0);
        child = fork();
        if (child == 0) {
                open_store();
                if (fork() == 0) {
                        ck_assert_int_eq(write(ready[1], "x", 1), 1);
                        usleep(300000);
                        _exit(0);
                }
                pause();
                _exit(0);
        }
        ck_assert_int_eq(read(ready[0], &byte, 1), 1);
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        store_close(open_store());
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        close(ready[0]);
        close(ready[1]);
}
END_TEST

START_TEST(the_lock_is_not_inherited_by_programs_we_start)
{
        struct store *s = open_store();
        char command[256];

        snprintf(command, sizeof(command), "ls -l /proc/self/fd | grep -q %s", dir);
        ck_assert_int_ne(system(command), 0);
        store_close(s);
}
END_TEST

static void assert_untouched(const char *before, size_t n)
{
        char now[65536];

        ck_assert_uint_eq(read_whole(in_dir("trace.sqlite"), now, sizeof(now)), n);
        ck_assert_mem_eq(now, before, n);
        ck_assert_int_lt(access(in_dir("trace.sqlite-wal"), F_OK), 0);
        ck_assert_int_lt(access(in_dir("trace.sqlite.new"), F_OK), 0);
}

START_TEST(a_store_from_the_future_is_left_alone)
{
        char before[65536];
        size_t n;

        store_close(open_store());
        run_sql("PRAGMA journal_mode = DELETE; PRAGMA user_version = 2");
        n = read_whole(in_dir("trace.sqlite"), before, sizeof(before));
        ck_assert_int_eq(open_fails(), -EPROTONOSUPPORT);
        assert_error("%s has schema 2 and this program knows schema 1: nothing was changed in it; use the "
                     "ptraced "
                     "that wrote it, or move it away",
                     in_dir("trace.sqlite"));
        assert_untouched(before, n);
}
END_TEST

START_TEST(somebody_elses_database_is_left_alone)
{
        char before[65536];
        size_t n;

        run_sql("CREATE TABLE photos(id); PRAGMA user_version = 1");
        n = read_whole(in_dir("trace.sqlite"), before, sizeof(before));
        ck_assert_int_eq(open_fails(), -EUCLEAN);
        assert_error(
                "%s is not a ptraced trace: nothing was changed in it; move it away, or name another place",
                in_dir("trace.sqlite"));
        assert_untouched(before, n);

        memset(before, 'x', 5000);
        write_file(in_dir("trace.sqlite"), before, 5000);
        ck_assert_int_eq(open_fails(), -EUCLEAN);
        ck_assert_ptr_nonnull(strstr(error, "is not a ptraced trace"));
        assert_untouched(before, 5000);
}
END_TEST

START_TEST(nothing_is_written_through_a_symbolic_link)
{
        write_file(in_dir("target"), "secret", 6);
        ck_assert_int_eq(symlink("target", in_dir("trace.sqlite")), 0);
        ck_assert_int_eq(open_fails(), -EUCLEAN);
        ck_assert_int_eq(unlink(in_dir("trace.sqlite")), 0);
        ck_assert_int_eq(symlink("target", in_dir("lock.new")), 0);
        ck_assert_int_eq(rename(in_dir("lock.new"), in_dir("lock")), 0);
        ck_assert_int_eq(open_fails(), -ELOOP);
        char text[16];
        ck_assert_uint_eq(read_whole(in_dir("target"), text, sizeof(text)), 6);
}
END_TEST

static void fill_store(uint64_t n)
{
        struct store *s = open_store();

        for (uint64_t seq = 1; seq <= n; seq++) {
                struct event e = event_of(seq, 7);
                append(s, &e);
        }
        store_close(s);
}

START_TEST(a_damaged_store_is_left_alone)
{
        static char before[4 << 20];
        size_t n;

        fill_store(20000);
        n = read_whole(in_dir("trace.sqlite"), before, sizeof(before));
        ck_assert_uint_gt(n, 500000);
        if (_i == 0) /* cut off */
                n -= n / 3;
        else if (_i == 1) /* pages of noise in the middle */
                memset(before + n / 2 / 4096 * 4096, 0xa5, 8 * 4096);
        else /* the header is right, the schema is not */
                memset(before + 100, 0xff, 2000);
        write_file(in_dir("trace.sqlite"), before, n);
        ck_assert_int_eq(open_fails(), -EUCLEAN);
        ck_assert_ptr_nonnull(strstr(error, " is damaged ("));
        ck_assert_ptr_nonnull(strstr(error, "move it and its -wal and -shm files away"));

        char *now = malloc(sizeof(before));
        ck_assert_uint_eq(read_whole(in_dir("trace.sqlite"), now, sizeof(before)), n);
        ck_assert_mem_eq(now, before, n);
        free(now);
}
END_TEST

START_TEST(an_interrupted_creation_is_begun_again)
{
        write_file(in_dir("trace.sqlite"), "", 0);
        write_file(in_dir("trace.sqlite.new"), "half", 4);
        struct store *s = open_store();
        ck_assert_uint_eq(store_next_seq(s), 1);
        store_close(s);
        ck_assert_int_lt(access(in_dir("trace.sqlite.new"), F_OK), 0);
}
END_TEST

START_TEST(files_are_for_the_owner_only)
{
        static const char *const names[] = {"trace.sqlite", "trace.sqlite-wal", "trace.sqlite-shm", "lock"};
        struct store *s = open_store();
        struct event e = event_of(1, 7);
        struct stat st;

        append(s, &e);
        sync_store(s);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                ck_assert_msg(stat(in_dir(names[i]), &st) == 0, "%s", names[i]);
                ck_assert_msg((st.st_mode & 07777) == 0600, "%s has mode %o", names[i], st.st_mode & 07777);
        }
        store_close(s);
}
END_TEST

/* ---- full and read-only file systems: need root to mount one ---------------------------------------- */

static bool mount_small(const char *options)
{
        return geteuid() == 0 && mount("tmpfs", dir, "tmpfs", 0, options) == 0;
}

static void fill_disk(void)
{
        static char block[4096];
        int fd = open(in_dir("ballast"), O_WRONLY | O_CREAT | O_APPEND, 0600);

        while (write(fd, block, sizeof(block)) > 0)
                ;
        close(fd);
}

START_TEST(a_read_only_file_system_is_refused)
{
        if (!mount_small("size=4m"))
                return;
        fill_store(10);
        ck_assert_int_eq(mount("tmpfs", dir, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
        int r = open_fails();
        umount2(dir, MNT_DETACH);
        ck_assert_int_eq(r, -EROFS);
        assert_error("the state directory %s is on a read-only file system: mount it writable, or choose "
                     "another one "
                     "with --state-dir",
                     dir);
}
END_TEST

/* As a SIGKILL leaves it: with a -wal and a -shm. */
static void abandon_store(void)
{
        pid_t child = fork();

        if (child == 0) {
                struct store *s = open_store();
                struct event e = event_of(1, 7);
                append(s, &e);
                sync_store(s);
                _exit(0);
        }
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        ck_assert_int_eq(access(in_dir("trace.sqlite-wal"), F_OK), 0);
}

START_TEST(a_full_disk_is_refused_when_opening)
{
        struct stat st;

        if (!mount_small("size=1m"))
                return;
        if (_i == 1) /* with a store that was there before */
                fill_store(10);
        if (_i == 2) /* and whose daemon was killed */
                abandon_store();
        fill_disk();
        int r = open_fails();
        bool half_made = access(in_dir("trace.sqlite.new"), F_OK) == 0;
        bool there = stat(in_dir("trace.sqlite"), &st) == 0;
        umount2(dir, MNT_DETACH);
        ck_assert_int_eq(r, -ENOSPC);
        assert_error("the state directory %s has no space left: free some, or choose another one with "
                     "--state-dir",
                     dir);
        ck_assert(!half_made);
        ck_assert_int_eq(there, _i > 0);
}
END_TEST

START_TEST(a_disk_that_fills_up_costs_events_but_not_the_daemon)
{
        struct store_stats stats;
        uint64_t seq = 1;

        if (!mount_small("size=3m"))
                return;
        struct store *s = open_store();
        for (; seq <= 100; seq++) {
                struct event e = event_of(seq, 7);
                append(s, &e);
        }
        sync_store(s);
        fill_disk();
        for (; seq <= 40000; seq++) {
                struct event e = event_of(seq, 7);
                append(s, &e);
        }
        struct finding f = finding_of(7, 0, wall_now(), 1);
        ck_assert_int_eq(store_put_finding(s, &f), 0);
        sync_store(s);
        store_get_stats(s, &stats);
        ck_assert_int_eq(stats.last_error, ENOSPC);
        ck_assert_uint_gt(stats.lost, 0);
        ck_assert_uint_eq(stats.lost + stats.written, 40000);

        ck_assert_int_eq(unlink(in_dir("ballast")), 0);
        uint64_t lost = stats.lost;
        struct event e = event_of(seq, 9);
        append(s, &e);
        sync_store(s);
        store_get_stats(s, &stats);
        size_t found = count(s, (struct event_filter){.pid = 9}, NULL, NULL);
        size_t all = count(s, (struct event_filter){}, NULL, NULL);
        struct seen seen = {};
        int r = store_each_finding(s, 0, 0, note_finding, &seen);
        store_close(s);
        umount2(dir, MNT_DETACH);
        ck_assert_int_eq(stats.last_error, 0);
        ck_assert_uint_eq(stats.lost, lost);
        ck_assert_uint_eq(found, 1);
        ck_assert_uint_eq(all, 40001 - lost);
        ck_assert_int_eq(r, 0);
        ck_assert_uint_eq(seen.n, 1); /* a finding waits for room */
}
END_TEST

/* ---- reading only ----------------------------------------------------------------------------------- */

START_TEST(a_saved_trace_is_read_without_leaving_marks)
{
        struct store *s = NULL;

        fill_store(500);
        ck_assert_int_eq(store_open_readonly(&s, in_dir("trace.sqlite"), error, sizeof(error)), 0);
        ck_assert_uint_eq(count(s, (struct event_filter){.pid = 7}, NULL, NULL), 500);
        struct event e = event_of(1000, 7);
        ck_assert_int_eq(store_append(s, &e), -EROFS);
        ck_assert_int_eq(store_sync(s, 10), 0);
        ck_assert_int_lt(access(in_dir("trace.sqlite-shm"), F_OK), 0);
        ck_assert_int_lt(access(in_dir("trace.sqlite-wal"), F_OK), 0);
        store_close(s);
}
END_TEST

START_TEST(a_live_trace_is_read_with_what_is_in_the_wal)
{
        struct store *s = open_store(), *reader = NULL;
        struct event e = event_of(1, 7);

        append(s, &e);
        sync_store(s);
        ck_assert_int_eq(store_open_readonly(&reader, in_dir("trace.sqlite"), error, sizeof(error)), 0);
        ck_assert_uint_eq(count(reader, (struct event_filter){}, NULL, NULL), 1);
        store_close(reader);
        store_close(s);
}
END_TEST

START_TEST(odd_file_names_are_read)
{
        struct store *s = NULL;
        char odd[128];

        fill_store(5);
        strcpy(odd, in_dir("100%?mode=x#y"));
        ck_assert_int_eq(rename(in_dir("trace.sqlite"), odd), 0);
        ck_assert_msg(store_open_readonly(&s, odd, error, sizeof(error)) == 0, "%s", error);
        ck_assert_uint_eq(count(s, (struct event_filter){}, NULL, NULL), 5);
        store_close(s);
        ck_assert_int_eq(chdir(dir), 0);
        ck_assert_int_eq(store_open_readonly(&s, "100%?mode=x#y", error, sizeof(error)), 0);
        store_close(s);
}
END_TEST

/* What is in the WAL is found although it lies beside the file, not beside the link. */
START_TEST(a_live_trace_is_read_through_a_link)
{
        struct store *s = open_store(), *reader = NULL;
        struct event e = event_of(1, 7);

        append(s, &e);
        sync_store(s);
        ck_assert_int_eq(mkdir(in_dir("elsewhere"), 0700), 0);
        ck_assert_int_eq(symlink(in_dir("trace.sqlite"), in_dir("elsewhere/link")), 0);
        ck_assert_int_eq(store_open_readonly(&reader, in_dir("elsewhere/link"), error, sizeof(error)), 0);
        ck_assert_uint_eq(count(reader, (struct event_filter){}, NULL, NULL), 1);
        store_close(reader);
        store_close(s);
}
END_TEST

START_TEST(what_is_no_trace_cannot_be_read)
{
        struct store *s = NULL;

        ck_assert_int_eq(store_open_readonly(&s, in_dir("none"), error, sizeof(error)), -ENOENT);
        assert_error("cannot read the trace %s: No such file or directory", in_dir("none"));
        ck_assert_int_eq(store_open_readonly(&s, dir, error, sizeof(error)), -EUCLEAN);
        write_file(in_dir("text"), "hello", 5);
        ck_assert_int_eq(store_open_readonly(&s, in_dir("text"), error, sizeof(error)), -EUCLEAN);
        assert_error(
                "%s is not a ptraced trace: nothing was changed in it; move it away, or name another place",
                in_dir("text"));
        write_file(in_dir("empty"), "", 0);
        ck_assert_int_eq(store_open_readonly(&s, in_dir("empty"), error, sizeof(error)), -EUCLEAN);
        ck_assert_ptr_null(s);
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
        tcase_add_test(t, without_a_sync_a_batch_is_written_soon);
        tcase_add_test(t, a_decision_is_written_sooner);
        tcase_add_test(t, filters_agree_with_a_scan);
        tcase_add_test(t, a_search_comes_in_bounded_steps);
        tcase_add_test(t, a_cursor_does_not_see_what_comes_later);
        tcase_add_test(t, a_damaged_row_is_shown_as_a_loss);
        tcase_add_test(t, findings_grow_in_place);
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

static TCase *refusal_cases(void)
{
        TCase *t = tcase_create("refusals");

        tcase_set_timeout(t, 120);
        tcase_add_checked_fixture(t, make_dir, remove_dir);
        tcase_add_test(t, a_missing_directory_is_named);
        tcase_add_test(t, a_file_is_no_directory);
        tcase_add_test(t, a_second_daemon_is_refused_and_told_who);
        tcase_add_test(t, a_killed_owner_is_waited_for);
        tcase_add_test(t, the_lock_is_not_inherited_by_programs_we_start);
        tcase_add_test(t, a_store_from_the_future_is_left_alone);
        tcase_add_test(t, somebody_elses_database_is_left_alone);
        tcase_add_test(t, nothing_is_written_through_a_symbolic_link);
        tcase_add_loop_test(t, a_damaged_store_is_left_alone, 0, 3);
        tcase_add_test(t, an_interrupted_creation_is_begun_again);
        tcase_add_test(t, files_are_for_the_owner_only);
        tcase_add_test(t, a_read_only_file_system_is_refused);
        tcase_add_loop_test(t, a_full_disk_is_refused_when_opening, 0, 3);
        tcase_add_test(t, a_disk_that_fills_up_costs_events_but_not_the_daemon);
        tcase_add_test(t, a_saved_trace_is_read_without_leaving_marks);
        tcase_add_test(t, a_live_trace_is_read_with_what_is_in_the_wal);
        tcase_add_test(t, odd_file_names_are_read);
        tcase_add_test(t, a_live_trace_is_read_through_a_link);
        tcase_add_test(t, what_is_no_trace_cannot_be_read);
        return t;
}

int main(void)
{
        Suite *s = suite_create("store");
        int failed;

        suite_add_tcase(s, content_cases());
        suite_add_tcase(s, refusal_cases());

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
