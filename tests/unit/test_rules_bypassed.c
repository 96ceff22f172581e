/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Signals that a program takes by sigwait() or signalfd() while it is traced. */

#include <signal.h>

#include "tests/unit/scene.h"

#define DELVE   named(4802, "dlv")
#define PERSON  named(4900, "kill")
#define PROGRAM named(4711, "api")

static struct event sent(struct task_ref sender, int sig)
{
        return (struct event){.type = EV_SIGNAL_GENERATE,
                              .sig = sig,
                              .actor = sender,
                              .target = PROGRAM,
                              .tracer = DELVE,
                              .sender_is_tracer = sender.pid == 4802,
                              .ptrace = 1,
                              .awaited = true};
}

/* A second and a half later. */
static void is_looked_at(struct scene *s, char state, uint64_t pending)
{
        wait_ns(s, 1600 * MS);
        feed(s, (struct event){.type = EV_TASK_STATE,
                               .target = PROGRAM,
                               .tracer = DELVE,
                               .state = state,
                               .tracer_state = 'S',
                               .pending = pending});
}

SCENE(a_halt_is_taken_by_sigwait)
{
        struct finding f;

        attaches(s, DELVE, PROGRAM);
        feed(s, sent(DELVE, SIGTRAP));
        is_looked_at(s, 'S', 0);
        f = expect_saying(s, FIND_SIGNAL_BYPASSED_TRACER, "sigwait",
                          "took the SIGTRAP that PID 4802 (dlv) sent it");
        ck_assert_uint_eq(f.other_pid, 4802);
        ck_assert_ptr_nonnull(strstr(f.remedy, "kill -STOP 4711"));
        expect_count(s, 1);
}

SCENE(a_blocked_one_may_be_taken_by_either)
{
        struct event e = sent(DELVE, SIGINT);

        e.awaited = false;
        e.blocked = true;
        attaches(s, DELVE, PROGRAM);
        feed(s, e);
        is_looked_at(s, 'S', 0);
        expect_saying(s, FIND_SIGNAL_BYPASSED_TRACER, "blocked", "sigwait() or signalfd()");
}

SCENE(the_tracer_is_not_its_sender)
{
        attaches(s, DELVE, PROGRAM);
        feed(s, sent(PERSON, SIGTRAP));
        is_looked_at(s, 'S', 0);
        expect_saying(s, FIND_SIGNAL_BYPASSED_TRACER, "sigwait", "its tracer PID 4802 (dlv) was never told");
}

SCENE(one_that_is_pending_waits)
{
        attaches(s, DELVE, PROGRAM);
        feed(s, sent(DELVE, SIGTRAP));
        is_looked_at(s, 'S', 1U << (SIGTRAP - 1));
        silent(s);
}

SCENE(one_that_stops_it_has_reached_its_tracer)
{
        struct event stop = {.type = EV_SIGNAL_GENERATE,
                             .sig = SIGCHLD,
                             .code = CLD_TRAPPED,
                             .actor = PROGRAM,
                             .target = DELVE,
                             .info_status = SIGTRAP};

        attaches(s, DELVE, PROGRAM);
        feed(s, sent(DELVE, SIGTRAP));
        feed(s, stop);
        is_looked_at(s, 't', 0);
        silent(s);
}

SCENE(stops_that_were_only_counted_may_have_been_its)
{
        attaches(s, DELVE, PROGRAM);
        feed(s, sent(DELVE, SIGTRAP));
        feed(s, (struct event){.type = EV_COUNTER,
                               .of_type = EV_SIGNAL_GENERATE,
                               .sig = SIGCHLD,
                               .code = CLD_TRAPPED,
                               .target = DELVE,
                               .count = 5});
        is_looked_at(s, 'S', 0);
        silent(s);
}

SCENE(others_are_the_programs_own_affair)
{
        struct event e = sent(PERSON, SIGINT), own = sent(PROGRAM, SIGTRAP), open = sent(DELVE, SIGTRAP);

        open.awaited = false;
        attaches(s, DELVE, PROGRAM);
        feed(s, e);
        feed(s, own);
        feed(s, open);
        is_looked_at(s, 'S', 0);
        silent(s);
}

SCENE(one_that_has_ended_took_nothing)
{
        attaches(s, DELVE, PROGRAM);
        feed(s, sent(DELVE, SIGTRAP));
        is_looked_at(s, 'Z', 0);
        silent(s);
}

int main(void)
{
        Suite *suite = suite_create("rules_bypassed");
        TCase *t = tcase_create("bypassed");

        tcase_add_test(t, a_halt_is_taken_by_sigwait);
        tcase_add_test(t, a_blocked_one_may_be_taken_by_either);
        tcase_add_test(t, the_tracer_is_not_its_sender);
        tcase_add_test(t, one_that_is_pending_waits);
        tcase_add_test(t, one_that_stops_it_has_reached_its_tracer);
        tcase_add_test(t, stops_that_were_only_counted_may_have_been_its);
        tcase_add_test(t, others_are_the_programs_own_affair);
        tcase_add_test(t, one_that_has_ended_took_nothing);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
