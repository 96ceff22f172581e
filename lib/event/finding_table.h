/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The findings, one row each. From a row come the code, its name, the severity, what the rule listens to and
 * the prototype of the rule (rule_FUNCTION, in one of lib/diagnosis/rules_*.c); the meaning is for whoever
 * reads this. Codes are stored by name: a row may be added anywhere, and its name never changes.
 *
 * The SIGTRAPs of one accident are told as one finding: rule_sigtrap() listens once, for all of its codes.
 *
 *   X(CODE, function, name, severity unless the case says otherwise, EVENT_BIT()s it listens to, meaning)
 */

#include "lib/event/event.h"

#define ON(type)     EVENT_BIT(EV_##type)
#define ON_LINKS     (ON(PTRACE_ATTACH) | ON(PTRACE_SEIZE) | ON(PTRACE_TRACEME) | ON(PTRACE_AUTOATTACH))
#define ON_HELD      (ON_LINKS | ON(TASK_STATE))
#define ON_SIGNALLED (ON(SIGNAL_GENERATE) | ON(COUNTER))

#define FINDINGS(X)                                                                                        \
        X(ATTACH_REFUSED_TRACED, attach_refused_traced, "attach-refused-traced", ERROR,                    \
          ON(PTRACE_REFUSED) | ON(COUNTER),                                                                \
          "a second debugger was refused: the thread already has a tracer")                                \
        X(ATTACH_REFUSED_PERMISSION, attach_refused_permission, "attach-refused-permission", ERROR,        \
          ON(PTRACE_REFUSED),                                                                              \
          "an attach was refused by ids, capabilities, dumpability, a namespace, seccomp or a security "   \
          "module")                                                                                        \
        X(ATTACH_REFUSED_TARGET, attach_refused_target, "attach-refused-target", WARNING,                  \
          ON(PTRACE_REFUSED), "an attach was refused because nobody can attach to that target")            \
        X(SPLIT_TRACERS, split_tracers, "split-tracers", ERROR, ON_LINKS | ON(TASK_STATE),                 \
          "different tracers hold different threads of one process")                                       \
        X(TRACER_CYCLE, tracer_cycle, "tracer-cycle", ERROR, ON_LINKS, "tracers trace each other")         \
        X(UNTRACED_THREADS, untraced_threads, "untraced-threads", WARNING,                                 \
          ON(SIGNAL_GENERATE) | ON(PTRACE_PLANT) | ON(PTRACE_DETACH) | ON(TRACER_EXIT) | ON(TASK_STATE),   \
          "a process is debugged with breakpoints, but not all of its threads are traced")                 \
        X(ORPHAN_BREAKPOINT, sigtrap, "orphan-breakpoint", ERROR,                                          \
          ON_SIGNALLED | ON(SIGNAL_DELIVER) | ON(TEXT_SCAN) | ON(TASK_EXEC) | ON(TASK_EXIT),               \
          "a breakpoint instruction ran in a thread that nobody traces")                                   \
        X(ORPHAN_WATCHPOINT, sigtrap, "orphan-watchpoint", ERROR, 0,                                       \
          "a debug register that a departed tracer left fired")                                            \
        X(ORPHAN_STEP, sigtrap, "orphan-step", ERROR, 0,                                                   \
          "the SIGTRAP of a single step or an exec came when its tracer had gone")                         \
        X(TRAP_WITHOUT_TRACER, sigtrap, "trap-without-tracer", ERROR, 0,                                   \
          "a SIGTRAP that no debugger asked for reached a process that nobody traces")                     \
        X(TRAP_TO_HANDLER, sigtrap, "trap-to-handler", WARNING, 0,                                         \
          "a SIGTRAP ran a handler in the process instead of stopping in a debugger")                      \
        X(TRAP_FORCED, trap_forced, "trap-forced", WARNING, ON(SIGNAL_GENERATE),                           \
          "a SIGTRAP was forced through: the program's own handler, block or ignore is gone")              \
        X(BREAKPOINT_COLLIDED, breakpoint_collided, "breakpoint-collided", WARNING, ON_SIGNALLED,          \
          "a breakpoint was hit while a SIGTRAP was pending: the debugger cannot tell it from a stray "    \
          "signal")                                                                                        \
        X(TRAP_LEAKED, sigtrap, "trap-leaked", ERROR, 0,                                                   \
          "a tracer passed a breakpoint's SIGTRAP on to the program")                                      \
        X(ATTACH_STORM, attach_storm, "attach-storm", WARNING, ON(PTRACE_REFUSED) | ON(COUNTER),           \
          "a debugger repeats a refused attach without end")                                               \
        X(SIGNAL_BYPASSED_TRACER, signal_bypassed, "signal-bypassed-tracer", WARNING,                      \
          ON_SIGNALLED | ON(TASK_STATE),                                                                   \
          "the program took a signal by sigwait() or signalfd(), so its tracer never saw it")              \
        X(LEFT_STOPPED, left_stopped, "left-stopped", ERROR,                                               \
          ON(SIGNAL_GENERATE) | ON(SIGNAL_DELIVER) | ON(PTRACE_DETACH) | ON(TRACER_EXIT) | ON(TASK_STATE), \
          "a process is stopped by a SIGSTOP that a departed tracer left behind")                          \
        X(TRACER_HUNG, tracer_hung, "tracer-hung", WARNING, ON(TASK_STATE),                                \
          "a tracer is itself stopped while its tracee waits for it")                                      \
        X(KILLED_WITH_TRACER, killed_with_tracer, "killed-with-tracer", ERROR,                             \
          ON(SIGNAL_GENERATE) | ON(TASK_EXIT),                                                             \
          "the kernel killed a process because its tracer ended (PTRACE_O_EXITKILL)")                      \
        X(TRACER_DIED_IN_STOP, tracer_died_in_stop, "tracer-died-in-stop", WARNING,                        \
          ON(PTRACE_LEFT) | ON(TASK_STATE) | ON(TASK_EXIT),                                                \
          "a tracer ended while its tracee sat in a stop that it had read: the signal is lost")            \
        X(TRACER_UNAWARE, tracer_unaware, "tracer-unaware", ERROR,                                         \
          ON(PTRACE_TRACEME) | ON(SIGNAL_GENERATE) | ON(TASK_EXEC) | ON(TASK_STATE),                       \
          "a process that called PTRACE_TRACEME waits for a parent that never calls ptrace")               \
        X(ATTACH_STUCK, attach_stuck, "attach-stuck", WARNING, ON(TASK_STATE),                             \
          "a tracer waits for a target that cannot stop: it is inside vfork, or in state D")               \
        X(TRACER_STALE, tracer_stale, "tracer-stale", WARNING, ON(TASK_STATE) | ON(NET_CONNECT),           \
          "a process is stopped by a tracer that has made no call for long, or whose client is gone")      \
        X(PARENT_BLINDED, parent_blinded, "parent-blinded", WARNING,                                       \
          ON(TASK_EXIT) | ON(WAIT_REAP) | ON(TASK_STATE),                                                  \
          "a traced process has ended, and its parent cannot see it before the tracer has")                \
        X(ATTACH_REFUSED_CLAIMED, attach_refused_claimed, "attach-refused-claimed", WARNING,               \
          ON(PTRACE_REFUSED) | ON(COUNTER),                                                                \
          "an attach was refused by a claim, the policy or a hold of ptraced's")                           \
        X(SETUID_IGNORED, setuid_ignored, "setuid-ignored", WARNING, ON(TASK_EXEC),                        \
          "a set-uid or set-gid program, or one with file capabilities, ran without them: it is traced")   \
        X(WAIT_STOLEN, wait_stolen, "wait-stolen", WARNING, ON(WAIT_ERROR),                                \
          "another wait of the same process reaped the child that a wait was for")                         \
        X(SIGCHLD_IGNORED, sigchld_ignored, "sigchld-ignored", WARNING, ON(WAIT_ERROR),                    \
          "a wait failed as SIGCHLD is ignored, and the program has not done that itself")                 \
        X(TRAP_SWALLOWED, trap_swallowed, "trap-swallowed", WARNING, ON(SIGNAL_SUPPRESSED) | ON(COUNTER),  \
          "a tracer kept a SIGTRAP that the program had sent itself from the program's own handler")       \
        X(SIGCHLD_SWALLOWED, sigchld_swallowed, "sigchld-swallowed", ERROR,                                \
          ON(SIGNAL_SUPPRESSED) | ON(TASK_STATE),                                                          \
          "a tracer restarted its tracee without a SIGCHLD, and the program never reaps the child")        \
        X(PTRACE_WRONG_THREAD, ptrace_wrong_thread, "ptrace-wrong-thread", ERROR, ON(COUNTER),             \
          "ptrace requests came from another thread of the tracer than the one that traces, in vain")      \
        X(BREAKPOINT_LOST_ON_EXEC, breakpoint_lost_on_exec, "breakpoint-lost-on-exec", WARNING,            \
          ON(TASK_EXEC) | ON(TASK_STATE),                                                                  \
          "a tracee called exec, and its tracer, which has not asked to be told, has no breakpoint there") \
        X(FORK_NOT_FOLLOWED, fork_not_followed, "fork-not-followed", WARNING,                              \
          ON(TASK_FORK) | ON(TASK_STATE),                                                                  \
          "a child has its parent's breakpoints in its copy of the memory, and nobody traces it")          \
        X(DEBUGGER_PORT_CONFLICT, debugger_port_conflict, "debugger-port-conflict", WARNING,               \
          ON(NET_CONNECT) | ON(NET_STATE),                                                                 \
          "Xdebug found nobody, or no DBGp client, at the port it connects to")                            \
        X(DBGP_STALLED, dbgp_stalled, "dbgp-stalled", WARNING, ON_HELD | ON(NET_CONNECT),                  \
          "a PHP process in a live Xdebug session is held in a ptrace-stop by another tracer")             \
        X(SIGCHLD_COALESCED, sigchld_coalesced, "sigchld-coalesced", WARNING,                              \
          ON(SIGNAL_GENERATE) | ON(TASK_STATE),                                                            \
          "several children ended behind one SIGCHLD, and their parent reaped fewer")                      \
        X(HANDLER_REPLACED, handler_replaced, "handler-replaced", WARNING,                                 \
          ON(SIGACTION) | ON(TEXT_SCAN) | ON(TASK_STATE),                                                  \
          "another module took the place of a handler for SIGTRAP or SIGCHLD")                             \
        X(ABI_MISMATCH, abi_mismatch, "abi-mismatch", WARNING, ON_LINKS | ON(TASK_INFO),                   \
          "a 32-bit tracer has a 64-bit program, or a debugger has an emulator instead of what it runs")   \
        X(THREAD_LEAK, thread_leak, "thread-leak", WARNING, ON(TASK_THREADS),                              \
          "a process begins threads and ends none: a debugger has to stop each of them")                   \
        X(UPROBE_OVERLAP, uprobe_overlap, "uprobe-overlap", ERROR,                                         \
          ON(UPROBE_REGISTER) | ON(PTRACE_PLANT) | ON(PTRACE_DETACH) | ON(TASK_EXEC) | ON(TASK_EXIT) |     \
                  ON(TRACER_EXIT),                                                                         \
          "a uprobe and a debugger's breakpoint are on one instruction: the breakpoint never fires")
