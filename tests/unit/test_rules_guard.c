/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Refusals of the guard: the finding for each, its clean twin, and events of the guard that give none. */

#include "bpf/guard_maps.h"
#include "tests/unit/scene.h"

#define API    named(4711, "api")
#define API_2  thread_named(4711, 4713, "api")
#define DLV    named(4802, "dlv")
#define GDB    named(4811, "gdb")
#define HELPER named(4900, "ptraced")

static struct event guarded(int reason, int source, int error)
{
        struct event e = refusal(GDB, API, NOBODY, error);

        e.facts = 0;
        e.yama = 0;
        e.guard_reason = reason;
        e.guard_source = source;
        if (source == SOURCE_CLAIM || (source == SOURCE_HOLD && reason == GUARD_CLAIMED)) {
                e.claim = 12;
                strcpy(e.owner, "pid 4802 (dlv)");
        }
        if (source == SOURCE_RULE)
                strcpy(e.note, "prod");
        return e;
}

static const struct {
        int reason, source, error;
        const char *cause, *words, *remedy;
} reasons[] = {
        {GUARD_CLAIMED, SOURCE_CLAIM, EBUSY, "claimed", "is claimed by pid 4802 (dlv) (claim 12)",
         "ptracectl debug --wait 4711"},
        {GUARD_CLAIMED, SOURCE_CLAIM, EBUSY, "claimed", "got EBUSY", "ptracectl release 12"},
        {GUARD_CLAIMED, SOURCE_CLAIM, EPERM, "claimed",
         "PID 4711 (api) is held by ptraced for pid 4802 (dlv) (claim 12)", "ptracectl debug --take 4711"},
        {GUARD_HELD, SOURCE_NONE, EPERM, "held", "held by ptraced itself", "ptracectl debug 4711"},
        {GUARD_CLAIMED, SOURCE_HOLD, EPERM, "claimed",
         "PID 4711 (api) is held by ptraced for pid 4802 (dlv) (claim 12)", "ptracectl debug --take 4711"},
        {GUARD_HELD, SOURCE_HOLD, EPERM, "held", "held by ptraced itself", "ptracectl debug 4711"},
        {GUARD_HELD, SOURCE_CLAIM, EBUSY, "held", "claim 12 admits one tracer", "ptracectl who 4711"},
        {GUARD_HELD, SOURCE_SINGLE, EBUSY, "held", "admits one tracer to a process", "ptracectl who 4711"},
        {GUARD_HELD, SOURCE_RULE, EBUSY, "held", "rule \"prod\" admits one tracer", "ptracectl who 4711"},
        {GUARD_TAKING, SOURCE_SINGLE, EBUSY, "taking", "attaching to PID 4711 (api) at this moment",
         "try again"},
        {GUARD_DENIED, SOURCE_RULE, EBUSY, "policy", "rule \"prod\" lets nobody trace", "policy reload"},
        {GUARD_NOT_OWNER, SOURCE_RULE, EBUSY, "policy", "rule \"prod\" lets only others trace",
         "ptracectl debug 4711"},
        {GUARD_CYCLE, SOURCE_SINGLE, EBUSY, "cycle", "PID 4711 (api) traces PID 4811 (gdb)", "detach"},
        {GUARD_NO_SLOT, SOURCE_SINGLE, EAGAIN, "no-slot", "got EAGAIN", "try again"},
};

START_TEST(each_reason_has_its_words)
{
        struct scene *s = scene_begin();
        struct finding f;

        feed(s, guarded(reasons[_i].reason, reasons[_i].source, reasons[_i].error));
        f = expect_saying(s, FIND_ATTACH_REFUSED_CLAIMED, reasons[_i].cause, reasons[_i].words);
        ck_assert_msg(strstr(f.remedy, reasons[_i].remedy) != NULL, "\"%s\" is not in \"%s\"",
                      reasons[_i].remedy, f.remedy);
        ck_assert_ptr_null(strstr(f.summary, "already traced by PID 4900"));
        ck_assert_ptr_null(strstr(f.summary, "yama"));
        ck_assert_uint_eq(f.target.pid, 4711);
        ck_assert_uint_eq(f.other_pid, 4811);
        ck_assert_int_eq(f.severity, SEVERITY_WARNING);
        expect_count(s, 1);
        scene_end(s);
}
END_TEST

/* The clean twin: the same refusals by the kernel itself are what they were. */
SCENE(kernels_refusals_are_not_the_guards)
{
        is_refused(s, GDB, API, DLV);
        expect(s, FIND_ATTACH_REFUSED_TRACED, "");
        expect_none_of(s, FIND_ATTACH_REFUSED_CLAIMED);
        expect_count(s, 1);
}

SCENE(claimed_and_traced_tells_the_tracer_and_its_risk)
{
        struct event e = guarded(GUARD_CLAIMED, SOURCE_CLAIM, EBUSY);
        struct finding f;

        seizes(s, DLV, API_2, PTRACE_O_EXITKILL);
        e.tracer = DLV;
        feed(s, e);
        f = expect_saying(s, FIND_ATTACH_REFUSED_CLAIMED, "claimed", "is claimed by pid 4802 (dlv)");
        ck_assert_ptr_nonnull(strstr(f.risk, "ending dlv 4802 kills PID 4711 (api)"));
        expect_count(s, 1);
}

SCENE(breakpoints_of_the_owner_are_a_risk)
{
        struct event e = guarded(GUARD_HELD, SOURCE_CLAIM, EBUSY);

        attaches(s, DLV, API);
        traps(s, API, DLV);
        e.tracer = DLV;
        feed(s, e);
        ck_assert_ptr_nonnull(
                strstr(expect(s, FIND_ATTACH_REFUSED_CLAIMED, "held").risk, "leaves its breakpoints"));
}

SCENE(a_tracer_that_plants_nothing_is_cut_short)
{
        struct event e = guarded(GUARD_HELD, SOURCE_CLAIM, EBUSY);

        attaches(s, named(4820, "strace"), API);
        e.guard_reason = GUARD_CLAIMED;
        e.tracer = named(4820, "strace");
        feed(s, e);
        ck_assert_str_eq(expect(s, FIND_ATTACH_REFUSED_CLAIMED, "claimed").risk,
                         "of --take: what the owner's tracer does in it is cut short");
}

SCENE(what_is_not_known_of_the_owner_is_said)
{
        struct event e = guarded(GUARD_CLAIMED, SOURCE_CLAIM, EBUSY);
        struct finding f;

        feed(s,
             (struct event){.type = EV_PTRACE_ATTACH, .tracer = DLV, .target = API, .origin = ORIGIN_SCAN});
        e.tracer = DLV;
        feed(s, e);
        f = expect(s, FIND_ATTACH_REFUSED_CLAIMED, "claimed");
        ck_assert_ptr_nonnull(strstr(f.risk, "PTRACE_O_EXITKILL is set is not known"));
}

SCENE(a_tracer_that_is_only_attaching_traces_nothing)
{
        struct event e = guarded(GUARD_TAKING, SOURCE_SINGLE, EBUSY);

        e.tracer = DLV;
        feed(s, e);
        expect_saying(s, FIND_ATTACH_REFUSED_CLAIMED, "taking", "PID 4802 (dlv) is attaching to");
        expect_count(s, 1);
}

SCENE(held_by_ptraced_is_not_traced_by_ptraced)
{
        struct event e = guarded(GUARD_CLAIMED, SOURCE_CLAIM, EPERM);
        struct finding f;

        seizes(s, HELPER, API, 0);
        e.tracer = HELPER;
        e.facts = FACTS_FINE;
        e.yama = 1;
        feed(s, e);
        f = expect_saying(s, FIND_ATTACH_REFUSED_CLAIMED, "claimed", "held by ptraced for pid 4802 (dlv)");
        ck_assert_ptr_null(strstr(f.summary, "4900"));
        ck_assert_ptr_null(strstr(f.risk, "4900"));
        ck_assert_ptr_nonnull(strstr(f.risk, "no debugger of theirs"));
        expect_count(s, 1);
}

SCENE(owner_text_is_escaped)
{
        struct event e = guarded(GUARD_CLAIMED, SOURCE_CLAIM, EBUSY);

        strcpy(e.owner, "pid 1 (\x1b[31m)");
        feed(s, e);
        expect_saying(s, FIND_ATTACH_REFUSED_CLAIMED, "claimed", "pid 1 (\\x1b[31m)");
}

SCENE(guard_refusals_in_a_loop_are_a_storm)
{
        struct event e = guarded(GUARD_CLAIMED, SOURCE_CLAIM, EBUSY);

        feed(s, e);
        feed(s, (struct event){.type = EV_COUNTER,
                               .of_type = EV_PTRACE_REFUSED,
                               .guard_reason = GUARD_CLAIMED,
                               .tracer = GDB,
                               .target = API,
                               .count = 5000});
        expect(s, FIND_ATTACH_STORM, "");
        ck_assert_uint_eq(expect(s, FIND_ATTACH_REFUSED_CLAIMED, "claimed").count, 5001);
        expect_count(s, 2);
}

/* What was counted while no daemon was there to read it comes as one counter. */
SCENE(guard_refusals_of_a_long_time_are_no_storm)
{
        struct event e = guarded(GUARD_CLAIMED, SOURCE_CLAIM, EBUSY);

        feed(s, e);
        wait_ns(s, 30 * S);
        feed(s, (struct event){.type = EV_COUNTER,
                               .of_type = EV_PTRACE_REFUSED,
                               .guard_reason = GUARD_CLAIMED,
                               .tracer = GDB,
                               .target = API,
                               .first_ns = s->now - 30 * S,
                               .count = 1500});
        ck_assert_uint_eq(expect(s, FIND_ATTACH_REFUSED_CLAIMED, "claimed").count, 1501);
        expect_none_of(s, FIND_ATTACH_STORM);
}

SCENE(a_guard_flood_does_not_count_for_the_kernels_refusals)
{
        is_refused(s, GDB, API, DLV);
        feed(s, (struct event){.type = EV_COUNTER,
                               .of_type = EV_PTRACE_REFUSED,
                               .guard_reason = GUARD_CLAIMED,
                               .tracer = GDB,
                               .target = API,
                               .count = 50});
        ck_assert_uint_eq(expect(s, FIND_ATTACH_REFUSED_TRACED, "").count, 1);
}

SCENE(a_flood_against_a_hold_is_counted_where_it_began)
{
        struct event e = guarded(GUARD_CLAIMED, SOURCE_CLAIM, EPERM);
        const struct event more = {
                .type = EV_COUNTER, .of_type = EV_PTRACE_REFUSED, .tracer = GDB, .target = API, .count = 50};

        is_refused(s, GDB, API, DLV);
        feed(s, more);
        e.tracer = HELPER;
        feed(s, e);
        feed(s, more);
        ck_assert_uint_eq(expect(s, FIND_ATTACH_REFUSED_TRACED, "").count, 51);
        ck_assert_uint_eq(expect(s, FIND_ATTACH_REFUSED_CLAIMED, "claimed").count, 51);
}

/* What only looks on, and what is done with claims and policy, is no problem of anybody's. */
SCENE(audit_claims_and_policy_are_silent)
{
        static const int types[] = {EV_CLAIM_MADE, EV_CLAIM_QUEUED, EV_CLAIM_RENEWED, EV_CLAIM_TAKEN,
                                    EV_CLAIM_ENDED};
        struct event e = guarded(GUARD_CLAIMED, SOURCE_CLAIM, 0);

        e.type = EV_CLAIM_AUDIT;
        for (int i = 0; i < 500; i++)
                feed(s, e);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                e = (struct event){.type = types[i],
                                   .target = API,
                                   .actor = DLV,
                                   .claim = 12,
                                   .lease_ns = 60 * S,
                                   .claim_end = types[i] == EV_CLAIM_ENDED ? CLAIM_TAKEN_OVER : 0};
                strcpy(e.owner, "uid 1000");
                feed(s, e);
        }
        feed(s, (struct event){.type = EV_POLICY_LOADED, .actor = DLV, .count = 3});
        feed(s, (struct event){.type = EV_POLICY_REJECTED, .actor = DLV, .note = "a.conf:3: no"});
        feed(s, (struct event){.type = EV_POLICY_GUARD, .actor = DLV, .guard_state = GUARD_ON_AUDIT});
        feed(s, (struct event){.type = EV_MEMORY_ACCESS, .actor = GDB, .target = API, .request = 310});
        feed(s, (struct event){.type = EV_COUNTER,
                               .of_type = EV_CLAIM_AUDIT,
                               .guard_reason = GUARD_CLAIMED,
                               .tracer = GDB,
                               .target = API,
                               .count = 50000});
        silent(s);
}

int main(void)
{
        const TTest *const tests[] = {
                kernels_refusals_are_not_the_guards,
                claimed_and_traced_tells_the_tracer_and_its_risk,
                breakpoints_of_the_owner_are_a_risk,
                a_tracer_that_plants_nothing_is_cut_short,
                what_is_not_known_of_the_owner_is_said,
                a_tracer_that_is_only_attaching_traces_nothing,
                held_by_ptraced_is_not_traced_by_ptraced,
                owner_text_is_escaped,
                guard_refusals_in_a_loop_are_a_storm,
                guard_refusals_of_a_long_time_are_no_storm,
                a_guard_flood_does_not_count_for_the_kernels_refusals,
                a_flood_against_a_hold_is_counted_where_it_began,
                audit_claims_and_policy_are_silent,
        };
        Suite *suite = suite_create("rules_guard");
        TCase *t = tcase_create("findings");

        for (size_t i = 0; i < ELEMENTSOF(tests); i++)
                tcase_add_test(t, tests[i]);
        tcase_add_loop_test(t, each_reason_has_its_words, 0, ELEMENTSOF(reasons));
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
