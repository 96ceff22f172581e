/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_OBSERVE_H
#define PTRACED_OBSERVE_H

/* What the observing programs share beyond maps.h: whom they watch, and when they wake the reader. */

#include "bpf/maps.h"

struct {
        __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct watch);
} watched __weak SEC(".maps");

/* Set before loading. */
const volatile __u32 own_pid __weak = 0; /* the daemon: its own waits and children are nobody's business */

/* Set by the reader before it sleeps: the next record wakes it, and disarms. */
__u32 wakeup_armed __weak = 0;

/* The context of tp/syscalls/sys_exit_*, as its format file has it. */
struct sys_exit {
        __u64 common;
        __s64 nr;
        __s64 ret;
};

static __always_inline __u64 submit_flags(void)
{
        if (!wakeup_armed)
                return BPF_RB_NO_WAKEUP;
        wakeup_armed = 0;
        return BPF_RB_FORCE_WAKEUP;
}

static __always_inline struct watch *watch_of(struct task_struct *t)
{
        return bpf_task_storage_get(&watched, t, NULL, 0);
}

static __always_inline struct watch *watch_of_or_new(struct task_struct *t)
{
        struct watch *w = bpf_task_storage_get(&watched, t, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

        if (!w)
                count_loss(LOSS_STORAGE);
        return w;
}

static __always_inline __u32 watch_bits_of(struct task_struct *leader)
{
        struct watch *w = watch_of(leader);

        return w ? w->bits : 0;
}

static __always_inline void watch_process(struct task_struct *leader, __u32 bits)
{
        struct watch *w = watch_of_or_new(leader);

        if (w && (w->bits & bits) != bits)
                __sync_fetch_and_or(&w->bits, bits);
}

#endif
