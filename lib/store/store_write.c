/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/store/store_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/store/sql.h"

/* After a failed write (a full disk) the next one is tried this much later. */
#define STORE_RETRY_MS 1000

static const char *const statement_texts[] = {
        [WRITE_BEGIN] = "BEGIN IMMEDIATE",
        [WRITE_COMMIT] = "COMMIT",
        [WRITE_ROLLBACK] = "ROLLBACK",
        [WRITE_EVENT] = "INSERT INTO events(seq, wall, boot, type, body) VALUES(?1, ?2, ?3, ?4, ?5)",
        [WRITE_PID] = "INSERT OR IGNORE INTO event_pid(span, pid, seq) VALUES(?1, ?2, ?3)",
        [WRITE_SPAN] = "INSERT INTO span(id, events, last_seq, min_wall, max_wall, types)"
                       " VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
                       " ON CONFLICT(id) DO UPDATE SET events = events + excluded.events,"
                       " last_seq = max(last_seq, excluded.last_seq),"
                       " min_wall = min(min_wall, excluded.min_wall),"
                       " max_wall = max(max_wall, excluded.max_wall), types = types | excluded.types",
        [WRITE_FINDING] = "INSERT INTO findings(code, cause, pid, start, other_pid, last_wall, body)"
                          " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                          " ON CONFLICT(code, cause, pid, start, other_pid)"
                          " DO UPDATE SET last_wall = excluded.last_wall, body = excluded.body",
        [WRITE_OLDEST] = "SELECT seq, wall FROM events ORDER BY seq LIMIT ?1",
        [WRITE_DROP_PIDS] = "DELETE FROM event_pid WHERE span < ?1",
        [WRITE_DROP_SPAN_PIDS] = "DELETE FROM event_pid WHERE span = ?1 AND seq <= ?2",
        [WRITE_DROP_EVENTS] = "DELETE FROM events WHERE seq <= ?1",
        /* The last one stays even when it is empty: it remembers the last number given. */
        [WRITE_DROP_SPANS] = "DELETE FROM span WHERE id < ?1",
        [WRITE_SHRINK_SPAN] = "UPDATE span SET events = (SELECT count(*) FROM events WHERE seq >= ?2 AND"
                              " seq <= ?3) WHERE id = ?1",
        [WRITE_OLD_FINDINGS] = "DELETE FROM findings WHERE last_wall < ?1",
        [WRITE_MANY_FINDINGS] = "DELETE FROM findings WHERE id IN (SELECT id FROM findings ORDER BY"
                                " last_wall DESC, id DESC LIMIT -1 OFFSET ?1)",
        [WRITE_OLDEST_WALL] = "SELECT wall FROM events ORDER BY seq LIMIT 1",
        [WRITE_FREE_PAGES] = "PRAGMA freelist_count",
        [WRITE_PAGES] = "PRAGMA page_count",
        [WRITE_TOTAL] = "INSERT INTO total(name, n) VALUES(?1, ?2)"
                        " ON CONFLICT(name) DO UPDATE SET n = n + excluded.n",
};
static_assert(ELEMENTSOF(statement_texts) == _WRITE_MAX, "each statement has a text");

int store_writer_prepare(struct store *s)
{
        store_totals_prepare(s);
        for (int i = 0; i < _WRITE_MAX; i++)
                if (sqlite3_prepare_v3(s->write_db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                       &s->statements[i], NULL) != SQLITE_OK &&
                    i != WRITE_TOTAL)
                        return -sql_errno(s->write_db);
        return 0;
}

void store_writer_finalize(struct store *s)
{
        for (int i = 0; i < _WRITE_MAX; i++) {
                sqlite3_finalize(s->statements[i]);
                s->statements[i] = NULL;
        }
}

/* ---- one statement ---------------------------------------------------------------------------------- */

/* Runs a statement whose parameters are bound; its rows, if any, are not wanted. */
static int run(struct store *s, enum write_statement which)
{
        int r = sqlite3_step(s->statements[which]);

        /* The errno is that of the step: resetting may clear it. */
        r = r == SQLITE_DONE || r == SQLITE_ROW ? 0 : -sql_errno(s->write_db);
        sqlite3_reset(s->statements[which]);
        return r;
}

static int run_numbers(struct store *s, enum write_statement which, size_t n, const int64_t *numbers)
{
        for (size_t i = 0; i < n; i++)
                sqlite3_bind_int64(s->statements[which], (int)i + 1, numbers[i]);
        return run(s, which);
}
#define run_with(s, which, ...)                                                   \
        run_numbers(s, which, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), \
                    (const int64_t[]){__VA_ARGS__})

static uint64_t number(struct store *s, enum write_statement which)
{
        uint64_t n = 0;

        if (sqlite3_step(s->statements[which]) == SQLITE_ROW)
                n = (uint64_t)sqlite3_column_int64(s->statements[which], 0);
        sqlite3_reset(s->statements[which]);
        return n;
}

/* ---- a batch ---------------------------------------------------------------------------------------- */

/* Which times and types a run of events covers: what a search looks at instead of each event. */
struct span {
        uint64_t types;
        uint64_t id, events, last_seq, min_wall_ns, max_wall_ns;
};

static int write_span(struct store *s, const struct span *span)
{
        if (span->events == 0)
                return 0;
        return run_with(s, WRITE_SPAN, (int64_t)span->id, (int64_t)span->events, (int64_t)span->last_seq,
                        (int64_t)span->min_wall_ns, (int64_t)span->max_wall_ns, (int64_t)span->types);
}

/* Adds an event to the span it belongs to; writes the one before when a new one begins. */
static int extend_span(struct store *s, struct span *span, const struct queued_event *item)
{
        uint64_t id = item->seq >> STORE_SPAN_SHIFT;
        int r = 0;

        if (span->events > 0 && span->id != id) {
                r = write_span(s, span);
                span->events = 0;
        }
        if (span->events == 0)
                *span = (struct span){.id = id, .min_wall_ns = item->wall_ns};
        span->events++;
        span->types |= EVENT_BIT(item->type);
        span->last_seq = item->seq;
        span->min_wall_ns = MIN_OF(span->min_wall_ns, item->wall_ns);
        span->max_wall_ns = MAX_OF(span->max_wall_ns, item->wall_ns);
        return r;
}

static int write_event(struct store *s, const struct queued_event *item)
{
        sqlite3_stmt *insert = s->statements[WRITE_EVENT];
        int r;

        sqlite3_bind_blob(insert, 5, item + 1, item->size, SQLITE_STATIC);
        r = run_with(s, WRITE_EVENT, (int64_t)item->seq, (int64_t)item->wall_ns, (int64_t)item->boot_ns,
                     item->type);
        for (size_t i = 0; r == 0 && i < item->n_pids; i++)
                r = run_with(s, WRITE_PID, (int64_t)(item->seq >> STORE_SPAN_SHIFT), item->pids[i],
                             (int64_t)item->seq);
        return r;
}

static int write_events(struct store *s, const struct queue_chunk *chunks)
{
        struct span span = {};
        int r = 0;

        for (const struct queue_chunk *c = chunks; c && r == 0; c = c->next)
                for (size_t at = 0; at < c->used && r == 0;) {
                        const struct queued_event *item = (const void *)((const uint8_t *)c->bytes + at);
                        r = write_event(s, item);
                        if (r == 0)
                                r = extend_span(s, &span, item);
                        at += item->stride;
                }
        return r == 0 ? write_span(s, &span) : r;
}

static int write_finding(struct store *s, const struct finding *f, struct store_totals *totals)
{
        sqlite3_stmt *insert = s->statements[WRITE_FINDING];
        struct json_object *o = NULL;
        int r;

        r = finding_to_json(f, &o);
        if (r < 0)
                return r == -EINVAL ? 0 : r; /* no such code: nothing that could be read back */
        sqlite3_bind_text(insert, 1, finding_code_to_string(f->code), -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 2, f->cause, -1, SQLITE_STATIC);
        sqlite3_bind_int64(insert, 3, f->target.pid);
        sqlite3_bind_int64(insert, 4, (int64_t)f->target.start);
        sqlite3_bind_int64(insert, 5, f->other_pid);
        sqlite3_bind_int64(insert, 6, (int64_t)f->last_wall_ns);
        sqlite3_bind_text(insert, 7, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN), -1,
                          SQLITE_STATIC);
        sqlite3_set_last_insert_rowid(s->write_db, 0);
        r = run(s, WRITE_FINDING);
        /* One that grows in place is no row more. */
        totals->findings[f->code][f->severity] += r == 0 && sqlite3_last_insert_rowid(s->write_db) != 0;
        sqlite3_clear_bindings(insert);
        json_object_put(o);
        return r;
}

/* A failure in the middle has often ended the transaction already. */
static void roll_back(struct store *s)
{
        if (!sqlite3_get_autocommit(s->write_db))
                run(s, WRITE_ROLLBACK);
}

static int write_totals(struct store *s, const struct store_totals *totals)
{
        char name[STORE_TOTAL_NAME_MAX];
        sqlite3_stmt *statement = s->statements[WRITE_TOTAL];
        uint64_t n;
        int r = 0;

        for (size_t at = 0; statement && r == 0 && (n = store_totals_next(totals, &at, name)) > 0;) {
                sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
                sqlite3_bind_int64(statement, 2, (int64_t)n);
                r = run(s, WRITE_TOTAL);
                sqlite3_clear_bindings(statement);
        }
        return r;
}

static int write_batch(struct store *s, struct store_batch *b)
{
        int r;

        r = run(s, WRITE_BEGIN);
        if (r == 0)
                r = write_events(s, b->chunks);
        for (size_t i = 0; r == 0 && i < b->n_findings; i++)
                r = write_finding(s, b->findings[i], &b->totals);
        if (r == 0)
                r = write_totals(s, &b->totals);
        if (r == 0)
                r = run(s, WRITE_COMMIT);
        if (r < 0)
                roll_back(s);
        return r;
}

/* ---- retention -------------------------------------------------------------------------------------- */

/* How many of the oldest events are from before `before`, up to a chunk, and the seq of the last of them. */
static int find_oldest(struct store *s, uint64_t before, uint64_t *n, uint64_t *last)
{
        sqlite3_stmt *oldest = s->statements[WRITE_OLDEST];
        int step, r = 0;

        sqlite3_bind_int64(oldest, 1, STORE_EXPIRE_CHUNK);
        while ((step = sqlite3_step(oldest)) == SQLITE_ROW) {
                if ((uint64_t)sqlite3_column_int64(oldest, 1) >= before)
                        break;
                *last = (uint64_t)sqlite3_column_int64(oldest, 0);
                (*n)++;
        }
        if (step != SQLITE_ROW && step != SQLITE_DONE)
                r = -sql_errno(s->write_db);
        sqlite3_reset(oldest);
        return r;
}

static int drop_up_to(struct store *s, uint64_t last)
{
        int64_t id = (int64_t)(last >> STORE_SPAN_SHIFT), first = id << STORE_SPAN_SHIFT;
        int r;

        r = run_with(s, WRITE_DROP_EVENTS, (int64_t)last);
        if (r == 0)
                r = run_with(s, WRITE_DROP_PIDS, id);
        if (r == 0)
                r = run_with(s, WRITE_DROP_SPAN_PIDS, id, (int64_t)last);
        if (r == 0)
                r = run_with(s, WRITE_DROP_SPANS, id);
        if (r == 0)
                r = run_with(s, WRITE_SHRINK_SPAN, id, first, first + (1 << STORE_SPAN_SHIFT) - 1);
        return r;
}

static int drop_oldest_events(struct store *s, uint64_t before, uint64_t *n)
{
        uint64_t last = 0;
        int r;

        r = run(s, WRITE_BEGIN);
        if (r == 0)
                r = find_oldest(s, before, n, &last);
        if (r == 0 && *n > 0)
                r = drop_up_to(s, last);
        if (r == 0)
                r = run(s, WRITE_COMMIT);
        if (r < 0)
                roll_back(s);
        return r;
}

static void note_size(struct store *s)
{
        uint64_t bytes = number(s, WRITE_PAGES) * s->page_size, oldest = number(s, WRITE_OLDEST_WALL);

        pthread_mutex_lock(&s->lock);
        s->stats.bytes = bytes;
        s->stats.oldest_wall_ns = oldest;
        pthread_mutex_unlock(&s->lock);
}

/* True if something went, so that it is worth looking again. */
static bool drop_oldest(struct store *s, uint64_t before)
{
        uint64_t n = 0;
        int r = drop_oldest_events(s, before, &n);

        pthread_mutex_lock(&s->lock);
        if (r < 0) {
                s->stats.last_error = -r;
        } else {
                s->stats.expired += n;
                s->stats.events -= MIN_OF(n, s->stats.events);
        }
        pthread_mutex_unlock(&s->lock);
        note_size(s);
        return r == 0 && n > 0;
}

static bool vacuum(struct store *s)
{
        char sql[64];

        snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%d)", STORE_VACUUM_PAGES);
        bool done = sqlite3_exec(s->write_db, sql, NULL, NULL, NULL) == SQLITE_OK;
        note_size(s);
        return done;
}

static uint64_t age_limit(const struct store *s)
{
        uint64_t now_s = clock_wall_ns() / NSEC_PER_SEC;

        if (s->limits.max_age_s == 0)
                return 0;
        return now_s > s->limits.max_age_s ? (now_s - s->limits.max_age_s) * NSEC_PER_SEC : 0;
}

/*
 * One bounded step of retention; true if another may be due. When the file is too large the oldest events go
 * until a sixteenth of it is free: the free pages are used again, so in the long run the file neither grows
 * nor is rewritten. Only what is above the limit (it was lowered) is given back to the file system.
 */
static bool expire_step(struct store *s)
{
        uint64_t max = s->limits.max_bytes, before = age_limit(s);
        uint64_t bytes = number(s, WRITE_PAGES) * s->page_size;
        uint64_t unused = number(s, WRITE_FREE_PAGES) * s->page_size;
        uint64_t oldest = number(s, WRITE_OLDEST_WALL);

        if (bytes > max && bytes - unused > max - max / 16 && drop_oldest(s, UINT64_MAX))
                return true;
        if (bytes > max && unused > 0)
                return vacuum(s);
        return oldest > 0 && oldest < before && drop_oldest(s, before);
}

static void expire_findings(struct store *s)
{
        run_with(s, WRITE_OLD_FINDINGS, (int64_t)age_limit(s));
        run_with(s, WRITE_MANY_FINDINGS, STORE_FINDINGS_MAX);
}

/* ---- the thread ------------------------------------------------------------------------------------- */

/* Of CLOCK_MONOTONIC. */
struct timespec store_in_ms(uint64_t ms)
{
        uint64_t ns = clock_mono_ns() + ms * NSEC_PER_MSEC;

        return (struct timespec){.tv_sec = (time_t)(ns / NSEC_PER_SEC),
                                 .tv_nsec = (long)(ns % NSEC_PER_SEC)};
}

/* Under lock. Gathers a batch for so long; -> 0 when it was cut short. */
static int gather(struct store *s, uint64_t ms, bool until_decision)
{
        struct timespec until = store_in_ms(ms);
        int r = 0;

        while (!s->stop && s->n_waiting < STORE_BATCH_MAX && s->sync_target <= s->settled &&
               !(until_decision && s->decision_waits) && r == 0)
                r = pthread_cond_timedwait(&s->work, &s->lock, &until);
        return r;
}

/* Under lock. Sleeps until there is something to write and it is time to write it, or to look at ages. */
static void wait_for_work(struct store *s)
{
        struct timespec idle_until = store_in_ms(STORE_EXPIRE_PERIOD_S * 1000);
        int r = 0;

        while (!s->stop && s->n_waiting == 0 && s->n_findings == 0 && r == 0)
                r = pthread_cond_timedwait(&s->work, &s->lock, &idle_until);
        if (s->stats.last_error)
                gather(s, STORE_RETRY_MS, false);
        else if (gather(s, STORE_BATCH_DELAY_MS, true) == 0)
                gather(s, STORE_DECISION_DELAY_MS, false);
        s->decision_waits = false;
}

/* Under lock. Whole chunks, at most STORE_BATCH_MAX events but at least one chunk; all findings. */
static void take_batch(struct store *s, struct store_batch *b)
{
        struct queue_chunk *c = s->first, **end = &b->chunks;
        static_assert(STORE_CHUNK_ROOM / sizeof(struct queued_event) <= STORE_BATCH_MAX,
                      "a chunk holds no more than a transaction");

        while (c && (b->n_events == 0 || b->n_events + c->n_events <= STORE_BATCH_MAX)) {
                b->n_events += c->n_events;
                *end = c;
                end = &c->next;
                c = c->next;
        }
        *end = NULL;
        s->first = c;
        if (!c)
                s->last = NULL;
        s->n_waiting -= b->n_events;
        memcpy(b->findings, s->findings, s->n_findings * sizeof(*s->findings));
        b->n_findings = TAKE(s->n_findings, 0);
        b->totals = (struct store_totals){.sessions = TAKE(s->sessions_waiting, 0)};
}

/* Findings are state, not history: one that could not be written waits, unless it has grown meanwhile. */
static void put_findings_back(struct store *s, struct store_batch *b)
{
        size_t kept = 0;

        for (size_t i = 0; i < b->n_findings; i++) {
                bool newer = s->n_findings >= STORE_PENDING_FINDINGS_MAX;
                for (size_t k = 0; k < s->n_findings && !newer; k++)
                        newer = finding_same(s->findings[k], b->findings[i]);
                if (newer) {
                        b->findings[kept++] = b->findings[i]; /* freed with the batch */
                } else {
                        s->findings[s->n_findings++] = b->findings[i];
                        s->accepted++;
                }
        }
        b->n_findings = kept;
}

static void settle(struct store *s, struct store_batch *b, int r)
{
        uint64_t bytes = number(s, WRITE_PAGES) * s->page_size;
        uint64_t oldest = number(s, WRITE_OLDEST_WALL);
        bool awaited;

        pthread_mutex_lock(&s->lock);
        s->stats.last_error = -r;
        s->stats.bytes = bytes;
        s->stats.oldest_wall_ns = oldest;
        if (r == 0) {
                s->stats.written += b->n_events;
                s->stats.events += b->n_events;
                b->totals.sessions = 0; /* is in since it was counted */
                store_totals_add(&s->totals, &b->totals);
        } else {
                s->stats.lost += b->n_events;
                s->sessions_waiting += b->totals.sessions;
        }
        awaited = s->settled < s->sync_target;
        s->settled += b->n_events + b->n_findings;
        s->n_queued -= b->n_events;
        for (struct queue_chunk *c = b->chunks; c; c = c->next)
                s->n_chunks--;
        if (r < 0)
                put_findings_back(s, b);
        pthread_cond_broadcast(&s->done);
        pthread_mutex_unlock(&s->lock);
        /* Full is as good as one more: it is readable then. */
        if (awaited)
                (void)!write(s->reached_fd, &(uint64_t){1}, sizeof(uint64_t));
}

/* Frees what is in the batch, not its array. */
static void batch_clear(struct store *s, struct store_batch *b)
{
        while (b->chunks) {
                struct queue_chunk *next = b->chunks->next;
                bool spare = false;

                pthread_mutex_lock(&s->lock);
                if (!s->spare) {
                        s->spare = b->chunks;
                        spare = true;
                }
                pthread_mutex_unlock(&s->lock);
                if (!spare)
                        munmap(b->chunks, STORE_CHUNK_BYTES);
                b->chunks = next;
        }
        for (size_t i = 0; i < b->n_findings; i++)
                free(b->findings[i]);
        b->n_findings = 0;
        b->n_events = 0;
}

void store_batch_free(struct store *s, struct store_batch *b)
{
        batch_clear(s, b);
        free(b->findings);
}

void *store_writer_main(void *store)
{
        struct finding *findings[STORE_PENDING_FINDINGS_MAX];
        struct store *s = store;
        struct store_batch b = {.findings = findings};
        bool more = true, stop;
        int r = 0;

        do {
                pthread_mutex_lock(&s->lock);
                if (!more)
                        wait_for_work(s);
                take_batch(s, &b);
                stop = s->stop && !s->first;
                pthread_mutex_unlock(&s->lock);
                if (b.n_events > 0 || b.n_findings > 0 || b.totals.sessions > 0) {
                        r = write_batch(s, &b);
                        settle(s, &b, r);
                        batch_clear(s, &b);
                } else if (!more) {
                        expire_findings(s);
                }
                more = !stop && r == 0 && expire_step(s);
        } while (!stop);
        return NULL;
}
