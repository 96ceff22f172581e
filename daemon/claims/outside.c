/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/proc/procfs.h"
#include "daemon/claims/arbiter_impl.h"
#include "daemon/base/log.h"

#define SECOND_US       1000000
#define SECOND_ACCURACY 100000
/* A descriptor for each target and each owner process, of claims and waiters, and what else there is. */
#define DESCRIPTORS (2 * (GUARD_CLAIMS_MAX + CLAIM_WAITERS_MAX) + 2048)

/* ---- ends of processes ------------------------------------------------------------------------------- */

static struct followed *find_watch(const struct arbiter *a, const struct task_ref *t)
{
        for (struct table_node *n = table_first(&a->watches, table_hash(t->pid)); n; n = table_next(n)) {
                struct followed *w = LIST_ENTRY(n, struct followed, node);

                if (w->task.pid == t->pid && w->task.start == t->start)
                        return w;
        }
        return NULL;
}

static void unwatch(struct arbiter *a, struct followed *w)
{
        table_remove(&a->watches, &w->node);
        list_remove(&w->all);
        sd_event_source_disable_unref(w->source);
        if (w->fd >= 0)
                close(w->fd);
        free(w);
}

static void process_gone(struct arbiter *a, struct followed *w)
{
        struct task_ref task = w->task;

        unwatch(a, w);
        claim_process_gone(a->book, &task, arbiter_now());
        arbiter_settle(a);
}

static int on_process_end(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                          void *userdata)
{
        struct followed *w = userdata;

        process_gone(w->arbiter, w);
        return 0;
}

/* A zombie has ended: nobody attaches to it any more. */
static bool lives(const struct task_ref *t)
{
        struct proc_stat st;

        return procfs_stat(t->pid, 0, &st) == 0 && st.start == t->start && st.state != 'Z' &&
               st.state != 'X';
}

int arbiter_watch(struct arbiter *a, const struct task_ref *process)
{
        struct followed *w = find_watch(a, process);

        if (w)
                return 0;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->arbiter = a;
        w->task = *process;
        w->fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
        if ((w->fd < 0 && errno == ESRCH) || !lives(process)) {
                if (w->fd >= 0)
                        close(w->fd);
                free(w);
                return -ESRCH;
        }
        if (w->fd >= 0 && sd_event_add_io(a->event, &w->source, w->fd, EPOLLIN, on_process_end, w) < 0) {
                close(w->fd);
                w->fd = -1;
        }
        list_append(&a->all_watches, &w->all);
        table_insert(&a->watches, &w->node, table_hash(process->pid));
        return 0;
}

/* Without a descriptor, and of those nobody needs any more. */
static void tidy_watches(struct arbiter *a)
{
        LIST_FOREACH (it, &a->all_watches) {
                struct followed *w = LIST_ENTRY(it, struct followed, all);

                if (a->sweep && !claim_follows(a->book, &w->task))
                        unwatch(a, w);
        }
        a->sweep = false;
        LIST_FOREACH (it, &a->all_watches) {
                struct followed *w = LIST_ENTRY(it, struct followed, all);

                if (w->fd < 0 && !lives(&w->task)) {
                        process_gone(a, w); /* others may be gone with it: the rest in a second */
                        break;
                }
        }
}

/* ---- tracers come and go ----------------------------------------------------------------------------- */

static void look_again(struct arbiter *a)
{
        sd_event_source_set_enabled(a->later, SD_EVENT_ONESHOT);
}

static void look_at_all(struct arbiter *a)
{
        a->awaited_left = claim_count(a->book) + claim_waiters(a->book);
        look_again(a);
}

void arbiter_note_change(struct arbiter *a, const struct task_ref *target)
{
        for (size_t i = 0; i < a->n_changed; i++)
                if (a->changed[i].pid == target->pid && a->changed[i].start == target->start)
                        return;
        if (a->n_changed == CHANGED_MAX) {
                look_at_all(a);
                return;
        }
        a->changed[a->n_changed++] = *target;
        look_again(a);
}

/* In the kernel the guard records them itself. */
static void note_attach(struct arbiter *a, const struct event *e)
{
        const struct claim *c = claim_of(a->book, e->target.pid);
        struct attach *at = &a->attaches[a->n_attaches];

        if (a->means != MEANS_HOLD || !c || c->request.mode != GUARD_AUDIT || a->n_attaches == ATTACHES_MAX)
                return;
        for (size_t i = 0; i < a->n_attaches; i++) /* a debugger attaches to one thread after the other */
                if (a->attaches[i].tracer.pid == e->tracer.pid && a->attaches[i].target.pid == e->target.pid)
                        return;
        *at = (struct attach){
                .tracer = e->tracer,
                .target = c->request.target,
                .request = e->type == EV_PTRACE_SEIZE ? PTRACE_SEIZE : PTRACE_ATTACH,
        };
        a->n_attaches++;
}

/* What enforce would have refused, had it been asked for. Who came and went in between is not told of. */
static void tell_attach(struct arbiter *a, const struct attach *at)
{
        const struct claim *c = claim_of(a->book, at->target.pid);
        struct event e = {.type = EV_CLAIM_AUDIT, .actor = at->tracer, .target = at->target};
        struct proc_status tracer, target;

        if (!c || procfs_status(at->tracer.pid, 0, &tracer) < 0 ||
            procfs_status(at->target.pid, 0, &target) < 0 || tracer.ppid == at->target.pid ||
            arbiter_admits(&c->request.owner, &at->tracer) ||
            (task_same_process(&at->tracer, &a->last_told.tracer) &&
             task_same_process(&at->target, &a->last_told.target)))
                return;
        a->last_told = *at;
        e.claim = c->id;
        e.request = at->request;
        e.guard_reason = GUARD_CLAIMED;
        e.guard_source = SOURCE_CLAIM;
        e.caller_uid = tracer.ruid;
        e.target_uid = target.ruid;
        snprintf(e.owner, sizeof(e.owner), "%s", c->request.owner_text);
        pump_feed(a->pump, &e);
}

static void tell_attaches(struct arbiter *a)
{
        size_t n = TAKE(a->n_attaches, 0);

        for (size_t i = 0; i < n; i++) {
                struct attach at = a->attaches[i];

                tell_attach(a, &at);
        }
}

/* Only noted here: an event may come from the middle of anything. */
static void on_event(void *userdata, const struct event *e)
{
        struct arbiter *a = userdata;
        struct task_ref process = {.pid = e->target.pid, .start = e->target.start};

        if (!claim_count(a->book) && !claim_waiters(a->book))
                return;
        switch (e->type) {
        case EV_TRACER_EXIT:
                look_at_all(a);
                return;
        case EV_PTRACE_ATTACH:
        case EV_PTRACE_SEIZE:
                note_attach(a, e);
                /* fall through */
        case EV_PTRACE_DETACH:
        case EV_PTRACE_TRACEME:
        case EV_PTRACE_AUTOATTACH:
        case EV_TASK_EXEC:
                if (claim_follows(a->book, &process))
                        arbiter_note_change(a, &process);
                return;
        default:
                return;
        }
}

/* Nobody keeps root out of a set-uid program. */
static void check_claim(struct arbiter *a, uint32_t pid)
{
        const struct claim *c = claim_of(a->book, pid);

        if (c && !arbiter_claim_holds(c))
                claim_terminate(a->book, c->id, CLAIM_TARGET_GONE, arbiter_now());
}

static void check_target(struct arbiter *a, const struct task_ref *target)
{
        struct task_ref t = *target;

        check_claim(a, t.pid);
        claim_target_free(a->book, &t, arbiter_now());
        arbiter_hold_check(a, &t);
}

struct batch {
        struct task_ref targets[CHECKS_A_TURN];
        size_t n, skip, seen;
};

static int add_to_batch(struct batch *b, const struct task_ref *target)
{
        if (b->seen++ < b->skip)
                return 0;
        b->targets[b->n++] = *target;
        return b->n == CHECKS_A_TURN;
}

static int add_awaited(void *userdata, const struct task_ref *target)
{
        return add_to_batch(userdata, target);
}

static int add_claim(void *userdata, const struct claim *c)
{
        return c->request.asker.privileged ? 0 : add_to_batch(userdata, &c->request.target);
}

static void check_awaited(struct arbiter *a)
{
        struct batch b = {.skip = a->awaited_at};

        claim_each_awaited(a->book, add_awaited, &b);
        for (size_t i = 0; i < b.n; i++)
                check_target(a, &b.targets[i]);
        a->awaited_at += b.n;
        a->awaited_left -= MIN_OF(a->awaited_left, b.n);
        if (b.n < CHECKS_A_TURN) /* once around */
                a->awaited_at = a->awaited_left = 0;
}

static int on_later(sd_event_source *source _unused_, void *userdata)
{
        struct arbiter *a = userdata;
        struct task_ref changed[CHANGED_MAX];
        size_t n = a->n_changed;

        memcpy(changed, a->changed, n * sizeof(changed[0]));
        a->n_changed = 0;
        for (size_t i = 0; i < n; i++)
                check_target(a, &changed[i]);
        tell_attaches(a);
        if (a->awaited_left)
                check_awaited(a);
        if (a->awaited_left || a->n_changed)
                look_again(a);
        arbiter_settle(a);
        return 0;
}

/* ---- time -------------------------------------------------------------------------------------------- */

static int on_expiry(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        arbiter_settle(userdata);
        return 0;
}

/* A set-uid exec may not have been seen: some claims are compared with /proc every second, in turn. */
static void check_some_claims(struct arbiter *a)
{
        struct batch b = {.skip = a->claim_at};

        claim_each(a->book, add_claim, &b);
        for (size_t i = 0; i < b.n; i++)
                check_claim(a, b.targets[i].pid);
        a->claim_at = b.n < CHECKS_A_TURN ? 0 : a->claim_at + b.n;
}

static int on_second(sd_event_source *source, uint64_t usec _unused_, void *userdata)
{
        struct arbiter *a = userdata;

        tidy_watches(a);
        check_some_claims(a);
        if (!a->awaited_left && claim_waiters(a->book) + claim_count(a->book))
                look_at_all(a);
        arbiter_hold_check_all(a);
        arbiter_settle(a);
        return sd_event_source_set_time_relative(source, SECOND_US);
}

/* ---- from beginning to end --------------------------------------------------------------------------- */

/* Descriptors are there for the asking, below the hard limit. With fewer, ends are asked for instead. */
static void raise_limit(void)
{
        struct rlimit l;

        if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= DESCRIPTORS)
                return;
        l.rlim_cur = MIN_OF(l.rlim_max, (rlim_t)DESCRIPTORS);
        setrlimit(RLIMIT_NOFILE, &l);
}

int arbiter_follow_start(struct arbiter *a)
{
        int r;

        raise_limit();
        r = sd_event_add_time(a->event, &a->expiry, CLOCK_BOOTTIME, UINT64_MAX, 1, on_expiry, a);
        if (r >= 0)
                r = sd_event_source_set_enabled(a->expiry, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(a->event, &a->later, on_later, a);
        if (r >= 0)
                r = sd_event_source_set_enabled(a->later, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(a->event, &a->second, CLOCK_MONOTONIC, SECOND_US,
                                               SECOND_ACCURACY, on_second, a);
        if (r >= 0)
                r = sd_event_source_set_enabled(a->second, SD_EVENT_ON);
        return r < 0 ? r : pump_follow(a->pump, on_event, a);
}

void arbiter_follow_stop(struct arbiter *a)
{
        pump_unfollow(a->pump, on_event, a);
        sd_event_source_disable_unref(a->expiry);
        sd_event_source_disable_unref(a->later);
        sd_event_source_disable_unref(a->second);
        while (!list_empty(&a->all_watches))
                unwatch(a, LIST_ENTRY(a->all_watches.next, struct followed, all));
}
