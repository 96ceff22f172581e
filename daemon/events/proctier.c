/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/proctier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/proc/procfs.h"
#include "daemon/events/proc_connector.h"
#include "daemon/events/proc_walk.h"

#define PROC_PATH_MAX 64
#define SUSPECTS_MAX  256

struct proctier {
        const struct model *model;
        proctier_emit emit;
        void *userdata;

        sd_event_source *timer, *io;
        int connector;
        char reason[160];
        uint64_t overruns;

        /* Where the poll of /proc goes on. */
        struct proc_walk walk;
        size_t session_cursor;

        /* Threads whose session seems to have ended, in the last poll and in this one. */
        uint32_t suspects[SUSPECTS_MAX], new_suspects[SUSPECTS_MAX];
        size_t n_suspects, n_new_suspects;

        uint8_t followed[PROC_PIDS_MAX / 8 + 1];
};

/* ---- sessions of the model ------------------------------------------------------------------------- */

/* Copies, because what is emitted changes the model that they are in. */
struct sessions {
        uint32_t tracer_tid; /* only this tracer's, 0: all */
        size_t skip, n;
        struct session v[PROCTIER_SESSIONS_MAX];
};

static int copy_session(void *userdata, const struct session *s)
{
        struct sessions *found = userdata;

        if (found->tracer_tid && s->tracer.tid != found->tracer_tid)
                return 0;
        if (found->skip > 0) {
                found->skip--;
                return 0;
        }
        if (found->n == ELEMENTSOF(found->v))
                return 1;
        found->v[found->n++] = *s;
        return 0;
}

/* The sessions of a process, or all (pid 0). The caller frees the result; NULL: no memory. */
static struct sessions *find_sessions(const struct model *m, uint32_t pid, uint32_t tracer_tid, size_t skip,
                                      bool *ret_more)
{
        struct sessions *found = malloc(sizeof(*found));

        if (!found)
                return NULL;
        found->tracer_tid = tracer_tid;
        found->skip = skip;
        found->n = 0;
        *ret_more = model_each_session(m, pid, false, copy_session, found) > 0;
        return found;
}

struct slot_search {
        uint32_t tid;
        struct session *session;
};

static int match_slot(void *userdata, const struct session *s)
{
        struct slot_search *search = userdata;

        if (s->target.tid != search->tid)
                return 0;
        *search->session = *s;
        return 1;
}

/* Who holds that thread according to the model. */
static bool find_slot(const struct model *m, uint32_t pid, uint32_t tid, struct session *ret)
{
        struct slot_search search = {.tid = tid, .session = ret};

        return model_each_session(m, pid, false, match_slot, &search) == 1;
}

/* ---- events ---------------------------------------------------------------------------------------- */

static void emit_process(struct proctier *p, uint32_t pid)
{
        struct event e;

        if (procfs_task_info(pid, &e) == 0)
                p->emit(p->userdata, &e);
}

static void emit_detached(struct proctier *p, const struct session *s, int cause)
{
        struct event e = {
                .type = EV_PTRACE_DETACH,
                .tracer = s->tracer,
                .target = s->target,
                .cause = cause,
        };

        p->emit(p->userdata, &e);
}

static void emit_attached(struct proctier *p, const struct task_ref *tracer, const struct task_ref *target)
{
        struct event e = {
                .type = EV_PTRACE_ATTACH,
                .tracer = *tracer,
                .target = *target,
                .origin = ORIGIN_SCAN, /* by which request it came about is not told to anybody */
        };

        emit_process(p, target->pid);
        emit_process(p, tracer->pid);
        p->emit(p->userdata, &e);
}

/*
 * The kernel unlinks a tracee before the connector tells of its tracer's exit or detach. So an end that only
 * /proc shows counts when the next poll sees it too: by then the connector has said why, if it ever does.
 */
static bool wait_for_connector(struct proctier *p, uint32_t tid)
{
        if (p->connector < 0)
                return false;
        for (size_t i = 0; i < p->n_suspects; i++)
                if (p->suspects[i] == tid)
                        return false;
        if (p->n_new_suspects == SUSPECTS_MAX)
                return false;
        p->new_suspects[p->n_new_suspects++] = tid;
        return true;
}

static void next_suspects(struct proctier *p)
{
        memcpy(p->suspects, p->new_suspects, p->n_new_suspects * sizeof(*p->suspects));
        p->n_suspects = p->n_new_suspects;
        p->n_new_suspects = 0;
}

/* Bring the model's idea of one thread's slot up to what /proc says now. */
static void update_slot(struct proctier *p, uint32_t pid, uint32_t tid)
{
        struct proc_status status;
        struct task_ref tracer = {};
        struct session s;
        bool known = find_slot(p->model, pid, tid, &s), gone, held;

        gone = procfs_status(pid, tid, &status) == -ESRCH ||
               (known && s.target.tid_start && s.target.tid_start != status.task.tid_start);
        held = !gone && status.tracer_tid && procfs_task(status.tracer_tid, &tracer) == 0 &&
               status.state != 'Z' && status.state != 'X';

        if (known && held && task_same_process(&s.tracer, &tracer))
                return;
        if (known && wait_for_connector(p, tid))
                return;
        if (known)
                emit_detached(p, &s, gone ? DETACHED_TRACEE_EXIT : DETACHED_UNSEEN);
        if (held)
                emit_attached(p, &tracer, &status.task);
}

/* ---- polling --------------------------------------------------------------------------------------- */

/* The sessions of the model first: they are few, and their ends are what people wait for. */
static void poll_sessions(struct proctier *p)
{
        bool more = false;
        _cleanup_free_ struct sessions *found = find_sessions(p->model, 0, 0, p->session_cursor, &more);

        if (!found)
                return;
        p->session_cursor = more ? p->session_cursor + found->n : 0;
        for (size_t i = 0; i < found->n; i++) {
                const struct task_ref *t = &found->v[i].target;
                uint32_t tracer;

                if (procfs_tracer_tid(t->pid, t->tid, &tracer) < 0 || tracer != found->v[i].tracer.tid)
                        update_slot(p, t->pid, t->tid);
        }
}

/* As many threads as the budget allows; at the end of /proc the next poll begins anew. */
static void poll_threads(struct proctier *p, uint64_t until_ns)
{
        uint32_t pid, tid, tracer;

        do {
                if (!proc_walk_next(&p->walk, &pid, &tid))
                        return;
                if (procfs_tracer_tid(pid, tid, &tracer) == 0 && tracer)
                        update_slot(p, pid, tid);
        } while (clock_mono_ns() < until_ns);
}

static int schedule_poll(struct proctier *p, uint64_t spent_ns)
{
        /* In the middle of a round it goes on soon, or a machine with many threads takes minutes. */
        bool relaxed = p->connector >= 0 && !proc_walk_under_way(&p->walk);
        uint64_t delay = relaxed ? PROCTIER_POLL_MAX_US : PROCTIER_POLL_MIN_US;
        int r;

        delay = MAX_OF(delay, spent_ns / 1000 * PROCTIER_COST_FACTOR);
        delay = MIN_OF(delay, (uint64_t)PROCTIER_POLL_MAX_US);
        r = sd_event_source_set_time_relative(p->timer, delay);
        return r < 0 ? r : sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
        struct proctier *p = userdata;
        uint64_t begun = clock_mono_ns();

        poll_sessions(p);
        poll_threads(p, begun + PROCTIER_BUDGET_NS);
        next_suspects(p);
        return schedule_poll(p, clock_mono_ns() - begun);
}

/* ---- connector ------------------------------------------------------------------------------------- */

static bool is_followed(const struct proctier *p, uint32_t pid)
{
        return pid <= PROC_PIDS_MAX && (p->followed[pid / 8] & 1u << pid % 8);
}

void proctier_follow(struct proctier *p, uint32_t pid)
{
        if (pid <= PROC_PIDS_MAX)
                p->followed[pid / 8] |= 1u << pid % 8;
}

/* Known to the model: traced or tracing now or before, or told of as such a one's child. */
static bool matters(const struct proctier *p, uint32_t pid)
{
        struct process_view view;

        return is_followed(p, pid) || (model_process(p->model, pid, &view) == 0 && view.alive);
}

/* Its children matter. Theirs do not, or everything below a shell would in the end. */
static bool children_matter(const struct proctier *p, uint32_t pid)
{
        struct process_view view;

        return is_followed(p, pid) || (model_process(p->model, pid, &view) == 0 && view.alive &&
                                       view.n_traced_threads + view.n_tracees);
}

static struct task_ref task_or_number(uint32_t pid, uint32_t tid)
{
        struct task_ref task;

        if (procfs_task(tid, &task) < 0 || task.pid != pid)
                task = (struct task_ref){.pid = pid, .tid = tid};
        return task;
}

static void on_fork(struct proctier *p, const struct fork_proc_event *fork)
{
        uint32_t pid = (uint32_t)fork->child_tgid, tid = (uint32_t)fork->child_pid, tracer = 0;
        bool thread = pid != tid;
        /* Of a thread the connector names the process's parent; who forked it is its own process. */
        uint32_t parent = thread ? pid : (uint32_t)fork->parent_tgid;
        struct event e = {.type = EV_TASK_FORK, .thread = thread};
        struct session parent_slot;

        if (is_followed(p, parent))
                proctier_follow(p, pid);
        if (!children_matter(p, parent))
                return;
        e.target = task_or_number(pid, tid);
        e.actor = task_or_number(parent, thread ? pid : (uint32_t)fork->parent_pid);
        (void)procfs_tracer_tid(pid, tid, &tracer);
        if (tracer)
                (void)procfs_task(tracer, &e.tracer);
        if (find_slot(p->model, parent, e.actor.tid, &parent_slot))
                e.parent_tracer = parent_slot.tracer.pid;
        p->emit(p->userdata, &e);
        if (tracer) /* auto-attached */
                update_slot(p, pid, tid);
}

static void on_exec(struct proctier *p, const struct exec_proc_event *exec)
{
        uint32_t pid = (uint32_t)exec->process_tgid, tracer = 0;
        struct event e = {.type = EV_TASK_EXEC, .vpid = (uint32_t)exec->process_pid};
        char link[PROC_PATH_MAX];

        (void)procfs_tracer_tid(pid, pid, &tracer);
        if (tracer) /* PTRACE_TRACEME comes before an exec, and nothing else tells of it */
                update_slot(p, pid, pid);
        if (!matters(p, pid))
                return;
        e.target = task_or_number(pid, pid);
        if (tracer)
                (void)procfs_task(tracer, &e.tracer);
        snprintf(link, sizeof(link), "/proc/%u/exe", pid);
        if (readlink(link, e.path, sizeof(e.path) - 1) < 0)
                e.path[0] = 0;
        p->emit(p->userdata, &e);
        emit_process(p, pid);
}

static void tell_tracer_exit(struct proctier *p, const struct sessions *held, uint32_t status)
{
        struct event e = {
                .type = EV_TRACER_EXIT,
                .target = held->v[0].tracer,
                .status = (int32_t)status,
                .count = held->n,
        };

        p->emit(p->userdata, &e);
        for (size_t i = 0; i < held->n; i++)
                emit_detached(p, &held->v[i], DETACHED_TRACER_EXIT);
}

/* The threads of a process end in any order. It is dead when only a zombie leader is left, or nothing. */
static bool whole_process_died(uint32_t pid)
{
        struct proc_stat stat;

        return procfs_stat(pid, 0, &stat) < 0 || (stat.state == 'Z' && stat.n_threads <= 1);
}

/* Reaped already: who it was is what the model knows. */
static struct task_ref exited_task(const struct proctier *p, uint32_t pid, uint32_t tid)
{
        struct task_ref task = task_or_number(pid, tid);
        struct process_view view;

        if (!task.start && model_process(p->model, pid, &view) == 0) {
                task = view.task;
                task.tid = tid;
                task.tid_start = tid == pid ? task.start : 0;
        }
        return task;
}

static void on_exit_of(struct proctier *p, const struct exit_proc_event *gone)
{
        uint32_t pid = (uint32_t)gone->process_tgid, tid = (uint32_t)gone->process_pid;
        _cleanup_free_ struct sessions *held = NULL;
        struct event e = {.type = EV_TASK_EXIT, .status = (int32_t)gone->exit_code};
        struct session own;
        bool traced, more;

        if (!matters(p, pid))
                return;
        traced = find_slot(p->model, pid, tid, &own);
        held = find_sessions(p->model, pid, tid, 0, &more);
        if (held && held->n > 0)
                tell_tracer_exit(p, held, gone->exit_code);
        e.group_dead = whole_process_died(pid);
        e.target = traced ? own.target : exited_task(p, pid, tid);
        if (traced)
                e.tracer = own.tracer;
        p->emit(p->userdata, &e);
        if (traced)
                emit_detached(p, &own, DETACHED_TRACEE_EXIT);
        if (e.group_dead && pid <= PROC_PIDS_MAX)
                p->followed[pid / 8] &= ~(1u << pid % 8);
}

static void on_ptrace(struct proctier *p, const struct ptrace_proc_event *ptrace)
{
        uint32_t pid = (uint32_t)ptrace->process_tgid, tid = (uint32_t)ptrace->process_pid;
        struct task_ref tracer;
        struct session s;
        bool known = find_slot(p->model, pid, tid, &s);

        if (ptrace->tracer_tgid == 0) {
                if (known)
                        emit_detached(p, &s, DETACHED_BY_CALL);
                return;
        }
        if (known && s.tracer.pid == (uint32_t)ptrace->tracer_tgid)
                return;
        if (known)
                emit_detached(p, &s, DETACHED_UNSEEN);
        /* Also when it has ended meanwhile: its end follows in the connector. */
        tracer = task_or_number((uint32_t)ptrace->tracer_tgid, (uint32_t)ptrace->tracer_pid);
        s.target = task_or_number(pid, tid);
        emit_attached(p, &tracer, &s.target);
}

static void on_connector_event(void *userdata, const struct proc_event *e)
{
        struct proctier *p = userdata;

        switch ((uint32_t)e->what) {
        case PROC_EVENT_FORK:
                on_fork(p, &e->event_data.fork);
                break;
        case PROC_EVENT_EXEC:
                on_exec(p, &e->event_data.exec);
                break;
        case PROC_EVENT_EXIT:
                on_exit_of(p, &e->event_data.exit);
                break;
        case PROC_EVENT_PTRACE:
                on_ptrace(p, &e->event_data.ptrace);
                break;
        }
}

static int on_io(sd_event_source *s _unused_, int fd, uint32_t events _unused_, void *userdata)
{
        struct proctier *p = userdata;
        int r = proc_connector_read(fd, on_connector_event, p);

        if (r == -ENOBUFS) { /* what was lost in the slots, a new round of polling finds */
                p->overruns++;
                proc_walk_close(&p->walk);
                return schedule_poll(p, 0);
        }
        if (r < 0) {
                snprintf(p->reason, sizeof(p->reason), "the proc connector failed: %s", strerror(-r));
                p->io = sd_event_source_disable_unref(p->io);
                close(TAKE_FD(p->connector));
        }
        return 0;
}

/* ---- life ------------------------------------------------------------------------------------------ */

int proctier_new(struct proctier **ret, sd_event *event, const struct model *m, proctier_emit emit,
                 void *userdata)
{
        struct proctier *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->model = m;
        p->emit = emit;
        p->userdata = userdata;
        p->connector = proc_connector_open(p->reason, sizeof(p->reason));
        if (p->connector >= 0)
                p->reason[0] = 0;
        r = sd_event_add_time_relative(event, &p->timer, CLOCK_MONOTONIC, 0, 0, on_timer, p);
        if (r >= 0 && p->connector >= 0)
                r = sd_event_add_io(event, &p->io, p->connector, EPOLLIN, on_io, p);
        if (r < 0) {
                proctier_free(p);
                return r;
        }
        *ret = p;
        return 0;
}

struct proctier *proctier_free(struct proctier *p)
{
        if (!p)
                return NULL;
        sd_event_source_disable_unref(p->timer);
        sd_event_source_disable_unref(p->io);
        cleanup_close(&p->connector);
        proc_walk_close(&p->walk);
        free(p);
        return NULL;
}

const char *proctier_reason(const struct proctier *p)
{
        return p->reason;
}

uint64_t proctier_overruns(const struct proctier *p)
{
        return p->overruns;
}
