/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where a finding cannot be made, or not always, and what is not seen there. A finding is made in full in every
 * tier that no row names; the rows of one code stand together. Pure.
 *
 *   X(CODE, tiers, hook, reach, why)
 *
 *   tiers  F full, T tracepoint, P proc: the row holds in these
 *   hook   NULL, or a program of `plans` in daemon/kernel/loader.c: then only where that one does not run. Or
 *          HOOK_TASK_FROM_VPID
 *   reach  NONE: never made there. PART: not always, or not with its cause
 *   why    what is not seen: a clause of at most REACH_WHY_MAX characters, for a line of 80
 */

#include <stdbool.h>

#include <json-c/json.h>

#include "lib/event/finding.h"
#include "lib/event/tier.h"

#define REACH_WHY_MAX 51

/* No program, but what those on tracepoints find a task by, where the kernel has it. */
#define HOOK_TASK_FROM_VPID "bpf_task_from_vpid"

#define UPROBES_UNSEEN   "uprobes are not seen"
#define SIGNALS_UNSEEN   "signals are not seen"
#define REFUSALS_UNSEEN  "refused attaches are not seen"
#define SMALL_UNSEEN     "calls of 32-bit debuggers are not seen"
#define SMALL_LOOKED_UP  "a 32-bit debugger is known once it is looked up"
#define LOOKED_UP_LATE   "who has gone just after the call is not known"
#define SHORT_UNSEEN     "a tracer that stays under a second may be missed"
#define ANSWERS_UNSEEN   "which security module refused is not seen"
#define SETTINGS_UNSEEN  "what the program had set before is not known"
#define SOCKETS_UNSEEN   "connections are not seen"
#define CLIENTS_UNSEEN   "a debugger's client is not seen"
#define OTHER_PORTS      "other than php: on [watch] dbgp-ports only"
#define OVERRIDES_UNSEEN "what the kernel overrides is inferred, not seen"
#define HANDLERS_UNSEEN  "changes of handlers are not seen"
#define WAITS_UNSEEN     "waits are not seen"
#define WAITID_UNSEEN    "waits by waitid() are not seen"
#define SMALL_WAITS      "waits of 32-bit programs are not seen"
#define REQUESTS_UNSEEN  "ptrace requests are not seen"
#define SMALL_REQUESTS   "requests of 32-bit tools are not seen"
#define MEM_UNSEEN       "breakpoints written through /proc are not seen"
#define KEPT_UNSEEN      "which signals a tracer passes on is not seen"

#define FINDING_REACH(X)                                                                             \
        /* who was refused */                                                                        \
        X(ATTACH_REFUSED_TRACED, P, NULL, NONE, REFUSALS_UNSEEN)                                     \
        X(ATTACH_REFUSED_TRACED, T, NULL, PART, SMALL_UNSEEN)                                        \
        X(ATTACH_REFUSED_TRACED, T, HOOK_TASK_FROM_VPID, PART, LOOKED_UP_LATE)                       \
        X(ATTACH_REFUSED_PERMISSION, P, NULL, NONE, REFUSALS_UNSEEN)                                 \
        X(ATTACH_REFUSED_PERMISSION, T, NULL, PART, SMALL_UNSEEN)                                    \
        X(ATTACH_REFUSED_PERMISSION, T, NULL, PART, ANSWERS_UNSEEN)                                  \
        X(ATTACH_REFUSED_PERMISSION, T, HOOK_TASK_FROM_VPID, PART, LOOKED_UP_LATE)                   \
        X(ATTACH_REFUSED_PERMISSION, F, "on_access_check", PART, ANSWERS_UNSEEN)                     \
        X(ATTACH_REFUSED_PERMISSION, F, "on_secure_computing", PART,                                 \
          "seccomp's are seen with [watch] seccomp = yes only")                                      \
        X(ATTACH_REFUSED_TARGET, P, NULL, NONE, REFUSALS_UNSEEN)                                     \
        X(ATTACH_REFUSED_TARGET, T, NULL, PART, SMALL_UNSEEN)                                        \
        X(ATTACH_REFUSED_TARGET, T, HOOK_TASK_FROM_VPID, PART, LOOKED_UP_LATE)                       \
        X(ATTACH_REFUSED_TARGET, F, "on_ptrace_call", PART,                                          \
          "attaches to pids that nobody has are not seen")                                           \
        X(ATTACH_REFUSED_CLAIMED, P, NULL, NONE, REFUSALS_UNSEEN)                                    \
        X(ATTACH_REFUSED_CLAIMED, T, NULL, PART, SMALL_UNSEEN)                                       \
        X(ATTACH_STORM, P, NULL, NONE, REFUSALS_UNSEEN)                                              \
        X(ATTACH_STORM, T, NULL, PART, SMALL_UNSEEN)                                                 \
        /* who traces whom */                                                                        \
        X(SPLIT_TRACERS, P, NULL, PART, SHORT_UNSEEN)                                                \
        X(SPLIT_TRACERS, T, NULL, PART, SMALL_LOOKED_UP)                                             \
        X(TRACER_CYCLE, P, NULL, PART, SHORT_UNSEEN)                                                 \
        X(TRACER_CYCLE, T, NULL, PART, SMALL_LOOKED_UP)                                              \
        X(TRACER_HUNG, T, NULL, PART, SMALL_LOOKED_UP)                                               \
        X(LEFT_STOPPED, P, NULL, NONE, SIGNALS_UNSEEN)                                               \
        X(LEFT_STOPPED, T, NULL, PART, SMALL_UNSEEN)                                                 \
        X(KILLED_WITH_TRACER, P, NULL, NONE, SIGNALS_UNSEEN)                                         \
        X(KILLED_WITH_TRACER, T, NULL, PART, SMALL_UNSEEN)                                           \
        X(TRACER_UNAWARE, P, NULL, NONE, "whether a tracer calls ptrace is not seen")                \
        X(TRACER_UNAWARE, F, "on_ptrace_call", NONE, REQUESTS_UNSEEN)                                \
        X(TRACER_UNAWARE, F, NULL, PART, SMALL_REQUESTS)                                             \
        X(TRACER_UNAWARE, T, NULL, PART, "PTRACE_TRACEME of 32-bit programs is not seen")            \
        X(ATTACH_STUCK, P, NULL, NONE, "an attach that is not over yet is not seen")                 \
        X(ATTACH_STUCK, F, "on_ptrace_call", NONE, REQUESTS_UNSEEN)                                  \
        X(ATTACH_STUCK, F, NULL, PART, SMALL_REQUESTS)                                               \
        X(ATTACH_STUCK, T, NULL, PART, SMALL_UNSEEN)                                                 \
        X(PARENT_BLINDED, P, NULL, NONE, "who traced a process when it ended is not seen")           \
        X(TRACER_DIED_IN_STOP, P, NULL, NONE, SIGNALS_UNSEEN)                                        \
        X(ABI_MISMATCH, P, NULL, PART, SHORT_UNSEEN)                                                 \
        X(ABI_MISMATCH, T, NULL, PART, SMALL_LOOKED_UP)                                              \
        X(ABI_MISMATCH, F | T, NULL, PART, "what a program under an emulator traces is not seen")    \
        X(SETUID_IGNORED, P, NULL, NONE, "execs are not seen")                                       \
        X(SETUID_IGNORED, F | T, NULL, PART, "file capabilities of one that ends at once are not")   \
        /* where a SIGCHLD or a child's status went */                                               \
        X(WAIT_STOLEN, P, NULL, NONE, WAITS_UNSEEN)                                                  \
        X(WAIT_STOLEN, F, "on_wait", NONE, WAITS_UNSEEN)                                             \
        X(WAIT_STOLEN, T, "exit_wait4", NONE, WAITS_UNSEEN)                                          \
        X(WAIT_STOLEN, T, "exit_waitid", PART, WAITID_UNSEEN)                                        \
        X(WAIT_STOLEN, T, NULL, PART, SMALL_WAITS)                                                   \
        X(SIGCHLD_IGNORED, P, NULL, NONE, WAITS_UNSEEN)                                              \
        X(SIGCHLD_IGNORED, F, "on_wait", NONE, WAITS_UNSEEN)                                         \
        X(SIGCHLD_IGNORED, T, "exit_wait4", NONE, WAITS_UNSEEN)                                      \
        X(SIGCHLD_IGNORED, T, "exit_waitid", PART, WAITID_UNSEEN)                                    \
        X(SIGCHLD_IGNORED, T, NULL, PART, SMALL_WAITS)                                               \
        X(SIGCHLD_IGNORED, F, "on_sigaction", NONE, HANDLERS_UNSEEN)                                 \
        X(SIGCHLD_IGNORED, T, "exit_sigaction", NONE, HANDLERS_UNSEEN)                               \
        X(SIGCHLD_COALESCED, P, NULL, NONE, SIGNALS_UNSEEN)                                          \
        X(SIGNAL_BYPASSED_TRACER, P, NULL, NONE, SIGNALS_UNSEEN)                                     \
        X(HANDLER_REPLACED, P, NULL, NONE, HANDLERS_UNSEEN)                                          \
        X(HANDLER_REPLACED, F, "on_sigaction", NONE, HANDLERS_UNSEEN)                                \
        X(HANDLER_REPLACED, T, "exit_sigaction", NONE, HANDLERS_UNSEEN)                              \
        /* where a SIGTRAP went */                                                                   \
        X(UNTRACED_THREADS, P, NULL, NONE, SIGNALS_UNSEEN)                                           \
        X(UNTRACED_THREADS, F | T, NULL, PART, "written through /proc: known at the first hit only") \
        X(BREAKPOINT_LOST_ON_EXEC, P, NULL, NONE, REQUESTS_UNSEEN)                                   \
        X(BREAKPOINT_LOST_ON_EXEC, F, "on_ptrace_call", NONE, REQUESTS_UNSEEN)                       \
        X(BREAKPOINT_LOST_ON_EXEC, F | T, NULL, PART, MEM_UNSEEN)                                    \
        X(FORK_NOT_FOLLOWED, P, NULL, NONE, REQUESTS_UNSEEN)                                         \
        X(FORK_NOT_FOLLOWED, F, "on_ptrace_call", NONE, REQUESTS_UNSEEN)                             \
        X(FORK_NOT_FOLLOWED, F | T, NULL, PART, MEM_UNSEEN)                                          \
        X(PTRACE_WRONG_THREAD, P, NULL, NONE, REQUESTS_UNSEEN)                                       \
        X(PTRACE_WRONG_THREAD, F, "on_ptrace_call", NONE, REQUESTS_UNSEEN)                           \
        X(PTRACE_WRONG_THREAD, F | T, NULL, PART, SMALL_REQUESTS)                                    \
        X(TRAP_SWALLOWED, P, NULL, NONE, SIGNALS_UNSEEN)                                             \
        X(TRAP_SWALLOWED, F, "on_request", NONE, KEPT_UNSEEN)                                        \
        X(TRAP_SWALLOWED, T, NULL, PART, SMALL_UNSEEN)                                               \
        X(SIGCHLD_SWALLOWED, P, NULL, NONE, SIGNALS_UNSEEN)                                          \
        X(SIGCHLD_SWALLOWED, F, "on_request", NONE, KEPT_UNSEEN)                                     \
        X(SIGCHLD_SWALLOWED, T, NULL, PART, SMALL_UNSEEN)                                            \
        X(ORPHAN_BREAKPOINT, P, NULL, NONE, SIGNALS_UNSEEN)                                          \
        X(ORPHAN_BREAKPOINT, F | T, NULL, PART, "one that shares a uprobe's place raises no signal") \
        X(ORPHAN_BREAKPOINT, T, NULL, PART, "what a 32-bit debugger left is not known to be its")    \
        X(ORPHAN_WATCHPOINT, P, NULL, NONE, SIGNALS_UNSEEN)                                          \
        X(ORPHAN_STEP, P, NULL, NONE, SIGNALS_UNSEEN)                                                \
        X(TRAP_WITHOUT_TRACER, P, NULL, NONE, SIGNALS_UNSEEN)                                        \
        X(TRAP_TO_HANDLER, P, NULL, NONE, SIGNALS_UNSEEN)                                            \
        X(TRAP_FORCED, P, NULL, NONE, SIGNALS_UNSEEN)                                                \
        X(TRAP_FORCED, T, NULL, PART, OVERRIDES_UNSEEN)                                              \
        X(TRAP_FORCED, T, "watch_mask", PART, "a SIGTRAP that was blocked is not seen")              \
        X(TRAP_FORCED, T, "exit_sigaction", PART, SETTINGS_UNSEEN)                                   \
        X(TRAP_FORCED, F, "on_force_sig", PART, OVERRIDES_UNSEEN)                                    \
        X(TRAP_FORCED, F, "on_sigaction", PART, SETTINGS_UNSEEN)                                     \
        X(BREAKPOINT_COLLIDED, P, NULL, NONE, SIGNALS_UNSEEN)                                        \
        X(TRAP_LEAKED, P, NULL, NONE, SIGNALS_UNSEEN)                                                \
        /* debuggers that are reached over TCP */                                                    \
        X(DEBUGGER_PORT_CONFLICT, P, NULL, NONE, SOCKETS_UNSEEN)                                     \
        X(DEBUGGER_PORT_CONFLICT, F | T, "on_socket_state", NONE, SOCKETS_UNSEEN)                    \
        X(DEBUGGER_PORT_CONFLICT, F | T, NULL, PART, OTHER_PORTS)                                    \
        X(DEBUGGER_PORT_CONFLICT, F | T, NULL, PART, "who cannot bind a port is not seen")           \
        X(DEBUGGER_PORT_CONFLICT, F | T, NULL, PART, "a listener that stays silent is not told of")  \
        X(DBGP_STALLED, P, NULL, NONE, SOCKETS_UNSEEN)                                               \
        X(DBGP_STALLED, F | T, "on_socket_state", NONE, SOCKETS_UNSEEN)                              \
        X(DBGP_STALLED, F | T, NULL, PART, "a session older than the daemon is not known")           \
        X(DBGP_STALLED, F | T, NULL, PART, OTHER_PORTS)                                              \
        X(DBGP_STALLED, T, NULL, PART, SMALL_UNSEEN)                                                 \
        X(TRACER_STALE, P, NULL, NONE, "neither a tracer's calls nor its client are seen")           \
        X(TRACER_STALE, F, "on_ptrace_call", PART, REQUESTS_UNSEEN)                                  \
        X(TRACER_STALE, F, NULL, PART, SMALL_REQUESTS)                                               \
        X(TRACER_STALE, F | T, "on_socket_state", PART, CLIENTS_UNSEEN)                              \
        X(TRACER_STALE, F | T, NULL, PART, "of clients over TCP those of Delve are known")           \
        /* programs and their text */                                                                \
        X(THREAD_LEAK, P, NULL, NONE, "new threads are not seen")                                    \
        X(UPROBE_OVERLAP, P, NULL, NONE, UPROBES_UNSEEN)                                             \
        X(UPROBE_OVERLAP, F, "on_perf_event", NONE, UPROBES_UNSEEN)                                  \
        X(UPROBE_OVERLAP, T, "exit_perf_event", NONE, UPROBES_UNSEEN)                                \
        X(UPROBE_OVERLAP, F | T, NULL, PART, "gdb's breakpoints (/proc/PID/mem) are not seen")       \
        X(UPROBE_OVERLAP, F | T, NULL, PART, "uprobes by tracefs or a multi-link are not seen")

enum reach {
        REACH_FULL,
        REACH_PART,
        REACH_NONE,
        _REACH_MAX,
};

/* From where it is looked. */
struct sight {
        enum tier tier;
        bool (*lacks)(const void *userdata, const char *hook); /* does it not run there? NULL: all run */
        const void *userdata;
};

const char *reach_to_string(enum reach r); /* "full", "part", "none" */
enum reach finding_reach(enum finding_code code, const struct sight *s);
/* Adds {"code","reach","tier","why"} to the list for each finding that is not made in full, and each reason for
 * it. -ENOMEM. */
int finding_reach_json(const struct sight *s, struct json_object *list);
