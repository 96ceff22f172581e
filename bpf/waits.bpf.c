// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits and handlers: who reaped whom, which waits failed, and who changed what SIGTRAP and SIGCHLD do.
 * Waits are looked at for tracers, for parents of tracees and for what `record` follows; nobody else pays
 * more than one look-up.
 */
#include "bpf/reaped.h"
#include "bpf/send_text.h"

/* A wait call that has ended. */
struct wait_call {
        __s32 upid; /* the pid argument, if it is for one child; else below 1 */
        __s32 status;
        long ret;
        __u32 options;
        bool status_known;
};

static __always_inline bool wait_matters(struct task_struct *t)
{
        return watch_bits_of(t->group_leader) & (WATCH_TRACER | WATCH_PARENT | WATCH_FOLLOW);
}

/* ret 0 is "nothing yet", below -511 the call restarts: neither is an outcome. */
static __always_inline bool wait_ended(long ret)
{
        return ret > 0 || (ret < 0 && ret > -512);
}

/* Several threads, or one and its handler: what one of them reaps another may wait for. */
static __always_inline bool waits_at_odds(struct task_struct *t)
{
        const struct sighand_struct *sighand = t->sighand;
        struct action action;

        if (t->signal->nr_threads > 1)
                return true;
        read_action(&action, &sighand->action[SIGCHLD - 1]);
        return action.handler > 1;
}

static __always_inline void fill_flood_key(struct count_key *ret, const struct task_struct *t,
                                           const struct wait_call *w)
{
        *ret = (struct count_key){
                .start_ns = t->group_leader->start_boottime,
                .pid = t->tgid,
                .code = w->ret < 0 ? w->ret : w->status & 0xffff,
                .result = w->ret < 0,
                .kind = COUNT_WAIT,
        };
}

static __always_inline void describe_wait(struct rec_wait *r, struct task_struct *t,
                                          const struct wait_call *w, const struct action *sigchld)
{
        describe_task(&r->waiter, t);
        r->upid = w->upid;
        r->ret = w->ret;
        r->status = w->status;
        r->options = w->options;
        r->ns_level = namespace_level(t);
        r->sigchld_ignored = ignores_children(sigchld);
}

static __always_inline int send_wait(struct task_struct *t, const struct wait_call *w)
{
        __u64 now = bpf_ktime_get_boot_ns();
        struct action action;
        struct count_key key;
        struct rec_wait *r;

        fill_flood_key(&key, t, w);
        r = reserve_unless_flood(&key, REC_WAIT, sizeof(*r), now);
        if (!r)
                return 0;
        read_action_of(&action, t, SIGCHLD);
        describe_wait(r, t, w, &action);
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

/* ---- children that are gone -------------------------------------------------------------------------- */

/* The topmost of the ancestors that ignore SIGCHLD one after the other: it is handed down to children. */
static __noinline int describe_ignorer(struct rec_task *r, struct task_struct *t)
{
        const struct task_struct *up = t, *top = NULL;
        struct action action;

        describe_nobody(r);
        for (int i = 0; i < ANCESTORS_MAX; i++) {
                up = BPF_CORE_READ(up, real_parent);
                read_action_of(&action, (struct task_struct *)up, SIGCHLD);
                if (action.handler != 1)
                        break;
                top = up;
        }
        if (top)
                describe_task(r, top);
        return 0;
}

/* The program that a process runs has done so: the process itself, or one that it is a copy of. */
static __always_inline bool program_ignores(struct task_struct *t)
{
        struct task_struct *leader = t->group_leader;

#pragma unroll
        for (int i = 0; i < COPIES_MAX; i++) {
                if (watch_bits_of(leader) & WATCH_IGNORES)
                        return true;
                if (!(leader->flags & PF_FORKNOEXEC))
                        return false;
                leader = leader->real_parent->group_leader;
        }
        return false;
}

static __always_inline __u32 no_child_flags(struct task_struct *t, const struct reaped *lost,
                                            const struct action *sigchld)
{
        __u32 bits = watch_bits_of(t->group_leader), flags = 0;

        if (!lost->reaper.pid)
                flags |= NOCHILD_F_DISCARDED;
        if (sigchld->handler > 1)
                flags |= NOCHILD_F_HANDLER;
        if (program_ignores(t))
                flags |= NOCHILD_F_SET;
        if (bits & WATCH_IGNORED_BEFORE)
                flags |= NOCHILD_F_SET_BEFORE;
        if (observing_since_ns && t->group_leader->start_boottime > observing_since_ns)
                flags |= NOCHILD_F_WHOLE;
        return flags;
}

static __always_inline int send_no_child(struct task_struct *t, const struct wait_call *w,
                                         const struct reaped *lost)
{
        __u64 now = bpf_ktime_get_boot_ns();
        struct rec_no_child *r;
        struct action action;
        struct count_key key;

        fill_flood_key(&key, t, w);
        r = reserve_unless_flood(&key, REC_NO_CHILD, sizeof(*r), now);
        if (!r)
                return 0;
        read_action_of(&action, t, SIGCHLD);
        describe_wait(&r->wait, t, w, &action);
        r->wait.status = lost->status;
        r->reaper = lost->reaper;
        describe_ignorer(&r->ignorer, t);
        r->reaper_upid = lost->upid;
        r->flags = no_child_flags(t, lost, &action);
        r->reaped_ns = lost->time_ns;
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

/* The child is gone with this wait: it had ended, and was not only looked at. */
static __always_inline bool took_child(const struct wait_call *w)
{
        if (w->options & WNOWAIT)
                return false;
        if (!w->status_known)
                return !(w->options & (WUNTRACED | WCONTINUED));
        return (w->status & 0xff) != 0x7f && w->status != 0xffff;
}

static __always_inline void note_taken(struct task_struct *t, const struct wait_call *w)
{
        struct reaped taken = {.time_ns = bpf_ktime_get_boot_ns(), .upid = w->upid};
        struct reaped_key key;

        taken.status = w->status_known ? w->status : REC_STATUS_UNKNOWN;
        describe_typed_task(&taken.reaper, t);
        fill_reaped_key(&key, t, w->ret);
        bpf_map_update_elem(&reaped_children, &key, &taken, BPF_ANY);
}

/* Debuggers reap by number what they have reaped by any, to be sure: they are not told of. */
static __always_inline struct reaped *find_taken(struct task_struct *t, const struct wait_call *w)
{
        struct reaped_key key;

        if (w->ret != -ECHILD || w->upid <= 0 || watch_bits_of(t->group_leader) & WATCH_TRACER)
                return NULL;
        fill_reaped_key(&key, t, w->upid);
        return bpf_map_lookup_elem(&reaped_children, &key);
}

/*
 * Is this call of any interest? Most are not: one thread waits for its one child, or asks whether there is
 * any. upid is read only for one that found none: whoever waited for a certain child may have lost it.
 */
static __always_inline bool wait_is_interesting(struct task_struct *t, long ret, __s32 upid)
{
        if (!wait_ended(ret))
                return false;
        return (ret == -ECHILD && upid > 0) || wait_matters(t) || (ret > 0 && waits_at_odds(t));
}

static __always_inline int tell_wait(struct task_struct *t, const struct wait_call *w)
{
        struct reaped *lost = find_taken(t, w);

        if (lost)
                return send_no_child(t, w, lost);
        if (w->ret > 0 && took_child(w) && waits_at_odds(t))
                note_taken(t, w);
        return wait_matters(t) ? send_wait(t, w) : 0;
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

/* A pid that nobody has any more leaves nothing in the kernel: what the program asked for. */
static __always_inline __s32 argument_of_call(struct task_struct *t)
{
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);
        __u64 nr = regs->orig_ax;

        if (nr == __NR_wait4)
                return regs->di;
        return nr == __NR_waitid ? regs->si : 0;
}

/* The pid argument again, from what the kernel made of it. */
static __always_inline __s32 argument_of_wait(struct task_struct *t, struct wait_opts *wo)
{
        __u32 number = number_of_pid(BPF_CORE_READ(wo, wo_pid), namespace_level(t));
        __u32 type = BPF_CORE_READ(wo, wo_type);

        if (type == bpf_core_enum_value(enum pid_type, PIDTYPE_PID))
                return number ?: argument_of_call(t);
        return type == bpf_core_enum_value(enum pid_type, PIDTYPE_PGID) ? -(__s32)number : -1;
}

/* Tier full: all wait calls pass here. The struct the waiter filled is still there. */
SEC("fexit/do_wait")
int BPF_PROG(on_wait, struct wait_opts *wo, long ret)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct wait_call w = {.status_known = true};
        struct waitid_info *info;

        if (!wait_is_interesting(t, ret, ret == -ECHILD ? argument_of_wait(t, wo) : 0))
                return 0;
        w.status = BPF_CORE_READ(wo, wo_stat);
        info = BPF_CORE_READ(wo, wo_info);
        if (info)
                w.status = status_from_siginfo(BPF_CORE_READ(info, cause), BPF_CORE_READ(info, status));
        w.upid = argument_of_wait(t, wo);
        w.ret = info && ret > 0 ? BPF_CORE_READ(info, pid) : ret;
        w.options = BPF_CORE_READ(wo, wo_flags);
        return tell_wait(t, &w);
}

SEC("tp/syscalls/sys_exit_wait4")
int exit_wait4(struct sys_exit *ctx)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);
        struct wait_call w = {.ret = ctx->ret};
        __u64 at;

        if (ctx->ret == -ECHILD)
                w.upid = regs->di;
        if (!wait_is_interesting(t, ctx->ret, w.upid))
                return 0;
        at = regs->si;
        if (ctx->ret > 0 && at)
                w.status_known = !bpf_probe_read_user(&w.status, sizeof(w.status), (void *)at);
        w.upid = regs->di;
        w.options = regs->dx;
        return tell_wait(t, &w);
}

/* What waitid(type, id, ...) is to wait for: one child, or any. */
static __always_inline __s32 argument_of_waitid(struct pt_regs *regs)
{
        return regs->di == P_PID ? regs->si : -1;
}

/* waitid(type, id, info, options): 0 on success, the pid is in info (0: WNOHANG found nothing). */
SEC("tp/syscalls/sys_exit_waitid")
int exit_waitid(struct sys_exit *ctx)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);
        struct {
                __s32 signo, err, code, pad, pid, uid, status;
        } info = {};
        struct wait_call w = {.status_known = true};
        long ret = ctx->ret;
        __u64 at;

        if (!wait_is_interesting(t, ret ?: 1, ret == -ECHILD ? argument_of_waitid(regs) : 0))
                return 0;
        at = regs->dx;
        if (!ret && at && !bpf_probe_read_user(&info, sizeof(info), (void *)at))
                ret = info.pid;
        if (!wait_ended(ret))
                return 0;
        w.ret = ret;
        w.upid = argument_of_waitid(regs);
        w.status = status_from_siginfo(info.code, info.status);
        w.options = regs->r10;
        return tell_wait(t, &w);
}

/* ---- handlers ------------------------------------------------------------------------------------ */

#define HANDLERS_MAX 4096 /* remembered, of all processes */

struct handler_key {
        __u64 start_ns;
        __u32 pid, sig;
};
struct handler_value {
        __u64 handler;
        __u64 mm; /* another one: it was that of an earlier program */
};

/* Whoever sets a handler need not ask for the one before. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __type(key, struct handler_key);
        __type(value, struct handler_value);
        __uint(max_entries, HANDLERS_MAX);
} handlers __weak SEC(".maps");

/* A sigaction call that was allowed. */
struct sigaction_call {
        int sig;
        bool old_known;
        __u64 old;
        struct action action; /* as it is now */
};

/* The handler before, and from now on: this one. */
static __always_inline void exchange_handler(struct task_struct *t, struct sigaction_call *c)
{
        struct handler_value now = {.handler = c->action.handler, .mm = (__u64)t->mm}, *before;
        struct handler_key key = {.start_ns = start_of_process(t), .pid = t->tgid, .sig = c->sig};

        before = bpf_map_lookup_elem(&handlers, &key);
        if (before && before->mm == now.mm && !c->old_known) {
                c->old = before->handler;
                c->old_known = true;
        }
        if (now.handler > 1)
                bpf_map_update_elem(&handlers, &key, &now, BPF_ANY);
        else if (before)
                bpf_map_delete_elem(&handlers, &key);
}

/*
 * A handler for SIGTRAP always: few programs set one. Back to default only where one was told before, as
 * shells do that at every start. SIGCHLD every shell does: only where it matters.
 */
static __always_inline bool sigaction_matters(struct task_struct *t, const struct sigaction_call *c)
{
        if (c->sig == SIGCHLD) {
                if (ignores_children(&c->action))
                        watch_process(t->group_leader, WATCH_IGNORES);
                return watch_bits_of(t->group_leader) & ~WATCH_MARKS;
        }
        if (!c->action.handler)
                return watch_bits_of(t->group_leader);
        watch_process(t->group_leader, WATCH_HANDLER);
        return true;
}

static __always_inline int send_sigaction(struct task_struct *t, const struct sigaction_call *c, __u64 now)
{
        struct rec_sigaction *r = reserve_record(REC_SIGACTION, sizeof(*r), now);

        if (!r)
                return 0;
        describe_task(&r->task, t);
        r->sig = c->sig;
        r->handler = c->action.handler;
        r->sa_flags = c->action.sa_flags;
        r->old_handler = c->old;
        r->old_known = c->old_known;
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

/* A program may replace its handlers all day: what goes beyond the allowance is counted as lost. */
static __always_inline bool tells_replaced(const struct sigaction_call *c, __u64 now)
{
        if (c->action.handler <= 1 || !c->old_known || c->old <= 1 || c->old == c->action.handler)
                return false;
        if (take_allowance(ALLOW_HANDLER, now))
                return true;
        count_loss(LOSS_COUNTER_FULL);
        return false;
}

/* One handler for another is told with where both are. */
static __always_inline int tell_sigaction(struct task_struct *t, struct sigaction_call *c)
{
        __u64 now = bpf_ktime_get_boot_ns();
        bool replaced;

        if (c->sig != SIGTRAP && c->sig != SIGCHLD)
                return 0;
        read_action_of(&c->action, t, c->sig);
        exchange_handler(t, c);
        replaced = tells_replaced(c, now);
        if (!sigaction_matters(t, c) && !replaced)
                return 0;
        send_sigaction(t, c, now);
        if (!replaced)
                return 0;
        send_text(t, c->action.handler, TEXT_INSTALLED);
        return send_text(t, c->old, TEXT_REPLACED);
}

SEC("fexit/do_sigaction")
int BPF_PROG(on_sigaction, int sig, struct k_sigaction *act, struct k_sigaction *old, int ret)
{
        struct sigaction_call c = {.sig = sig, .old_known = old};

        if (ret || !act)
                return 0;
        if (old)
                c.old = (__u64)BPF_CORE_READ(old, sa.sa_handler);
        return tell_sigaction(bpf_get_current_task_btf(), &c);
}

SEC("tp/syscalls/sys_exit_rt_sigaction")
int exit_sigaction(struct sys_exit *ctx)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);
        struct sigaction_call c = {};
        __u64 at;

        c.sig = regs->di;
        if (ctx->ret || (c.sig != SIGTRAP && c.sig != SIGCHLD) || !regs->si)
                return 0;
        at = regs->dx;
        c.old_known = at && !bpf_probe_read_user(&c.old, sizeof(c.old), (void *)at);
        return tell_sigaction(t, &c);
}
