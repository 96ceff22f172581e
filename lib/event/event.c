/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/event/event.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/guard_maps.h"
#include "lib/base/cleanup.h"

static const char *const type_names[] = {
        [EV_NONE] = NULL,
        [EV_SIGNAL_GENERATE] = "signal.generate",
        [EV_SIGNAL_DELIVER] = "signal.deliver",
        [EV_PTRACE_ATTACH] = "ptrace.attach",
        [EV_PTRACE_SEIZE] = "ptrace.seize",
        [EV_PTRACE_TRACEME] = "ptrace.traceme",
        [EV_PTRACE_AUTOATTACH] = "ptrace.autoattach",
        [EV_PTRACE_DETACH] = "ptrace.detach",
        [EV_PTRACE_REFUSED] = "ptrace.refused",
        [EV_TRACER_EXIT] = "tracer.exit",
        [EV_WAIT_REAP] = "wait.reap",
        [EV_WAIT_ERROR] = "wait.error",
        [EV_SIGACTION] = "sigaction",
        [EV_TASK_FORK] = "task.fork",
        [EV_TASK_EXEC] = "task.exec",
        [EV_TASK_EXIT] = "task.exit",
        [EV_MEMORY_ACCESS] = "memory.access",
        [EV_COUNTER] = "counter",
        [EV_LOSS] = "loss",
        [EV_TASK_INFO] = "task.info",
        [EV_TASK_STATE] = "task.state",
        [EV_TEXT_SCAN] = "text.scan",
        [EV_DAEMON_START] = "daemon.start",
        [EV_CLAIM_MADE] = "claim.made",
        [EV_CLAIM_QUEUED] = "claim.queued",
        [EV_CLAIM_RENEWED] = "claim.renewed",
        [EV_CLAIM_TAKEN] = "claim.taken",
        [EV_CLAIM_ENDED] = "claim.ended",
        [EV_CLAIM_AUDIT] = "claim.audit",
        [EV_POLICY_LOADED] = "policy.loaded",
        [EV_POLICY_REJECTED] = "policy.rejected",
        [EV_POLICY_GUARD] = "policy.guard",
        [EV_SIGNAL_SUPPRESSED] = "signal.suppressed",
        [EV_PTRACE_PLANT] = "ptrace.plant",
        [EV_NET_CONNECT] = "net.connect",
        [EV_NET_STATE] = "net.state",
        [EV_PTRACE_LEFT] = "ptrace.left",
        [EV_TASK_THREADS] = "task.threads",
        [EV_UPROBE_REGISTER] = "uprobe.register",
};
static_assert(ELEMENTSOF(type_names) == _EV_MAX, "each event type has a name");
static_assert(_EV_MAX <= 63, "event types fit the bits of event_field.types and event_filter.types");

/* What a counter counted: the types that come in floods, and ptrace requests, which are no event. */
static const char *const counted_names[] = {
        [EV_NONE] = "ptrace.request",
        [EV_SIGNAL_GENERATE] = "signal.generate",
        [EV_SIGNAL_DELIVER] = "signal.deliver",
        [EV_PTRACE_ATTACH] = "ptrace.attach",
        [EV_PTRACE_SEIZE] = "ptrace.seize",
        [EV_PTRACE_TRACEME] = "ptrace.traceme",
        [EV_PTRACE_AUTOATTACH] = "ptrace.autoattach",
        [EV_PTRACE_DETACH] = "ptrace.detach",
        [EV_PTRACE_REFUSED] = "ptrace.refused",
        [EV_TRACER_EXIT] = "tracer.exit",
        [EV_WAIT_REAP] = "wait.reap",
        [EV_WAIT_ERROR] = "wait.error",
        [EV_SIGACTION] = "sigaction",
        [EV_TASK_FORK] = "task.fork",
        [EV_TASK_EXEC] = "task.exec",
        [EV_TASK_EXIT] = "task.exit",
        [EV_MEMORY_ACCESS] = "memory.access",
        [EV_CLAIM_AUDIT] = "claim.audit",
        [EV_SIGNAL_SUPPRESSED] = "signal.suppressed",
        [EV_PTRACE_PLANT] = "ptrace.plant",
        [EV_NET_CONNECT] = "net.connect",
};

static const char *const result_names[] = {
        [SIGRES_QUEUED] = "queued",           [SIGRES_IGNORED] = "ignored",
        [SIGRES_PENDING] = "already-pending", [SIGRES_OVERFLOW] = "overflow",
        [SIGRES_INFO_LOST] = "info-lost",
};
static_assert(ELEMENTSOF(result_names) == _SIGRES_MAX, "each signal result has a name");

static const char *const disposition_names[] = {
        [DISP_DEFAULT] = "default",
        [DISP_IGNORED] = "ignored",
        [DISP_HANDLER] = "handler",
};
static_assert(ELEMENTSOF(disposition_names) == _DISP_MAX, "each disposition has a name");

static const char *const origin_names[] = {[ORIGIN_KERNEL] = "kernel", [ORIGIN_SCAN] = "scan"};
static_assert(ELEMENTSOF(origin_names) == _ORIGIN_MAX, "each origin has a name");
static const char *const wrote_names[] = {
        [TRACER_WROTE_UNKNOWN] = "not-known", [TRACER_WROTE] = "yes", [TRACER_WROTE_NOTHING] = "no"};
static_assert(ELEMENTSOF(wrote_names) == _TRACER_WROTE_MAX, "each answer has a name");

/* 0 is "not told" and has no name: null in JSON. */
static const char *const cause_names[] = {
        [DETACHED_BY_CALL] = "detach",
        [DETACHED_TRACER_EXIT] = "tracer-exit",
        [DETACHED_TRACEE_EXIT] = "tracee-exit",
        [DETACHED_UNSEEN] = "unseen",
};
static_assert(ELEMENTSOF(cause_names) == _DETACHED_MAX, "each detach cause has a name");

/* 0 is "not asked" and has no name. */
static const char *const reason_names[] = {
        [GUARD_HELD] = "held",       [GUARD_TAKING] = "taking",   [GUARD_CLAIMED] = "claimed",
        [GUARD_DENIED] = "denied",   [GUARD_NOT_OWNER] = "owner", [GUARD_CYCLE] = "cycle",
        [GUARD_NO_SLOT] = "no-slot", [GUARD_MEMORY] = "memory",
};
static_assert(ELEMENTSOF(reason_names) == _GUARD_REASON_MAX, "each reason of the guard has a name");

static const char *const source_names[] = {[SOURCE_CLAIM] = "claim",
                                           [SOURCE_RULE] = "policy",
                                           [SOURCE_SINGLE] = "single",
                                           [SOURCE_HOLD] = "hold"};
static_assert(ELEMENTSOF(source_names) == _GUARD_SOURCE_MAX, "each source of a refusal has a name");

/* 0 is nothing and has no name. */
static const char *const ignored_names[] = {
        [IGNORED_SET_UID] = "set-uid",
        [IGNORED_SET_GID] = "set-gid",
        [IGNORED_CAPABILITIES] = "capabilities",
};
static_assert(ELEMENTSOF(ignored_names) == _IGNORED_MAX, "each right has a name");

static const char *const scan_names[] = {
        [SCAN_OTHER] = "",
        [SCAN_TRAP] = "trap",
        [SCAN_HANDLER] = "handler",
        [SCAN_INSTALLED] = "installed",
        [SCAN_REPLACED] = "replaced",
};
static_assert(ELEMENTSOF(scan_names) == _SCAN_MAX, "each kind of scan has a name");

static const char *const mode_names[] = {[GUARD_ENFORCE] = "enforce", [GUARD_AUDIT] = "audit"};
static_assert(ELEMENTSOF(mode_names) == _GUARD_MODE_MAX, "each mode has a name");

static const char *const state_names[] = {
        [GUARD_OFF] = "off", [GUARD_ON] = "on", [GUARD_ON_AUDIT] = "audit"};
static_assert(ELEMENTSOF(state_names) == _GUARD_STATE_MAX, "each state of the guard has a name");

static const char *const end_names[] = {
        [CLAIM_RELEASED] = "released",     [CLAIM_LEASE_OVER] = "lease-over",
        [CLAIM_OWNER_GONE] = "owner-gone", [CLAIM_TARGET_GONE] = "target-gone",
        [CLAIM_TAKEN_OVER] = "taken-over", [CLAIM_GUARD_OFF] = "guard-off",
};
static_assert(ELEMENTSOF(end_names) == _CLAIM_END_MAX, "each end of a claim has a name");

static const char *const lost_names[] = {
        [LOST_TO_UNKNOWN] = "", [LOST_TO_WAIT] = "wait", [LOST_TO_KERNEL] = "kernel"};
static_assert(ELEMENTSOF(lost_names) == _LOST_TO_MAX, "each fate of a status has a name");

static const char *const ignored_since_names[] = {
        [IGNORED_UNKNOWN] = "",
        [IGNORED_SET] = "set",
        [IGNORED_BEFORE_EXEC] = "before-exec",
        [IGNORED_INHERITED] = "inherited",
};
static_assert(ELEMENTSOF(ignored_since_names) == _IGNORED_SINCE_MAX, "each beginning has a name");

/* 0 is "not told" and has no name. */
static const char *const change_names[] = {
        [NET_LISTENS] = "listens", [NET_LISTENS_NO_MORE] = "listens-no-more",
        [NET_OPENED] = "opened",   [NET_FAILED] = "failed",
        [NET_ENDED] = "ended",     [NET_PEER_ENDED] = "peer-ended",
};
static_assert(ELEMENTSOF(change_names) == _NET_CHANGE_MAX, "each change of a socket has a name");

#define T(type)    EVENT_BIT(EV_##type)
#define SIGNALS    (T(SIGNAL_GENERATE) | T(SIGNAL_DELIVER))
#define LINKS      (T(PTRACE_ATTACH) | T(PTRACE_SEIZE) | T(PTRACE_TRACEME) | T(PTRACE_AUTOATTACH))
#define WAITS      (T(WAIT_REAP) | T(WAIT_ERROR))
#define CLAIMS     (T(CLAIM_MADE) | T(CLAIM_QUEUED) | T(CLAIM_RENEWED) | T(CLAIM_TAKEN) | T(CLAIM_ENDED))
#define POLICIES   (T(POLICY_LOADED) | T(POLICY_REJECTED) | T(POLICY_GUARD))
#define GUARDED    (T(PTRACE_REFUSED) | T(CLAIM_AUDIT) | T(MEMORY_ACCESS))
#define HAS_TARGET (~(T(NONE) | T(LOSS) | T(DAEMON_START) | POLICIES))
#define HAS_TRACER                                                                                          \
        (SIGNALS | LINKS | T(PTRACE_DETACH) | T(PTRACE_LEFT) | T(PTRACE_REFUSED) | T(TASK_FORK) |           \
         T(TASK_EXEC) | T(TASK_EXIT) | T(COUNTER) | T(TASK_STATE) | T(CLAIM_AUDIT) | T(SIGNAL_SUPPRESSED) | \
         T(PTRACE_PLANT) | CLAIMS)

#define HAS_ACTOR                                                                           \
        (T(SIGNAL_GENERATE) | T(PTRACE_REFUSED) | T(MEMORY_ACCESS) | WAITS | T(TASK_FORK) | \
         T(CLAIM_AUDIT) | T(SIGNAL_SUPPRESSED) | T(TASK_THREADS) | CLAIMS | POLICIES)
/* Made from one record of the kernel side, or perhaps. */
#define RECORDED                                                                                            \
        (SIGNALS | LINKS | T(PTRACE_DETACH) | T(PTRACE_LEFT) | T(PTRACE_REFUSED) | T(TRACER_EXIT) | WAITS | \
         T(SIGACTION) | T(TASK_FORK) | T(TASK_EXEC) | T(TASK_EXIT) | T(MEMORY_ACCESS) | T(CLAIM_AUDIT) |    \
         T(TEXT_SCAN) | T(SIGNAL_SUPPRESSED) | T(PTRACE_PLANT) | T(NET_CONNECT) | T(TASK_THREADS) |         \
         T(UPROBE_REGISTER))
#define PLACES     (T(PTRACE_PLANT) | T(UPROBE_REGISTER))
#define HAS_PARENT (SIGNALS | T(PTRACE_AUTOATTACH) | T(TASK_INFO) | T(NET_CONNECT))

/* The offset of a member, and a compile error unless it has the C type the field kind reads and writes. */
#define AT(member, ctype) \
        (offsetof(struct event, member) + 0 * sizeof(char[_Generic(((struct event *)0)->member, ctype : 1)]))
#define FIELD(name, member, ctype, kind_, on, ...)                                                         \
        {                                                                                                  \
                .json = name, .offset = AT(member, ctype), .kind = FIELD_##kind_, .types = on, __VA_ARGS__ \
        }
#define U32(name, member, on)   FIELD(name, member, uint32_t, U32, on, )
#define U64(name, member, on)   FIELD(name, member, uint64_t, U64, on, )
#define HEX(name, member, on)   FIELD(name, member, uint64_t, HEX, on, )
#define I32(name, member, on)   FIELD(name, member, int32_t, I32, on, )
#define ERRNO(name, member, on) FIELD(name, member, int32_t, ERRNO, on, )
#define STATE(name, member, on) FIELD(name, member, int32_t, STATE, on, )
#define BOOL(name, member, on)  FIELD(name, member, bool, BOOL, on, )
#define TASK(name, member, on)  FIELD(name, member, struct task_ref, TASK, on, )
#define ENUM(name, member, table, on) \
        FIELD(name, member, int32_t, ENUM, on, .names = table, .n_names = ELEMENTSOF(table))
#define STRING(name, member, on) \
        FIELD(name, member, char *, STRING, on, .size = sizeof(((struct event *)0)->member))

/*
 * One row per name: a member that is called differently in different types has a row for each. The compact
 * form numbers the rows a type has in this order, so a stored event stays readable only if rows are added
 * at the end and never removed.
 */
static const struct event_field fields[] = {
        TASK("sender", actor, T(SIGNAL_GENERATE)),
        TASK("caller", actor, T(PTRACE_REFUSED) | T(MEMORY_ACCESS)),
        TASK("child", actor, T(WAIT_REAP)),
        TASK("target", target, HAS_TARGET),
        TASK("tracer", tracer, HAS_TRACER),
        TASK("parent", parent, HAS_PARENT),
        TASK("parent", actor, T(TASK_FORK)),

        ENUM("of_type", of_type, counted_names, T(COUNTER)),
        I32("sig", sig, SIGNALS | T(SIGACTION) | T(PTRACE_DETACH) | T(COUNTER)),
        I32("si_code", code, SIGNALS | T(COUNTER)),
        ENUM("result", result, result_names, T(SIGNAL_GENERATE) | T(COUNTER)),
        BOOL("group", group, T(SIGNAL_GENERATE)),
        BOOL("blocked", blocked, SIGNALS),
        ENUM("disposition", disposition, disposition_names, SIGNALS | T(COUNTER)),
        HEX("handler", handler, SIGNALS | T(SIGACTION)),
        HEX("old_handler", old_handler, T(SIGACTION)),
        HEX("sa_flags", sa_flags, SIGNALS | T(SIGACTION)),
        HEX("ip", ip, SIGNALS),
        HEX("address", ip, T(TEXT_SCAN)),
        I32("si_pid", info_pid, SIGNALS),
        I32("si_status", info_status, SIGNALS),
        BOOL("residue", residue, SIGNALS),
        BOOL("noinfo", noinfo, SIGNALS),
        BOOL("priv", priv, SIGNALS),
        BOOL("forced_blocked", forced_blocked, T(SIGNAL_GENERATE)),
        BOOL("forced_ignored", forced_ignored, T(SIGNAL_GENERATE)),
        BOOL("sender_is_tracer", sender_is_tracer, T(SIGNAL_GENERATE)),
        U32("sender_uid", caller_uid, T(SIGNAL_GENERATE)),
        U32("parent_tracer", parent_tracer, SIGNALS | T(TASK_FORK)),
        U32("sibling_tracer", sibling_tracer, SIGNALS),

        U32("ptrace", ptrace, SIGNALS | LINKS),
        HEX("options", options, LINKS),
        ENUM("origin", origin, origin_names, LINKS),
        ENUM("cause", cause, cause_names, T(PTRACE_DETACH)),
        I32("request", request, T(PTRACE_REFUSED) | T(COUNTER)),
        ERRNO("errno", error, T(PTRACE_REFUSED) | WAITS | T(MEMORY_ACCESS)),
        ERRNO("lsm_errno", lsm_error, T(PTRACE_REFUSED)),
        U32("facts", facts, T(PTRACE_REFUSED)),
        U32("vpid", vpid, LINKS | T(PTRACE_REFUSED)),
        U32("old_tid", vpid, T(TASK_EXEC)),
        U32("ns_level", ns_level, LINKS | T(PTRACE_REFUSED) | WAITS),
        U32("caller_uid", caller_uid, T(PTRACE_REFUSED) | T(MEMORY_ACCESS)),
        U32("target_uid", target_uid, T(PTRACE_REFUSED) | T(MEMORY_ACCESS)),
        I32("yama", yama, T(PTRACE_REFUSED)),

        I32("upid", upid, WAITS),
        I32("status", status, WAITS | T(TASK_EXIT) | T(TRACER_EXIT)),
        U32("options_wait", options_wait, WAITS),
        BOOL("sigchld_ignored", sigchld_ignored, WAITS),
        BOOL("thread", thread, T(TASK_FORK)),
        BOOL("shared_mm", shared_mm, T(TASK_FORK)),
        BOOL("group_dead", group_dead, T(TASK_EXIT)),

        U64("count", count, T(COUNTER) | T(LOSS)),
        U64("tracees", count, T(TRACER_EXIT)),
        U64("first_boottime_ns", first_ns, T(COUNTER)),

        STRING("what", what, T(TEXT_SCAN)),
        STRING("path", path, T(TASK_EXEC) | T(TEXT_SCAN)),
        HEX("file_offset", file_offset, T(TEXT_SCAN)),
        BOOL("file_known", file_known, T(TEXT_SCAN)),
        BOOL("found_int3", found_int3, T(TEXT_SCAN)),
        STRING("symbol", symbol, T(TEXT_SCAN)),
        STATE("state", state, T(TASK_STATE)),
        STATE("tracer_state", tracer_state, T(TASK_STATE)),

        U32("uid", uid, T(TASK_INFO)),
        U32("inner_pid", inner_pid, T(TASK_INFO)),
        STRING("exe", path, T(TASK_INFO)),
        STRING("args", args, T(TASK_INFO)),
        STRING("unit", unit, T(TASK_INFO)),
        STRING("tty", tty, T(TASK_INFO)),

        STRING("cause", note, T(LOSS)),
        STRING("boot_id", boot_id, T(DAEMON_START)),
        STRING("tier", path, T(DAEMON_START)),

        TASK("caller", actor, T(CLAIM_AUDIT) | CLAIMS | POLICIES),
        I32("request", request, T(CLAIM_AUDIT) | T(MEMORY_ACCESS)),
        U64("claim", claim, GUARDED | CLAIMS),
        ENUM("reason", guard_reason, reason_names, GUARDED | T(COUNTER)),
        ENUM("source", guard_source, source_names, GUARDED),
        ENUM("mode", guard_mode, mode_names, CLAIMS),
        ENUM("state", guard_state, state_names, T(POLICY_GUARD)),
        ENUM("end", claim_end, end_names, T(CLAIM_ENDED)),
        U64("lease_ns", lease_ns, CLAIMS),
        STRING("owner", owner, T(PTRACE_REFUSED) | T(CLAIM_AUDIT) | CLAIMS),
        STRING("rule", note, GUARDED),
        STRING("detail", note, CLAIMS | POLICIES),
        U64("position", count, T(CLAIM_QUEUED)),
        U64("rules", count, T(POLICY_LOADED)),
        U32("caller_uid", caller_uid, T(CLAIM_AUDIT) | CLAIMS | POLICIES),
        U32("target_uid", target_uid, T(CLAIM_AUDIT)),

        FIELD("security_modules", modules, char *, STRING, T(PTRACE_REFUSED), .size = EVENT_MODULES_MAX,
              .absent = MODULES_UNKNOWN),
        U64("kernel_seq", kernel_seq, RECORDED),
        HEX("options", options, T(PTRACE_REFUSED)),
        U32("worker", worker, T(PTRACE_REFUSED)),
        U32("ptrace", ptrace, T(TASK_EXEC)),
        BOOL("group_dead", group_dead, T(TRACER_EXIT)),
        BOOL("execed", execed, SIGNALS),
        BOOL("queued", queued, SIGNALS),
        ENUM("wrote", wrote, wrote_names, T(PTRACE_DETACH)),
        ENUM("ignored", ignored, ignored_names, T(TASK_EXEC)),
        U32("file_owner", file_owner, T(TASK_EXEC)),
        U32("uid", uid, T(TASK_EXEC)),
        TASK("parent", parent, T(TASK_STATE)),
        ENUM("lost_to", lost_to, lost_names, T(WAIT_ERROR)),
        TASK("reaper", actor, T(WAIT_ERROR)),
        I32("reaper_upid", info_pid, T(WAIT_ERROR)),
        U64("reaped_boottime_ns", first_ns, T(WAIT_ERROR)),
        ENUM("disposition", disposition, disposition_names, T(WAIT_ERROR)),
        ENUM("ignored_since", ignored_since, ignored_since_names, T(WAIT_ERROR)),
        TASK("ignorer", parent, T(WAIT_ERROR)),
        TASK("child", actor, T(SIGNAL_SUPPRESSED)),
        I32("sig", sig, T(SIGNAL_SUPPRESSED)),
        I32("si_code", code, T(SIGNAL_SUPPRESSED)),
        I32("si_pid", info_pid, T(SIGNAL_SUPPRESSED)),
        ENUM("disposition", disposition, disposition_names, T(SIGNAL_SUPPRESSED)),
        HEX("handler", handler, T(SIGNAL_SUPPRESSED)),
        HEX("sa_flags", sa_flags, T(SIGNAL_SUPPRESSED)),
        BOOL("by_itself", by_itself, T(SIGNAL_SUPPRESSED)),
        ERRNO("errno", error, T(COUNTER)),
        HEX("address", ip, T(PTRACE_PLANT)),
        BOOL("removed", removed, PLACES),
        BOOL("executable", executable, T(PTRACE_PLANT)),
        BOOL("tracer_idle", tracer_idle, T(TASK_STATE)),
        TASK("vfork_child", actor, T(TASK_STATE)),
        STRING("waits_in", waits_in, T(TASK_STATE)),
        ENUM("change", change, change_names, T(NET_CONNECT)),
        BOOL("server", server, T(NET_CONNECT)),
        BOOL("xdebug", xdebug, T(NET_CONNECT)),
        U32("netns", netns, T(NET_CONNECT)),
        BOOL("other_netns", other_netns, T(NET_CONNECT)),
        U32("port", port, T(NET_CONNECT)),
        FIELD("local", local, char *, STRING, T(NET_CONNECT), .size = EVENT_ADDRESS_MAX),
        FIELD("remote", remote, char *, STRING, T(NET_CONNECT), .size = EVENT_ADDRESS_MAX),
        ERRNO("errno", error, T(NET_CONNECT)),
        U64("received", received, T(NET_CONNECT)),
        U64("waited_ns", waited_ns, T(NET_CONNECT)),
        ENUM("origin", origin, origin_names, T(NET_CONNECT)),
        STATE("state", state, T(NET_STATE)),
        HEX("pending", pending, T(TASK_STATE)),
        U32("parent_tracer", parent_tracer, T(TASK_STATE)),
        STATE("parent_state", parent_state, T(TASK_STATE)),
        HEX("parent_pending", parent_pending, T(TASK_STATE)),
        I32("sig", sig, T(PTRACE_LEFT)),
        I32("si_code", code, T(PTRACE_LEFT)),
        I32("si_pid", info_pid, T(PTRACE_LEFT)),
        ENUM("disposition", disposition, disposition_names, T(PTRACE_LEFT)),
        HEX("ip", ip, T(PTRACE_LEFT)),
        U32("ptrace", ptrace, T(PTRACE_LEFT)),
        BOOL("waited", waited, T(PTRACE_LEFT)),
        TASK("creator", actor, T(TASK_THREADS)),
        U64("count", count, T(TASK_THREADS)),
        U64("ended", ended, T(TASK_THREADS)),
        STRING("path", path, T(TASK_THREADS)),
        HEX("file_offset", file_offset, T(TASK_THREADS)),
        STRING("symbol", symbol, T(TASK_THREADS)),
        STRING("path", path, PLACES),
        HEX("file_offset", file_offset, PLACES),
        U64("inode", inode, PLACES),
        U32("dev", dev, PLACES),
        U32("only", vpid, T(UPROBE_REGISTER)),
        U32("fd", fd, T(UPROBE_REGISTER)),
        STRING("symbol", symbol, T(UPROBE_REGISTER)),
        BOOL("awaited", awaited, T(SIGNAL_GENERATE)),
        BOOL("calls_unseen", calls_unseen, LINKS | T(DAEMON_START)),
        U32("word_bits", word_bits, T(TASK_INFO)),
};

const struct event_field *event_fields(size_t *ret_n)
{
        *ret_n = ELEMENTSOF(fields);
        return fields;
}

void event_field_clear(const struct event_field *f, void *member)
{
        if (f->absent)
                memcpy(member, f->absent, strlen(f->absent) + 1);
}

bool event_refused_by_hold(const struct event *e)
{
        if (e->guard_source == SOURCE_HOLD)
                return true;
        /* Recorded before there was SOURCE_HOLD: the kernel's guard refuses with EBUSY, and never without a
         * source. */
        return (e->guard_reason == GUARD_CLAIMED && e->error == EPERM) ||
               (e->guard_reason == GUARD_HELD && e->guard_source == SOURCE_NONE);
}

const char *scan_kind_to_string(enum scan_kind scan)
{
        assert((size_t)scan < ELEMENTSOF(scan_names));
        return scan_names[scan];
}

enum scan_kind event_scan_kind(const struct event *e)
{
        for (int i = SCAN_OTHER + 1; e->type == EV_TEXT_SCAN && i < _SCAN_MAX; i++)
                if (strcmp(e->what, scan_names[i]) == 0)
                        return (enum scan_kind)i;
        return SCAN_OTHER;
}

const char *event_type_to_string(enum event_type type)
{
        return type > EV_NONE && type < _EV_MAX ? type_names[type] : NULL;
}

enum event_type event_type_from_string(const char *s)
{
        for (int i = EV_NONE + 1; s && i < _EV_MAX; i++)
                if (strcmp(s, type_names[i]) == 0)
                        return i;
        return EV_NONE;
}

const char *signal_name(int sig, char *buf, size_t size)
{
        const char *name = sig > 0 ? sigabbrev_np(sig) : NULL;

        if (name)
                snprintf(buf, size, "SIG%s", name);
        else
                snprintf(buf, size, "SIG%d", sig);
        return buf;
}

int signal_number(const char *name)
{
        char *end;

        if (strncmp(name, "SIG", 3) == 0)
                name += 3;
        for (int sig = 1; sig < NSIG; sig++) {
                const char *known = sigabbrev_np(sig);
                if (known && strcmp(name, known) == 0)
                        return sig;
        }
        if (name[0] < '1' || name[0] > '9')
                return 0;
        errno = 0;
        long n = strtol(name, &end, 10);
        return errno || *end || n > INT32_MAX ? 0 : (int)n;
}

/* Answers of system calls that only a tracer or a tracepoint sees; the C library has no names for them. */
static const struct {
        int error;
        const char *name;
} kernel_errnos[] = {
        {512, "ERESTARTSYS"},
        {513, "ERESTARTNOINTR"},
        {514, "ERESTARTNOHAND"},
        {516, "ERESTART_RESTARTBLOCK"},
};

const char *errno_name(int error, char *buf, size_t size)
{
        const char *name = error > 0 ? strerrorname_np(error) : NULL;

        for (size_t i = 0; !name && i < ELEMENTSOF(kernel_errnos); i++)
                if (kernel_errnos[i].error == error)
                        name = kernel_errnos[i].name;
        if (name)
                snprintf(buf, size, "%s", name);
        else
                snprintf(buf, size, "%d", error);
        return buf;
}

/*
 * Only members the type has count: what is asked about a live event is then answered the same for a stored
 * one, whose other members are gone.
 */
static void add_part(const struct event *e, uint64_t types, const struct task_ref *t, struct task_ref **end)
{
        if (e->type < _EV_MAX && (types & EVENT_BIT(e->type)) && t->pid)
                *(*end)++ = *t;
}

size_t event_parts(const struct event *e, struct task_ref parts[4])
{
        struct task_ref *end = parts;

        add_part(e, HAS_TARGET, &e->target, &end);
        add_part(e, HAS_ACTOR, &e->actor, &end);
        add_part(e, HAS_TRACER, &e->tracer, &end);
        add_part(e, HAS_PARENT | T(WAIT_ERROR) | T(TASK_STATE), &e->parent, &end);
        return (size_t)(end - parts);
}

size_t event_pids(const struct event *e, uint32_t pids[4])
{
        struct task_ref parts[4];
        size_t n_parts = event_parts(e, parts), n = 0;

        for (size_t i = 0; i < n_parts; i++) {
                bool known = false;
                for (size_t k = 0; k < n; k++)
                        known |= pids[k] == parts[i].pid;
                if (!known)
                        pids[n++] = parts[i].pid;
        }
        return n;
}

bool event_concerns(const struct event *e, uint32_t pid)
{
        uint32_t pids[4];
        size_t n = event_pids(e, pids);

        for (size_t i = 0; i < n; i++)
                if (pids[i] == pid)
                        return true;
        return false;
}

bool task_same_process(const struct task_ref *a, const struct task_ref *b)
{
        return a->pid == b->pid && (a->start == b->start || a->start == 0 || b->start == 0);
}
