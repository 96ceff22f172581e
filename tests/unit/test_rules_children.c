/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Children whose end their parent does not learn of, and those who are fine without. */

#include <sys/wait.h>

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

SCENE(who_only_looks_has_lost_nothing)
{
        struct event look = missed(SERVER, SERVER_2, -1), poll = missed(SERVER, SERVER, -1);

        look.options_wait = WNOHANG | WNOWAIT;
        misses(s, look);
        poll.disposition = DISP_HANDLER;
        poll.options_wait = WNOHANG;
        misses(s, poll);
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

/* ---- behind one SIGCHLD ---------------------------------------------------------------------------- */

#define KID   named(4730, "kid")
#define KID_2 named(4731, "kid")

static void ends_behind(struct scene *s, struct task_ref child, int result)
{
        feed(s, (struct event){.type = EV_SIGNAL_GENERATE,
                               .actor = child,
                               .target = SERVER,
                               .sig = SIGCHLD,
                               .code = CLD_EXITED,
                               .result = result,
                               .disposition = DISP_HANDLER});
}

static struct event zombie(struct task_ref child)
{
        return (struct event){
                .type = EV_TASK_STATE, .target = child, .state = 'Z', .parent = SERVER, .parent_state = 'S'};
}

SCENE(children_behind_one_sigchld_are_forgotten)
{
        struct finding f;

        ends_behind(s, KID, SIGRES_PENDING);
        ends_behind(s, KID_2, SIGRES_PENDING);
        ck_assert_uint_eq(s->n_questions, 2);
        wait_ns(s, 2 * S);
        feed(s, zombie(KID));
        feed(s, zombie(KID_2));
        expect_count(s, 0);
        wait_ns(s, 4 * S);
        feed(s, zombie(KID));
        f = expect_saying(s, FIND_SIGCHLD_COALESCED, "", "its child PID 4730 (kid) unreaped");
        ck_assert_uint_eq(f.target.pid, 4711);
        feed(s, zombie(KID_2));
        f = expect_saying(s, FIND_SIGCHLD_COALESCED, "", "left 2 children unreaped");
        ck_assert_uint_eq(f.count, 2);
        expect_count(s, 1);
}

/* What holds a parent up, or shows that it is not done. */
static void looks_twice(struct scene *s, struct event first, struct event second)
{
        ends_behind(s, KID, SIGRES_PENDING);
        wait_ns(s, 2 * S);
        feed(s, first);
        wait_ns(s, 4 * S);
        feed(s, second);
        silent(s);
}

SCENE(a_parent_that_has_not_had_its_turn)
{
        struct event stopped = zombie(KID), traced = zombie(KID), pending = zombie(KID), busy = zombie(KID),
                     held = zombie(KID), other = zombie(KID);

        stopped.parent_state = 'T';
        traced.parent_tracer = 77;
        pending.parent_pending = 1ULL << (SIGCHLD - 1);
        busy.parent_state = 'R';
        held.tracer = named(77, "gdb");
        other.parent = named(1, "init");
        looks_twice(s, zombie(KID), stopped);
        looks_twice(s, traced, zombie(KID));
        looks_twice(s, zombie(KID), pending);
        looks_twice(s, zombie(KID), busy);
        looks_twice(s, zombie(KID), held);
        looks_twice(s, other, other);
}

SCENE(each_child_has_its_own_sigchld)
{
        ends_behind(s, KID, SIGRES_QUEUED);
        ends_behind(s, KID_2, SIGRES_IGNORED);
        ck_assert_uint_eq(s->n_questions, 0);
        wait_ns(s, 2 * S);
        feed(s, zombie(KID));
        wait_ns(s, 4 * S);
        feed(s, zombie(KID));
        silent(s);
}

/* ---- handlers --------------------------------------------------------------------------------------- */

static void sets(struct scene *s, int sig, uint64_t old, uint64_t handler)
{
        feed(s, (struct event){.type = EV_SIGACTION,
                               .target = SERVER,
                               .sig = sig,
                               .old_handler = old,
                               .handler = handler});
}

static void is_at(struct scene *s, enum scan_kind kind, uint64_t address, const char *path,
                  const char *symbol)
{
        struct event e = {.type = EV_TEXT_SCAN, .target = SERVER, .ip = address, .file_known = true};

        strcpy(e.what, scan_kind_to_string(kind));
        strcpy(e.path, path);
        strcpy(e.symbol, symbol);
        feed(s, e);
}

/* From one place to another. */
static void replaces(struct scene *s, int sig, const char *before[2], const char *after[2])
{
        sets(s, sig, 0x1000, 0x2000);
        is_at(s, SCAN_INSTALLED, 0x2000, after[0], after[1]);
        is_at(s, SCAN_REPLACED, 0x1000, before[0], before[1]);
}

static const char *of_server[] = {"/usr/bin/server", "on_trap"},
                  *of_go[] = {"/usr/bin/server", "runtime.sigtramp"},
                  *of_library[] = {"/usr/lib/crash.so", "take"}, *generated[] = {SCAN_NO_FILE, ""},
                  *unknown[] = {"", ""};

static void waits_a_second(struct scene *s)
{
        wait_ns(s, 1 * S);
        is_seen(s, SERVER, 'S', NOBODY, 0);
}

SCENE(a_library_takes_a_handler_over)
{
        struct finding f;

        replaces(s, SIGTRAP, of_server, of_library);
        expect_count(s, 0);
        waits_a_second(s);
        f = expect_saying(s, FIND_HANDLER_REPLACED, "sigtrap", "at on_trap (/usr/bin/server) was replaced");
        ck_assert_ptr_nonnull(strstr(f.summary, "at take (/usr/lib/crash.so)"));
        replaces(s, SIGCHLD, of_server, generated);
        waits_a_second(s);
        expect(s, FIND_HANDLER_REPLACED, "sigchld");
        expect_count(s, 2);
}

SCENE(c_code_takes_over_from_go)
{
        replaces(s, SIGTRAP, of_go, of_server);
        waits_a_second(s);
        expect(s, FIND_HANDLER_REPLACED, "sigtrap");
}

SCENE(go_takes_over_in_its_own_file)
{
        replaces(s, SIGTRAP, of_server, of_go);
        waits_a_second(s);
        silent(s);
}

SCENE(a_handler_that_is_given_back)
{
        replaces(s, SIGTRAP, of_server, of_library);
        sets(s, SIGTRAP, 0x2000, 0x1000);
        is_at(s, SCAN_INSTALLED, 0x1000, of_server[0], of_server[1]);
        is_at(s, SCAN_REPLACED, 0x2000, of_library[0], of_library[1]);
        waits_a_second(s);
        silent(s);
}

SCENE(handlers_of_one_module_or_none)
{
        replaces(s, SIGTRAP, of_server, of_server);
        waits_a_second(s);
        replaces(s, SIGCHLD, unknown, of_library);
        waits_a_second(s);
        replaces(s, SIGUSR1, of_server, of_library);
        waits_a_second(s);
        sets(s, SIGTRAP, 0, 0x2000);
        sets(s, SIGTRAP, 0x2000, 1);
        waits_a_second(s);
        silent(s);
}

int main(void)
{
        Suite *suite = suite_create("rules_children");
        TCase *t = tcase_create("children");

        tcase_add_test(t, a_loop_in_another_thread_takes_the_child);
        tcase_add_test(t, a_handler_in_the_same_thread_takes_the_child);
        tcase_add_test(t, who_waits_twice_is_no_victim);
        tcase_add_test(t, who_only_looks_has_lost_nothing);
        tcase_add_test(t, a_child_of_long_ago_may_be_another);
        tcase_add_test(t, a_child_that_was_never_there);
        tcase_add_test(t, an_ancestor_ignores_sigchld);
        tcase_add_test(t, an_ancestor_that_is_gone_is_not_named);
        tcase_add_test(t, it_ignored_sigchld_before_its_exec);
        tcase_add_test(t, who_ignores_sigchld_on_purpose);
        tcase_add_test(t, children_behind_one_sigchld_are_forgotten);
        tcase_add_test(t, a_parent_that_has_not_had_its_turn);
        tcase_add_test(t, each_child_has_its_own_sigchld);
        tcase_add_test(t, a_library_takes_a_handler_over);
        tcase_add_test(t, c_code_takes_over_from_go);
        tcase_add_test(t, go_takes_over_in_its_own_file);
        tcase_add_test(t, a_handler_that_is_given_back);
        tcase_add_test(t, handlers_of_one_module_or_none);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
