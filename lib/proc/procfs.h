/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What /proc says, read defensively: any file may vanish between two reads, be huge, or hold any byte.
 * -ESRCH when the task is gone, -EACCES when we may not look. Source: proc(5), pid_namespaces(7).
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/event/event.h"

#define PROC_NSPID_MAX    8       /* nesting of pid namespaces that is followed */
#define PROC_NS_DEPTH_MAX 33      /* nesting the kernel allows, and the initial namespace */
#define PROC_PIDS_MAX     4194304 /* the kernel's PID_MAX_LIMIT: entries of one directory looked at */
#define PROC_LIVING_MAX   64      /* threads looked at to find one that lives */
#define PROC_RESOLVE_MAX  16384   /* tasks looked at to resolve one vpid */

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

struct proc_stat {
        char comm[16];
        char state;
        uint32_t ppid, tty, flags, n_threads;
        uint64_t start; /* field 22 */
};
/* The text of a stat file. A comm may hold anything, ") R 1" too. -EBADMSG if it is not one. */
int procfs_parse_stat(const char *text, struct proc_stat *ret);

/* The status file of a task's directory, which is open: all but start times, comm and what stat says. */
int procfs_read_status(int task_fd, struct proc_status *ret);

/* tid 0: the thread group leader. */
int procfs_status(uint32_t pid, uint32_t tid, struct proc_status *ret);
/*
 * A thread of it that lives: the main thread, or where that has ended before the others (a zombie that stands
 * for the process, without memory) one of these. -ESRCH: all have ended. Bounded by PROC_LIVING_MAX.
 */
int procfs_living_thread(uint32_t pid, struct proc_status *ret);
int procfs_living_tid(uint32_t pid, uint32_t *ret_tid);
/* Only the identity: pid, tid, start times, comm. A tid is accepted for pid and resolved to its process. */
int procfs_task(uint32_t pid_or_tid, struct task_ref *ret);
/* Who traces a thread: the tracer's tid, 0 for nobody. The cheapest question there is: one short read. */
int procfs_tracer_tid(uint32_t pid, uint32_t tid, uint32_t *ret);
/* A thread that is traced, and its tracer. -ENOENT: nobody traces it, or one of them is gone, and the relation
 * with it. Cheap for the many that nobody traces. */
int procfs_traced(uint32_t pid, uint32_t tid, struct proc_status *ret, struct task_ref *ret_tracer);
/* /proc/PID/task/TID/stat alone. tid 0: the leader. */
int procfs_stat(uint32_t pid, uint32_t tid, struct proc_stat *ret);
/*
 * Dumpable as ptrace(2) sees it: the files below /proc/PID belong to the process's own euid and egid, else
 * to root. Where those are root's too it cannot be told, and the answer is true: nobody is to be sent after
 * a cause that is only possible. True also for kernel threads and zombies, which have no memory to dump.
 */
int procfs_dumpable(uint32_t pid, bool *ret);
/* Same user namespace (or pid namespace, which = "user", "pid", "mnt") as another process. */
int procfs_same_ns(uint32_t a, uint32_t b, const char *which, bool *ret);
/* True if the namespace of inner is that of outer or lies below it ("user", "pid"). */
int procfs_ns_within(uint32_t inner, uint32_t outer, const char *which, bool *ret);
/* The initial-namespace tid of what `caller` calls `vpid`; -ESRCH if there is none. Bounded scan. */
int procfs_resolve_vpid(uint32_t caller, uint32_t vpid, uint32_t *ret_tid);
/* The same when the caller is gone and only the depth of its pid namespace is known: -ESRCH if no thread
 * fits, -ENOTUNIQ if several do. */
int procfs_resolve_vpid_at(uint32_t ns_level, uint32_t vpid, uint32_t *ret_tid);
/* kernel.yama.ptrace_scope, or -1 without Yama. */
int procfs_yama_scope(void);
/* Boot id, 36 characters and a NUL. */
int procfs_boot_id(char buf[37]);

/* Fill a task.info event (target and parent as whole processes, uid = effective, inner_pid, path, args,
 * unit, tty). Not seq or times. */
int procfs_task_info(uint32_t pid, struct event *ret);
/* Fill a task.state event for a thread and, when it is traced, its tracer. -ESRCH if task is gone or was
 * reused. */
int procfs_task_state(const struct task_ref *task, struct event *ret);
/*
 * What keeps it, for a task.state event: of a target in state D the kernel's function it sleeps in and the vfork
 * child that it waits for, of a traced one whether its tracer is idle: in no wait call. What cannot be told stays
 * empty. Bounded by PROC_LIVING_MAX.
 */
void procfs_what_keeps(struct event *state);
/* "ssh.service", "docker:0123456789ab", or "" for a cgroup path that says nothing. Returns buf. */
const char *procfs_unit_from_cgroup(const char *path, char *buf, size_t size);
/* "pts/3", "tty1", "" for none; tty is field 7 of a stat file. Returns buf. */
const char *procfs_tty_name(uint32_t tty, char *buf, size_t size);

/* Start time of the process `ancestor` if it is pid itself or among the `most` generations above it, else 0.
 */
uint64_t procfs_ancestor(uint32_t pid, uint32_t ancestor, int most);

/* Call fn for each process, each thread, until it returns non-zero; returns that. -errno if the directory
 * cannot be read; 0 when the process ends meanwhile. */
int procfs_each_process(int (*fn)(void *userdata, uint32_t pid), void *userdata);
int procfs_each_thread(uint32_t pid, int (*fn)(void *userdata, uint32_t pid, uint32_t tid), void *userdata);
/* Call fn for every thread that is traced (TracerPid != 0 in /proc/PID/task/TID/status). Walks all of /proc.
 */
int procfs_each_traced(int (*fn)(void *userdata, const struct proc_status *thread,
                                 const struct task_ref *tracer),
                       void *userdata);
