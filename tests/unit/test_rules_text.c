/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Programs that a tracer makes different from what their file says. */

#include "tests/unit/scene.h"

#define API    named(4711, "api")
#define STRACE named(4820, "strace")

/* ---- setuid-ignored ---------------------------------------------------------------------------------- */

static void execs_without(struct scene *s, struct task_ref tracer, int ignored)
{
        struct event e = {.type = EV_TASK_EXEC,
                          .target = API,
                          .tracer = tracer,
                          .vpid = 4711,
                          .ignored = ignored,
                          .uid = 1000,
                          .file_owner = 0};

        strcpy(e.path, "/usr/bin/su");
        feed(s, e);
}

SCENE(set_uid_program_under_a_tracer_without_rights)
{
        struct finding f;

        seizes(s, STRACE, API, 0);
        execs_without(s, STRACE, IGNORED_SET_UID);
        f = expect_saying(s, FIND_SETUID_IGNORED, "set-uid",
                          "as uid 1000, not as the file's owner (uid 0): PID 4820 (strace) traces it");
        ck_assert_uint_eq(f.other_pid, 4820);
        ck_assert_uint_eq(f.n_evidence, 1);
        expect_count(s, 1);
}

SCENE(set_gid_program_under_a_tracer_without_rights)
{
        seizes(s, STRACE, API, 0);
        execs_without(s, STRACE, IGNORED_SET_GID);
        expect_saying(s, FIND_SETUID_IGNORED, "set-gid", "without the file's group (gid 0)");
}

SCENE(program_with_capabilities_under_a_tracer_without_rights)
{
        seizes(s, STRACE, API, 0);
        execs_without(s, STRACE, IGNORED_CAPABILITIES);
        expect_saying(s, FIND_SETUID_IGNORED, "capabilities", "without the file's capabilities");
}

SCENE(ordinary_exec_under_a_tracer_is_silent)
{
        seizes(s, STRACE, API, 0);
        execs_without(s, STRACE, IGNORED_NOTHING);
        silent(s);
}

int main(void)
{
        const TTest *const tests[] = {
                set_uid_program_under_a_tracer_without_rights,
                set_gid_program_under_a_tracer_without_rights,
                program_with_capabilities_under_a_tracer_without_rights,
                ordinary_exec_under_a_tracer_is_silent,
        };
        Suite *suite = suite_create("rules text");
        TCase *t = tcase_create("findings");

        for (size_t i = 0; i < ELEMENTSOF(tests); i++)
                tcase_add_test(t, tests[i]);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
