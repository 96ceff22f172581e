/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What 0.1.0 left is read for ever: a store, a trace of the same session, and the pins of a guard in force. They
 * were made by that program on a machine of its own: tests/old.
 */

#include <errno.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <bpf/bpf.h>

#include "tests/unit/own_dir.h"
#include "tests/unit/random_event.h"

#include "lib/event/record.h"
#include "lib/event/record_earlier.h"
#include "lib/export/trace.h"
#include "lib/store/store.h"
#include "daemon/kernel/guard_pins.h"

#define OLD_STORE    "tests/old/0.1.0.store.sqlite.gz"
#define OLD_TRACE    "tests/old/0.1.0.trace.jsonl.gz"
#define OLD_PINS     "tests/old/0.1.0.pins.txt.gz"
#define OLD_FINDINGS 4
#define OLD_EVENTS   513
#define LINE_BYTES   8192
#define MAP_BYTES    1024
#define WRITTEN_MS   20000

static char error[512];

/* ---- the trace --------------------------------------------------------------------------------------- */

struct reading {
        struct store *store; /* its events are to be the same ones */
        struct store_cursor *cursor;
        size_t n, of_type[_EV_MAX];
};

static void assert_same(const struct event *a, const struct event *b)
{
        size_t n;
        const struct event_field *f = event_fields(&n);

        ck_assert_uint_eq(a->seq, b->seq);
        ck_assert_int_eq(a->type, b->type);
        ck_assert_uint_eq(a->wall_ns, b->wall_ns);
        for (size_t i = 0; i < n; i++)
                if (f[i].types & EVENT_BIT(a->type))
                        ck_assert_msg(same_field(&f[i], (const char *)a + f[i].offset,
                                                 (const char *)b + f[i].offset),
                                      "event %d: %s", (int)a->seq, f[i].json);
}

static int compare_with_store(void *userdata, const struct event *e)
{
        struct reading *r = userdata;
        struct event stored;

        r->n++;
        r->of_type[e->type]++;
        if (e->type == EV_PTRACE_REFUSED)
                ck_assert_str_eq(e->modules, MODULES_UNKNOWN);
        ck_assert_uint_eq(e->kernel_seq, 0);
        if (!r->cursor)
                return 0;
        ck_assert_int_eq(store_cursor_next(r->cursor, &stored), 1);
        assert_same(e, &stored);
        return 0;
}

static void read_trace(struct reading *r)
{
        ck_assert_msg(trace_read(OLD_TRACE, compare_with_store, r, error, sizeof(error)) == 0, "%s", error);
        ck_assert_uint_eq(r->n, OLD_EVENTS);
        ck_assert_uint_eq(r->of_type[EV_DAEMON_START], 1);
        ck_assert_uint_eq(r->of_type[EV_PTRACE_REFUSED], 3);
        ck_assert_uint_eq(r->of_type[EV_CLAIM_MADE], 2);
        ck_assert_uint_eq(r->of_type[EV_TEXT_SCAN], 1);
}

START_TEST(its_trace_is_read)
{
        read_trace(&(struct reading){});
}
END_TEST

/* ---- the store --------------------------------------------------------------------------------------- */

static void unpack_store(void)
{
        gzFile from = gzopen(OLD_STORE, "rb");
        FILE *to = fopen(in_dir("trace.sqlite"), "we");
        char block[4096];
        int n;

        ck_assert_ptr_nonnull(from);
        ck_assert_ptr_nonnull(to);
        while ((n = gzread(from, block, sizeof(block))) > 0)
                ck_assert_uint_eq(fwrite(block, 1, (size_t)n, to), (size_t)n);
        gzclose(from);
        fclose(to);
}

static int64_t schema_of_file(void)
{
        sqlite3 *db = NULL;
        sqlite3_stmt *s = NULL;

        ck_assert_int_eq(sqlite3_open_v2(in_dir("trace.sqlite"), &db, SQLITE_OPEN_READONLY, NULL),
                         SQLITE_OK);
        ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL), SQLITE_OK);
        ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
        int64_t version = sqlite3_column_int64(s, 0);
        sqlite3_finalize(s);
        sqlite3_close(db);
        return version;
}

static void assert_store_has_trace(struct store *s)
{
        struct reading r = {.store = s};
        struct event more;

        ck_assert_int_eq(store_query(s, &(struct event_filter){}, &r.cursor), 0);
        read_trace(&r);
        ck_assert_int_le(store_cursor_next(r.cursor, &more), 1);
        store_cursor_free(r.cursor);
}

START_TEST(its_store_is_read_and_left_as_it_is)
{
        struct store *s = NULL;

        unpack_store();
        ck_assert_msg(store_open_readonly(&s, in_dir("trace.sqlite"), error, sizeof(error)) == 0, "%s",
                      error);
        assert_store_has_trace(s);
        store_close(s);
        ck_assert_int_eq(schema_of_file(), 1);
}
END_TEST

static int count_finding(void *userdata, const struct finding *f)
{
        ck_assert_ptr_nonnull(finding_code_to_string(f->code));
        ++*(size_t *)userdata;
        return 0;
}

static struct store *open_for_writing(void)
{
        const struct store_limits limits = {.max_bytes = 64 << 20}; /* of any age */
        struct store *s = NULL;

        ck_assert_msg(store_open(&s, dir, &limits, error, sizeof(error)) == 0, "%s", error);
        return s;
}

START_TEST(its_store_is_migrated_and_goes_on)
{
        struct event e = {.type = EV_TASK_EXIT, .wall_ns = 1, .target.pid = 77, .kernel_seq = 5}, back;
        struct store_cursor *c = NULL;
        struct store *s;
        size_t n = 0;

        unpack_store();
        s = open_for_writing();
        assert_store_has_trace(s);
        ck_assert_int_eq(store_each_finding(s, 0, 0, count_finding, &n), 0);
        ck_assert_uint_eq(n, OLD_FINDINGS);
        e.seq = store_next_seq(s);
        ck_assert_int_eq(store_append(s, &e), 0);
        ck_assert_int_eq(store_sync(s, WRITTEN_MS), 0);
        store_close(s);
        ck_assert_int_eq(schema_of_file(), STORE_SCHEMA_VERSION);

        s = open_for_writing();
        ck_assert_int_eq(store_query(s, &(struct event_filter){.after_seq = e.seq - 1}, &c), 0);
        ck_assert_int_eq(store_cursor_next(c, &back), 1);
        ck_assert_uint_eq(back.kernel_seq, 5);
        store_cursor_free(c);
        store_close(s);
}
END_TEST

/* ---- records ----------------------------------------------------------------------------------------- */

static size_t from_hex(const char *hex, uint8_t *ret, size_t size)
{
        size_t n = 0;

        for (unsigned byte; n < size && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
                ret[n] = (uint8_t)byte;
        return n;
}

static gzFile open_pins(void)
{
        gzFile f = gzopen(OLD_PINS, "rb");

        ck_assert_ptr_nonnull(f);
        return f;
}

START_TEST(its_records_are_read)
{
        gzFile f = open_pins();
        char line[LINE_BYTES];
        uint8_t old[RECORD_BYTES_MAX], now[RECORD_BYTES_MAX];
        size_t of_type[_EV_MAX] = {};
        struct event e;

        while (gzgets(f, line, sizeof(line))) {
                if (strncmp(line, "record ", 7) != 0)
                        continue;
                size_t size = from_hex(line + 7, old, sizeof(old));
                int n = record_from_earlier(old, size, now, sizeof(now));
                ck_assert_int_eq(n, (int)size + 8);
                ck_assert_int_eq(record_to_event(now, (size_t)n, &e), 0);
                ck_assert_uint_eq(e.kernel_seq, 0);
                ck_assert_uint_ne(e.target.start, 0);
                of_type[e.type]++;
                ck_assert_int_eq(record_from_earlier(old, size, now, size), -ENOSPC);
        }
        gzclose(f);
        ck_assert_uint_gt(of_type[EV_PTRACE_REFUSED], 0);
        ck_assert_int_eq(record_from_earlier(old, 15, now, sizeof(now)), -EBADMSG);
}
END_TEST

START_TEST(its_short_exec_record_is_filled_up)
{
        struct rec_exec r = {.h.type = REC_EXEC, .task = {.pid = 7, .tid = 7}, .path = "/bin/true"};
        const size_t header = sizeof(r.h), size = 16 + offsetof(struct rec_exec, inode) - header;
        uint8_t old[RECORD_BYTES_MAX], now[RECORD_BYTES_MAX];
        struct event e;

        memcpy(old, &r, 16);
        memcpy(old + 16, (const char *)&r + header, size - 16);
        memset(now, 0xff, sizeof(now));
        ck_assert_int_eq(record_from_earlier(old, size, now, sizeof(r) - 1), -ENOSPC);
        ck_assert_int_eq(record_from_earlier(old, size, now, sizeof(now)), (int)sizeof(r));
        ck_assert_int_eq(record_to_event(now, sizeof(r), &e), 0);
        ck_assert_int_eq(e.type, EV_TASK_EXEC);
        ck_assert_int_eq(e.ignored, IGNORED_NOTHING);
        ck_assert_str_eq(e.path, "/bin/true");
}
END_TEST

/* ---- pins -------------------------------------------------------------------------------------------- */

struct old_map {
        char name[32];
        uint32_t type, key, value, entries, flags;
};

/* The next line is a map's; false: an entry of the one before, or a record. */
static bool parse_map(const char *line, struct old_map *m)
{
        return sscanf(line, "map %31s %u %u %u %u %u", m->name, &m->type, &m->key, &m->value, &m->entries,
                      &m->flags) == 6;
}

static int make_old_map(const struct old_map *m, const char *pins)
{
        LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = m->flags);
        char path[512];
        int fd = bpf_map_create(m->type, m->name, m->key, m->value, m->entries, &opts);

        ck_assert_int_ge(fd, 0);
        snprintf(path, sizeof(path), "%s/%s", pins, m->name);
        ck_assert_int_eq(bpf_obj_pin(fd, path), 0);
        return fd;
}

static void parse_entry(const char *line, const struct old_map *m, uint8_t *key, uint8_t *value)
{
        ck_assert_uint_eq(from_hex(line, key, m->key), m->key);
        ck_assert_uint_eq(from_hex(line + 2 * m->key + 1, value, m->value), m->value);
}

/* What each map holds is set, where the map is to be made, or compared. Returns how many entries. */
static size_t each_entry_of_old(const char *make_in, const struct guard_pins *compare)
{
        gzFile f = open_pins();
        struct old_map m = {}, next;
        uint8_t key[MAP_BYTES], value[MAP_BYTES], found[MAP_BYTES];
        char line[LINE_BYTES];
        size_t n = 0;
        int fd = -1;

        while (gzgets(f, line, sizeof(line))) {
                if (parse_map(line, &next)) {
                        m = next;
                        fd = make_in ? make_old_map(&m, make_in) : -1;
                        for (size_t i = 0; compare && i < _PINNED_MAP_MAX; i++)
                                if (!strcmp(pinned_layouts[i].name, m.name))
                                        fd = pins_map(compare, i);
                        continue;
                }
                if (strncmp(line, "record ", 7) == 0 || m.type == BPF_MAP_TYPE_PERCPU_ARRAY)
                        continue;
                parse_entry(line, &m, key, value);
                if (make_in)
                        ck_assert_int_eq(bpf_map_update_elem(fd, key, value, BPF_ANY), 0);
                else
                        ck_assert_int_eq(bpf_map_lookup_elem(fd, key, found), 0);
                if (compare)
                        ck_assert_mem_eq(value, found, m.value);
                n++;
        }
        gzclose(f);
        return n;
}

static char pin_dir[128], earlier_dir[160], today_dir[160];

/* A BPF file system of our own, which nobody else sees; false: not permitted here. */
static bool mount_own_bpffs(void)
{
        snprintf(pin_dir, sizeof(pin_dir), "%s/pins", dir);
        snprintf(earlier_dir, sizeof(earlier_dir), "%s/v1", pin_dir);
        snprintf(today_dir, sizeof(today_dir), "%s/v%d", pin_dir, GUARD_LAYOUT);
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("bpf", dir, "bpf", 0, "mode=700") < 0)
                return false;
        return mkdir(pin_dir, 0700) == 0 && mkdir(earlier_dir, 0700) == 0;
}

static struct guard_pins *open_guard_pins(void)
{
        struct guard_pins *p = NULL;

        ck_assert_int_eq(pins_open(&p, pin_dir), 0);
        return p;
}

/* As the guard does, with maps that are new in the places of those that are not carried over. */
static void carry_over(struct guard_pins *p, size_t n_maps)
{
        ck_assert_int_eq(pins_own(p), 0);
        for (size_t i = 0; i < n_maps; i++) {
                const struct pinned_layout *l = &pinned_layouts[i];
                int fd = pins_map(p, i);

                if (fd < 0)
                        fd = bpf_map_create(l->type, l->name, l->key, l->value, l->entries, NULL);
                ck_assert_int_eq(pins_put(p, l->name, fd), 0);
        }
}

START_TEST(its_pins_are_carried_over)
{
        struct guard_pins *p;
        size_t n;

        if (geteuid() != 0 || !mount_own_bpffs())
                return;
        n = each_entry_of_old(earlier_dir, NULL);
        p = open_guard_pins();
        ck_assert(pins_found(p) && pins_earlier(p));
        ck_assert_int_ge(pins_earlier_ring(p), 0);
        ck_assert_int_lt(pins_map(p, PINNED_RING), 0);
        ck_assert_int_lt(pins_map(p, PINNED_SEQUENCE), 0);
        ck_assert_uint_eq(each_entry_of_old(NULL, p), n);

        /* Killed in the middle: the earlier ones are still there, and whole. */
        carry_over(p, PINNED_CLAIMS);
        pins_free(p);
        p = open_guard_pins();
        ck_assert(pins_found(p) && pins_earlier(p));
        ck_assert_uint_eq(each_entry_of_old(NULL, p), n);

        /* Killed before the earlier ones were removed: the new ones count. */
        carry_over(p, _PINNED_MAP_MAX);
        pins_free(p);
        p = open_guard_pins();
        ck_assert(pins_found(p) && pins_earlier(p));
        ck_assert_int_ge(pins_map(p, PINNED_RING), 0);
        pins_drop_earlier(p);
        ck_assert(!pins_earlier(p));
        ck_assert_int_lt(access(earlier_dir, F_OK), 0);
        pins_free(p);

        p = open_guard_pins();
        ck_assert(pins_found(p) && !pins_earlier(p));
        ck_assert_int_ge(pins_map(p, PINNED_SEQUENCE), 0);
        ck_assert_uint_eq(each_entry_of_old(NULL, p), n);
        pins_remove(p);
        pins_free(p);
        umount(dir);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("old");
        TCase *t = tcase_create("old");
        int failed;

        tcase_add_checked_fixture(t, make_dir, remove_dir);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, its_trace_is_read);
        tcase_add_test(t, its_store_is_read_and_left_as_it_is);
        tcase_add_test(t, its_store_is_migrated_and_goes_on);
        tcase_add_test(t, its_records_are_read);
        tcase_add_test(t, its_short_exec_record_is_filled_up);
        tcase_add_test(t, its_pins_are_carried_over);
        suite_add_tcase(s, t);

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
