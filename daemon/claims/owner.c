/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/line_reader.h"
#include "lib/proc/procfs.h"

#define CGROUP_DEPTH    64
#define PATH_TEXT_MAX   4096
#define NSS_BUFFER_SIZE 4096
#define KERNEL_MINOR    20 /* bits of a minor number in the kernel's dev_t */

/* ---- identities -------------------------------------------------------------------------------------- */

struct guard_process owner_key(const struct task_ref *t)
{
        return (struct guard_process){.pid = t->pid, .start = t->start};
}

void owner_cgroup_path(uint32_t pid, char *buf, size_t size)
{
        _cleanup_close_ int fd = -1;
        struct line_reader reader;
        char path[64], *line;

        *buf = '\0';
        snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        line_reader_init(&reader, fd);
        while (line_reader_next(&reader, &line) > 0)
                if (!strncmp(line, "0::", 3))
                        snprintf(buf, size, "%s", line + 3);
}

/* ---- owners ------------------------------------------------------------------------------------------ */

static void describe_process(uint32_t pid, const char *comm, char text[CLAIM_OWNER_TEXT_MAX])
{
        if (*comm)
                snprintf(text, CLAIM_OWNER_TEXT_MAX, "pid %u (%s)", pid, comm);
        else
                snprintf(text, CLAIM_OWNER_TEXT_MAX, "pid %u", pid);
}

void owner_describe(const struct guard_owner *o, char text[CLAIM_OWNER_TEXT_MAX])
{
        char buf[NSS_BUFFER_SIZE];
        struct passwd pw, *found = NULL;
        struct proc_stat st;

        switch ((enum guard_owner_kind)o->kind) {
        case OWNER_PROCESS:
                if (procfs_stat(o->process.pid, 0, &st) == 0 && st.start == o->process.start)
                        describe_process(o->process.pid, st.comm, text);
                else
                        describe_process(o->process.pid, "", text);
                return;
        case OWNER_UID:
                if (getpwuid_r(o->uid, &pw, buf, sizeof(buf), &found) == 0 && found)
                        snprintf(text, CLAIM_OWNER_TEXT_MAX, "uid %u (%.32s)", o->uid, pw.pw_name);
                else
                        snprintf(text, CLAIM_OWNER_TEXT_MAX, "uid %u", o->uid);
                return;
        case OWNER_EXE:
                snprintf(text, CLAIM_OWNER_TEXT_MAX, "exe of inode %" PRIu64 " on device %u:%u", o->inode,
                         o->dev >> KERNEL_MINOR, o->dev & ((1U << KERNEL_MINOR) - 1));
                return;
        case OWNER_CGROUP:
                snprintf(text, CLAIM_OWNER_TEXT_MAX, "cgroup %" PRIu64, o->cgroup);
                return;
        default:
                snprintf(text, CLAIM_OWNER_TEXT_MAX, "whoever shows its token");
        }
}

void owner_be_process(const struct task_ref *t, struct guard_owner *ret, char text[CLAIM_OWNER_TEXT_MAX])
{
        *ret = (struct guard_owner){.kind = OWNER_PROCESS};
        ret->process = owner_key(t);
        describe_process(t->pid, t->comm, text);
}

static int find_owner_process(const struct owner_wish *wish, struct guard_owner *ret,
                              char text[CLAIM_OWNER_TEXT_MAX])
{
        struct task_ref t;
        int r = procfs_task(wish->number, &t);

        if (r < 0)
                return r;
        if (t.pid != wish->number)
                return -ESRCH; /* a thread of it: its process is meant, but not said */
        owner_be_process(&t, ret, text);
        return 0;
}

int owner_find(const struct owner_wish *wish, struct guard_owner *ret, char text[CLAIM_OWNER_TEXT_MAX])
{
        int r = 0;

        *ret = (struct guard_owner){.kind = wish->kind};
        if (wish->kind == OWNER_PROCESS)
                return find_owner_process(wish, ret, text);
        if (wish->kind == OWNER_UID)
                ret->uid = wish->number;
        else if (wish->kind == OWNER_EXE)
                r = lookup_file(wish->rights, wish->path, &ret->dev, &ret->inode);
        else if (wish->kind == OWNER_CGROUP)
                r = lookup_cgroup(wish->rights, wish->path, &ret->cgroup);
        if (r < 0)
                return r;
        owner_describe(ret, text);
        if (wish->path)
                snprintf(text, CLAIM_OWNER_TEXT_MAX, "%s %s", wish->kind == OWNER_EXE ? "exe" : "cgroup",
                         wish->path);
        return 0;
}

/* The tracer itself, or a generation above it. */
static bool descends(const struct task_ref *tracer, const struct guard_process *owner)
{
        return owner->pid > 1 && owner->start &&
               procfs_ancestor(tracer->pid, owner->pid, GUARD_ANCESTORS_MAX) == owner->start;
}

static bool runs_exe(const struct task_ref *tracer, const struct guard_owner *o)
{
        uint64_t inode;
        uint32_t dev;

        return lookup_exe_of(tracer->pid, &dev, &inode) == 0 && inode == o->inode && dev == o->dev;
}

static bool has_uid(const struct task_ref *tracer, uint32_t uid)
{
        struct proc_status st;

        return procfs_status(tracer->pid, 0, &st) == 0 && st.ruid == uid;
}

static bool in_cgroup(const struct task_ref *tracer, uint64_t id)
{
        char path[PATH_TEXT_MAX];
        uint64_t this_id;

        owner_cgroup_path(tracer->pid, path, sizeof(path));
        for (int i = 0; i < CGROUP_DEPTH && *path; i++) {
                char *slash;

                if (lookup_cgroup(NULL, path, &this_id) == 0 && this_id == id)
                        return true;
                slash = strrchr(path, '/');
                if (!slash || !slash[1])
                        break;
                slash[slash == path] = '\0';
        }
        return false;
}

struct task_ref owner_task(const struct guard_owner *o)
{
        return o->kind == OWNER_PROCESS ? (struct task_ref){.pid = o->process.pid, .start = o->process.start}
                                        : (struct task_ref){};
}

static bool admits_pid(const struct guard_owner *o, const struct task_ref *tracer)
{
        switch ((enum guard_owner_kind)o->kind) {
        case OWNER_PROCESS:
                return descends(tracer, &o->process);
        case OWNER_EXE:
                return runs_exe(tracer, o);
        case OWNER_UID:
                return has_uid(tracer, o->uid);
        case OWNER_CGROUP:
                return in_cgroup(tracer, o->cgroup);
        default:
                return false;
        }
}

/* What was read of a pid that is another process's by now counts for nobody. */
bool owner_admits(const struct guard_owner *o, const struct task_ref *tracer)
{
        struct proc_stat st;

        return admits_pid(o, tracer) &&
               (!tracer->start || (procfs_stat(tracer->pid, 0, &st) == 0 && st.start == tracer->start));
}

bool owner_claim_holds(const struct claim *c)
{
        const struct claim_request *r = &c->request;
        struct proc_status st;

        return r->asker.privileged || procfs_status(r->target.pid, 0, &st) < 0 ||
               (st.ruid == r->asker.uid && st.euid == r->asker.uid && st.suid == r->asker.uid);
}

/* ---- tracers ----------------------------------------------------------------------------------------- */

struct tracer_look {
        uint32_t target;
        const struct hold *hold;
        const struct guard_owner *owner;
        struct tracer_seen seen;
        uint32_t last; /* tracer looked at before: threads mostly share one */
        unsigned n;
};

/* Non-zero: a stranger was found, and nothing else is of interest. */
static int ask_thread(void *userdata, uint32_t pid, uint32_t tid)
{
        struct tracer_look *s = userdata;
        struct tracer_seen seen;
        uint32_t tracer;

        if (s->n++ >= GUARD_THREADS_MAX)
                return 1;
        if (procfs_tracer_tid(pid, tid, &tracer) < 0 || !tracer || tracer == s->last)
                return 0;
        s->last = tracer;
        if (procfs_task(tracer, &seen.task) < 0 || (s->hold && hold_is_helper(s->hold, seen.task.pid)))
                return 0;
        seen.admitted = s->owner && owner_admits(s->owner, &seen.task);
        if (!seen.admitted || !s->seen.task.pid)
                s->seen = seen;
        return !seen.admitted;
}

/* Sessions in which the process is the tracer say nothing of who traces it. */
static int ask_session(void *userdata, const struct session *session)
{
        const struct tracer_look *s = userdata;

        return session->target.pid == s->target && session->target.tid
                       ? ask_thread(userdata, s->target, session->target.tid)
                       : 0;
}

struct tracer_seen tracers_look(const struct tracers *t, const struct task_ref *target,
                                const struct guard_owner *owner)
{
        struct tracer_look s = {.target = target->pid, .hold = t->hold, .owner = owner};
        struct proc_stat now;

        if (procfs_stat(target->pid, 0, &now) < 0 || now.start != target->start)
                return s.seen;
        model_each_session(t->model, target->pid, false, ask_session, &s);
        if (s.seen.task.pid && !s.seen.admitted)
                return s.seen;
        s.n = 0;
        procfs_each_thread(target->pid, ask_thread, &s);
        return s.seen;
}
