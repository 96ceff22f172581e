/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the model remembers: processes, slots, sessions, and where it forgets. */

#include "tests/unit/scene.h"

#define API   named(4711, "api")
#define API_2 thread_named(4711, 4713, "api")
#define DLV   named(4802, "dlv")
#define GDB   named(4811, "gdb")

struct sessions {
        struct session list[64];
        size_t n;
};

static int add_session(void *userdata, const struct session *session)
{
        struct sessions *all = userdata;

        if (all->n < ELEMENTSOF(all->list))
                all->list[all->n++] = *session;
        return 0;
}

static struct sessions sessions_of(const struct scene *s, uint32_t pid, bool ended)
{
        struct sessions all = {};

        model_each_session(s->m, pid, ended, add_session, &all);
        return all;
}

/* The only session of pid, ended or not. */
static struct session only_session(const struct scene *s, uint32_t pid)
{
        struct sessions all = sessions_of(s, pid, true);

        ck_assert_uint_eq(all.n, 1);
        return all.list[0];
}

static struct process_view process(const struct scene *s, uint32_t pid)
{
        struct process_view p;

        ck_assert_int_eq(model_process(s->m, pid, &p), 0);
        return p;
}

static struct model_counts counts(const struct scene *s)
{
        struct model_counts c;

        model_count(s->m, &c);
        return c;
}

/* ---- sessions ------------------------------------------------------------------------------------ */

SCENE(session_from_attach_to_detach)
{
        struct session session;

        seizes(s, GDB, API, PTRACE_O_TRACECLONE);
        session = only_session(s, 4711);
        ck_assert_int_eq(session.how, EV_PTRACE_SEIZE);
        ck_assert_uint_eq(session.options, PTRACE_O_TRACECLONE);
        ck_assert_uint_eq(session.until_ns, 0);
        ck_assert_uint_eq(session.since_ns, s->now);
        ck_assert_uint_eq(process(s, 4711).n_traced_threads, 1);
        ck_assert_uint_eq(process(s, 4811).n_tracees, 1);
        ck_assert_uint_eq(sessions_of(s, 4811, false).n, 1);
        ck_assert_uint_eq(sessions_of(s, 0, false).n, 1);
        ck_assert_uint_eq(sessions_of(s, 1, true).n, 0);

        wait_ns(s, 5 * S);
        detaches(s, GDB, API);
        session = only_session(s, 4711);
        ck_assert_int_eq(session.end_cause, DETACHED_BY_CALL);
        ck_assert_uint_eq(session.until_ns, s->now);
        ck_assert_uint_eq(sessions_of(s, 4711, false).n, 0);
        ck_assert_uint_eq(process(s, 4711).n_traced_threads, 0);
        ck_assert_uint_eq(process(s, 4811).n_tracees, 0);
        ck_assert_uint_eq(counts(s).sessions_ended, 1);
}

SCENE(second_end_of_a_session_is_ignored)
{
        attaches(s, GDB, API);
        tracer_ends(s, GDB, KILLED(SIGKILL));
        detaches_by(s, GDB, API, DETACHED_TRACER_EXIT);
        process_ends(s, GDB, KILLED(SIGKILL));
        ck_assert_int_eq(only_session(s, 4711).end_cause, DETACHED_TRACER_EXIT);
}

SCENE(end_of_one_tracer_thread_ends_only_its_sessions)
{
        attaches(s, thread_named(4802, 4803, "dlv"), API);
        attaches(s, thread_named(4802, 4804, "dlv"), API_2);
        tracer_ends(s, thread_named(4802, 4803, "dlv"), 0);
        ck_assert_uint_eq(sessions_of(s, 4711, false).n, 1);
        ck_assert_uint_eq(sessions_of(s, 4711, false).list[0].target.tid, 4713);
}

SCENE(tracer_whose_thread_ended_goes_on)
{
        attaches(s, thread_named(4802, 4803, "dlv"), API);
        tracer_ends(s, thread_named(4802, 4803, "dlv"), EXITED(0));
        ck_assert_int_eq(only_session(s, 4711).end_cause, DETACHED_TRACER_EXIT);
        ck_assert(only_session(s, 4711).thread_only);
        ck_assert_uint_eq(only_session(s, 4711).tracer.tid, 4803);
        wait_ns(s, 5 * S);
        process_ends(s, DLV, EXITED(0));
        ck_assert(only_session(s, 4711).thread_only);
}

SCENE(main_thread_of_a_tracer_may_end_alone)
{
        attaches(s, DLV, API);
        tracer_ends(s, DLV, EXITED(0));
        ck_assert(only_session(s, 4711).thread_only);
        ck_assert(process(s, 4802).alive);
}

SCENE(tracer_whose_threads_all_end_does_not_go_on)
{
        attaches(s, thread_named(4802, 4803, "dlv"), API);
        tracer_ends(s, thread_named(4802, 4803, "dlv"), EXITED(0));
        wait_ns(s, 20 * MS);
        process_ends(s, DLV, EXITED(0));
        ck_assert(!only_session(s, 4711).thread_only);
}

SCENE(signal_ends_all_threads_of_a_tracer)
{
        attaches(s, thread_named(4802, 4803, "dlv"), API);
        tracer_ends(s, thread_named(4802, 4803, "dlv"), KILLED(SIGKILL));
        ck_assert(!only_session(s, 4711).thread_only);
}

SCENE(last_thread_of_a_tracer_does_not_leave_it_behind)
{
        attaches(s, GDB, API);
        feed(s, (struct event){.type = EV_TRACER_EXIT, .target = GDB, .count = 1, .group_dead = true});
        ck_assert(!only_session(s, 4711).thread_only);
}

static size_t times_asked_who_traces(const struct scene *s, uint32_t pid)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n_questions; i++)
                n += s->questions[i].kind == ASK_TRACER && s->questions[i].task.pid == pid;
        return n;
}

static void is_found_in_proc(struct scene *s, struct task_ref tracer, struct task_ref target)
{
        feed(s,
             (struct event){
                     .type = EV_PTRACE_ATTACH, .tracer = tracer, .target = target, .origin = ORIGIN_SCAN});
}

SCENE(tracer_that_only_a_signal_tells_of_is_asked_for)
{
        sends(s, GDB, API, GDB, SIGSTOP, SI_KERNEL_CODE);
        sends(s, API, GDB, NOBODY, SIGCHLD, CLD_TRAPPED);
        ck_assert_uint_eq(times_asked_who_traces(s, 4711), 1); /* the second time it is asked already */
        wait_ns(s, 2 * S);
        is_found_in_proc(s, GDB, API);
        ck_assert(only_session(s, 4711).missed);
        wait_ns(s, 60 * S);
        ck_assert_uint_eq(
                session_idle_ns(&(struct session){.calls_unseen = true, .last_active_ns = 1}, s->now), 0);
        traps(s, API, GDB);
        ck_assert_uint_eq(times_asked_who_traces(s, 4711), 1);
        tracer_ends(s, GDB, KILLED(SIGKILL));
        ck_assert_int_eq(only_session(s, 4711).end_cause, DETACHED_TRACER_EXIT);
}

SCENE(tracer_whose_attach_is_seen_is_not_asked_for)
{
        attaches(s, GDB, API);
        sends(s, GDB, API, GDB, SIGSTOP, SI_KERNEL_CODE);
        sends(s, API, GDB, NOBODY, SIGCHLD, CLD_TRAPPED);
        ck_assert_uint_eq(times_asked_who_traces(s, 4711), 0);
}

SCENE(attach_that_comes_after_it_was_found_is_that_one)
{
        sends(s, GDB, API, GDB, SIGSTOP, SI_KERNEL_CODE);
        is_found_in_proc(s, GDB, API);
        attaches(s, GDB, API);
        ck_assert(!only_session(s, 4711).missed);
        ck_assert_int_eq(only_session(s, 4711).origin, ORIGIN_KERNEL);
}

SCENE(tracer_that_a_start_finds_was_not_missed)
{
        starts(s, "boot");
        is_found_in_proc(s, GDB, API);
        ck_assert(!only_session(s, 4711).missed);
        traps(s, API, GDB);
        is_found_in_proc(s, DLV, named(5120, "other"));
        ck_assert(only_session(s, 5120).missed);
}

SCENE(in_tier_proc_all_are_found_and_none_is_missed)
{
        struct event e = {.type = EV_DAEMON_START, .path = "proc"};

        feed(s, e);
        traps(s, API, NOBODY);
        is_found_in_proc(s, GDB, API);
        ck_assert(!only_session(s, 4711).missed);
        ck_assert(only_session(s, 4711).calls_unseen);
}

SCENE(tools_and_programs_are_called_as_they_are_now)
{
        seizes(s, thread_named(4820, 4823, "worker-3"), named(5120, "strace"), 0);
        feed(s, (struct event){.type = EV_TASK_INFO,
                               .target = {.pid = 4820, .start = 48200, .comm = "strace"}});
        execs(s, named(5120, "sleep"), thread_named(4820, 4823, "worker-3"), 5120, "/bin/sleep");
        ck_assert_str_eq(only_session(s, 5120).target.comm, "sleep");
        ck_assert_str_eq(only_session(s, 5120).tracer.comm, "strace");
        detaches(s, thread_named(4820, 4823, "worker-3"), named(5120, "sleep"));
        ck_assert_str_eq(only_session(s, 5120).tracer.comm, "strace");
}

SCENE(exit_of_a_tracer_that_was_not_announced_ends_its_sessions)
{
        attaches(s, GDB, API);
        process_ends(s, GDB, EXITED(0));
        ck_assert_int_eq(only_session(s, 4711).end_cause, DETACHED_TRACER_EXIT);
}

SCENE(exit_of_a_thread_ends_its_session)
{
        attaches(s, GDB, API);
        attaches(s, GDB, API_2);
        thread_ends(s, API_2);
        ck_assert_uint_eq(process(s, 4711).n_traced_threads, 1);
        process_ends(s, API, EXITED(0));
        ck_assert_uint_eq(sessions_of(s, 4711, false).n, 0);
        for (int i = 0; i < 2; i++)
                ck_assert_int_eq(sessions_of(s, 4711, true).list[i].end_cause, DETACHED_TRACEE_EXIT);
        ck_assert(!process(s, 4711).alive);
}

SCENE(new_tracer_of_a_thread_ends_the_old_session_unseen)
{
        attaches(s, GDB, API);
        attaches(s, DLV, API);
        ck_assert_uint_eq(sessions_of(s, 4711, false).n, 1);
        ck_assert_uint_eq(sessions_of(s, 4711, false).list[0].tracer.pid, 4802);
        ck_assert_int_eq(sessions_of(s, 4811, true).list[0].end_cause, DETACHED_UNSEEN);
        detaches(s, GDB, API);
        ck_assert_uint_eq(sessions_of(s, 4711, false).n, 1);
}

SCENE(scan_of_a_known_session_changes_nothing)
{
        seizes(s, GDB, API, PTRACE_O_TRACECLONE);
        feed(s,
             (struct event){.type = EV_PTRACE_ATTACH, .tracer = GDB, .target = API, .origin = ORIGIN_SCAN});
        ck_assert_int_eq(only_session(s, 4711).how, EV_PTRACE_SEIZE);
        ck_assert_int_eq(only_session(s, 4711).origin, ORIGIN_KERNEL);
}

SCENE(scan_of_the_dead_is_ignored)
{
        attaches(s, GDB, API);
        process_ends(s, API, EXITED(0));
        feed(s,
             (struct event){.type = EV_PTRACE_ATTACH, .tracer = GDB, .target = API, .origin = ORIGIN_SCAN});
        ck_assert_uint_eq(sessions_of(s, 4711, false).n, 0);
}

SCENE(auto_attached_child_has_its_parents_options)
{
        struct task_ref child = named(5120, "api");

        seizes(s, GDB, API, PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL);
        forks(s, API, child, GDB, 4811);
        feed(s, (struct event){.type = EV_PTRACE_AUTOATTACH, .tracer = GDB, .target = child, .parent = API});
        ck_assert_uint_eq(only_session(s, 5120).options, PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL);
        ck_assert_uint_eq(process(s, 5120).parent.pid, 4711);
}

SCENE(options_set_later_are_seen_with_a_signal)
{
        struct event e = trap(API, GDB);

        attaches(s, GDB, API);
        e.ptrace = 0x800001 | PTRACE_O_TRACECLONE << 3;
        feed(s, e);
        ck_assert_uint_eq(only_session(s, 4711).options, PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE);
}

SCENE(what_goes_on_in_a_session_is_counted)
{
        struct session session;

        attaches(s, GDB, API);
        traps(s, API, GDB);
        sends(s, API, GDB, NOBODY, SIGCHLD, CLD_TRAPPED);
        feed(s, (struct event){.type = EV_COUNTER,
                               .of_type = EV_SIGNAL_GENERATE,
                               .target = API,
                               .tracer = GDB,
                               .sig = SIGTRAP,
                               .code = 2,
                               .count = 1000});
        feed(s, (struct event){.type = EV_COUNTER,
                               .of_type = EV_SIGNAL_GENERATE,
                               .target = GDB,
                               .sig = SIGCHLD,
                               .code = CLD_TRAPPED,
                               .count = 1000});
        feed(s, (struct event){.type = EV_COUNTER,
                               .target = {.tid = 4711},
                               .tracer = {.tid = 4811, .start = 48110},
                               .request = PTRACE_SINGLESTEP,
                               .count = 500});
        session = only_session(s, 4711);
        ck_assert_uint_eq(session.n_traps, 1001);
        ck_assert_uint_eq(session.n_stops, 1001);
        ck_assert_uint_eq(session.n_requests, 500);
        ck_assert_uint_eq(session.last_active_ns, s->now);
        wait_ns(s, 10 * S);
        feed(s,
             (struct event){.type = EV_WAIT_REAP, .target = GDB, .actor = {.pid = 4711}, .status = 0x57f});
        ck_assert_uint_eq(only_session(s, 4711).last_active_ns, s->now);
}

SCENE(requests_find_their_tracee_in_the_tracers_pid_namespace)
{
        struct event e = {.type = EV_PTRACE_SEIZE, .tracer = GDB, .target = API, .vpid = 15, .ns_level = 1};

        feed(s, e);
        feed(s, (struct event){.type = EV_COUNTER, .target = {.tid = 15}, .tracer = GDB, .count = 7});
        ck_assert_uint_eq(only_session(s, 4711).n_requests, 7);
}

/* ---- identity ----------------------------------------------------------------------------------------- */

SCENE(reused_pid_is_another_process)
{
        struct task_ref later = API;

        attaches(s, GDB, API);
        later.start = later.tid_start = 99999;
        strcpy(later.comm, "other");
        attaches(s, DLV, later);
        ck_assert_str_eq(process(s, 4711).task.comm, "other");
        ck_assert_uint_eq(process(s, 4711).task.start, 99999);
        ck_assert_uint_eq(sessions_of(s, 4711, false).n, 1);
        ck_assert_uint_eq(sessions_of(s, 4811, false).n, 0);
        ck_assert_int_eq(sessions_of(s, 4811, true).list[0].end_cause, DETACHED_TRACEE_EXIT);
        expect_count(s, 0);
}

SCENE(reused_tid_is_another_thread)
{
        struct task_ref later = API_2;

        attaches(s, GDB, API_2);
        later.tid_start = 99999;
        attaches(s, GDB, later);
        ck_assert_uint_eq(process(s, 4711).n_traced_threads, 1);
        ck_assert_uint_eq(sessions_of(s, 4711, false).list[0].target.tid_start, 99999);
}

SCENE(process_whose_start_was_not_known_gets_it)
{
        struct task_ref unknown = {.pid = 4711, .tid = 4711};

        attaches(s, GDB, unknown);
        detaches(s, GDB, API);
        ck_assert_int_eq(only_session(s, 4711).end_cause, DETACHED_BY_CALL);
        attaches(s, GDB, API);
        ck_assert_uint_eq(process(s, 4711).task.start, 47110);
        ck_assert_uint_eq(counts(s).processes, 2);
}

SCENE(process_is_called_as_its_main_thread)
{
        attaches(s, GDB, API);
        attaches(s, GDB, thread_named(4711, 4713, "worker"));
        ck_assert_str_eq(process(s, 4711).task.comm, "api");
}

/* ---- exec ---------------------------------------------------------------------------------------- */

SCENE(exec_by_another_thread_leaves_only_that_one)
{
        attaches(s, GDB, API);
        attaches(s, GDB, API_2);
        attaches(s, GDB, thread_named(4711, 4715, "api"));
        execs(s, API, GDB, 4713, "/usr/bin/other");
        ck_assert_uint_eq(process(s, 4711).n_traced_threads, 1);
        ck_assert_uint_eq(sessions_of(s, 4711, false).list[0].target.tid, 4711);
        ck_assert_uint_eq(sessions_of(s, 4711, true).n, 3);
        detaches(s, GDB, API);
        ck_assert_uint_eq(process(s, 4711).n_traced_threads, 0);
}

SCENE(old_leader_that_vanishes_in_an_exec_does_not_end_the_survivor)
{
        struct task_ref old_leader = API;

        attaches(s, GDB, API);
        attaches(s, GDB, API_2);
        /* By then it has the number of the thread that calls exec. */
        old_leader.tid = 4713;
        detaches_by(s, GDB, old_leader, DETACHED_TRACEE_EXIT);
        execs(s, API, GDB, 4713, "/usr/bin/other");
        ck_assert_uint_eq(process(s, 4711).n_traced_threads, 1);
}

SCENE(exec_shows_a_tracer_that_was_missed)
{
        execs(s, API, GDB, 4711, "/usr/bin/other");
        ck_assert_uint_eq(only_session(s, 4711).tracer.pid, 4811);
        ck_assert_int_eq(only_session(s, 4711).origin, ORIGIN_SCAN);
}

/* ---- what is asked, told and reset --------------------------------------------------------------- */

SCENE(new_faces_are_asked_about_once)
{
        struct event info = {.type = EV_TASK_INFO, .target = API, .uid = 1000, .inner_pid = 15};

        attaches(s, GDB, API);
        attaches(s, GDB, API_2);
        ck_assert_uint_eq(s->n_questions, 2);
        ck_assert_int_eq(s->questions[0].kind, ASK_TASK_INFO);
        ck_assert_uint_eq(s->questions[0].task.pid, 4811);
        ck_assert_uint_eq(s->questions[1].task.pid, 4711);
        strcpy(info.args, "api --port 80");
        strcpy(info.path, "/usr/bin/api");
        strcpy(info.unit, "api.service");
        strcpy(info.tty, "pts/3");
        feed(s, info);
        ck_assert(process(s, 4711).info_known);
        ck_assert_str_eq(process(s, 4711).args, "api --port 80");
        ck_assert_str_eq(process(s, 4711).path, "/usr/bin/api");
        ck_assert_str_eq(process(s, 4711).unit, "api.service");
        ck_assert_str_eq(process(s, 4711).tty, "pts/3");
        ck_assert_uint_eq(process(s, 4711).uid, 1000);
        ck_assert_uint_eq(process(s, 4711).inner_pid, 15);
        execs(s, API, GDB, 4711, "/usr/bin/other");
        ck_assert_str_eq(process(s, 4711).path, "/usr/bin/other");
        ck_assert(!process(s, 4711).info_known);
        ck_assert_uint_eq(s->n_questions, 3);
}

SCENE(state_of_a_process_is_the_last_one_told)
{
        attaches(s, GDB, API);
        is_seen(s, API, 't', GDB, 'S');
        ck_assert_int_eq(process(s, 4711).state, 't');
        process_ends(s, API, 0);
        ck_assert_int_eq(process(s, 4711).state, 0);
}

SCENE(another_boot_forgets_everybody)
{
        starts(s, "boot-1");
        attaches(s, GDB, API);
        starts(s, "boot-2");
        ck_assert_uint_eq(counts(s).processes, 0);
        ck_assert_uint_eq(counts(s).sessions_live, 0);
        ck_assert_uint_eq(counts(s).sessions_ended, 1);
        ck_assert_int_eq(sessions_of(s, 0, true).list[0].end_cause, DETACHED_UNSEEN);
}

SCENE(another_start_on_the_same_boot_ends_sessions_but_knows_processes)
{
        starts(s, "boot-1");
        attaches(s, GDB, API);
        starts(s, "boot-1");
        ck_assert_uint_eq(counts(s).sessions_live, 0);
        ck_assert_str_eq(process(s, 4711).task.comm, "api");
        feed(s,
             (struct event){.type = EV_PTRACE_ATTACH, .tracer = GDB, .target = API, .origin = ORIGIN_SCAN});
        ck_assert_uint_eq(counts(s).sessions_live, 1);
}

SCENE(findings_are_told_once_as_new_and_kept)
{
        attaches(s, GDB, API);
        is_refused(s, DLV, API, GDB);
        is_refused(s, DLV, API, GDB);
        ck_assert_uint_eq(s->n_told, 2);
        ck_assert_uint_eq(counts(s).findings, 1);
        for (int i = 0; i < 10; i++)
                is_refused(s, DLV, API, GDB);
        struct finding f = expect(s, FIND_ATTACH_REFUSED_TRACED, "");
        ck_assert_uint_eq(f.n_evidence, FINDING_EVIDENCE_MAX);
        ck_assert_uint_eq(f.evidence[0], 2);
        ck_assert_uint_eq(f.evidence[6], 8);
        ck_assert_uint_eq(f.evidence[7], 13);
        ck_assert_uint_eq(f.count, 12);
        ck_assert_uint_lt(f.first_ns, f.last_ns);
}

SCENE(what_is_no_event_is_refused)
{
        struct event e = {.type = EV_NONE};
        struct model_counts before = counts(s), after;

        ck_assert_int_eq(diagnosis_apply(s->d, &e), -EINVAL);
        e.type = _EV_MAX;
        ck_assert_int_eq(diagnosis_apply(s->d, &e), -EINVAL);
        e.type = EV_TASK_INFO;
        memset(e.args, 'x', sizeof(e.args));
        ck_assert_int_eq(diagnosis_apply(s->d, &e), -EINVAL);
        after = counts(s);
        ck_assert_mem_eq(&before, &after, sizeof(before));
}

/* ---- bounds -------------------------------------------------------------------------------------- */

static void apply(struct diagnosis *d, struct event e)
{
        static uint64_t seq;

        e.seq = ++seq;
        e.time_ns = 100 * S + seq * MS;
        ck_assert_int_eq(diagnosis_apply(d, &e), 0);
}

START_TEST(sessions_and_processes_are_bounded)
{
        struct model_counts c;
        struct diagnosis *d;

        ck_assert_int_eq(diagnosis_new(&d, NULL, NULL, NULL), 0);
        for (uint32_t i = 0; i < MODEL_PROCESSES_MAX + 1000; i++) {
                struct task_ref target = named(100000 + i, "x");

                apply(d, (struct event){.type = EV_PTRACE_ATTACH, .tracer = GDB, .target = target});
                if (i % 2)
                        apply(d, (struct event){.type = EV_PTRACE_DETACH, .tracer = GDB, .target = target});
        }
        model_count(diagnosis_model(d), &c);
        ck_assert_uint_le(c.processes, MODEL_PROCESSES_MAX);
        ck_assert_uint_le(c.sessions_ended, MODEL_SESSIONS_MAX);
        ck_assert_uint_ge(c.evicted, 1000);
        diagnosis_free(d);
}
END_TEST

START_TEST(threads_are_bounded)
{
        struct model_counts c;
        struct diagnosis *d;

        ck_assert_int_eq(diagnosis_new(&d, NULL, NULL, NULL), 0);
        for (uint32_t i = 0; i < MODEL_THREADS_MAX + 1000; i++)
                apply(d, (struct event){.type = EV_PTRACE_ATTACH,
                                        .tracer = GDB,
                                        .target = thread_named(4711, 100000 + i, "x")});
        model_count(diagnosis_model(d), &c);
        ck_assert_uint_eq(c.threads, MODEL_THREADS_MAX);
        ck_assert_uint_eq(c.evicted, 1000);
        diagnosis_free(d);
}
END_TEST

START_TEST(findings_are_bounded)
{
        struct model_counts c;
        struct diagnosis *d;

        ck_assert_int_eq(diagnosis_new(&d, NULL, NULL, NULL), 0);
        for (uint32_t i = 0; i < MODEL_FINDINGS_MAX + 100; i++)
                apply(d, refusal(DLV, named(100000 + i, "x"), GDB, EPERM));
        model_count(diagnosis_model(d), &c);
        ck_assert_uint_eq(c.findings, MODEL_FINDINGS_MAX);
        diagnosis_free(d);
}
END_TEST

START_TEST(the_dead_go_before_the_living)
{
        struct process_view p;
        struct model_counts c;
        struct diagnosis *d;

        ck_assert_int_eq(diagnosis_new(&d, NULL, NULL, NULL), 0);
        apply(d, (struct event){.type = EV_PTRACE_ATTACH, .tracer = GDB, .target = API});
        for (uint32_t i = 0; i < MODEL_PROCESSES_MAX * 2; i++) {
                struct task_ref target = named(100000 + i, "x");

                apply(d, (struct event){.type = EV_PTRACE_TRACEME, .tracer = GDB, .target = target});
                apply(d, (struct event){.type = EV_TASK_EXIT, .target = target, .group_dead = true});
        }
        model_count(diagnosis_model(d), &c);
        ck_assert_uint_eq(c.evicted, 0);
        ck_assert_int_eq(model_process(diagnosis_model(d), 4711, &p), 0);
        ck_assert(p.alive);
        diagnosis_free(d);
}
END_TEST

int main(void)
{
        const TTest *const tests[] = {
                session_from_attach_to_detach,
                second_end_of_a_session_is_ignored,
                end_of_one_tracer_thread_ends_only_its_sessions,
                tracer_whose_thread_ended_goes_on,
                main_thread_of_a_tracer_may_end_alone,
                tracer_whose_threads_all_end_does_not_go_on,
                signal_ends_all_threads_of_a_tracer,
                last_thread_of_a_tracer_does_not_leave_it_behind,
                tracer_that_only_a_signal_tells_of_is_asked_for,
                tracer_whose_attach_is_seen_is_not_asked_for,
                attach_that_comes_after_it_was_found_is_that_one,
                tracer_that_a_start_finds_was_not_missed,
                in_tier_proc_all_are_found_and_none_is_missed,
                tools_and_programs_are_called_as_they_are_now,
                exit_of_a_tracer_that_was_not_announced_ends_its_sessions,
                exit_of_a_thread_ends_its_session,
                new_tracer_of_a_thread_ends_the_old_session_unseen,
                scan_of_a_known_session_changes_nothing,
                scan_of_the_dead_is_ignored,
                auto_attached_child_has_its_parents_options,
                options_set_later_are_seen_with_a_signal,
                what_goes_on_in_a_session_is_counted,
                requests_find_their_tracee_in_the_tracers_pid_namespace,
                reused_pid_is_another_process,
                reused_tid_is_another_thread,
                process_whose_start_was_not_known_gets_it,
                process_is_called_as_its_main_thread,
                exec_by_another_thread_leaves_only_that_one,
                old_leader_that_vanishes_in_an_exec_does_not_end_the_survivor,
                exec_shows_a_tracer_that_was_missed,
                new_faces_are_asked_about_once,
                state_of_a_process_is_the_last_one_told,
                another_boot_forgets_everybody,
                another_start_on_the_same_boot_ends_sessions_but_knows_processes,
                findings_are_told_once_as_new_and_kept,
                what_is_no_event_is_refused,
                sessions_and_processes_are_bounded,
                threads_are_bounded,
                findings_are_bounded,
                the_dead_go_before_the_living,
        };
        Suite *suite = suite_create("model");
        TCase *t = tcase_create("model");

        for (size_t i = 0; i < ELEMENTSOF(tests); i++)
                tcase_add_test(t, tests[i]);
        tcase_set_timeout(t, 60);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
