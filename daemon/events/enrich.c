/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/enrich.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/proc/elf_text.h"
#include "lib/proc/file_rights.h"
#include "lib/proc/procfs.h"
#include "lib/proc/security_modules.h"
#include "lib/event/record.h"

#define CAP_BIT(cap) (1ULL << (cap))

/* A thread that began after the event only has the number of the one meant. */
static bool began_later(const struct task_ref *task, const struct event *e)
{
        return e->time_ns && task->tid_start > e->time_ns / NSEC_PER_TICK + 1;
}

static int resolve(const struct task_ref *caller, const struct event *e, uint32_t *ret_tid)
{
        struct task_ref now;

        if (e->vpid == 0)
                return -ESRCH;
        if (e->ns_level == 0) {
                *ret_tid = e->vpid;
                return 0;
        }
        if (procfs_task(caller->tid ?: caller->pid, &now) == 0 && task_same_process(&now, caller))
                return procfs_resolve_vpid(now.tid, e->vpid, ret_tid);
        return procfs_resolve_vpid_at(e->ns_level, e->vpid, ret_tid);
}

int enrich_target(const struct task_ref *caller, struct event *e)
{
        struct task_ref target;
        uint32_t tid;
        int r;

        r = resolve(caller, e, &tid);
        if (r < 0)
                return r;
        r = procfs_task(tid, &target);
        if (r < 0)
                return r;
        if (began_later(&target, e))
                return -ESRCH;
        e->target = target;
        return 0;
}

void enrich_child(struct event *e)
{
        struct event by_number = {
                .vpid = (uint32_t)e->info_pid, .ns_level = e->ns_level, .time_ns = e->time_ns};

        if (e->sig != SIGCHLD || e->info_pid <= 0 || enrich_target(&e->target, &by_number) < 0)
                return;
        e->actor = by_number.target;
}

/* ---- refused attaches ------------------------------------------------------------------------------ */

/* Facts about the target alone. */
static uint32_t target_facts(const struct proc_status *target)
{
        uint32_t facts = 0;
        bool dumpable;

        if (target->kthread)
                facts |= ATT_F_KTHREAD;
        if (target->state == 'Z' || target->state == 'X')
                facts |= ATT_F_ZOMBIE;
        /* Where it cannot be told, dumpable: nobody is to be sent after a cause that is only possible. */
        if (procfs_dumpable(target->task.pid, &dumpable) < 0 || dumpable)
                facts |= ATT_F_DUMPABLE;
        return facts;
}

/* ptrace(2) compares the caller's real ids (PTRACE_MODE_ATTACH_REALCREDS), unlike reading /proc. */
static bool ids_match(uint32_t uid, uint32_t gid, const struct proc_status *t)
{
        return uid == t->ruid && uid == t->euid && uid == t->suid && gid == t->rgid && gid == t->egid &&
               gid == t->sgid;
}

static uint32_t caller_facts(const struct proc_status *caller, const struct proc_status *target)
{
        uint32_t c = caller->task.pid, t = target->task.pid, facts = 0;
        bool same = true, within = true;

        if (c == t)
                facts |= ATT_F_SAME_GROUP;
        if (syscall(SYS_kcmp, c, t, KCMP_VM, 0, 0) == 0)
                facts |= ATT_F_SAME_MM;
        if (caller->ppid == t)
                facts |= ATT_F_CHILD_OF_TARGET;
        if (ids_match(caller->ruid, caller->rgid, target))
                facts |= ATT_F_UID_MATCH;
        if ((target->cap_permitted & ~caller->cap_permitted) == 0)
                facts |= ATT_F_CAPS_SUBSET;
        if (procfs_same_ns(c, t, "user", &same) < 0 || same)
                facts |= ATT_F_SAME_USERNS;
        /* A capability counts in its own user namespace and in those below. */
        if ((caller->cap_effective & CAP_BIT(CAP_SYS_PTRACE)) &&
            (same || (procfs_ns_within(t, c, "user", &within) == 0 && within)))
                facts |= ATT_F_CAP_PTRACE;
        return facts;
}

/* The caller is gone: what its uid tells, and nothing that would accuse where we do not know. */
static uint32_t absent_caller_facts(const struct event *e, const struct proc_status *target)
{
        uint32_t uid = e->caller_uid, facts = 0;
        bool ours = false;

        /* The kernel side said whether the caller was in the initial user namespace, where we take ourselves
         * to be. */
        if (!(e->facts & ATT_F_CALLER_USERNS) ||
            procfs_same_ns((uint32_t)getpid(), target->task.pid, "user", &ours) < 0 || !ours)
                facts |= ATT_F_SAME_USERNS;
        if (uid == target->ruid && uid == target->euid && uid == target->suid)
                facts |= ATT_F_UID_MATCH;
        if (target->cap_permitted == 0)
                facts |= ATT_F_CAPS_SUBSET;
        return facts;
}

static bool is_there(const struct task_ref *t, struct proc_status *ret)
{
        return procfs_status(t->pid, t->tid, ret) == 0 && task_same_process(&ret->task, t);
}

static void add_facts(struct event *e, const struct proc_status *target)
{
        struct proc_status caller;
        uint32_t facts = 0;

        e->facts |= ATT_F_TARGET_KNOWN | target_facts(target);
        e->target_uid = target->ruid;
        if (is_there(&e->actor, &caller))
                facts = caller_facts(&caller, target);
        /* Of one who ended meanwhile only half was found. */
        e->facts |= is_there(&e->actor, &caller) ? facts : absent_caller_facts(e, target);
}

static int refused_target(struct event *e)
{
        struct task_ref task;
        int r;

        if (e->target.pid)
                return 0;
        if (e->request == PTRACE_TRACEME) {
                e->target = e->actor;
                return 0;
        }
        if (e->error != ESRCH)
                return enrich_target(&e->actor, e);

        /* No such process for the caller. What the number means to us explains it only if they differ. */
        if (e->ns_level == 0)
                return -ESRCH;
        r = procfs_task(e->vpid, &task);
        if (r < 0)
                return r;
        if (began_later(&task, e))
                return -ESRCH;
        e->target = task;
        return 0;
}

/* Of a process whose main thread has ended before the others: one of these. */
static void note_worker(struct event *e)
{
        if (e->facts & (ATT_F_ZOMBIE | ATT_F_LEADER_ZOMBIE) && e->target.tid == e->target.pid &&
            procfs_living_tid(e->target.pid, &e->worker) == 0)
                e->facts |= ATT_F_LEADER_ZOMBIE;
}

int enrich_refused(struct event *e)
{
        struct proc_status target;
        struct task_ref holder;
        int r;

        e->yama = procfs_yama_scope();
        security_modules(SECURITY_MODULES_PATH, PROC_ATTR_PATH, e->modules);
        r = refused_target(e);
        if (r < 0)
                return r;
        if (e->facts & ATT_F_TARGET_KNOWN) {
                /* The kernel side looked at the very moment: /proc can only know less. */
                note_worker(e);
                return 0;
        }
        r = procfs_status(e->target.pid, e->target.tid, &target);
        if (r < 0)
                return r;
        if (!task_same_process(&target.task, &e->target))
                return -ESRCH;
        if (e->error == ESRCH)
                return 0; /* it was not found by the caller, so nothing of it was checked */
        if (e->tracer.pid == 0 && target.tracer_tid && procfs_task(target.tracer_tid, &holder) == 0)
                e->tracer = holder;
        if (e->request != PTRACE_TRACEME)
                add_facts(e, &target);
        note_worker(e);
        return 0;
}

/* ---- exec ------------------------------------------------------------------------------------------ */

void enrich_exec(const struct rec_exec *r, struct event *e)
{
        _cleanup_close_ int fd = -1;
        char link[32], name[EVENT_PATH_MAX];
        uint64_t granted;

        if (!(r->flags & EXEC_F_UNTRUSTED) || e->ignored)
                return;
        fd = elf_text_open_mapped(e->target.pid, r->dev, r->inode, "", name, sizeof(name));
        if (fd < 0)
                return;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (file_capabilities(link, &granted) == 0 && granted & ~r->cap_permitted)
                e->ignored = IGNORED_CAPABILITIES;
}
