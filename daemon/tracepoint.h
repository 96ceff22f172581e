/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A perf event for a tracepoint, to hang a BPF program on. Where tracefs is not mounted it is mounted for
 * ourselves only, detached from the file system tree: nobody else sees it. Source: fsopen(2),
 * perf_event_open(2).
 */

/* name: "syscalls/sys_exit_ptrace". A file descriptor the caller closes; -ENOENT: the kernel has no such
 * tracepoint. */
int tracepoint_open(const char *name);
