/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What gets lost by what a tracer asks for. */

#include "tests/unit/scene.h"

#define API       named(100, "api")
#define CHILD     named(101, "api")
#define TOOL      named(200, "tool")
#define GDB       named(200, "gdb")
#define GDB_OTHER named(300, "gdb")
#define REAPED    (3 * S)

static void keeps_back(struct scene *s, struct task_ref tracer, struct event e)
{
        e.type = EV_SIGNAL_SUPPRESSED;
        e.tracer = tracer;
        e.target = API;
        feed(s, e);
}

/* ---- SIGTRAP --------------------------------------------------------------------------------------------- */

SCENE(own_sigtrap_kept_from_its_handler)
{
        struct finding f;

        attaches(s, TOOL, API);
        keeps_back(
                s, TOOL,
                (struct event){.sig = SIGTRAP, .code = -6, .by_itself = true, .disposition = DISP_HANDLER});
        f = expect_saying(s, FIND_TRAP_SWALLOWED, "",
                          "PID 100 (api) sent itself SIGTRAP, and PID 200 (tool)");
        ck_assert_uint_eq(f.other_pid, 200);
        ck_assert_str_eq(f.risk, "");
        feed(s, (struct event){.type = EV_COUNTER,
                               .of_type = EV_SIGNAL_SUPPRESSED,
                               .target = API,
                               .tracer = TOOL,
                               .sig = SIGTRAP,
                               .count = 40});
        ck_assert_uint_eq(expect(s, FIND_TRAP_SWALLOWED, "").count, 41);
        expect_count(s, 1);
}

SCENE(gdb_is_told_its_own_way)
{
        struct finding f;

        attaches(s, GDB, API);
        keeps_back(
                s, GDB,
                (struct event){.sig = SIGTRAP, .code = -6, .by_itself = true, .disposition = DISP_HANDLER});
        f = expect(s, FIND_TRAP_SWALLOWED, "");
        ck_assert_ptr_nonnull(strstr(f.remedy, "signal SIGTRAP"));
        ck_assert_ptr_nonnull(strstr(f.risk, "handle SIGTRAP pass"));
}

SCENE(sigtraps_that_may_be_kept_back)
{
        attaches(s, TOOL, API);
        keeps_back(s, TOOL, (struct event){.sig = SIGTRAP, .disposition = DISP_HANDLER});
        keeps_back(
                s, TOOL,
                (struct event){.sig = SIGTRAP, .code = -6, .by_itself = true, .disposition = DISP_DEFAULT});
        keeps_back(
                s, named(200, HOLDER_COMM),
                (struct event){.sig = SIGTRAP, .code = -6, .by_itself = true, .disposition = DISP_HANDLER});
        silent(s);
}

/* ---- SIGCHLD --------------------------------------------------------------------------------------------- */

static void keeps_sigchld_back(struct scene *s, int disposition)
{
        attaches(s, TOOL, API);
        keeps_back(s, TOOL,
                   (struct event){
                           .sig = SIGCHLD, .code = CLD_EXITED, .actor = CHILD, .disposition = disposition});
}

SCENE(sigchld_kept_back_and_the_child_stays)
{
        struct finding f;

        keeps_sigchld_back(s, DISP_HANDLER);
        ck_assert_int_eq(s->questions[s->n_questions - 1].kind, ASK_TASK_STATE);
        ck_assert_uint_eq(s->questions[s->n_questions - 1].task.pid, 101);
        wait_ns(s, REAPED);
        is_seen(s, CHILD, 'Z', NOBODY, 0);
        f = expect_saying(s, FIND_SIGCHLD_SWALLOWED, "", "its child PID 101 (api) exited");
        ck_assert_uint_eq(f.target.pid, 100);
        ck_assert_uint_eq(f.other_pid, 200);
        is_seen(s, CHILD, 'Z', NOBODY, 0);
        ck_assert_uint_eq(expect(s, FIND_SIGCHLD_SWALLOWED, "").count, 1);
}

SCENE(sigchld_kept_back_without_harm)
{
        keeps_sigchld_back(s, DISP_DEFAULT);
        wait_ns(s, REAPED);
        is_seen(s, CHILD, 'Z', NOBODY, 0);
        keeps_sigchld_back(s, DISP_HANDLER);
        is_seen(s, CHILD, 'Z', NOBODY, 0);
        wait_ns(s, REAPED);
        is_seen(s, CHILD, 'X', NOBODY, 0);
        silent(s);
}

SCENE(a_parent_that_is_gone_reaps_nobody)
{
        keeps_sigchld_back(s, DISP_HANDLER);
        process_ends(s, API, EXITED(0));
        wait_ns(s, REAPED);
        is_seen(s, CHILD, 'Z', NOBODY, 0);
        silent(s);
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static void asks(struct scene *s, struct task_ref who, int error, uint64_t count)
{
        wait_ns(s, 1 * S);
        feed(s, (struct event){.type = EV_COUNTER,
                               .of_type = EV_NONE,
                               .request = PTRACE_GETREGS,
                               .tracer = who,
                               .target = API,
                               .vpid = API.tid,
                               .error = error,
                               .count = count});
}

SCENE(requests_from_the_wrong_thread)
{
        struct finding f;

        attaches(s, TOOL, API);
        asks(s, thread_named(200, 201, "tool"), ESRCH, 2);
        expect_count(s, 0);
        asks(s, thread_named(200, 202, "tool"), ESRCH, 2);
        f = expect_saying(s, FIND_PTRACE_WRONG_THREAD, "",
                          "thread 202 of PID 200 (tool) asked for PTRACE_GETREGS on PID 100 (api)");
        ck_assert_uint_eq(f.other_pid, 100);
        ck_assert_uint_eq(f.count, 4);
        asks(s, thread_named(200, 202, "tool"), ESRCH, 10);
        ck_assert_uint_eq(expect(s, FIND_PTRACE_WRONG_THREAD, "").count, 14);
        expect_count(s, 1);
}

SCENE(requests_that_fail_for_another_reason)
{
        attaches(s, TOOL, API);
        asks(s, TOOL, ESRCH, 100);
        asks(s, thread_named(200, 201, "tool"), EIO, 100);
        asks(s, GDB_OTHER, ESRCH, 100);
        asks(s, thread_named(200, 201, "tool"), 0, 100);
        detaches(s, TOOL, API);
        asks(s, thread_named(200, 201, "tool"), ESRCH, 100);
        silent(s);
}

SCENE(few_requests_from_the_wrong_thread)
{
        attaches(s, TOOL, API);
        for (int i = 0; i < 4; i++) {
                asks(s, thread_named(200, 201, "tool"), ESRCH, 2);
                wait_ns(s, 20 * S);
        }
        silent(s);
}

int main(void)
{
        const TTest *const tests[] = {
                own_sigtrap_kept_from_its_handler,  gdb_is_told_its_own_way,
                sigtraps_that_may_be_kept_back,     sigchld_kept_back_and_the_child_stays,
                sigchld_kept_back_without_harm,     a_parent_that_is_gone_reaps_nobody,
                requests_from_the_wrong_thread,     requests_that_fail_for_another_reason,
                few_requests_from_the_wrong_thread,
        };
        Suite *suite = suite_create("rules calls");
        TCase *t = tcase_create("findings");

        for (size_t i = 0; i < ELEMENTSOF(tests); i++)
                tcase_add_test(t, tests[i]);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
