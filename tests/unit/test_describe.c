/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Events in words: what people read of the guard. */

#include "tests/unit/scene.h"

#include <errno.h>
#include <sys/syscall.h>

#include "bpf/guard_maps.h"
#include "lib/base/text.h"
#include "cli/ask/describe.h"

#define API                                \
        {                                  \
                .pid = 4711, .comm = "api" \
        }
#define GDB                                \
        {                                  \
                .pid = 4811, .comm = "gdb" \
        }
#define DLV                                \
        {                                  \
                .pid = 4802, .comm = "dlv" \
        }
#define HELPER                                 \
        {                                      \
                .pid = 4900, .comm = "ptraced" \
        }
#define CTL                                    \
        {                                      \
                .pid = 90, .comm = "ptracectl" \
        }
#define REFUSED(...)                                                                              \
        {                                                                                         \
                .type = EV_PTRACE_REFUSED, .actor = GDB, .target = API, .request = PTRACE_ATTACH, \
                .owner = "uid 1000", .note = "prod", __VA_ARGS__                                  \
        }
#define CLAIM(kind, ...)                                                                                \
        {                                                                                               \
                .type = EV_CLAIM_##kind, .target = API, .actor = CTL, .claim = 12, .owner = "uid 1000", \
                __VA_ARGS__                                                                             \
        }

static const struct {
        struct event e;
        const char *words;
        bool interesting;
} sentences[] = {
        {REFUSED(.error = EPERM, .tracer = DLV),
         "gdb(4811) may not attach to api(4711): EPERM, already traced by dlv(4802)", true},
        {REFUSED(.error = EBUSY, .guard_reason = GUARD_CLAIMED, .guard_source = SOURCE_CLAIM, .claim = 12),
         "gdb(4811) may not attach to api(4711): EBUSY, claimed by uid 1000 (claim 12)", true},
        {REFUSED(.error = EPERM, .guard_reason = GUARD_CLAIMED, .guard_source = SOURCE_CLAIM, .claim = 12),
         "gdb(4811) may not attach to api(4711): EPERM, held by ptraced for uid 1000 (claim 12)", true},
        {REFUSED(.error = EPERM, .guard_reason = GUARD_HELD, .tracer = HELPER),
         "gdb(4811) may not attach to api(4711): EPERM, held by ptraced itself", true},
        {REFUSED(.error = EBUSY, .guard_reason = GUARD_HELD, .guard_source = SOURCE_SINGLE, .tracer = DLV),
         "gdb(4811) may not attach to api(4711): EBUSY, already traced by dlv(4802) (guard on)", true},
        {REFUSED(.error = EBUSY, .guard_reason = GUARD_DENIED, .guard_source = SOURCE_RULE),
         "gdb(4811) may not attach to api(4711): EBUSY, the policy lets nobody trace it (rule \"prod\")",
         true},
        {REFUSED(.error = EAGAIN, .guard_reason = GUARD_NO_SLOT, .guard_source = SOURCE_SINGLE),
         "gdb(4811) may not attach to api(4711): EAGAIN, no memory to note the attach (guard on)", true},
        {{.type = EV_CLAIM_AUDIT,
          .actor = GDB,
          .target = API,
          .owner = "uid 1000",
          .claim = 12,
          .guard_reason = GUARD_CLAIMED,
          .guard_source = SOURCE_CLAIM},
         "gdb(4811) attaches to api(4711) (audit: it would be refused, claimed by uid 1000 (claim 12))",
         true},
        {CLAIM(MADE, .lease_ns = 60 * S),
         "claim 12 of uid 1000 on api(4711) was made, for 60 s, asked for by ptracectl(90)", true},
        {CLAIM(QUEUED, .count = 2), "uid 1000 waits for api(4711), place 2, asked for by ptracectl(90)",
         true},
        {CLAIM(RENEWED, .guard_mode = GUARD_AUDIT),
         "claim 12 of uid 1000 on api(4711) was renewed, audit only, asked for by ptracectl(90)", false},
        {CLAIM(TAKEN), "uid 1000 takes over claim 12 on api(4711), asked for by ptracectl(90)", true},
        {CLAIM(ENDED, .claim_end = CLAIM_LEASE_OVER),
         "claim 12 of uid 1000 on api(4711) ended with its lease", true},
        {CLAIM(ENDED, .claim_end = 99), "claim 12 of uid 1000 on api(4711) ended", true},
        {{.type = EV_POLICY_GUARD, .guard_state = GUARD_ON, .actor = CTL},
         "the guard was switched on, by ptracectl(90) (uid 0)",
         true},
        {{.type = EV_POLICY_LOADED, .count = 1}, "the policy was read: 1 rule", true},
        {{.type = EV_POLICY_REJECTED, .note = "a.conf:3: \x1b no"},
         "the policy was rejected, and the former one stays: a.conf:3: \\x1b no",
         true},
        {{.type = EV_MEMORY_ACCESS, .actor = GDB, .target = API, .request = SYS_process_vm_readv},
         "gdb(4811) accessed the memory of api(4711) by process_vm_readv",
         true},
        {{.type = EV_MEMORY_ACCESS, .actor = GDB, .target = API, .request = 9999},
         "gdb(4811) accessed the memory of api(4711) by system call 9999",
         true},
        {{.type = EV_MEMORY_ACCESS,
          .actor = GDB,
          .target = API,
          .request = SYS_openat,
          .error = EBUSY,
          .guard_reason = GUARD_MEMORY,
          .guard_source = SOURCE_RULE,
          .note = "prod"},
         "gdb(4811) may not access the memory of api(4711) by opening its files in /proc: EBUSY, the policy "
         "forbids reading its memory (rule \"prod\")",
         true},
        {{.type = EV_PTRACE_LEFT, .tracer = GDB, .target = API, .sig = SIGTRAP, .waited = true},
         "gdb(4811) ended, and left api(4711) in the stop of a SIGTRAP, which it had read: it is dropped",
         true},
        {{.type = EV_COUNTER,
          .of_type = EV_PTRACE_REFUSED,
          .count = 5,
          .guard_reason = GUARD_CLAIMED,
          .target = API},
         "5 more: ptrace.refused (claimed) at api(4711)",
         false},
};

START_TEST(events_in_words)
{
        char line[DESCRIBE_MAX];

        ck_assert_str_eq(describe_event(&sentences[_i].e, line, sizeof(line)), sentences[_i].words);
        ck_assert_int_eq(event_interesting(&sentences[_i].e), sentences[_i].interesting);
}
END_TEST

/* Whatever a stored event holds, it is one line that fits. */
START_TEST(any_event_is_one_line)
{
        char line[DESCRIBE_MAX];

        for (int type = EV_NONE; type <= _EV_MAX; type++)
                for (int n = -1; n < 12; n++) {
                        struct event e = {.type = type,
                                          .actor = GDB,
                                          .guard_reason = n,
                                          .guard_source = n,
                                          .guard_state = n,
                                          .claim_end = n,
                                          .error = n,
                                          .result = n,
                                          .cause = n};

                        memset(e.note, '\n', sizeof(e.note) - 1);
                        memset(e.owner, 0x1b, sizeof(e.owner) - 1);
                        describe_event(&e, line, sizeof(line));
                        ck_assert_uint_lt(strlen(line), sizeof(line));
                        ck_assert_ptr_null(strchr(line, '\n'));
                        ck_assert_ptr_null(strchr(line, 0x1b));
                }
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("describe");
        TCase *t = tcase_create("describe");

        tcase_add_loop_test(t, events_in_words, 0, ELEMENTSOF(sentences));
        tcase_add_test(t, any_event_is_one_line);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
