/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The process that really holds: a child of the helper that does nothing but ptrace. It is ended by SIGKILL
 * at any moment, and that is how everything is let go of: the kernel then detaches all threads at once,
 * without stopping one that runs. No signal is lost by it, because a stop is looked at (WNOWAIT) and never
 * taken from the kernel before the thread goes on: a stop that no tracer has taken ends with its signal
 * delivered, with its siginfo (ptrace(2); kernel/signal.c: ptrace_stop() returns exit_code).
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum trace_phase {
        TRACE_SEIZING,
        TRACE_HOLDING,
        TRACE_CAUGHT, /* at a breakpoint: all threads are in a stop */
        TRACE_PARKED, /* seized again while still stopped by SIGSTOP on that breakpoint */
        TRACE_FAILED, /* error says why; ends at once */
        TRACE_GONE,   /* the target ended; ends at once */
};

enum trace_command {
        TRACE_NO_COMMAND,
        TRACE_RESCAN,    /* there may be a thread that is not held */
        TRACE_HAND_OVER, /* of a caught process: stop it on its breakpoint, and let go */
};

/* Shared memory of the helper and its tracer. The tracer writes phase last and rings the doorbell. */
struct trace_shared {
        _Atomic uint32_t phase, command, catch;
        _Atomic uint32_t n_threads; /* held, as counted; may be off after an exec until the next scan */
        _Atomic uint32_t caught_tid;
        _Atomic uint64_t caught_ip; /* of the breakpoint instruction */
        /* The thread that was handed over stopped, at parked_ip, until its first stop says where it is now:
         * there still, or stopped somewhere else by the one who had it. 0: none. */
        _Atomic uint32_t parked_tid;
        _Atomic uint64_t parked_ip;
        _Atomic bool moved_on;
        _Atomic int32_t error;
        _Atomic uint32_t holder_tid; /* with -EPERM: who traces a thread of the target; 0: nobody does */
};

/* The signal that makes the tracer look at `command`; repeated until it did. */
#define TRACE_KICK SIGUSR1

_Noreturn void hold_trace(struct trace_shared *shared, uint32_t pid, int pidfd, int doorbell);
