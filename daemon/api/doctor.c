/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/doctor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/claim/policy.h"
#include "lib/event/finding_reach.h"
#include "lib/proc/procfs.h"
#include "lib/base/text.h"

#define LINE_MAX_BYTES     512
#define SENTENCE_MAX_BYTES 512

#define F (1U << TIER_FULL)
#define T (1U << TIER_TRACEPOINT)
#define P (1U << TIER_PROC)
#define S (P << 2) /* tier full without the program that sees what filters answer */
#define L (P << 1) /* tier tracepoint on a kernel where programs cannot look up a pid */

/*
 * What a tier cannot see even where all of its hooks work. Each was observed with a real debugger, or
 * follows from what the kernel tells at that hook.
 */
static const struct {
        uint32_t tiers;
        const char *sentence;
} limits[] = {
        {F | T | P, "What happened before the daemon started is not known. Tracers that were there "
                    "already are found in /proc, without their options and without their age."},
        {F | T, "A breakpoint is seen when it runs, not when a debugger writes it."},
        {F | T, "An instruction that carries a uprobe and a debugger's breakpoint raises no "
                "signal, so a breakpoint lost that way leaves no event."},
        {F | T, "While a debugger lifts a breakpoint to step one thread over it, other threads "
                "may run past it without an event."},
        {F | T, "Of a flood only the first 32 events of a kind in each second are kept one by "
                "one; the rest are counted exactly, without their order."},
        {F, "Under load the kernel may skip a program that was preempted on the same "
            "processor; it is counted as prog-skipped, and the tracers are compared with "
            "/proc again."},
        {F, "Requests that a 32-bit debugger makes are not counted; its attaches and "
            "detaches are seen."},
        {S, "An attach that a seccomp filter refuses never gets as far as ptrace, and is not "
            "seen, unless ptraced.conf has seccomp = yes in [watch], which makes every system "
            "call of every sandboxed program a little slower; ptracectl why, run under the "
            "filter, tries what it makes of ptrace."},
        {L, "The tracee of a ptrace call is worked out from the call's pid argument "
            "afterwards; where it is gone by then the loss is counted as target-unknown."},
        {L, "What refused an attach is looked up in /proc afterwards, as this kernel has no "
            "bpf_task_from_vpid() for programs on tracepoints: whoever has gone by then, or has "
            "let go, is not known."},
        {T, "What the security modules answered to an attach is not seen: why it was "
            "refused is worked out by elimination."},
        {T, "The ptrace calls of a 32-bit debugger are not seen when they are made."},
        {T, "That the kernel overrode a block or an ignore of SIGTRAP is inferred from what"
            " the program had set before."},
        {P, "Signals are not seen: a lost breakpoint, a SIGTRAP without a tracer and a "
            "SIGCHLD that went missing leave no event."},
        {P, "An attach that was refused is not seen, nor is its errno."},
        {P, "TracerPid of every thread is polled, up to once a second: a tracing relation "
            "shorter than that is seen only where the proc connector (CAP_NET_ADMIN) "
            "reports it, which it does not for PTRACE_TRACEME and auto-attached children."},
        {P, "The options of a tracer, its requests and its waits are not seen."},
};
static uint32_t limits_of(const struct loader *loader)
{
        enum tier tier = loader_tier(loader);

        return 1U << tier | (tier == TIER_TRACEPOINT && !loader_finds_targets(loader) ? L : 0) |
               (tier == TIER_FULL && !loader_watches_seccomp(loader) ? S : 0);
}
#undef F
#undef T
#undef P
#undef L
#undef S

static const char *const hook_state_names[] = {
        [HOOK_UNUSED] = "unused",
        [HOOK_ATTACHED] = "attached",
        [HOOK_WORKING] = "working",
        [HOOK_MISSING] = "missing",
};
static_assert(ELEMENTSOF(hook_state_names) == _HOOK_STATE_MAX, "each hook state has a name");

static struct json_object *text_json(const char *s)
{
        char buf[SENTENCE_MAX_BYTES];

        return json_object_new_string(text_utf8(s, buf, sizeof(buf)));
}

/* First line of a small file of the kernel's. -errno. */
static int read_first_line(const char *path, char *line, size_t size)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, line, size - 1);

        if (n < 0)
                return -errno;
        line[n] = '\0';
        line[strcspn(line, "\n")] = '\0';
        return 0;
}

/* A number in a file, or null: a kernel without the feature has no such file. */
static struct json_object *number_json(const char *path)
{
        char line[LINE_MAX_BYTES], *end;
        long n;

        if (read_first_line(path, line, sizeof(line)) < 0)
                return NULL;
        n = strtol(line, &end, 10);
        return end == line ? NULL : json_object_new_int64(n);
}

/* The chosen one of "none [integrity] confidentiality". */
static struct json_object *lockdown_json(void)
{
        char line[LINE_MAX_BYTES], *from, *to;

        if (read_first_line("/sys/kernel/security/lockdown", line, sizeof(line)) < 0)
                return NULL;
        from = strchr(line, '[');
        to = from ? strchr(from, ']') : NULL;
        if (!to)
                return NULL;
        *to = '\0';
        return text_json(from + 1);
}

static struct json_object *machine_json(void)
{
        struct json_object *o = json_object_new_object();
        int yama = procfs_yama_scope();
        char line[LINE_MAX_BYTES];

        json_object_object_add(o, "btf",
                               json_object_new_boolean(access("/sys/kernel/btf/vmlinux", R_OK) == 0));
        json_object_object_add(o, "lsm",
                               read_first_line("/sys/kernel/security/lsm", line, sizeof(line)) == 0
                                       ? text_json(line)
                                       : NULL);
        json_object_object_add(o, "yama", yama >= 0 ? json_object_new_int(yama) : NULL);
        json_object_object_add(o, "lockdown", lockdown_json());
        json_object_object_add(o, "unprivileged_bpf_disabled",
                               number_json("/proc/sys/kernel/unprivileged_bpf_disabled"));
        json_object_object_add(o, "perf_event_paranoid",
                               number_json("/proc/sys/kernel/perf_event_paranoid"));
        return o;
}

static struct json_object *hook_json(const struct hook *h)
{
        struct json_object *o = json_object_new_object();

        json_object_object_add(o, "program", text_json(h->program));
        json_object_object_add(o, "section", text_json(h->section));
        json_object_object_add(o, "sees", text_json(h->sees));
        json_object_object_add(o, "state", json_object_new_string(hook_state_names[h->state]));
        json_object_object_add(o, "reason", text_json(h->reason));
        return o;
}

/* A missing hook only leaves a gap in the tier that would use it. Those of tier tracepoint are tracepoints.
 */
static bool leaves_gap(const struct hook *h, enum tier tier)
{
        bool tracepoint = !strncmp(h->section, "tp", 2);

        return h->state == HOOK_MISSING && (tier == TIER_FULL ? strncmp(h->section, "tp/", 3) != 0
                                                              : tier == TIER_TRACEPOINT && tracepoint);
}

static struct json_object *blind_spots_json(const struct loader *loader, const struct hook *hooks, size_t n)
{
        enum tier tier = loader_tier(loader);
        struct json_object *list = json_object_new_array();
        char sentence[SENTENCE_MAX_BYTES];

        for (size_t i = 0; i < n; i++) {
                if (!leaves_gap(&hooks[i], tier))
                        continue;
                snprintf(sentence, sizeof(sentence), "Not seen: %s (%s: %s).", hooks[i].sees,
                         hooks[i].section, hooks[i].reason);
                json_object_array_add(list, text_json(sentence));
        }
        for (size_t i = 0; i < ELEMENTSOF(limits); i++)
                if (limits[i].tiers & limits_of(loader))
                        json_object_array_add(list, text_json(limits[i].sentence));
        return list;
}

/* Of a finding's row: does the program that it names not run? */
static bool lacks_hook(const void *userdata, const char *hook)
{
        const struct loader *loader = userdata;

        if (!strcmp(hook, HOOK_TASK_FROM_VPID))
                return !loader_finds_targets(loader);
        return !loader_runs(loader, hook);
}

struct json_object *doctor_unseen_json(const struct loader *loader)
{
        const struct sight sight = {.tier = loader_tier(loader), .lacks = lacks_hook, .userdata = loader};
        struct json_object *list = json_object_new_array();

        (void)finding_reach_json(&sight, list);
        return list;
}

struct json_object *doctor_guard_json(struct guard *guard)
{
        struct json_object *o = json_object_new_object();
        struct guard_status st;

        guard_get_status(guard, &st);
        json_object_object_add(o, "state", json_object_new_string(guard_state_to_string(st.state)));
        json_object_object_add(o, "mechanism",
                               json_object_new_string(guard_mechanism_to_string(st.mechanism)));
        json_object_object_add(o, "working", json_object_new_boolean(st.working));
        json_object_object_add(o, "attached", json_object_new_boolean(st.attached));
        json_object_object_add(o, "pinned", json_object_new_boolean(st.pinned));
        json_object_object_add(o, "pin_dir", text_json(st.pin_dir));
        json_object_object_add(o, "taken_over", json_object_new_boolean(st.taken_over));
        json_object_object_add(o, "reason", text_json(st.reason));
        json_object_object_add(o, "claims", json_object_new_int64((int64_t)st.n_claims));
        json_object_object_add(o, "rules", json_object_new_int64(st.n_rules));
        json_object_object_add(o, "slots", json_object_new_int64((int64_t)st.n_slots));
        json_object_object_add(o, "skipped", json_object_new_int64((int64_t)st.n_skipped));
        return o;
}

struct json_object *doctor_json(struct loader *loader, struct guard *guard)
{
        struct json_object *o = json_object_new_object(), *list = json_object_new_array();
        enum tier tier = loader_tier(loader);
        struct utsname uts = {};
        size_t n;
        const struct hook *hooks = loader_hooks(loader, &n);

        uname(&uts);
        for (size_t i = 0; i < n; i++)
                json_object_array_add(list, hook_json(&hooks[i]));
        json_object_object_add(o, "schema", json_object_new_string("ptraced.doctor/1"));
        json_object_object_add(o, "tier", json_object_new_string(tier_to_string(tier)));
        json_object_object_add(o, "tier_reason", text_json(loader_reason(loader)));
        json_object_object_add(o, "kernel", text_json(uts.release));
        json_object_object_add(o, "machine", machine_json());
        json_object_object_add(o, "hooks", list);
        json_object_object_add(o, "guard", guard ? doctor_guard_json(guard) : NULL);
        json_object_object_add(o, "blind_spots", blind_spots_json(loader, hooks, n));
        json_object_object_add(o, "unseen", doctor_unseen_json(loader));
        return o;
}
