/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A perf event for a tracepoint, to hang a BPF program on. Source: perf_event_open(2), tracefs.h.
 */

/* name: "syscalls/sys_exit_ptrace". A file descriptor the caller closes; -ENOENT: the kernel has no such
 * tracepoint. */
int tracepoint_open(const char *name);
