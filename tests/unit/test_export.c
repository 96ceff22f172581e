/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/export/export.h"
#include "lib/base/json_text.h"
#include "tests/unit/own_dir.h"
#include "tests/unit/random_event.h"
#include "lib/store/store.h"
#include "tests/unit/strict_utf8.h"
#include "lib/export/trace.h"

#define SEED 88172645463325252ULL

static char error[1024];

/* What an export of some events looks like. The caller frees it. */
static char *export_text(enum export_format format, const struct event *events, size_t n)
{
        struct export *x = NULL;
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        ck_assert_int_eq(export_new(&x, format, f), 0);
        for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(export_event(x, &events[i]), 0);
        ck_assert_int_eq(export_finish(x), 0);
        export_free(x);
        fclose(f);
        return text;
}

static struct event event_of(enum event_type type, uint64_t seq)
{
        return (struct event){
                .type = type,
                .seq = seq,
                .time_ns = seq * NSEC_PER_SEC,
                .wall_ns = 1795309323000000004 + seq * NSEC_PER_SEC,
                .target = {.pid = 100, .tid = 101, .start = 5, .tid_start = 6, .comm = "pr\"og"},
                .tracer = {.pid = 200, .tid = 200, .start = 7, .tid_start = 7, .comm = "gdb"},
        };
}

static struct event loss_of(uint64_t seq)
{
        return (struct event){
                .type = EV_LOSS, .seq = seq, .wall_ns = 1, .count = 12345, .note = "ring-full"};
}

static void write_file(const char *path, const void *data, size_t n)
{
        FILE *f = fopen(path, "w");

        ck_assert_uint_eq(fwrite(data, 1, n, f), n);
        ck_assert_int_eq(fclose(f), 0);
}

/* ---- JSON Lines ------------------------------------------------------------------------------------- */

struct expected {
        uint64_t seed, seq, n;
        bool text;
};

static struct event next_expected(struct expected *x)
{
        struct event e = random_event(&x->seed, (int)(1 + x->seq % (_EV_MAX - 1)), x->text);

        e.seq = ++x->seq;
        return e;
}

static int compare(void *userdata, const struct event *e)
{
        struct expected *x = userdata;
        struct event expected = next_expected(x);

        assert_same_event(&expected, e);
        x->n++;
        return 0;
}

#define ROUND_TRIP 3000

static void export_random(FILE *f)
{
        struct expected from = {.seed = SEED, .text = true};
        struct export *x = NULL;

        ck_assert_int_eq(export_new(&x, EXPORT_JSONL, f), 0);
        for (int i = 0; i < ROUND_TRIP; i++) {
                struct event e = next_expected(&from);
                ck_assert_int_eq(export_event(x, &e), 0);
        }
        ck_assert_int_eq(export_finish(x), 0);
        export_free(x);
}

static void assert_reads_back(const char *path, bool text)
{
        struct expected expected = {.seed = SEED, .text = text};
        int r = trace_read(path, compare, &expected, error, sizeof(error));

        ck_assert_msg(r == 0, "%d: %s", r, error);
        ck_assert_uint_eq(expected.n, ROUND_TRIP);
}

START_TEST(an_exported_trace_reads_back)
{
        FILE *f = fopen(in_dir("t.jsonl"), "w");

        export_random(f);
        ck_assert_int_eq(fclose(f), 0);
        assert_reads_back(in_dir("t.jsonl"), true);
}
END_TEST

START_TEST(a_compressed_trace_reads_back)
{
        FILE *f = fopen(in_dir("t.jsonl.gz"), "w"), *z = NULL;
        char command[256];

        ck_assert_int_eq(export_gzip(f, &z), 0);
        export_random(z);
        ck_assert_int_eq(fclose(z), 0);
        ck_assert_int_eq(fclose(f), 0);
        assert_reads_back(in_dir("t.jsonl.gz"), true);
        snprintf(command, sizeof(command), "test $(gzip -dc %s | wc -l) = %d", in_dir("t.jsonl.gz"),
                 ROUND_TRIP);
        ck_assert_int_eq(system(command), 0); /* other tools agree that it is gzip */
}
END_TEST

START_TEST(a_store_reads_back)
{
        struct expected from = {.seed = SEED};
        struct store *s = NULL;

        ck_assert_int_eq(
                store_open(&s, dir, &(struct store_limits){.max_bytes = 64 << 20}, error, sizeof(error)), 0);
        for (int i = 0; i < ROUND_TRIP; i++) {
                struct event e = next_expected(&from);
                ck_assert_int_eq(store_append(s, &e), 0);
        }
        store_close(s);
        assert_reads_back(in_dir("trace.sqlite"), false);
}
END_TEST

START_TEST(standard_input_is_read)
{
        FILE *f = fopen(in_dir("t.jsonl"), "w");

        export_random(f);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_ptr_nonnull(freopen(in_dir("t.jsonl"), "r", stdin));
        assert_reads_back("-", true);
}
END_TEST

static int count_event(void *userdata, const struct event *e _unused_)
{
        (*(int *)userdata)++;
        return 0;
}

static int stop_at_second(void *userdata, const struct event *e _unused_)
{
        return ++*(int *)userdata == 2 ? 77 : 0;
}

START_TEST(reading_stops_where_it_is_told_to)
{
        FILE *f = fopen(in_dir("t.jsonl"), "w");
        int calls = 0;

        export_random(f);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(trace_read(in_dir("t.jsonl"), stop_at_second, &calls, error, sizeof(error)), 77);
        ck_assert_int_eq(calls, 2);
}
END_TEST

#define LINE                                                                                                \
        "{\"type\":\"loss\",\"time\":\"2026-11-22T01:02:03Z\",\"boottime_ns\":1,\"cause\":\"x\",\"count\":" \
        "2}"

START_TEST(blank_lines_and_a_missing_last_newline_are_fine)
{
        static const char text[] = "\n" LINE "\r\n  \t\n\n" LINE;
        int n = 0;

        write_file(in_dir("t"), text, strlen(text));
        ck_assert_int_eq(trace_read(in_dir("t"), count_event, &n, error, sizeof(error)), 0);
        ck_assert_int_eq(n, 2);
        write_file(in_dir("t"), "", 0);
        ck_assert_int_eq(trace_read(in_dir("t"), count_event, &n, error, sizeof(error)), 0);
        ck_assert_int_eq(n, 2);
}
END_TEST

static void assert_bad(const char *data, size_t n, const char *where_and_what)
{
        char expected[1024];
        int events = 0;

        write_file(in_dir("t"), data, n);
        error[0] = '\0';
        ck_assert_int_eq(trace_read(in_dir("t"), count_event, &events, error, sizeof(error)), -EBADMSG);
        snprintf(expected, sizeof(expected), "%s, %s", in_dir("t"), where_and_what);
        ck_assert_str_eq(error, expected);
}
#define assert_bad_text(text, where_and_what) assert_bad(text, strlen(text), where_and_what)

START_TEST(a_corrupt_line_is_named)
{
        assert_bad_text(LINE "\n\n" LINE "\n{\"type\":\"loss\",\"ti\n",
                        "line 4: the JSON ends in the middle");
        assert_bad_text(LINE "\n" LINE LINE "\n", "line 2: more than one JSON object");
        assert_bad_text("seq,type,time\r\n", "line 1: not JSON: unexpected character at byte 1");
        assert_bad_text("12\n", "line 1: an event is a JSON object");
        assert_bad_text("null\n", "line 1: an event is a JSON object");
        assert_bad_text(LINE "\n{\"type\":\"loss\"}\n", "line 2: \"time\" is missing");
        assert_bad(LINE "\0x\n", sizeof(LINE) + 2, "line 1: more than one JSON object");
        assert_bad("\0\n", 2, "line 1: the JSON ends in the middle");
        assert_bad_text("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
                        "line 1: not JSON: nesting too deep at byte 33");
}
END_TEST

START_TEST(a_line_has_a_bound)
{
        size_t n = TRACE_LINE_MAX + 1;
        char *line = malloc(n + 2);

        memset(line, ' ', n);
        strcpy(line + n, "\n");
        assert_bad(line, n + 1, "line 1: it is longer than 1048576 bytes");
        assert_bad(line, n, "line 1: it is longer than 1048576 bytes");
        memcpy(line, LINE, strlen(LINE));
        write_file(in_dir("t"), line, n - 1); /* the longest that is read */
        int events = 0;
        ck_assert_int_eq(trace_read(in_dir("t"), count_event, &events, error, sizeof(error)), 0);
        ck_assert_int_eq(events, 1);
        free(line);
}
END_TEST

START_TEST(what_cannot_be_opened_is_named)
{
        static char bytes[1 << 20];
        char expected[256];
        int events = 0;

        ck_assert_int_eq(trace_read(in_dir("none"), count_event, &events, error, sizeof(error)), -ENOENT);
        snprintf(expected, sizeof(expected), "cannot read the trace %s: No such file or directory",
                 in_dir("none"));
        ck_assert_str_eq(error, expected);
        ck_assert_int_eq(trace_read(dir, count_event, &events, error, sizeof(error)), -EISDIR);
        write_file(in_dir("s"), "SQLite format 3\0junk", 20);
        ck_assert_int_eq(trace_read(in_dir("s"), count_event, &events, error, sizeof(error)), -EUCLEAN);
        ck_assert_ptr_nonnull(strstr(error, "is not a ptraced trace"));

        /* A compressed file that was cut off: what is whole is given, then it is said. */
        FILE *f = fopen(in_dir("z"), "w"), *z = NULL;
        ck_assert_int_eq(export_gzip(f, &z), 0);
        export_random(z);
        fclose(z);
        fclose(f);
        f = fopen(in_dir("z"), "r");
        size_t n = fread(bytes, 1, sizeof(bytes), f);
        fclose(f);
        write_file(in_dir("z"), bytes, n / 2);
        ck_assert_int_eq(trace_read(in_dir("z"), count_event, &events, error, sizeof(error)), -EBADMSG);
        ck_assert_int_gt(events, 100);
        ck_assert_ptr_nonnull(strstr(error, ": it is cut off in the middle"));
}
END_TEST

START_TEST(any_bytes_are_read_in_bounds)
{
        uint64_t seed = SEED;
        int events = 0;

        for (int round = 0; round < 300; round++) {
                char text[sizeof(LINE) * 3] = LINE "\n" LINE "\n";
                size_t n = strlen(text);
                for (int k = 0; k < 3; k++)
                        text[random_u64(&seed) % n] = (char)random_u64(&seed);
                write_file(in_dir("t"), text, n);
                int r = trace_read(in_dir("t"), count_event, &events, error, sizeof(error));
                ck_assert(r == 0 || r == -EBADMSG);
        }
}
END_TEST

/* ---- CSV -------------------------------------------------------------------------------------------- */

/* Splits a CSV text as RFC 4180 says; fields of row `row`, or 0 if there are fewer rows. */
static size_t csv_row(const char *text, size_t row, char fields[][600], size_t max)
{
        size_t n = 0, used = 0, at_row = 0;
        bool quoted = false;

        for (const char *p = text; *p; p++) {
                bool here = at_row == row;
                if (quoted && *p == '"' && p[1] == '"')
                        p++;
                else if (*p == '"') {
                        ck_assert(quoted || used == 0 || !here);
                        quoted = !quoted;
                        continue;
                } else if (!quoted && (*p == ',' || (*p == '\r' && p[1] == '\n'))) {
                        if (here) {
                                ck_assert_uint_lt(n, max);
                                fields[n++][used] = '\0';
                                used = 0;
                        }
                        if (*p == '\r') {
                                p++;
                                if (here)
                                        return n;
                                at_row++;
                        }
                        continue;
                }
                if (here)
                        fields[n][used++] = *p;
        }
        return 0;
}

static char cells[256][600], header[256][600];

static const char *cell(size_t n, const char *column)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(header[i], column) == 0)
                        return cells[i];
        ck_abort_msg("no column %s", column);
        return NULL;
}

START_TEST(csv_has_one_set_of_columns)
{
        struct event events[3] = {event_of(EV_SIGNAL_GENERATE, 1), event_of(EV_TASK_INFO, 2), loss_of(3)};
        size_t n;

        events[0].sig = SIGTRAP;
        events[0].result = SIGRES_PENDING;
        events[0].ip = 0x401000;
        strcpy(events[1].unit, "a\nb");
        strcpy(events[1].args, "php -r \"echo 1,\n2;\"");
        char *text = export_text(EXPORT_CSV, events, 3);

        n = csv_row(text, 0, header, 256);
        ck_assert_uint_gt(n, 50);
        ck_assert_str_eq(header[0], "seq");
        ck_assert_str_eq(header[1], "type");
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < i; k++)
                        ck_assert_str_ne(header[i], header[k]);
        ck_assert_uint_eq(csv_row(text, 1, cells, 256), n);
        ck_assert_str_eq(cell(n, "signame"), "SIGTRAP");
        ck_assert_str_eq(cell(n, "result"), "already-pending");
        ck_assert_str_eq(cell(n, "ip"), "0x401000");
        ck_assert_str_eq(cell(n, "target.pid"), "100");
        ck_assert_str_eq(cell(n, "target.comm"), "pr\"og");
        ck_assert_str_eq(cell(n, "sender.pid"), "");
        ck_assert_str_eq(cell(n, "blocked"), "false");
        ck_assert_uint_eq(csv_row(text, 2, cells, 256), n);
        ck_assert_str_eq(cell(n, "args"), "php -r \"echo 1,\n2;\"");
        ck_assert_ptr_nonnull(strstr(text, ",\"a\nb\","));
        ck_assert_str_eq(cell(n, "sig"), "");
        ck_assert_uint_eq(csv_row(text, 3, cells, 256), n);
        ck_assert_str_eq(cell(n, "type"), "loss");
        ck_assert_str_eq(cell(n, "cause"), "ring-full");
        ck_assert_str_eq(cell(n, "count"), "12345");
        ck_assert_uint_eq(csv_row(text, 4, cells, 256), 0);
        free(text);
}
END_TEST

START_TEST(csv_has_a_column_for_every_field)
{
        struct event none = loss_of(1);
        char *text = export_text(EXPORT_CSV, &none, 1), part[64];
        size_t n = csv_row(text, 0, header, 256), n_fields;
        const struct event_field *f = event_fields(&n_fields);

        for (size_t i = 0; i < n_fields; i++) {
                snprintf(part, sizeof(part), "%s%s", f[i].json, f[i].kind == FIELD_TASK ? ".pid" : "");
                cell(n, part);
        }
        free(text);
}
END_TEST

START_TEST(csv_of_any_event_is_well_formed)
{
        struct event none = loss_of(1);
        uint64_t seed = SEED;
        char *text = export_text(EXPORT_CSV, &none, 1);
        size_t n = csv_row(text, 0, header, 256);

        free(text);
        for (int i = 0; i < 3000; i++) {
                struct event e = random_event(&seed, 1 + i % (_EV_MAX - 1), true);
                text = export_text(EXPORT_CSV, &e, 1);
                ck_assert_uint_eq(csv_row(text, 1, cells, 256), n);
                ck_assert_str_eq(cell(n, "type"), event_type_to_string(e.type));
                ck_assert_uint_eq(csv_row(text, 2, cells, 256), 0);
                free(text);
        }
}
END_TEST

/* ---- Chrome ----------------------------------------------------------------------------------------- */

static struct json_object *chrome_of(const struct event *events, size_t n)
{
        char *text = export_text(EXPORT_CHROME, events, n);
        struct json_text_end end;
        struct json_object *o;

        assert_strict_utf8(text);
        json_text_parse(text, strlen(text), JSON_TOKENER_DEFAULT_DEPTH, &o, &end);
        ck_assert_msg(o != NULL, "%s at byte %zu", json_tokener_error_desc(end.error), end.at);
        free(text);
        return o;
}

static const char *string_of(struct json_object *o, const char *key)
{
        return json_object_get_string(json_object_object_get(o, key)) ?: "";
}

/* The k-th item with that phase and name ("" is any); NULL if there are fewer. */
static struct json_object *item(struct json_object *o, const char *phase, const char *name, size_t k)
{
        struct json_object *items = json_object_object_get(o, "traceEvents");

        for (size_t i = 0; i < json_object_array_length(items); i++) {
                struct json_object *it = json_object_array_get_idx(items, i);
                if (strcmp(string_of(it, "ph"), phase) == 0 &&
                    (!*name || strcmp(string_of(it, "name"), name) == 0) && k-- == 0)
                        return it;
        }
        return NULL;
}

static struct json_object *args(struct json_object *it)
{
        return json_object_object_get(it, "args");
}

START_TEST(chrome_shows_signals_with_their_fields)
{
        struct event e = event_of(EV_SIGNAL_GENERATE, 1);

        e.sig = SIGTRAP;
        struct json_object *o = chrome_of(&e, 1), *it = item(o, "i", "signal.generate SIGTRAP", 0);
        ck_assert_ptr_nonnull(it);
        ck_assert_str_eq(string_of(it, "cat"), "signal.generate");
        ck_assert_str_eq(string_of(it, "ts"), "1795309324000000.004");
        ck_assert_str_eq(string_of(it, "pid"), "100");
        ck_assert_str_eq(string_of(it, "tid"), "101");
        ck_assert_str_eq(string_of(args(it), "result"), "queued");
        it = item(o, "M", "process_name", 1);
        ck_assert_str_eq(string_of(it, "pid"), "100");
        ck_assert_str_eq(string_of(args(it), "name"), "pr\"og");
        it = item(o, "M", "thread_name", 0);
        ck_assert_str_eq(string_of(it, "tid"), "101");
        ck_assert_ptr_null(item(o, "M", "process_name", 3)); /* ptraced, the program, gdb: each once */
        json_object_put(o);
}
END_TEST

START_TEST(chrome_shows_sessions_as_slices)
{
        struct event events[6] = {event_of(EV_PTRACE_ATTACH, 1), event_of(EV_PTRACE_DETACH, 4),
                                  event_of(EV_PTRACE_SEIZE, 5),  event_of(EV_TRACER_EXIT, 7),
                                  event_of(EV_PTRACE_ATTACH, 8), event_of(EV_SIGACTION, 10)};

        events[1].cause = DETACHED_BY_CALL;
        events[3].target = events[0].tracer;
        struct json_object *o = chrome_of(events, 6), *it;
        it = item(o, "X", "traced by gdb (200)", 0);
        ck_assert_str_eq(string_of(it, "tid"), "101");
        ck_assert_str_eq(string_of(it, "ts"), "1795309324000000.004");
        ck_assert_str_eq(string_of(it, "dur"), "3000000.000");
        ck_assert_str_eq(string_of(args(it), "ended_by"), "detach");
        ck_assert_str_eq(string_of(args(it), "how"), "ptrace.attach");
        it = item(o, "X", "", 1);
        ck_assert_str_eq(string_of(it, "dur"), "2000000.000");
        ck_assert_str_eq(string_of(args(it), "ended_by"), "tracer-exit");
        it = item(o, "X", "", 2); /* lasts: shown up to the last event */
        ck_assert_str_eq(string_of(it, "dur"), "2000000.000");
        ck_assert_str_eq(string_of(args(it), "ended_by"), "");
        ck_assert_ptr_null(item(o, "X", "", 3));
        ck_assert_ptr_nonnull(item(o, "i", "ptrace.attach", 0)); /* and all fields in the instant */
        json_object_put(o);
}
END_TEST

START_TEST(chrome_sessions_end_with_the_tracee_and_the_recording)
{
        struct event events[5] = {event_of(EV_PTRACE_ATTACH, 1), event_of(EV_TASK_EXIT, 2),
                                  event_of(EV_PTRACE_ATTACH, 3), event_of(EV_DAEMON_START, 9),
                                  event_of(EV_PTRACE_ATTACH, 1)};

        events[4].origin = ORIGIN_SCAN;
        struct json_object *o = chrome_of(events, 5);
        ck_assert_str_eq(string_of(args(item(o, "X", "", 0)), "ended_by"), "tracee-exit");
        ck_assert_str_eq(string_of(args(item(o, "X", "", 1)), "ended_by"), "unseen");
        ck_assert_str_eq(string_of(item(o, "X", "", 1), "dur"), "0.000");
        ck_assert_ptr_nonnull(item(o, "X", "", 2));
        json_object_put(o);
}
END_TEST

START_TEST(chrome_shows_counters_and_losses)
{
        struct event events[2] = {event_of(EV_COUNTER, 1), loss_of(2)};

        events[0].of_type = EV_SIGNAL_GENERATE;
        events[0].sig = SIGCHLD;
        events[0].count = 18000;
        struct json_object *o = chrome_of(events, 2), *it = item(o, "C", "signal.generate SIGCHLD", 0);
        ck_assert_str_eq(string_of(args(it), "count"), "18000");
        it = item(o, "i", "loss: ring-full", 0);
        ck_assert_str_eq(string_of(it, "s"), "g");
        ck_assert_str_eq(string_of(args(it), "count"), "12345");
        ck_assert_str_eq(string_of(json_object_object_get(o, "otherData"), "losses"), "12345");
        json_object_put(o);
}
END_TEST

START_TEST(chrome_shows_claims_at_their_process_and_policy_everywhere)
{
        struct event events[2] = {event_of(EV_CLAIM_TAKEN, 1), event_of(EV_POLICY_GUARD, 2)};

        strcpy(events[0].owner, "uid 1000");
        struct json_object *o = chrome_of(events, 2), *it = item(o, "i", "claim.taken uid 1000", 0);
        ck_assert_str_eq(string_of(it, "s"), "t");
        ck_assert_str_eq(string_of(args(it), "owner"), "uid 1000");
        ck_assert_str_eq(string_of(item(o, "i", "policy.guard", 0), "s"), "g");
        json_object_put(o);
}
END_TEST

START_TEST(chrome_of_any_events_is_valid_json)
{
        struct event *events = calloc(4000, sizeof(*events));
        uint64_t seed = SEED;

        for (int i = 0; i < 4000; i++) {
                events[i] = random_event(&seed, 1 + i % (_EV_MAX - 1), i & 1);
                events[i].target.tid %= 8; /* so that sessions meet */
                events[i].tracer.tid %= 4;
        }
        struct json_object *o = chrome_of(events, 4000);
        ck_assert_ptr_nonnull(item(o, "X", "", 20));
        json_object_put(o);
        free(events);
}
END_TEST

/* Whatever bytes names, command lines and paths are made of. */
START_TEST(any_export_is_utf8)
{
        uint64_t seed = SEED;

        for (int i = 0; i < 3000; i++) {
                struct event e = random_event(&seed, 1 + i % (_EV_MAX - 1), false);
                char *text = export_text(_i, &e, 1);
                struct json_text_end end;
                struct json_object *o = NULL;

                assert_strict_utf8(text);
                if (_i == EXPORT_JSONL)
                        ck_assert_int_eq(json_text_parse(text, strlen(text), 8, &o, &end), 0);
                json_object_put(o);
                free(text);
        }
}
END_TEST

START_TEST(an_empty_trace_is_valid_in_each_format)
{
        char *text = export_text(EXPORT_JSONL, NULL, 0);

        ck_assert_str_eq(text, "");
        free(text);
        text = export_text(EXPORT_CSV, NULL, 0);
        ck_assert_uint_gt(csv_row(text, 0, header, 256), 50);
        free(text);
        json_object_put(chrome_of(NULL, 0));
}
END_TEST

/* ---- both ------------------------------------------------------------------------------------------- */

START_TEST(losses_appear_in_every_format)
{
        struct event e = loss_of(9);
        char *text = export_text(_i, &e, 1);

        ck_assert_ptr_nonnull(strstr(text, "ring-full"));
        ck_assert_ptr_nonnull(strstr(text, "12345"));
        ck_assert_int_eq(export_format_from_string(export_format_to_string(_i)), _i);
        free(text);
}
END_TEST

START_TEST(a_full_device_is_reported)
{
        FILE *f = fopen("/dev/full", "w");
        struct event e = event_of(EV_TASK_EXEC, 1);
        struct export *x = NULL;
        int r = 0;

        ck_assert_ptr_nonnull(f);
        ck_assert_int_eq(export_new(&x, _i, f), 0);
        for (int i = 0; i < 200 && r == 0; i++)
                r = export_event(x, &e);
        ck_assert_int_eq(r, -ENOSPC);
        ck_assert_int_eq(export_event(x, &e), -ENOSPC);
        ck_assert_int_eq(export_finish(x), -ENOSPC);
        export_free(x);
        fclose(f);
}
END_TEST

START_TEST(a_full_device_is_reported_when_finishing)
{
        FILE *f = fopen("/dev/full", "w");
        struct event e = loss_of(1);
        struct export *x = NULL;

        ck_assert_int_eq(export_new(&x, EXPORT_JSONL, f), 0);
        ck_assert_int_eq(export_event(x, &e), 0); /* still in the FILE's buffer */
        ck_assert_int_eq(export_finish(x), -ENOSPC);
        export_free(x);
        fclose(f);
}
END_TEST

START_TEST(a_full_device_is_reported_by_gzip)
{
        FILE *f = fopen("/dev/full", "w"), *z = NULL;

        setvbuf(f, NULL, _IONBF, 0);
        ck_assert_int_eq(export_gzip(f, &z), 0);
        fputs("hello", z);
        ck_assert_int_eq(fclose(z), EOF);
        fclose(f);
}
END_TEST

START_TEST(unknown_formats_are_refused)
{
        struct export *x = NULL;

        ck_assert_int_eq(export_format_from_string("xml"), -EINVAL);
        ck_assert_int_eq(export_new(&x, _EXPORT_FORMAT_MAX, stdout), -EINVAL);
        ck_assert_ptr_null(export_format_to_string(_EXPORT_FORMAT_MAX));
}
END_TEST

static TCase *trace_cases(void)
{
        TCase *t = tcase_create("trace");

        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, make_dir, remove_dir);
        tcase_add_test(t, an_exported_trace_reads_back);
        tcase_add_test(t, a_compressed_trace_reads_back);
        tcase_add_test(t, a_store_reads_back);
        tcase_add_test(t, standard_input_is_read);
        tcase_add_test(t, reading_stops_where_it_is_told_to);
        tcase_add_test(t, blank_lines_and_a_missing_last_newline_are_fine);
        tcase_add_test(t, a_corrupt_line_is_named);
        tcase_add_test(t, a_line_has_a_bound);
        tcase_add_test(t, what_cannot_be_opened_is_named);
        tcase_add_test(t, any_bytes_are_read_in_bounds);
        return t;
}

static TCase *format_cases(void)
{
        TCase *t = tcase_create("formats");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, csv_has_one_set_of_columns);
        tcase_add_test(t, csv_has_a_column_for_every_field);
        tcase_add_test(t, csv_of_any_event_is_well_formed);
        tcase_add_test(t, chrome_shows_signals_with_their_fields);
        tcase_add_test(t, chrome_shows_sessions_as_slices);
        tcase_add_test(t, chrome_sessions_end_with_the_tracee_and_the_recording);
        tcase_add_test(t, chrome_shows_counters_and_losses);
        tcase_add_test(t, chrome_shows_claims_at_their_process_and_policy_everywhere);
        tcase_add_test(t, chrome_of_any_events_is_valid_json);
        tcase_add_loop_test(t, any_export_is_utf8, 0, _EXPORT_FORMAT_MAX);
        tcase_add_test(t, an_empty_trace_is_valid_in_each_format);
        tcase_add_loop_test(t, losses_appear_in_every_format, 0, _EXPORT_FORMAT_MAX);
        tcase_add_loop_test(t, a_full_device_is_reported, 0, _EXPORT_FORMAT_MAX);
        tcase_add_test(t, a_full_device_is_reported_when_finishing);
        tcase_add_test(t, a_full_device_is_reported_by_gzip);
        tcase_add_test(t, unknown_formats_are_refused);
        return t;
}

int main(void)
{
        Suite *s = suite_create("export");
        int failed;

        suite_add_tcase(s, trace_cases());
        suite_add_tcase(s, format_cases());

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
