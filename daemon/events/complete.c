/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/complete.h"

#include <errno.h>

#include "bpf/records.h"
#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"
#include "daemon/events/enrich.h"

struct tracee_search {
        uint32_t tracer_pid, tracer_tid, vpid; /* tracer_tid 0: any thread of it */
        struct session found;
};

static int compare_session(void *userdata, const struct session *s)
{
        struct tracee_search *q = userdata;

        if ((q->tracer_tid ? s->tracer.tid != q->tracer_tid : s->tracer.pid != q->tracer_pid) ||
            (s->vpid ? s->vpid : s->target.tid) != q->vpid)
                return 0;
        q->found = *s;
        return 1;
}

static bool find_open_session(const struct model *m, uint32_t tracer_pid, uint32_t tracer_tid, uint32_t vpid,
                              struct session *ret)
{
        struct tracee_search q = {.tracer_pid = tracer_pid, .tracer_tid = tracer_tid, .vpid = vpid};

        if (!vpid || model_each_session(m, tracer_pid, false, compare_session, &q) != 1)
                return false;
        *ret = q.found;
        return true;
}

struct holder_search {
        uint32_t tid;
        struct session found;
};

static int compare_tracee(void *userdata, const struct session *s)
{
        struct holder_search *q = userdata;

        if (s->target.tid != q->tid)
                return 0;
        q->found = *s;
        return 1;
}

/* The target was gone when /proc was asked: the model still knows who held it. */
static void complete_refused(const struct model *m, struct event *e)
{
        struct holder_search q = {.tid = e->target.tid ?: e->vpid};

        if (e->facts & ATT_F_TARGET_KNOWN || e->tracer.pid || (e->ns_level && !e->target.tid) || !q.tid ||
            model_each_session(m, 0, false, compare_tracee, &q) != 1)
                return;
        if (!e->target.pid)
                e->target = q.found.target;
        if (task_same_process(&e->target, &q.found.target))
                e->tracer = q.found.tracer;
}

/* The end that listened is seen without its owner. */
static int compare_listener(void *userdata, const struct listener *l)
{
        struct event *e = userdata;

        if (l->netns != e->netns || l->port != e->port)
                return 0;
        e->target = l->task;
        return 1;
}

static int complete_target(const struct model *m, struct event *e)
{
        struct session s;

        if (e->target.pid || !e->vpid)
                return 0;
        switch (e->type) {
        case EV_PTRACE_DETACH:
        case EV_PTRACE_PLANT:
                if (find_open_session(m, e->tracer.pid, e->tracer.tid, e->vpid, &s)) {
                        e->target = s.target;
                        return 0;
                }
                return enrich_target(&e->tracer, e);
        case EV_PTRACE_ATTACH:
        case EV_PTRACE_SEIZE:
                return enrich_target(&e->tracer, e);
        default:
                return 0;
        }
}

int complete_event(const struct model *m, struct event *e)
{
        int r;

        if (e->type == EV_NET_CONNECT && e->server)
                model_each_listener(m, compare_listener, e);
        if (e->type == EV_PTRACE_REFUSED)
                complete_refused(m, e);
        if (e->type == EV_SIGNAL_SUPPRESSED)
                enrich_child(e);
        r = complete_target(m, e);
        if (e->type == EV_PTRACE_PLANT)
                enrich_plant(e);
        return r;
}

void complete_counter(const struct model *m, struct event *e)
{
        struct proc_status tracer;
        struct session s;

        if (e->target.pid || !e->tracer.tid)
                return;
        /* The key holds the tracer's thread; its process is what a session or /proc says. */
        if (find_open_session(m, 0, e->tracer.tid, e->vpid, &s)) {
                e->target = s.target;
                e->tracer = s.tracer;
                return;
        }
        /* A number of another pid namespace would name somebody else's process here. */
        if (procfs_task(e->tracer.tid, &e->tracer) < 0 ||
            procfs_status(e->tracer.pid, e->tracer.tid, &tracer) < 0)
                return;
        /* Another thread of it traces that one: the request was in vain. */
        if (find_open_session(m, e->tracer.pid, 0, e->vpid, &s)) {
                e->target = s.target;
                return;
        }
        if (tracer.n_nspid == 1)
                procfs_task(e->vpid, &e->target);
}
