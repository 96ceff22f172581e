/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "lib/base/cleanup.h"
#include "lib/claim/policy.h"

static struct policy policy; /* too large for the stack; each test has a process of its own */
static char error[POLICY_ERROR_MAX];

static int parse(const char *text)
{
        error[0] = 0;
        return policy_parse(&policy, "x.conf", text, strlen(text), error, sizeof(error));
}

static void parsed(const char *text)
{
        ck_assert_msg(parse(text) == 0, "%s", error);
}

START_TEST(an_empty_text)
{
        parsed("");
        parsed("# nothing\n; to say\n\n");
        ck_assert_uint_eq(policy.n, 0);
}
END_TEST

START_TEST(every_key)
{
        const struct policy_rule *r = &policy.rules[0];

        parsed("# rules\n\n"
               "[php: one debugger]\n"
               "exe = /usr/sbin/php-fpm*\ncomm=php-fpm*\nuid = 0\ncgroup = /system.slice/php*\n"
               "say = owner-only\nmode = audit\nmemory = deny\n"
               "tracer-exe = /usr/bin/gdb\ntracer-exe = */dlv\ntracer-uid = 4294967294\ntracer-uid = root\n"
               "\t[second]  ; indented\n"
               "   exe = /bin/b\n   say = deny\n");
        ck_assert_uint_eq(policy.n, 2);
        ck_assert_str_eq(r->name, "php: one debugger");
        ck_assert_str_eq(r->file, "x.conf");
        ck_assert_uint_eq(r->line, 3);
        ck_assert_uint_eq(r->rule.flags,
                          RULE_F_EXE | RULE_F_COMM | RULE_F_UID | RULE_F_CGROUP | RULE_F_MEMORY_DENY);
        ck_assert_str_eq(r->rule.exe, "/usr/sbin/php-fpm*");
        ck_assert_str_eq(r->rule.comm, "php-fpm*");
        ck_assert_str_eq(r->rule.cgroup, "/system.slice/php*");
        ck_assert_uint_eq(r->rule.uid, 0);
        ck_assert_uint_eq(r->rule.say, SAY_OWNER);
        ck_assert_uint_eq(r->rule.mode, GUARD_AUDIT);
        ck_assert_uint_eq(r->rule.n_tracer_exe, 2);
        ck_assert_str_eq(r->rule.tracer_exe[1], "*/dlv");
        ck_assert_uint_eq(r->rule.n_tracer_uid, 2);
        ck_assert_uint_eq(r->rule.tracer_uid[0], 4294967294U);
        ck_assert_uint_eq(r->rule.tracer_uid[1], 0);
        r++;
        ck_assert_str_eq(r->name, "second");
        ck_assert_uint_eq(r->line, 15);
        ck_assert_uint_eq(r->rule.flags, RULE_F_EXE);
        ck_assert_uint_eq(r->rule.say, SAY_DENY);
        ck_assert_uint_eq(r->rule.mode, GUARD_ENFORCE);
}
END_TEST

START_TEST(what_a_rule_says)
{
        static const struct {
                const char *text;
                enum guard_say say;
                enum guard_mode mode;
        } rules[] = {
                {"[a]\nexe=/a\nsay = single\n", SAY_SINGLE, GUARD_ENFORCE},
                {"[a]\nexe=/a\nsay = audit\n", SAY_SINGLE, GUARD_AUDIT},
                {"[a]\nexe=/a\nmode = audit\nsay = audit\n", SAY_SINGLE, GUARD_AUDIT},
                {"[a]\nexe=/a\nmode = audit\nsay = deny\n", SAY_DENY, GUARD_AUDIT},
                {"[a]\nexe=/a\nsay = deny\nmode = enforce\n", SAY_DENY, GUARD_ENFORCE},
                {"[a]\nexe=/a\nsay = owner-only\n", SAY_OWNER, GUARD_ENFORCE},
                {"[a]\nexe=/a\nsay = off\n", SAY_OFF, GUARD_ENFORCE},
        };

        parsed(rules[_i].text);
        ck_assert_uint_eq(policy.n, 1);
        ck_assert_uint_eq(policy.rules[0].rule.say, rules[_i].say);
        ck_assert_uint_eq(policy.rules[0].rule.mode, rules[_i].mode);
}
END_TEST
#define N_SAYS 7

/* Without a condition a rule may refuse nothing, unless every process is named. */
START_TEST(a_rule_for_every_process)
{
        const struct policy_subject unknown = {.uid = 5};

        parsed("[a]\nsay = off\n");
        parsed("[b]\nsay = audit\n[c]\nsay = deny\nmode = audit\n[d]\nsay = off\nmode=audit\nmemory=deny\n");
        parsed("[e]\nexe = *\nsay = single\n");
        ck_assert_uint_eq(policy.n, 5);
        ck_assert_uint_eq(policy.rules[4].rule.flags, 0);
        ck_assert_str_eq(policy.rules[4].rule.exe, "*");
        policy.rules[0] = policy.rules[4];
        policy.n = 1;
        ck_assert_uint_eq(policy_match(&policy, &unknown), 1);
        ck_assert_int_eq(parse("[f]\nsay = off\nmemory = deny\n"), -EINVAL);
        ck_assert_msg(!strncmp(error, "x.conf:1: [f] has no condition", 30), "%s", error);
}
END_TEST

/* Each mistake is told with its line and what would be right, and changes nothing. */
static const struct {
        const char *text, *line, *word;
} mistakes[] = {
        {"[a]\nexe = /a\nsay = sinlge\n", "x.conf:3:", "'sinlge', did you mean single: give single, owner"},
        {"[a]\nexe = /a\nsay = maybe\n",
         "x.conf:3:", "'maybe': give single, owner-only, deny, audit or off"},
        {"[a]\nexe = /a\nsay =\n", "x.conf:3:", "say cannot be ''"},
        {"[a]\nexe = /a\nsay = Deny\n", "x.conf:3:", "did you mean deny"},
        {"[a]\nmode = enforced\n", "x.conf:2:", "did you mean enforce"},
        {"[a]\nmemory = yes\n", "x.conf:2:", "allow or deny"},
        {"[a]\nexee = /a\n", "x.conf:2:", "'exee' in a rule, did you mean exe: the keys are exe, comm,"},
        {"[a]\ntracer_exe = /a\n", "x.conf:2:", "did you mean tracer-exe"},
        {"[a]\nnonsense = /a\n", "x.conf:2:", "'nonsense' in a rule: the keys"},
        {"[a]\nexe = /a\nexe = /b\n", "x.conf:3:", "exe is given twice in [a]"},
        {"[a]\nexe =\n", "x.conf:2:", "exe is empty"},
        {"[a]\nexe = php-fpm\n", "x.conf:2:", "write /... or */php-fpm"},
        {"[a]\ncgroup = a.service\n", "x.conf:2:", "paths begin with /"},
        {"[a]\ntracer-exe = gdb\n", "x.conf:2:", "*/gdb"},
        {"[a]\ncomm = 0123456789abcdef\n", "x.conf:2:", "at most 15"},
        {"[a]\nexe = /a\\\n", "x.conf:2:", "backslash"},
        {"[a]\nuid = no-such-user-here\n", "x.conf:2:", "no such user"},
        {"[a]\nuid = 4294967295\n", "x.conf:2:", "0 to 4294967294"},
        {"[a]\nuid = 99999999999999999999999\n", "x.conf:2:", "0 to 4294967294"},
        {"[a]\nuid = -1\n", "x.conf:2:", "'-1'"},
        {"[a]\nuid =\n", "x.conf:2:", "a user's name, or a number"},
        {"[a]\nuid = 1x\n", "x.conf:2:", "'1x'"},
        {"[a]\nuid = 1\ntracer-uid=1\ntracer-uid=2\ntracer-uid=3\ntracer-uid=4\ntracer-uid=5\n",
         "x.conf:7:", "more than 4 times"},
        {"[a]\nexe = /a\n\n[b]\nexe = /b\nsay = off\n", "x.conf:1:", "[a] does not say what holds"},
        {"\n[a]\n", "x.conf:2:", "does not say"},
        {"[a]\n[b]\nsay = off\n", "x.conf:1:", "[a] does not say"},
        {"[a]\nsay = single\n", "x.conf:1:", "[a] has no condition"},
        {"[a]\nsay = deny\n", "x.conf:1:", "exe = * if every process"},
        {"[a]\nexe = /a\nsay = audit\nmode = enforce\n", "x.conf:1:", "says audit"},
        {"[a]\nexe = /a\nmode = enforce\nsay = audit\n", "x.conf:1:", "says audit"},
        {"[a]\nexe = /a\nsay = single\ntracer-uid = 0\n", "x.conf:1:", "owner-only alone"},
        {"[a]\nexe = /a\nsay = off\n[b]\nexe = /b\nsay = off\n[a]\nexe = /c\nsay = off\n",
         "x.conf:7:", "a rule [a] already, at x.conf:1"},
        {"say = off\n", "x.conf:1:", "before the first [rule]"},
        {"[]\nsay = off\n", "x.conf:1:", "1 to 63 bytes, this one 0"},
        {"[0123456789012345678901234567890123456789012345678901234567890123]\nsay = off\n",
         "x.conf:1:", "1 to 63 bytes, this one 64"},
        {"[a] b\nsay = off\n", "x.conf:1:", "behind its ]"},
        {"[a\nsay = off\n", "x.conf:1:", "neither [rule] nor key = value"},
        {"[a]\nsay single\n", "x.conf:2:", "neither [rule] nor"},
        {"[a]\nsay single\n[b]\n", "x.conf:2:", "neither [rule] nor"},
        {"[a]\nsay = \x1b[31m\n", "x.conf:2:", "\\x1b"},
        {"[\x1b[31m]\nexe = /a\n", "x.conf:1:", "\\x1b"},
};

START_TEST(a_mistake)
{
        parsed("[good]\nexe = /good\nsay = off\n");
        ck_assert_int_eq(parse(mistakes[_i].text), -EINVAL);
        ck_assert_msg(!strncmp(error, mistakes[_i].line, strlen(mistakes[_i].line)), "%s", error);
        ck_assert_msg(strstr(error, mistakes[_i].word) != NULL, "%s", error);
        ck_assert_int_eq(error[strlen(error) - 1], '.');
        ck_assert_uint_eq(policy.n, 1);
        ck_assert_str_eq(policy.rules[0].name, "good");
}
END_TEST

/* The names of rules are unique in the whole policy, and its rules are counted together. */
START_TEST(several_texts)
{
        char text[64];

        parsed("[r1]\nexe = /a\nsay = off\n");
        ck_assert_int_eq(policy_parse(&policy, "y.conf", "[r1]\nsay = off\n", 15, error, sizeof(error)),
                         -EINVAL);
        ck_assert_str_eq(error,
                         "y.conf:1: there is a rule [r1] already, at x.conf:1: give it another name.");
        for (int i = 2; i <= GUARD_RULES_MAX; i++) {
                snprintf(text, sizeof(text), "[r%d]\nexe = /a\nsay = off\n", i);
                parsed(text);
        }
        ck_assert_int_eq(parse("\n[one more]\nsay = off\n"), -EINVAL);
        ck_assert_str_eq(error, "x.conf:2: this is rule 65 of the policy, which can hold 64.");
        ck_assert_uint_eq(policy.n, GUARD_RULES_MAX);
}
END_TEST

START_TEST(strange_bytes)
{
        static const char nul[] = "[a]\nsay = o\0ff\n";
        char text[1024] = "[a]\nexe = /";

        ck_assert_int_eq(policy_parse(&policy, "x.conf", nul, sizeof(nul) - 1, error, sizeof(error)),
                         -EINVAL);
        ck_assert_msg(!strncmp(error, "x.conf:2: the line holds a NUL", 30), "%s", error);
        memset(text + strlen(text), 'x', 900);
        ck_assert_int_eq(parse(text), -EINVAL);
        ck_assert_msg(!strncmp(error, "x.conf:2: the line is longer", 28), "%s", error);
        memset(text, 0, sizeof(text));
        strcpy(text, "[a]\nexe = /");
        memset(text + strlen(text), 'x', GUARD_GLOB_MAX - 1);
        ck_assert_int_eq(parse(text), -EINVAL);
        ck_assert_str_eq(error, "x.conf:2: exe has 128 bytes: a pattern for it has at most 127.");
        text[strlen(text) - 1] = 0;
        strcat(text, "\nsay = off");
        parsed(text);
        ck_assert_uint_eq(strlen(policy.rules[0].rule.exe), 127);
        policy.n = 0;
        parsed("\xef\xbb\xbf[a]\r\nexe = /a\r\nsay = off\r\n");
        ck_assert_str_eq(policy.rules[0].rule.exe, "/a");
}
END_TEST

START_TEST(matching)
{
        struct policy_subject s = {.exe = "/usr/sbin/php-fpm8.2",
                                   .comm = "php-fpm8.2",
                                   .cgroup = "/system.slice/p.service",
                                   .uid = 33};
        char longest[GUARD_PATH_MAX + 1] = "/usr/sbin/php-fpm";

        parsed("[master]\nexe = /usr/sbin/php-fpm?.?\nuid = 0\nsay = off\n"
               "[workers]\nexe = /usr/sbin/php-fpm*\nsay = single\n"
               "[unit]\ncgroup = /system.slice/p.*\ncomm = php*\nsay = deny\n"
               "[literal]\nexe = /opt/\\*\nsay = deny\n");
        ck_assert_uint_eq(policy_match(&policy, &s), 2);
        s.uid = 0;
        ck_assert_uint_eq(policy_match(&policy, &s), 1);
        s.exe = "/opt/php";
        ck_assert_uint_eq(policy_match(&policy, &s), 3);
        s.comm = "other";
        ck_assert_uint_eq(policy_match(&policy, &s), 0);
        s.comm = s.cgroup = NULL;
        s.exe = "/opt/*";
        ck_assert_uint_eq(policy_match(&policy, &s), 4);
        s.exe = NULL;
        ck_assert_uint_eq(policy_match(&policy, &s), 0);
        /* as the kernel does it: a path that does not fit its buffer matches no pattern */
        memset(longest + strlen(longest), 'x', GUARD_PATH_MAX - 1 - strlen(longest));
        s = (struct policy_subject){.exe = longest, .uid = 1};
        ck_assert_uint_eq(policy_match(&policy, &s), 2);
        longest[GUARD_PATH_MAX - 1] = 'x';
        ck_assert_uint_eq(policy_match(&policy, &s), 0);
}
END_TEST

START_TEST(admitting)
{
        struct policy_subject gdb = {.exe = "/usr/bin/gdb", .uid = 7}, none = {.uid = 8};

        parsed("[a]\nexe = /a\nsay = owner-only\ntracer-exe = */lldb\ntracer-exe = /usr/bin/g*\n"
               "[b]\nexe = /b\nsay = owner-only\ntracer-uid = 8\n"
               "[c]\nexe = /c\nsay = owner-only\n");
        ck_assert(policy_admits(&policy.rules[0].rule, &gdb));
        ck_assert(!policy_admits(&policy.rules[0].rule, &none));
        ck_assert(!policy_admits(&policy.rules[1].rule, &gdb));
        ck_assert(policy_admits(&policy.rules[1].rule, &none));
        ck_assert(!policy_admits(&policy.rules[2].rule, &gdb));
}
END_TEST

START_TEST(as_json)
{
        struct json_object *o, *v;

        parsed("[a]\nexe = *\ncomm = php*\nsay = owner-only\ntracer-exe = */gdb\ntracer-uid = 9\n");
        o = policy_rule_to_json(&policy.rules[0]);
        v = json_object_object_get(o, "uid");
        ck_assert_ptr_null(v);
        ck_assert_str_eq(
                json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                "{\"name\":\"a\",\"file\":\"x.conf\",\"line\":1,\"say\":\"owner-only\","
                "\"mode\":\"enforce\",\"exe\":\"*\",\"comm\":\"php*\",\"uid\":null,\"cgroup\":null,"
                "\"tracer_exe\":[\"*/gdb\"],\"tracer_uid\":[9],\"memory\":\"allow\"}");
        json_object_put(o);
}
END_TEST

/* ---- files ------------------------------------------------------------------------------------------ */

static char dir[] = "/tmp/test-policy-XXXXXX";

static const char *in_dir(const char *name)
{
        static char path[256];

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        return path;
}

static void write_file(const char *name, const char *text)
{
        FILE *f = fopen(in_dir(name), "we");

        ck_assert_ptr_nonnull(f);
        fputs(text, f);
        fclose(f);
}

static void begin(void)
{
        umask(022);
        ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void end(void)
{
        char command[64];

        snprintf(command, sizeof(command), "rm -r %s", dir);
        ck_assert_int_eq(system(command), 0);
}

static int load(const char *path)
{
        error[0] = 0;
        return policy_load(&policy, path, error, sizeof(error));
}

START_TEST(a_directory)
{
        ck_assert_int_eq(load(dir), 0);
        ck_assert_uint_eq(policy.n, 0);
        write_file("20-b.conf", "[b]\nexe = /b\nsay = off\n");
        write_file("10-a.conf", "[a]\nexe = /a\nsay = off\n[a2]\nexe = /a\nsay = off\n");
        write_file("30-c.conf.bak", "rubbish\n");
        write_file(".40-d.conf", "rubbish\n");
        ck_assert_msg(load(dir) == 0, "%s", error);
        ck_assert_uint_eq(policy.n, 3);
        ck_assert_str_eq(policy.rules[0].name, "a");
        ck_assert_str_eq(policy.rules[2].name, "b");
        ck_assert_str_eq(policy.rules[2].file, in_dir("20-b.conf"));
        /* a mistake in the last file takes nothing away and adds nothing */
        write_file("50-e.conf", "[b]\nexe = /b\nsay = off\n");
        ck_assert_int_eq(load(dir), -EINVAL);
        ck_assert_ptr_nonnull(strstr(error, "50-e.conf:1: there is a rule [b] already"));
        ck_assert_uint_eq(policy.n, 3);
        ck_assert_int_eq(load(in_dir("20-b.conf")), 0);
        ck_assert_uint_eq(policy.n, 1);
        ck_assert_int_eq(load(in_dir("none")), 0);
        ck_assert_uint_eq(policy.n, 0);
        ck_assert_int_eq(load(in_dir("none.conf")), -ENOENT);
        ck_assert_int_eq(load(in_dir("20-b.conf/none")), -ENOTDIR);
}
END_TEST

START_TEST(too_many_files)
{
        char name[32];

        for (int i = 0; i <= POLICY_FILES_MAX; i++) {
                snprintf(name, sizeof(name), "%d.conf", i);
                write_file(name, "");
        }
        ck_assert_int_eq(load(dir), -EINVAL);
        ck_assert_ptr_nonnull(strstr(error, "more than 64 files"));
        unlink(in_dir("64.conf"));
        ck_assert_int_eq(load(dir), 0);
}
END_TEST

START_TEST(files_that_are_not_trusted)
{
        static const mode_t modes[] = {0620, 0602, 0666};

        write_file("a.conf", "[a]\nexe = /a\nsay = off\n");
        for (size_t i = 0; i < ELEMENTSOF(modes); i++) {
                chmod(in_dir("a.conf"), modes[i]);
                ck_assert_int_eq(load(dir), -EPERM);
                ck_assert_ptr_nonnull(strstr(error, "chmod go-w"));
                ck_assert_int_eq(load(in_dir("a.conf")), -EPERM);
        }
        chmod(in_dir("a.conf"), 0644);
        ck_assert_int_eq(load(dir), 0);
        chmod(dir, 0777);
        ck_assert_int_eq(load(dir), -EPERM);
        chmod(dir, 0755);
        ck_assert_int_eq(symlink("a.conf", in_dir("b.conf")), 0);
        ck_assert_int_eq(load(dir), -EPERM);
        ck_assert_ptr_nonnull(strstr(error, "symbolic link"));
        ck_assert_int_eq(load(in_dir("b.conf")), -EPERM);
        unlink(in_dir("b.conf"));
        ck_assert_int_eq(symlink(".", in_dir("d")), 0);
        ck_assert_int_eq(load(in_dir("d")), -EPERM);
        if (geteuid() == 0) {
                ck_assert_int_eq(chown(in_dir("a.conf"), 65534, 0), 0);
                ck_assert_int_eq(load(dir), -EPERM);
                ck_assert_ptr_nonnull(strstr(error, "belongs to uid 65534"));
        }
}
END_TEST

START_TEST(files_that_are_none)
{
        FILE *f;

        ck_assert_int_eq(mkdir(in_dir("a.conf"), 0755), 0);
        ck_assert_int_eq(load(dir), -EINVAL);
        ck_assert_ptr_nonnull(strstr(error, "not a regular file"));
        rmdir(in_dir("a.conf"));
        ck_assert_int_eq(mkfifo(in_dir("a.conf"), 0644), 0); /* does not wait for a writer */
        ck_assert_int_eq(load(dir), -EINVAL);
        unlink(in_dir("a.conf"));
        f = fopen(in_dir("a.conf"), "we");
        for (int i = 0; i <= POLICY_FILE_MAX; i++)
                fputc('\n', f);
        fclose(f);
        ck_assert_int_eq(load(dir), -EFBIG);
        ck_assert_int_eq(truncate(in_dir("a.conf"), POLICY_FILE_MAX), 0);
        ck_assert_int_eq(load(dir), 0);
}
END_TEST

START_TEST(names)
{
        ck_assert_str_eq(guard_say_to_string(SAY_OWNER), "owner-only");
        ck_assert_ptr_null(guard_say_to_string(_GUARD_SAY_MAX));
        ck_assert_str_eq(guard_mode_to_string(GUARD_AUDIT), "audit");
        ck_assert_int_eq(guard_mode_from_string("enforce"), GUARD_ENFORCE);
        ck_assert_int_eq(guard_mode_from_string("Enforce"), -EINVAL);
        ck_assert_str_eq(guard_state_to_string(GUARD_ON_AUDIT), "audit");
        ck_assert_int_eq(guard_state_from_string("on"), GUARD_ON);
        ck_assert_int_eq(guard_state_from_string(""), -EINVAL);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("policy");
        TCase *t = tcase_create("text"), *files = tcase_create("files");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_test(t, an_empty_text);
        tcase_add_test(t, every_key);
        tcase_add_loop_test(t, what_a_rule_says, 0, N_SAYS);
        tcase_add_test(t, a_rule_for_every_process);
        tcase_add_loop_test(t, a_mistake, 0, ELEMENTSOF(mistakes));
        tcase_add_test(t, several_texts);
        tcase_add_test(t, strange_bytes);
        tcase_add_test(t, matching);
        tcase_add_test(t, admitting);
        tcase_add_test(t, as_json);
        tcase_add_test(t, names);
        tcase_add_checked_fixture(files, begin, end);
        tcase_add_test(files, a_directory);
        tcase_add_test(files, too_many_files);
        tcase_add_test(files, files_that_are_not_trusted);
        tcase_add_test(files, files_that_are_none);
        suite_add_tcase(suite, t);
        suite_add_tcase(suite, files);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
