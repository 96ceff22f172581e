/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reading. A cursor copies a page of rows at a time and holds no transaction in between: a reader that
 * stalls for an hour keeps the WAL from nothing, and what is appended or removed meanwhile disturbs nobody.
 */

#include "lib/store/store_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/store/sql.h"

#define LAST_OF_PID_MAX 64  /* events looked at for the start time of a process */
#define CURSOR_ROWS     256 /* of a page; at most 256 * EVENT_PACKED_MAX bytes */

/* A row as it is stored; its body lies at `offset` of the page's bytes. */
struct cursor_row {
        uint64_t seq, wall_ns, boot_ns;
        int64_t type;
        size_t offset, size;
};

struct store_cursor {
        struct store *store;
        sqlite3_stmt *find_span, *statement;
        uint64_t after, last; /* seqs: read up to here; ends here */
        bool in_span;
        uint64_t span; /* being searched */
        uint64_t since_wall_ns, until_wall_ns;
        uint64_t types;
        struct lifetime of;
        struct cursor_row rows[CURSOR_ROWS];
        size_t n_rows, next_row;
        bool at_end;
        uint8_t *bytes;
        size_t n_bytes, room;
};

/* A parameter has the same number in each of them. */
#define TIME_AND_TYPE " AND e.wall >= ?3 AND e.wall <= ?4 AND (?5 = 0 OR (?5 >> e.type) & 1)"
static const char span_sql[] = "SELECT id FROM span WHERE id >= ?1 AND id <= ?2"
                               " AND max_wall >= ?3 AND min_wall <= ?4 AND (?5 = 0 OR ?5 & types)"
                               " ORDER BY id LIMIT 1";
static const char all_sql[] = "SELECT e.seq, e.wall, e.boot, e.type, e.body FROM events e"
                              " WHERE e.seq > ?1 AND e.seq <= ?2" TIME_AND_TYPE " ORDER BY e.seq LIMIT ?6";
static const char pid_sql[] =
        "SELECT p.seq, e.wall, e.boot, e.type, e.body FROM event_pid p"
        " CROSS JOIN events e ON e.seq = p.seq"
        " WHERE p.span = ?8 AND p.pid = ?7 AND p.seq > ?1 AND p.seq <= ?2" TIME_AND_TYPE
        " ORDER BY p.seq LIMIT ?6";

/* SQLite's integers are signed; times past the year 2262 are not to wrap. */
static int64_t as_signed(uint64_t n)
{
        return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* What holds for the whole search. */
static void bind_filter(struct store_cursor *c, sqlite3_stmt *statement)
{
        sqlite3_bind_int64(statement, 3, c->since_wall_ns ? as_signed(c->since_wall_ns) : INT64_MIN);
        sqlite3_bind_int64(statement, 4, as_signed(c->until_wall_ns));
        sqlite3_bind_int64(statement, 5, (int64_t)c->types);
}

int store_query(struct store *s, const struct event_filter *f, struct store_cursor **ret)
{
        struct store_cursor *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->store = s;
        c->after = f->after_seq;
        c->since_wall_ns = f->since_wall_ns;
        c->until_wall_ns = f->until_wall_ns ?: UINT64_MAX;
        c->types = f->types;
        c->of = f->of;
        c->last = (uint64_t)sql_number(s->read_db, "SELECT max(seq) FROM events", 0);
        r = sql_prepare(s->read_db, span_sql, &c->find_span);
        if (r == 0)
                r = sql_prepare(s->read_db, f->pid ? pid_sql : all_sql, &c->statement);
        if (r < 0) {
                store_cursor_free(c);
                return r;
        }
        bind_filter(c, c->find_span);
        bind_filter(c, c->statement);
        sqlite3_bind_int64(c->statement, 6, CURSOR_ROWS);
        if (f->pid)
                sqlite3_bind_int64(c->statement, 7, f->pid);
        *ret = c;
        return 0;
}

static int keep_row(struct store_cursor *c)
{
        const void *body = sqlite3_column_blob(c->statement, 4);
        size_t size = (size_t)sqlite3_column_bytes(c->statement, 4);

        /* A larger body is no event of ours; it becomes a loss when it is unpacked. */
        size = MIN_OF(size, (size_t)EVENT_PACKED_MAX);
        if (c->n_bytes + size > c->room) {
                size_t room = MAX_OF(2 * c->room, (size_t)16 * EVENT_PACKED_MAX);
                uint8_t *bytes = realloc(c->bytes, room);
                if (!bytes)
                        return -ENOMEM;
                c->bytes = bytes;
                c->room = room;
        }
        if (size > 0)
                memcpy(c->bytes + c->n_bytes, body, size);
        c->rows[c->n_rows++] = (struct cursor_row){
                .seq = (uint64_t)sqlite3_column_int64(c->statement, 0),
                .wall_ns = (uint64_t)sqlite3_column_int64(c->statement, 1),
                .boot_ns = (uint64_t)sqlite3_column_int64(c->statement, 2),
                .type = sqlite3_column_int64(c->statement, 3),
                .offset = c->n_bytes,
                .size = size,
        };
        c->n_bytes += size;
        return 0;
}

/* The next span that can hold what is looked for. Sets at_end if there is none. */
static int next_span(struct store_cursor *c)
{
        int step, r = 0;

        c->in_span = false;
        if (c->after >= c->last) {
                c->at_end = true;
                return 0;
        }
        sqlite3_bind_int64(c->find_span, 1, as_signed((c->after + 1) >> STORE_SPAN_SHIFT));
        sqlite3_bind_int64(c->find_span, 2, as_signed(c->last >> STORE_SPAN_SHIFT));
        step = sqlite3_step(c->find_span);
        if (step == SQLITE_ROW) {
                c->span = (uint64_t)sqlite3_column_int64(c->find_span, 0);
                c->in_span = true;
                c->after = MAX_OF(c->after, MAX_OF(c->span << STORE_SPAN_SHIFT, 1ULL) - 1);
        } else if (step == SQLITE_DONE) {
                c->at_end = true;
        } else {
                r = -sql_errno(c->store->read_db);
        }
        sqlite3_reset(c->find_span);
        return r;
}

/* Copies the next rows of the span, and ends the transaction that reading them began. */
static int read_page(struct store_cursor *c)
{
        uint64_t span_last = ((c->span + 1) << STORE_SPAN_SHIFT) - 1;
        int step = SQLITE_DONE, r = 0;

        c->n_rows = c->next_row = c->n_bytes = 0;
        sqlite3_bind_int64(c->statement, 1, as_signed(c->after));
        sqlite3_bind_int64(c->statement, 2, as_signed(MIN_OF(c->last, span_last)));
        sqlite3_bind_int64(c->statement, 8, as_signed(c->span));
        while (r == 0 && c->n_rows < CURSOR_ROWS && (step = sqlite3_step(c->statement)) == SQLITE_ROW)
                r = keep_row(c);
        if (r == 0 && step != SQLITE_ROW && step != SQLITE_DONE)
                r = -sql_errno(c->store->read_db);
        sqlite3_reset(c->statement);
        if (r == 0 && c->n_rows < CURSOR_ROWS) { /* the span has no more */
                c->after = span_last;
                c->in_span = false;
        } else if (c->n_rows > 0) {
                c->after = c->rows[c->n_rows - 1].seq;
        }
        return r;
}

/* A row that is no event any more is a loss, and is shown as one. */
static void damaged_row(struct event *ret)
{
        *ret = (struct event){.type = EV_LOSS, .count = 1, .note = "damaged-row"};
}

static void event_from_row(const struct store_cursor *c, const struct cursor_row *row, struct event *ret)
{
        if (row->type <= EV_NONE || row->type >= _EV_MAX ||
            event_unpack((enum event_type)row->type, c->bytes + row->offset, row->size, ret) < 0)
                damaged_row(ret);
        ret->seq = row->seq;
        ret->wall_ns = row->wall_ns;
        ret->time_ns = row->boot_ns;
}

int store_cursor_step(struct store_cursor *c, struct event *ret)
{
        int r = 0;

        if (c->next_row == c->n_rows && !c->at_end) {
                if (!c->in_span)
                        r = next_span(c);
                if (r == 0 && c->in_span)
                        r = read_page(c);
                if (r < 0)
                        return r;
        }
        while (c->next_row < c->n_rows) {
                event_from_row(c, &c->rows[c->next_row++], ret);
                if (!c->of.start || ret->type == EV_LOSS || lifetime_has_event(&c->of, ret))
                        return 1;
        }
        return c->at_end ? 0 : -EAGAIN;
}

int store_cursor_next(struct store_cursor *c, struct event *ret)
{
        int r;

        do
                r = store_cursor_step(c, ret);
        while (r == -EAGAIN);
        return r;
}

struct store_cursor *store_cursor_free(struct store_cursor *c)
{
        if (!c)
                return NULL;
        sqlite3_finalize(c->find_span);
        sqlite3_finalize(c->statement);
        free(c->bytes);
        free(c);
        return NULL;
}

/* False if the row cannot be read any more. */
static bool finding_from_row(sqlite3_stmt *row, struct finding *ret)
{
        const char *body = (const char *)sqlite3_column_text(row, 0);
        struct json_object *o = body ? json_tokener_parse(body) : NULL;
        bool good = o && finding_from_json(o, ret) == 0;

        json_object_put(o);
        return good;
}

static const char all_findings_sql[] =
        "SELECT id FROM findings WHERE last_wall >= ?2 ORDER BY last_wall DESC, id DESC LIMIT ?3";
static const char pid_findings_sql[] =
        "SELECT id FROM findings WHERE id IN (SELECT id FROM findings WHERE pid = ?1 UNION"
        " SELECT id FROM findings WHERE other_pid = ?1) AND last_wall >= ?2"
        " ORDER BY last_wall DESC, id DESC LIMIT ?3";

static const char page_of_findings_sql[] =
        "SELECT id FROM findings WHERE id > ?1 AND last_wall >= ?2 ORDER BY id LIMIT ?3";

static void turn_round(int64_t *ids, size_t n)
{
        for (size_t i = 0; i < n / 2; i++) {
                int64_t id = ids[i];

                ids[i] = ids[n - 1 - i];
                ids[n - 1 - i] = id;
        }
}

static const char *findings_sql(const struct finding_filter *f)
{
        if (f->in_pages)
                return page_of_findings_sql;
        return f->pid ? pid_findings_sql : all_findings_sql;
}

/* Newest first, so that those left out are old ones. */
int store_list_findings(struct store *s, const struct finding_filter *f, int64_t **ret, size_t *ret_n)
{
        size_t n = 0, max = f->max ? MIN_OF(f->max, (size_t)STORE_FINDINGS_MAX) : STORE_FINDINGS_MAX;
        _cleanup_free_ int64_t *ids = calloc(max, sizeof(*ids));
        sqlite3_stmt *statement = NULL;
        int step = SQLITE_DONE, r;

        if (!ids)
                return -ENOMEM;
        r = sql_prepare(s->read_db, findings_sql(f), &statement);
        if (r < 0)
                return r;
        if (f->pid || f->in_pages)
                sqlite3_bind_int64(statement, 1, f->in_pages ? f->after_id : f->pid);
        sqlite3_bind_int64(statement, 2, as_signed(f->since_wall_ns));
        sqlite3_bind_int64(statement, 3, (int64_t)max);
        while (n < max && (step = sqlite3_step(statement)) == SQLITE_ROW)
                ids[n++] = sqlite3_column_int64(statement, 0);
        if (step != SQLITE_DONE && step != SQLITE_ROW)
                r = -sql_errno(s->read_db);
        sqlite3_finalize(statement);
        if (r < 0)
                return r;
        if (!f->in_pages)
                turn_round(ids, n);
        *ret = TAKE_PTR(ids);
        *ret_n = n;
        return 0;
}

/* The newest first, of which some may not tell when the process began. */
static const char last_of_pid_sql[] =
        "SELECT e.type, e.body FROM (SELECT id FROM span ORDER BY id DESC) s"
        " CROSS JOIN event_pid p ON p.span = s.id AND p.pid = ?1"
        " CROSS JOIN events e ON e.seq = p.seq ORDER BY s.id DESC, p.seq DESC LIMIT ?2";

static uint64_t start_in_row(sqlite3_stmt *row, uint32_t pid)
{
        int64_t type = sqlite3_column_int64(row, 0);
        const void *body = sqlite3_column_blob(row, 1);
        struct event e;

        if (!body || type <= EV_NONE || type >= _EV_MAX ||
            event_unpack((enum event_type)type, body, (size_t)sqlite3_column_bytes(row, 1), &e) < 0)
                return 0;
        return lifetime_start_in(&e, pid);
}

int store_last_start(struct store *s, uint32_t pid, uint64_t *ret_start)
{
        sqlite3_stmt *statement = NULL;
        int step = SQLITE_DONE, r = sql_prepare(s->read_db, last_of_pid_sql, &statement);

        if (r < 0)
                return r;
        *ret_start = 0;
        sqlite3_bind_int64(statement, 1, pid);
        sqlite3_bind_int64(statement, 2, LAST_OF_PID_MAX);
        while (!*ret_start && (step = sqlite3_step(statement)) == SQLITE_ROW)
                *ret_start = start_in_row(statement, pid);
        if (step != SQLITE_ROW && step != SQLITE_DONE)
                r = -sql_errno(s->read_db);
        sqlite3_finalize(statement);
        if (r < 0)
                return r;
        return *ret_start ? 0 : -ENOENT;
}

int store_get_finding(struct store *s, int64_t id, struct finding *ret)
{
        sqlite3_stmt *statement = NULL;
        int step, r = sql_prepare(s->read_db, "SELECT body FROM findings WHERE id = ?1", &statement);

        if (r < 0)
                return r;
        sqlite3_bind_int64(statement, 1, id);
        step = sqlite3_step(statement);
        if (step != SQLITE_ROW && step != SQLITE_DONE)
                r = -sql_errno(s->read_db);
        else if (step == SQLITE_DONE || !finding_from_row(statement, ret))
                r = -ENOENT;
        sqlite3_finalize(statement);
        return r;
}

int store_each_finding(struct store *s, uint32_t pid, uint64_t since_wall_ns,
                       int (*fn)(void *userdata, const struct finding *f), void *userdata)
{
        _cleanup_free_ int64_t *ids = NULL;
        struct finding f;
        size_t n = 0;
        const struct finding_filter filter = {.pid = pid, .since_wall_ns = since_wall_ns};
        int r = store_list_findings(s, &filter, &ids, &n);

        for (size_t i = 0; i < n && r == 0; i++) {
                r = store_get_finding(s, ids[i], &f);
                if (r == 0)
                        r = fn(userdata, &f);
                else if (r == -ENOENT)
                        r = 0;
        }
        return r;
}
