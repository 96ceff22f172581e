/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Breakpoints that a tracer planted by ptrace, and that are not where it believes them to be. */

#include "tests/unit/scene.h"

#define API     named(100, "api")
#define WORKER  thread_named(100, 102, "api")
#define CHILD   named(101, "api")
#define TOOL    named(200, "tool")
#define OTHER   named(300, "other")
#define ADDRESS 0x401000
#define ANOTHER 0x402000
#define LATER   (3 * S)

static struct event plant(struct task_ref tracer, struct task_ref target, uint64_t address)
{
        return (struct event){.type = EV_PTRACE_PLANT,
                              .tracer = tracer,
                              .target = target,
                              .ip = address,
                              .executable = true};
}

static void plants(struct scene *s, struct task_ref tracer, struct task_ref target)
{
        attaches(s, tracer, target);
        feed(s, plant(tracer, target, ADDRESS));
}

static void removes(struct scene *s, struct task_ref tracer, struct task_ref target)
{
        struct event e = plant(tracer, target, ADDRESS);

        e.removed = true;
        feed(s, e);
}

static void floods(struct scene *s)
{
        feed(s, (struct event){.type = EV_COUNTER,
                               .of_type = EV_PTRACE_PLANT,
                               .target = API,
                               .tracer = TOOL,
                               .count = 9});
}

static void is_seen_later(struct scene *s, struct task_ref target, char state, struct task_ref tracer)
{
        wait_ns(s, LATER);
        is_seen(s, target, state, tracer, tracer.pid ? 'S' : 0);
}

/* ---- passed on by whoever planted it --------------------------------------------------------------------- */

SCENE(planted_and_passed_on_to_a_handler)
{
        plants(s, TOOL, API);
        traps(s, API, TOOL);
        delivers(s, API, TOOL, SIGTRAP, SI_KERNEL_CODE, 0x402000);
        settle(s);
        expect_saying(s, FIND_TRAP_LEAKED, "", "had written that breakpoint there itself");
        expect_count(s, 1);
}

SCENE(planted_and_passed_on_where_the_file_is_not_known)
{
        plants(s, TOOL, API);
        traps(s, API, TOOL);
        delivers(s, API, TOOL, SIGTRAP, SI_KERNEL_CODE, 0);
        process_ends(s, API, KILLED(SIGTRAP));
        settle(s);
        expect(s, FIND_TRAP_LEAKED, "");
        expect_count(s, 1);
}

SCENE(the_programs_own_passed_on_beside_a_planted_one)
{
        attaches(s, TOOL, API);
        feed(s, plant(TOOL, API, ANOTHER));
        traps(s, API, TOOL);
        delivers(s, API, TOOL, SIGTRAP, SI_KERNEL_CODE, 0x402000);
        silent(s);
}

/* ---- exec ------------------------------------------------------------------------------------------------ */

static void execs_with(struct scene *s, uint64_t options)
{
        struct event e = {
                .type = EV_TASK_EXEC, .target = API, .tracer = TOOL, .vpid = 100, .path = "/bin/true"};

        e.ptrace = (uint32_t)(1 | options << PTRACE_OPTION_SHIFT);
        feed(s, e);
}

SCENE(exec_without_being_told)
{
        struct finding f;

        plants(s, TOOL, API);
        execs_with(s, 0);
        is_seen(s, API, 'R', TOOL, 'S');
        expect_count(s, 0);
        is_seen_later(s, API, 'R', TOOL);
        f = expect_saying(s, FIND_BREAKPOINT_LOST_ON_EXEC, "", "PID 100 (api) called exec");
        ck_assert_uint_eq(f.other_pid, 200);
        is_seen_later(s, API, 'R', TOOL);
        ck_assert_uint_eq(expect(s, FIND_BREAKPOINT_LOST_ON_EXEC, "").count, 1);
}

SCENE(exec_held_at_a_prompt_and_then_continued)
{
        plants(s, TOOL, API);
        execs_with(s, 0);
        is_seen_later(s, API, 't', TOOL);
        expect_count(s, 0);
        is_seen_later(s, API, 'S', TOOL);
        expect(s, FIND_BREAKPOINT_LOST_ON_EXEC, "");
}

SCENE(exec_that_its_tracer_knows_of)
{
        plants(s, TOOL, API);
        execs_with(s, PTRACE_O_TRACEEXEC);
        is_seen_later(s, API, 'R', TOOL);
        feed(s, plant(TOOL, API, ADDRESS));
        execs_with(s, 0);
        feed(s, plant(TOOL, API, ADDRESS));
        is_seen_later(s, API, 'R', TOOL);
        silent(s);
}

SCENE(exec_with_nothing_to_lose)
{
        plants(s, TOOL, API);
        removes(s, TOOL, API);
        execs_with(s, 0);
        is_seen_later(s, API, 'R', TOOL);
        feed(s, plant(TOOL, API, ADDRESS));
        floods(s);
        execs_with(s, 0);
        is_seen_later(s, API, 'R', TOOL);
        feed(s, (struct event){.type = EV_PTRACE_PLANT, .tracer = TOOL, .target = API, .ip = ADDRESS});
        execs_with(s, 0);
        is_seen_later(s, API, 'R', TOOL);
        silent(s);
}

SCENE(exec_and_the_tracer_left)
{
        plants(s, TOOL, API);
        execs_with(s, 0);
        detaches(s, TOOL, API);
        is_seen_later(s, API, 'R', NOBODY);
        silent(s);
}

/* ---- fork ------------------------------------------------------------------------------------------------ */

SCENE(child_with_the_breakpoints_of_its_parent)
{
        struct finding f;

        plants(s, TOOL, API);
        forks(s, API, CHILD, NOBODY, 200);
        is_seen(s, CHILD, 'S', NOBODY, 0);
        expect_count(s, 0);
        is_seen_later(s, CHILD, 'S', NOBODY);
        f = expect_saying(s, FIND_FORK_NOT_FOLLOWED, "", "its child PID 101 (api) has it in its copy");
        ck_assert_uint_eq(f.target.pid, 100);
        ck_assert_uint_eq(f.other_pid, 200);
        expect_count(s, 1);
}

SCENE(child_that_is_followed_or_calls_exec_or_ends)
{
        plants(s, TOOL, API);
        forks(s, API, CHILD, TOOL, 200);
        is_seen_later(s, CHILD, 'S', TOOL);
        forks(s, API, named(103, "api"), NOBODY, 200);
        execs(s, named(103, "api"), NOBODY, 103, "/bin/true");
        is_seen_later(s, named(103, "api"), 'S', NOBODY);
        forks(s, API, named(104, "api"), NOBODY, 200);
        process_ends(s, named(104, "api"), EXITED(0));
        is_seen_later(s, named(104, "api"), 'Z', NOBODY);
        silent(s);
}

SCENE(child_that_ran_into_it_is_one_accident)
{
        plants(s, TOOL, API);
        forks(s, API, CHILD, NOBODY, 200);
        traps(s, CHILD, NOBODY);
        scans(s, CHILD, true, false);
        delivers(s, CHILD, NOBODY, SIGTRAP, SI_KERNEL_CODE, 0x402000);
        is_seen_later(s, CHILD, 'S', NOBODY);
        is_seen_later(s, CHILD, 'S', NOBODY);
        expect(s, FIND_ORPHAN_BREAKPOINT, "inherited-by-fork");
        expect_none_of(s, FIND_FORK_NOT_FOLLOWED);
}

SCENE(fork_after_the_breakpoint_was_taken_out)
{
        plants(s, TOOL, API);
        removes(s, TOOL, API);
        forks(s, API, CHILD, NOBODY, 200);
        is_seen_later(s, CHILD, 'S', NOBODY);
        silent(s);
}

/* ---- threads --------------------------------------------------------------------------------------------- */

SCENE(planted_beside_a_thread_that_nobody_traces)
{
        plants(s, TOOL, API);
        ck_assert_int_eq(s->questions[s->n_questions - 1].kind, ASK_UNTRACED);
        is_seen_later(s, WORKER, 'S', NOBODY);
        expect_count(s, 0);
        is_seen_later(s, WORKER, 'S', NOBODY);
        ck_assert_uint_eq(expect(s, FIND_UNTRACED_THREADS, "").target.tid, 102);
        expect_count(s, 1);
}

SCENE(a_tracer_that_is_on_its_way_out)
{
        plants(s, TOOL, API);
        is_seen_later(s, WORKER, 'S', NOBODY);
        detaches(s, TOOL, API);
        is_seen_later(s, WORKER, 'S', NOBODY);
        silent(s);
}

SCENE(a_thread_that_gets_its_tracer_late)
{
        plants(s, TOOL, API);
        is_seen_later(s, WORKER, 'S', NOBODY);
        attaches(s, TOOL, WORKER);
        is_seen_later(s, WORKER, 'S', TOOL);
        is_seen_later(s, thread_named(100, 103, "api"), 'Z', NOBODY);
        silent(s);
}

SCENE(another_tracer_ends_and_leaves_a_thread)
{
        attaches(s, OTHER, WORKER);
        plants(s, TOOL, API);
        s->n_questions = 0;
        tracer_ends(s, OTHER, EXITED(0));
        ck_assert_uint_ge(s->n_questions, 1);
        ck_assert_int_eq(s->questions[s->n_questions - 1].kind, ASK_UNTRACED);
        is_seen_later(s, WORKER, 'S', NOBODY);
        is_seen_later(s, WORKER, 'S', NOBODY);
        expect(s, FIND_UNTRACED_THREADS, "");
}

SCENE(more_breakpoints_than_are_followed)
{
        attaches(s, TOOL, API);
        for (uint64_t i = 0; i < 100; i++)
                feed(s, plant(TOOL, API, ADDRESS + i));
        execs_with(s, 0);
        is_seen_later(s, API, 'R', TOOL);
        silent(s);
}

int main(void)
{
        const TTest *const tests[] = {
                planted_and_passed_on_to_a_handler,
                planted_and_passed_on_where_the_file_is_not_known,
                the_programs_own_passed_on_beside_a_planted_one,
                exec_without_being_told,
                exec_held_at_a_prompt_and_then_continued,
                exec_that_its_tracer_knows_of,
                exec_with_nothing_to_lose,
                exec_and_the_tracer_left,
                child_with_the_breakpoints_of_its_parent,
                child_that_is_followed_or_calls_exec_or_ends,
                child_that_ran_into_it_is_one_accident,
                fork_after_the_breakpoint_was_taken_out,
                planted_beside_a_thread_that_nobody_traces,
                a_tracer_that_is_on_its_way_out,
                a_thread_that_gets_its_tracer_late,
                another_tracer_ends_and_leaves_a_thread,
                more_breakpoints_than_are_followed,
        };
        Suite *suite = suite_create("rules planted");
        TCase *t = tcase_create("findings");

        for (size_t i = 0; i < ELEMENTSOF(tests); i++)
                tcase_add_test(t, tests[i]);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
