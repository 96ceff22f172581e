// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracing relations: how they begin, are refused, and end. Auto-attached children are seen by the fork
 * program (tasks.bpf.c), as __ptrace_link is inlined on some kernels and then never fires.
 *
 * Tier full looks inside the kernel and has the target at hand. Tier tracepoint sees the system call only:
 * the target of a successful attach is found on the caller's own list of tracees, that of a refused one by
 * user space.
 */
#include "bpf/observe.h"

#define TRACEES_SEARCHED 32 /* entries of current->ptraced looked through for a pid */

static __always_inline bool cap_ptrace(const struct cred *c)
{
        __u64 caps = 0;

        bpf_core_read(&caps, sizeof(caps), &c->cap_effective);
        return caps & (1ULL << CAP_SYS_PTRACE);
}

static __always_inline bool caps_subset(const struct cred *c, const struct cred *of)
{
        __u64 have = 0, needed = 0;

        bpf_core_read(&have, sizeof(have), &c->cap_permitted);
        bpf_core_read(&needed, sizeof(needed), &of->cap_permitted);
        return !(needed & ~have);
}

/* The comparison of __ptrace_may_access() with PTRACE_MODE_REALCREDS. */
static __always_inline bool uid_match(const struct cred *c, const struct cred *t)
{
        __u32 uid = BPF_CORE_READ(c, uid.val), gid = BPF_CORE_READ(c, gid.val);

        return uid == BPF_CORE_READ(t, euid.val) && uid == BPF_CORE_READ(t, suid.val) &&
               uid == BPF_CORE_READ(t, uid.val) && gid == BPF_CORE_READ(t, egid.val) &&
               gid == BPF_CORE_READ(t, sgid.val) && gid == BPF_CORE_READ(t, gid.val);
}

static __always_inline bool dumpable(const struct task_struct *t)
{
        const struct mm_struct *mm = BPF_CORE_READ(t, mm);
        const struct mm_struct___word *word = (const void *)mm;
        const struct mm_struct___bitmap *bitmap = (const void *)mm;
        __u64 flags = 0;

        if (!mm)
                return true;
        if (bpf_core_field_exists(word->flags))
                bpf_core_read(&flags, sizeof(flags), &word->flags);
        else if (bpf_core_field_exists(bitmap->flags))
                bpf_core_read(&flags, sizeof(flags), &bitmap->flags);
        else
                return true;
        return (flags & 3) == 1; /* SUID_DUMP_USER */
}

/* What decides an access check, as facts (ATT_F_*). */
static __always_inline __u32 access_facts(const struct task_struct *caller, const struct task_struct *target)
{
        const struct cred *c = BPF_CORE_READ(caller, real_cred), *t = BPF_CORE_READ(target, real_cred);
        const struct mm_struct *mm = BPF_CORE_READ(caller, mm);
        __u32 f = ATT_F_TARGET_KNOWN;

        if (BPF_CORE_READ(target, flags) & PF_KTHREAD)
                f |= ATT_F_KTHREAD;
        if (BPF_CORE_READ(target, exit_state))
                f |= ATT_F_ZOMBIE;
        if (BPF_CORE_READ(target, tgid) == BPF_CORE_READ(caller, tgid))
                f |= ATT_F_SAME_GROUP;
        if (mm && mm == BPF_CORE_READ(target, mm))
                f |= ATT_F_SAME_MM;
        if (dumpable(target))
                f |= ATT_F_DUMPABLE;
        if (uid_match(c, t))
                f |= ATT_F_UID_MATCH;
        if (cap_ptrace(c))
                f |= ATT_F_CAP_PTRACE;
        if (caps_subset(c, t))
                f |= ATT_F_CAPS_SUBSET;
        if (BPF_CORE_READ(c, user_ns) == BPF_CORE_READ(t, user_ns))
                f |= ATT_F_SAME_USERNS;
        if (BPF_CORE_READ(caller, real_parent, tgid) == BPF_CORE_READ(target, tgid))
                f |= ATT_F_CHILD_OF_TARGET;
        return f;
}

static __always_inline void describe_caller(struct rec_attach *r, struct task_struct *caller)
{
        const struct cred *c = BPF_CORE_READ(caller, real_cred);

        describe_task(&r->caller, caller);
        r->caller_uid = BPF_CORE_READ(caller, real_cred, uid.val);
        r->ns_level = namespace_level(caller);
        r->flags = 0;
        if (cap_ptrace(c))
                r->flags |= ATT_F_CAP_PTRACE;
        if (BPF_CORE_READ(c, user_ns, level) > 0)
                r->flags |= ATT_F_CALLER_USERNS;
}

static __always_inline void describe_attach_target(struct rec_attach *r, struct task_struct *caller,
                                                   const struct task_struct *target)
{
        describe_task(&r->target, target);
        r->ptrace = BPF_CORE_READ(target, ptrace);
        r->target_uid = BPF_CORE_READ(target, real_cred, uid.val);
        r->flags = access_facts(caller, target);
        if (r->ret)
                describe_tracer(&r->holder, target);
        else
                describe_nobody(&r->holder);
}

/* Refusals come in storms (gdb on a split process: 18,000 a second): they are limited like floods. */
static __always_inline bool refusal_is_flood(struct task_struct *caller, __u32 pid, long request, long ret,
                                             __u64 now)
{
        struct count_key key = {
                .start_ns = caller->group_leader->start_boottime,
                .pid = pid,
                .tracer = caller->pid,
                .code = request,
                .result = -ret,
                .kind = COUNT_PTRACE,
        };

        return ret && counted_as_flood(&key, now);
}

static __always_inline struct rec_attach *new_attach(struct task_struct *caller, long request, long ret,
                                                     __u64 now)
{
        struct rec_attach *r = reserve_record(REC_ATTACH, sizeof(*r), now);

        if (!r)
                return NULL;
        r->request = request;
        r->ret = ret;
        r->options = r->lsm_ret = r->vpid = r->target_uid = r->ptrace = 0;
        describe_nobody(&r->target);
        describe_nobody(&r->holder);
        describe_caller(r, caller);
        return r;
}

/* ---- tier full ---------------------------------------------------------------------------------------- */

static __always_inline bool in_ptrace_call(struct task_struct *t)
{
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);

        /* The kernel looks at the lower half only. */
        return regs && (__u32)BPF_CORE_READ(regs, orig_ax) == __NR_ptrace;
}

/* What the security modules said. Also asked for /proc/PID/mem and the like: those are not attaches. */
SEC("fexit/security_ptrace_access_check")
int BPF_PROG(on_access_check, struct task_struct *child, unsigned int mode, int ret)
{
        struct task_struct *t;
        struct watch *w;

        if (!(mode & PTRACE_MODE_ATTACH))
                return 0;
        t = bpf_get_current_task_btf();
        if (!in_ptrace_call(t))
                return 0;
        w = watch_of_or_new(t);
        if (!w)
                return 0;
        w->lsm_called = 1;
        w->lsm_ret = ret;
        return 0;
}

SEC("fexit/ptrace_attach")
int BPF_PROG(on_attach, struct task_struct *task, long request, unsigned long addr, unsigned long options,
             int ret)
{
        struct task_struct *caller = bpf_get_current_task_btf();
        __u64 now = bpf_ktime_get_boot_ns();
        struct watch *w = watch_of(caller);
        struct rec_attach *r;
        __s32 lsm_ret = 0;
        __u32 asked = 0;

        if (w) {
                lsm_ret = w->lsm_ret;
                asked = w->lsm_called ? ATT_F_LSM_CALLED : 0;
                w->lsm_called = w->lsm_ret = 0;
        }
        if (refusal_is_flood(caller, task->pid, request, ret, now))
                return 0;
        if (!ret) {
                watch_process(caller->group_leader, WATCH_TRACER);
                watch_process(task->group_leader, WATCH_TRACEE);
                watch_process(task->real_parent->group_leader, WATCH_PARENT);
        }
        r = new_attach(caller, request, ret, now);
        if (!r)
                return 0;
        r->options = request == PTRACE_SEIZE ? options : 0;
        r->vpid = pid_in_namespace(task, r->ns_level);
        describe_attach_target(r, caller, task);
        r->lsm_ret = lsm_ret;
        r->flags |= asked;
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

static __always_inline int send_traceme(struct task_struct *t, long ret)
{
        struct rec_attach *r = new_attach(t, PTRACE_TRACEME, ret, bpf_ktime_get_boot_ns());

        if (!r)
                return 0;
        /* The tracee makes the call: it is caller and target, its parent the tracer. */
        describe_attach_target(r, t, t);
        describe_tracer(&r->holder, t);
        r->vpid = pid_in_namespace(t, r->ns_level);
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

SEC("fexit/ptrace_traceme")
int BPF_PROG(on_traceme, int ret)
{
        struct task_struct *t = bpf_get_current_task_btf();

        if (!ret) {
                watch_process(t->group_leader, WATCH_TRACEE);
                watch_process(t->real_parent->group_leader, WATCH_TRACER | WATCH_PARENT);
        }
        return send_traceme(t, ret);
}

static __always_inline __u32 detach_cause(const struct task_struct *child,
                                          const struct task_struct *current_task)
{
        if (BPF_CORE_READ(child, exit_state))
                return DETACH_TRACEE_EXIT;
        if (BPF_CORE_READ(current_task, flags) & PF_EXITING)
                return DETACH_TRACER_EXIT;
        return DETACH_CALL;
}

SEC("fentry/__ptrace_unlink")
int BPF_PROG(on_unlink, struct task_struct *child)
{
        struct rec_detach *r = reserve_record(REC_DETACH, sizeof(*r), bpf_ktime_get_boot_ns());

        if (!r)
                return 0;
        describe_tracer(&r->tracer, child);
        describe_task(&r->target, child);
        r->cause = detach_cause(child, bpf_get_current_task_btf());
        r->sig = -1;
        r->vpid = r->ns_level = r->pad = 0;
        r->ptrace = child->ptrace;
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

static __always_inline bool is_attach(long request)
{
        return request == PTRACE_ATTACH || request == PTRACE_SEIZE;
}

static __always_inline void count_request(struct task_struct *t, __u32 pid, long request, __u64 now)
{
        struct count_key key = {
                .start_ns = t->group_leader->start_boottime,
                .pid = pid,
                .tracer = t->pid,
                .code = request,
                .kind = COUNT_PTRACE,
        };
        struct count_value first = {.count = 1, .first_ns = now, .last_ns = now};
        struct count_value *v = bpf_map_lookup_elem(&counters, &key);

        if (v)
                count_event(v, now);
        else if (bpf_map_update_elem(&counters, &key, &first, BPF_NOEXIST))
                count_loss(LOSS_COUNTER_FULL);
}

static __always_inline int send_attach_by_pid(struct task_struct *t, __u32 vpid, long request, __u64 options,
                                              long ret, __u32 extra);

/* Every other request of a tracer is counted; an attach to a pid that does not exist gets no further than
 * this. */
SEC("fexit/__x64_sys_ptrace")
int BPF_PROG(on_ptrace_call, const struct pt_regs *regs, long ret)
{
        struct task_struct *t = bpf_get_current_task_btf();
        long request = BPF_CORE_READ(regs, di);

        if (request == PTRACE_TRACEME)
                return 0;
        if (!is_attach(request))
                count_request(t, BPF_CORE_READ(regs, si), request, bpf_ktime_get_boot_ns());
        else if (ret == -ESRCH)
                return send_attach_by_pid(t, BPF_CORE_READ(regs, si), request, 0, ret, 0);
        return 0;
}

/* ---- tier tracepoint --------------------------------------------------------------------------------- */

struct sys_enter {
        __u64 common;
        __s64 nr;
        __u64 args[6];
};

static __always_inline const struct task_struct *find_tracee(struct task_struct *tracer, __u32 vpid,
                                                             __u32 level)
{
        __u64 offset = bpf_core_field_offset(struct task_struct, ptrace_entry);
        const struct list_head *end = &tracer->ptraced, *n = BPF_CORE_READ(end, next);

        for (int i = 0; i < TRACEES_SEARCHED && n && n != end; i++) {
                const struct task_struct *t = (const void *)((__u64)n - offset);

                if (pid_in_namespace(t, level) == vpid)
                        return t;
                n = BPF_CORE_READ(n, next);
        }
        return NULL;
}

/* Nobody can attach to a thread of his own process; the caller may be gone before user space could compare.
 */
static __always_inline const struct task_struct *find_own_thread(struct task_struct *t, __u32 vpid,
                                                                 __u32 level)
{
        __u64 offset = bpf_core_field_offset(struct task_struct, thread_node);
        const struct list_head *end = &t->signal->thread_head, *n = BPF_CORE_READ(end, next);

        for (int i = 0; i < TRACEES_SEARCHED && n && n != end; i++) {
                const struct task_struct *s = (const void *)((__u64)n - offset);

                if (pid_in_namespace(s, level) == vpid)
                        return s;
                n = BPF_CORE_READ(n, next);
        }
        return NULL;
}

static __always_inline int send_attach_by_pid(struct task_struct *t, __u32 vpid, long request, __u64 options,
                                              long ret, __u32 extra)
{
        const struct task_struct *tracee = NULL;
        __u64 now = bpf_ktime_get_boot_ns();
        struct rec_attach *r;

        if (refusal_is_flood(t, vpid, request, ret, now))
                return 0;
        r = new_attach(t, request, ret, now);
        if (!r)
                return 0;
        r->vpid = vpid;
        r->options = options;
        tracee = ret ? find_own_thread(t, vpid, r->ns_level) : find_tracee(t, vpid, r->ns_level);
        if (tracee)
                describe_attach_target(r, t, tracee);
        r->flags |= extra;
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

static __always_inline int send_detach_by_pid(struct task_struct *t, __u32 vpid, __s32 sig)
{
        struct rec_detach *r = reserve_record(REC_DETACH, sizeof(*r), bpf_ktime_get_boot_ns());

        if (!r)
                return 0;
        describe_task(&r->tracer, t);
        describe_nobody(&r->target);
        r->cause = DETACH_CALL;
        r->sig = sig;
        r->vpid = vpid;
        r->ns_level = namespace_level(t);
        r->ptrace = r->pad = 0;
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

SEC("tp/syscalls/sys_enter_ptrace")
int enter_ptrace(struct sys_enter *ctx)
{
        struct watch *w = watch_of_or_new(bpf_get_current_task_btf());

        if (w)
                w->in_ptrace = 1;
        return 0;
}

SEC("tp/syscalls/sys_exit_ptrace")
int exit_ptrace_call(struct sys_exit *ctx)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);
        long request = BPF_CORE_READ(regs, di), ret = ctx->ret;
        __u32 vpid = BPF_CORE_READ(regs, si), extra = 0;
        struct watch *w = watch_of(t);

        /* seccomp answers before the entry tracepoint: an exit without an entry was its doing. */
        if (w && w->in_ptrace)
                w->in_ptrace = 0;
        else if (ret < 0)
                extra = ATT_F_SECCOMP;

        if (is_attach(request)) {
                if (!ret)
                        watch_process(t->group_leader, WATCH_TRACER);
                return send_attach_by_pid(t, vpid, request,
                                          request == PTRACE_SEIZE ? BPF_CORE_READ(regs, r10) : 0, ret,
                                          extra);
        }
        if (request == PTRACE_TRACEME) {
                if (!ret)
                        watch_process(t->group_leader, WATCH_TRACEE);
                return send_traceme(t, ret);
        }
        if (request == PTRACE_DETACH && !ret)
                return send_detach_by_pid(t, vpid, BPF_CORE_READ(regs, r10));
        count_request(t, vpid, request, bpf_ktime_get_boot_ns());
        return 0;
}
