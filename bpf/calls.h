/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_CALLS_H
#define PTRACED_CALLS_H

/* What a tracer does to its tracees, call by call: signals that it does not pass on, breakpoints that it writes. */

#include "bpf/observe.h"

#define SITES_MAX 8192 /* places where breakpoints were written; the oldest are forgotten */

struct site_key {
        __u64 tracer_start, address;
        __u32 tracer, pad;
};
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __type(key, struct site_key);
        __type(value, __u32);
        __uint(max_entries, SITES_MAX);
} planted_sites __weak SEC(".maps");

/* Lets the tracee run, with the signal that is its fourth argument. */
static __always_inline bool is_restart(long request)
{
        switch (request) {
        case PTRACE_CONT:
        case PTRACE_SINGLESTEP:
        case PTRACE_DETACH:
        case PTRACE_SYSCALL:
        case PTRACE_SYSEMU:
        case PTRACE_SYSEMU_SINGLESTEP:
        case PTRACE_SINGLEBLOCK:
                return true;
        default:
                return false;
        }
}

/* Somebody sent it, or a child has ended: not a stop of the tracer's own making. */
static __always_inline bool was_for_program(const struct siginfo_head *s)
{
        if (s->signo == SIGTRAP)
                return s->code <= 0;
        return s->signo == SIGCHLD && s->code > 0 && s->code < CLD_TRAPPED;
}

/* As the receiver numbers itself, which is how a sender is told to it. */
static __always_inline __u32 own_number(const struct task_struct *t, __u32 level)
{
        return pid_in_namespace(BPF_CORE_READ(t, group_leader), level);
}

static __always_inline void send_suppressed(struct task_struct *tracer, const struct task_struct *t,
                                            const struct siginfo_head *s)
{
        __u64 now = bpf_ktime_get_boot_ns();
        struct rec_suppressed *r;
        struct action action;
        struct count_key key;

        read_action_of(&action, (struct task_struct *)t, s->signo);
        key = (struct count_key){
                .start_ns = BPF_CORE_READ(t, group_leader, start_boottime),
                .pid = BPF_CORE_READ(t, tgid),
                .tracer = tracer->tgid,
                .code = s->code,
                .sig = s->signo,
                .kind = COUNT_SUPPRESSED,
                .handled = disposition(action.handler),
        };
        r = reserve_unless_flood(&key, REC_SUPPRESSED, sizeof(*r), now);
        if (!r)
                return;
        describe_task(&r->tracer, tracer);
        describe_task(&r->target, t);
        r->handler = action.handler;
        r->sa_flags = action.sa_flags;
        r->sig = s->signo;
        r->code = s->code;
        r->info_pid = s->pid;
        r->ns_level = namespace_level(t);
        r->by_itself = s->signo == SIGTRAP && s->pid > 0 && (__u32)s->pid == own_number(t, r->ns_level);
        r->pad = 0;
        bpf_ringbuf_submit(r, submit_flags());
}

/* A tracee that is about to run on without a signal: while it is still in the stop that the signal made. */
static __always_inline void note_restart(struct task_struct *tracer, const struct task_struct *t)
{
        const void *info = BPF_CORE_READ(t, last_siginfo);
        struct siginfo_head s;

        if (!info || !BPF_CORE_READ(t, ptrace) || BPF_CORE_READ(t, parent) != tracer)
                return;
        if (!bpf_probe_read_kernel(&s, sizeof(s), info) && was_for_program(&s))
                send_suppressed(tracer, t, &s);
}

/* ---- breakpoints ----------------------------------------------------------------------------------------- */

static __always_inline void send_plant(struct task_struct *tracer, __u32 vpid, __u64 address, bool removed)
{
        __u64 now = bpf_ktime_get_boot_ns();
        struct count_key key = {
                .start_ns = tracer->group_leader->start_boottime,
                .pid = vpid,
                .tracer = tracer->pid,
                .kind = COUNT_PLANT,
        };
        struct rec_plant *r;

        r = reserve_unless_flood(&key, REC_PLANT, sizeof(*r), now);
        if (!r)
                return;
        describe_task(&r->tracer, tracer);
        r->address = address;
        r->vpid = vpid;
        r->ns_level = namespace_level(tracer);
        r->removed = removed;
        r->pad = 0;
        bpf_ringbuf_submit(r, submit_flags());
}

/* A word was written. Debuggers put the instruction into its lowest byte, and the old one back in the same way. */
static __always_inline void note_plant(struct task_struct *tracer, __u32 vpid, __u64 address, __u64 word)
{
        struct site_key key = {
                .tracer_start = tracer->group_leader->start_boottime,
                .address = address,
                .tracer = tracer->tgid,
        };
        __u32 one = 1;
        bool removed = (word & 0xff) != INT3_BYTE;

        if (!removed)
                bpf_map_update_elem(&planted_sites, &key, &one, BPF_ANY);
        else if (!bpf_map_lookup_elem(&planted_sites, &key))
                return;
        send_plant(tracer, vpid, address, removed);
}

#endif
