/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/attach_facts.h"

#include <sys/ptrace.h>

#include "bpf/records.h"

#define ANCESTORS_MAX    64 /* of the target, when looking for the caller among them */
#define NAMESPACE_OWNER  1  /* pid of a process in the initial user namespace */
#define SECCOMP_FILTERED 2  /* Seccomp: in /proc/PID/status */

static struct access_ids ids_of(const struct proc_status *st)
{
        return (struct access_ids){
                .ruid = st->ruid,
                .euid = st->euid,
                .suid = st->suid,
                .rgid = st->rgid,
                .egid = st->egid,
                .sgid = st->sgid,
                .cap_permitted = st->cap_permitted,
                .cap_effective = st->cap_effective,
        };
}

static void add_target_facts(struct access_facts *f, const struct proc_status *caller,
                             const struct proc_status *target)
{
        const struct access_ids a = ids_of(caller), b = ids_of(target);
        bool yes;

        f->target = target->task;
        access_know(f, ATT_F_TARGET_KNOWN, true);
        access_know(f, ATT_F_KTHREAD, target->kthread);
        access_know(f, ATT_F_ZOMBIE, target->state == 'Z' || target->state == 'X');
        access_know(f, ATT_F_SAME_GROUP, caller->task.pid == target->task.pid);
        access_know(f, ATT_F_CHILD_OF_TARGET, caller->ppid == target->task.pid);
        access_compare(f, &a, &b);
        if (procfs_dumpable(target->task.pid, &yes) == 0)
                access_know(f, ATT_F_DUMPABLE, yes);
        if (procfs_same_ns(caller->task.pid, target->task.pid, "user", &yes) == 0)
                access_know(f, ATT_F_SAME_USERNS, yes);
        /* As good as in the same one, with all capabilities: a rootless container's, outside. */
        if (procfs_userns_owned(target->task.pid, caller->task.pid, caller->euid, &yes) == 0 && yes) {
                access_know(f, ATT_F_SAME_USERNS, true);
                access_know(f, ATT_F_CAP_PTRACE, true);
        }
        if (procfs_ancestor(target->ppid, caller->task.pid, ANCESTORS_MAX - 1))
                f->yama_exempt = ANSWER_YES;
}

void attach_facts(const struct proc_status *caller, const struct proc_status *target,
                  struct access_facts *ret)
{
        bool initial = false;

        *ret = (struct access_facts){
                .caller = caller->task,
                .request = PTRACE_ATTACH,
                .caller_uid = caller->ruid,
                .yama = procfs_yama_scope(),
                .caller_has_filter = caller->seccomp == SECCOMP_FILTERED,
                .target_gone = !target,
        };
        if (!target)
                return;
        add_target_facts(ret, caller, target);
        ret->caller_host_root = ret->facts & ATT_F_CAP_PTRACE &&
                                procfs_same_ns(caller->task.pid, NAMESPACE_OWNER, "user", &initial) == 0 &&
                                initial;
}
