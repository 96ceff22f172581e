/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/answer.h"

#include <errno.h>

#include "lib/base/clock.h"
#include "lib/event/record.h"
#include "lib/access/access.h"
#include "lib/proc/procfs.h"
#include "daemon/claims/attach_facts.h"

void api_refuse(struct api_call *call, uint32_t pid)
{
        api_fail(call, MHD_HTTP_FORBIDDEN, "not-permitted",
                 "Ask as root, or as a member of group " PEER_GROUP ".",
                 "Process %u does not run as user %u, who asks: it is a matter of its own user, root and "
                 "group " PEER_GROUP " only.",
                 pid, (unsigned)call->peer.uid);
}

struct lifetime api_lifetime(const struct api_call *call)
{
        const struct request_args *a = &call->args;
        struct lifetime l = {.pid = a->pid};
        struct process_view v;
        struct task_ref now;

        if (!a->pid || a->earlier)
                return l;
        if (procfs_task(a->pid, &now) == 0 && now.pid == a->pid)
                l.start = now.start;
        else if (store_last_start(call->api->store, a->pid, &l.start) < 0) {
                if (model_process(pump_model(call->api->pump), a->pid, &v) < 0 || !v.task.start)
                        return l;
                l.start = v.task.start;
        }
        l.start_wall_ns = clock_wall_ns() - clock_boot_ns() + l.start * NSEC_PER_TICK;
        return l;
}

bool api_live_target(struct api_call *call, uint32_t pid, struct proc_status *ret)
{
        if (procfs_status(pid, 0, ret) < 0)
                api_fail(call, MHD_HTTP_NOT_FOUND, "no-such-process",
                         "Inside a container pids differ: use the pid that ps shows on the host.",
                         "There is no process %u.", pid);
        else if (ret->task.pid != pid)
                api_fail(call, MHD_HTTP_NOT_FOUND, "is-a-thread", "Name the process.",
                         "%u is a thread of process %u.", pid, ret->task.pid);
        else if (!call->peer.privileged && !peer_runs(&call->peer, ret))
                api_refuse(call, pid);
        else {
                ret->task.tid = 0;
                ret->task.tid_start = 0;
                return true;
        }
        return false;
}

bool api_target(struct api_call *call, uint32_t pid, struct task_ref *ret)
{
        struct proc_status st;

        if (!api_live_target(call, pid, &st))
                return false;
        *ret = st.task;
        return true;
}

bool api_caller(struct api_call *call, struct proc_status *ret)
{
        int r = peer_process(&call->peer, ret);

        if (r == -ENXIO)
                api_fail(call, MHD_HTTP_BAD_REQUEST, "no-caller", "Name an owner, or ask from this machine.",
                         "The process that asks cannot be seen from here, so nothing can be done or said in "
                         "its name.");
        else if (r == -ESRCH)
                api_fail(call, MHD_HTTP_FORBIDDEN, "no-caller",
                         "Ask over a connection that this process opens itself.",
                         "Process %u, which opened this connection, has ended: nobody else can act in its "
                         "name.",
                         call->peer.process.pid);
        else if (r < 0)
                api_fail(call, MHD_HTTP_FORBIDDEN, "no-caller",
                         "Ask over a connection that this process opens now.",
                         "Process %u, which opened this connection as user %u, runs as another user now.",
                         call->peer.process.pid, (unsigned)call->peer.uid);
        return r == 0;
}

bool api_may_trace_as(struct api_call *call, const struct proc_status *caller,
                      const struct proc_status *target, const char *what)
{
        char why[ACCESS_TEXT_MAX] = "";
        struct access_facts facts;

        if (call->peer.privileged)
                return true;
        attach_facts(caller, target, &facts);
        if (access_rights(&facts, why) == ACCESS_NONE)
                return true;
        api_fail(call, MHD_HTTP_FORBIDDEN, "not-permitted", "Ask as root.",
                 "User %u may not %s process %u, which the kernel would not let them trace: %s.",
                 (unsigned)call->peer.uid, what, target->task.pid, why);
        return false;
}

bool api_may_trace(struct api_call *call, const struct task_ref *target, const char *what)
{
        struct proc_status st, caller;

        if (call->peer.privileged)
                return true;
        if (procfs_status(target->pid, 0, &st) == 0 && st.task.start == target->start)
                return api_caller(call, &caller) && api_may_trace_as(call, &caller, &st, what);
        api_fail(call, MHD_HTTP_NOT_FOUND, "no-such-process", "", "There is no process %u any more.",
                 target->pid);
        return false;
}
