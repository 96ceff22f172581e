/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <stdlib.h>
#include <sys/mman.h>

#include "tests/unit/child.h"
#include "tests/unit/fake_model.h"

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"
#include "daemon/events/sampler.h"

static struct model model;
static struct sampler *sampler;

static struct task_ref task_of(uint32_t pid)
{
        struct task_ref task;

        ck_assert_int_eq(procfs_task(pid, &task), 0);
        return task;
}

static void run_at(uint64_t seconds)
{
        ck_assert_int_eq(sampler_run(sampler, seconds * NSEC_PER_SEC, &model, fake_emit, &model), 0);
}

START_TEST(answers_when_due_and_not_before)
{
        uint32_t pid = child_new(NULL);
        struct model_question q = {ASK_TASK_STATE, task_of(pid), 5 * NSEC_PER_SEC};
        size_t n;

        ck_assert_int_eq(sampler_new(&sampler), 0);
        run_at(1);
        ck_assert_int_eq(sampler_ask(sampler, &q), 0);
        ck_assert_int_eq(sampler_ask(sampler, &q), 0); /* the same question */
        ck_assert_uint_eq(sampler_next_due(sampler), 2 * NSEC_PER_SEC);
        run_at(4);
        ck_assert_ptr_null(fake_event(&model, EV_TASK_STATE, pid, NULL));
        ck_assert_uint_eq(sampler_next_due(sampler), 5 * NSEC_PER_SEC);
        run_at(5);
        ck_assert_uint_eq(fake_event(&model, EV_TASK_STATE, pid, &n)->target.tid, pid);
        ck_assert_uint_eq(n, 1);
        run_at(9);
        fake_event(&model, EV_TASK_STATE, pid, &n);
        ck_assert_uint_eq(n, 1);
        child_end(pid);
        sampler_free(sampler);
}
END_TEST

START_TEST(describes_on_request)
{
        uint32_t pid = child_new(NULL);
        struct model_question q = {ASK_TASK_INFO, task_of(pid), 0}, reused = q;

        reused.task.start -= 3;
        ck_assert_int_eq(sampler_new(&sampler), 0);
        ck_assert_int_eq(sampler_ask(sampler, &q), 0);
        ck_assert_int_eq(sampler_ask(sampler, &reused), 0);
        run_at(1);
        ck_assert_uint_eq(model.n_events, 1);
        ck_assert_ptr_nonnull(fake_event(&model, EV_TASK_INFO, pid, NULL));
        child_end(pid);

        /* Nobody there: no answer. */
        ck_assert_int_eq(sampler_ask(sampler, &q), 0);
        run_at(2);
        ck_assert_uint_eq(model.n_events, 1);
        sampler_free(sampler);
}
END_TEST

START_TEST(a_full_queue_says_so)
{
        struct model_question q = {.kind = ASK_TASK_STATE};

        ck_assert_int_eq(sampler_new(&sampler), 0);
        for (uint32_t i = 0; i < SAMPLER_QUESTIONS_MAX; i++) {
                q.task.pid = q.task.tid = i + 1;
                ck_assert_int_eq(sampler_ask(sampler, &q), 0);
        }
        q.task.pid = q.task.tid = SAMPLER_QUESTIONS_MAX + 1;
        ck_assert_int_eq(sampler_ask(sampler, &q), -ENOBUFS);
        ck_assert_uint_eq(sampler_dropped(sampler), 1);
        sampler_free(sampler);
}
END_TEST

static uint32_t *shared_pid;

static void trace_a_child(void)
{
        *shared_pid = child_new(NULL);
        child_trace(*shared_pid);
}

/* A tracer with a tracee in a stop. */
static uint32_t tracer_new(uint32_t *ret_tracee)
{
        uint32_t tracer;

        shared_pid =
                mmap(NULL, sizeof(*shared_pid), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ck_assert_ptr_ne(shared_pid, MAP_FAILED);
        tracer = child_new(trace_a_child);
        *ret_tracee = *shared_pid;
        return tracer;
}

static uint32_t stopped_tracer(uint32_t *ret_tracee)
{
        uint32_t tracer = tracer_new(ret_tracee);
        siginfo_t info;

        ck_assert_int_eq(kill((pid_t)tracer, SIGSTOP), 0);
        ck_assert_int_eq(waitid(P_PID, tracer, &info, WSTOPPED | WNOWAIT), 0);
        return tracer;
}

static void fake_attach_pids(uint32_t tracer, uint32_t tracee)
{
        struct task_ref a = task_of(tracer), b = task_of(tracee);

        fake_attach(&model, &a, &b);
}

START_TEST(tells_of_a_tracer_that_cannot_serve)
{
        uint32_t tracer, tracee;
        siginfo_t info;
        size_t n;

        tracer = tracer_new(&tracee);
        fake_attach_pids(tracer, tracee);
        ck_assert_int_eq(sampler_new(&sampler), 0);

        run_at(1);
        ck_assert_uint_eq(model.n_events, 0); /* a tracer at its prompt is fine */

        ck_assert_int_eq(kill((pid_t)tracer, SIGSTOP), 0);
        ck_assert_int_eq(waitid(P_PID, tracer, &info, WSTOPPED | WNOWAIT), 0);
        for (unsigned i = 2; i < 30; i++)
                run_at(i);
        ck_assert_int_eq(fake_event(&model, EV_TASK_STATE, tracee, &n)->tracer_state, 'T');
        ck_assert_uint_eq(n, SAMPLER_REPEATS_MAX);

        ck_assert_int_eq(kill((pid_t)tracer, SIGCONT), 0);
        ck_assert_int_eq(waitid(P_PID, tracer, &info, WCONTINUED), 0);
        run_at(30);
        run_at(31);
        ck_assert_int_ne(fake_event(&model, EV_TASK_STATE, tracee, &n)->tracer_state, 'T');
        ck_assert_uint_eq(n, SAMPLER_REPEATS_MAX + 1); /* its end is told once */
        child_end(tracer);
        sampler_free(sampler);
}
END_TEST

START_TEST(tells_of_a_tracer_that_was_not_seen)
{
        struct model_question q = {.kind = ASK_TRACER};
        uint32_t tracer, tracee;
        size_t n;

        tracer = tracer_new(&tracee);
        ck_assert_int_eq(sampler_new(&sampler), 0);
        q.task = task_of(tracee);
        ck_assert_int_eq(sampler_ask(sampler, &q), 0);
        run_at(1);
        ck_assert_uint_eq(fake_event(&model, EV_PTRACE_ATTACH, tracee, &n)->tracer.pid, tracer);
        ck_assert_int_eq(fake_event(&model, EV_PTRACE_ATTACH, tracee, &n)->origin, ORIGIN_SCAN);
        ck_assert_uint_eq(n, 1);
        ck_assert_int_eq(sampler_ask(sampler, &q), 0); /* known by now */
        run_at(2);
        fake_event(&model, EV_PTRACE_ATTACH, tracee, &n);
        ck_assert_uint_eq(n, 1);
        /* Nobody traces the tracer. */
        q.task = task_of(tracer);
        ck_assert_int_eq(sampler_ask(sampler, &q), 0);
        run_at(3);
        ck_assert_ptr_null(fake_event(&model, EV_PTRACE_ATTACH, tracer, NULL));
        child_end(tracer);
        sampler_free(sampler);
}
END_TEST

#define PROBE_ROUNDS 4000 /* of SAMPLER_PROBES_MAX processes */

START_TEST(looks_for_tracers_that_are_not_seen_where_it_is_told_to)
{
        uint32_t tracer, tracee;
        size_t n = 0;

        tracer = tracer_new(&tracee);
        ck_assert_int_eq(sampler_new(&sampler), 0);
        for (unsigned i = 1; i <= 60; i++)
                run_at(i);
        ck_assert_ptr_null(fake_event(&model, EV_PTRACE_ATTACH, tracee, NULL));
        sampler_probe(sampler);
        for (unsigned i = 61; n == 0 && i < PROBE_ROUNDS; i++) {
                run_at(i);
                fake_event(&model, EV_PTRACE_ATTACH, tracee, &n);
        }
        ck_assert_uint_eq(n, 1);
        child_end(tracer);
        sampler_free(sampler);
}
END_TEST

/* Each is seen when its turn comes: the last one in the third walk, then the first one. */
START_TEST(walks_more_sessions_than_one_turn_takes)
{
        struct task_ref nobody = {.pid = 4000000, .tid = 4000000};
        uint32_t tracers[2], tracees[2];
        size_t n = SAMPLER_WALK_MAX * 2;

        ck_assert_int_eq(sampler_new(&sampler), 0);
        for (size_t i = 0; i < 2; i++)
                tracers[i] = stopped_tracer(&tracees[i]);
        fake_attach_pids(tracers[0], tracees[0]);
        for (size_t i = 1; i < n; i++) {
                nobody.tid = 4000000 + (uint32_t)i;
                fake_attach(&model, &nobody, &nobody);
        }
        fake_attach_pids(tracers[1], tracees[1]);

        run_at(1);
        ck_assert_ptr_nonnull(fake_event(&model, EV_TASK_STATE, tracees[0], NULL));
        ck_assert_ptr_null(fake_event(&model, EV_TASK_STATE, tracees[1], NULL));
        run_at(2);
        ck_assert_ptr_null(fake_event(&model, EV_TASK_STATE, tracees[1], NULL));
        run_at(3);
        ck_assert_ptr_nonnull(fake_event(&model, EV_TASK_STATE, tracees[1], NULL));

        child_end(tracers[0]);
        tracers[0] = stopped_tracer(&tracees[0]);
        model.sessions[0] = (struct session){.tracer = task_of(tracers[0]), .target = task_of(tracees[0])};
        run_at(4);
        ck_assert_ptr_nonnull(fake_event(&model, EV_TASK_STATE, tracees[0], NULL));
        child_end(tracers[0]);
        child_end(tracers[1]);
        sampler_free(sampler);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("sampler");
        TCase *t = tcase_create("sampler");
        int failed;

        tcase_set_timeout(t, 20);
        tcase_add_test(t, answers_when_due_and_not_before);
        tcase_add_test(t, describes_on_request);
        tcase_add_test(t, a_full_queue_says_so);
        tcase_add_test(t, tells_of_a_tracer_that_cannot_serve);
        tcase_add_test(t, tells_of_a_tracer_that_was_not_seen);
        tcase_add_test(t, looks_for_tracers_that_are_not_seen_where_it_is_told_to);
        tcase_add_test(t, walks_more_sessions_than_one_turn_takes);
        suite_add_tcase(s, t);

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
