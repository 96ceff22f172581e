/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include <check.h>

#include "lib/base/cleanup.h"
#include "lib/wire/config.h"

static int parse(const char *text, struct config *c, char error[CONFIG_ERROR_MAX])
{
        return config_parse("x.conf", text, strlen(text), c, error, CONFIG_ERROR_MAX);
}

START_TEST(test_defaults)
{
        char error[CONFIG_ERROR_MAX];
        struct config c, d;

        config_default(&d);
        ck_assert_int_eq(d.log_level, LOG_INFO);
        ck_assert_uint_eq(d.store.max_bytes, 512ULL << 20);
        ck_assert_uint_eq(d.store.max_age_s, 7 * 86400);
        ck_assert_uint_eq(d.thresholds.tracer_hung_ns, 3 * NSEC_PER_SEC);
        ck_assert_uint_eq(d.thresholds.tracer_stale_ns, 1800 * NSEC_PER_SEC);
        ck_assert_uint_eq(d.thresholds.thread_leak, 200);
        ck_assert_str_eq(d.guard.policy_dir, "/etc/ptraced/policy.d");
        ck_assert_uint_eq(d.guard.grace_ns, 10 * NSEC_PER_SEC);
        ck_assert(!d.watch.seccomp);
        ck_assert_int_eq(parse("", &c, error), 0);
        ck_assert_uint_eq(c.store.max_bytes, d.store.max_bytes);
        ck_assert_uint_eq(c.thresholds.attach_storm_per_s, d.thresholds.attach_storm_per_s);
}
END_TEST

START_TEST(test_settings)
{
        char error[CONFIG_ERROR_MAX] = "";
        struct config c;

        ck_assert_msg(parse("# comment\n"
                            "[store]\nmax-size = 2G\nmax-age=12 h ; two ways to write it\n"
                            "[thresholds]\ntracer-hung = 1500ms\nleft-stopped = 1s\nattach-storm = 7\n"
                            "tracer-stale = 8h\n"
                            "dbgp-stalled = 4s\nclient-gone = 1min\n"
                            "thread-leak = 300\n"
                            "[watch]\nseccomp = yes\n"
                            "[guard]\npolicy-dir = /etc/p.d\ngrace = 0\n"
                            "[log]\nlevel = debug",
                            &c, error) == 0,
                      "%s", error);
        ck_assert_uint_eq(c.store.max_bytes, 2ULL << 30);
        ck_assert_uint_eq(c.store.max_age_s, 12 * 3600);
        ck_assert_uint_eq(c.thresholds.tracer_hung_ns, 1500 * NSEC_PER_MSEC);
        ck_assert_uint_eq(c.thresholds.left_stopped_ns, NSEC_PER_SEC);
        ck_assert_uint_eq(c.thresholds.attach_storm_per_s, 7);
        ck_assert_uint_eq(c.thresholds.tracer_stale_ns, 8 * 3600 * NSEC_PER_SEC);
        ck_assert_uint_eq(c.thresholds.dbgp_stalled_ns, 4 * NSEC_PER_SEC);
        ck_assert_uint_eq(c.thresholds.client_gone_ns, 60 * NSEC_PER_SEC);
        ck_assert_uint_eq(c.thresholds.thread_leak, 300);
        ck_assert_str_eq(c.guard.policy_dir, "/etc/p.d");
        ck_assert_uint_eq(c.guard.grace_ns, 0);
        ck_assert(c.watch.seccomp);
        ck_assert_int_eq(parse("[watch]\nseccomp = no\n", &c, error), 0);
        ck_assert(!c.watch.seccomp);
        ck_assert_int_eq(parse("[watch]\nseccomp = 1\n", &c, error), -EINVAL);
        ck_assert_str_eq(error, "x.conf:2: seccomp in [watch] cannot be '1': give yes or no.");
        ck_assert_uint_eq(c.watch.signals, 0);
        ck_assert_int_eq(parse("[watch]\nsignals = SIGSEGV  USR1, 34 64\n", &c, error), 0);
        ck_assert_uint_eq(c.watch.signals, 1ULL << 10 | 1ULL << 9 | 1ULL << 33 | 1ULL << 63);
        ck_assert_int_eq(parse("[watch]\nsignals = SIGSEGV 65\n", &c, error), -EINVAL);
        ck_assert_str_eq(error,
                         "x.conf:2: signals in [watch] cannot be 'SIGSEGV 65': give signals by name, "
                         "or by number from 1 to 64, with spaces between, such as SIGSEGV SIGUSR1 34.");
        ck_assert_int_eq(parse("[watch]\nsignals = SIGSEGVSEGVSEGVSEGV\n", &c, error), -EINVAL);
        ck_assert_int_eq(parse("[watch]\nsignals = SIG\n", &c, error), -EINVAL);
        ck_assert_uint_eq(c.watch.dbgp_ports.n, 2);
        ck_assert_uint_eq(c.watch.dbgp_ports.list[0], 9003);
        ck_assert_uint_eq(c.watch.dbgp_ports.list[1], 9000);
        ck_assert_int_eq(parse("[watch]\ndbgp-ports = 9015, 65535  1\n", &c, error), 0);
        ck_assert_uint_eq(c.watch.dbgp_ports.n, 3);
        ck_assert_uint_eq(c.watch.dbgp_ports.list[0], 9015);
        ck_assert_uint_eq(c.watch.dbgp_ports.list[2], 1);
        ck_assert_int_eq(parse("[watch]\ndbgp-ports = 9003 65536\n", &c, error), -EINVAL);
        ck_assert_str_eq(error,
                         "x.conf:2: dbgp-ports in [watch] cannot be '9003 65536': give at most 16 ports, "
                         "each from 1 to 65535, with spaces between, such as 9003 9000.");
        ck_assert_int_eq(parse("[watch]\ndbgp-ports = 0\n", &c, error), -EINVAL);
        ck_assert_int_eq(parse("[watch]\ndbgp-ports = 99999999\n", &c, error), -EINVAL);
        ck_assert_int_eq(parse("[watch]\ndbgp-ports = 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7\n", &c, error), 0);
        ck_assert_uint_eq(c.watch.dbgp_ports.n, PORT_LIST_MAX);
        ck_assert_int_eq(parse("[watch]\ndbgp-ports = 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8\n", &c, error),
                         -EINVAL);
        ck_assert_int_eq(parse("[log]\nlevel = debug\n", &c, error), 0);
        ck_assert_int_eq(c.log_level, LOG_DEBUG);
        ck_assert_int_eq(parse("[store]\nmax-age = 0\n", &c, error), 0);
        ck_assert_uint_eq(c.store.max_age_s, 0);
}
END_TEST

/* Each mistake is told with its line and what would be right. */
static const struct {
        const char *text, *line, *word;
} mistakes[] = {
        {"[store]\nmax-size = lots\n", "x.conf:2:", "'lots'"},
        {"[guard]\npolicy-dir = policy.d\n", "x.conf:2:", "whole path"},
        {"[guard]\ngrace = 25h\n", "x.conf:2:", "24h"},
        {"[store]\nmax-size = 4K\n", "x.conf:2:", "1M"},
        {"[store]\nmax-size = 99999999999999999999\n", "x.conf:2:", "max-size"},
        {"[store]\nmax-size = 18446744073709551615T\n", "x.conf:2:", "max-size"},
        {"[store]\nmax-size = -1\n", "x.conf:2:", "'-1'"},
        {"[store]\nmax-size = \n", "x.conf:2:", "max-size"},
        {"[store]\n\nmax-sise = 4M\n", "x.conf:3:", "'max-sise'"},
        {"[stor]\nmax-size = 4M\n", "x.conf:2:", "[stor]"},
        {"max-size = 4M\n", "x.conf:1:", "before the first section"},
        {"[store]\nnonsense\n", "x.conf:2:", "key = value"},
        {"[store\nmax-size = 4M\n", "x.conf:1:", "key = value"},
        {"[store]\nnonsense\nmax-size = lots\n", "x.conf:2:", "key = value"},
        {"[store]\nmax-size = lots\nnonsense\n", "x.conf:2:", "'lots'"},
        {"[thresholds]\ntracer-hung = 0\n", "x.conf:2:", "tracer-hung"},
        {"[thresholds]\nattach-storm = 5000000000\n", "x.conf:2:", "attach-storm"},
        {"[thresholds]\nthread-leak = 63\n", "x.conf:2:", "from 64"},
        {"[log]\nlevel = loud\n", "x.conf:2:", "'loud'"},
        {"[log]\nlevel = \x1b[31m\n", "x.conf:2:", "\\x1b"},
};

START_TEST(test_mistakes)
{
        struct config c = {.log_level = -7};
        char error[CONFIG_ERROR_MAX] = "";

        ck_assert_int_eq(parse(mistakes[_i].text, &c, error), -EINVAL);
        ck_assert_int_eq(c.log_level, -7);
        ck_assert_msg(!strncmp(error, mistakes[_i].line, strlen(mistakes[_i].line)), "%s", error);
        ck_assert_msg(strstr(error, mistakes[_i].word) != NULL, "%s", error);
        ck_assert_int_eq(error[strlen(error) - 1], '.');
}
END_TEST

START_TEST(test_strange_bytes)
{
        static const char nul[] = "[log]\nlevel = in\0fo\n";
        char error[CONFIG_ERROR_MAX], line[1024] = "[log]\nlevel = ";
        struct config c;

        ck_assert_int_eq(config_parse("x.conf", nul, sizeof(nul) - 1, &c, error, sizeof(error)), -EINVAL);
        ck_assert_msg(!strncmp(error, "x.conf:2: the line holds a NUL", 30), "%s", error);
        memset(line + strlen(line), 'x', 900);
        ck_assert_int_eq(parse(line, &c, error), -EINVAL);
        ck_assert_msg(!strncmp(error, "x.conf:2: the line is longer", 28), "%s", error);
}
END_TEST

START_TEST(test_files)
{
        char error[CONFIG_ERROR_MAX], path[] = "/tmp/test-config-XXXXXX";
        struct config c;
        FILE *f;
        int fd;

        ck_assert_int_eq(config_load("/nonexistent/ptraced.conf", &c, error, sizeof(error)), -ENOENT);
        ck_assert_ptr_nonnull(strstr(error, "/nonexistent/ptraced.conf"));
        ck_assert_int_eq(config_load("/tmp", &c, error, sizeof(error)), -EINVAL);
        fd = mkstemp(path);
        ck_assert_int_ge(fd, 0);
        f = fdopen(fd, "w");
        fputs("[log]\nlevel = error\n", f);
        fflush(f);
        ck_assert_int_eq(config_load(path, &c, error, sizeof(error)), 0);
        ck_assert_int_eq(c.log_level, LOG_ERR);
        for (int i = 0; i < CONFIG_FILE_MAX; i++)
                fputc('#', f);
        fclose(f);
        ck_assert_int_eq(config_load(path, &c, error, sizeof(error)), -EFBIG);
        unlink(path);
}
END_TEST

START_TEST(test_levels)
{
        ck_assert_int_eq(log_level_from_string("warning"), LOG_WARNING);
        ck_assert_int_eq(log_level_from_string("Warning"), -EINVAL);
        ck_assert_str_eq(log_level_to_string(LOG_NOTICE), "notice");
        ck_assert_ptr_null(log_level_to_string(99));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("config");
        TCase *t = tcase_create("config");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_test(t, test_defaults);
        tcase_add_test(t, test_settings);
        tcase_add_loop_test(t, test_mistakes, 0, ELEMENTSOF(mistakes));
        tcase_add_test(t, test_strange_bytes);
        tcase_add_test(t, test_files);
        tcase_add_test(t, test_levels);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
