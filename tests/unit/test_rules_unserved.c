/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Tracers that end, do not know what they are, or do not serve: what provokes each finding, and its clean twin. */

#include "tests/unit/scene.h"

#define API   named(4711, "api")
#define API_2 thread_named(4711, 4713, "api")
#define GDB   named(4811, "gdb")
#define GDB_2 thread_named(4811, 4812, "gdb")
#define SHELL named(900, "bash")
#define OTHER named(950, "htop")

/* ---- killed-with-tracer ------------------------------------------------------------------------------ */

/* In the name of a tracer that is ending. */
static void kernel_kills(struct scene *s, struct task_ref tracer, struct task_ref target, uint32_t options)
{
        feed(s, (struct event){.type = EV_SIGNAL_GENERATE,
                               .actor = tracer,
                               .target = target,
                               .tracer = tracer,
                               .sig = SIGKILL,
                               .code = SI_KERNEL_CODE,
                               .priv = true,
                               .sender_is_tracer = true,
                               .ptrace = 1 | options << PTRACE_OPTION_SHIFT});
}

static void gdb_ends(struct scene *s, int32_t status)
{
        tracer_ends(s, GDB, status);
        kernel_kills(s, GDB, API, PTRACE_O_EXITKILL);
        kernel_kills(s, GDB, API_2, PTRACE_O_EXITKILL);
        process_ends(s, GDB, status);
        thread_ends(s, API_2);
        process_ends(s, API, KILLED(SIGKILL));
}

SCENE(killed_with_a_debugger_that_is_killed)
{
        struct finding f;

        seizes(s, GDB, API, PTRACE_O_EXITKILL);
        seizes(s, GDB, API_2, PTRACE_O_EXITKILL);
        sends(s, SHELL, GDB, NOBODY, SIGKILL, 0);
        gdb_ends(s, KILLED(SIGKILL));
        f = expect_saying(s, FIND_KILLED_WITH_TRACER, "tracer-killed",
                          "was killed by SIGKILL (sent by PID 900 (bash), uid 1000)");
        ck_assert_uint_eq(f.other_pid, 4811);
        ck_assert_uint_eq(f.count, 1);
        ck_assert_int_eq(f.severity, SEVERITY_ERROR);
        expect_count(s, 1);
}

SCENE(killed_with_a_tool_that_fails)
{
        seizes(s, GDB, API, PTRACE_O_EXITKILL);
        gdb_ends(s, EXITED(3));
        ck_assert_int_eq(expect_saying(s, FIND_KILLED_WITH_TRACER, "tracer-exited", "status 3").severity,
                         SEVERITY_WARNING);
}

SCENE(killed_with_the_thread_that_traced)
{
        seizes(s, GDB_2, API, PTRACE_O_EXITKILL);
        tracer_ends(s, GDB_2, EXITED(0));
        kernel_kills(s, GDB_2, API, PTRACE_O_EXITKILL);
        thread_ends(s, GDB_2);
        process_ends(s, API, KILLED(SIGKILL));
        expect_saying(s, FIND_KILLED_WITH_TRACER, "tracer-thread-ended",
                      "Its thread 4812, which traced, ended");
}

SCENE(tool_that_ends_in_good_order_and_takes_its_tracee_along_is_silent)
{
        seizes(s, GDB, API, PTRACE_O_EXITKILL);
        gdb_ends(s, EXITED(0));
        silent(s);
}

SCENE(debugger_that_kills_what_it_started_is_silent)
{
        seizes(s, GDB, API, PTRACE_O_EXITKILL);
        sends(s, GDB, API, GDB, SIGKILL, 0);
        process_ends(s, API, KILLED(SIGKILL));
        process_ends(s, GDB, EXITED(0));
        silent(s);
}

SCENE(tracee_killed_by_another_before_its_tracer_is_silent)
{
        seizes(s, GDB, API, PTRACE_O_EXITKILL);
        sends(s, SHELL, API, GDB, SIGKILL, 0);
        process_ends(s, API, KILLED(SIGKILL));
        tracer_ends(s, GDB, KILLED(SIGKILL));
        process_ends(s, GDB, KILLED(SIGKILL));
        silent(s);
}

SCENE(kill_by_the_kernel_for_another_reason_is_silent)
{
        seizes(s, GDB, API, PTRACE_O_EXITKILL);
        kernel_kills(s, GDB, API, PTRACE_O_EXITKILL); /* memory ran out while gdb was running */
        process_ends(s, API, KILLED(SIGKILL));
        silent(s);
}

SCENE(tracee_without_exitkill_lives_on)
{
        seizes(s, GDB, API, 0);
        tracer_ends(s, GDB, KILLED(SIGKILL));
        kernel_kills(s, GDB, API, 0);
        process_ends(s, API, KILLED(SIGKILL));
        silent(s);
}

int main(void)
{
        Suite *suite = suite_create("tracers that do not serve");
        TCase *c = tcase_create("killed-with-tracer");

        tcase_add_test(c, killed_with_a_debugger_that_is_killed);
        tcase_add_test(c, killed_with_a_tool_that_fails);
        tcase_add_test(c, killed_with_the_thread_that_traced);
        tcase_add_test(c, tool_that_ends_in_good_order_and_takes_its_tracee_along_is_silent);
        tcase_add_test(c, debugger_that_kills_what_it_started_is_silent);
        tcase_add_test(c, tracee_killed_by_another_before_its_tracer_is_silent);
        tcase_add_test(c, kill_by_the_kernel_for_another_reason_is_silent);
        tcase_add_test(c, tracee_without_exitkill_lives_on);
        suite_add_tcase(suite, c);
        return run_suite(suite);
}
