/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Children whose end their parent does not learn of, and those who are fine without. */

#include "tests/unit/scene.h"

#define SERVER   named(4711, "server")
#define SERVER_2 thread_named(4711, 4713, "server")
#define LAUNCHER named(900, "launcher")
#define CHILD    4720

/* A wait for CHILD that found none: its reaper had asked for `upid`. */
static struct event missed(struct task_ref waiter, struct task_ref reaper, int32_t upid)
{
        return (struct event){.type = EV_WAIT_ERROR,
                              .target = waiter,
                              .actor = reaper,
                              .error = ECHILD,
                              .upid = CHILD,
                              .lost_to = reaper.pid ? LOST_TO_WAIT : LOST_TO_KERNEL,
                              .info_pid = upid,
                              .status = EXITED(3)};
}

static void misses(struct scene *s, struct event e)
{
        e.first_ns = s->now;
        feed(s, e);
}

SCENE(a_loop_in_another_thread_takes_the_child)
{
        struct finding f;

        misses(s, missed(SERVER, SERVER_2, -1));
        f = expect_saying(s, FIND_WAIT_STOLEN, "thread", "thread 4713 of the same process");
        ck_assert_ptr_nonnull(strstr(f.summary, "waited for its child 4720"));
        ck_assert_ptr_nonnull(strstr(f.summary, "exited with status 3"));
        expect_count(s, 1);
}

SCENE(a_handler_in_the_same_thread_takes_the_child)
{
        struct event e = missed(SERVER, SERVER, -1);

        struct finding f;

        e.disposition = DISP_HANDLER;
        e.status = -1;
        misses(s, e);
        f = expect_saying(s, FIND_WAIT_STOLEN, "handler", "a signal handler in it");
        ck_assert_ptr_null(strstr(f.summary, "exited")); /* it did not ask how */
}

SCENE(who_waits_twice_is_no_victim)
{
        misses(s, missed(SERVER, SERVER, CHILD));
        misses(s, missed(SERVER, SERVER_2, CHILD));
        misses(s, missed(SERVER, SERVER, -1)); /* without a handler, in one thread */
        silent(s);
}

SCENE(a_child_of_long_ago_may_be_another)
{
        struct event e = missed(SERVER, SERVER_2, -1);

        e.first_ns = s->now;
        wait_ns(s, 601 * S);
        feed(s, e);
        silent(s);
}

SCENE(a_child_that_was_never_there)
{
        feed(s, (struct event){.type = EV_WAIT_ERROR, .target = SERVER, .error = ECHILD, .upid = CHILD});
        feed(s, (struct event){.type = EV_WAIT_ERROR, .target = SERVER, .error = ECHILD, .upid = -1});
        silent(s);
}

static struct event discarded(int32_t since, struct task_ref ignorer)
{
        struct event e = missed(SERVER, NOBODY, 0);

        e.sigchld_ignored = true;
        e.disposition = DISP_IGNORED;
        e.ignored_since = since;
        e.parent = ignorer;
        return e;
}

SCENE(an_ancestor_ignores_sigchld)
{
        struct finding f;

        misses(s, discarded(IGNORED_INHERITED, LAUNCHER));
        f = expect_saying(s, FIND_SIGCHLD_IGNORED, "inherited", "PID 900 (launcher) above it");
        ck_assert_uint_eq(f.other_pid, 900);
        ck_assert_ptr_nonnull(strstr(f.summary, "exited with status 3"));
        expect_count(s, 1);
}

SCENE(an_ancestor_that_is_gone_is_not_named)
{
        struct finding f;

        misses(s, discarded(IGNORED_INHERITED, NOBODY));
        f = expect_saying(s, FIND_SIGCHLD_IGNORED, "inherited", "or is gone");
        ck_assert_uint_eq(f.other_pid, 0);
}

SCENE(it_ignored_sigchld_before_its_exec)
{
        misses(s, discarded(IGNORED_BEFORE_EXEC, NOBODY));
        expect_saying(s, FIND_SIGCHLD_IGNORED, "before-exec", "before it executed");
}

SCENE(who_ignores_sigchld_on_purpose)
{
        misses(s, discarded(IGNORED_SET, NOBODY));
        misses(s, discarded(IGNORED_UNKNOWN, NOBODY)); /* nor where it cannot be told */
        silent(s);
}

int main(void)
{
        Suite *suite = suite_create("rules_children");
        TCase *t = tcase_create("children");

        tcase_add_test(t, a_loop_in_another_thread_takes_the_child);
        tcase_add_test(t, a_handler_in_the_same_thread_takes_the_child);
        tcase_add_test(t, who_waits_twice_is_no_victim);
        tcase_add_test(t, a_child_of_long_ago_may_be_another);
        tcase_add_test(t, a_child_that_was_never_there);
        tcase_add_test(t, an_ancestor_ignores_sigchld);
        tcase_add_test(t, an_ancestor_that_is_gone_is_not_named);
        tcase_add_test(t, it_ignored_sigchld_before_its_exec);
        tcase_add_test(t, who_ignores_sigchld_on_purpose);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
