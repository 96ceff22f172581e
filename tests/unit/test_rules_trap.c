/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SIGTRAPs that did not end in a debugger: what provokes each finding, and its clean twin that stays silent.
 */

#include "tests/unit/scene.h"
#include "lib/event/tools.h"

#define API     named(4711, "api")
#define API_2   thread_named(4711, 4713, "api")
#define DLV     named(4802, "dlv")
#define GDB     named(4811, "gdb")
#define STRACE  named(4820, "strace")
#define SHELL   named(900, "bash")
#define CHILD   named(5120, "api")
#define HANDLER 0x402000

/* ---- orphan-breakpoint --------------------------------------------------------------------------- */

SCENE(orphan_after_the_tracer_was_killed)
{
        struct finding f;

        attaches(s, DLV, API);
        traps(s, API, DLV);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        wait_ns(s, 3 * S);
        traps(s, API, NOBODY);
        expect_count(s, 0);
        scans(s, API, true, false);
        f = expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died",
                          "PID 4711 (api) ran into a breakpoint at main.tick+0x12 (/usr/bin/api) that PID "
                          "4802 (dlv) left in it 3.0 s before");
        ck_assert_ptr_nonnull(strstr(f.summary, "was killed by SIGKILL"));
        ck_assert_ptr_nonnull(strstr(f.summary, "SIGTRAP kills the process"));
        ck_assert_uint_eq(f.other_pid, 4802);
        ck_assert_uint_eq(f.n_evidence, 2);
        expect_count(s, 1);
}

SCENE(orphan_after_the_tracer_was_killed_where_each_unlink_is_seen)
{
        attaches(s, DLV, API);
        tracer_ends(s, DLV, KILLED(SIGTERM));
        detaches_by(s, DLV, API, DETACHED_TRACER_EXIT);
        process_ends(s, DLV, KILLED(SIGTERM));
        traps(s, API, NOBODY);
        scans(s, API, true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died", "was killed by SIGTERM");
}

SCENE(orphan_names_who_killed_the_tracer)
{
        attaches(s, DLV, API);
        sends(s, named(5001, "bash"), DLV, NOBODY, SIGKILL, 0);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        traps(s, API, NOBODY);
        scans(s, API, true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died",
                      "was killed by SIGKILL (sent by PID 5001 (bash), uid 1000)");
}

SCENE(orphan_in_a_go_program_ends_with_status_2)
{
        struct event e = trap(API, NOBODY);

        attaches(s, DLV, API);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        detaches_by(s, DLV, API, DETACHED_TRACER_EXIT);
        e.handler = HANDLER;
        e.disposition = DISP_HANDLER;
        e.residue = true;
        feed(s, e);
        delivers(s, API, NOBODY, SIGTRAP, SI_KERNEL_CODE, HANDLER);
        process_ends(s, API, EXITED(2));
        scans(s, API, true, false);
        scans_handler(s, API, "/usr/bin/api", "runtime.sigtramp+0x0");
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died", "It ended with status 2, as Go programs do");
        expect_saying(s, FIND_TRAP_TO_HANDLER, "", "runtime.sigtramp+0x0 (/usr/bin/api)");
        expect_saying(s, FIND_TRAP_TO_HANDLER, "", "It ended with status 2, as Go programs do");
        expect_count(s, 2);
}

SCENE(go_program_that_ends_after_the_scan)
{
        struct event e = trap(API, NOBODY);

        e.handler = HANDLER;
        e.disposition = DISP_HANDLER;
        e.residue = true;
        feed(s, e);
        scans(s, API, true, false);
        ck_assert_int_eq(expect(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach").severity, SEVERITY_WARNING);
        delivers(s, API, NOBODY, SIGTRAP, SI_KERNEL_CODE, HANDLER);
        scans_handler(s, API, "/usr/bin/api", "runtime.sigtramp+0x0");
        process_ends(s, API, EXITED(2));
        ck_assert_int_eq(
                expect_saying(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach", "ended with status 2").severity,
                SEVERITY_ERROR);
        expect_saying(s, FIND_TRAP_TO_HANDLER, "", "ended with status 2");
}

SCENE(strace_that_was_there_is_not_blamed)
{
        seizes(s, STRACE, API, 0);
        tracer_ends(s, STRACE, KILLED(SIGKILL));
        traps(s, API, NOBODY);
        settle(s);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "hard-coded", "No debugger is known");
}

SCENE(orphan_after_a_detach)
{
        attaches(s, GDB, API);
        detaches(s, GDB, API);
        traps(s, API, NOBODY);
        scans(s, API, true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach", "that PID 4811 (gdb) left in it");
}

SCENE(orphan_blames_the_tracer_that_died_not_a_later_visitor)
{
        attaches(s, DLV, API);
        traps(s, API, DLV);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        seizes(s, STRACE, API, 0);
        detaches(s, STRACE, API);
        traps(s, API, NOBODY);
        scans(s, API, true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died", "PID 4802 (dlv)");
}

SCENE(orphan_of_a_debugger_before_recording_began)
{
        struct event e = trap(API, NOBODY);

        e.residue = true;
        feed(s, e);
        scans(s, API, true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach", "most likely a debugger that left");
}

SCENE(who_was_there_is_not_blamed_where_the_file_cannot_be_seen)
{
        struct finding f;

        attaches(s, GDB, API);
        detaches(s, GDB, API);
        wait_ns(s, 3 * S);
        traps(s, API, NOBODY);
        scans(s, API, false, false);
        f = expect_saying(s, FIND_ORPHAN_BREAKPOINT, "file-unseen",
                          "it cannot be told whether the breakpoint is the program's own or one of PID 4811 "
                          "(gdb), which left 3.0 s before");
        ck_assert_uint_eq(f.other_pid, 0);
}

SCENE(nor_who_was_there_before_recording_began)
{
        struct event e = trap(API, NOBODY);

        e.residue = true;
        feed(s, e);
        settle(s);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "file-unseen", "left before recording began");
}

SCENE(a_killed_debugger_is_likely_where_the_file_cannot_be_seen)
{
        attaches(s, DLV, API);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        traps(s, API, NOBODY);
        scans(s, API, false, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died",
                      "that most likely PID 4802 (dlv) left in it");
}

SCENE(orphan_inherited_by_fork)
{
        struct event e = trap(CHILD, NOBODY);

        attaches(s, DLV, API);
        forks(s, API, CHILD, NOBODY, 4802);
        e.parent = (struct task_ref){.pid = 4711, .start = 47110};
        e.parent_tracer = 4802;
        feed(s, e);
        scans(s, CHILD, true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "inherited-by-fork",
                      "inherited when PID 4711 (api) forked it: PID 4802 (dlv) traces the parent");
        expect_count(s, 1);
}

SCENE(orphan_inherited_from_a_parent_that_is_no_longer_traced)
{
        attaches(s, DLV, API);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        forks(s, API, CHILD, NOBODY, 0);
        traps(s, CHILD, NOBODY);
        scans(s, CHILD, true, false);
        expect(s, FIND_ORPHAN_BREAKPOINT, "inherited-by-fork");
}

SCENE(exec_ends_what_was_inherited)
{
        attaches(s, DLV, API);
        forks(s, API, CHILD, NOBODY, 4802);
        execs(s, CHILD, NOBODY, 5120, "/usr/bin/true");
        traps(s, CHILD, NOBODY);
        settle(s);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "hard-coded", "No debugger is known");
}

SCENE(orphan_in_a_thread_nobody_traces)
{
        struct event e = trap(API_2, NOBODY);

        attaches(s, DLV, API);
        e.sibling_tracer = 4802;
        feed(s, e);
        scans(s, API_2, true, false);
        ck_assert_uint_eq(expect_saying(s, FIND_ORPHAN_BREAKPOINT, "untraced-thread",
                                        "thread 4713 of PID 4711 (api) ran into a breakpoint")
                                  .other_pid,
                          4802);
}

SCENE(orphan_in_a_thread_its_debugger_has_just_left)
{
        struct event e = trap(API_2, NOBODY);

        attaches(s, DLV, API);
        attaches(s, DLV, API_2);
        detaches(s, DLV, API_2);
        e.sibling_tracer = 4802;
        feed(s, e);
        scans(s, API_2, true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach", "that PID 4802 (dlv) left in it");
        expect_count(s, 1);
}

SCENE(orphan_before_the_record_of_the_detach)
{
        attaches(s, DLV, API);
        traps(s, API, NOBODY);
        detaches(s, DLV, API);
        scans(s, API, true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach", "that PID 4802 (dlv) left in it");
        expect_count(s, 1);
}

SCENE(breakpoint_of_the_program_itself)
{
        attaches(s, DLV, API);
        detaches(s, DLV, API);
        traps(s, API, NOBODY);
        scans(s, API, true, true);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "hard-coded", "part of the program itself");
        expect_count(s, 1);
}

SCENE(orphan_flood_is_counted)
{
        struct event e = trap(API, NOBODY);

        e.disposition = DISP_HANDLER;
        e.handler = HANDLER;
        for (int i = 0; i < 32; i++)
                feed(s, e);
        scans(s, API, true, true);
        feed(s, e);
        feed(s, (struct event){.type = EV_COUNTER,
                               .of_type = EV_SIGNAL_GENERATE,
                               .target = API,
                               .sig = SIGTRAP,
                               .code = SI_KERNEL_CODE,
                               .disposition = DISP_HANDLER,
                               .count = 1000});
        ck_assert_uint_eq(expect(s, FIND_ORPHAN_BREAKPOINT, "hard-coded").count, 1033);
        ck_assert_int_eq(expect(s, FIND_ORPHAN_BREAKPOINT, "hard-coded").severity, SEVERITY_WARNING);
        expect_count(s, 1);
}

SCENE(breakpoint_under_a_debugger_is_silent)
{
        attaches(s, GDB, API);
        for (int i = 0; i < 3; i++) {
                traps(s, API, GDB);
                sends(s, API, GDB, NOBODY, SIGCHLD, CLD_TRAPPED);
        }
        detaches(s, GDB, API);
        silent(s);
}

SCENE(stop_requeued_because_sigkill_is_pending_is_silent)
{
        struct event e = trap(API, GDB);

        attaches(s, GDB, API);
        e.result = SIGRES_IGNORED;
        feed(s, e);
        e.tracer = NOBODY;
        feed(s, e);
        silent(s);
}

/* ---- trap-without-tracer ------------------------------------------------------------------------------ */

SCENE(sigtrap_sent_to_an_untraced_process)
{
        sends(s, SHELL, API, NOBODY, SIGTRAP, 0);
        ck_assert_int_eq(expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "",
                                       "PID 900 (bash) (uid 1000) sent SIGTRAP by kill to PID 4711 (api)")
                                 .severity,
                         SEVERITY_ERROR);
        expect_count(s, 1);
}

SCENE(sigtrap_raised_by_the_program_itself)
{
        sends(s, API, API, NOBODY, SIGTRAP, SI_TKILL);
        expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "", "sent SIGTRAP to itself");
}

SCENE(halt_of_a_debugger_that_has_just_left)
{
        attaches(s, DLV, API);
        detaches(s, DLV, API);
        sends(s, DLV, API, NOBODY, SIGTRAP, 0);
        expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "", "how that debugger halts its target");
}

SCENE(sigtrap_sent_to_a_handler_or_a_block_is_less_severe)
{
        struct event e = {.type = EV_SIGNAL_GENERATE,
                          .actor = SHELL,
                          .target = API,
                          .sig = SIGTRAP,
                          .handler = HANDLER,
                          .disposition = DISP_HANDLER};

        feed(s, e);
        ck_assert_int_eq(expect(s, FIND_TRAP_WITHOUT_TRACER, "").severity, SEVERITY_WARNING);
        e.target = CHILD;
        e.blocked = true;
        feed(s, e);
        expect_count(s, 2);
}

SCENE(halt_of_a_debugger_is_silent)
{
        attaches(s, DLV, API);
        sends(s, DLV, API, DLV, SIGTRAP, 0);
        silent(s);
}

SCENE(exec_trap_is_silent)
{
        struct event e = {.type = EV_SIGNAL_GENERATE,
                          .actor = API,
                          .target = API,
                          .tracer = GDB,
                          .sig = SIGTRAP,
                          .noinfo = true,
                          .ptrace = 1};

        tracemes(s, GDB, API);
        execs(s, API, GDB, 4711, "/usr/bin/api");
        feed(s, e);
        e.tracer = NOBODY;
        feed(s, e);
        silent(s);
}

SCENE(ignored_sigtrap_is_silent)
{
        struct event e = {.type = EV_SIGNAL_GENERATE,
                          .actor = SHELL,
                          .target = API,
                          .sig = SIGTRAP,
                          .handler = 1,
                          .disposition = DISP_IGNORED,
                          .result = SIGRES_IGNORED};

        feed(s, e);
        silent(s);
}

/* ---- trap-to-handler ----------------------------------------------------------------------------- */

SCENE(sigtrap_taken_by_a_handler_of_a_library)
{
        struct finding f;

        delivers(s, API, NOBODY, SIGTRAP, SI_KERNEL_CODE, HANDLER);
        expect_count(s, 0);
        scans_handler(s, API, "/usr/lib/libcrash.so", "on_trap+0x0");
        f = expect_saying(s, FIND_TRAP_TO_HANDLER, "", "on_trap+0x0 (/usr/lib/libcrash.so)");
        ck_assert_ptr_nonnull(strstr(f.remedy, "without that module"));
        expect_count(s, 1);
}

SCENE(sigtrap_taken_by_a_handler_nobody_looked_at)
{
        delivers(s, API, NOBODY, SIGTRAP, SI_KERNEL_CODE, HANDLER);
        settle(s);
        expect_saying(s, FIND_TRAP_TO_HANDLER, "", "ran a handler instead of stopping in a debugger");
}

SCENE(go_program_under_a_debugger_is_silent)
{
        struct event e = trap(API, DLV);

        attaches(s, DLV, API);
        handles(s, API, HANDLER);
        e.handler = HANDLER;
        e.disposition = DISP_HANDLER;
        for (int i = 0; i < 3; i++)
                feed(s, e);
        sends(s, DLV, API, DLV, SIGTRAP, 0);
        silent(s);
}

SCENE(perf_event_with_its_own_handler_is_silent)
{
        delivers(s, API, NOBODY, SIGTRAP, 6, HANDLER);
        silent(s);
}

/* ---- trap-forced --------------------------------------------------------------------------------- */

SCENE(blocked_sigtrap_with_a_handler_dies)
{
        handles(s, API, HANDLER);
        traps(s, API, NOBODY);
        scans(s, API, true, true);
        ck_assert_int_eq(expect_saying(s, FIND_TRAP_FORCED, "blocked", "its handler does not run").severity,
                         SEVERITY_ERROR);
        expect(s, FIND_ORPHAN_BREAKPOINT, "hard-coded");
        expect_count(s, 2);
}

SCENE(ignored_sigtrap_is_forced)
{
        handles(s, API, 1);
        traps(s, API, NOBODY);
        scans(s, API, true, true);
        expect_saying(s, FIND_TRAP_FORCED, "ignored", "while SIGTRAP was ignored");
}

SCENE(kernel_says_it_was_forced)
{
        struct event e = trap(API, NOBODY);

        e.forced_blocked = true;
        feed(s, e);
        scans(s, API, true, true);
        expect(s, FIND_TRAP_FORCED, "blocked");
}

SCENE(flags_without_a_handler_are_a_residue)
{
        struct event e = trap(API, GDB);

        attaches(s, GDB, API);
        e.sa_flags = 0x14000000;
        feed(s, e);
        ck_assert_int_eq(expect_saying(s, FIND_TRAP_FORCED, "", "most likely").severity, SEVERITY_WARNING);
        expect_count(s, 1);
}

SCENE(debugger_erases_a_handler)
{
        struct event e = trap(API, GDB);

        attaches(s, GDB, API);
        handles(s, API, HANDLER);
        e.forced_blocked = true;
        e.sa_flags = 0x14000000;
        feed(s, e);
        expect_saying(s, FIND_TRAP_FORCED, "blocked", "own handler is gone");
}

SCENE(default_chosen_by_the_program_is_silent)
{
        struct event e = trap(API, GDB);

        attaches(s, GDB, API);
        handles(s, API, 0);
        e.sa_flags = 0x14000000;
        feed(s, e);
        silent(s);
}

SCENE(worker_that_blocks_everything_under_a_debugger_is_silent)
{
        struct event e = trap(API_2, GDB);

        attaches(s, GDB, API_2);
        e.forced_blocked = true;
        feed(s, e);
        silent(s);
}

SCENE(handler_is_gone_after_exec)
{
        attaches(s, GDB, API);
        handles(s, API, HANDLER);
        execs(s, API, GDB, 4711, "/usr/bin/other");
        traps(s, API, GDB);
        silent(s);
}

/* ---- breakpoint-collided, trap-leaked ---------------------------------------------------------------- */

SCENE(breakpoint_while_a_sigtrap_is_pending)
{
        struct event e = trap(API, GDB);

        attaches(s, GDB, API);
        e.result = SIGRES_PENDING;
        feed(s, e);
        expect_saying(s, FIND_BREAKPOINT_COLLIDED, "", "PID 4811 (gdb) sees only one");
        expect_count(s, 1);
}

SCENE(raise_while_a_sigtrap_is_pending_is_silent)
{
        struct event e = {.type = EV_SIGNAL_GENERATE,
                          .actor = API,
                          .target = API,
                          .tracer = GDB,
                          .sig = SIGTRAP,
                          .code = SI_TKILL,
                          .result = SIGRES_PENDING,
                          .blocked = true,
                          .ptrace = 1};

        attaches(s, GDB, API);
        feed(s, e);
        silent(s);
}

SCENE(tracer_passes_a_breakpoint_on)
{
        attaches(s, GDB, API);
        traps(s, API, GDB);
        delivers(s, API, GDB, SIGTRAP, SI_KERNEL_CODE, 0);
        expect_saying(
                s, FIND_TRAP_LEAKED, "",
                "PID 4811 (gdb) passed the SIGTRAP of a breakpoint on to PID 4711 (api), which dies of it");
        expect_count(s, 1);
}

SCENE(tracer_passes_the_breakpoint_of_a_rival_on)
{
        attaches(s, GDB, API);
        attaches(s, STRACE, API_2);
        traps(s, API_2, STRACE);
        delivers(s, API_2, STRACE, SIGTRAP, SI_KERNEL_CODE, HANDLER);
        expect_saying(s, FIND_TRAP_LEAKED, "", "likely one of PID 4811 (gdb)");
}

SCENE(strace_passing_a_sent_sigtrap_on_is_silent)
{
        seizes(s, STRACE, API, 0);
        sends(s, SHELL, API, STRACE, SIGTRAP, 0);
        delivers(s, API, STRACE, SIGTRAP, 0, HANDLER);
        silent(s);
}

SCENE(strace_passing_the_programs_own_int3_to_its_handler_is_silent)
{
        seizes(s, STRACE, API, 0);
        traps(s, API, STRACE);
        delivers(s, API, STRACE, SIGTRAP, SI_KERNEL_CODE, HANDLER);
        silent(s);
}

/* ---- under ptraced's own hold ------------------------------------------------------------------------- */

#define HOLDER named(4900, HOLDER_COMM)

SCENE(breakpoint_that_is_held_and_passed_on_is_nobodys)
{
        seizes(s, HOLDER, API, 0);
        traps(s, API, HOLDER);
        delivers(s, API, HOLDER, SIGTRAP, SI_KERNEL_CODE, 0);
        scans(s, API, true, true);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "hard-coded", "Nobody traces it, so SIGTRAP kills");
        expect_count(s, 1);
}

SCENE(breakpoint_that_is_caught_is_silent)
{
        seizes(s, HOLDER, API, 0);
        traps(s, API, HOLDER);
        silent(s);
}

SCENE(hold_does_not_take_the_blame_for_a_debugger_that_died)
{
        attaches(s, DLV, API);
        tracer_ends(s, DLV, 9);
        seizes(s, HOLDER, API, 0);
        tracer_ends(s, HOLDER, 9);
        traps(s, API, NOBODY);
        scans(s, API, true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died", "(dlv)");
}

SCENE(sigtrap_that_is_sent_and_passed_on_is_told)
{
        seizes(s, HOLDER, API, 0);
        sends(s, SHELL, API, HOLDER, SIGTRAP, 0);
        expect(s, FIND_TRAP_WITHOUT_TRACER, "");
        expect_count(s, 1);
}

int main(void)
{
        const TTest *const tests[] = {
                orphan_after_the_tracer_was_killed,
                orphan_after_the_tracer_was_killed_where_each_unlink_is_seen,
                orphan_names_who_killed_the_tracer,
                orphan_in_a_go_program_ends_with_status_2,
                go_program_that_ends_after_the_scan,
                strace_that_was_there_is_not_blamed,
                orphan_after_a_detach,
                orphan_blames_the_tracer_that_died_not_a_later_visitor,
                orphan_of_a_debugger_before_recording_began,
                who_was_there_is_not_blamed_where_the_file_cannot_be_seen,
                nor_who_was_there_before_recording_began,
                a_killed_debugger_is_likely_where_the_file_cannot_be_seen,
                orphan_inherited_by_fork,
                orphan_inherited_from_a_parent_that_is_no_longer_traced,
                exec_ends_what_was_inherited,
                orphan_in_a_thread_nobody_traces,
                orphan_in_a_thread_its_debugger_has_just_left,
                orphan_before_the_record_of_the_detach,
                breakpoint_of_the_program_itself,
                orphan_flood_is_counted,
                breakpoint_under_a_debugger_is_silent,
                stop_requeued_because_sigkill_is_pending_is_silent,
                sigtrap_sent_to_an_untraced_process,
                sigtrap_raised_by_the_program_itself,
                halt_of_a_debugger_that_has_just_left,
                sigtrap_sent_to_a_handler_or_a_block_is_less_severe,
                halt_of_a_debugger_is_silent,
                exec_trap_is_silent,
                ignored_sigtrap_is_silent,
                sigtrap_taken_by_a_handler_of_a_library,
                sigtrap_taken_by_a_handler_nobody_looked_at,
                go_program_under_a_debugger_is_silent,
                perf_event_with_its_own_handler_is_silent,
                blocked_sigtrap_with_a_handler_dies,
                ignored_sigtrap_is_forced,
                kernel_says_it_was_forced,
                flags_without_a_handler_are_a_residue,
                debugger_erases_a_handler,
                default_chosen_by_the_program_is_silent,
                worker_that_blocks_everything_under_a_debugger_is_silent,
                handler_is_gone_after_exec,
                breakpoint_while_a_sigtrap_is_pending,
                raise_while_a_sigtrap_is_pending_is_silent,
                tracer_passes_a_breakpoint_on,
                tracer_passes_the_breakpoint_of_a_rival_on,
                strace_passing_a_sent_sigtrap_on_is_silent,
                strace_passing_the_programs_own_int3_to_its_handler_is_silent,
                breakpoint_that_is_held_and_passed_on_is_nobodys,
                breakpoint_that_is_caught_is_silent,
                hold_does_not_take_the_blame_for_a_debugger_that_died,
                sigtrap_that_is_sent_and_passed_on_is_told,
        };
        Suite *suite = suite_create("rules trap");
        TCase *t = tcase_create("findings");

        for (size_t i = 0; i < ELEMENTSOF(tests); i++)
                tcase_add_test(t, tests[i]);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
