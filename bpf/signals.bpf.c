// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals: generated and delivered. The hottest programs of all: a signal nobody asked about leaves after
 * one test, one that belongs to a flood after one hash look-up.
 */
#include "bpf/send_text.h"

char LICENSE[] SEC("license") = "GPL";

#define SIGNAL_BIT(sig) (1u << (sig))
#define ALWAYS          (SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGCHLD))
#define IF_TRACED                                                                               \
        (SIGNAL_BIT(SIGINT) | SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGKILL) | \
         SIGNAL_BIT(SIGTERM))

/* What else is recorded, as [watch] signals asks for: bit 0 is signal 1. Set by user space at any time. */
__u64 extra_signals __weak = 0;

#define SIBLINGS_MAX 64 /* threads looked at for a traced one */

/* The compiler may not move this load to where its value is used. */
#define load_early(member)                      \
        ({                                      \
                __typeof__(member) _p = member; \
                barrier_var(_p);                \
                _p;                             \
        })

static __always_inline bool is_interesting(int sig, __u32 set)
{
        return sig > 0 && sig < 32 && (SIGNAL_BIT(sig) & set);
}

static __always_inline bool is_asked_for(int sig)
{
        return sig > 0 && sig <= 64 && extra_signals >> (sig - 1) & 1;
}

/* info is a pointer, or 0 (SEND_SIG_NOINFO), or 1 (SEND_SIG_PRIV): reading it is the test the verifier lets
 * live. */
static __always_inline __u32 read_siginfo(struct siginfo_head *ret, const void *info)
{
        if (!bpf_probe_read_kernel(ret, sizeof(*ret), info))
                return 0;
        __builtin_memset(ret, 0, sizeof(*ret));
        if ((__u64)info == 1) {
                ret->code = SI_KERNEL;
                return SIG_F_PRIV;
        }
        return SIG_F_NOINFO;
}

/* Rare (an untraced trap): who traces another thread of this process? The list is walked without a lock. */
static __noinline __u32 sibling_tracer(const struct signal_struct *signal)
{
        const struct list_head *end = &signal->thread_head, *n = BPF_CORE_READ(end, next);
        __u64 offset = bpf_core_field_offset(struct task_struct, thread_node);

        for (int i = 0; i < SIBLINGS_MAX && n && n != end; i++) {
                const struct task_struct *s = (const void *)((__u64)n - offset);

                if (BPF_CORE_READ(s, ptrace))
                        return BPF_CORE_READ(s, parent, tgid);
                n = BPF_CORE_READ(n, next);
        }
        return 0;
}

static __always_inline void describe_target(struct rec_signal *r, struct task_struct *t,
                                            const struct task_struct *parent)
{
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);

        describe_typed_task(&r->target, t);
        r->ptrace = t->ptrace;
        if (r->ptrace)
                describe_tracer(&r->tracer, t);
        else
                describe_nobody(&r->tracer);
        r->parent_pid = parent->tgid;
        r->parent_start_ns = start_of_process(parent);
        r->parent_tracer = 0;
        if (parent->ptrace) {
                r->parent_tracer = BPF_CORE_READ(parent, parent, tgid);
                r->flags |= SIG_F_PARENT_TRACED;
        }
        r->ip = regs ? regs->ip : 0;
        if (t->jobctl & JOBCTL_STOP_DEQUEUED)
                r->flags |= SIG_F_RESIDUE;
        if (t->blocked.sig[0] & (1UL << (r->sig - 1)))
                r->flags |= SIG_F_BLOCKED;
        if (r->sig <= 32 && t->real_blocked.sig[0] & (1UL << (r->sig - 1)))
                r->flags |= SIG_F_AWAITED;
        if (!(BPF_CORE_READ(t, group_leader, flags) & PF_FORKNOEXEC))
                r->flags |= SIG_F_EXECED;
}

/* A program may send itself a siginfo with a code of the kernel's: crash handlers pass theirs on so. */
static __always_inline bool in_queue_call(struct task_struct *t)
{
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);

        if (!regs)
                return false;
        return regs->orig_ax == __NR_rt_sigqueueinfo || regs->orig_ax == __NR_rt_tgsigqueueinfo ||
               regs->orig_ax == __NR_pidfd_send_signal;
}

/* What the kernel reset to force a trap through, noted by on_force_sig (full) or kept by watch_mask
 * (tracepoint). */
static __always_inline void describe_forced(struct rec_signal *r, struct task_struct *t)
{
        struct watch *w = watch_of(t);

        if (!w)
                return;
        r->flags |= w->forced;
        w->forced = 0;
        if (w->trap_blocked && !(r->flags & SIG_F_BLOCKED))
                r->flags |= SIG_F_FORCED_BLOCK;
        w->trap_blocked = 0;
}

/* ---- traps -------------------------------------------------------------------------------------------- */

/* By ptraced itself, which passes every signal on. */
static __always_inline bool is_held(const struct task_struct *t)
{
        char comm[REC_COMM_LEN];

        BPF_CORE_READ_INTO(&comm, t, parent, comm);
#pragma unroll
        for (__u32 i = 0; i < sizeof(HOLDER_COMM); i++)
                if (comm[i] != HOLDER_COMM[i])
                        return false;
        return true;
}

/* The breakpoint instruction that a task has just run. */
static __always_inline void send_trap(struct task_struct *t)
{
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);

        send_text(t, BPF_CORE_READ(regs, ip) - 1, TEXT_TRAP);
}

/* ---- what generate and deliver have in common --------------------------------------------------------- */

static __always_inline bool is_watched(struct task_struct *t, struct task_struct *leader)
{
        return t->ptrace || watch_bits_of(leader) & ~WATCH_MARKS;
}

/* The flood that a signal belongs to, but for kind, result and tracer. */
static __always_inline void fill_key(struct count_key *ret, const struct task_struct *t,
                                     const struct task_struct *leader, int sig,
                                     const struct siginfo_head *info, const struct action *action)
{
        *ret = (struct count_key){
                .start_ns = leader->start_boottime,
                .pid = t->tgid,
                .code = info->code,
                .sig = sig,
                .handled = disposition(action->handler),
        };
}

/* All but the tasks. Of a delivery nobody is the sender. */
static __always_inline void fill_signal(struct rec_signal *r, int sig, __u32 flags,
                                        const struct siginfo_head *info, const struct action *action)
{
        r->sig = sig;
        r->code = info->code;
        r->info_pid = info->pid;
        r->info_status = info->status;
        r->flags = flags;
        r->handler = action->handler;
        r->sa_flags = action->sa_flags;
        r->result = 0;
        r->uid = r->sibling_tracer = 0;
}

/* ---- generate ------------------------------------------------------------------------------------ */

/* SIGCHLD: everything odd, and everything about tracers and tracees. The rest within the allowance. */
static __always_inline bool deserves_record(int sig, const struct siginfo_head *info, int result,
                                            struct task_struct *leader, struct task_struct *sender,
                                            __u64 now)
{
        if (sig != SIGCHLD || is_asked_for(sig))
                return true;
        if (result > 1 || info->code >= CLD_TRAPPED || sender->ptrace)
                return true;
        return watch_bits_of(leader) & ~WATCH_MARKS || take_allowance(ALLOW_SIGCHLD, now);
}

static __always_inline void count_plain(const struct count_key *key, __u64 now)
{
        struct count_value *v = bpf_map_lookup_elem(&counters, key);

        if (!v) {
                struct count_value first = {.count = 1, .first_ns = now, .last_ns = now};

                if (!bpf_map_update_elem(&counters, key, &first, BPF_NOEXIST))
                        return;
                v = bpf_map_lookup_elem(&counters, key);
        }
        if (v)
                count_event(v, now);
        else
                count_loss(LOSS_COUNTER_FULL);
}

/* Loaded before the paths part: verifiers of today take a millisecond over a member that is a pointer, on
 * each. */
struct sending {
        struct task_struct *leader, *parent, *tracer, *sender;
        const struct sighand_struct *sighand;
        const struct signal_struct *signal;
        const struct cred *cred;
};

static __always_inline void load_sending(struct sending *s, struct task_struct *target)
{
        s->leader = load_early(target->group_leader);
        s->parent = load_early(target->real_parent);
        s->sighand = load_early(target->sighand);
        s->signal = load_early(target->signal);
        s->tracer = load_early(target->parent);
        s->sender = bpf_get_current_task_btf();
        s->cred = load_early(s->sender->cred);
}

/* Its tracer may be gone when the stop or the kill takes effect; tier tracepoint learns of the tracee only here. */
static __always_inline void watch_stopped(struct task_struct *target, struct task_struct *leader, int sig)
{
        if ((sig == SIGSTOP || sig == SIGKILL) && target->ptrace)
                watch_process(leader, WATCH_TRACEE);
}

static __always_inline void read_action_sent(struct action *ret, const struct sending *s,
                                             struct task_struct *target, int sig)
{
        if (sig == SIGTRAP) /* the hot one: a known index into the table that is loaded */
                read_action(ret, &s->sighand->action[SIGTRAP - 1]);
        else
                read_action_of(ret, target, sig);
}

static __always_inline void describe_sending(struct rec_signal *r, const struct sending *s,
                                             struct task_struct *target)
{
        r->uid = s->cred->uid.val;
        describe_typed_task(&r->sender, s->sender);
        describe_target(r, target, s->parent);
        if (r->tracer.pid && r->tracer.pid == r->sender.pid)
                r->flags |= SIG_F_SENDER_TRACES;
        if (r->sig != SIGTRAP)
                return;
        if (r->code > 0 && in_queue_call(s->sender))
                r->flags |= SIG_F_QUEUED;
        /* Only the kernel's own signals are forced; those of kill() and raise() have a code below 1. */
        else if (r->code > 0 && s->sender == target)
                describe_forced(r, s->sender);
        if (!target->ptrace && s->signal->nr_threads > 1)
                r->sibling_tracer = sibling_tracer(s->signal);
}

SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal_generate, int sig, struct kernel_siginfo *siginfo, struct task_struct *target,
             int group, int result)
{
        struct siginfo_head info;
        struct action action;
        struct count_key key;
        struct rec_signal *r;
        struct sending s;
        __u64 now, place;
        __u32 flags;
        bool asked;

        asked = is_asked_for(sig);
        if (!asked && !is_interesting(sig, ALWAYS | IF_TRACED))
                return 0;
        load_sending(&s, target);
        if (!asked && is_interesting(sig, IF_TRACED) && !is_watched(target, s.leader))
                return 0;
        watch_stopped(target, s.leader, sig);

        now = bpf_ktime_get_boot_ns();
        flags = read_siginfo(&info, siginfo) | (group ? SIG_F_GROUP : 0);
        read_action_sent(&action, &s, target, sig);
        fill_key(&key, target, s.leader, sig, &info, &action);
        key.kind = COUNT_GENERATE;
        key.result = result;
        key.tracer = target->ptrace ? s.tracer->tgid : 0;
        if (!deserves_record(sig, &info, result, s.leader, s.sender, now)) {
                count_plain(&key, now);
                return 0;
        }
        place = place_in_window(&key, now);
        r = place ? reserve_or_count(&key, REC_SIGNAL, sizeof(*r), now) : NULL;
        if (!r)
                return 0;
        fill_signal(r, sig, flags, &info, &action);
        r->result = result;
        describe_sending(r, &s, target);
        bpf_ringbuf_submit(r, submit_flags());
        if (place <= TEXT_BURST && sig == SIGTRAP && info.code == SI_KERNEL && !(flags & SIG_F_PRIV) &&
            s.sender == target && !s.sender->ptrace)
                send_trap(s.sender);
        return 0;
}

/* ---- deliver ------------------------------------------------------------------------------------- */

/* The text that a trap leads to. */
static __always_inline void send_delivered(struct task_struct *t, const struct siginfo_head *info,
                                           const struct action *action)
{
        if (action->handler > 1 && !t->ptrace)
                send_text(t, action->handler, TEXT_HANDLER);
        /* Held, it has not been kept: the breakpoint is nobody's now as much as without. A process that dies
         * of what its tracer passed on has met its own breakpoint, or the tracer's. */
        if (info->code == SI_KERNEL && t->ptrace && (is_held(t) || !action->handler))
                send_trap(t);
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(on_signal_deliver, int sig, struct kernel_siginfo *siginfo, struct k_sigaction *ka)
{
        struct task_struct *t, *leader, *parent;
        struct siginfo_head info;
        struct action action;
        struct count_key key;
        struct rec_signal *r;
        __u32 flags;
        __u64 now, place;
        bool asked = is_asked_for(sig);

        if (!asked && !is_interesting(sig, SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGSTOP)))
                return 0;
        t = bpf_get_current_task_btf();
        leader = load_early(t->group_leader);
        parent = load_early(t->real_parent);
        if (!asked && sig != SIGTRAP && !is_watched(t, leader))
                return 0;

        now = bpf_ktime_get_boot_ns();
        flags = read_siginfo(&info, siginfo) | SIG_F_DELIVER;
        read_action(&action, ka);
        fill_key(&key, t, leader, sig, &info, &action);
        key.kind = COUNT_DELIVER;
        key.tracer = t->ptrace ? t->parent->tgid : 0;
        place = place_in_window(&key, now);
        r = place ? reserve_or_count(&key, REC_SIGNAL, sizeof(*r), now) : NULL;
        if (!r)
                return 0;
        fill_signal(r, sig, flags, &info, &action);
        describe_nobody(&r->sender);
        describe_target(r, t, parent);
        bpf_ringbuf_submit(r, submit_flags());

        if (sig == SIGTRAP && place <= TEXT_BURST)
                send_delivered(t, &info, &action);
        return 0;
}

/* ---- how a trap gets past a block (tier full) ---------------------------------------------------- */

/* Sees the state that force_sig_info_to_task() is about to reset (kernel/signal.c). */
SEC("fentry/force_sig_info_to_task")
int BPF_PROG(on_force_sig, struct kernel_siginfo *info, struct task_struct *t)
{
        struct siginfo_head head;
        struct action action;
        struct watch *w;
        __u32 forced = 0;

        if (bpf_probe_read_kernel(&head, sizeof(head), info) || head.signo != SIGTRAP)
                return 0;
        if (t->blocked.sig[0] & (1UL << (SIGTRAP - 1)))
                forced |= SIG_F_FORCED_BLOCK;
        read_action_of(&action, t, SIGTRAP);
        if (action.handler == 1)
                forced |= SIG_F_FORCED_IGN;
        if (!forced)
                return 0;
        w = watch_of_or_new(t);
        if (w)
                w->forced = forced;
        return 0;
}

/* Tier tracepoint has no look at that moment: remember, per thread, that SIGTRAP was blocked. */
SEC("tp/syscalls/sys_exit_rt_sigprocmask")
int watch_mask(void *ctx)
{
        struct task_struct *t = bpf_get_current_task_btf();
        bool blocked = t->blocked.sig[0] & (1UL << (SIGTRAP - 1));
        struct watch *w = blocked ? watch_of_or_new(t) : watch_of(t);

        if (w)
                w->trap_blocked = blocked;
        return 0;
}
