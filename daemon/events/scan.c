/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/proc/procfs.h"
#include "daemon/events/proc_walk.h"

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

enum comparison_stage {
        COMPARISON_READ, /* /proc */
        COMPARISON_TELL, /* what differs: ends before beginnings, as a thread has one tracer at a time */
        COMPARISON_DONE,
};

struct comparison {
        enum comparison_stage stage;
        struct proc_walk walk;
        struct relations proc, ended, begun;
        size_t next_ended, next_begun; /* to be told */
        struct told_processes told;
};

int comparison_new(struct comparison **ret)
{
        struct comparison *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        *ret = c;
        return 0;
}

struct comparison *comparison_free(struct comparison *c)
{
        if (!c)
                return NULL;
        proc_walk_close(&c->walk);
        cleanup_relations(&c->proc);
        cleanup_relations(&c->ended);
        cleanup_relations(&c->begun);
        free(c);
        return NULL;
}

static int read_thread(struct comparison *c, uint32_t pid, uint32_t tid)
{
        struct proc_status status;
        struct task_ref tracer;

        if (procfs_traced(pid, tid, &status, &tracer) < 0)
                return 0;
        return add_from_proc(&c->proc, &status, &tracer);
}

static int compare(struct comparison *c, const struct model *m)
{
        _cleanup_(cleanup_relations) struct relations model = {};
        int r = read_model(m, &model);

        if (r < 0)
                return r;
        sort_relations(&c->proc);
        r = subtract(&c->ended, &model, &c->proc);
        return r < 0 ? r : subtract(&c->begun, &c->proc, &model);
}

/* What came and went while /proc was read seems to differ as well; what is told is looked at once more. */
static int read_proc(struct comparison *c, const struct model *m, uint64_t until_ns,
                     const struct scan_means *means)
{
        uint32_t pid, tid;
        int r;

        do {
                if (!proc_walk_next(&c->walk, &pid, &tid)) {
                        r = compare(c, m);
                        if (r < 0)
                                return r;
                        if (c->ended.n + c->begun.n && means->flush)
                                means->flush(means->userdata);
                        c->stage = COMPARISON_TELL;
                        return 1;
                }
                r = read_thread(c, pid, tid);
                if (r < 0)
                        return r;
        } while (clock_mono_ns() < until_ns);
        return 1;
}

/* 1: another one may follow. */
static int tell_next(struct comparison *c, const struct relations *model, const struct scan_means *means)
{
        const struct relation *r;
        int e = 0;

        if (c->next_ended < c->ended.n) {
                r = &c->ended.v[c->next_ended++];
                if (has_relation(model, r) && !holds_now(r, false))
                        e = tell_detached(r, means->emit, means->userdata);
        } else if (c->next_begun < c->begun.n) {
                r = &c->begun.v[c->next_begun++];
                if (!has_relation(model, r) && holds_now(r, true))
                        e = tell_attached(&c->told, r, means->emit, means->userdata);
        } else {
                c->stage = COMPARISON_DONE;
                return 0;
        }
        return e < 0 ? e : 1;
}

/* The model is read anew for each piece: the kernel told more in between. */
static int tell_differences(struct comparison *c, const struct model *m, uint64_t until_ns,
                            const struct scan_means *means)
{
        _cleanup_(cleanup_relations) struct relations model = {};
        int r = read_model(m, &model);

        if (r < 0)
                return r;
        do
                r = tell_next(c, &model, means);
        while (r > 0 && clock_mono_ns() < until_ns);
        return r;
}

int comparison_step(struct comparison *c, const struct model *m, uint64_t until_ns,
                    const struct scan_means *means)
{
        switch (c->stage) {
        case COMPARISON_READ:
                return read_proc(c, m, until_ns, means);
        case COMPARISON_TELL:
                return tell_differences(c, m, until_ns, means);
        case COMPARISON_DONE:
                break;
        }
        return 0;
}
