/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SIGTRAPs that did not end in a debugger: what provokes each finding, and its clean twin that stays silent.
 */

#include "tests/unit/scene.h"
#include "lib/diagnosis/accident.h"
#include "lib/event/tools.h"

#define API     named(4711, "api")
#define API_2   thread_named(4711, 4713, "api")
#define DLV     named(4802, "dlv")
#define GDB     named(4811, "gdb")
#define STRACE  named(4820, "strace")
#define SHELL   named(900, "bash")
#define CHILD   named(5120, "api")
#define HANDLER 0x402000

#define SI_CODE_PERF 6

/* ---- orphan-breakpoint --------------------------------------------------------------------------- */

/* It runs into an int3 that nobody traces, and dies; what its file has there is told in between. */
static void dies_at(struct scene *s, struct event e, bool file_known, bool found_int3)
{
        feed(s, e);
        scans(s, e.target, file_known, found_int3);
        dies(s, e.target, SI_KERNEL_CODE);
}

/* Of a process that began after the recording did, and has called exec since. */
static struct event trap_of_known(struct task_ref target)
{
        struct event e = trap(target, NOBODY);

        e.execed = true;
        return e;
}

static struct event trap_with_residue(struct task_ref target)
{
        struct event e = trap(target, NOBODY);

        e.residue = true;
        return e;
}

/* Its handler takes it. */
static void handles_trap(struct scene *s, struct event e)
{
        e.handler = HANDLER;
        e.disposition = DISP_HANDLER;
        feed(s, e);
        delivers(s, e.target, NOBODY, SIGTRAP, e.code, HANDLER);
}

SCENE(orphan_after_the_tracer_was_killed)
{
        struct finding f;

        attaches(s, DLV, API);
        traps(s, API, DLV);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        wait_ns(s, 3 * S);
        traps(s, API, NOBODY);
        scans(s, API, true, false);
        expect_count(s, 0);
        dies(s, API, SI_KERNEL_CODE);
        f = expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died",
                          "PID 4711 (api) ran into a breakpoint at main.tick+0x12 (/usr/bin/api) that PID "
                          "4802 (dlv) left in it 3.0 s before");
        ck_assert_ptr_nonnull(strstr(f.summary, "was killed by SIGKILL"));
        ck_assert_ptr_nonnull(strstr(f.summary, "Nobody traced it, so it died of SIGTRAP"));
        ck_assert_ptr_nonnull(strstr(f.remedy, "it has ended"));
        ck_assert_int_eq(f.severity, SEVERITY_ERROR);
        ck_assert_uint_eq(f.other_pid, 4802);
        ck_assert_uint_eq(f.n_evidence, 3);
        expect_count(s, 1);
}

SCENE(orphan_after_the_tracer_was_killed_where_each_unlink_is_seen)
{
        attaches(s, DLV, API);
        tracer_ends(s, DLV, KILLED(SIGTERM));
        detaches_by(s, DLV, API, DETACHED_TRACER_EXIT);
        process_ends(s, DLV, KILLED(SIGTERM));
        dies_at(s, trap(API, NOBODY), true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died", "was killed by SIGTERM");
}

SCENE(orphan_names_who_killed_the_tracer)
{
        attaches(s, DLV, API);
        sends(s, named(5001, "bash"), DLV, NOBODY, SIGKILL, 0);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        dies_at(s, trap(API, NOBODY), true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died",
                      "was killed by SIGKILL (sent by PID 5001 (bash), uid 1000)");
}

SCENE(orphan_of_a_tracing_thread_that_ended)
{
        attaches(s, thread_named(4802, 4805, "dlv"), API);
        tracer_ends(s, thread_named(4802, 4805, "dlv"), EXITED(0));
        dies_at(s, trap(API, NOBODY), true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-thread-ended",
                      "when its thread 4805 ended without a detach; the tool itself runs on");
        expect_count(s, 1);
}

SCENE(orphan_in_a_go_program_ends_with_status_2)
{
        struct finding f;

        attaches(s, DLV, API);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        detaches_by(s, DLV, API, DETACHED_TRACER_EXIT);
        handles_trap(s, trap_with_residue(API));
        process_ends(s, API, EXITED(2));
        scans(s, API, true, false);
        expect_count(s, 0);
        scans_handler(s, API, "/usr/bin/api", "runtime.sigtramp+0x0");
        f = expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died",
                          "It ended with status 2, as Go programs do");
        ck_assert_ptr_nonnull(strstr(f.summary, "runtime.sigtramp+0x0 (/usr/bin/api)"));
        ck_assert_int_eq(f.severity, SEVERITY_ERROR);
        expect_count(s, 1);
}

SCENE(go_program_that_ends_after_it_was_told)
{
        starts(s, "a");
        attaches(s, DLV, API);
        detaches(s, DLV, API);
        handles_trap(s, trap_of_known(API));
        scans(s, API, true, false);
        scans_handler(s, API, "/usr/bin/api", "runtime.sigtramp+0x0");
        settle(s);
        ck_assert_int_eq(expect(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach").severity, SEVERITY_WARNING);
        delivers(s, API, NOBODY, SIGTRAP, SI_KERNEL_CODE, 0);
        process_ends(s, API, KILLED(SIGTRAP));
        ck_assert_int_eq(
                expect_saying(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach", "It died of SIGTRAP").severity,
                SEVERITY_ERROR);
        expect_count(s, 1);
}

/* Go 1.24: the runtime's handler meets a second int3 of Delve's, while SIGTRAP is blocked. */
SCENE(second_breakpoint_within_the_handler_is_the_same_accident)
{
        struct event e = trap(API, NOBODY);
        struct finding f;

        attaches(s, DLV, API);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        handles_trap(s, e);
        scans(s, API, true, false);
        e.ip = 0x409001;
        e.forced_blocked = true;
        feed(s, e);
        dies(s, API, SI_KERNEL_CODE);
        settle(s);
        f = expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died",
                          "Then it ran into another one at 0x409000 while SIGTRAP was blocked");
        ck_assert_ptr_nonnull(strstr(f.summary, "main.tick+0x12"));
        ck_assert_ptr_nonnull(strstr(f.summary, "It died of SIGTRAP"));
        ck_assert_int_eq(f.severity, SEVERITY_ERROR);
        expect_count(s, 1);
}

SCENE(strace_that_was_there_is_not_blamed)
{
        seizes(s, STRACE, API, 0);
        tracer_ends(s, STRACE, KILLED(SIGKILL));
        traps(s, API, NOBODY);
        dies(s, API, SI_KERNEL_CODE);
        settle(s);
        ck_assert_uint_eq(expect(s, FIND_ORPHAN_BREAKPOINT, "file-unseen").other_pid, 0);
        ck_assert_ptr_null(strstr(expect(s, FIND_ORPHAN_BREAKPOINT, "file-unseen").summary, "strace"));
}

SCENE(orphan_after_a_detach)
{
        starts(s, "a");
        attaches(s, GDB, API);
        detaches(s, GDB, API);
        dies_at(s, trap_of_known(API), true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach", "that PID 4811 (gdb) left in it");
}

/* A debugger before the recording may have left it, and gdb only came to look. */
SCENE(visitor_is_not_blamed_for_what_may_be_older_than_the_recording)
{
        starts(s, "a");
        attaches(s, GDB, API);
        detaches(s, GDB, API);
        dies_at(s, trap_with_residue(API), true, false);
        ck_assert_uint_eq(expect_saying(s, FIND_ORPHAN_BREAKPOINT, "unknown-writer",
                                        "the program itself, a debugger before recording began, or PID 4811 "
                                        "(gdb), which left")
                                  .other_pid,
                          0);
}

/* Whole: recorded from its start. */
static void visited_by_gdb(struct scene *s, int wrote)
{
        struct event e = trap(API, NOBODY);

        starts(s, "b1");
        forks(s, SHELL, API, NOBODY, 0);
        execs(s, API, NOBODY, API.tid, "/usr/bin/api");
        attaches(s, GDB, API);
        feed(s, (struct event){.type = EV_PTRACE_DETACH,
                               .tracer = GDB,
                               .target = API,
                               .cause = DETACHED_BY_CALL,
                               .wrote = wrote});
        e.execed = true;
        feed(s, e);
        scans(s, API, true, false);
}

SCENE(orphan_of_who_wrote_to_it)
{
        visited_by_gdb(s, TRACER_WROTE);
        settle(s);
        ck_assert_uint_eq(expect(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach").other_pid, GDB.pid);
}

SCENE(orphan_of_who_only_looked_is_not_told)
{
        visited_by_gdb(s, TRACER_WROTE_NOTHING);
        settle(s);
        ck_assert_uint_eq(expect_saying(s, FIND_ORPHAN_BREAKPOINT, "unknown-writer",
                                        "the program itself, or PID 4811 (gdb), which left and was not seen")
                                  .other_pid,
                          0);
}

/* The parent patched itself after gdb had looked at it, and forked. */
SCENE(orphan_inherited_from_who_was_only_looked_at)
{
        starts(s, "b1");
        attaches(s, GDB, API);
        feed(s, (struct event){.type = EV_PTRACE_DETACH,
                               .tracer = GDB,
                               .target = API,
                               .cause = DETACHED_BY_CALL,
                               .wrote = TRACER_WROTE_NOTHING});
        forks(s, API, CHILD, NOBODY, 0);
        traps(s, CHILD, NOBODY);
        scans(s, CHILD, true, false);
        settle(s);
        ck_assert_uint_eq(expect(s, FIND_ORPHAN_BREAKPOINT, "unknown-writer").other_pid, 0);
}

SCENE(orphan_blames_the_tracer_that_died_not_a_later_visitor)
{
        attaches(s, DLV, API);
        traps(s, API, DLV);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        seizes(s, STRACE, API, 0);
        detaches(s, STRACE, API);
        dies_at(s, trap(API, NOBODY), true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died", "PID 4802 (dlv)");
}

SCENE(orphan_of_a_debugger_before_recording_began)
{
        dies_at(s, trap_with_residue(API), true, false);
        ck_assert_uint_eq(expect_saying(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach",
                                        "before recording began, most likely a debugger that left")
                                  .other_pid,
                          0);
}

/* ---- who wrote it -------------------------------------------------------------------------------------- */

SCENE(breakpoint_that_the_program_wrote_itself)
{
        struct finding f;

        starts(s, "a");
        dies_at(s, trap_of_known(API), true, false);
        f = expect_saying(s, FIND_ORPHAN_BREAKPOINT, "self-patched", "it wrote the breakpoint itself");
        ck_assert_ptr_null(strstr(f.summary, "recording began"));
        ck_assert_uint_eq(f.other_pid, 0);
        expect_count(s, 1);
}

SCENE(breakpoint_that_the_program_wrote_and_handles_itself)
{
        starts(s, "a");
        handles_trap(s, trap_of_known(API));
        scans(s, API, true, false);
        settle(s);
        ck_assert_int_eq(expect(s, FIND_ORPHAN_BREAKPOINT, "self-patched").severity, SEVERITY_INFO);
        expect_count(s, 1);
}

SCENE(breakpoint_that_is_older_than_its_tracer_is_not_the_tracers)
{
        starts(s, "a");
        handles_trap(s, trap_of_known(API));
        scans(s, API, true, false);
        wait_ns(s, 60 * S);
        attaches(s, GDB, API);
        detaches(s, GDB, API);
        dies_at(s, trap_of_known(API), true, false);
        settle(s);
        ck_assert_uint_eq(expect(s, FIND_ORPHAN_BREAKPOINT, "self-patched").other_pid, 0);
        expect_count(s, 1);
}

SCENE(breakpoint_of_whoever_traced_it_is_not_its_own)
{
        starts(s, "a");
        attaches(s, DLV, API);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        dies_at(s, trap_of_known(API), true, false);
        expect(s, FIND_ORPHAN_BREAKPOINT, "tracer-died");
}

SCENE(breakpoint_may_be_older_than_the_recording)
{
        starts(s, "a");
        dies_at(s, trap(API, NOBODY), true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "unknown-writer",
                      "cannot be told: the program itself, or a debugger before recording began");
}

SCENE(breakpoint_may_have_come_in_a_gap)
{
        starts(s, "a");
        wait_ns(s, 1000 * S);
        feed(s, (struct event){.type = EV_LOSS, .count = 1});
        dies_at(s, trap_of_known(API), true, false);
        expect(s, FIND_ORPHAN_BREAKPOINT, "unknown-writer");
}

SCENE(generated_code_has_no_file)
{
        struct event scan = {.type = EV_TEXT_SCAN, .target = API, .ip = 0x401000};
        struct finding f;

        strcpy(scan.what, scan_kind_to_string(SCAN_TRAP));
        strcpy(scan.path, SCAN_NO_FILE);
        attaches(s, GDB, API);
        traps(s, API, GDB);
        detaches(s, GDB, API);
        traps(s, API, NOBODY);
        feed(s, scan);
        dies(s, API, SI_KERNEL_CODE);
        f = expect_saying(s, FIND_ORPHAN_BREAKPOINT, "file-unseen", "Generated code has no file");
        ck_assert_ptr_null(strstr(f.summary, "gdb"));
        ck_assert_uint_eq(f.other_pid, 0);
}

SCENE(who_was_there_is_not_blamed_where_the_file_cannot_be_seen)
{
        struct finding f;

        attaches(s, GDB, API);
        detaches(s, GDB, API);
        wait_ns(s, 3 * S);
        dies_at(s, trap(API, NOBODY), false, false);
        f = expect_saying(s, FIND_ORPHAN_BREAKPOINT, "file-unseen",
                          "it cannot be told whether the breakpoint is the program's own or one of PID 4811 "
                          "(gdb), which left 3.0 s before");
        ck_assert_uint_eq(f.other_pid, 0);
}

SCENE(who_was_stopped_there_is_known_where_the_file_cannot_be_seen)
{
        attaches(s, GDB, API);
        traps(s, API, GDB);
        detaches(s, GDB, API);
        dies_at(s, trap(API, NOBODY), false, false);
        ck_assert_uint_eq(expect(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach").other_pid, 4811);
}

SCENE(nor_who_was_there_before_recording_began)
{
        feed(s, trap_with_residue(API));
        dies(s, API, SI_KERNEL_CODE);
        settle(s);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "file-unseen", "left before recording began");
}

SCENE(nor_a_killed_debugger)
{
        attaches(s, DLV, API);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        dies_at(s, trap(API, NOBODY), false, false);
        ck_assert_uint_eq(expect(s, FIND_ORPHAN_BREAKPOINT, "file-unseen").other_pid, 0);
}

SCENE(orphan_inherited_by_fork)
{
        struct event e = trap(CHILD, NOBODY);

        attaches(s, DLV, API);
        forks(s, API, CHILD, NOBODY, 4802);
        e.parent = (struct task_ref){.pid = 4711, .start = 47110};
        e.parent_tracer = 4802;
        dies_at(s, e, true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "inherited-by-fork",
                      "inherited when PID 4711 (api) forked it: PID 4802 (dlv) traces the parent");
        expect_count(s, 1);
}

SCENE(orphan_inherited_from_a_parent_that_is_no_longer_traced)
{
        attaches(s, DLV, API);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        forks(s, API, CHILD, NOBODY, 0);
        dies_at(s, trap(CHILD, NOBODY), true, false);
        expect(s, FIND_ORPHAN_BREAKPOINT, "inherited-by-fork");
}

SCENE(exec_ends_what_was_inherited)
{
        attaches(s, DLV, API);
        forks(s, API, CHILD, NOBODY, 4802);
        execs(s, CHILD, NOBODY, 5120, "/usr/bin/true");
        traps(s, CHILD, NOBODY);
        dies(s, CHILD, SI_KERNEL_CODE);
        settle(s);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "file-unseen", "No debugger is known");
}

SCENE(orphan_in_a_thread_nobody_traces)
{
        struct event e = trap(API_2, NOBODY);

        attaches(s, DLV, API);
        e.sibling_tracer = 4802;
        dies_at(s, e, true, false);
        ck_assert_uint_eq(expect_saying(s, FIND_ORPHAN_BREAKPOINT, "untraced-thread",
                                        "thread 4713 of PID 4711 (api) ran into a breakpoint")
                                  .other_pid,
                          4802);
}

SCENE(tracer_of_other_threads_is_not_blamed_where_the_file_cannot_be_seen)
{
        struct event e = trap(API_2, NOBODY);

        attaches(s, DLV, API);
        e.sibling_tracer = 4802;
        dies_at(s, e, false, false);
        ck_assert_uint_eq(expect(s, FIND_ORPHAN_BREAKPOINT, "file-unseen").other_pid, 0);
}

SCENE(orphan_in_a_thread_its_debugger_has_just_left)
{
        struct event e = trap_of_known(API_2);

        starts(s, "a");
        attaches(s, DLV, API);
        attaches(s, DLV, API_2);
        detaches(s, DLV, API_2);
        e.sibling_tracer = 4802;
        dies_at(s, e, true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach", "that PID 4802 (dlv) left in it");
        expect_count(s, 1);
}

SCENE(orphan_before_the_record_of_the_detach)
{
        attaches(s, DLV, API);
        traps(s, API, NOBODY);
        detaches(s, DLV, API);
        scans(s, API, true, false);
        dies(s, API, SI_KERNEL_CODE);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "dirty-detach", "that PID 4802 (dlv) left in it");
        expect_count(s, 1);
}

SCENE(breakpoint_of_the_program_itself)
{
        attaches(s, DLV, API);
        detaches(s, DLV, API);
        dies_at(s, trap(API, NOBODY), true, true);
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
        settle(s);
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
        dies(s, API, 0);
        ck_assert_int_eq(expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "",
                                       "PID 900 (bash) (uid 1000) sent SIGTRAP by kill to PID 4711 (api). "
                                       "Nobody traced it, so it died of SIGTRAP")
                                 .severity,
                         SEVERITY_ERROR);
        expect_count(s, 1);
}

SCENE(sigtrap_that_nobody_saw_delivered_has_killed_nobody)
{
        struct finding f;

        sends(s, SHELL, API, NOBODY, SIGTRAP, 0);
        settle(s);
        f = expect(s, FIND_TRAP_WITHOUT_TRACER, "");
        ck_assert_int_eq(f.severity, SEVERITY_WARNING);
        ck_assert_ptr_null(strstr(f.summary, "died"));
}

SCENE(sigtrap_raised_by_the_program_itself)
{
        sends(s, API, API, NOBODY, SIGTRAP, SI_TKILL);
        dies(s, API, SI_TKILL);
        expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "", "sent SIGTRAP to itself");
}

SCENE(sigtrap_that_an_emulator_raises_may_be_its_guests)
{
        struct task_ref qemu = named(5300, "qemu-aarch64");

        sends(s, qemu, qemu, NOBODY, SIGTRAP, SI_TKILL);
        dies(s, qemu, SI_TKILL);
        expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "", "what the guest ran cannot be seen from here");
}

SCENE(raise_that_is_blocked_and_waits)
{
        struct event e = {.type = EV_SIGNAL_GENERATE,
                          .actor = API,
                          .target = API,
                          .sig = SIGTRAP,
                          .code = SI_TKILL,
                          .blocked = true};

        feed(s, e);
        expect_count(s, 0);
        settle(s);
        ck_assert_int_eq(
                expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "", "is blocked there and waits").severity,
                SEVERITY_INFO);
        dies(s, API, SI_TKILL);
        ck_assert_int_eq(expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "", "it died of SIGTRAP").severity,
                         SEVERITY_ERROR);
        expect_count(s, 1);
}

SCENE(raise_that_a_later_tracer_passes_on_is_the_same)
{
        sends(s, API, API, NOBODY, SIGTRAP, SI_TKILL);
        attaches(s, GDB, API);
        delivers(s, API, GDB, SIGTRAP, SI_TKILL, 0);
        process_ends(s, API, KILLED(SIGTRAP));
        expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "passed-on",
                      "sent SIGTRAP to itself (raise or tgkill). PID 4811 (gdb), which traces it, passed");
        expect_count(s, 1);
}

SCENE(raise_that_is_unblocked_and_kills_is_not_told_to_wait)
{
        struct event e = {.type = EV_SIGNAL_GENERATE,
                          .actor = API,
                          .target = API,
                          .sig = SIGTRAP,
                          .code = SI_TKILL,
                          .blocked = true};
        struct finding f;

        feed(s, e);
        dies(s, API, SI_TKILL);
        f = expect(s, FIND_TRAP_WITHOUT_TRACER, "");
        ck_assert_int_eq(f.severity, SEVERITY_ERROR);
        ck_assert_ptr_null(strstr(f.summary, "blocked"));
}

SCENE(halt_of_a_debugger_that_has_just_left)
{
        attaches(s, DLV, API);
        detaches(s, DLV, API);
        sends(s, DLV, API, NOBODY, SIGTRAP, 0);
        dies(s, API, 0);
        expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "", "how that debugger halts its target");
}

SCENE(sigtrap_sent_to_a_handler_is_less_severe)
{
        struct event e = {.type = EV_SIGNAL_GENERATE,
                          .actor = SHELL,
                          .target = API,
                          .sig = SIGTRAP,
                          .handler = HANDLER,
                          .disposition = DISP_HANDLER};

        feed(s, e);
        delivers(s, API, NOBODY, SIGTRAP, 0, HANDLER);
        settle(s);
        ck_assert_int_eq(expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "", "a SIGTRAP handler ran").severity,
                         SEVERITY_WARNING);
        expect_count(s, 1);
}

/* ---- one death, told once --------------------------------------------------------------------------------- */

/* timeout(1) and strace end as their command did. */
SCENE(parent_that_repeats_the_death_of_its_child)
{
        struct event e = trap(CHILD, NOBODY);
        struct finding f;

        e.parent = (struct task_ref){.pid = 4711, .start = 47110};
        dies_at(s, e, true, true);
        sends(s, API, API, NOBODY, SIGTRAP, SI_TKILL);
        dies(s, API, SI_TKILL);
        expect(s, FIND_ORPHAN_BREAKPOINT, "hard-coded");
        f = expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "echoed", "its child PID 5120 (api) had died of it");
        ck_assert_int_eq(f.severity, SEVERITY_INFO);
        expect_count(s, 2);
}

SCENE(death_of_somebody_elses_child_is_no_excuse)
{
        struct event e = trap(CHILD, NOBODY);

        e.parent = (struct task_ref){.pid = 900, .start = 9000};
        dies_at(s, e, true, true);
        sends(s, API, API, NOBODY, SIGTRAP, SI_TKILL);
        dies(s, API, SI_TKILL);
        ck_assert_int_eq(expect(s, FIND_TRAP_WITHOUT_TRACER, "").severity, SEVERITY_ERROR);
}

/* Its handler forks a dumper that looks at it, then raises SIGTRAP again, blocked until the handler ends. */
SCENE(crash_handler_that_raises_the_signal_again)
{
        struct event again = {.type = EV_SIGNAL_GENERATE,
                              .actor = API,
                              .target = API,
                              .sig = SIGTRAP,
                              .code = SI_TKILL,
                              .blocked = true};
        struct finding f;

        handles_trap(s, trap(API, NOBODY));
        scans(s, API, true, true);
        scans_handler(s, API, "/usr/bin/api", "on_fatal+0x0");
        attaches(s, CHILD, API);
        detaches(s, CHILD, API);
        feed(s, again);
        dies(s, API, SI_TKILL);
        f = expect_saying(s, FIND_ORPHAN_BREAKPOINT, "hard-coded", "on_fatal+0x0 (/usr/bin/api)");
        ck_assert_ptr_nonnull(strstr(f.summary, "Then it sent itself SIGTRAP. It died of SIGTRAP"));
        ck_assert_int_eq(f.severity, SEVERITY_ERROR);
        expect_count(s, 1);
}

SCENE(what_somebody_else_sends_is_no_consequence)
{
        handles_trap(s, trap(API, NOBODY));
        scans(s, API, true, true);
        scans_handler(s, API, "/usr/bin/api", "on_trap+0x0");
        sends(s, SHELL, API, NOBODY, SIGTRAP, 0);
        dies(s, API, 0);
        expect(s, FIND_TRAP_TO_HANDLER, "");
        expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "", "PID 900 (bash)");
        expect_count(s, 2);
}

SCENE(each_sender_is_told_and_counted)
{
        for (uint32_t i = 0; i < 40; i++) {
                sends(s, named(900 + i % 4, "bash"), API, NOBODY, SIGTRAP, 0);
                delivers(s, API, NOBODY, SIGTRAP, 0, HANDLER);
        }
        settle(s);
        expect_count(s, 4);
        ck_assert_uint_eq(expect(s, FIND_TRAP_WITHOUT_TRACER, "").count, 10);
}

SCENE(one_process_does_not_crowd_the_others_out)
{
        traps(s, CHILD, NOBODY);
        for (uint32_t i = 0; i < 2 * ACCIDENTS_MAX; i++)
                sends(s, named(900 + i, "bash"), API, NOBODY, SIGTRAP, 0);
        scans(s, CHILD, true, true);
        dies(s, CHILD, SI_KERNEL_CODE);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "hard-coded", "it died of SIGTRAP");
}

/* ---- deaths of other SIGTRAPs ------------------------------------------------------------------------------- */

static struct event trap_with_code(struct task_ref target, int code)
{
        struct event e = trap(target, NOBODY);

        e.code = code;
        return e;
}

/* Only the program itself may choose such a code, and nothing was raised by what it ran. */
SCENE(code_that_the_program_made_up_is_a_message)
{
        static const int codes[] = {SI_KERNEL_CODE, TRAP_TRACE, TRAP_HWBKPT};

        attaches(s, GDB, API);
        tracer_ends(s, GDB, KILLED(SIGKILL));
        for (size_t i = 0; i < ELEMENTSOF(codes); i++) {
                struct event e = trap_with_code(API, codes[i]);

                e.queued = true;
                feed(s, e);
        }
        dies(s, API, TRAP_HWBKPT);
        settle(s);
        ck_assert_uint_eq(
                expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "", "PID 4711 (api) sent SIGTRAP to itself")
                        .other_pid,
                4711);
        expect_count(s, 1);
}

SCENE(watchpoint_that_a_killed_debugger_left)
{
        attaches(s, GDB, API);
        tracer_ends(s, GDB, KILLED(SIGKILL));
        feed(s, trap_with_code(API, TRAP_HWBKPT));
        dies(s, API, TRAP_HWBKPT);
        ck_assert_uint_eq(
                expect_saying(s, FIND_ORPHAN_WATCHPOINT, "tracer-died", "PID 4811 (gdb) left it").other_pid,
                4811);
        expect_count(s, 1);
}

SCENE(watchpoint_may_be_older_than_a_visitor)
{
        starts(s, "a");
        attaches(s, GDB, API);
        detaches(s, GDB, API);
        feed(s, trap_with_code(API, TRAP_HWBKPT));
        dies(s, API, TRAP_HWBKPT);
        ck_assert_uint_eq(
                expect_saying(s, FIND_ORPHAN_WATCHPOINT, "", "or one that left before recording began")
                        .other_pid,
                0);
}

SCENE(watchpoint_of_one_of_two_tracers)
{
        attaches(s, GDB, API);
        detaches(s, GDB, API);
        attaches(s, DLV, API);
        detaches(s, DLV, API);
        feed(s, trap_with_code(API, TRAP_HWBKPT));
        dies(s, API, TRAP_HWBKPT);
        ck_assert_uint_eq(
                expect_saying(s, FIND_ORPHAN_WATCHPOINT, "", "which of the 2 that were there").other_pid, 0);
}

SCENE(watchpoint_under_its_debugger_is_silent)
{
        struct event e = trap_with_code(API, TRAP_HWBKPT);

        attaches(s, GDB, API);
        e.tracer = GDB;
        feed(s, e);
        silent(s);
}

SCENE(step_of_a_tracer_that_was_killed)
{
        attaches(s, GDB, API);
        tracer_ends(s, GDB, KILLED(SIGKILL));
        feed(s, trap_with_code(API, TRAP_TRACE));
        dies(s, API, TRAP_TRACE);
        expect_saying(s, FIND_ORPHAN_STEP, "tracer-died", "PID 4811 (gdb)");
        expect_count(s, 1);
}

SCENE(step_long_after_the_tracer_was_killed_is_not_blamed_on_it)
{
        attaches(s, GDB, API);
        tracer_ends(s, GDB, KILLED(SIGKILL));
        wait_ns(s, 3 * S);
        feed(s, trap_with_code(API, TRAP_BRKPT));
        dies(s, API, TRAP_BRKPT);
        ck_assert_uint_eq(
                expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "single-step", "cannot be told").other_pid, 0);
        expect_count(s, 1);
}

SCENE(step_of_the_programs_own)
{
        starts(s, "a");
        feed(s, trap_with_code(API, TRAP_TRACE));
        dies(s, API, TRAP_TRACE);
        expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "single-step", "cannot be told");
        expect_count(s, 1);
}

/* Go's Ptrace, from a thread that ends with its goroutine. */
SCENE(exec_whose_tracing_thread_ended)
{
        struct task_ref tracer = thread_named(4802, 4805, "starter");
        struct event e = {.type = EV_SIGNAL_GENERATE,
                          .actor = API,
                          .target = API,
                          .tracer = tracer,
                          .sig = SIGTRAP,
                          .noinfo = true,
                          .ip = 0x401001,
                          .ptrace = 1};

        tracemes(s, tracer, API);
        execs(s, API, tracer, 4711, "/usr/bin/api");
        feed(s, e);
        tracer_ends(s, tracer, EXITED(0));
        dies(s, API, 0);
        expect_saying(s, FIND_ORPHAN_STEP, "tracer-thread-ended", "its thread 4805 ended without a detach");
        expect_count(s, 1);
}

SCENE(breakpoint_whose_tracer_died_before_it_read_the_stop)
{
        attaches(s, DLV, API);
        traps(s, API, DLV);
        tracer_ends(s, DLV, KILLED(SIGKILL));
        dies(s, API, SI_KERNEL_CODE);
        settle(s);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died", "PID 4802 (dlv) left in it");
        expect_count(s, 1);
}

SCENE(death_that_nothing_explains)
{
        process_ends(s, API, KILLED(SIGTRAP));
        expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "not-seen", "cannot be told");
        expect_count(s, 1);
}

SCENE(death_of_another_signal_is_silent)
{
        process_ends(s, API, KILLED(SIGSEGV));
        process_ends(s, CHILD, EXITED(5));
        silent(s);
}

SCENE(death_of_a_perf_event)
{
        delivers(s, API, NOBODY, SIGTRAP, SI_CODE_PERF, 0);
        process_ends(s, API, KILLED(SIGTRAP));
        expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "not-seen", "with si_code 6");
        expect_count(s, 1);
}

SCENE(sigtrap_that_a_tracer_passed_on_kills)
{
        seizes(s, STRACE, API, 0);
        sends(s, SHELL, API, STRACE, SIGTRAP, 0);
        delivers(s, API, STRACE, SIGTRAP, 0, 0);
        process_ends(s, API, KILLED(SIGTRAP));
        ck_assert_uint_eq(expect_saying(s, FIND_TRAP_WITHOUT_TRACER, "passed-on",
                                        "PID 900 (bash) (uid 1000) sent SIGTRAP")
                                  .other_pid,
                          900);
        expect_count(s, 1);
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
        settle(s);
        f = expect_saying(s, FIND_TRAP_TO_HANDLER, "", "on_trap+0x0 (/usr/lib/libcrash.so)");
        ck_assert_ptr_nonnull(strstr(f.remedy, "without the module"));
        expect_count(s, 1);
}

SCENE(sigtrap_taken_by_a_handler_nobody_looked_at)
{
        delivers(s, API, NOBODY, SIGTRAP, SI_KERNEL_CODE, HANDLER);
        settle(s);
        expect_saying(s, FIND_TRAP_TO_HANDLER, "",
                      "a SIGTRAP handler ran, instead of stopping in a debugger");
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
        dies_at(s, trap(API, NOBODY), true, true);
        ck_assert_int_eq(expect_saying(s, FIND_TRAP_FORCED, "blocked", "its handler did not run").severity,
                         SEVERITY_ERROR);
        expect_count(s, 1);
}

SCENE(ignored_sigtrap_is_forced)
{
        handles(s, API, 1);
        dies_at(s, trap(API, NOBODY), true, true);
        expect_saying(s, FIND_TRAP_FORCED, "ignored", "while SIGTRAP was ignored");
}

SCENE(ignored_sigtrap_had_no_handler)
{
        struct event e = trap(API, NOBODY);

        handles(s, API, 1);
        e.sa_flags = 0x14000000;
        dies_at(s, e, true, true);
        ck_assert_ptr_null(strstr(expect(s, FIND_TRAP_FORCED, "ignored").summary, "handler"));
}

SCENE(kernel_says_it_was_forced)
{
        struct event e = trap(API, NOBODY);

        e.forced_blocked = true;
        dies_at(s, e, true, true);
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

/* It runs into a breakpoint, and its tracer passes that on: it dies. */
static void is_passed_on(struct scene *s, struct task_ref target, struct task_ref tracer)
{
        traps(s, target, tracer);
        delivers(s, target, tracer, SIGTRAP, SI_KERNEL_CODE, 0);
}

SCENE(tracer_passes_its_breakpoint_on)
{
        attaches(s, GDB, API);
        is_passed_on(s, API, GDB);
        scans(s, API, true, false);
        process_ends(s, API, KILLED(SIGTRAP));
        expect_saying(s, FIND_TRAP_LEAKED, "",
                      "PID 4811 (gdb) passed the SIGTRAP of a breakpoint on to PID 4711 (api) at "
                      "main.tick+0x12 (/usr/bin/api), which died of it");
        expect_count(s, 1);
}

SCENE(tracer_that_went_back_to_its_breakpoint_passes_it_on)
{
        attaches(s, GDB, API);
        traps(s, API, GDB);
        feed(s, (struct event){.type = EV_SIGNAL_DELIVER,
                               .target = API,
                               .tracer = GDB,
                               .sig = SIGTRAP,
                               .code = SI_KERNEL_CODE,
                               .ip = 0x401000});
        process_ends(s, API, KILLED(SIGTRAP));
        settle(s);
        expect_saying(s, FIND_TRAP_LEAKED, "", "took the breakpoint for its own");
}

SCENE(tracer_passes_a_breakpoint_of_the_program_on)
{
        seizes(s, STRACE, API, 0);
        is_passed_on(s, API, STRACE);
        scans(s, API, true, true);
        process_ends(s, API, KILLED(SIGTRAP));
        ck_assert_uint_eq(expect_saying(s, FIND_ORPHAN_BREAKPOINT, "hard-coded",
                                        "PID 4820 (strace) traced it and has no part in that")
                                  .other_pid,
                          0);
        expect_count(s, 1);
}

SCENE(tracer_passes_on_what_may_be_the_programs)
{
        attaches(s, GDB, API);
        is_passed_on(s, API, GDB);
        process_ends(s, API, KILLED(SIGTRAP));
        settle(s);
        ck_assert_uint_eq(expect(s, FIND_ORPHAN_BREAKPOINT, "file-unseen").other_pid, 0);
        expect_count(s, 1);
}

SCENE(tracer_passes_the_breakpoint_of_a_rival_on)
{
        attaches(s, GDB, API);
        attaches(s, STRACE, API_2);
        traps(s, API_2, STRACE);
        delivers(s, API_2, STRACE, SIGTRAP, SI_KERNEL_CODE, HANDLER);
        settle(s);
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
        process_ends(s, API, KILLED(SIGTRAP));
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "hard-coded", "Nobody traced it, so it died");
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
        dies_at(s, trap(API, NOBODY), true, false);
        expect_saying(s, FIND_ORPHAN_BREAKPOINT, "tracer-died", "(dlv)");
}

SCENE(sigtrap_that_is_sent_and_passed_on_is_told)
{
        seizes(s, HOLDER, API, 0);
        sends(s, SHELL, API, HOLDER, SIGTRAP, 0);
        settle(s);
        expect(s, FIND_TRAP_WITHOUT_TRACER, "");
        expect_count(s, 1);
}

/* ---- all of them ------------------------------------------------------------------------------------- */

static void add_tests(Suite *suite, const char *name, const TTest *const *tests, size_t n)
{
        TCase *t = tcase_create(name);

        for (size_t i = 0; i < n; i++)
                tcase_add_test(t, tests[i]);
        suite_add_tcase(suite, t);
}

static void add_orphan_tests(Suite *suite)
{
        const TTest *const tests[] = {
                orphan_after_the_tracer_was_killed,
                orphan_after_the_tracer_was_killed_where_each_unlink_is_seen,
                orphan_names_who_killed_the_tracer,
                orphan_of_a_tracing_thread_that_ended,
                orphan_in_a_go_program_ends_with_status_2,
                go_program_that_ends_after_it_was_told,
                second_breakpoint_within_the_handler_is_the_same_accident,
                strace_that_was_there_is_not_blamed,
                orphan_after_a_detach,
                visitor_is_not_blamed_for_what_may_be_older_than_the_recording,
                orphan_of_who_wrote_to_it,
                orphan_inherited_from_who_was_only_looked_at,
                orphan_of_who_only_looked_is_not_told,
                orphan_blames_the_tracer_that_died_not_a_later_visitor,
                orphan_of_a_debugger_before_recording_began,
        };

        add_tests(suite, "orphan-breakpoint", tests, ELEMENTSOF(tests));
}

static void add_writer_tests(Suite *suite)
{
        const TTest *const tests[] = {
                breakpoint_that_the_program_wrote_itself,
                breakpoint_that_the_program_wrote_and_handles_itself,
                breakpoint_that_is_older_than_its_tracer_is_not_the_tracers,
                breakpoint_of_whoever_traced_it_is_not_its_own,
                breakpoint_may_be_older_than_the_recording,
                breakpoint_may_have_come_in_a_gap,
                generated_code_has_no_file,
                who_was_there_is_not_blamed_where_the_file_cannot_be_seen,
                who_was_stopped_there_is_known_where_the_file_cannot_be_seen,
                nor_who_was_there_before_recording_began,
                nor_a_killed_debugger,
                orphan_inherited_by_fork,
                orphan_inherited_from_a_parent_that_is_no_longer_traced,
                exec_ends_what_was_inherited,
                orphan_in_a_thread_nobody_traces,
                tracer_of_other_threads_is_not_blamed_where_the_file_cannot_be_seen,
                orphan_in_a_thread_its_debugger_has_just_left,
                orphan_before_the_record_of_the_detach,
                breakpoint_of_the_program_itself,
                orphan_flood_is_counted,
                breakpoint_under_a_debugger_is_silent,
                stop_requeued_because_sigkill_is_pending_is_silent,
        };

        add_tests(suite, "who wrote it", tests, ELEMENTSOF(tests));
}

static void add_sent_tests(Suite *suite)
{
        const TTest *const tests[] = {
                sigtrap_sent_to_an_untraced_process,
                sigtrap_that_nobody_saw_delivered_has_killed_nobody,
                sigtrap_raised_by_the_program_itself,
                sigtrap_that_an_emulator_raises_may_be_its_guests,
                raise_that_is_blocked_and_waits,
                raise_that_a_later_tracer_passes_on_is_the_same,
                raise_that_is_unblocked_and_kills_is_not_told_to_wait,
                halt_of_a_debugger_that_has_just_left,
                sigtrap_sent_to_a_handler_is_less_severe,
        };

        add_tests(suite, "trap-without-tracer", tests, ELEMENTSOF(tests));
}

static void add_death_tests(Suite *suite)
{
        const TTest *const tests[] = {
                parent_that_repeats_the_death_of_its_child,
                death_of_somebody_elses_child_is_no_excuse,
                crash_handler_that_raises_the_signal_again,
                what_somebody_else_sends_is_no_consequence,
                each_sender_is_told_and_counted,
                one_process_does_not_crowd_the_others_out,
        };

        add_tests(suite, "one death, told once", tests, ELEMENTSOF(tests));
}

static void add_other_tests(Suite *suite)
{
        const TTest *const tests[] = {
                code_that_the_program_made_up_is_a_message,
                watchpoint_that_a_killed_debugger_left,
                watchpoint_may_be_older_than_a_visitor,
                watchpoint_of_one_of_two_tracers,
                watchpoint_under_its_debugger_is_silent,
                step_of_a_tracer_that_was_killed,
                step_long_after_the_tracer_was_killed_is_not_blamed_on_it,
                step_of_the_programs_own,
                exec_whose_tracing_thread_ended,
                breakpoint_whose_tracer_died_before_it_read_the_stop,
                death_that_nothing_explains,
                death_of_another_signal_is_silent,
                death_of_a_perf_event,
                sigtrap_that_a_tracer_passed_on_kills,
                halt_of_a_debugger_is_silent,
                exec_trap_is_silent,
                ignored_sigtrap_is_silent,
        };

        add_tests(suite, "deaths of other SIGTRAPs", tests, ELEMENTSOF(tests));
}

static void add_handler_tests(Suite *suite)
{
        const TTest *const tests[] = {
                sigtrap_taken_by_a_handler_of_a_library,
                sigtrap_taken_by_a_handler_nobody_looked_at,
                go_program_under_a_debugger_is_silent,
                perf_event_with_its_own_handler_is_silent,
        };

        add_tests(suite, "trap-to-handler", tests, ELEMENTSOF(tests));
}

static void add_forced_tests(Suite *suite)
{
        const TTest *const tests[] = {
                blocked_sigtrap_with_a_handler_dies,
                ignored_sigtrap_is_forced,
                ignored_sigtrap_had_no_handler,
                kernel_says_it_was_forced,
                flags_without_a_handler_are_a_residue,
                debugger_erases_a_handler,
                default_chosen_by_the_program_is_silent,
                worker_that_blocks_everything_under_a_debugger_is_silent,
                handler_is_gone_after_exec,
        };

        add_tests(suite, "trap-forced", tests, ELEMENTSOF(tests));
}

static void add_leak_tests(Suite *suite)
{
        const TTest *const tests[] = {
                breakpoint_while_a_sigtrap_is_pending,
                raise_while_a_sigtrap_is_pending_is_silent,
                tracer_passes_its_breakpoint_on,
                tracer_that_went_back_to_its_breakpoint_passes_it_on,
                tracer_passes_a_breakpoint_of_the_program_on,
                tracer_passes_on_what_may_be_the_programs,
                tracer_passes_the_breakpoint_of_a_rival_on,
                strace_passing_a_sent_sigtrap_on_is_silent,
                strace_passing_the_programs_own_int3_to_its_handler_is_silent,
        };

        add_tests(suite, "breakpoint-collided, trap-leaked", tests, ELEMENTSOF(tests));
}

static void add_hold_tests(Suite *suite)
{
        const TTest *const tests[] = {
                breakpoint_that_is_held_and_passed_on_is_nobodys,
                breakpoint_that_is_caught_is_silent,
                hold_does_not_take_the_blame_for_a_debugger_that_died,
                sigtrap_that_is_sent_and_passed_on_is_told,
        };

        add_tests(suite, "under ptraced's own hold", tests, ELEMENTSOF(tests));
}

int main(void)
{
        Suite *suite = suite_create("rules trap");

        add_orphan_tests(suite);
        add_writer_tests(suite);
        add_sent_tests(suite);
        add_death_tests(suite);
        add_other_tests(suite);
        add_handler_tests(suite);
        add_forced_tests(suite);
        add_leak_tests(suite);
        add_hold_tests(suite);
        return run_suite(suite);
}
