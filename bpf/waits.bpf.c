// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits and handlers: who reaped whom, which waits failed, and who changed what SIGTRAP and SIGCHLD do.
 * Waits are looked at for tracers, for parents of tracees and for what `record` follows; nobody else pays
 * more than one look-up.
 */
#include "bpf/observe.h"

static __always_inline bool wait_matters(struct task_struct *t)
{
        return watch_bits_of(t->group_leader) & (WATCH_TRACER | WATCH_PARENT | WATCH_FOLLOW);
}

/* ret 0 is "nothing yet", below -511 the call restarts: neither is an outcome. */
static __always_inline bool wait_ended(long ret)
{
        return ret > 0 || (ret < 0 && ret > -512);
}

static __always_inline int send_wait(struct task_struct *t, __s32 upid, long ret, __s32 status,
                                     __u32 options)
{
        __u64 now = bpf_ktime_get_boot_ns();
        struct count_key key = {
                .start_ns = t->group_leader->start_boottime,
                .pid = t->tgid,
                .code = ret < 0 ? ret : status & 0xffff,
                .result = ret < 0,
                .kind = COUNT_WAIT,
        };
        struct action action;
        struct rec_wait *r;

        if (counted_as_flood(&key, now))
                return 0;
        r = reserve_record(REC_WAIT, sizeof(*r), now);
        if (!r) {
                count_instead(&key, now);
                return 0;
        }
        read_action_of(&action, t, SIGCHLD);
        describe_task(&r->waiter, t);
        r->upid = upid;
        r->ret = ret;
        r->status = status;
        r->options = options;
        r->ns_level = BPF_CORE_READ(t, thread_pid, level);
        r->sigchld_ignored = action.handler == 1 || (action.sa_flags & SA_NOCLDWAIT);
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

/* waitid's si_code and si_status as the status word of wait(2). */
static __always_inline __s32 status_from_siginfo(__s32 code, __s32 status)
{
        enum {
                EXITED = 1,
                KILLED,
                DUMPED,
                TRAPPED,
                STOPPED,
                CONTINUED
        };

        switch (code) {
        case EXITED:
                return (status & 0xff) << 8;
        case KILLED:
                return status & 0x7f;
        case DUMPED:
                return (status & 0x7f) | 0x80;
        case CONTINUED:
                return 0xffff;
        default:
                return (status << 8) | 0x7f;
        }
}

/* Tier full: all wait calls pass here. The struct the waiter filled is still there. */
SEC("fexit/do_wait")
int BPF_PROG(on_wait, struct wait_opts *wo, long ret)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct waitid_info *info;
        __s32 upid = -1, status;
        struct pid *pid;

        if (!wait_ended(ret) || !wait_matters(t))
                return 0;
        status = BPF_CORE_READ(wo, wo_stat);
        info = BPF_CORE_READ(wo, wo_info);
        if (info)
                status = status_from_siginfo(BPF_CORE_READ(info, cause), BPF_CORE_READ(info, status));
        pid = BPF_CORE_READ(wo, wo_pid);
        if (pid)
                upid = BPF_CORE_READ(pid, numbers[0].nr);
        if (info && ret > 0)
                ret = BPF_CORE_READ(info, pid);
        return send_wait(t, upid, ret, status, BPF_CORE_READ(wo, wo_flags));
}

SEC("tp/syscalls/sys_exit_wait4")
int exit_wait4(struct sys_exit *ctx)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct pt_regs *regs;
        __s32 status = 0;
        __u64 at;

        if (!wait_ended(ctx->ret) || !wait_matters(t))
                return 0;
        regs = (struct pt_regs *)bpf_task_pt_regs(t);
        at = BPF_CORE_READ(regs, si);
        if (ctx->ret > 0 && at)
                bpf_probe_read_user(&status, sizeof(status), (void *)at);
        return send_wait(t, BPF_CORE_READ(regs, di), ctx->ret, status, BPF_CORE_READ(regs, dx));
}

/* waitid(type, id, info, options): 0 on success, the pid is in info (0: WNOHANG found nothing). */
SEC("tp/syscalls/sys_exit_waitid")
int exit_waitid(struct sys_exit *ctx)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct {
                __s32 signo, err, code, pad, pid, uid, status;
        } info = {};
        struct pt_regs *regs;
        long ret = ctx->ret;
        __u64 at;

        if (ret <= -512 || !wait_matters(t))
                return 0;
        regs = (struct pt_regs *)bpf_task_pt_regs(t);
        at = BPF_CORE_READ(regs, dx);
        if (!ret && at && !bpf_probe_read_user(&info, sizeof(info), (void *)at))
                ret = info.pid;
        if (!wait_ended(ret))
                return 0;
        return send_wait(t, BPF_CORE_READ(regs, di) == 1 ? BPF_CORE_READ(regs, si) : -1, ret,
                         status_from_siginfo(info.code, info.status), BPF_CORE_READ(regs, r10));
}

/* ---- handlers ------------------------------------------------------------------------------------ */

/*
 * A handler for SIGTRAP always: few programs set one. Back to default only where one was told before, as
 * shells do that at every start. SIGCHLD every shell does: only where it matters.
 */
static __always_inline bool sigaction_matters(struct task_struct *t, int sig)
{
        struct action action;

        if (sig == SIGCHLD)
                return watch_bits_of(t->group_leader) & ~WATCH_HANDLER;
        if (sig != SIGTRAP)
                return false;
        read_action_of(&action, t, SIGTRAP);
        if (!action.handler)
                return watch_bits_of(t->group_leader);
        watch_process(t->group_leader, WATCH_HANDLER);
        return true;
}

static __always_inline int send_sigaction(struct task_struct *t, int sig, __u64 old, bool old_known)
{
        struct rec_sigaction *r = reserve_record(REC_SIGACTION, sizeof(*r), bpf_ktime_get_boot_ns());
        struct action action;

        if (!r)
                return 0;
        describe_task(&r->task, t);
        r->sig = sig;
        read_action_of(&action, t, sig);
        r->handler = action.handler;
        r->sa_flags = action.sa_flags;
        r->old_handler = old;
        r->old_known = old_known;
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

SEC("fexit/do_sigaction")
int BPF_PROG(on_sigaction, int sig, struct k_sigaction *act, struct k_sigaction *old, int ret)
{
        struct task_struct *t = bpf_get_current_task_btf();

        if (ret || !act || !sigaction_matters(t, sig))
                return 0;
        return send_sigaction(t, sig, old ? (__u64)BPF_CORE_READ(old, sa.sa_handler) : 0, old);
}

SEC("tp/syscalls/sys_exit_rt_sigaction")
int exit_sigaction(struct sys_exit *ctx)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);
        int sig = BPF_CORE_READ(regs, di);
        __u64 old = 0, at;
        bool known;

        if (ctx->ret || !BPF_CORE_READ(regs, si) || !sigaction_matters(t, sig))
                return 0;
        at = BPF_CORE_READ(regs, dx);
        known = at && !bpf_probe_read_user(&old, sizeof(old), (void *)at);
        return send_sigaction(t, sig, old, known);
}
