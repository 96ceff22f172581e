/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_AT_CALL_H
#define PTRACED_AT_CALL_H

/*
 * What decides whether an attach is let through, looked at in the call itself: a moment later the caller may
 * be gone, its holder may have let go. As __ptrace_may_access() and cap_ptrace_access_check() ask.
 */

#include "bpf/observe.h"

#define USERNS_DEPTH 33 /* the kernel has 32 levels below the initial one */

static __always_inline bool cap_ptrace(const struct cred *c)
{
        __u64 caps = 0;

        bpf_core_read(&caps, sizeof(caps), &c->cap_effective);
        return caps & (1ULL << CAP_SYS_PTRACE);
}

/* As cap_capable(): a capability counts in its own user namespace and below, and who made a namespace has all
 * of them in it. */
static __always_inline bool cap_ptrace_over(const struct cred *c, const struct user_namespace *ns)
{
        const struct user_namespace *own = BPF_CORE_READ(c, user_ns), *parent;
        __s32 level = BPF_CORE_READ(own, level);

        for (int i = 0; i < USERNS_DEPTH && ns; i++) {
                if (ns == own)
                        return cap_ptrace(c);
                if (BPF_CORE_READ(ns, level) <= level)
                        return false;
                parent = BPF_CORE_READ(ns, parent);
                if (parent == own && BPF_CORE_READ(ns, owner.val) == BPF_CORE_READ(c, euid.val))
                        return true;
                ns = parent;
        }
        return false;
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

/* Set before loading, where a task has an exec_state: where its members lie. */
const volatile __u32 exec_state_dumpable __weak = 0;
const volatile __u32 exec_state_user_ns __weak = 0;

static __always_inline __u64 read_exec_state(const struct task_struct *t, __u32 member)
{
        __u64 state = (__u64)BPF_CORE_READ(t, exec_state), value = 0;

        bpf_probe_read_kernel(&value, sizeof(value), (void *)(state + member));
        return value;
}

static __always_inline bool dumpable(const struct task_struct *t)
{
        const struct mm_struct *mm = BPF_CORE_READ(t, mm);
        const struct mm_struct___word *word = (const void *)mm;
        const struct mm_struct___bitmap *bitmap = (const void *)mm;
        __u64 flags = 0;

        if (!mm)
                return true;
        if (bpf_core_field_exists(t->exec_state))
                return (__u32)read_exec_state(t, exec_state_dumpable) == TASK_DUMPABLE_OWNER;
        if (bpf_core_field_exists(word->flags))
                bpf_core_read(&flags, sizeof(flags), &word->flags);
        else if (bpf_core_field_exists(bitmap->flags))
                bpf_core_read(&flags, sizeof(flags), &bitmap->flags);
        else
                return true;
        return (flags & 3) == SUID_DUMP_USER;
}

static __always_inline bool has_seccomp_filter(const struct task_struct *t)
{
        return bpf_core_field_exists(t->seccomp.mode) &&
               BPF_CORE_READ(t, seccomp.mode) == SECCOMP_MODE_FILTER;
}

/* Asked of the task that runs: its system call is one of 32 bits. */
static __always_inline bool is_compat_call(const struct task_struct *t)
{
        return BPF_CORE_READ(t, thread_info.status) & TS_COMPAT;
}

/* The state of the target. Its main thread may have ended while others go on. */
static __always_inline __u32 facts_of_target(const struct task_struct *t)
{
        __u32 flags = BPF_CORE_READ(t, flags), f = 0;

        if (flags & PF_KTHREAD)
                return ATT_F_KTHREAD | ATT_F_DUMPABLE;
        if (BPF_CORE_READ(t, exit_state)) {
                f |= ATT_F_ZOMBIE;
                if (BPF_CORE_READ(t, pid) == BPF_CORE_READ(t, tgid) &&
                    BPF_CORE_READ(t, signal, live.counter) > 0)
                        f |= ATT_F_LEADER_ZOMBIE;
        }
        if (flags & PF_EXITING || !BPF_CORE_READ(t, mm))
                f |= ATT_F_TARGET_EXITING;
        if (dumpable(t))
                f |= ATT_F_DUMPABLE;
        return f;
}

/* Of the memory it runs in; NULL: it has none. */
static __always_inline const struct user_namespace *memory_namespace(const struct task_struct *t)
{
        const struct mm_struct *mm = BPF_CORE_READ(t, mm);
        const struct user_namespace *ns = NULL;

        if (!mm)
                return NULL;
        if (bpf_core_field_exists(mm->user_ns))
                bpf_core_read(&ns, sizeof(ns), &mm->user_ns);
        else if (bpf_core_field_exists(t->exec_state))
                ns = (const void *)read_exec_state(t, exec_state_user_ns);
        return ns;
}

/* c and t: credentials of who wants to trace and of the target; mm_ns: memory_namespace() of that. */
static __always_inline __u32 facts_of_creds(const struct cred *c, const struct cred *t,
                                            const struct user_namespace *mm_ns)
{
        const struct user_namespace *ns = BPF_CORE_READ(t, user_ns);
        bool over = cap_ptrace_over(c, ns);
        __u32 f = 0;

        if (uid_match(c, t))
                f |= ATT_F_UID_MATCH;
        if (caps_subset(c, t))
                f |= ATT_F_CAPS_SUBSET;
        if (BPF_CORE_READ(c, user_ns) == ns)
                f |= ATT_F_SAME_USERNS;
        if (over)
                f |= ATT_F_CAP_CRED_NS;
        if (mm_ns && mm_ns != ns ? cap_ptrace_over(c, mm_ns) : over)
                f |= ATT_F_CAP_TARGET_NS;
        return f;
}

/* Whose thread is it, and whose child. */
static __always_inline __u32 facts_of_kinship(const struct task_struct *caller,
                                              const struct task_struct *target)
{
        const struct mm_struct *mm = BPF_CORE_READ(caller, mm);
        __u32 f = 0;

        if (BPF_CORE_READ(target, tgid) == BPF_CORE_READ(caller, tgid))
                f |= ATT_F_SAME_GROUP;
        if (mm && mm == BPF_CORE_READ(target, mm))
                f |= ATT_F_SAME_MM;
        if (BPF_CORE_READ(caller, real_parent, tgid) == BPF_CORE_READ(target, tgid))
                f |= ATT_F_CHILD_OF_TARGET;
        return f;
}

/* What is known of the caller without a target. */
static __always_inline __u32 facts_of_caller(const struct task_struct *caller)
{
        const struct cred *c = BPF_CORE_READ(caller, cred);
        __u32 f = 0;

        if (cap_ptrace(c))
                f |= ATT_F_CAP_PTRACE;
        if (BPF_CORE_READ(c, user_ns, level) > 0)
                f |= ATT_F_CALLER_USERNS;
        if (has_seccomp_filter(caller))
                f |= ATT_F_CALLER_FILTER;
        if (is_compat_call(caller))
                f |= ATT_F_COMPAT;
        return f;
}

static __always_inline void describe_caller(struct rec_attach *r, struct task_struct *caller)
{
        describe_task(&r->caller, caller);
        r->caller_uid = BPF_CORE_READ(caller, cred, uid.val);
        r->ns_level = namespace_level(caller);
        r->flags = facts_of_caller(caller);
}

static __always_inline void describe_target_itself(struct rec_attach *r, const struct task_struct *target)
{
        describe_task(&r->target, target);
        r->ptrace = BPF_CORE_READ(target, ptrace);
        r->target_uid = BPF_CORE_READ(target, real_cred, uid.val);
        r->flags |= ATT_F_TARGET_KNOWN | ATT_F_AT_CALL | facts_of_target(target);
}

/* The record has its caller already. */
static __always_inline void describe_attach_target(struct rec_attach *r, const struct task_struct *caller,
                                                   const struct task_struct *target)
{
        describe_target_itself(r, target);
        r->flags |= facts_of_creds(BPF_CORE_READ(caller, cred), BPF_CORE_READ(target, real_cred),
                                   memory_namespace(target)) |
                    facts_of_kinship(caller, target);
        if (r->ret)
                describe_tracer(&r->holder, target);
}

/* The one who asks is to be traced; who is to trace is its parent, and stands in the caller's place. */
static __always_inline void describe_traceme(struct rec_attach *r, const struct task_struct *t)
{
        describe_target_itself(r, t);
        r->flags |= facts_of_creds(BPF_CORE_READ(t, real_parent, real_cred), BPF_CORE_READ(t, cred),
                                   memory_namespace(t));
        describe_tracer(&r->holder, t);
}

/* ---- before and after -------------------------------------------------------------------------------- */

/* Who traces the target as the attach begins; take_holder() wants to know. */
static __always_inline void keep_holder(struct watch *w, const struct task_struct *target)
{
        describe_tracer(&w->holder, target);
}

/* Who holds the target now counts, else who held it when the call began. */
static __always_inline void take_holder(struct rec_attach *r, struct watch *w)
{
        if (r->ret && !r->holder.pid)
                r->holder = w->holder;
}

#endif
