/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"

struct relation {
        struct task_ref tracer, target;
};

struct relations {
        struct relation *v;
        size_t n, allocated;
};

static void cleanup_relations(struct relations *r)
{
        free(r->v);
}

/* Those beyond the bound are left out. */
static int add_relation(struct relations *r, const struct task_ref *tracer, const struct task_ref *target)
{
        if (r->n == SCAN_RELATIONS_MAX)
                return 0;
        if (r->n == r->allocated) {
                size_t n = MAX_OF(r->allocated * 2, (size_t)64);
                struct relation *v = reallocarray(r->v, n, sizeof(*v));

                if (!v)
                        return -ENOMEM;
                r->v = v;
                r->allocated = n;
        }
        r->v[r->n++] = (struct relation){*tracer, *target};
        return 0;
}

static int add_from_proc(void *userdata, const struct proc_status *thread, const struct task_ref *tracer)
{
        return add_relation(userdata, tracer, &thread->task);
}

static int add_from_model(void *userdata, const struct session *s)
{
        return add_relation(userdata, &s->tracer, &s->target);
}

static int by_tid(const void *a, const void *b)
{
        const struct relation *x = a, *y = b;

        return x->target.tid < y->target.tid ? -1 : x->target.tid > y->target.tid;
}

static void sort_relations(struct relations *r)
{
        if (r->n > 1)
                qsort(r->v, r->n, sizeof(*r->v), by_tid);
}

static bool same_thread_life(const struct task_ref *a, const struct task_ref *b)
{
        return a->tid == b->tid && task_same_process(a, b) &&
               (!a->tid_start || !b->tid_start || a->tid_start == b->tid_start);
}

/* A tracer is its process here: which of its threads attached changes nothing for the tracee. */
static bool has_relation(const struct relations *r, const struct relation *wanted)
{
        size_t low = 0, high = r->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (r->v[middle].target.tid < wanted->target.tid)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < r->n && r->v[low].target.tid == wanted->target.tid; low++)
                if (same_thread_life(&r->v[low].target, &wanted->target) &&
                    task_same_process(&r->v[low].tracer, &wanted->tracer))
                        return true;
        return false;
}

/* ---- events ---------------------------------------------------------------------------------------- */

/* Processes whose task.info was emitted. */
struct told_processes {
        uint8_t pids[PROC_PIDS_MAX / 8 + 1];
};

static int tell_process(struct told_processes *told, uint32_t pid, scan_emit emit, void *userdata)
{
        struct event e;

        if (pid > PROC_PIDS_MAX || (told->pids[pid / 8] & 1u << pid % 8))
                return 0;
        told->pids[pid / 8] |= 1u << pid % 8;
        if (procfs_task_info(pid, &e) < 0)
                return 0; /* gone; the relation is told all the same, its end will be too */
        return emit(userdata, &e);
}

static int tell_attached(struct told_processes *told, const struct relation *r, scan_emit emit,
                         void *userdata)
{
        struct event e = {
                .type = EV_PTRACE_ATTACH,
                .tracer = r->tracer,
                .target = r->target,
                .origin = ORIGIN_SCAN,
        };
        int error;

        error = tell_process(told, r->target.pid, emit, userdata);
        if (error)
                return error;
        error = tell_process(told, r->tracer.pid, emit, userdata);
        if (error)
                return error;
        return emit(userdata, &e);
}

static int tell_detached(const struct relation *r, scan_emit emit, void *userdata)
{
        struct event e = {
                .type = EV_PTRACE_DETACH,
                .tracer = r->tracer,
                .target = r->target,
                .cause = DETACHED_UNSEEN,
        };

        return emit(userdata, &e);
}

int scan_tracers(scan_emit emit, void *userdata)
{
        _cleanup_(cleanup_relations) struct relations found = {};
        _cleanup_free_ struct told_processes *told = calloc(1, sizeof(*told));
        int r;

        if (!told)
                return -ENOMEM;
        r = procfs_each_traced(add_from_proc, &found);
        for (size_t i = 0; i < found.n && r == 0; i++)
                r = tell_attached(told, &found.v[i], emit, userdata);
        return r;
}

/* ---- comparing ------------------------------------------------------------------------------------- */

/* In a but not in b. */
static int subtract(struct relations *ret, const struct relations *a, const struct relations *b)
{
        for (size_t i = 0; i < a->n; i++)
                if (!has_relation(b, &a->v[i])) {
                        int r = add_relation(ret, &a->v[i].tracer, &a->v[i].target);

                        if (r < 0)
                                return r;
                }
        return 0;
}

static int read_model(const struct model *m, struct relations *ret)
{
        int r = model_each_session(m, 0, false, add_from_model, ret);

        sort_relations(ret);
        return r;
}

/* One thread looked at again. A zombie stays linked to its tracer until that reaps it; for the model its
 * session ended with the exit, so a zombie does not begin one. */
static bool holds_now(const struct relation *r, bool alive)
{
        struct proc_status status;
        struct task_ref tracer;

        return procfs_status(r->target.pid, r->target.tid, &status) == 0 &&
               same_thread_life(&status.task, &r->target) && status.tracer_tid &&
               (!alive || (status.state != 'Z' && status.state != 'X')) &&
               procfs_task(status.tracer_tid, &tracer) == 0 && task_same_process(&tracer, &r->tracer);
}

/* Detaches before attaches: a thread has one tracer at a time. */
static int tell_differences(const struct relations *ended, const struct relations *begun,
                            const struct model *m, scan_emit emit, void *userdata)
{
        _cleanup_(cleanup_relations) struct relations model = {};
        _cleanup_free_ struct told_processes *told = calloc(1, sizeof(*told));
        int r, n = 0;

        if (!told)
                return -ENOMEM;
        r = read_model(m, &model);
        for (size_t i = 0; i < ended->n && r == 0; i++)
                if (has_relation(&model, &ended->v[i]) && !holds_now(&ended->v[i], false)) {
                        r = tell_detached(&ended->v[i], emit, userdata);
                        n++;
                }
        for (size_t i = 0; i < begun->n && r == 0; i++)
                if (!has_relation(&model, &begun->v[i]) && holds_now(&begun->v[i], true)) {
                        r = tell_attached(told, &begun->v[i], emit, userdata);
                        n++;
                }
        return r ?: n;
}

int scan_reconcile(const struct model *m, void (*flush)(void *userdata), scan_emit emit, void *userdata)
{
        _cleanup_(cleanup_relations) struct relations model = {}, proc = {}, ended = {}, begun = {};
        int r;

        r = read_model(m, &model);
        if (r < 0)
                return r;
        r = procfs_each_traced(add_from_proc, &proc);
        if (r < 0)
                return r;
        sort_relations(&proc);
        r = subtract(&ended, &model, &proc);
        if (r < 0)
                return r;
        r = subtract(&begun, &proc, &model);
        if (r < 0 || ended.n + begun.n == 0)
                return r;
        if (flush)
                flush(userdata);
        return tell_differences(&ended, &begun, m, emit, userdata);
}
