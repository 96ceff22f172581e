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

/* How often it was asked in what state a task is. */
static size_t n_state_questions(const struct scene *s)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n_questions; i++)
                n += s->questions[i].kind == ASK_TASK_STATE;
        return n;
}

/* ---- tracer-unaware ---------------------------------------------------------------------------------- */

/* A request of gdb's, as its counter tells of it. */
static void requests(struct scene *s, struct task_ref tracer, struct task_ref target, int request)
{
        feed(s, (struct event){.type = EV_COUNTER,
                               .of_type = EV_NONE,
                               .tracer = tracer,
                               .target = target,
                               .request = request,
                               .count = 1});
}

static void stops_at_its_exec(struct scene *s, struct task_ref parent)
{
        tracemes(s, parent, API);
        execs(s, API, parent, API.tid, "/usr/bin/api");
        sends(s, API, parent, NOBODY, SIGCHLD, CLD_TRAPPED);
}

SCENE(parent_that_does_not_know_that_it_traces)
{
        struct finding f;

        stops_at_its_exec(s, SHELL);
        sends(s, API, SHELL, NOBODY, SIGCHLD, CLD_TRAPPED);
        ck_assert_uint_eq(n_state_questions(s), 1);
        wait_ns(s, 3 * S);
        is_seen(s, API, 't', SHELL, 'S');
        f = expect_saying(s, FIND_TRACER_UNAWARE, "traceme", "its parent PID 900 (bash)");
        ck_assert_str_eq(f.risk, "what the program has not saved is lost");
        is_seen(s, API, 't', SHELL, 'S');
        ck_assert_uint_eq(expect(s, FIND_TRACER_UNAWARE, "traceme").count, 1);
        expect_count(s, 1);
}

SCENE(late_stop_of_a_program_that_asked_to_be_traced)
{
        tracemes(s, SHELL, API);
        wait_ns(s, 4 * S);
        is_seen(s, API, 'S', SHELL, 'S');
        wait_ns(s, 60 * S);
        sends(s, OTHER, API, SHELL, SIGTERM, 0);
        wait_ns(s, 3 * S);
        is_seen(s, API, 't', SHELL, 'S');
        expect(s, FIND_TRACER_UNAWARE, "traceme");
}

SCENE(debugger_that_starts_a_program_is_silent)
{
        stops_at_its_exec(s, GDB);
        requests(s, GDB, API, PTRACE_SETOPTIONS);
        wait_ns(s, 3 * S);
        is_seen(s, API, 't', GDB, 'S');
        silent(s);
}

SCENE(tool_that_asks_from_another_thread_knows_that_it_traces)
{
        stops_at_its_exec(s, GDB);
        requests(s, GDB_2, API, PTRACE_CONT);
        wait_ns(s, 3 * S);
        is_seen(s, API, 't', GDB, 'S');
        silent(s);
}

SCENE(tool_that_has_attached_elsewhere_knows_that_it_traces)
{
        attaches(s, GDB, OTHER);
        stops_at_its_exec(s, GDB);
        wait_ns(s, 3 * S);
        is_seen(s, API, 't', GDB, 'S');
        silent(s);
}

/* A debugger of 32 bits: its child asked by a call of 32 bits, and its own requests are not counted. */
SCENE(debugger_whose_requests_are_not_counted_is_not_called_unaware)
{
        feed(s, (struct event){.type = EV_PTRACE_TRACEME,
                               .tracer = SHELL,
                               .target = API,
                               .ptrace = 1,
                               .calls_unseen = true});
        execs(s, API, SHELL, API.tid, "/usr/bin/api");
        sends(s, API, SHELL, NOBODY, SIGCHLD, CLD_TRAPPED);
        wait_ns(s, 3 * S);
        is_seen(s, API, 't', SHELL, 'S');
        silent(s);
}

SCENE(nobody_is_called_unaware_where_no_requests_are_counted)
{
        feed(s, (struct event){.type = EV_DAEMON_START, .path = "full", .calls_unseen = true});
        stops_at_its_exec(s, SHELL);
        wait_ns(s, 3 * S);
        is_seen(s, API, 't', SHELL, 'S');
        silent(s);
}

SCENE(parent_that_cannot_run_is_not_called_unaware)
{
        stops_at_its_exec(s, SHELL);
        wait_ns(s, 3 * S);
        is_seen(s, API, 't', SHELL, 'T');
        expect_none_of(s, FIND_TRACER_UNAWARE);
}

SCENE(program_that_asked_to_be_traced_and_runs_is_silent)
{
        tracemes(s, SHELL, API);
        wait_ns(s, 4 * S);
        is_seen(s, API, 'S', SHELL, 'S');
        silent(s);
}

/* ---- parent-blinded ---------------------------------------------------------------------------------- */

static void ends_traced(struct scene *s, struct task_ref target, struct task_ref tracer)
{
        feed(s, (struct event){.type = EV_TASK_EXIT,
                               .target = target,
                               .tracer = tracer,
                               .status = KILLED(SIGKILL),
                               .group_dead = true});
}

static void is_seen_as_zombie(struct scene *s, struct task_ref tracer, char tracer_state,
                              struct task_ref parent)
{
        feed(s, (struct event){.type = EV_TASK_STATE,
                               .target = API,
                               .state = 'Z',
                               .tracer = tracer,
                               .tracer_state = tracer_state,
                               .parent = parent});
}

SCENE(parent_cannot_see_an_end_that_the_tracer_has_not_reaped)
{
        struct finding f;

        attaches(s, GDB, API);
        ends_traced(s, API, GDB);
        ck_assert_int_eq(s->questions[s->n_questions - 1].kind, ASK_TASK_STATE);
        ck_assert_uint_eq(s->questions[s->n_questions - 1].not_before_ns, s->now + 3 * S);
        wait_ns(s, 3 * S);
        is_seen_as_zombie(s, GDB, 'S', SHELL);
        f = expect_saying(s, FIND_PARENT_BLINDED, "not-reaped", "its parent PID 900 (bash) cannot see that");
        ck_assert_uint_eq(f.other_pid, 4811);
        expect_count(s, 1);
}

SCENE(parent_cannot_see_an_end_while_the_tracer_is_stopped)
{
        attaches(s, GDB, API);
        ends_traced(s, API, GDB);
        wait_ns(s, 3 * S);
        is_seen_as_zombie(s, GDB, 'T', SHELL);
        ck_assert_str_eq(expect(s, FIND_PARENT_BLINDED, "tracer-stopped").remedy, "kill -CONT 4811");
}

SCENE(zombie_that_waits_for_its_parent_is_silent)
{
        attaches(s, GDB, API);
        ends_traced(s, API, GDB);
        wait_ns(s, 3 * S);
        is_seen_as_zombie(s, NOBODY, 0, SHELL);
        silent(s);
}

SCENE(zombie_whose_parent_traces_it_is_silent)
{
        tracemes(s, GDB, API);
        requests(s, GDB, API, PTRACE_SETOPTIONS);
        ends_traced(s, API, GDB);
        wait_ns(s, 3 * S);
        is_seen_as_zombie(s, GDB, 'S', GDB);
        silent(s);
}

SCENE(zombie_seen_too_soon_is_silent)
{
        attaches(s, GDB, API);
        ends_traced(s, API, GDB);
        wait_ns(s, 1 * S);
        is_seen_as_zombie(s, GDB, 'S', SHELL);
        silent(s);
}

/* Of many that end, and are reaped, few are asked about. */
SCENE(strace_f_asks_few_questions)
{
        size_t n = 0;

        for (uint32_t i = 0; i < 500; i++) {
                struct task_ref child = named(10000 + i, "cc");

                attaches(s, GDB, child);
                ends_traced(s, child, GDB);
                feed(s, (struct event){.type = EV_WAIT_REAP, .target = GDB, .actor = {.pid = child.pid}});
                n += n_state_questions(s);
                s->n_questions = 0;
        }
        ck_assert_uint_le(n, 4); /* in a second and a half */
        silent(s);
}

/* ---- attach-stuck ------------------------------------------------------------------------------------ */

static void is_seen_in_d(struct scene *s, struct task_ref tracer, struct task_ref vfork_child,
                         const char *function)
{
        struct event e = {.type = EV_TASK_STATE,
                          .target = API,
                          .state = 'D',
                          .tracer = tracer,
                          .tracer_state = 'S',
                          .actor = vfork_child};

        strcpy(e.waits_in, function);
        feed(s, e);
}

SCENE(attach_waits_for_a_target_inside_vfork)
{
        attaches(s, GDB, API);
        wait_ns(s, 2 * S);
        is_seen_in_d(s, GDB, OTHER, "kernel_clone");
        expect_saying(s, FIND_ATTACH_STUCK, "vfork", "its child PID 950 (htop)");
        wait_ns(s, 2 * S);
        is_seen_in_d(s, GDB, OTHER, "kernel_clone");
        ck_assert_uint_eq(expect(s, FIND_ATTACH_STUCK, "vfork").count, 1);
        expect_count(s, 1);
}

SCENE(attach_waits_for_a_target_that_waits_for_a_disk)
{
        seizes(s, GDB, API, 0);
        wait_ns(s, 60 * S);
        requests(s, GDB, API, PTRACE_INTERRUPT);
        wait_ns(s, 1 * S);
        is_seen_in_d(s, GDB, NOBODY, "nfs_wait_bit_killable");
        expect_count(s, 0); /* not yet */
        wait_ns(s, 2 * S);
        is_seen_in_d(s, GDB, NOBODY, "nfs_wait_bit_killable");
        expect_saying(s, FIND_ATTACH_STUCK, "uninterruptible", "in nfs_wait_bit_killable");
}

SCENE(target_in_state_d_that_nobody_asked_to_stop_is_silent)
{
        seizes(s, GDB, API, 0);
        wait_ns(s, 10 * S);
        is_seen_in_d(s, GDB, OTHER, "kernel_clone");
        silent(s);
}

SCENE(target_in_state_d_after_its_stop_is_silent)
{
        attaches(s, GDB, API);
        sends(s, API, GDB, NOBODY, SIGCHLD, CLD_STOPPED);
        wait_ns(s, 10 * S);
        is_seen_in_d(s, GDB, OTHER, "kernel_clone");
        silent(s);
}

SCENE(target_in_state_d_that_its_tracer_has_let_run_is_silent)
{
        attaches(s, GDB, API);
        requests(s, GDB, API, PTRACE_CONT); /* it does not ask to be told of stops */
        wait_ns(s, 10 * S);
        is_seen_in_d(s, GDB, OTHER, "kernel_clone");
        silent(s);
}

/* By a debugger of 32 bits: its requests are not counted. */
static void attaches_uncounted(struct scene *s, struct task_ref tracer, struct task_ref target)
{
        feed(s, (struct event){.type = EV_PTRACE_ATTACH,
                               .tracer = tracer,
                               .target = target,
                               .ptrace = 1,
                               .vpid = target.tid,
                               .calls_unseen = true});
}

SCENE(attach_of_one_whose_requests_are_not_counted_is_not_called_stuck)
{
        attaches_uncounted(s, GDB, API);
        wait_ns(s, 10 * S);
        is_seen_in_d(s, GDB, OTHER, "kernel_clone");
        silent(s);
}

/* ---- tracer-stale ------------------------------------------------------------------------------------ */

static void is_seen_idle(struct scene *s, struct task_ref target, struct task_ref tracer, bool idle)
{
        feed(s, (struct event){.type = EV_TASK_STATE,
                               .target = target,
                               .state = 't',
                               .tracer = tracer,
                               .tracer_state = 'S',
                               .tracer_idle = idle});
}

#define HALF_AN_HOUR (1800 * S)

SCENE(tracer_that_has_done_nothing_for_half_an_hour)
{
        struct finding f;

        attaches(s, GDB, API);
        attaches(s, GDB, API_2);
        wait_ns(s, HALF_AN_HOUR);
        is_seen_idle(s, API, GDB, true);
        is_seen_idle(s, API_2, GDB, true);
        f = expect_saying(s, FIND_TRACER_STALE, "idle", "no ptrace or wait call for 30 min");
        ck_assert_uint_eq(f.count, 1);
        ck_assert_uint_eq(f.target.tid, 0);
        wait_ns(s, HALF_AN_HOUR);
        is_seen_idle(s, API, GDB, true);
        ck_assert_uint_eq(expect(s, FIND_TRACER_STALE, "idle").count, 1);
}

SCENE(person_who_reads_code_at_a_prompt_is_silent)
{
        attaches(s, GDB, API);
        wait_ns(s, HALF_AN_HOUR - 1 * S);
        requests(s, GDB, API, PTRACE_PEEKDATA);
        wait_ns(s, HALF_AN_HOUR - 1 * S);
        is_seen_idle(s, API, GDB, true);
        silent(s);
}

SCENE(tracer_inside_a_wait_call_is_silent)
{
        attaches(s, GDB, API);
        wait_ns(s, 2 * HALF_AN_HOUR);
        is_seen_idle(s, API, GDB, false);
        silent(s);
}

SCENE(tracer_whose_requests_are_not_counted_is_not_called_idle)
{
        attaches_uncounted(s, GDB, API);
        wait_ns(s, HALF_AN_HOUR);
        is_seen_idle(s, API, GDB, true);
        silent(s);
}

SCENE(tracer_that_serves_another_tracee_is_silent)
{
        attaches(s, GDB, API);
        attaches(s, GDB, OTHER);
        wait_ns(s, HALF_AN_HOUR);
        requests(s, GDB, OTHER, PTRACE_CONT);
        is_seen_idle(s, API, GDB, true);
        silent(s);
}

/* ---- tracer-died-in-stop ----------------------------------------------------------------------------- */

static void ends_in_stop(struct scene *s, int sig, int code, bool waited)
{
        tracer_ends(s, GDB, KILLED(SIGKILL));
        feed(s, (struct event){.type = EV_PTRACE_LEFT,
                               .target = API,
                               .tracer = GDB,
                               .sig = sig,
                               .code = code,
                               .info_pid = code <= 0 ? 900 : 0,
                               .ip = 0x401001,
                               .ptrace = 1,
                               .waited = waited});
        process_ends(s, GDB, KILLED(SIGKILL));
        wait_ns(s, 500 * MS);
}

SCENE(breakpoint_stop_that_was_read_is_dropped_with_the_tracer)
{
        attaches(s, GDB, API);
        traps(s, API, GDB);
        sends(s, SHELL, GDB, NOBODY, SIGKILL, 0);
        ends_in_stop(s, SIGTRAP, SI_KERNEL_CODE, true);
        expect_count(s, 0);
        is_seen(s, API, 'S', NOBODY, 0);
        expect_saying(s, FIND_TRACER_DIED_IN_STOP, "dropped-breakpoint", "It goes on at 0x401001");
        expect_saying(s, FIND_TRACER_DIED_IN_STOP, "dropped-breakpoint", "(sent by PID 900 (bash)");
        expect_count(s, 1);
}

SCENE(breakpoint_stop_is_dropped_and_the_program_dies_of_what_follows)
{
        struct finding f;

        attaches(s, GDB, API);
        traps(s, API, GDB);
        ends_in_stop(s, SIGTRAP, SI_KERNEL_CODE, true);
        process_ends(s, API, KILLED(SIGILL));
        f = expect_saying(s, FIND_TRACER_DIED_IN_STOP, "dropped-breakpoint", "then was killed by SIGILL");
        ck_assert_int_eq(f.severity, SEVERITY_ERROR);
}

SCENE(signal_that_was_read_is_dropped_with_the_tracer)
{
        attaches(s, GDB, API);
        ends_in_stop(s, SIGUSR2, SI_USER, true);
        is_seen(s, API, 'S', NOBODY, 0);
        ck_assert_str_eq(
                expect(s, FIND_TRACER_DIED_IN_STOP, "dropped").remedy,
                "send the signal again: kill -USR2 4711. Next time detach before the debugger ends");
        expect_count(s, 1);
}

SCENE(signal_that_was_not_read_is_delivered_and_silent)
{
        attaches(s, GDB, API);
        ends_in_stop(s, SIGUSR2, SI_USER, false);
        is_seen(s, API, 'S', NOBODY, 0);
        silent(s);
}

SCENE(breakpoint_that_the_tracer_has_set_back_is_silent)
{
        struct event e = trap(API, GDB);

        attaches(s, GDB, API);
        e.ip = 0x401002;
        feed(s, e);
        ends_in_stop(s, SIGTRAP, SI_KERNEL_CODE, true);
        is_seen(s, API, 'S', NOBODY, 0);
        silent(s);
}

SCENE(stops_of_a_debuggers_own_are_silent)
{
        attaches(s, GDB, API);
        ends_in_stop(s, SIGSTOP, SI_KERNEL_CODE, true);
        is_seen(s, API, 'S', NOBODY, 0);
        ends_in_stop(s, SIGTRAP, 2, true); /* a step */
        is_seen(s, API, 'S', NOBODY, 0);
        ends_in_stop(s, SIGSEGV, 1, true); /* it comes again */
        is_seen(s, API, 'S', NOBODY, 0);
        silent(s);
}

SCENE(program_that_is_killed_along_with_its_tracer_is_silent)
{
        attaches(s, GDB, API);
        ends_in_stop(s, SIGUSR2, SI_USER, true);
        process_ends(s, API, KILLED(SIGTERM));
        silent(s);
}

static void add_killed_with_tracer(Suite *suite)
{
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
}

static void add_tracer_died_in_stop(Suite *suite)
{
        TCase *c = tcase_create("tracer-died-in-stop");

        tcase_add_test(c, breakpoint_stop_that_was_read_is_dropped_with_the_tracer);
        tcase_add_test(c, breakpoint_stop_is_dropped_and_the_program_dies_of_what_follows);
        tcase_add_test(c, signal_that_was_read_is_dropped_with_the_tracer);
        tcase_add_test(c, signal_that_was_not_read_is_delivered_and_silent);
        tcase_add_test(c, breakpoint_that_the_tracer_has_set_back_is_silent);
        tcase_add_test(c, stops_of_a_debuggers_own_are_silent);
        tcase_add_test(c, program_that_is_killed_along_with_its_tracer_is_silent);
        suite_add_tcase(suite, c);
}

static void add_tracer_unaware(Suite *suite)
{
        TCase *c = tcase_create("tracer-unaware");

        tcase_add_test(c, parent_that_does_not_know_that_it_traces);
        tcase_add_test(c, late_stop_of_a_program_that_asked_to_be_traced);
        tcase_add_test(c, debugger_that_starts_a_program_is_silent);
        tcase_add_test(c, tool_that_asks_from_another_thread_knows_that_it_traces);
        tcase_add_test(c, tool_that_has_attached_elsewhere_knows_that_it_traces);
        tcase_add_test(c, debugger_whose_requests_are_not_counted_is_not_called_unaware);
        tcase_add_test(c, nobody_is_called_unaware_where_no_requests_are_counted);
        tcase_add_test(c, parent_that_cannot_run_is_not_called_unaware);
        tcase_add_test(c, program_that_asked_to_be_traced_and_runs_is_silent);
        suite_add_tcase(suite, c);
}

static void add_attach_stuck(Suite *suite)
{
        TCase *c = tcase_create("attach-stuck");

        tcase_add_test(c, attach_waits_for_a_target_inside_vfork);
        tcase_add_test(c, attach_waits_for_a_target_that_waits_for_a_disk);
        tcase_add_test(c, target_in_state_d_that_nobody_asked_to_stop_is_silent);
        tcase_add_test(c, target_in_state_d_after_its_stop_is_silent);
        tcase_add_test(c, target_in_state_d_that_its_tracer_has_let_run_is_silent);
        tcase_add_test(c, attach_of_one_whose_requests_are_not_counted_is_not_called_stuck);
        suite_add_tcase(suite, c);
}

static void add_tracer_stale(Suite *suite)
{
        TCase *c = tcase_create("tracer-stale");

        tcase_add_test(c, tracer_that_has_done_nothing_for_half_an_hour);
        tcase_add_test(c, person_who_reads_code_at_a_prompt_is_silent);
        tcase_add_test(c, tracer_inside_a_wait_call_is_silent);
        tcase_add_test(c, tracer_whose_requests_are_not_counted_is_not_called_idle);
        tcase_add_test(c, tracer_that_serves_another_tracee_is_silent);
        suite_add_tcase(suite, c);
}

static void add_parent_blinded(Suite *suite)
{
        TCase *c = tcase_create("parent-blinded");

        tcase_add_test(c, parent_cannot_see_an_end_that_the_tracer_has_not_reaped);
        tcase_add_test(c, parent_cannot_see_an_end_while_the_tracer_is_stopped);
        tcase_add_test(c, zombie_that_waits_for_its_parent_is_silent);
        tcase_add_test(c, zombie_whose_parent_traces_it_is_silent);
        tcase_add_test(c, zombie_seen_too_soon_is_silent);
        tcase_add_test(c, strace_f_asks_few_questions);
        suite_add_tcase(suite, c);
}

int main(void)
{
        Suite *suite = suite_create("tracers that do not serve");

        add_killed_with_tracer(suite);
        add_tracer_died_in_stop(suite);
        add_tracer_unaware(suite);
        add_attach_stuck(suite);
        add_tracer_stale(suite);
        add_parent_blinded(suite);
        return run_suite(suite);
}
