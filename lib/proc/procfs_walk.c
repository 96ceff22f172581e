/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"

/* 0 for a name that is not a pid. */
static uint32_t pid_from_name(const char *name)
{
        char *end;
        unsigned long v;

        if (*name < '1' || *name > '9')
                return 0;
        v = strtoul(name, &end, 10);
        return *end || v > PROC_PIDS_MAX ? 0 : (uint32_t)v;
}

static int each_pid_in(const char *path, int (*fn)(void *userdata, uint32_t pid), void *userdata)
{
        _cleanup_closedir_ DIR *dir = opendir(path);

        if (!dir)
                return errno == ENOENT ? -ESRCH : -errno;
        for (uint32_t n = 0; n < PROC_PIDS_MAX; n++) {
                struct dirent *entry = readdir(dir); /* an error is the end: the process is gone */
                uint32_t pid;
                int r;

                if (!entry)
                        break;
                pid = pid_from_name(entry->d_name);
                if (!pid)
                        continue;
                r = fn(userdata, pid);
                if (r)
                        return r;
        }
        return 0;
}

int procfs_each_process(int (*fn)(void *userdata, uint32_t pid), void *userdata)
{
        return each_pid_in("/proc", fn, userdata);
}

struct thread_walk {
        uint32_t pid;
        int (*fn)(void *userdata, uint32_t pid, uint32_t tid);
        void *userdata;
};

static int walk_thread(void *userdata, uint32_t tid)
{
        struct thread_walk *walk = userdata;

        return walk->fn(walk->userdata, walk->pid, tid);
}

int procfs_each_thread(uint32_t pid, int (*fn)(void *userdata, uint32_t pid, uint32_t tid), void *userdata)
{
        struct thread_walk walk = {.pid = pid, .fn = fn, .userdata = userdata};
        char path[64];
        int r;

        snprintf(path, sizeof(path), "/proc/%u/task", pid);
        r = each_pid_in(path, walk_thread, &walk);
        return r == -ESRCH ? 0 : r;
}

struct living_search {
        struct proc_status *ret;
        unsigned n;
};

static bool state_is_over(char state)
{
        return state == 'Z' || state == 'X';
}

static int look_whether_it_lives(void *userdata, uint32_t pid, uint32_t tid)
{
        struct living_search *search = userdata;

        if (procfs_status(pid, tid, search->ret) == 0 && !state_is_over(search->ret->state))
                return 1;
        return ++search->n < PROC_LIVING_MAX ? 0 : -ESRCH;
}

int procfs_living_thread(uint32_t pid, struct proc_status *ret)
{
        struct living_search search = {.ret = ret};
        int r = procfs_status(pid, 0, ret);

        if (r < 0 || !state_is_over(ret->state))
                return r;
        r = procfs_each_thread(pid, look_whether_it_lives, &search);
        return r == 1 ? 0 : -ESRCH;
}

int procfs_living_tid(uint32_t pid, uint32_t *ret_tid)
{
        struct proc_status living;
        int r = procfs_living_thread(pid, &living);

        if (r >= 0)
                *ret_tid = living.task.tid;
        return r;
}

/* ---- traced threads -------------------------------------------------------------------------------- */

int procfs_traced(uint32_t pid, uint32_t tid, struct proc_status *ret, struct task_ref *ret_tracer)
{
        uint32_t tracer_tid;

        /* Two steps, because nearly every thread is done with after the first, cheap one. */
        if (procfs_tracer_tid(pid, tid, &tracer_tid) < 0 || tracer_tid == 0)
                return -ENOENT;
        if (procfs_status(pid, tid, ret) < 0 || ret->tracer_tid == 0)
                return -ENOENT;
        return procfs_task(ret->tracer_tid, ret_tracer) < 0 ? -ENOENT : 0;
}

struct traced_walk {
        int (*fn)(void *userdata, const struct proc_status *thread, const struct task_ref *tracer);
        void *userdata;
};

static int traced_thread(void *userdata, uint32_t pid, uint32_t tid)
{
        struct traced_walk *walk = userdata;
        struct proc_status status;
        struct task_ref tracer;

        if (procfs_traced(pid, tid, &status, &tracer) < 0)
                return 0;
        return walk->fn(walk->userdata, &status, &tracer);
}

static int traced_process(void *userdata, uint32_t pid)
{
        int r = procfs_each_thread(pid, traced_thread, userdata);

        return r == -EACCES ? 0 : r;
}

int procfs_each_traced(int (*fn)(void *userdata, const struct proc_status *thread,
                                 const struct task_ref *tracer),
                       void *userdata)
{
        struct traced_walk walk = {.fn = fn, .userdata = userdata};

        return procfs_each_process(traced_process, &walk);
}

/* ---- a pid of another pid namespace ---------------------------------------------------------------- */

struct vpid_search {
        uint32_t caller; /* 0: any namespace of that level will do */
        uint32_t vpid;
        size_t level;
        bool threads; /* the second pass: threads that are not leaders */
        uint32_t looked_at;
        uint32_t found;
        bool ambiguous;
};

/* 1 ends the walk: the answer is certain, or the bound is reached. */
static int match_vpid(struct vpid_search *search, const struct proc_status *status)
{
        bool within = true;

        if (status->n_nspid <= search->level || status->nspid[search->level] != search->vpid)
                return 0;
        if (search->caller) {
                if (procfs_ns_within(status->task.pid, search->caller, "pid", &within) < 0 || !within)
                        return 0;
                search->found = status->task.tid;
                return 1;
        }
        search->ambiguous = search->found != 0;
        search->found = status->task.tid;
        return search->ambiguous;
}

static int search_thread(void *userdata, uint32_t pid, uint32_t tid)
{
        struct vpid_search *search = userdata;
        struct proc_status status;

        if (search->looked_at++ >= PROC_RESOLVE_MAX)
                return 1;
        if (tid == pid || procfs_status(pid, tid, &status) < 0)
                return 0;
        return match_vpid(search, &status);
}

static int search_process(void *userdata, uint32_t pid)
{
        struct vpid_search *search = userdata;
        struct proc_status status;
        int r;

        if (search->looked_at++ >= PROC_RESOLVE_MAX)
                return 1;
        /* Threads share their process's pid namespace: one look skips all that do not reach that deep. */
        if (procfs_status(pid, 0, &status) < 0 || status.n_nspid <= search->level)
                return 0;
        if (!search->threads)
                return match_vpid(search, &status);
        r = procfs_each_thread(pid, search_thread, search);
        return r < 0 ? 0 : r;
}

static int search_vpid(struct vpid_search *search, uint32_t *ret_tid)
{
        /* Leaders first: nearly always it is one, and threads are many. */
        for (unsigned pass = 0; pass < 2 && !search->ambiguous; pass++) {
                int r;

                if (search->found && search->caller)
                        break;
                search->threads = pass == 1;
                r = procfs_each_process(search_process, search);
                if (r < 0)
                        return r;
        }
        if (search->ambiguous)
                return -ENOTUNIQ;
        if (!search->found)
                return -ESRCH;
        *ret_tid = search->found;
        return 0;
}

int procfs_resolve_vpid(uint32_t caller, uint32_t vpid, uint32_t *ret_tid)
{
        struct vpid_search search = {.caller = caller, .vpid = vpid};
        struct proc_status status;
        struct task_ref task;
        int r;

        if (vpid == 0)
                return -ESRCH;
        r = procfs_status(caller, 0, &status);
        if (r < 0)
                return r;
        if (status.n_nspid <= 1) {
                r = procfs_task(vpid, &task);
                if (r < 0)
                        return r;
                *ret_tid = vpid;
                return 0;
        }
        search.level = status.n_nspid - 1;
        return search_vpid(&search, ret_tid);
}

int procfs_resolve_vpid_at(uint32_t ns_level, uint32_t vpid, uint32_t *ret_tid)
{
        struct vpid_search search = {.vpid = vpid, .level = ns_level};

        if (vpid == 0 || ns_level >= PROC_NSPID_MAX)
                return -ESRCH;
        return search_vpid(&search, ret_tid);
}
