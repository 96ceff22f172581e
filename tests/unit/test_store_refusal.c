/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the store refuses to open, disks that fill up, and reading only. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "lib/base/cleanup.h"
#include "lib/store/store.h"
#include "tests/unit/store_scene.h"

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

/* With an event that is on the disk. */
static struct store *open_live_store(void)
{
        struct store *s = open_store();
        struct event e = event_of(1, 7);

        append(s, &e);
        sync_store(s);
        return s;
}

static void assert_trace_has(const char *path, size_t n)
{
        struct store *s = NULL;

        ck_assert_msg(store_open_readonly(&s, path, error, sizeof(error)) == 0, "%s", error);
        ck_assert_uint_eq(count(s, (struct event_filter){}, NULL, NULL), n);
        store_close(s);
}

static void write_file(const char *path, const void *data, size_t n)
{
        FILE *f = fopen(path, "w");

        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(data, 1, n, f), n);
        ck_assert_int_eq(fclose(f), 0);
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
                (void)open_live_store();
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
        run_sql("PRAGMA journal_mode = DELETE; PRAGMA user_version = 3");
        n = read_whole(in_dir("trace.sqlite"), before, sizeof(before));
        ck_assert_int_eq(open_fails(), -EPROTONOSUPPORT);
        assert_error("%s has schema 3 and this program knows schema 2: nothing was changed in it; use the "
                     "ptraced that wrote it, or move it away",
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
        struct store *s = open_live_store();
        struct stat st;

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
                     "another one with --state-dir",
                     dir);
}
END_TEST

/* As a SIGKILL leaves it: with a -wal and a -shm. */
static void abandon_store(void)
{
        pid_t child = fork();

        if (child == 0) {
                (void)open_live_store();
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
        struct store *s = open_live_store();

        assert_trace_has(in_dir("trace.sqlite"), 1);
        store_close(s);
}
END_TEST

START_TEST(odd_file_names_are_read)
{
        char odd[128];

        fill_store(5);
        strcpy(odd, in_dir("100%?mode=x#y"));
        ck_assert_int_eq(rename(in_dir("trace.sqlite"), odd), 0);
        assert_trace_has(odd, 5);
        ck_assert_int_eq(chdir(dir), 0);
        assert_trace_has("100%?mode=x#y", 5);
}
END_TEST

/* What is in the WAL is found although it lies beside the file, not beside the link. */
START_TEST(a_live_trace_is_read_through_a_link)
{
        struct store *s = open_live_store();

        ck_assert_int_eq(mkdir(in_dir("elsewhere"), 0700), 0);
        ck_assert_int_eq(symlink(in_dir("trace.sqlite"), in_dir("elsewhere/link")), 0);
        assert_trace_has(in_dir("elsewhere/link"), 1);
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
        Suite *s = suite_create("store refusal");
        int failed;

        suite_add_tcase(s, refusal_cases());

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
