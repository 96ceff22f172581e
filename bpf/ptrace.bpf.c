// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracing relations: how they begin, are refused, and end. Auto-attached children are seen by the fork
 * program (tasks.bpf.c), as __ptrace_link is inlined on some kernels and then never fires.
 *
 * Tier full looks inside the kernel and has the target at hand. Tier tracepoint sees the system call only:
 * the target of a successful attach is found on the caller's own list of tracees, that of a refused one by
 * user space.
 */
#include "bpf/at_call.h"
#include "bpf/calls.h"

#define TRACEES_SEARCHED 32 /* entries of current->ptraced looked through for a pid */

/* Refusals come in storms (gdb on a split process: 18,000 a second): they are limited like floods. */
static __always_inline bool refusal_is_flood(struct task_struct *caller, __u32 pid, long request, long ret,
                                             __u64 now)
{
        struct count_key key = {
                .start_ns = caller->group_leader->start_boottime,
                .pid = pid,
                .tracer = caller->pid,
                .code = request,
                .result = ret < 0 ? -ret : 0,
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
        keep_holder(w, child);
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
        bool asked = w && w->lsm_called;

        if (w)
                w->lsm_called = 0;
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
        if (asked) {
                r->flags |= ATT_F_LSM_CALLED;
                r->lsm_ret = w->lsm_ret;
                take_holder(r, w);
        }
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

static __always_inline int send_traceme(struct task_struct *t, long ret, __u32 extra)
{
        struct rec_attach *r = new_attach(t, PTRACE_TRACEME, ret, bpf_ktime_get_boot_ns());

        if (!r)
                return 0;
        describe_traceme(r, t);
        r->vpid = pid_in_namespace(t, r->ns_level);
        r->flags |= extra;
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
        return send_traceme(t, ret, 0);
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

/* A breakpoint is left only by who has planted one: the last tracee that this thread wrote to is kept. */
static __always_inline void note_poke(struct task_struct *t, long request, const struct pt_regs *regs,
                                      long ret)
{
        __u32 vpid = BPF_CORE_READ(regs, si);
        struct watch *w;

        if (ret || (request != PTRACE_POKETEXT && request != PTRACE_POKEDATA))
                return;
        w = watch_of_or_new(t);
        if (w)
                w->poked = vpid;
        note_plant(t, vpid, BPF_CORE_READ(regs, dx), BPF_CORE_READ(regs, r10));
}

/* Of the thread that detaches. What it wrote to an earlier one may be forgotten. */
static __always_inline __u32 has_written(struct watch *w, __u32 vpid)
{
        if (!w || !w->poked)
                return WROTE_NO;
        return w->poked == vpid ? WROTE_YES : WROTE_UNKNOWN;
}

SEC("fentry/__ptrace_unlink")
int BPF_PROG(on_unlink, struct task_struct *child)
{
        struct rec_detach *r = reserve_record(REC_DETACH, sizeof(*r), bpf_ktime_get_boot_ns());
        struct task_struct *t = bpf_get_current_task_btf();

        if (!r)
                return 0;
        describe_tracer(&r->tracer, child);
        describe_task(&r->target, child);
        r->cause = detach_cause(child, t);
        r->sig = -1;
        r->vpid = r->ns_level = 0;
        /* What calls of 32 bits write is not seen. */
        r->wrote = r->cause == DETACH_CALL && !is_compat_call(t)
                           ? has_written(watch_of(t), pid_in_namespace(child, namespace_level(t)))
                           : WROTE_UNKNOWN;
        r->ptrace = child->ptrace;
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

static __always_inline bool is_attach(long request)
{
        return request == PTRACE_ATTACH || request == PTRACE_SEIZE;
}

/* Those that fail are told apart: who asks in vain does so by the thousand, too. */
static __always_inline void count_request(struct task_struct *t, __u32 pid, long request, long ret)
{
        __u64 now = bpf_ktime_get_boot_ns();
        struct count_key key = {
                .start_ns = t->group_leader->start_boottime,
                .pid = pid,
                .tracer = t->pid,
                .code = request,
                .result = ret < 0 && ret > -256 ? -ret : 0,
                .kind = COUNT_PTRACE,
        };
        struct count_value first = {.count = 1, .first_ns = now, .last_ns = now};
        struct count_value *v = bpf_map_lookup_elem(&counters, &key);

        if (v)
                count_event(v, now);
        else if (bpf_map_update_elem(&counters, &key, &first, BPF_NOEXIST))
                count_loss(LOSS_COUNTER_FULL);
}

/* An attach as its system call tells of it: by number. */
struct attach_call {
        long request, ret;
        __u64 options;
        __u32 vpid;
        bool entered; /* the kernel's ptrace was reached */
};
static __always_inline int send_attach_by_pid(struct task_struct *t, const struct attach_call *call);

/* Every other request of a tracer is counted; an attach to a pid that does not exist gets no further than
 * this. */
SEC("fexit/__x64_sys_ptrace")
int BPF_PROG(on_ptrace_call, const struct pt_regs *regs, long ret)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct attach_call call = {
                .request = BPF_CORE_READ(regs, di),
                .ret = ret,
                .vpid = BPF_CORE_READ(regs, si),
                .entered = true,
        };

        if (call.request == PTRACE_TRACEME)
                return 0;
        if (!is_attach(call.request)) {
                note_poke(t, call.request, regs, ret);
                count_request(t, call.vpid, call.request, ret);
        } else if (ret == -ESRCH)
                return send_attach_by_pid(t, &call);
        return 0;
}

/* Before it takes effect: whom it restarts is in its stop. */
SEC("fentry/ptrace_request")
int BPF_PROG(on_request, struct task_struct *child, long request, unsigned long addr, unsigned long data)
{
        if (is_restart(request) && !data)
                note_restart(bpf_get_current_task_btf(), child);
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

/*
 * Kernel functions that turn a number of the current pid namespace into a task, which they hold until it is
 * released. An extern that this kernel lacks would cost CAP_SYS_ADMIN (libbpf searches the modules for it),
 * so the calls bear placeholders, which the loader replaces where the kernel has both functions and lets a
 * program of this kind call them. Elsewhere finds_tasks is false, and nothing is found.
 */
const volatile bool finds_tasks = false;
static struct task_struct *(*task_from_vpid)(__s32 vpid) = (void *)KFUNC_TASK_FROM_VPID;
static void (*release_task)(struct task_struct *t) = (void *)KFUNC_TASK_RELEASE;

static __always_inline void describe_target_by_pid(struct rec_attach *r, struct task_struct *t)
{
        const struct task_struct *known;
        struct task_struct *target = finds_tasks ? task_from_vpid(r->vpid) : NULL;

        if (target) {
                describe_attach_target(r, t, target);
                release_task(target);
                return;
        }
        known = r->ret ? find_own_thread(t, r->vpid, r->ns_level) : find_tracee(t, r->vpid, r->ns_level);
        if (known)
                describe_attach_target(r, t, known);
}

static __always_inline int send_attach_by_pid(struct task_struct *t, const struct attach_call *call)
{
        __u64 now = bpf_ktime_get_boot_ns();
        struct watch *w = watch_of(t);
        struct rec_attach *r;

        if (refusal_is_flood(t, call->vpid, call->request, call->ret, now))
                return 0;
        r = new_attach(t, call->request, call->ret, now);
        if (!r)
                return 0;
        r->vpid = call->vpid;
        r->options = call->options;
        if (call->ret != -ESRCH)
                describe_target_by_pid(r, t);
        if (call->entered && w)
                take_holder(r, w);
        else if (!call->entered && r->flags & ATT_F_CALLER_FILTER)
                r->flags |= ATT_F_SECCOMP;
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
        r->ptrace = 0;
        r->wrote = has_written(watch_of(t), vpid);
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

/* What came of a call that may have been an attach. */
static __always_inline int send_attach_or_traceme(struct task_struct *t, const struct attach_call *call)
{
        if (is_attach(call->request))
                return send_attach_by_pid(t, call);
        return send_traceme(t, call->ret, !call->entered && has_seccomp_filter(t) ? ATT_F_SECCOMP : 0);
}

/*
 * Tier full, only where it is asked for: it runs for every system call of every sandboxed program. The filter has
 * put its answer where the call's result goes; of an answer by SIGSYS that is the number of the call. One that
 * kills never returns.
 */
SEC("fexit/__secure_computing")
int on_secure_computing(void *ctx)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);
        struct attach_call call = {};
        __u64 skip = 0;

        if (!in_ptrace_call(t) || is_compat_call(t))
                return 0;
        if (bpf_get_func_ret(ctx, &skip) || (__s32)skip != -1)
                return 0;
        call.request = BPF_CORE_READ(regs, di);
        call.vpid = BPF_CORE_READ(regs, si);
        call.ret = BPF_CORE_READ(regs, ax);
        if (!call.ret || (!is_attach(call.request) && call.request != PTRACE_TRACEME))
                return 0;
        return send_attach_or_traceme(t, &call);
}

static __always_inline void note_restart_by_pid(struct task_struct *t, __u32 vpid)
{
        struct task_struct *target = finds_tasks ? task_from_vpid(vpid) : NULL;
        const struct task_struct *tracee;

        if (target) {
                note_restart(t, target);
                release_task(target);
                return;
        }
        tracee = find_tracee(t, vpid, namespace_level(t));
        if (tracee)
                note_restart(t, tracee);
}

SEC("tp/syscalls/sys_enter_ptrace")
int enter_ptrace(struct sys_enter *ctx)
{
        struct task_struct *t = bpf_get_current_task_btf(), *target;
        struct watch *w = watch_of_or_new(t);

        if (!w)
                return 0;
        w->in_ptrace = 1;
        if (!is_attach(ctx->args[0])) {
                if (is_restart(ctx->args[0]) && !ctx->args[3])
                        note_restart_by_pid(t, ctx->args[1]);
                return 0;
        }
        describe_nobody(&w->holder);
        target = finds_tasks ? task_from_vpid(ctx->args[1]) : NULL;
        if (target) {
                keep_holder(w, target);
                release_task(target);
        }
        return 0;
}

static __always_inline bool has_tracee(struct task_struct *t, __u32 vpid)
{
        return find_tracee(t, vpid, namespace_level(t));
}

SEC("tp/syscalls/sys_exit_ptrace")
int exit_ptrace_call(struct sys_exit *ctx)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);
        struct watch *w = watch_of(t);
        struct attach_call call = {
                .request = BPF_CORE_READ(regs, di),
                .ret = ctx->ret,
                .vpid = BPF_CORE_READ(regs, si),
                .entered = w && w->in_ptrace,
        };

        /*
         * seccomp answers before the entry tracepoint: an exit without an entry is its doing, where there is
         * a filter. It may answer anything: an errno, a signal (then the number of the call is left as its
         * result), or 0 without any attach.
         */
        if (w)
                w->in_ptrace = 0;
        if (is_attach(call.request)) {
                if (!call.ret && !call.entered && !has_tracee(t, call.vpid))
                        return 0;
                if (!call.ret)
                        watch_process(t->group_leader, WATCH_TRACER);
                if (call.request == PTRACE_SEIZE)
                        call.options = BPF_CORE_READ(regs, r10);
                return send_attach_or_traceme(t, &call);
        }
        if (call.request == PTRACE_TRACEME) {
                if (!call.ret && !call.entered && !t->ptrace)
                        return 0;
                if (!call.ret)
                        watch_process(t->group_leader, WATCH_TRACEE);
                return send_attach_or_traceme(t, &call);
        }
        if (call.request == PTRACE_DETACH && !call.ret)
                return send_detach_by_pid(t, call.vpid, BPF_CORE_READ(regs, r10));
        note_poke(t, call.request, regs, call.ret);
        count_request(t, call.vpid, call.request, call.ret);
        return 0;
}
