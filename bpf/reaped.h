/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_REAPED_H
#define PTRACED_REAPED_H

/*
 * Where the status of a child went that somebody may still wait for: another wait took it, or the kernel threw
 * it away, as its parent ignores SIGCHLD. What only one thread can have taken on purpose is not kept.
 */

#include "bpf/observe.h"

#define REAPED_MAX    4096 /* children remembered, of all processes */
#define ANCESTORS_MAX 8    /* looked at, who ignores SIGCHLD */
#define COPIES_MAX    4    /* forks without an exec that are followed back */

struct reaped_key {
        __u64 start_ns; /* of the parent */
        __u32 pid;      /* of the parent */
        __s32 child;    /* as the parent numbers it */
};
struct reaped {
        struct rec_task reaper; /* empty: the kernel */
        __u64 time_ns;
        __s32 upid;   /* what it waited for */
        __s32 status; /* of wait(2) */
};

struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __type(key, struct reaped_key);
        __type(value, struct reaped);
        __uint(max_entries, REAPED_MAX);
} reaped_children __weak SEC(".maps");

/* From then on all was seen; set by user space when it is so. */
__u64 observing_since_ns __weak = 0;

static __always_inline bool ignores_children(const struct action *a)
{
        return a->handler == 1 || a->sa_flags & SA_NOCLDWAIT;
}

static __always_inline void fill_reaped_key(struct reaped_key *ret, const struct task_struct *parent,
                                            __s32 child)
{
        *ret = (struct reaped_key){
                .start_ns = start_of_process(parent),
                .pid = parent->tgid,
                .child = child,
        };
}

/* A process has ended. Does its parent ignore that (kernel/signal.c, do_notify_parent)? */
static __always_inline void note_discarded(struct task_struct *t)
{
        struct task_struct *leader = t->group_leader, *parent = t->real_parent;
        const struct sighand_struct *sighand = parent->sighand;
        struct reaped lost = {};
        struct reaped_key key;
        struct action action;

        read_action(&action, &sighand->action[SIGCHLD - 1]);
        if (!ignores_children(&action) || BPF_CORE_READ(leader, exit_signal) != SIGCHLD)
                return;
        fill_reaped_key(&key, parent, pid_in_namespace(leader, namespace_level(parent)));
        lost.time_ns = bpf_ktime_get_boot_ns();
        lost.status = t->exit_code;
        bpf_map_update_elem(&reaped_children, &key, &lost, BPF_ANY);
}

#endif
