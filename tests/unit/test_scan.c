/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <stdlib.h>

#include "tests/unit/child.h"
#include "tests/unit/fake_model.h"

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"
#include "daemon/events/scan.h"

static struct model model;
static unsigned flushes;

static void count_flush(void *userdata)
{
        (void)userdata;
        flushes++;
}

static void forget(struct model *m)
{
        m->n_events = 0;
}

/* In the smallest pieces there are. */
static void compare_all(void (*flush)(void *userdata))
{
        const struct scan_means means = {.flush = flush, .emit = fake_emit, .userdata = &model};
        struct comparison *c;
        int r;

        ck_assert_int_eq(comparison_new(&c), 0);
        do
                r = comparison_step(c, &model, 0, &means);
        while (r > 0);
        ck_assert_int_eq(r, 0);
        comparison_free(c);
}

static struct task_ref task_of(uint32_t pid)
{
        struct task_ref task;

        ck_assert_int_eq(procfs_task(pid, &task), 0);
        return task;
}

START_TEST(finds_tracers_older_than_us)
{
        uint32_t a = child_new(NULL), b = child_new(NULL), self = (uint32_t)getpid();
        const struct event *e;
        size_t n;

        child_trace(a);
        child_trace(b);
        ck_assert_int_eq(scan_tracers(fake_emit, &model), 0);
        e = fake_event(&model, EV_PTRACE_ATTACH, a, &n);
        ck_assert_uint_eq(n, 1);
        ck_assert_uint_eq(e->tracer.pid, self);
        ck_assert_uint_eq(e->target.tid, a);
        ck_assert_uint_gt(e->target.start, 0);
        ck_assert_int_eq(e->origin, ORIGIN_SCAN);
        ck_assert_ptr_nonnull(fake_event(&model, EV_TASK_INFO, a, &n));
        ck_assert_uint_eq(n, 1);
        ck_assert_ptr_nonnull(fake_event(&model, EV_TASK_INFO, self, &n));
        ck_assert_uint_eq(n, 1); /* once, though it traces two */
        child_end(a);
        child_end(b);
}
END_TEST

static int refuse(void *userdata, struct event *e)
{
        (void)userdata;
        (void)e;
        return -ENOMEM;
}

START_TEST(stops_when_told)
{
        uint32_t a = child_new(NULL);

        child_trace(a);
        ck_assert_int_eq(scan_tracers(refuse, NULL), -ENOMEM);
        child_end(a);
}
END_TEST

START_TEST(reconciles_both_ways)
{
        uint32_t missed = child_new(NULL), left = child_new(NULL), right = child_new(NULL);
        struct task_ref self = task_of((uint32_t)getpid()), t;
        const struct event *e;
        size_t n;

        child_trace(missed);
        child_trace(right);
        t = task_of(left);
        fake_attach(&model, &self, &t);
        t = task_of(right);
        fake_attach(&model, &self, &t);

        compare_all(count_flush);
        ck_assert_uint_eq(flushes, 1);
        e = fake_event(&model, EV_PTRACE_DETACH, left, &n);
        ck_assert_uint_eq(n, 1);
        ck_assert_int_eq(e->cause, DETACHED_UNSEEN);
        e = fake_event(&model, EV_PTRACE_ATTACH, missed, &n);
        ck_assert_uint_eq(n, 1);
        ck_assert_uint_eq(e->tracer.pid, self.pid);
        ck_assert_ptr_null(fake_event(&model, EV_PTRACE_ATTACH, right, NULL));
        ck_assert_ptr_null(fake_event(&model, EV_PTRACE_DETACH, right, NULL));

        /* Now they agree. */
        forget(&model);
        compare_all(count_flush);
        ck_assert_ptr_null(fake_event(&model, EV_PTRACE_ATTACH, missed, NULL));
        ck_assert_ptr_null(fake_event(&model, EV_PTRACE_DETACH, left, NULL));
        child_end(missed);
        child_end(left);
        child_end(right);
}
END_TEST

static uint32_t late;

/* What the kernel reported while /proc was read. */
static void bring_news(void *userdata)
{
        struct model *m = userdata;
        struct task_ref self = task_of((uint32_t)getpid()), t = task_of(late);

        fake_attach(m, &self, &t);
}

START_TEST(news_on_their_way_are_no_difference)
{
        late = child_new(NULL);
        child_trace(late);
        compare_all(bring_news);
        ck_assert_ptr_null(fake_event(&model, EV_PTRACE_ATTACH, late, NULL));
        ck_assert_ptr_null(fake_event(&model, EV_PTRACE_DETACH, late, NULL));
        child_end(late);
}
END_TEST

START_TEST(a_reused_pid_is_another_thread)
{
        uint32_t pid = child_new(NULL);
        struct task_ref self = task_of((uint32_t)getpid()), old = task_of(pid);
        size_t n;

        child_trace(pid);
        old.start -= 5;
        old.tid_start -= 5;
        fake_attach(&model, &self, &old);
        compare_all(NULL);
        ck_assert_ptr_nonnull(fake_event(&model, EV_PTRACE_DETACH, pid, &n));
        ck_assert_ptr_nonnull(fake_event(&model, EV_PTRACE_ATTACH, pid, &n));
        child_end(pid);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("scan");
        TCase *t = tcase_create("scan");
        int failed;

        tcase_set_timeout(t, 20);
        tcase_add_test(t, finds_tracers_older_than_us);
        tcase_add_test(t, stops_when_told);
        tcase_add_test(t, reconciles_both_ways);
        tcase_add_test(t, news_on_their_way_are_no_difference);
        tcase_add_test(t, a_reused_pid_is_another_thread);
        suite_add_tcase(s, t);

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
