/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Rules about debuggers that are reached over TCP. */

#include "lib/diagnosis/attempts.h"
#include "tests/unit/scene.h"

#define PHP    named(4711, "php")
#define IDE    named(900, "code")
#define GDB    named(800, "gdb")
#define DLV    named(700, "dlv")
#define WORKER named(701, "worker")
#define HERE   4026531840u

static struct event of_socket(struct task_ref task, int change, const char *local, const char *remote)
{
        struct event e = {.type = EV_NET_CONNECT,
                          .target = task,
                          .change = change,
                          .netns = HERE,
                          .port = 9003,
                          .xdebug = true};

        strcpy(e.local, local);
        strcpy(e.remote, remote);
        return e;
}

static struct event dial(int change, int error)
{
        struct event e = of_socket(PHP, change, "127.0.0.1:50000", "127.0.0.1:9003");

        e.error = error;
        return e;
}

static void listens(struct scene *s, struct task_ref task, uint32_t port, const char *local)
{
        struct event e = of_socket(task, NET_LISTENS, local, "");

        e.port = port;
        e.xdebug = false;
        feed(s, e);
}

static void later(struct scene *s, uint64_t ns)
{
        wait_ns(s, ns);
        feed(s, (struct event){.type = EV_NET_STATE, .target = PHP});
}

static size_t asked_for_states(const struct scene *s)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n_questions; i++)
                n += s->questions[i].kind == ASK_TASK_STATE;
        return n;
}

/* ---- debugger-port-conflict -------------------------------------------------------------------------- */

SCENE(a_refused_connect_names_the_port_and_the_setting)
{
        feed(s, dial(NET_FAILED, ECONNREFUSED));
        expect_count(s, 0); /* another address may answer */
        ck_assert_uint_eq(s->n_questions, 1);
        ck_assert_int_eq(s->questions[0].kind, ASK_NET_STATE);
        later(s, S);
        struct finding f = expect_saying(s, FIND_DEBUGGER_PORT_CONFLICT, "nobody-listens",
                                         "xdebug.client_port (or what overrides them) say 127.0.0.1:9003");
        ck_assert_ptr_nonnull(strstr(f.summary, "uses neither ptrace nor SIGTRAP"));
        ck_assert_uint_eq(f.target.pid, 4711);
        ck_assert_uint_eq(f.evidence[0], 1);
        expect_count(s, 1);
}

SCENE(the_next_address_answers)
{
        struct event v6 = of_socket(PHP, NET_FAILED, "[::1]:50000", "[::1]:9003");

        v6.error = ECONNREFUSED;
        feed(s, v6);
        feed(s, dial(NET_OPENED, 0));
        later(s, S);
        silent(s);
}

SCENE(two_addresses_of_one_request_are_one_failure)
{
        struct event v6 = of_socket(PHP, NET_FAILED, "[::1]:50000", "[::1]:9003");

        v6.error = ECONNREFUSED;
        feed(s, v6);
        feed(s, dial(NET_FAILED, ECONNREFUSED));
        later(s, S);
        ck_assert_uint_eq(expect(s, FIND_DEBUGGER_PORT_CONFLICT, "nobody-listens").count, 1);
}

SCENE(no_answer_and_no_machine_are_timed_out)
{
        struct event e = dial(NET_FAILED, 0);

        e.waited_ns = 200 * MS;
        feed(s, e);
        later(s, S);
        expect_saying(s, FIND_DEBUGGER_PORT_CONFLICT, "timed-out", "nothing answered within 200 ms");
        feed(s, dial(NET_FAILED, EHOSTUNREACH));
        later(s, S);
        ck_assert_uint_eq(expect(s, FIND_DEBUGGER_PORT_CONFLICT, "timed-out").count, 2);
        expect_count(s, 1);
}

SCENE(a_connect_that_was_given_up_at_once_tells_nothing)
{
        feed(s, dial(NET_FAILED, 0));
        later(s, S);
        feed(s, dial(NET_FAILED, EADDRNOTAVAIL));
        later(s, S);
        silent(s);
}

SCENE(of_another_machine_a_firewall_may_have_refused)
{
        struct event e = of_socket(PHP, NET_FAILED, "10.0.0.1:50000", "10.0.0.2:9003");

        e.error = ECONNREFUSED;
        feed(s, e);
        later(s, S);
        expect_saying(s, FIND_DEBUGGER_PORT_CONFLICT, "nobody-listens", "or a firewall refuses it");
}

SCENE(without_xdebug_it_is_none_of_ours)
{
        struct event e = dial(NET_FAILED, ECONNREFUSED);

        e.xdebug = false;
        feed(s, e);
        later(s, S);
        silent(s);
}

SCENE(workers_of_one_master_are_one_finding)
{
        for (uint32_t i = 0; i < 50; i++) {
                struct event e = dial(NET_FAILED, ECONNREFUSED);

                e.target = named(5000 + i, "php-fpm8.2");
                e.parent = named(4999, "php-fpm8.2");
                feed(s, e);
        }
        later(s, S);
        struct finding f = expect(s, FIND_DEBUGGER_PORT_CONFLICT, "nobody-listens");
        ck_assert_uint_eq(f.target.pid, 4999);
        ck_assert_uint_eq(f.count, 50);
        expect_count(s, 1);
}

SCENE(in_a_container_the_loopback_is_its_own)
{
        struct event e = dial(NET_FAILED, ECONNREFUSED);

        listens(s, IDE, 9003, "127.0.0.1:9003");
        e.netns = HERE + 1;
        e.other_netns = true;
        feed(s, e);
        later(s, S);
        struct finding f = expect(s, FIND_DEBUGGER_PORT_CONFLICT, "nobody-listens");
        ck_assert_ptr_nonnull(strstr(f.remedy, "network namespace of its own"));
        ck_assert_ptr_null(strstr(f.summary, "code")); /* that one listens elsewhere */
}

SCENE(whoever_listens_at_another_address_is_named)
{
        struct event e = dial(NET_FAILED, ECONNREFUSED);

        listens(s, IDE, 9003, "[::1]:9003");
        feed(s, e);
        later(s, S);
        expect_saying(s, FIND_DEBUGGER_PORT_CONFLICT, "nobody-listens",
                      "PID 900 (code) listens at that port, at [::1]:9003");
}

SCENE(a_listener_that_closes_without_a_byte_is_no_client)
{
        listens(s, named(55, "python3"), 9003, "0.0.0.0:9003");
        feed(s, dial(NET_OPENED, 0));
        struct event e = dial(NET_PEER_ENDED, 0);
        e.received = 1; /* its FIN */
        feed(s, e);
        struct finding f =
                expect_saying(s, FIND_DEBUGGER_PORT_CONFLICT, "held-by-other",
                              "PID 55 (python3) closed the connection without having sent a single byte");
        ck_assert_uint_eq(f.other_pid, 55);
}

SCENE(a_client_that_sent_commands_may_close)
{
        listens(s, IDE, 9003, "127.0.0.1:9003");
        feed(s, dial(NET_OPENED, 0));
        struct event e = dial(NET_PEER_ENDED, 0);
        e.received = 40;
        feed(s, e);
        feed(s, dial(NET_OPENED, 0));
        feed(s, dial(NET_ENDED, 0)); /* and so may the program, at any time */
        silent(s);
}

SCENE(a_client_that_answered_others_is_busy)
{
        listens(s, IDE, 9003, "127.0.0.1:9003");
        feed(s, dial(NET_OPENED, 0));
        struct event e = dial(NET_ENDED, 0);
        e.received = 400;
        feed(s, e);
        feed(s, dial(NET_OPENED, 0));
        feed(s, dial(NET_PEER_ENDED, 0));
        struct finding f = expect_saying(s, FIND_DEBUGGER_PORT_CONFLICT, "client-busy",
                                         "has answered others, so it takes no further session now");
        ck_assert_uint_eq(f.other_pid, 900);
        expect_count(s, 1);
}

SCENE(many_failures_at_once_are_all_told)
{
        for (uint32_t i = 0; i < 3 * ATTEMPTS_MAX; i++) {
                struct event e = dial(NET_FAILED, ECONNREFUSED);

                e.target = named(5000 + i, "php");
                feed(s, e);
        }
        later(s, S);
        expect_count(s, 64 < 3 * ATTEMPTS_MAX ? 64 : 3 * ATTEMPTS_MAX);
}

/* ---- dbgp-stalled ------------------------------------------------------------------------------------ */

SCENE(a_session_held_by_gdb_is_stalled)
{
        listens(s, IDE, 9003, "127.0.0.1:9003");
        feed(s, dial(NET_OPENED, 0));
        attaches(s, GDB, PHP);
        ck_assert_uint_eq(asked_for_states(s), 1);
        wait_ns(s, 2 * S);
        is_seen(s, PHP, 't', GDB, 'S');
        struct finding f =
                expect_saying(s, FIND_DBGP_STALLED, "", "held in a ptrace-stop by PID 800 (gdb) for 2.0 s");
        ck_assert_ptr_nonnull(strstr(f.summary, "PID 900 (code) gets no answer"));
        ck_assert_uint_eq(f.other_pid, 800);
        expect_count(s, 1);
}

SCENE(a_session_begun_under_gdb_is_looked_at_too)
{
        attaches(s, GDB, PHP);
        feed(s, dial(NET_OPENED, 0));
        ck_assert_uint_eq(asked_for_states(s), 1);
        wait_ns(s, 3 * S);
        is_seen(s, PHP, 't', GDB, 'S');
        expect(s, FIND_DBGP_STALLED, "");
}

SCENE(a_tracer_at_work_stalls_nobody)
{
        feed(s, dial(NET_OPENED, 0));
        attaches(s, GDB, PHP);
        wait_ns(s, 1900 * MS);
        feed(s, (struct event){.type = EV_WAIT_REAP, .target = GDB, .actor = PHP, .vpid = 4711});
        wait_ns(s, 100 * MS);
        is_seen(s, PHP, 't', GDB, 'S');
        expect_count(s, 0);
        ck_assert_uint_eq(asked_for_states(s), 2); /* again, when it will have been idle for so long */
        ck_assert_uint_lt(s->questions[s->n_questions - 1].not_before_ns, s->now + 2 * S);
        is_seen(s, PHP, 'S', GDB, 'S');
        silent(s);
}

SCENE(a_held_php_without_a_session_is_not_stalled)
{
        feed(s, dial(NET_OPENED, 0));
        feed(s, dial(NET_ENDED, 0));
        attaches(s, GDB, PHP);
        wait_ns(s, 3 * S);
        is_seen(s, PHP, 't', GDB, 'S');
        silent(s);
}

SCENE(a_session_whose_end_may_be_lost_is_not_told_of)
{
        feed(s, dial(NET_OPENED, 0));
        feed(s, (struct event){.type = EV_LOSS, .count = 1});
        attaches(s, GDB, PHP);
        wait_ns(s, 3 * S);
        is_seen(s, PHP, 't', GDB, 'S');
        silent(s);
}

/* ---- tracer-stale, the client gone --------------------------------------------------------------------- */

static void client(struct scene *s, int change)
{
        struct event e = of_socket(DLV, change, "127.0.0.1:2345", "127.0.0.1:40000");

        e.server = true;
        e.xdebug = false;
        e.port = 2345;
        feed(s, e);
}

static void delve_with_a_client(struct scene *s)
{
        listens(s, DLV, 2345, "127.0.0.1:2345");
        attaches(s, DLV, WORKER);
        client(s, NET_OPENED);
        client(s, NET_PEER_ENDED);
        ck_assert_uint_eq(asked_for_states(s), 1);
}

SCENE(a_delve_without_its_client_is_stale)
{
        delve_with_a_client(s);
        wait_ns(s, 5 * S);
        is_seen(s, WORKER, 't', DLV, 'S');
        struct finding f = expect_saying(s, FIND_TRACER_STALE, "client-gone",
                                         "PID 700 (dlv) holds in a stop PID 701 (worker)");
        ck_assert_int_eq(f.severity, SEVERITY_WARNING);
        ck_assert_ptr_nonnull(strstr(f.remedy, "dlv connect 127.0.0.1:2345"));
        expect_count(s, 1);
}

SCENE(what_it_left_running_is_said_to_run)
{
        delve_with_a_client(s);
        wait_ns(s, 5 * S);
        is_seen(s, WORKER, 'S', DLV, 'S');
        struct finding f = expect_saying(s, FIND_TRACER_STALE, "client-gone", "has left running, PID 701");
        ck_assert_int_eq(f.severity, SEVERITY_INFO);
}

SCENE(a_client_that_may_be_lost_is_not_gone)
{
        delve_with_a_client(s);
        feed(s, (struct event){.type = EV_LOSS, .count = 1});
        wait_ns(s, 5 * S);
        is_seen(s, WORKER, 't', DLV, 'S');
        silent(s);
}

SCENE(a_client_that_came_back_is_not_gone)
{
        delve_with_a_client(s);
        client(s, NET_OPENED);
        wait_ns(s, 5 * S);
        is_seen(s, WORKER, 't', DLV, 'S');
        silent(s);
}

SCENE(a_delve_that_waits_for_its_first_client_waits_on_purpose)
{
        listens(s, DLV, 2345, "127.0.0.1:2345");
        attaches(s, DLV, WORKER);
        wait_ns(s, 60 * S);
        is_seen(s, WORKER, 't', DLV, 'S');
        silent(s);
}

SCENE(an_earlier_recording_says_nothing_of_this_one)
{
        delve_with_a_client(s);
        feed(s, (struct event){.type = EV_DAEMON_START, .path = "full", .boot_id = "b"});
        attaches(s, DLV, WORKER);
        wait_ns(s, 6 * S);
        is_seen(s, WORKER, 't', DLV, 'S');
        silent(s);
}

int main(void)
{
        Suite *suite = suite_create("rules_net");
        TCase *t = tcase_create("rules_net");

        tcase_add_test(t, a_refused_connect_names_the_port_and_the_setting);
        tcase_add_test(t, the_next_address_answers);
        tcase_add_test(t, two_addresses_of_one_request_are_one_failure);
        tcase_add_test(t, no_answer_and_no_machine_are_timed_out);
        tcase_add_test(t, a_connect_that_was_given_up_at_once_tells_nothing);
        tcase_add_test(t, of_another_machine_a_firewall_may_have_refused);
        tcase_add_test(t, without_xdebug_it_is_none_of_ours);
        tcase_add_test(t, workers_of_one_master_are_one_finding);
        tcase_add_test(t, in_a_container_the_loopback_is_its_own);
        tcase_add_test(t, whoever_listens_at_another_address_is_named);
        tcase_add_test(t, a_listener_that_closes_without_a_byte_is_no_client);
        tcase_add_test(t, a_client_that_sent_commands_may_close);
        tcase_add_test(t, a_client_that_answered_others_is_busy);
        tcase_add_test(t, many_failures_at_once_are_all_told);
        tcase_add_test(t, a_session_held_by_gdb_is_stalled);
        tcase_add_test(t, a_session_begun_under_gdb_is_looked_at_too);
        tcase_add_test(t, a_tracer_at_work_stalls_nobody);
        tcase_add_test(t, a_held_php_without_a_session_is_not_stalled);
        tcase_add_test(t, a_delve_without_its_client_is_stale);
        tcase_add_test(t, what_it_left_running_is_said_to_run);
        tcase_add_test(t, a_session_whose_end_may_be_lost_is_not_told_of);
        tcase_add_test(t, a_client_that_may_be_lost_is_not_gone);
        tcase_add_test(t, a_client_that_came_back_is_not_gone);
        tcase_add_test(t, a_delve_that_waits_for_its_first_client_waits_on_purpose);
        tcase_add_test(t, an_earlier_recording_says_nothing_of_this_one);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
