/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Processes that stand still, and what must stay silent: what provokes each finding, and its clean twin that
 * stays silent. */

#include "tests/unit/scene.h"

#define API    named(4711, "api")
#define API_2  thread_named(4711, 4713, "api")
#define DLV    named(4802, "dlv")
#define GDB    named(4811, "gdb")
#define STRACE named(4820, "strace")
#define SHELL  named(900, "bash")
#define CHILD  named(5120, "api")

/* ---- left-stopped -------------------------------------------------------------------------------- */

SCENE(stopped_by_the_sigstop_of_a_tracer_that_left)
{
        struct finding f;

        attaches(s, GDB, API);
        sends(s, GDB, API, GDB, SIGSTOP, SI_KERNEL_CODE);
        tracer_ends(s, GDB, KILLED(SIGKILL));
        delivers(s, API, NOBODY, SIGSTOP, SI_KERNEL_CODE, 0);
        ck_assert_int_eq(s->questions[s->n_questions - 1].kind, ASK_TASK_STATE);
        ck_assert_uint_eq(s->questions[s->n_questions - 1].not_before_ns, s->now + 300 * MS);
        expect_count(s, 0);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
        f = expect_saying(s, FIND_LEFT_STOPPED, "", "PID 4811 (gdb) left behind");
        ck_assert_str_eq(f.remedy, "kill -CONT 4711");
        ck_assert_str_eq(f.risk, "");
        expect_count(s, 1);
}

SCENE(stopped_by_a_tgkill_of_a_tracer_that_left)
{
        attaches(s, DLV, API_2);
        sends(s, DLV, API_2, DLV, SIGSTOP, SI_TKILL);
        detaches(s, DLV, API_2);
        delivers(s, API_2, NOBODY, SIGSTOP, SI_TKILL, 0);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
        expect(s, FIND_LEFT_STOPPED, "");
}

SCENE(left_in_a_stop_that_the_tracer_had_passed_on)
{
        attaches(s, DLV, API);
        sends(s, DLV, API, DLV, SIGSTOP, SI_TKILL);
        delivers(s, API, DLV, SIGSTOP, SI_TKILL, 0);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
        expect(s, FIND_LEFT_STOPPED, "");
}

SCENE(left_over_stop_that_only_the_parent_was_told_of)
{
        attaches(s, GDB, API);
        sends(s, GDB, API, GDB, SIGSTOP, SI_KERNEL_CODE);
        tracer_ends(s, GDB, EXITED(0));
        sends(s, API, SHELL, NOBODY, SIGCHLD, CLD_STOPPED);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
        expect(s, FIND_LEFT_STOPPED, "");
}

SCENE(stop_passed_on_by_a_tracer_that_stays_is_silent)
{
        attaches(s, DLV, API);
        sends(s, DLV, API, DLV, SIGSTOP, SI_TKILL);
        delivers(s, API, DLV, SIGSTOP, SI_TKILL, 0);
        sends(s, API, SHELL, NOBODY, SIGCHLD, CLD_STOPPED);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 't', DLV, 'S');
        silent(s);
}

SCENE(stop_of_a_user_is_silent)
{
        sends(s, SHELL, API, NOBODY, SIGSTOP, 0);
        delivers(s, API, NOBODY, SIGSTOP, 0, 0);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
        silent(s);
}

SCENE(stop_of_a_user_under_a_tracer_is_silent)
{
        attaches(s, GDB, API);
        sends(s, GDB, API, GDB, SIGSTOP, SI_KERNEL_CODE);
        sends(s, SHELL, API, GDB, SIGSTOP, 0);
        delivers(s, API, GDB, SIGSTOP, 0, 0);
        detaches(s, GDB, API);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
        silent(s);
}

/* What gdb -batch does to a process that is stopped: the kernel tells it of that stop at once. */
static void gdb_looks_at_a_stopped_process(struct scene *s)
{
        sends(s, GDB, API, GDB, SIGSTOP, SI_KERNEL_CODE);
        sends(s, API, GDB, NOBODY, SIGCHLD, CLD_STOPPED);
        attaches(s, GDB, API);
        wait_ns(s, 100 * MS);
        detaches(s, GDB, API);
        delivers(s, API, NOBODY, SIGSTOP, SI_KERNEL_CODE, 0);
        sends(s, API, SHELL, NOBODY, SIGCHLD, CLD_STOPPED);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
}

SCENE(stop_that_the_parent_was_told_of_before_a_tracer_came_is_silent)
{
        const struct task_ref api = API;
        struct stop_view v;

        sends(s, API, SHELL, NOBODY, SIGCHLD, CLD_STOPPED);
        gdb_looks_at_a_stopped_process(s);
        silent(s);
        ck_assert_int_eq(model_stop(s->m, &api, &v), 0);
        ck_assert(v.older && !v.by_tracer);
        ck_assert_uint_gt(v.since_wall_ns, 0);
        ck_assert_uint_eq(v.tracer.pid, 4811);
}

SCENE(stop_that_only_the_tracer_was_told_of_is_silent)
{
        gdb_looks_at_a_stopped_process(s);
        silent(s);
}

SCENE(stop_that_was_seen_before_a_tracer_came_is_silent)
{
        sends(s, SHELL, API, NOBODY, SIGSTOP, 0);
        sends(s, SHELL, API, NOBODY, SIGCONT, 0);
        is_seen(s, API, 'T', NOBODY, 0);
        sends(s, GDB, API, GDB, SIGSTOP, SI_KERNEL_CODE);
        attaches(s, GDB, API);
        detaches(s, GDB, API);
        delivers(s, API, NOBODY, SIGSTOP, SI_KERNEL_CODE, 0);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
        silent(s);
}

SCENE(stop_that_was_over_when_a_tracer_came_is_no_excuse)
{
        sends(s, API, SHELL, NOBODY, SIGCHLD, CLD_STOPPED);
        sends(s, API, SHELL, NOBODY, SIGCHLD, CLD_CONTINUED);
        sends(s, GDB, API, GDB, SIGSTOP, SI_KERNEL_CODE);
        attaches(s, GDB, API);
        tracer_ends(s, GDB, KILLED(SIGKILL));
        delivers(s, API, NOBODY, SIGSTOP, SI_KERNEL_CODE, 0);
        sends(s, API, SHELL, NOBODY, SIGCHLD, CLD_STOPPED);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
        expect_saying(s, FIND_LEFT_STOPPED, "", "PID 4811 (gdb) left behind");
}

/* Its SIGSTOP was sent before the recording began: what it found the process in is not known. */
SCENE(stop_after_an_attach_that_was_not_seen_is_silent)
{
        feed(s,
             (struct event){.type = EV_PTRACE_ATTACH, .tracer = GDB, .target = API, .origin = ORIGIN_SCAN});
        detaches(s, GDB, API);
        delivers(s, API, NOBODY, SIGSTOP, SI_KERNEL_CODE, 0);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
        silent(s);
}

/* It sends another SIGSTOP later; that says nothing of how the process was when it came. */
SCENE(stop_by_a_tracer_that_was_there_before_is_silent)
{
        feed(s,
             (struct event){.type = EV_PTRACE_ATTACH, .tracer = GDB, .target = API, .origin = ORIGIN_SCAN});
        sends(s, GDB, API, GDB, SIGSTOP, SI_TKILL);
        detaches(s, GDB, API);
        delivers(s, API, NOBODY, SIGSTOP, SI_TKILL, 0);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
        silent(s);
        /* Continued, it is known how the next one finds it. */
        sends(s, SHELL, API, NOBODY, SIGCONT, 0);
        attaches(s, GDB, API);
        sends(s, GDB, API, GDB, SIGSTOP, SI_KERNEL_CODE);
        tracer_ends(s, GDB, KILLED(SIGKILL));
        delivers(s, API, NOBODY, SIGSTOP, SI_KERNEL_CODE, 0);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
        expect(s, FIND_LEFT_STOPPED, "");
}

/* A tracer that is the parent, too, hears of the stop that it left behind as a parent. */
SCENE(parent_that_leaves_its_own_sigstop_behind_is_told)
{
        attaches(s, SHELL, API);
        sends(s, SHELL, API, SHELL, SIGSTOP, SI_KERNEL_CODE);
        detaches(s, SHELL, API);
        sends(s, API, SHELL, NOBODY, SIGCHLD, CLD_STOPPED);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
        expect_saying(s, FIND_LEFT_STOPPED, "", "PID 900 (bash) left behind");
}

SCENE(left_over_stop_that_somebody_continues_is_silent)
{
        attaches(s, GDB, API);
        sends(s, GDB, API, GDB, SIGSTOP, SI_KERNEL_CODE);
        detaches(s, GDB, API);
        delivers(s, API, NOBODY, SIGSTOP, SI_KERNEL_CODE, 0);
        sends(s, GDB, API, NOBODY, SIGCONT, 0);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'S', NOBODY, 0);
        sends(s, SHELL, API, NOBODY, SIGSTOP, 0);
        delivers(s, API, NOBODY, SIGSTOP, 0, 0);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'T', NOBODY, 0);
        silent(s);
}

SCENE(clean_attach_and_detach_is_silent)
{
        attaches(s, GDB, API);
        sends(s, GDB, API, GDB, SIGSTOP, SI_KERNEL_CODE);
        traps(s, API, GDB);
        detaches(s, GDB, API);
        wait_ns(s, 400 * MS);
        is_seen(s, API, 'S', NOBODY, 0);
        silent(s);
}

SCENE(slow_log_of_php_fpm_is_silent)
{
        struct task_ref master = named(700, "php-fpm8.2"), worker = named(701, "php-fpm8.2");

        for (int i = 0; i < 3; i++) {
                sends(s, master, worker, NOBODY, SIGSTOP, 0);
                delivers(s, worker, NOBODY, SIGSTOP, 0, 0);
                attaches(s, master, worker);
                sends(s, master, worker, master, SIGSTOP, SI_KERNEL_CODE);
                detaches(s, master, worker);
                delivers(s, worker, NOBODY, SIGSTOP, SI_KERNEL_CODE, 0);
                sends(s, master, worker, NOBODY, SIGCONT, 0);
                wait_ns(s, 400 * MS);
                is_seen(s, worker, 'S', NOBODY, 0);
        }
        silent(s);
}

/* ---- tracer-hung --------------------------------------------------------------------------------- */

SCENE(tracer_that_is_stopped_itself)
{
        attaches(s, GDB, API);
        for (int i = 0; i < 4; i++) {
                is_seen(s, API, 't', GDB, 'T');
                wait_ns(s, 1 * S);
        }
        expect_saying(s, FIND_TRACER_HUNG, "stopped", "its tracer PID 4811 (gdb) is itself stopped");
        ck_assert_ptr_nonnull(strstr(expect(s, FIND_TRACER_HUNG, "stopped").remedy, "kill -CONT 4811"));
        expect_count(s, 1);
}

SCENE(tracer_that_is_traced_itself)
{
        attaches(s, GDB, API);
        attaches(s, STRACE, GDB);
        for (int i = 0; i < 4; i++) {
                is_seen(s, API, 't', GDB, 't');
                wait_ns(s, 1 * S);
        }
        expect_saying(s, FIND_TRACER_HUNG, "traced", "held in a ptrace-stop by PID 4820 (strace)");
}

SCENE(tracer_that_waits_for_its_user_is_silent)
{
        attaches(s, GDB, API);
        for (int i = 0; i < 20; i++) {
                is_seen(s, API, 't', GDB, 'S');
                wait_ns(s, 60 * S);
        }
        silent(s);
}

SCENE(tracer_stopped_for_a_moment_is_silent)
{
        attaches(s, GDB, API);
        is_seen(s, API, 't', GDB, 'T');
        wait_ns(s, 2 * S);
        is_seen(s, API, 't', GDB, 'S');
        wait_ns(s, 2 * S);
        is_seen(s, API, 't', GDB, 'T');
        wait_ns(s, 30 * S);
        is_seen(s, API, 't', GDB, 'T');
        silent(s);
}

/* ---- known false alarms -------------------------------------------------------------------------- */

SCENE(sigchld_of_every_kind_is_silent)
{
        struct event e = {.type = EV_SIGNAL_GENERATE,
                          .actor = API,
                          .target = GDB,
                          .sig = SIGCHLD,
                          .code = CLD_TRAPPED,
                          .result = SIGRES_IGNORED,
                          .info_pid = 4711,
                          .info_status = 5};

        attaches(s, GDB, API);
        feed(s, e);
        e.result = SIGRES_PENDING;
        e.code = CLD_EXITED;
        feed(s, e);
        e.target = SHELL;
        feed(s, e);
        silent(s);
}

SCENE(start_up_helpers_of_gdb_are_silent)
{
        struct task_ref helper = named(4830, "gdb"), helper_2 = named(4831, "gdb");

        forks(s, GDB, helper, NOBODY, 0);
        tracemes(s, GDB, helper);
        sends(s, helper, helper, GDB, SIGSTOP, 0);
        forks(s, helper, helper_2, GDB, 4811);
        feed(s, (struct event){
                        .type = EV_PTRACE_AUTOATTACH, .tracer = GDB, .target = helper_2, .parent = helper});
        sends(s, GDB, helper_2, GDB, SIGSTOP, SI_KERNEL_CODE);
        sends(s, helper, helper, GDB, SIGSEGV, SI_KERNEL_CODE);
        sends(s, GDB, helper, GDB, SIGKILL, 0);
        process_ends(s, helper_2, KILLED(SIGKILL));
        process_ends(s, helper, KILLED(SIGKILL));
        silent(s);
}

SCENE(strace_f_is_silent)
{
        seizes(s, STRACE, API, 0x5f);
        forks(s, API, API_2, STRACE, 4820);
        feed(s, (struct event){.type = EV_PTRACE_AUTOATTACH,
                               .tracer = STRACE,
                               .target = API_2,
                               .parent = API,
                               .ptrace = 0x102f9});
        forks(s, API, CHILD, STRACE, 4820);
        feed(s,
             (struct event){.type = EV_PTRACE_AUTOATTACH, .tracer = STRACE, .target = CHILD, .parent = API});
        execs(s, CHILD, STRACE, 5120, "/usr/bin/true");
        thread_ends(s, API_2);
        process_ends(s, CHILD, EXITED(0));
        detaches_by(s, STRACE, CHILD, DETACHED_TRACEE_EXIT);
        process_ends(s, API, EXITED(0));
        tracer_ends(s, STRACE, EXITED(0));
        silent(s);
}

SCENE(gdb_run_to_the_end_is_silent)
{
        forks(s, GDB, API, NOBODY, 0);
        tracemes(s, GDB, API);
        execs(s, API, GDB, 4711, "/bin/sh");
        execs(s, API, GDB, 4711, "/usr/bin/api");
        traps(s, API, GDB);
        forks(s, API, API_2, GDB, 4811);
        feed(s, (struct event){.type = EV_PTRACE_AUTOATTACH, .tracer = GDB, .target = API_2, .parent = API});
        traps(s, API_2, GDB);
        /* detach-on-fork: the child's breakpoints are taken out first */
        forks(s, API, CHILD, GDB, 4811);
        feed(s, (struct event){.type = EV_PTRACE_AUTOATTACH, .tracer = GDB, .target = CHILD, .parent = API});
        detaches(s, GDB, CHILD);
        process_ends(s, CHILD, EXITED(0));
        process_ends(s, API, EXITED(0));
        process_ends(s, GDB, EXITED(0));
        silent(s);
}

SCENE(killed_debugger_alone_is_silent)
{
        struct event e = {.type = EV_SIGNAL_GENERATE,
                          .actor = GDB,
                          .target = API,
                          .tracer = GDB,
                          .sig = SIGKILL,
                          .code = SI_KERNEL_CODE,
                          .priv = true,
                          .ptrace = 0x800001};

        tracemes(s, GDB, API);
        feed(s, e);
        tracer_ends(s, GDB, KILLED(SIGKILL));
        process_ends(s, API, KILLED(SIGKILL));
        silent(s);
}

int main(void)
{
        const TTest *const tests[] = {
                stopped_by_the_sigstop_of_a_tracer_that_left,
                stopped_by_a_tgkill_of_a_tracer_that_left,
                left_in_a_stop_that_the_tracer_had_passed_on,
                left_over_stop_that_only_the_parent_was_told_of,
                stop_passed_on_by_a_tracer_that_stays_is_silent,
                stop_of_a_user_is_silent,
                stop_of_a_user_under_a_tracer_is_silent,
                stop_that_the_parent_was_told_of_before_a_tracer_came_is_silent,
                stop_that_only_the_tracer_was_told_of_is_silent,
                stop_that_was_seen_before_a_tracer_came_is_silent,
                stop_that_was_over_when_a_tracer_came_is_no_excuse,
                stop_after_an_attach_that_was_not_seen_is_silent,
                stop_by_a_tracer_that_was_there_before_is_silent,
                parent_that_leaves_its_own_sigstop_behind_is_told,
                left_over_stop_that_somebody_continues_is_silent,
                clean_attach_and_detach_is_silent,
                slow_log_of_php_fpm_is_silent,
                tracer_that_is_stopped_itself,
                tracer_that_is_traced_itself,
                tracer_that_waits_for_its_user_is_silent,
                tracer_stopped_for_a_moment_is_silent,
                sigchld_of_every_kind_is_silent,
                start_up_helpers_of_gdb_are_silent,
                strace_f_is_silent,
                gdb_run_to_the_end_is_silent,
                killed_debugger_alone_is_silent,
        };
        Suite *suite = suite_create("rules stop");
        TCase *t = tcase_create("findings");

        for (size_t i = 0; i < ELEMENTSOF(tests); i++)
                tcase_add_test(t, tests[i]);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
