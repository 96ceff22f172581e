/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <check.h>
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "lib/base/cleanup.h"
#include "lib/diagnosis/diagnosis.h"
#include "lib/proc/procfs.h"
#include "daemon/events/departed.h"

static struct diagnosis *diagnosis;
static const struct model *model; /* its */
static uint64_t seq;

static int apply(void *userdata, struct event *e)
{
        (void)userdata;
        e->seq = ++seq;
        e->time_ns = e->wall_ns = seq * NSEC_PER_SEC;
        ck_assert_int_eq(diagnosis_apply(diagnosis, e), 0);
        return 0;
}

/* Somebody who tried to attach: all that is ever seen of most callers. */
static void refused(const struct task_ref *caller, const struct task_ref *target)
{
        struct event e = {
                .type = EV_PTRACE_REFUSED,
                .actor = *caller,
                .target = *target,
                .request = PTRACE_ATTACH,
                .error = EPERM,
        };

        apply(NULL, &e);
}

static uint64_t n_alive(void)
{
        struct model_counts c;

        model_count(model, &c);
        return c.processes;
}

static struct task_ref dead_child(void)
{
        struct task_ref task;
        pid_t pid = fork();

        if (pid == 0) {
                pause();
                _exit(0);
        }
        ck_assert_int_eq(procfs_task((uint32_t)pid, &task), 0);
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        return task;
}

START_TEST(callers_that_are_gone_are_forgotten)
{
        struct task_ref self, gone = dead_child();

        ck_assert_int_eq(procfs_task((uint32_t)getpid(), &self), 0);
        ck_assert_int_eq(diagnosis_new(&diagnosis, NULL, NULL, NULL), 0);
        model = diagnosis_model(diagnosis);
        refused(&gone, &self);
        ck_assert_uint_eq(n_alive(), 2);
        ck_assert_int_eq(departed_look(model, NULL, apply, NULL), 1);
        ck_assert_uint_eq(n_alive(), 1);
        ck_assert_int_eq(departed_look(model, NULL, apply, NULL), 0);
        diagnosis = diagnosis_free(diagnosis);
}
END_TEST

static struct task_ref on_its_way;

static void exit_arrives(void *userdata)
{
        struct event e = {.type = EV_TASK_EXIT, .target = on_its_way, .status = 9, .group_dead = true};

        (void)userdata;
        apply(NULL, &e);
}

START_TEST(an_exit_on_its_way_is_not_told_twice)
{
        struct task_ref self;

        on_its_way = dead_child();
        ck_assert_int_eq(procfs_task((uint32_t)getpid(), &self), 0);
        ck_assert_int_eq(diagnosis_new(&diagnosis, NULL, NULL, NULL), 0);
        model = diagnosis_model(diagnosis);
        refused(&on_its_way, &self);
        ck_assert_int_eq(departed_look(model, exit_arrives, apply, NULL), 0);
        ck_assert_uint_eq(n_alive(), 1);
        diagnosis = diagnosis_free(diagnosis);
}
END_TEST

START_TEST(sessions_are_left_to_the_comparison)
{
        struct task_ref gone = dead_child();
        struct event e = {.type = EV_PTRACE_ATTACH, .target = gone};

        ck_assert_int_eq(procfs_task((uint32_t)getpid(), &e.tracer), 0);
        ck_assert_int_eq(diagnosis_new(&diagnosis, NULL, NULL, NULL), 0);
        model = diagnosis_model(diagnosis);
        apply(NULL, &e);
        ck_assert_int_eq(departed_look(model, NULL, apply, NULL), 0);
        diagnosis = diagnosis_free(diagnosis);
}
END_TEST

int main(void)
{
        const TTest *const tests[] = {callers_that_are_gone_are_forgotten,
                                      an_exit_on_its_way_is_not_told_twice,
                                      sessions_are_left_to_the_comparison};
        Suite *suite = suite_create("departed");
        SRunner *runner = srunner_create(suite);
        TCase *tc = tcase_create("departed");
        int failed;

        for (size_t i = 0; i < ELEMENTSOF(tests); i++)
                _tcase_add_test(tc, tests[i], 0, 0, 0, 1);
        suite_add_tcase(suite, tc);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
