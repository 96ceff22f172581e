/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/attach_facts.h"

#include <linux/capability.h>
#include <sys/ptrace.h>

#include "bpf/records.h"
#include "lib/proc/procfs_access.h"
#include "lib/proc/security_modules.h"
#include "daemon/claims/dumpable.h"

#define ANCESTORS_MAX    64 /* of the target, when looking for the caller among them */
#define NO_ID            ((uint32_t)-1)
#define SECCOMP_FILTERED 2 /* Seccomp: in /proc/PID/status */

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

static enum access_answer yes_or_no(bool yes)
{
        return yes ? ANSWER_YES : ANSWER_NO;
}

/* ---- user namespaces and memory ---------------------------------------------------------------------- */

/* The caller, and the namespaces above the target. */
struct standing {
        const struct proc_status *caller;
        struct proc_userns caller_ns;
        struct proc_userns_chain above;
};

static bool caller_capable(const struct standing *st, size_t over)
{
        return proc_userns_capable(&st->above, over, &st->caller_ns, st->caller->euid,
                                   st->caller->cap_effective >> CAP_SYS_PTRACE & 1);
}

/*
 * Could the target's memory be not dumpable, and of the namespace at that place above it? Its files then belong to
 * root of that one. Who is root in those between is not known.
 */
static bool may_be_memory_of(const struct standing *st, const struct proc_files_owner *files, size_t place)
{
        const bool first = st->above.n == place + 1; /* of the machine, as far as we see */
        const bool own = place == 0;

        if (first && (files->uid != 0 || files->gid != 0))
                return false;
        if (!own || first)
                return true;
        /* Without a root there, they are given to that of the machine. */
        return files->uid == (files->root_uid == NO_ID ? 0 : files->root_uid) &&
               files->gid == (files->root_gid == NO_ID ? 0 : files->root_gid);
}

/*
 * Files that belong to somebody else than the target itself say that its memory is not dumpable. Those that belong
 * to it say so too where it is root, of one of the namespaces above it: then only trying tells.
 */
static void add_memory_facts(struct access_facts *f, const struct standing *st,
                             const struct proc_status *target)
{
        struct proc_files_owner files;
        bool own, dumpable, all = true, none = true, any = false;

        if (procfs_files_owner(target->task.pid, target->task.tid, &files) < 0)
                return;
        own = files.uid == target->euid && files.gid == target->egid;
        for (size_t i = 0; i < st->above.n; i++) {
                if (!may_be_memory_of(st, &files, i))
                        continue;
                any = true;
                if (caller_capable(st, i))
                        none = false;
                else
                        all = false;
        }
        if (any && all != none)
                f->cap_over_memory = yes_or_no(all);
        if (!own || !any)
                access_know(f, ATT_F_DUMPABLE, own);
        else if (st->above.n == 1 && dumpable_by_trial(target, &dumpable) == 0)
                access_know(f, ATT_F_DUMPABLE, dumpable);
}

static void add_userns_facts(struct access_facts *f, const struct proc_status *caller,
                             const struct proc_status *target)
{
        struct standing st = {.caller = caller};
        struct proc_userns_chain callers;

        if (procfs_userns_chain(caller->task.pid, caller->task.tid, &callers) < 0 || callers.n == 0)
                return;
        st.caller_ns = callers.ns[0];
        access_know(f, ATT_F_CALLER_USERNS, callers.n > 1);
        f->caller_host_root = f->facts & ATT_F_CAP_PTRACE && callers.n == 1;
        if (procfs_userns_chain(target->task.pid, target->task.tid, &st.above) < 0 || st.above.n == 0)
                return;
        access_know(f, ATT_F_SAME_USERNS, proc_userns_same(&st.above.ns[0], &st.caller_ns));
        f->cap_over_target = yes_or_no(caller_capable(&st, 0));
        add_memory_facts(f, &st, target);
}

/* ---- both -------------------------------------------------------------------------------------------- */

static void add_target_facts(struct access_facts *f, const struct proc_status *caller,
                             const struct proc_status *target)
{
        const struct access_ids a = ids_of(caller), b = ids_of(target);
        bool ended = target->state == 'Z' || target->state == 'X';

        f->target = target->task;
        access_know(f, ATT_F_TARGET_KNOWN, true);
        access_know(f, ATT_F_KTHREAD, target->kthread);
        access_know(f, ATT_F_ZOMBIE, ended);
        access_know(f, ATT_F_LEADER_ZOMBIE,
                    ended && target->task.tid == target->task.pid &&
                            procfs_living_tid(target->task.pid, &f->worker) == 0);
        access_know(f, ATT_F_SAME_GROUP, caller->task.pid == target->task.pid);
        access_know(f, ATT_F_CHILD_OF_TARGET, caller->ppid == target->task.pid);
        access_compare(f, &a, &b);
        add_userns_facts(f, caller, target);
        if (procfs_ancestor(target->ppid, caller->task.pid, ANCESTORS_MAX - 1))
                f->yama_exempt = ANSWER_YES;
}

void attach_facts(const struct proc_status *caller, const struct proc_status *target,
                  struct access_facts *ret)
{
        *ret = (struct access_facts){
                .caller = caller->task,
                .request = PTRACE_ATTACH,
                .caller_uid = caller->ruid,
                .ns_level = caller->n_nspid > 1 ? (uint32_t)caller->n_nspid - 1 : 0,
                .yama = procfs_yama_scope(),
                .target_gone = !target,
        };
        security_modules(SECURITY_MODULES_PATH, PROC_ATTR_PATH, ret->modules);
        access_know(ret, ATT_F_CALLER_FILTER, caller->seccomp == SECCOMP_FILTERED);
        if (target)
                add_target_facts(ret, caller, target);
}
