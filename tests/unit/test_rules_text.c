/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Programs that a tracer makes different from what their file says. */

#include "tests/unit/scene.h"

#define API    named(4711, "api")
#define STRACE named(4820, "strace")

/* ---- setuid-ignored ---------------------------------------------------------------------------------- */

static void execs_without(struct scene *s, struct task_ref tracer, int ignored)
{
        struct event e = {.type = EV_TASK_EXEC,
                          .target = API,
                          .tracer = tracer,
                          .vpid = 4711,
                          .ignored = ignored,
                          .uid = 1000,
                          .file_owner = 0};

        strcpy(e.path, "/usr/bin/su");
        feed(s, e);
}

SCENE(set_uid_program_under_a_tracer_without_rights)
{
        struct finding f;

        seizes(s, STRACE, API, 0);
        execs_without(s, STRACE, IGNORED_SET_UID);
        f = expect_saying(s, FIND_SETUID_IGNORED, "set-uid",
                          "as uid 1000, not as the file's owner (uid 0): PID 4820 (strace) traces it");
        ck_assert_uint_eq(f.other_pid, 4820);
        ck_assert_uint_eq(f.n_evidence, 1);
        expect_count(s, 1);
}

SCENE(set_gid_program_under_a_tracer_without_rights)
{
        seizes(s, STRACE, API, 0);
        execs_without(s, STRACE, IGNORED_SET_GID);
        expect_saying(s, FIND_SETUID_IGNORED, "set-gid", "without the file's group (gid 0)");
}

SCENE(program_with_capabilities_under_a_tracer_without_rights)
{
        seizes(s, STRACE, API, 0);
        execs_without(s, STRACE, IGNORED_CAPABILITIES);
        expect_saying(s, FIND_SETUID_IGNORED, "capabilities", "without the file's capabilities");
}

SCENE(ordinary_exec_under_a_tracer_is_silent)
{
        seizes(s, STRACE, API, 0);
        execs_without(s, STRACE, IGNORED_NOTHING);
        silent(s);
}

/* ---- thread-leak ------------------------------------------------------------------------------------- */

#define POOL named(30, "pool") /* begun 300 ms after the boot, which is long ago */

/* The count-th thread, by `creator`, at main.spawn of the program or where `symbol` says. */
static void begins_thread(struct scene *s, struct task_ref creator, uint64_t count, uint64_t ended,
                          const char *symbol)
{
        struct event e = {.type = EV_TASK_THREADS,
                          .actor = creator,
                          .target = {.pid = creator.pid, .start = creator.start},
                          .count = count,
                          .ended = ended};

        memcpy(e.target.comm, creator.comm, sizeof(e.target.comm));
        if (symbol) {
                strcpy(e.path, "/usr/lib/libjobs.so");
                strcpy(e.symbol, symbol);
        }
        feed(s, e);
}

static void begins_threads(struct scene *s, uint64_t from, uint64_t to, uint64_t each_ns)
{
        for (uint64_t n = from; n <= to; n += 8) {
                begins_thread(s, POOL, n, 0, "start_job+0x20");
                wait_ns(s, 8 * each_ns);
        }
}

SCENE(two_hundred_threads_that_never_end)
{
        struct finding f;

        begins_threads(s, 64, 192, 5 * MS);
        silent(s);
        begins_threads(s, 200, 248, 5 * MS);
        f = expect_saying(s, FIND_THREAD_LEAK, "",
                          "PID 30 (pool) has begun 200 threads that go on, and none has ended");
        ck_assert_ptr_nonnull(
                strstr(f.summary, "most likely begun by /usr/lib/libjobs.so (start_job+0x20)"));
        expect_count(s, 1);
}

SCENE(threads_of_gos_runtime)
{
        for (uint64_t n = 64; n <= 248; n += 8)
                begins_thread(s, thread_named(30, n, "pool"), n, 0, "runtime.newosproc+0x40");
        expect_saying(s, FIND_THREAD_LEAK, "go-runtime", "Go's runtime begins them");
}

SCENE(module_that_cannot_be_told)
{
        begins_thread(s, POOL, 200, 0, NULL);
        expect_saying(s, FIND_THREAD_LEAK, "", "which module begins them cannot be told");
}

SCENE(threads_that_are_begun_all_the_time_for_a_minute)
{
        begins_threads(s, 64, 96, S);
        silent(s);
        begins_threads(s, 104, 136, S);
        expect(s, FIND_THREAD_LEAK, "");
}

SCENE(threads_that_end_are_silent)
{
        for (uint64_t n = 64; n <= 400; n += 8) {
                begins_thread(s, POOL, n, n / 10, "start_job+0x20");
                wait_ns(s, 2 * S);
        }
        silent(s);
}

SCENE(few_threads_now_and_then_are_silent)
{
        for (uint64_t n = 64; n <= 192; n += 8) {
                begins_thread(s, POOL, n, 0, "start_job+0x20");
                wait_ns(s, 30 * S);
        }
        silent(s);
}

/* A program of a second ago: its start is in ticks since the boot. */
static struct task_ref just_started(const struct scene *s)
{
        struct task_ref t = POOL;

        t.start = t.tid_start = (s->now - S) / (10 * MS);
        return t;
}

static void sets_up_a_pool(struct scene *s, struct task_ref who, uint64_t last)
{
        for (uint64_t n = 64; n <= last; n += 8)
                begins_thread(s, who, n, 0, "start_pool+0x20");
}

SCENE(pool_that_a_program_begins_with_is_silent)
{
        struct task_ref who = just_started(s);

        sets_up_a_pool(s, who, 496);
        wait_ns(s, 20 * S);
        begins_thread(s, who, 497, 0, "start_timer+0x20");
        wait_ns(s, 600 * S);
        begins_thread(s, who, 498, 0, "start_timer+0x20");
        silent(s);
}

SCENE(pool_that_grows_on_is_told)
{
        struct task_ref who = just_started(s);

        sets_up_a_pool(s, who, 248);
        wait_ns(s, 20 * S);
        for (uint64_t n = 256; n <= 304; n += 8)
                begins_thread(s, who, n, 0, "start_job+0x20");
        expect_saying(s, FIND_THREAD_LEAK, "", "start_job");
}

/* ---- uprobe-overlap ---------------------------------------------------------------------------------- */

#define DLV      named(4802, "dlv")
#define BPFTRACE named(5000, "bpftrace")
#define TICK     0x1012 /* in /usr/bin/api */

/* At that offset of /usr/bin/api. */
static struct event at_offset(enum event_type type, uint64_t offset)
{
        struct event e = {.type = type, .file_offset = offset, .inode = 77, .dev = 5, .executable = true};

        strcpy(e.path, "/usr/bin/api");
        return e;
}

static void probe_event(struct scene *s, uint64_t offset, uint32_t only, bool removed)
{
        struct event e = at_offset(EV_UPROBE_REGISTER, offset);

        e.target = BPFTRACE;
        e.vpid = only;
        e.removed = removed;
        strcpy(e.symbol, "main.tick+0x12");
        feed(s, e);
}

static void probes(struct scene *s, uint64_t offset, uint32_t only)
{
        probe_event(s, offset, only, false);
}

static void plants(struct scene *s, uint64_t offset, bool removed)
{
        struct event e = at_offset(EV_PTRACE_PLANT, offset);

        e.target = API;
        e.tracer = DLV;
        e.ip = 0x400000 + offset;
        e.removed = removed;
        feed(s, e);
}

SCENE(breakpoint_on_a_uprobe)
{
        struct finding f;

        attaches(s, DLV, API);
        probes(s, TICK, 0);
        silent(s);
        plants(s, TICK, false);
        f = expect_saying(s, FIND_UPROBE_OVERLAP, "uprobe-first",
                          "a breakpoint of PID 4802 (dlv) in PID 4711 (api) is on the instruction that a "
                          "uprobe of PID 5000 (bpftrace) is on (main.tick+0x12)");
        ck_assert_uint_eq(f.other_pid, 5000);
        ck_assert_uint_eq(f.n_evidence, 2);
        plants(s, TICK, false);
        expect_count(s, 1);
}

SCENE(uprobe_on_a_breakpoint)
{
        attaches(s, DLV, API);
        plants(s, TICK, false);
        silent(s);
        probes(s, TICK, 4711);
        expect_saying(s, FIND_UPROBE_OVERLAP, "breakpoint-first", "since the uprobe came");
}

SCENE(uprobe_elsewhere_is_silent)
{
        attaches(s, DLV, API);
        plants(s, TICK, false);
        probes(s, TICK + 1, 0);
        probes(s, TICK, 4712); /* in another process alone */
        silent(s);
}

SCENE(uprobe_whose_agent_has_ended_is_silent)
{
        attaches(s, DLV, API);
        probes(s, TICK, 0);
        process_ends(s, BPFTRACE, EXITED(0));
        plants(s, TICK, false);
        silent(s);
}

/* As the daemon tells when it finds the file descriptor closed. */
SCENE(uprobe_that_its_agent_took_out_is_silent)
{
        attaches(s, DLV, API);
        probes(s, TICK, 0);
        probes(s, TICK, 4711);
        probe_event(s, TICK, 0, true);
        probe_event(s, TICK, 4711, true);
        plants(s, TICK, false);
        silent(s);
        probes(s, TICK, 0);
        expect_saying(s, FIND_UPROBE_OVERLAP, "breakpoint-first", "since the uprobe came");
}

SCENE(one_of_two_uprobes_that_was_taken_out)
{
        attaches(s, DLV, API);
        probes(s, TICK, 0);
        probes(s, TICK, 4711);
        probe_event(s, TICK, 4711, true);
        plants(s, TICK, false);
        expect_saying(s, FIND_UPROBE_OVERLAP, "uprobe-first", "main.tick+0x12");
}

SCENE(uprobe_where_a_breakpoint_was_is_silent)
{
        attaches(s, DLV, API);
        plants(s, TICK, false);
        plants(s, TICK, true);
        probes(s, TICK, 0);
        plants(s, TICK + 8, false);
        detaches(s, DLV, API);
        probes(s, TICK + 8, 0);
        silent(s);
}

int main(void)
{
        const TTest *const tests[] = {
                set_uid_program_under_a_tracer_without_rights,
                set_gid_program_under_a_tracer_without_rights,
                program_with_capabilities_under_a_tracer_without_rights,
                ordinary_exec_under_a_tracer_is_silent,
                two_hundred_threads_that_never_end,
                threads_of_gos_runtime,
                module_that_cannot_be_told,
                threads_that_are_begun_all_the_time_for_a_minute,
                threads_that_end_are_silent,
                few_threads_now_and_then_are_silent,
                pool_that_a_program_begins_with_is_silent,
                pool_that_grows_on_is_told,
                breakpoint_on_a_uprobe,
                uprobe_on_a_breakpoint,
                uprobe_elsewhere_is_silent,
                uprobe_whose_agent_has_ended_is_silent,
                uprobe_that_its_agent_took_out_is_silent,
                one_of_two_uprobes_that_was_taken_out,
                uprobe_where_a_breakpoint_was_is_silent,
        };
        Suite *suite = suite_create("rules text");
        TCase *t = tcase_create("findings");

        for (size_t i = 0; i < ELEMENTSOF(tests); i++)
                tcase_add_test(t, tests[i]);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
