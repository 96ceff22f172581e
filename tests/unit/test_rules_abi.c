/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Tracers that cannot know a program as it knows itself. */

#include "lib/event/tools.h"
#include "tests/unit/scene.h"

#define API    named(4711, "api")
#define GDB    named(4820, "gdb")
#define STRACE named(4820, "strace")
#define QEMU   "/usr/bin/qemu-aarch64-static"

/* A task.info: what it runs, with words of which size. */
static void known(struct scene *s, struct task_ref who, const char *exe, uint32_t bits)
{
        struct event e = {.type = EV_TASK_INFO, .target = who, .word_bits = bits};

        e.target.tid = 0;
        e.target.tid_start = 0;
        snprintf(e.path, sizeof(e.path), "%s", exe);
        feed(s, e);
}

SCENE(small_tracer_of_a_large_program)
{
        struct finding f;

        attaches(s, GDB, API);
        known(s, GDB, "/usr/bin/gdb", 32);
        silent(s);
        known(s, API, "/srv/api", 64);
        f = expect_saying(
                s, FIND_ABI_MISMATCH, "word-size",
                "PID 4711 (api) is a 64-bit program, and its tracer PID 4820 (gdb) is a 32-bit one");
        ck_assert_uint_eq(f.other_pid, 4820);
        expect_count(s, 1);
}

SCENE(both_were_known_before_the_attach)
{
        attaches(s, GDB, API);
        known(s, GDB, "/usr/bin/gdb", 32);
        known(s, API, "/srv/api", 32);
        detaches(s, GDB, API);
        attaches(s, GDB, API);
        silent(s);
        known(s, API, "/srv/api", 64);
        expect_count(s, 1);
}

SCENE(tracees_of_one_that_is_known_late)
{
        attaches(s, GDB, API);
        attaches(s, GDB, named(4712, "api2"));
        known(s, API, "/srv/api", 64);
        known(s, named(4712, "api2"), "/srv/api2", 64);
        silent(s);
        known(s, GDB, "/usr/bin/gdb", 32);
        expect_count(s, 2);
}

/* Its other thread has a tracer too, which fits: the one does not speak for the other. */
SCENE(one_of_two_tracers_is_small)
{
        struct task_ref small = named(4821, "tool");

        attaches(s, GDB, API);
        known(s, GDB, "/usr/bin/gdb", 64);
        attaches(s, small, thread_named(4711, 4712, "api"));
        known(s, small, "/usr/bin/tool", 32);
        expect_none_of(s, FIND_ABI_MISMATCH);
        known(s, API, "/srv/api", 64);
        ck_assert_uint_eq(expect(s, FIND_ABI_MISMATCH, "word-size").other_pid, small.pid);
}

SCENE(small_tracer_comes_second)
{
        struct task_ref small = named(4821, "tool");

        attaches(s, small, named(4900, "other"));
        known(s, small, "/usr/bin/tool", 32);
        attaches(s, GDB, API);
        known(s, GDB, "/usr/bin/gdb", 64);
        known(s, API, "/srv/api", 64);
        expect_none_of(s, FIND_ABI_MISMATCH);
        attaches(s, small, thread_named(4711, 4712, "api"));
        ck_assert_uint_eq(expect(s, FIND_ABI_MISMATCH, "word-size").other_pid, small.pid);
}

SCENE(large_tracer_of_a_small_program_is_silent)
{
        attaches(s, GDB, API);
        known(s, GDB, "/usr/bin/gdb", 64);
        known(s, API, "/srv/api", 32);
        silent(s);
}

SCENE(words_that_are_not_known_are_silent)
{
        attaches(s, GDB, API);
        known(s, GDB, "/usr/bin/gdb", 32);
        known(s, API, "/srv/api", 0);
        silent(s);
}

/* What it was before the exec says nothing of what it is. */
SCENE(an_exec_makes_it_unknown)
{
        struct event e = {.type = EV_TASK_EXEC, .target = API, .tracer = GDB, .vpid = 4711};

        attaches(s, GDB, API);
        known(s, API, "/srv/api", 64);
        strcpy(e.path, "/srv/small");
        feed(s, e);
        known(s, GDB, "/usr/bin/gdb", 32);
        silent(s);
        known(s, API, "/srv/small", 32);
        silent(s);
}

SCENE(debugger_of_an_emulator)
{
        struct finding f;

        attaches(s, GDB, API);
        known(s, GDB, "/usr/bin/gdb", 64);
        known(s, API, QEMU, 64);
        f = expect_saying(s, FIND_ABI_MISMATCH, "emulated", "is an emulator by its name (" QEMU ")");
        ck_assert_int_eq(f.severity, SEVERITY_INFO);
        ck_assert_ptr_nonnull(strstr(f.remedy, "-g PORT"));
}

SCENE(strace_of_an_emulator_is_silent)
{
        attaches(s, STRACE, API);
        known(s, STRACE, "/usr/bin/strace", 64);
        known(s, API, QEMU, 64);
        silent(s);
}

START_TEST(emulators_are_known)
{
        ck_assert(is_emulator("/usr/bin/qemu-aarch64-static"));
        ck_assert(is_emulator("qemu-x86_64"));
        ck_assert(is_emulator("/run/rosetta/rosetta"));
        ck_assert(!is_emulator("/usr/bin/qemu-system-x86_64"));
        ck_assert(!is_emulator("/usr/bin/qemu-img"));
        ck_assert(is_emulator("/usr/bin/qemu-mipsn32el"));
        ck_assert(is_emulator("/usr/bin/qemu-aarch64_be"));
        ck_assert(is_emulator("/usr/bin/qemu-sparc32plus-static"));
        ck_assert(is_emulator("/usr/bin/qemu-arm-static (deleted)"));
        ck_assert(is_emulator("/run/binfmt/qemu-riscv64-binfmt-P"));
        /* as a comm, which is cut */
        ck_assert(is_emulator("qemu-aarch64-st"));
        ck_assert(is_emulator("qemu-mips64el-s"));
        ck_assert(is_emulator("qemu-loongarch6"));
        ck_assert(!is_emulator("/srv/qemu-arm-notes"));
        ck_assert(!is_emulator("/srv/qemu-armada"));
        ck_assert(!is_emulator("/srv/qemu-sparc-tests (deleted)"));
        ck_assert(!is_emulator("/opt/qemu-notes/api"));
        ck_assert(!is_emulator(""));
}
END_TEST

int main(void)
{
        const TTest *const tests[] = {
                small_tracer_of_a_large_program,
                both_were_known_before_the_attach,
                tracees_of_one_that_is_known_late,
                one_of_two_tracers_is_small,
                small_tracer_comes_second,
                large_tracer_of_a_small_program_is_silent,
                words_that_are_not_known_are_silent,
                an_exec_makes_it_unknown,
                debugger_of_an_emulator,
                strace_of_an_emulator_is_silent,
                emulators_are_known,
        };
        Suite *suite = suite_create("rules abi");
        TCase *t = tcase_create("findings");

        for (size_t i = 0; i < ELEMENTSOF(tests); i++)
                tcase_add_test(t, tests[i]);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
