// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that matter: fork, exec and exit of tracers, tracees, their parents and children, and of what
 * `record` follows. Others are let through after a look at two words and one look-up.
 */
#include "bpf/observe.h"

static __always_inline bool has_tracees(const struct task_struct *t)
{
        const struct list_head *head = &t->ptraced;

        return BPF_CORE_READ(head, next) != head;
}

static __always_inline __u32 count_tracees(const struct task_struct *t)
{
        const struct list_head *head = &t->ptraced, *n = BPF_CORE_READ(head, next);
        __u32 i;

        for (i = 0; i < REC_TRACEES_MAX && n && n != head; i++)
                n = BPF_CORE_READ(n, next);
        return i;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
        __u32 bits = watch_bits_of(parent->group_leader), follow = bits & WATCH_FOLLOW;
        bool thread = child->tgid == parent->tgid;
        struct rec_fork *r;

        if (!parent->ptrace && !child->ptrace && !(bits & (WATCH_TRACEE | WATCH_FOLLOW)))
                return 0;
        /* An ordinary thread of a process that was traced once is nobody's business. */
        if (thread && !parent->ptrace && !child->ptrace && !follow)
                return 0;
        if (!thread)
                watch_process(child, follow | (bits & WATCH_TRACEE || parent->ptrace ? WATCH_CHILD : 0) |
                                             (child->ptrace ? WATCH_TRACEE : 0));
        r = reserve_record(REC_FORK, sizeof(*r), bpf_ktime_get_boot_ns());
        if (!r)
                return 0;
        describe_task(&r->parent, parent);
        describe_task(&r->child, child);
        describe_tracer(&r->parent_tracer, parent);
        describe_tracer(&r->child_tracer, child);
        r->flags =
                (thread ? FORK_F_THREAD : 0) | (child->mm && child->mm == parent->mm ? FORK_F_SHARED_MM : 0);
        r->ptrace = child->ptrace;
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *t, int old_pid, struct linux_binprm *bprm)
{
        struct watch *w = watch_of(t->group_leader);
        struct rec_exec *r;

        if (!t->ptrace && !(w && w->bits))
                return 0;
        if (w)
                __sync_fetch_and_and(&w->bits, ~WATCH_HANDLER);
        r = reserve_record(REC_EXEC, sizeof(*r), bpf_ktime_get_boot_ns());
        if (!r)
                return 0;
        describe_task(&r->task, t);
        describe_tracer(&r->tracer, t);
        r->old_tid = old_pid;
        r->ptrace = t->ptrace;
        r->path[0] = 0;
        bpf_probe_read_kernel_str(r->path, sizeof(r->path), BPF_CORE_READ(bprm, filename));
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

static __always_inline int send_exit(__u16 type, struct task_struct *t, bool group_dead, __u32 tracees)
{
        struct rec_exit *r = reserve_record(type, sizeof(*r), bpf_ktime_get_boot_ns());

        if (!r)
                return 0;
        describe_task(&r->task, t);
        describe_tracer(&r->tracer, t);
        r->exit_code = t->exit_code;
        r->group_dead = group_dead;
        r->tracees = tracees;
        r->ptrace = t->ptrace;
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

/* Before the kernel lets go of a dying tracer's tracees (exit_notify): its list is still whole. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *t)
{
        bool group_dead = t->signal->live.counter == 0, trapped = (t->exit_code & 0x7f) == SIGTRAP;

        if (has_tracees(t))
                send_exit(REC_TRACER_EXIT, t, group_dead, count_tracees(t));
        if (t->ptrace || (group_dead && (trapped || watch_bits_of(t->group_leader))))
                send_exit(REC_EXIT, t, group_dead, 0);
        return 0;
}
