/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "tests/unit/child.h"
#include "tests/unit/own_file.h"

#include "lib/base/cleanup.h"
#include "lib/event/record.h"
#include "lib/proc/elf_text.h"
#include "lib/proc/procfs.h"
#include "daemon/events/creator.h"
#include "daemon/events/enrich.h"
#include "daemon/events/uprobe_fds.h"

#define NOBODY 65534

__asm__(".text\n"
        ".globl breakpoint_here\n"
        ".type breakpoint_here, @function\n"
        "breakpoint_here:\n"
        "        nop; nop; nop; nop; nop; nop; nop; nop\n"
        "        int3\n"
        "        nop; nop; nop; nop; nop; nop; nop; nop\n"
        "        ret\n"
        ".size breakpoint_here, . - breakpoint_here\n");
extern char breakpoint_here[];

static struct task_ref task_of(uint32_t pid)
{
        struct task_ref task;

        ck_assert_int_eq(procfs_task(pid, &task), 0);
        return task;
}

/* ---- refused --------------------------------------------------------------------------------------- */

static struct event refused(uint32_t caller, uint32_t vpid, int error)
{
        struct event e = {.type = EV_PTRACE_REFUSED, .request = PTRACE_SEIZE, .error = error, .vpid = vpid};

        e.actor = task_of(caller);
        return e;
}

START_TEST(names_the_holder)
{
        uint32_t target = child_new(NULL), caller = child_new(NULL);
        struct event e = refused(caller, target, EPERM);

        child_trace(target);
        ck_assert_int_eq(enrich_refused(&e), 0);
        ck_assert_uint_eq(e.target.pid, target);
        ck_assert_uint_eq(e.target.tid, target);
        ck_assert_uint_eq(e.tracer.pid, (uint32_t)getpid());
        ck_assert_uint_eq(e.facts & ATT_F_TARGET_KNOWN, ATT_F_TARGET_KNOWN);
        ck_assert_uint_eq(e.facts & ATT_F_UID_MATCH, ATT_F_UID_MATCH);
        ck_assert_uint_eq(e.facts & ATT_F_DUMPABLE, ATT_F_DUMPABLE);
        ck_assert_uint_eq(e.facts & ATT_F_CAPS_SUBSET, ATT_F_CAPS_SUBSET);
        ck_assert_uint_eq(e.facts & ATT_F_SAME_USERNS, ATT_F_SAME_USERNS);
        ck_assert_uint_eq(e.facts & (ATT_F_ZOMBIE | ATT_F_KTHREAD | ATT_F_SAME_GROUP | ATT_F_SAME_MM), 0);
        ck_assert_int_eq(e.yama, procfs_yama_scope());
        ck_assert_str_ne(e.modules, MODULES_UNKNOWN);
        child_end(target);
        child_end(caller);
}
END_TEST

static void become_nobody(void)
{
        if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
                _exit(1);
        prctl(PR_SET_DUMPABLE, 1);
}

static void become_nobody_undumpable(void)
{
        become_nobody();
        prctl(PR_SET_DUMPABLE, 0);
}

START_TEST(tells_uid_capability_and_dumpable)
{
        uint32_t root, nobody, other;
        struct event e;

        if (geteuid() != 0)
                return;
        root = child_new(NULL);
        nobody = child_new(become_nobody);
        other = child_new(become_nobody_undumpable);

        e = refused(nobody, root, EPERM);
        ck_assert_int_eq(enrich_refused(&e), 0);
        ck_assert_uint_eq(e.facts & (ATT_F_UID_MATCH | ATT_F_CAP_PTRACE | ATT_F_CAPS_SUBSET), 0);
        ck_assert_uint_eq(e.target_uid, 0);

        e = refused(nobody, other, EPERM);
        ck_assert_int_eq(enrich_refused(&e), 0);
        ck_assert_uint_eq(e.facts & ATT_F_DUMPABLE, 0);
        ck_assert_uint_eq(e.facts & (ATT_F_UID_MATCH | ATT_F_CAPS_SUBSET),
                          ATT_F_UID_MATCH | ATT_F_CAPS_SUBSET);
        ck_assert_uint_eq(e.target_uid, NOBODY);

        e = refused(root, other, EPERM);
        ck_assert_int_eq(enrich_refused(&e), 0);
        ck_assert_uint_eq(e.facts & ATT_F_UID_MATCH, 0);
        ck_assert_uint_eq(e.facts & ATT_F_CAP_PTRACE, ATT_F_CAP_PTRACE);
        child_end(root);
        child_end(nobody);
        child_end(other);
}
END_TEST

START_TEST(a_caller_that_is_gone_is_no_obstacle)
{
        uint32_t target = child_new(NULL), caller = child_new(NULL);
        struct event e = refused(caller, target, EPERM);

        child_end(caller);
        e.caller_uid = getuid();
        e.facts = ATT_F_SECCOMP;
        ck_assert_int_eq(enrich_refused(&e), 0);
        ck_assert_uint_eq(e.target.pid, target);
        ck_assert_uint_eq(e.facts & ATT_F_SECCOMP, ATT_F_SECCOMP);
        ck_assert_uint_eq(e.facts & ATT_F_UID_MATCH, ATT_F_UID_MATCH);
        ck_assert_uint_eq(e.facts & ATT_F_SAME_USERNS, ATT_F_SAME_USERNS);
        child_end(target);
}
END_TEST

START_TEST(special_targets_are_told)
{
        uint32_t zombie = child_new(NULL), caller = child_new(NULL);
        struct event e;
        siginfo_t info;

        kill((pid_t)zombie, SIGKILL);
        ck_assert_int_eq(waitid(P_PID, zombie, &info, WEXITED | WNOWAIT), 0);
        e = refused(caller, zombie, EPERM);
        ck_assert_int_eq(enrich_refused(&e), 0);
        ck_assert_uint_eq(e.facts & (ATT_F_ZOMBIE | ATT_F_DUMPABLE), ATT_F_ZOMBIE | ATT_F_DUMPABLE);
        child_end(zombie);
        e = refused(caller, zombie, EPERM);
        ck_assert_int_eq(enrich_refused(&e), -ESRCH);
        ck_assert_uint_eq(e.target.pid, 0);

        e = refused(caller, caller, EPERM);
        ck_assert_int_eq(enrich_refused(&e), 0);
        ck_assert_uint_eq(e.facts & (ATT_F_SAME_GROUP | ATT_F_SAME_MM), ATT_F_SAME_GROUP | ATT_F_SAME_MM);

        e = refused(caller, (uint32_t)getpid(), EPERM);
        ck_assert_int_eq(enrich_refused(&e), 0);
        ck_assert_uint_eq(e.facts & ATT_F_CHILD_OF_TARGET, ATT_F_CHILD_OF_TARGET);

        e = refused(caller, 0, EPERM);
        e.request = PTRACE_TRACEME;
        child_trace(caller);
        ck_assert_int_eq(enrich_refused(&e), 0);
        ck_assert_uint_eq(e.target.pid, caller);
        ck_assert_uint_eq(e.tracer.pid, (uint32_t)getpid());
        child_end(caller);
}
END_TEST

START_TEST(what_the_kernel_side_said_stays)
{
        uint32_t target = child_new(NULL), caller = child_new(NULL);
        struct event e = refused(caller, target, EPERM);

        e.target = task_of(target);
        e.facts = ATT_F_TARGET_KNOWN;
        e.target_uid = 77;
        ck_assert_int_eq(enrich_refused(&e), 0);
        ck_assert_uint_eq(e.facts, ATT_F_TARGET_KNOWN);
        ck_assert_uint_eq(e.target_uid, 77);
        child_end(target);
        child_end(caller);
}
END_TEST

START_TEST(a_number_taken_over_later_is_not_the_target)
{
        uint32_t target = child_new(NULL), caller = child_new(NULL);
        struct event e = refused(caller, target, EPERM);

        e.time_ns = 1; /* long before that process began */
        ck_assert_int_eq(enrich_refused(&e), -ESRCH);
        ck_assert_uint_eq(e.target.pid, 0);
        child_end(target);
        child_end(caller);
}
END_TEST

static uint32_t *shared_pid;

static void start_namespace(void)
{
        if (unshare(CLONE_NEWPID) < 0)
                _exit(1);
        *shared_pid = child_new(NULL);
}

START_TEST(resolves_numbers_of_another_namespace)
{
        uint32_t helper, caller, outside = child_new(NULL);
        struct event e;

        if (geteuid() != 0)
                return;
        shared_pid =
                mmap(NULL, sizeof(*shared_pid), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        helper = child_new(start_namespace);
        caller = *shared_pid;

        e = refused(caller, 1, EPERM);
        e.ns_level = 1;
        ck_assert_int_eq(enrich_refused(&e), 0);
        ck_assert_uint_eq(e.target.pid, caller);

        /* A number of outside, used inside: it is told whom it would have meant. */
        e = refused(caller, outside, ESRCH);
        e.ns_level = 1;
        ck_assert_int_eq(enrich_refused(&e), 0);
        ck_assert_uint_eq(e.target.pid, outside);
        ck_assert_uint_eq(e.facts & ATT_F_TARGET_KNOWN, 0);

        e = refused((uint32_t)getpid(), outside, ESRCH);
        ck_assert_int_eq(enrich_refused(&e), -ESRCH);
        ck_assert_uint_eq(e.target.pid, 0);
        child_end(helper);
        child_end(outside);
}
END_TEST

/* ---- text ------------------------------------------------------------------------------------------ */

struct claim_place {
        uint64_t address;
        struct elf_mapping m;
};

static int note_place(void *userdata, const struct elf_mapping *m)
{
        struct claim_place *place = userdata;

        if (place->address < m->start || place->address >= m->end)
                return 0;
        place->m = *m;
        return 1;
}

/* What the programs in the kernel would send for an address of ours in that process. */
static struct rec_text text_record(uint32_t pid, const char *address)
{
        struct claim_place place = {.address = (uint64_t)(uintptr_t)address};
        struct task_ref task = task_of(pid);
        struct rec_text r = {.what = TEXT_TRAP, .address = place.address, .bytes_valid = 1};
        char path[PATH_MAX] = "", *component;

        ck_assert_int_eq(elf_text_each_mapping(pid, note_place, &place), 1);
        r.h.time_ns = 1000;
        r.task = (struct rec_task){
                .pid = pid,
                .tid = pid,
                .start_ns = task.start * NSEC_PER_TICK,
                .tid_start_ns = task.tid_start * NSEC_PER_TICK,
        };
        r.file_offset = place.m.offset + (place.address - place.m.start);
        r.inode = place.m.inode;
        r.dev = place.m.dev;
        memcpy(r.bytes, address - 8, sizeof(r.bytes));
        own_file_in_filesystem(path);
        while ((component = strrchr(path, '/'))) {
                snprintf(r.path[r.depth++], REC_NAME_LEN, "%s", component + 1);
                *component = 0;
        }
        return r;
}

START_TEST(finds_the_breakpoint_of_the_file)
{
        uint32_t pid = child_new(NULL);
        struct rec_text r = text_record(pid, breakpoint_here + 8);
        struct event e;
        char exe[4096] = "";

        ck_assert_int_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
        enrich_text(&r, &e);
        ck_assert_int_eq(e.type, EV_TEXT_SCAN);
        ck_assert_str_eq(e.what, "trap");
        ck_assert_uint_eq(e.target.pid, pid);
        ck_assert_uint_eq(e.ip, r.address);
        ck_assert(e.file_known);
        ck_assert(e.found_int3);
        ck_assert_str_eq(e.symbol, "breakpoint_here+0x8");
        ck_assert_str_eq(e.path, exe);

        /* A debugger's breakpoint: memory has one where the file has none. */
        r = text_record(pid, breakpoint_here + 4);
        r.bytes[8] = 0xcc;
        enrich_text(&r, &e);
        ck_assert(e.file_known);
        ck_assert(!e.found_int3);
        ck_assert_str_eq(e.symbol, "breakpoint_here+0x4");

        r.what = TEXT_HANDLER;
        enrich_text(&r, &e);
        ck_assert_str_eq(e.what, "handler");
        ck_assert(e.file_known);

        /* Dead already: the record is enough. */
        r = text_record(pid, breakpoint_here + 8);
        child_end(pid);
        enrich_text(&r, &e);
        ck_assert(e.file_known);
        ck_assert(e.found_int3);
}
END_TEST

START_TEST(asks_the_process_when_the_record_names_no_file)
{
        uint32_t pid = child_new(NULL);
        struct rec_text r = text_record(pid, breakpoint_here + 8);
        struct event e;

        r.inode = r.dev = r.depth = 0;
        r.file_offset = 0;
        enrich_text(&r, &e);
        ck_assert(e.file_known);
        ck_assert(e.found_int3);
        ck_assert_str_eq(e.symbol, "breakpoint_here+0x8");

        r.task.start_ns -= 10 * NSEC_PER_TICK; /* another process by now */
        enrich_text(&r, &e);
        ck_assert(!e.file_known);
        ck_assert_str_eq(e.path, "");
        child_end(pid);
}
END_TEST

START_TEST(generated_code_has_no_file)
{
        char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        uint32_t pid = child_new(NULL);
        struct rec_text r = text_record(pid, breakpoint_here + 8);
        struct event e;

        /* As the process shows it, while it lives. */
        r.inode = r.dev = r.depth = 0;
        r.file_offset = 0;
        r.address = (uint64_t)(uintptr_t)code;
        enrich_text(&r, &e);
        ck_assert(!e.file_known);
        ck_assert_str_eq(e.path, SCAN_NO_FILE);
        child_end(pid);

        /* Afterwards the kernel's word counts; without it nothing is known. */
        enrich_text(&r, &e);
        ck_assert_str_eq(e.path, "");
        r.flags = TEXT_F_NO_FILE;
        enrich_text(&r, &e);
        ck_assert_str_eq(e.path, SCAN_NO_FILE);
        munmap(code, 4096);
}
END_TEST

START_TEST(remembers_a_place_for_a_while)
{
        uint32_t pid = child_new(NULL);
        struct rec_text r = text_record(pid, breakpoint_here + 8);
        struct text_cache *cache = text_cache_new();
        struct event first, second;

        ck_assert_ptr_nonnull(cache);
        enrich_text_cached(cache, &r, &first);
        enrich_text_cached(cache, &r, &second);
        ck_assert_int_eq(memcmp(&first, &second, sizeof(first)), 0);
        r.h.time_ns += 60 * NSEC_PER_SEC;
        enrich_text_cached(cache, &r, &second);
        ck_assert(second.file_known && second.found_int3);
        ck_assert_str_eq(first.symbol, second.symbol);
        text_cache_free(cache);
        child_end(pid);
}
END_TEST

START_TEST(hostile_records_are_survived)
{
        uint32_t pid = child_new(NULL), seed = 3;
        struct rec_text real = text_record(pid, breakpoint_here + 8), r;
        struct event e;

        for (unsigned i = 0; i < 2000; i++) {
                uint8_t *bytes = (uint8_t *)&r;

                r = real;
                for (unsigned k = 0; k < 8; k++) {
                        seed = seed * 1664525u + 1013904223u;
                        bytes[(seed >> 8) % sizeof(r)] = (uint8_t)(seed >> 24);
                }
                enrich_text(&r, &e);
                ck_assert_ptr_nonnull(memchr(e.path, 0, sizeof(e.path)));
                ck_assert_ptr_nonnull(memchr(e.symbol, 0, sizeof(e.symbol)));
        }
        r = real;
        r.depth = UINT32_MAX;
        enrich_text(&r, &e);
        ck_assert(e.file_known); /* by what /proc links to */
        r = real;
        memset(r.path, 'x', sizeof(r.path));
        enrich_text(&r, &e);
        snprintf(r.path[0], REC_NAME_LEN, "a/../b");
        enrich_text(&r, &e);
        child_end(pid);
}
END_TEST

START_TEST(calls_are_known_by_what_stands_before_a_return_address)
{
        static const struct {
                uint8_t before[7];
                bool call;
        } places[] = {
                {{0x90, 0x90, 0xe8, 1, 2, 3, 4}, true},              /* call rel32 */
                {{0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0}, true},  /* call *%rax */
                {{0x90, 0xff, 0x15, 1, 2, 3, 4}, true},              /* call *rel32(%rip) */
                {{0x90, 0x90, 0x90, 0x90, 0xff, 0x50, 0x18}, true},  /* call *0x18(%rax) */
                {{0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xe0}, false}, /* jmp *%rax */
                {{0x90, 0x90, 0xe9, 1, 2, 3, 4}, false},             /* jmp rel32 */
                {{0xe8, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}, false}, /* a call, but not just before */
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                ck_assert_msg(creator_follows_call(places[i].before, 7) == places[i].call, "place %zu", i);
        ck_assert(!creator_follows_call(places[0].before, 0));
}
END_TEST

/* A stack of any content, of a process that is there, and of one that is not. */
START_TEST(any_stack_is_taken)
{
        struct rec_threads r = {.words = UINT32_MAX};
        struct event e = {.type = EV_TASK_THREADS, .target = {.pid = (uint32_t)getpid()}};

        for (int i = 0; i < REC_STACK_WORDS; i++)
                r.stack[i] = (uint64_t)(uintptr_t)breakpoint_here + (uint64_t)i;
        creator_find(&r, &e);
        e.target.pid = INT32_MAX;
        e.path[0] = 0;
        creator_find(&r, &e);
        ck_assert_str_eq(e.path, "");
}
END_TEST

/* ---- uprobes that are taken out ----------------------------------------------------------------------- */

/* Of uprobes it is only looked at whether the descriptor is a perf event. */
static uint32_t open_perf_event(void)
{
        struct perf_event_attr attr = {
                .size = sizeof(attr),
                .type = PERF_TYPE_SOFTWARE,
                .config = PERF_COUNT_SW_DUMMY,
        };
        int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        return (uint32_t)fd;
}

static int count_gone(void *userdata, struct event *e)
{
        unsigned *n = userdata;

        ck_assert_int_eq(e->type, EV_UPROBE_REGISTER);
        ck_assert(e->removed);
        ck_assert_str_eq(e->path, "/usr/bin/api");
        ++*n;
        return 0;
}

static void note_uprobe_at(struct uprobe_fds *u, uint64_t offset, uint32_t fd)
{
        struct event e = {
                .type = EV_UPROBE_REGISTER, .inode = 77, .dev = 5, .file_offset = offset, .fd = fd};

        e.target = task_of((uint32_t)getpid());
        strcpy(e.path, "/usr/bin/api");
        uprobe_fds_note(u, &e);
}

/* How many of those at that place are found to be gone. */
static unsigned gone_at(struct uprobe_fds *u, uint64_t offset)
{
        struct event planted = {.type = EV_PTRACE_PLANT, .inode = 77, .dev = 6, .file_offset = offset};
        unsigned n = 0;

        uprobe_fds_look(u, &planted, count_gone, &n);
        return n;
}

START_TEST(a_uprobe_is_there_while_one_of_its_descriptors_is)
{
        struct uprobe_fds *u = uprobe_fds_new();
        uint32_t first = open_perf_event(), second = open_perf_event();

        note_uprobe_at(u, 0x10, first);
        note_uprobe_at(u, 0x10, second);
        ck_assert_uint_eq(gone_at(u, 0x11), 0);
        close((int)second);
        ck_assert_uint_eq(gone_at(u, 0x10), 0);
        close((int)first);
        ck_assert_uint_eq(gone_at(u, 0x10), 1);
        ck_assert_uint_eq(gone_at(u, 0x10), 0);
        uprobe_fds_free(u);
}
END_TEST

START_TEST(a_number_given_anew_is_another_uprobe)
{
        struct uprobe_fds *u = uprobe_fds_new();
        uint32_t fd = open_perf_event();

        note_uprobe_at(u, 0x10, fd);
        note_uprobe_at(u, 0x20, fd);
        ck_assert_uint_eq(gone_at(u, 0x10), 1);
        ck_assert_uint_eq(gone_at(u, 0x20), 0);
        close((int)fd);
        uprobe_fds_free(u);
}
END_TEST

/* Each place is known, or forgotten; more are never told to be gone than were there. */
START_TEST(the_oldest_uprobes_are_forgotten)
{
        struct uprobe_fds *u = uprobe_fds_new();
        unsigned gone = 0;

        for (uint64_t i = 0; i < 3 * UPROBE_PLACES_MAX; i++)
                note_uprobe_at(u, i, INT32_MAX);
        for (uint64_t i = 0; i < 3 * UPROBE_PLACES_MAX; i++)
                gone += gone_at(u, i);
        ck_assert_uint_eq(gone, UPROBE_PLACES_MAX);
        for (unsigned i = 0; i < 3 * UPROBE_FDS_MAX; i++)
                note_uprobe_at(u, 0x10, INT32_MAX - i);
        ck_assert_uint_eq(gone_at(u, 0x10), 1);
        uprobe_fds_free(u);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("enrich");
        TCase *t = tcase_create("enrich");
        int failed;

        tcase_set_timeout(t, 20);
        tcase_add_test(t, names_the_holder);
        tcase_add_test(t, tells_uid_capability_and_dumpable);
        tcase_add_test(t, a_caller_that_is_gone_is_no_obstacle);
        tcase_add_test(t, special_targets_are_told);
        tcase_add_test(t, what_the_kernel_side_said_stays);
        tcase_add_test(t, a_number_taken_over_later_is_not_the_target);
        tcase_add_test(t, resolves_numbers_of_another_namespace);
        tcase_add_test(t, finds_the_breakpoint_of_the_file);
        tcase_add_test(t, asks_the_process_when_the_record_names_no_file);
        tcase_add_test(t, generated_code_has_no_file);
        tcase_add_test(t, remembers_a_place_for_a_while);
        tcase_add_test(t, hostile_records_are_survived);
        tcase_add_test(t, calls_are_known_by_what_stands_before_a_return_address);
        tcase_add_test(t, any_stack_is_taken);
        tcase_add_test(t, a_uprobe_is_there_while_one_of_its_descriptors_is);
        tcase_add_test(t, a_number_given_anew_is_another_uprobe);
        tcase_add_test(t, the_oldest_uprobes_are_forgotten);
        suite_add_tcase(s, t);

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
