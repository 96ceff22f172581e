/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <linux/connector.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/unit/child.h"
#include "tests/unit/fake_model.h"

#include "lib/base/clock.h"
#include "daemon/events/proc_connector.h"
#include "daemon/events/proctier.h"

static struct model model;
static struct proctier *proctier;
static sd_event *event;

static void start(void)
{
        ck_assert_int_eq(sd_event_new(&event), 0);
        ck_assert_int_eq(proctier_new(&proctier, event, &model, fake_emit, &model), 0);
}

static bool has_connector(void)
{
        return !*proctier_reason(proctier);
}

/* Another network has no connector. False: there is one all the same, as we may not go there. */
static bool start_without_connector(void)
{
        (void)unshare(CLONE_NEWNET);
        start();
        return !has_connector();
}

static void finish(void)
{
        proctier_free(proctier);
        sd_event_unref(event);
}

/* Run the loop until there is such an event. */
static const struct event *wait_for(enum event_type type, uint32_t pid)
{
        uint64_t until = clock_mono_ns() + 10 * NSEC_PER_SEC;
        const struct event *e;

        while (!(e = fake_event(&model, type, pid, NULL)) && clock_mono_ns() < until)
                ck_assert_int_ge(sd_event_run(event, 100000), 0);
        ck_assert_ptr_nonnull(e);
        return e;
}

START_TEST(polling_alone_sees_begin_and_end)
{
        uint32_t pid = child_new(NULL);
        const struct event *e;
        size_t n;

        if (!start_without_connector())
                return;
        child_trace(pid);
        e = wait_for(EV_PTRACE_ATTACH, pid);
        ck_assert_uint_eq(e->tracer.pid, (uint32_t)getpid());
        ck_assert_int_eq(e->origin, ORIGIN_SCAN);
        ck_assert_ptr_nonnull(fake_event(&model, EV_TASK_INFO, pid, NULL));
        ck_assert_int_eq(ptrace(PTRACE_DETACH, pid, 0, 0), 0);
        ck_assert_int_eq(wait_for(EV_PTRACE_DETACH, pid)->cause, DETACHED_UNSEEN);
        fake_event(&model, EV_PTRACE_ATTACH, pid, &n);
        ck_assert_uint_eq(n, 1);
        child_end(pid);
        finish();
}
END_TEST

START_TEST(polling_alone_sees_a_dead_tracee)
{
        uint32_t pid = child_new(NULL);

        if (!start_without_connector())
                return;
        child_trace(pid);
        wait_for(EV_PTRACE_ATTACH, pid);
        child_end(pid);
        ck_assert_int_eq(wait_for(EV_PTRACE_DETACH, pid)->cause, DETACHED_TRACEE_EXIT);
        finish();
}
END_TEST

static uint32_t *shared_pid;

static void trace_a_child(void)
{
        *shared_pid = child_new(NULL);
        child_trace(*shared_pid);
}

START_TEST(the_connector_tells_why_it_ended)
{
        uint32_t tracer, tracee, pid = child_new(NULL);

        start();
        if (!has_connector()) { /* not allowed here: then it says why */
                ck_assert_str_ne(proctier_reason(proctier), "");
                child_end(pid);
                finish();
                return;
        }
        ck_assert_str_eq(proctier_reason(proctier), "");
        child_trace(pid);
        wait_for(EV_PTRACE_ATTACH, pid);
        ck_assert_int_eq(ptrace(PTRACE_DETACH, pid, 0, 0), 0);
        ck_assert_int_eq(wait_for(EV_PTRACE_DETACH, pid)->cause, DETACHED_BY_CALL);

        shared_pid =
                mmap(NULL, sizeof(*shared_pid), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        tracer = child_new(trace_a_child);
        tracee = *shared_pid;
        wait_for(EV_PTRACE_ATTACH, tracee);
        child_end(tracer);
        wait_for(EV_TRACER_EXIT, tracer);
        ck_assert_int_eq(wait_for(EV_PTRACE_DETACH, tracee)->cause, DETACHED_TRACER_EXIT);
        ck_assert_uint_eq(proctier_overruns(proctier), 0);
        child_end(pid);
        finish();
}
END_TEST

static void run_true(void)
{
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        execl("/bin/true", "true", NULL);
        _exit(1);
}

START_TEST(a_traceme_shows_at_its_exec)
{
        int status;
        pid_t pid;

        start();
        sd_event_run(event, 0);
        pid = fork();
        if (pid == 0)
                run_true();
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSTOPPED(status));
        ck_assert_uint_eq(wait_for(EV_PTRACE_ATTACH, (uint32_t)pid)->tracer.pid, (uint32_t)getpid());
        if (has_connector())
                ck_assert_str_ne(wait_for(EV_TASK_EXEC, (uint32_t)pid)->path, "");
        ptrace(PTRACE_CONT, pid, 0, 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(wait_for(EV_PTRACE_DETACH, (uint32_t)pid)->cause, DETACHED_TRACEE_EXIT);
        finish();
}
END_TEST

START_TEST(a_followed_process_is_followed)
{
        int status;
        pid_t pid;

        start();
        proctier_follow(proctier, (uint32_t)getpid());
        pid = fork();
        if (pid == 0)
                _exit(3);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        if (has_connector()) {
                ck_assert_uint_eq(wait_for(EV_TASK_FORK, (uint32_t)pid)->actor.pid, (uint32_t)getpid());
                ck_assert_int_eq(wait_for(EV_TASK_EXIT, (uint32_t)pid)->status, 3 << 8);
        }
        finish();
}
END_TEST

START_TEST(messages_of_any_shape_are_survived)
{
        uint8_t data[PROC_CONNECTOR_MESSAGE_MAX];
        struct proc_event e;
        uint32_t seed = 5;

        for (unsigned i = 0; i < 20000; i++) {
                size_t n;

                for (size_t k = 0; k < 64; k++) {
                        seed = seed * 1664525u + 1013904223u;
                        data[k] = (uint8_t)(seed >> 24);
                }
                n = (seed >> 8) % 64;
                if (i % 2) {
                        struct cn_msg m = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = (uint16_t)seed};
                        uint32_t length = (uint32_t)n;

                        memcpy(data, &length, sizeof(length));
                        memcpy(data + NLMSG_HDRLEN, &m, sizeof(m));
                }
                (void)proc_connector_parse(data, n, &e);
        }
}
END_TEST

int main(void)
{
        Suite *s = suite_create("proctier");
        TCase *t = tcase_create("proctier");
        int failed;

        tcase_set_timeout(t, 20);
        tcase_add_test(t, polling_alone_sees_begin_and_end);
        tcase_add_test(t, polling_alone_sees_a_dead_tracee);
        tcase_add_test(t, the_connector_tells_why_it_ended);
        tcase_add_test(t, a_traceme_shows_at_its_exec);
        tcase_add_test(t, a_followed_process_is_followed);
        tcase_add_test(t, messages_of_any_shape_are_survived);
        suite_add_tcase(s, t);

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
