/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/tracers.h"

#include "bpf/guard_maps.h"
#include "lib/proc/procfs.h"

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
