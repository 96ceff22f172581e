/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_LEFT_H
#define PTRACED_LEFT_H

/* What a tracer that exits leaves its tracees in: the stop of a signal is dropped with it, or delivered. */

#include "bpf/observe.h"

#define LEFT_MAX 32 /* tracees of one tracer that are looked at */

/*
 * All tasks have their registers at the same place of their stack; of the running one the kernel says where. 0: it
 * is not known.
 */
static __always_inline __u64 registers_in_stack(struct task_struct *current_task)
{
        __u64 typed = (__u64)bpf_task_pt_regs(current_task), stack = (__u64)current_task->stack, regs = 0;

        /* Kernels before 6.2 refuse to reckon with a pointer whose type they know: a copy has none. */
        bpf_probe_read_kernel(&regs, sizeof(regs), &typed);
        return regs > stack && stack ? regs - stack : 0;
}

static __always_inline __u64 user_ip(const struct task_struct *t, __u64 registers)
{
        const struct pt_regs *regs = (const void *)((__u64)BPF_CORE_READ(t, stack) + registers);

        return registers ? BPF_CORE_READ(regs, ip) : 0;
}

/* Event, group and system-call stops have no siginfo, or one whose code is made of event and signal. */
static __always_inline bool is_stop_of_signal(const struct siginfo_head *info)
{
        __u32 code = info->code;

        if (info->signo <= 0 || info->signo > 64)
                return false;
        if (info->signo == SIGTRAP && (code == SIGTRAP || code == (SIGTRAP | 0x80)))
                return false;
        return info->code < 0x100;
}

static __noinline int send_left(struct task_struct *tracer, struct task_struct *t, __u64 registers)
{
        struct siginfo_head info;
        struct action action;
        struct rec_left *r;

        if (!(BPF_CORE_READ(t, __state) & TASK_TRACED_BIT))
                return 0;
        if (bpf_probe_read_kernel(&info, sizeof(info), BPF_CORE_READ(t, last_siginfo)) ||
            !is_stop_of_signal(&info))
                return 0;
        r = reserve_record(REC_LEFT, sizeof(*r), bpf_ktime_get_boot_ns());
        if (!r)
                return 0;
        read_action_of(&action, t, info.signo);
        describe_task(&r->tracer, tracer);
        describe_task(&r->target, t);
        r->ip = user_ip(t, registers);
        r->handler = action.handler;
        r->sig = info.signo;
        r->code = info.code;
        r->info_pid = info.pid;
        r->ptrace = BPF_CORE_READ(t, ptrace);
        r->waited = !BPF_CORE_READ(t, exit_code);
        r->pad = 0;
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

/* Its list is still whole. */
static __always_inline void send_all_left(struct task_struct *tracer)
{
        __u64 offset = bpf_core_field_offset(struct task_struct, ptrace_entry);
        const struct list_head *end = &tracer->ptraced, *n = BPF_CORE_READ(end, next);
        __u64 registers = registers_in_stack(tracer);

        for (int i = 0; i < LEFT_MAX && n && n != end; i++) {
                send_left(tracer, (void *)((__u64)n - offset), registers);
                n = BPF_CORE_READ(n, next);
        }
}

#endif
