/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What decides who may attach, as /proc tells it, and as the kernel reckons with it. */

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "daemon/claims/dumpable.h"
#include "lib/base/cleanup.h"
#include "lib/proc/procfs_access.h"
#include "tests/unit/child.h"

#define NOBODY_ID 65534

/* ---- cap_capable() ----------------------------------------------------------------------------------- */

/* Three namespaces, one in the other: uid 1000 made the inner one, uid 0 the one around it. */
static const struct proc_userns_chain nested = {
        .n = 3, .ns = {{.ino = 3, .owner = 1000}, {.ino = 2, .owner = 0}, {.ino = 1, .owner = 0}}};

static const struct {
        size_t over;
        uint64_t in;
        uint32_t euid;
        bool effective, capable;
        const char *who;
} people[] = {
        {0, 3, 1000, false, false, "in it, without the capability, though it made it"},
        {0, 3, 1000, true, true, "in it, with it"},
        {1, 3, 1000, true, false, "in it, over the one above"},
        {0, 2, 1000, false, true, "who made it, from the one above"},
        {0, 2, 1001, false, false, "somebody else there"},
        {0, 2, 1001, true, true, "somebody else there, with the capability"},
        {0, 1, 1000, false, false, "who made it has nothing from two above"},
        {0, 1, 0, false, true, "who made one around it has all in both"},
        {1, 1, 0, false, true, "and in its own"},
        {2, 1, 0, false, false, "but not where it is itself"},
        {0, 1, 1001, true, true, "from above all"},
        {0, 9, 1000, true, false, "from a namespace beside"},
};

START_TEST(a_capability_counts_below)
{
        const struct proc_userns in = {.ino = people[_i].in};

        ck_assert_msg(proc_userns_capable(&nested, people[_i].over, &in, people[_i].euid,
                                          people[_i].effective) == people[_i].capable,
                      "%s", people[_i].who);
}
END_TEST

/* ---- of processes ------------------------------------------------------------------------------------ */

static void become_nobody(void)
{
        if (setgroups(0, NULL) < 0 || setresgid(NOBODY_ID, NOBODY_ID, NOBODY_ID) < 0 ||
            setresuid(NOBODY_ID, NOBODY_ID, NOBODY_ID) < 0)
                _exit(1);
        prctl(PR_SET_DUMPABLE, 1);
}

static void become_nobody_inside(void)
{
        become_nobody();
        (void)!unshare(CLONE_NEWUSER);
}

static void hide(void)
{
        prctl(PR_SET_DUMPABLE, 0);
}

static void hide_nobody(void)
{
        become_nobody();
        hide();
}

START_TEST(the_chain_of_namespaces)
{
        struct proc_userns_chain own, inner;
        uint32_t child;

        ck_assert_int_eq(procfs_userns_chain((uint32_t)getpid(), 0, &own), 0);
        ck_assert_uint_ge(own.n, 1);
        ck_assert_int_eq(procfs_userns_chain(4194304, 0, &inner), -ESRCH);
        if (geteuid() != 0)
                return;
        child = child_new(become_nobody_inside);
        ck_assert_int_eq(procfs_userns_chain(child, child, &inner), 0);
        if (inner.n == own.n)
                return; /* not permitted here, as in a chroot */
        ck_assert_uint_eq(inner.n, own.n + 1);
        ck_assert_uint_eq(inner.ns[0].owner, NOBODY_ID);
        ck_assert(proc_userns_same(&inner.ns[1], &own.ns[0]));
        ck_assert(!proc_userns_same(&inner.ns[0], &own.ns[0]));
        child_end(child);
}
END_TEST

START_TEST(whose_files)
{
        struct proc_files_owner f;
        uint32_t shown, hidden;

        ck_assert_int_eq(procfs_files_owner((uint32_t)getpid(), 0, &f), 0);
        ck_assert_uint_eq(f.uid, geteuid());
        if (geteuid() != 0)
                return;
        shown = child_new(become_nobody);
        hidden = child_new(hide_nobody);
        ck_assert_int_eq(procfs_files_owner(shown, shown, &f), 0);
        ck_assert_uint_eq(f.uid, NOBODY_ID);
        ck_assert_uint_eq(f.gid, NOBODY_ID);
        ck_assert_int_eq(procfs_files_owner(hidden, hidden, &f), 0);
        ck_assert_uint_eq(f.uid, f.root_uid);
        ck_assert_uint_eq(f.gid, f.root_gid);
        child_end(shown);
        child_end(hidden);
}
END_TEST

/* Its files are root's, whether it is dumpable or not. */
START_TEST(a_process_of_root_is_tried)
{
        uint32_t shown = child_new(NULL), hidden = child_new(hide);
        struct proc_status st;
        bool dumpable = false;

        if (geteuid() != 0)
                return;
        ck_assert_int_eq(procfs_status(shown, shown, &st), 0);
        if (dumpable_by_trial(&st, &dumpable) == -ENODATA)
                return; /* root of a container, without CAP_SYS_PTRACE */
        ck_assert(dumpable);
        ck_assert_int_eq(procfs_status(hidden, hidden, &st), 0);
        ck_assert_int_eq(dumpable_by_trial(&st, &dumpable), 0);
        ck_assert(!dumpable);
        /* And we are as we were. */
        ck_assert_int_eq(procfs_status((uint32_t)getpid(), 0, &st), 0);
        ck_assert_uint_eq(st.cap_effective, st.cap_permitted);
        st.euid = NOBODY_ID;
        ck_assert_int_eq(dumpable_by_trial(&st, &dumpable), -ENODATA);
        child_end(shown);
        child_end(hidden);
}
END_TEST

static void *go_on(void *arg)
{
        for (;;)
                pause();
        return arg;
}

static void leave_to_a_worker(void)
{
        pthread_t worker;

        if (pthread_create(&worker, NULL, go_on, NULL) != 0)
                _exit(1);
}

START_TEST(a_thread_that_lives)
{
        uint32_t child = child_new(leave_to_a_worker), tid = 0;
        siginfo_t info;

        ck_assert_int_eq(procfs_living_tid(child, &tid), 0);
        ck_assert_uint_ge(tid, child);
        kill((pid_t)child, SIGKILL);
        ck_assert_int_eq(waitid(P_PID, child, &info, WEXITED | WNOWAIT), 0);
        ck_assert_int_eq(procfs_living_tid(child, &tid), -ESRCH);
        child_end(child);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("procfs_access");
        TCase *t = tcase_create("access");

        tcase_add_loop_test(t, a_capability_counts_below, 0, ELEMENTSOF(people));
        tcase_add_test(t, the_chain_of_namespaces);
        tcase_add_test(t, whose_files);
        tcase_add_test(t, a_process_of_root_is_tried);
        tcase_add_test(t, a_thread_that_lives);
        suite_add_tcase(suite, t);

        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
