/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What /proc says, read defensively: any file may vanish between two reads, be huge, or hold any byte.
 * -ESRCH when the task is gone, -EACCES when we may not look. Source: proc(5), pid_namespaces(7).
 */

#include <stdbool.h>
#include <stdint.h>

#include "event.h"

#define PROC_NSPID_MAX 8 /* nesting of pid namespaces that is followed */

struct proc_status {
        struct task_ref task; /* pid, tid, both start times, comm */
        uint32_t ppid, tracer_tid;
        char state; /* R S D T t Z X I */
        uint32_t ruid, euid, suid, fsuid, rgid, egid, sgid, fsgid;
        uint64_t cap_permitted, cap_effective, cap_bounding;
        uint64_t sig_blocked, sig_ignored, sig_caught, sig_pending, sig_shared_pending;
        int seccomp; /* 0, 1, 2; -1: not told */
        bool kthread, no_new_privs;
        uint32_t nspid[PROC_NSPID_MAX]; /* outermost first */
        size_t n_nspid;
};

/* tid 0: the thread group leader. */
int procfs_status(uint32_t pid, uint32_t tid, struct proc_status *ret);
/* Only the identity: pid, tid, start times, comm. A tid is accepted for pid and resolved to its process. */
int procfs_task(uint32_t pid_or_tid, struct task_ref *ret);
/* Dumpable as ptrace_may_access(2) sees it: /proc/PID is owned by the process's own euid. */
int procfs_dumpable(uint32_t pid, bool *ret);
/* Same user namespace (or pid namespace, which = "user", "pid", "mnt") as another process. */
int procfs_same_ns(uint32_t a, uint32_t b, const char *which, bool *ret);
/* The initial-namespace tid of what `caller` calls `vpid`; -ESRCH if there is none. Bounded scan. */
int procfs_resolve_vpid(uint32_t caller, uint32_t vpid, uint32_t *ret_tid);
/* kernel.yama.ptrace_scope, or -1 without Yama. */
int procfs_yama_scope(void);
/* Boot id, 36 characters and a NUL. */
int procfs_boot_id(char buf[37]);

/* Fill a task.info event (target, parent, uid, inner_pid, path, args, unit, symbol = terminal). Not seq or
 * times. */
int procfs_task_info(uint32_t pid, struct event *ret);
/* Fill a task.state event for a thread and, when it is traced, its tracer. -ESRCH if task is gone or was
 * reused. */
int procfs_task_state(const struct task_ref *task, struct event *ret);
/* Call fn for every thread that is traced (TracerPid != 0 in /proc/PID/task/TID/status). Walks all of /proc.
 */
int procfs_each_traced(int (*fn)(void *userdata, const struct proc_status *thread,
                                 const struct task_ref *tracer),
                       void *userdata);
