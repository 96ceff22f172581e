// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that matter: fork, exec and exit of tracers, tracees, their parents and children, and of what
 * `record` follows. Others are let through after a look at two words and one look-up.
 */
#include "bpf/at_call.h"
#include "bpf/left.h"
#include "bpf/reaped.h"
#include "bpf/threads.h"

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

        if (thread)
                note_thread(parent);
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

/*
 * Did a set-uid program run without its rights because of its tracer (cap_bprm_creds_from_file())? All other
 * reasons are ruled out: no_new_privs and a shared working directory (bprm.unsafe), a mount with nosuid or of
 * another namespace, and a user namespace, in which ids mean something else.
 */
static __always_inline __u32 rights_ignored(struct task_struct *t, const struct linux_binprm *bprm,
                                            const struct file *file)
{
        const struct cred *cred = t->cred, *tracer = t->ptracer_cred;
        const struct vfsmount *mnt = BPF_CORE_READ(file, f_path.mnt);
        const struct mount *m = (const void *)((__u64)mnt - bpf_core_field_offset(struct mount, mnt));
        const struct inode *inode = BPF_CORE_READ(file, f_inode);
        __u32 mode = BPF_CORE_READ(inode, i_mode), flags = EXEC_F_UNTRUSTED;

        if (BPF_CORE_READ(bprm, unsafe) != LSM_UNSAFE_PTRACE || BPF_CORE_READ(cred, user_ns, level) ||
            BPF_CORE_READ(mnt, mnt_flags) & MNT_NOSUID ||
            BPF_CORE_READ(m, mnt_ns) != BPF_CORE_READ(t, nsproxy, mnt_ns))
                return 0;
        if (!tracer || (!BPF_CORE_READ(tracer, user_ns, level) && cap_ptrace(tracer)))
                return 0;
        if (mode & S_ISUID && BPF_CORE_READ(inode, i_uid.val) != BPF_CORE_READ(cred, euid.val) &&
            BPF_CORE_READ(cred, euid.val) == BPF_CORE_READ(cred, uid.val))
                flags |= EXEC_F_NO_OWNER;
        if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
            BPF_CORE_READ(inode, i_gid.val) != BPF_CORE_READ(cred, egid.val) &&
            BPF_CORE_READ(cred, egid.val) == BPF_CORE_READ(cred, gid.val))
                flags |= EXEC_F_NO_GROUP;
        return flags;
}

static __always_inline void describe_rights(struct rec_exec *r, struct task_struct *t,
                                            const struct linux_binprm *bprm)
{
        const struct file *file = BPF_CORE_READ(bprm, file);
        const struct inode *inode = BPF_CORE_READ(file, f_inode);

        r->inode = BPF_CORE_READ(inode, i_ino);
        r->dev = BPF_CORE_READ(inode, i_sb, s_dev);
        r->flags = t->ptrace ? rights_ignored(t, bprm, file) : 0;
        r->file_owner = r->flags & EXEC_F_NO_OWNER ? BPF_CORE_READ(inode, i_uid.val)
                                                   : BPF_CORE_READ(inode, i_gid.val);
        r->uid = BPF_CORE_READ(t, cred, uid.val);
        r->cap_permitted = 0;
        bpf_core_read(&r->cap_permitted, sizeof(r->cap_permitted), &t->cred->cap_permitted);
}

/* Handlers do not outlive their program; what it ignored stays ignored. */
static __always_inline void forget_program(struct watch *w)
{
        if (w->bits & WATCH_IGNORES)
                __sync_fetch_and_or(&w->bits, WATCH_IGNORED_BEFORE);
        __sync_fetch_and_and(&w->bits, ~(WATCH_HANDLER | WATCH_IGNORES));
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *t, int old_pid, struct linux_binprm *bprm)
{
        struct watch *w = watch_of(t->group_leader);
        struct rec_exec *r;

        if (w)
                w->threads_mark = 0; /* it has one thread again */
        if (!t->ptrace && !(w && w->bits))
                return 0;
        if (w)
                forget_program(w);
        r = reserve_record(REC_EXEC, sizeof(*r), bpf_ktime_get_boot_ns());
        if (!r)
                return 0;
        describe_task(&r->task, t);
        describe_tracer(&r->tracer, t);
        r->old_tid = old_pid;
        r->ptrace = t->ptrace;
        r->path[0] = 0;
        bpf_probe_read_kernel_str(r->path, sizeof(r->path), BPF_CORE_READ(bprm, filename));
        describe_rights(r, t, bprm);
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

        if (group_dead)
                note_discarded(t);
        else
                note_thread_end(t);
        if (has_tracees(t)) {
                send_exit(REC_TRACER_EXIT, t, group_dead, count_tracees(t));
                send_all_left(t);
        }
        if (t->ptrace || (group_dead && (trapped || watch_bits_of(t->group_leader))))
                send_exit(REC_EXIT, t, group_dead, 0);
        return 0;
}
