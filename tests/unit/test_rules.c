/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who holds what, and who was refused: what provokes each finding, and its clean twin that stays silent. */

#include "tests/unit/scene.h"

#define API    named(4711, "api")
#define API_2  thread_named(4711, 4713, "api")
#define API_3  thread_named(4711, 4715, "api")
#define DLV    named(4802, "dlv")
#define GDB    named(4811, "gdb")
#define STRACE named(4820, "strace")
#define CHILD  named(5120, "api")

/* ---- attach-refused-traced ------------------------------------------------------------------------- */

SCENE(second_debugger_is_refused)
{
        struct finding f;

        attaches(s, DLV, API);
        wait_ns(s, 38 * 60 * S);
        is_refused(s, GDB, API, DLV);
        f = expect_saying(s, FIND_ATTACH_REFUSED_TRACED, "",
                          "PID 4711 (api) is already traced by PID 4802 (dlv) since 02:01:40 UTC (38 min)");
        ck_assert_ptr_nonnull(strstr(f.summary, "the PTRACE_ATTACH of PID 4811 (gdb) got EPERM"));
        ck_assert_ptr_nonnull(strstr(f.summary, "idle for 38 min"));
        ck_assert_ptr_nonnull(strstr(f.remedy, "detach in dlv 4802"));
        ck_assert_ptr_nonnull(strstr(f.risk, "leave the breakpoints"));
        ck_assert_uint_eq(f.target.pid, 4711);
        ck_assert_uint_eq(f.other_pid, 4811);
        ck_assert_int_eq(f.severity, SEVERITY_ERROR);
        expect_count(s, 1);
}

SCENE(refusal_by_a_tracer_older_than_the_recording)
{
        struct finding f;

        feed(s,
             (struct event){.type = EV_PTRACE_ATTACH, .tracer = DLV, .target = API, .origin = ORIGIN_SCAN});
        is_refused(s, GDB, API, DLV);
        f = expect_saying(s, FIND_ATTACH_REFUSED_TRACED, "", "already traced by PID 4802 (dlv): the");
        ck_assert_ptr_null(strstr(f.summary, "since"));
}

SCENE(refusal_tells_of_exitkill)
{
        struct finding f;

        seizes(s, GDB, API, PTRACE_O_EXITKILL);
        is_refused(s, STRACE, API, GDB);
        f = expect(s, FIND_ATTACH_REFUSED_TRACED, "");
        ck_assert_ptr_nonnull(strstr(f.risk, "PTRACE_O_EXITKILL"));
}

SCENE(refusal_repeated_is_one_finding)
{
        attaches(s, DLV, API);
        for (int i = 0; i < 5; i++)
                is_refused(s, GDB, API, DLV);
        expect_count(s, 1);
        ck_assert_uint_eq(expect(s, FIND_ATTACH_REFUSED_TRACED, "").count, 5);
        is_refused(s, STRACE, API, DLV);
        expect_count(s, 2);
}

SCENE(traceme_under_a_tracer_is_refused)
{
        struct event e = refusal(CHILD, CHILD, STRACE, EPERM);

        e.request = PTRACE_TRACEME;
        e.facts |= ATT_F_SAME_GROUP;
        feed(s, e);
        expect_saying(s, FIND_ATTACH_REFUSED_TRACED, "", "PTRACE_TRACEME of PID 5120 (api) got EPERM");
        expect_count(s, 1);
}

SCENE(traced_and_forbidden_tells_both)
{
        struct event e = refusal(GDB, API, DLV, EPERM);

        e.facts &= ~ATT_F_UID_MATCH;
        e.target_uid = 0;
        feed(s, e);
        expect_saying(s, FIND_ATTACH_REFUSED_TRACED, "",
                      "It would be refused anyway: PID 4711 (api) runs as uid 0");
        expect_count(s, 1);
}

SCENE(comms_in_summaries_are_escaped)
{
        attaches(s, named(4802, "\x1b[31mx"), API);
        is_refused(s, GDB, API, named(4802, "\x1b[31mx"));
        expect_saying(s, FIND_ATTACH_REFUSED_TRACED, "", "PID 4802 (\\x1b[31mx)");
}

SCENE(tracer_attaching_twice_is_silent)
{
        attaches(s, GDB, API);
        is_refused(s, GDB, API, GDB);
        is_refused(s, GDB, API_2, GDB);
        silent(s);
}

/* ---- attach-refused-permission --------------------------------------------------------------------- */

static const struct {
        const char *cause;
        uint32_t clear, set;
        int error, lsm_error, yama;
        uint32_t target_uid;
        const char *words, *modules;
} permissions[] = {
        {"seccomp", 0, ATT_F_SECCOMP, EPERM, 0, -1, 1000, "seccomp filter", ""},
        {"user-namespace", ATT_F_SAME_USERNS, 0, EPERM, 0, -1, 1000, "another user namespace", ""},
        {"uid", ATT_F_UID_MATCH, 0, EPERM, 0, 1, 0, "runs as uid 0, the caller as uid 1000", ""},
        {"not-dumpable", ATT_F_DUMPABLE, 0, EPERM, 0, 1, 1000, "not dumpable", ""},
        {"capability", ATT_F_CAPS_SUBSET, 0, EPERM, 0, 1, 1000, "capabilities that the caller lacks", ""},
        {"yama", 0, 0, EPERM, 0, 1, 1000, "kernel.yama.ptrace_scope is 1", ""},
        {"yama", 0, ATT_F_LSM_CALLED, EPERM, EPERM, 1, 1000, "kernel.yama.ptrace_scope is 1", ""},
        {"lsm", 0, ATT_F_LSM_CALLED, EACCES, EACCES, 1, 1000, "security module selinux", "selinux"},
        {"lsm", 0, ATT_F_CAP_PTRACE | ATT_F_LSM_CALLED, EPERM, EPERM, 1, 1000, "security module", "?"},
        {"lsm", 0, ATT_F_AT_CALL, EPERM, 0, 0, 1000, "security module apparmor", "apparmor"},
        /* The twins: none is active, it was looked at afterwards only, or nobody knows which are active. */
        {"not-known", 0, ATT_F_AT_CALL, EPERM, 0, 0, 1000, "the reason is not known", ""},
        {"not-known", 0, 0, EPERM, 0, 0, 1000, "who traced the target at that moment", "apparmor"},
        {"not-known", 0, ATT_F_AT_CALL, EPERM, 0, 0, 1000, "which security modules are active", "?"},
        /* seccomp answers what it likes. */
        {"seccomp", 0, ATT_F_SECCOMP, EACCES, 0, -1, 1000, "seccomp filter", ""},
        {"seccomp", 0, ATT_F_SECCOMP, ENOSYS, 0, -1, 1000, "seccomp filter", ""},
};

START_TEST(permission_causes)
{
        struct event e = refusal(GDB, API, NOBODY, permissions[_i].error);
        struct scene *s = scene_begin();

        e.facts = (e.facts & ~permissions[_i].clear) | permissions[_i].set;
        e.lsm_error = permissions[_i].lsm_error;
        e.yama = permissions[_i].yama;
        e.target_uid = permissions[_i].target_uid;
        strcpy(e.modules, permissions[_i].modules);
        feed(s, e);
        expect_saying(s, FIND_ATTACH_REFUSED_PERMISSION, permissions[_i].cause, permissions[_i].words);
        expect_count(s, 1);
        scene_end(s);
}
END_TEST

SCENE(yama_is_not_named_when_uids_differ)
{
        struct event e = refusal(GDB, API, NOBODY, EPERM);
        struct finding f;

        e.facts &= ~ATT_F_UID_MATCH;
        e.target_uid = 33;
        e.yama = 2;
        feed(s, e);
        f = expect(s, FIND_ATTACH_REFUSED_PERMISSION, "uid");
        ck_assert_ptr_null(strstr(f.summary, "yama"));
        ck_assert_ptr_nonnull(strstr(f.remedy, "sudo -u '#33'"));
}

SCENE(refusal_with_nothing_known_says_so)
{
        struct event e = refusal(GDB, API, NOBODY, EPERM);

        e.facts = 0;
        feed(s, e);
        expect_saying(s, FIND_ATTACH_REFUSED_PERMISSION, "not-known", "the reason is not known");
}

/* An errno that is no refusal, where no filter gave it. */
SCENE(an_attach_that_went_wrong_is_no_refusal)
{
        feed(s, refusal(GDB, API, NOBODY, ENOSYS));
        feed(s, refusal(GDB, API, NOBODY, EIO));
        silent(s);
}

/* What `ptracectl why` asks in a sandbox is an attach that no kernel accepts. */
SCENE(a_question_about_the_filter_is_no_refusal)
{
        struct event e = refusal(GDB, API, NOBODY, EPERM);

        e.facts |= ATT_F_SECCOMP;
        e.request = PTRACE_SEIZE;
        e.options = 1ULL << 31;
        feed(s, e);
        silent(s);
}

SCENE(traceme_under_a_filter)
{
        struct event e = refusal(API, API, named(4820, "gdb"), EPERM);

        e.facts = ATT_F_SECCOMP;
        e.request = PTRACE_TRACEME;
        e.tracer = NOBODY;
        feed(s, e);
        expect_saying(s, FIND_ATTACH_REFUSED_PERMISSION, "seccomp", "PTRACE_TRACEME of PID 4711 (api)");
        expect_count(s, 1);
}

/* ---- who held it then -------------------------------------------------------------------------------- */

/* The holder detaches as soon as the other one was refused: /proc is looked at after that, and the refusal comes
 * when its session has ended already. */
static void refused_late(struct scene *s, uint64_t call_ago_ns)
{
        struct event e = refusal(GDB, API, NOBODY, EPERM);

        wait_ns(s, 1 * MS);
        ck_assert_uint_lt(s->n_events, SCENE_EVENTS_MAX);
        e.seq = s->n_events + 1;
        e.time_ns = s->now - call_ago_ns;
        e.wall_ns = SCENE_WALL_NS + e.time_ns;
        s->events[s->n_events++] = e;
        ck_assert_int_eq(diagnosis_apply(s->d, &e), 0);
}

SCENE(who_held_it_at_the_refusal_decides)
{
        struct finding f;

        seizes(s, STRACE, API, 0);
        is_refused(s, GDB, API, NOBODY);
        f = expect(s, FIND_ATTACH_REFUSED_TRACED, "");
        ck_assert_ptr_nonnull(strstr(f.summary, "already traced by PID 4820 (strace)"));
        detaches(s, STRACE, API);
        expect_count(s, 1);
}

SCENE(who_held_it_at_the_refusal_decides_when_it_has_left)
{
        seizes(s, STRACE, API, 0);
        wait_ns(s, 10 * MS);
        detaches(s, STRACE, API);
        refused_late(s, 2 * MS);
        expect(s, FIND_ATTACH_REFUSED_TRACED, "");
        expect_count(s, 1);
}

SCENE(who_left_before_the_refusal_is_not_blamed)
{
        seizes(s, STRACE, API, 0);
        detaches(s, STRACE, API);
        wait_ns(s, 10 * MS);
        is_refused(s, GDB, API, NOBODY);
        expect(s, FIND_ATTACH_REFUSED_PERMISSION, "not-known");
        expect_count(s, 1);
}

SCENE(who_came_after_the_refusal_is_not_blamed)
{
        struct event e = refusal(GDB, API, NOBODY, EPERM);

        e.facts &= ~ATT_F_UID_MATCH;
        seizes(s, STRACE, API, 0);
        /* /proc, looked at afterwards, has it. */
        e.tracer = STRACE;
        wait_ns(s, 1 * MS);
        e.seq = s->n_events + 1;
        e.time_ns = s->now - 10 * MS;
        e.wall_ns = SCENE_WALL_NS + e.time_ns;
        s->events[s->n_events++] = e;
        ck_assert_int_eq(diagnosis_apply(s->d, &e), 0);
        expect(s, FIND_ATTACH_REFUSED_PERMISSION, "uid");
        expect_count(s, 1);
}

SCENE(allowed_attach_is_silent)
{
        attaches(s, GDB, API);
        detaches(s, GDB, API);
        silent(s);
}

/* ---- attach-refused-target --------------------------------------------------------------------------- */

SCENE(kernel_thread_is_refused)
{
        struct event e = refusal(GDB, named(2, "kthreadd"), NOBODY, EPERM);

        e.facts = ATT_F_TARGET_KNOWN | ATT_F_KTHREAD | ATT_F_SAME_USERNS;
        feed(s, e);
        expect_saying(s, FIND_ATTACH_REFUSED_TARGET, "kernel-thread", "is a kernel thread");
        expect_count(s, 1);
}

SCENE(zombie_is_refused)
{
        struct event e = refusal(GDB, API, NOBODY, EPERM);

        e.facts = (e.facts | ATT_F_ZOMBIE) & ~ATT_F_DUMPABLE;
        feed(s, e);
        expect_saying(s, FIND_ATTACH_REFUSED_TARGET, "zombie", "has ended already");
        expect_count(s, 1);
}

SCENE(main_thread_that_ended_before_the_others)
{
        struct event e = refusal(GDB, API, NOBODY, EPERM);

        e.facts = (e.facts | ATT_F_ZOMBIE | ATT_F_LEADER_ZOMBIE) & ~ATT_F_DUMPABLE;
        e.worker = 4713;
        feed(s, e);
        ck_assert_ptr_nonnull(strstr(
                expect_saying(s, FIND_ATTACH_REFUSED_TARGET, "zombie-leader", "only the main thread").remedy,
                "4713"));
        expect_count(s, 1);
}

SCENE(own_thread_is_refused)
{
        struct event e = refusal(API_2, API, NOBODY, EPERM);

        e.facts |= ATT_F_SAME_GROUP | ATT_F_SAME_MM;
        feed(s, e);
        expect(s, FIND_ATTACH_REFUSED_TARGET, "own-thread-group");
        expect_count(s, 1);
}

SCENE(pid_that_does_not_exist_is_gone)
{
        struct event e = refusal(GDB, NOBODY, NOBODY, ESRCH);

        e.facts = 0;
        e.vpid = 31337;
        feed(s, e);
        ck_assert_uint_eq(expect_saying(s, FIND_ATTACH_REFUSED_TARGET, "gone", "31337").target.pid, 31337);
        expect_count(s, 1);
}

SCENE(pid_of_another_namespace)
{
        struct event e = refusal(GDB, API, NOBODY, ESRCH);

        e.ns_level = 1;
        feed(s, e);
        expect_saying(s, FIND_ATTACH_REFUSED_TARGET, "pid-namespace", "exists outside");
        expect_count(s, 1);
}

SCENE(threads_that_vanish_under_an_attaching_debugger_are_silent)
{
        struct event gone = refusal(GDB, NOBODY, NOBODY, ESRCH), zombie = refusal(GDB, API_2, NOBODY, EPERM);

        gone.vpid = 4720;
        zombie.facts |= ATT_F_ZOMBIE;
        attaches(s, GDB, API);
        feed(s, gone);
        feed(s, zombie);
        silent(s);
}

/* ---- attach-storm ------------------------------------------------------------------------------------- */

SCENE(storm_of_refusals)
{
        attaches(s, STRACE, API_2);
        attaches(s, GDB, API);
        is_refused(s, GDB, API_2, STRACE);
        feed(s, (struct event){.type = EV_COUNTER,
                               .of_type = EV_PTRACE_REFUSED,
                               .request = PTRACE_ATTACH,
                               .target = API_2,
                               .tracer = GDB,
                               .count = 18000});
        expect_saying(s, FIND_ATTACH_STORM, "", "PID 4811 (gdb) repeats a refused attach to PID 4711 (api)");
        ck_assert_uint_eq(expect(s, FIND_ATTACH_REFUSED_TRACED, "").count, 18001);
}

SCENE(a_few_refusals_are_no_storm)
{
        attaches(s, STRACE, API);
        for (int i = 0; i < 50; i++)
                is_refused(s, GDB, API, STRACE);
        wait_ns(s, 2 * S);
        for (int i = 0; i < 60; i++)
                is_refused(s, GDB, API, STRACE);
        expect_none_of(s, FIND_ATTACH_STORM);
}

/* ---- split-tracers, tracer-cycle, untraced-threads -------------------------------------------------- */

SCENE(two_tracers_on_one_process)
{
        struct finding f;

        attaches(s, DLV, API);
        attaches(s, DLV, API_3);
        attaches(s, GDB, API_2);
        f = expect_saying(s, FIND_SPLIT_TRACERS, "",
                          "PID 4802 (dlv) traces 2 threads, PID 4811 (gdb) traces thread 4713");
        ck_assert_uint_eq(f.other_pid, 4811);
        expect_count(s, 1);
}

SCENE(threads_of_one_tracer_process_are_no_split)
{
        attaches(s, thread_named(4802, 4802, "dlv"), API);
        attaches(s, thread_named(4802, 4805, "dlv"), API_2);
        silent(s);
}

SCENE(hand_over_is_no_split)
{
        attaches(s, DLV, API);
        attaches(s, DLV, API_2);
        detaches(s, DLV, API);
        attaches(s, GDB, API);
        detaches(s, DLV, API_2);
        attaches(s, GDB, API_2);
        silent(s);
}

SCENE(hand_over_that_never_ends_is_a_split)
{
        attaches(s, DLV, API);
        attaches(s, DLV, API_2);
        detaches(s, DLV, API);
        attaches(s, GDB, API);
        expect_count(s, 0);
        ck_assert_uint_gt(s->n_questions, 0);
        ck_assert_int_eq(s->questions[s->n_questions - 1].kind, ASK_TASK_STATE);
        wait_ns(s, 200 * MS);
        is_seen(s, API, 't', GDB, 'S');
        is_seen(s, API, 't', GDB, 'S');
        ck_assert_uint_eq(expect(s, FIND_SPLIT_TRACERS, "").count, 1);
}

SCENE(leak_sanitizer_beside_nobody_is_silent)
{
        struct task_ref helper = named(5200, "api");

        feed(s, (struct event){.type = EV_TASK_FORK, .actor = API, .target = helper, .shared_mm = true});
        attaches(s, helper, API);
        attaches(s, helper, API_2);
        detaches(s, helper, API);
        detaches(s, helper, API_2);
        process_ends(s, helper, 0);
        silent(s);
}

SCENE(leak_sanitizer_on_a_thread_a_debugger_left_out_is_no_split)
{
        struct task_ref helper = named(5200, "api");

        attaches(s, GDB, API);
        feed(s, (struct event){.type = EV_TASK_FORK,
                               .actor = API,
                               .target = helper,
                               .shared_mm = true,
                               .parent_tracer = 4811});
        attaches(s, helper, API_2);
        detaches(s, helper, API_2);
        silent(s);
}

SCENE(leak_sanitizer_under_a_tracer_gets_its_own_remedy)
{
        struct event e = refusal(named(5200, "api"), API, STRACE, EPERM);

        e.facts |= ATT_F_SAME_MM | ATT_F_CHILD_OF_TARGET;
        feed(s, e);
        ck_assert_ptr_nonnull(strstr(expect(s, FIND_ATTACH_REFUSED_TRACED, "").remedy, "detect_leaks=0"));
}

SCENE(tracers_that_trace_each_other)
{
        attaches(s, GDB, DLV);
        attaches(s, DLV, GDB);
        expect_saying(s, FIND_TRACER_CYCLE, "", "PID 4802 (dlv) now traces PID 4811 (gdb), which traces it");
}

SCENE(tracer_of_a_tracer_is_silent)
{
        attaches(s, DLV, API);
        attaches(s, GDB, DLV);
        attaches(s, STRACE, GDB);
        silent(s);
}

static void plays_untraced_thread(struct scene *s, struct task_ref tracer_of_thread)
{
        attaches(s, GDB, API);
        forks(s, API, API_2, tracer_of_thread, 4811);
        wait_ns(s, 2 * S);
        traps(s, API, GDB);
}

SCENE(thread_left_out_by_a_debugger_with_breakpoints)
{
        plays_untraced_thread(s, NOBODY);
        expect_saying(s, FIND_UNTRACED_THREADS, "", "does not trace 1 of its threads (4713)");
        expect_count(s, 1);
}

SCENE(thread_that_is_followed_is_silent)
{
        plays_untraced_thread(s, GDB);
        feed(s, (struct event){.type = EV_PTRACE_AUTOATTACH, .tracer = GDB, .target = API_2, .parent = API});
        traps(s, API, GDB);
        silent(s);
}

SCENE(thread_left_out_where_events_were_lost_is_not_certain)
{
        attaches(s, GDB, API);
        forks(s, API, API_2, NOBODY, 4811);
        settle(s);
        traps(s, API, GDB);
        silent(s);
}

SCENE(strace_without_f_has_no_breakpoints_to_hit)
{
        seizes(s, STRACE, API, 0);
        forks(s, API, API_2, NOBODY, 4820);
        settle(s);
        silent(s);
}

/* The int3 is the program's own: what strace makes of it is no matter of threads. */
SCENE(strace_without_f_in_a_program_with_a_breakpoint_of_its_own)
{
        seizes(s, STRACE, API, 0);
        forks(s, API, API_2, NOBODY, 4820);
        wait_ns(s, 2 * S);
        traps(s, API, STRACE);
        settle(s);
        expect_none_of(s, FIND_UNTRACED_THREADS);
}

int main(void)
{
        const TTest *const tests[] = {
                second_debugger_is_refused,
                refusal_by_a_tracer_older_than_the_recording,
                refusal_tells_of_exitkill,
                refusal_repeated_is_one_finding,
                traceme_under_a_tracer_is_refused,
                traced_and_forbidden_tells_both,
                comms_in_summaries_are_escaped,
                tracer_attaching_twice_is_silent,
                yama_is_not_named_when_uids_differ,
                refusal_with_nothing_known_says_so,
                allowed_attach_is_silent,
                kernel_thread_is_refused,
                zombie_is_refused,
                main_thread_that_ended_before_the_others,
                an_attach_that_went_wrong_is_no_refusal,
                a_question_about_the_filter_is_no_refusal,
                traceme_under_a_filter,
                who_held_it_at_the_refusal_decides,
                who_held_it_at_the_refusal_decides_when_it_has_left,
                who_left_before_the_refusal_is_not_blamed,
                who_came_after_the_refusal_is_not_blamed,
                own_thread_is_refused,
                pid_that_does_not_exist_is_gone,
                pid_of_another_namespace,
                threads_that_vanish_under_an_attaching_debugger_are_silent,
                storm_of_refusals,
                a_few_refusals_are_no_storm,
                two_tracers_on_one_process,
                threads_of_one_tracer_process_are_no_split,
                hand_over_is_no_split,
                hand_over_that_never_ends_is_a_split,
                leak_sanitizer_beside_nobody_is_silent,
                leak_sanitizer_on_a_thread_a_debugger_left_out_is_no_split,
                leak_sanitizer_under_a_tracer_gets_its_own_remedy,
                tracers_that_trace_each_other,
                tracer_of_a_tracer_is_silent,
                thread_left_out_by_a_debugger_with_breakpoints,
                thread_that_is_followed_is_silent,
                thread_left_out_where_events_were_lost_is_not_certain,
                strace_without_f_has_no_breakpoints_to_hit,
                strace_without_f_in_a_program_with_a_breakpoint_of_its_own,
        };
        Suite *suite = suite_create("rules");
        TCase *t = tcase_create("findings");

        for (size_t i = 0; i < ELEMENTSOF(tests); i++)
                tcase_add_test(t, tests[i]);
        tcase_add_loop_test(t, permission_causes, 0, ELEMENTSOF(permissions));
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
