/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/model/model_state.h"
#include "lib/event/tools.h"

/* What one event can need at most, beyond what pool_take() may still get from malloc. */
#define RESERVE_PROCESSES 4
#define RESERVE_THREADS   4
#define RESERVE_SLOTS     2
#define RESERVE_HISTORIES 4
#define RESERVE_FINDINGS  4

#define ENDED_SIZE_MIN 64

int state_init(struct model *m)
{
        int r;

        list_init(&m->live);
        list_init(&m->dead);
        list_init(&m->thread_lru);
        list_init(&m->slots);
        list_init(&m->findings_lru);
        m->process_pool.size = sizeof(struct process);
        m->thread_pool.size = sizeof(struct thread);
        m->slot_pool.size = sizeof(struct slot);
        m->history_pool.size = sizeof(struct history);
        m->finding_pool.size = sizeof(struct finding_entry);
        r = table_init(&m->processes);
        if (r >= 0)
                r = table_init(&m->threads);
        if (r >= 0)
                r = table_init(&m->findings);
        return r;
}

int state_reserve(struct model *m, size_t n_findings)
{
        int r;

        r = pool_reserve(&m->process_pool, RESERVE_PROCESSES);
        if (r >= 0)
                r = pool_reserve(&m->thread_pool, RESERVE_THREADS);
        if (r >= 0)
                r = pool_reserve(&m->slot_pool, RESERVE_SLOTS);
        if (r >= 0)
                r = pool_reserve(&m->history_pool, RESERVE_HISTORIES);
        if (r >= 0)
                r = pool_reserve(&m->finding_pool, RESERVE_FINDINGS + n_findings);
        return r;
}

/* ---- ended sessions -------------------------------------------------------------------------------- */

static void grow_ended(struct model *m)
{
        size_t size = MIN_OF(m->ended_size ? m->ended_size * 2 : ENDED_SIZE_MIN, (size_t)MODEL_SESSIONS_MAX);
        struct session *ended;

        if (size == m->ended_size)
                return;
        ended = malloc(size * sizeof(*ended));
        if (!ended)
                return;
        for (size_t i = 0; i < m->n_ended; i++)
                ended[i] = m->ended[(m->ended_first + i) % m->ended_size];
        free(m->ended);
        m->ended = ended;
        m->ended_first = 0;
        m->ended_size = size;
}

/* The oldest one goes when there is no room. */
static void remember_session(struct model *m, const struct session *s)
{
        if (m->n_ended == m->ended_size)
                grow_ended(m);
        if (m->ended_size == 0)
                return;
        if (m->n_ended == m->ended_size) {
                m->ended_first = (m->ended_first + 1) % m->ended_size;
                m->n_ended--;
        }
        assert(m->n_ended < m->ended_size);
        m->ended[(m->ended_first + m->n_ended++) % m->ended_size] = *s;
}

/* ---- slots ------------------------------------------------------------------------------------------- */

static void note_attached(struct process *p, uint32_t tracer_pid)
{
        if (p->n_traced++ == 0) {
                p->slot_pid = tracer_pid;
                p->mixed = false;
                p->split_told = 0;
        } else if (p->slot_pid != tracer_pid)
                p->mixed = true;
}

static void put_name(struct task_ref *t, const struct task_ref *process)
{
        if (process->comm[0])
                memcpy(t->comm, process->comm, sizeof(t->comm));
}

void slot_view(const struct slot *s, struct session *ret)
{
        *ret = s->s;
        put_name(&ret->tracer, &s->tracer->task);
        if (s->thread->tid == s->thread->process->task.pid)
                put_name(&ret->target, &s->thread->process->task);
}

struct slot *slot_begin(struct model *m, struct thread *t, struct process *tracer, const struct event *e)
{
        struct slot *s;

        assert(!t->slot && t->process && t->process != tracer); /* one tracer, and no process its own */
        s = pool_take(&m->slot_pool);
        if (!s)
                return NULL;
        s->s = (struct session){
                .tracer = e->tracer,
                .target = t->process->task,
                .how = (int)e->type,
                .origin = e->origin,
                .missed = e->origin == ORIGIN_SCAN && !m->finding_older && !m->sees_no_calls,
                .calls_unseen = e->calls_unseen || m->counts_no_calls ||
                                (e->origin == ORIGIN_SCAN && (!m->finding_older || m->sees_no_calls)),
                .tracer_called = tracer->calls_ptrace,
                .options = e->options | options_of_ptrace(e->ptrace),
                .ptrace = e->ptrace,
                .vpid = e->vpid,
                .since_ns = e->time_ns,
                .since_wall_ns = e->wall_ns,
                .last_active_ns = e->time_ns,
                .asked_ns = e->type == EV_PTRACE_ATTACH ? e->time_ns : 0,
        };
        s->s.tracer.pid = tracer->task.pid;
        s->s.tracer.start = tracer->task.start;
        if (!s->s.tracer.tid)
                s->s.tracer.tid = tracer->task.pid;
        s->s.target.tid = t->tid;
        s->s.target.tid_start = t->start;
        s->thread = t;
        s->tracer = tracer;
        t->slot = s;
        t->left_by = 0;
        t->born_untraced_ns = t->hung_since_ns = t->unaware_due_ns = 0;
        note_attached(t->process, tracer->task.pid);
        tracer->n_tracees++;
        tracer->attached_ns = e->time_ns;
        list_append(&m->slots, &s->in_model);
        list_append(&tracer->tracees, &s->of_tracer);
        m->n_slots++;
        return s;
}

/*
 * The note answers "who left this breakpoint". A tracee that merely ended leaves none, and a later visitor
 * that left in good order without touching a breakpoint does not take the blame from a tracer that died.
 */
static void note_end(struct model *m, struct process *p, const struct session *s)
{
        struct history *h;
        bool same;

        if (s->end_cause == DETACHED_TRACEE_EXIT || is_holder(&s->tracer))
                return;
        h = process_history(m, p);
        if (!h)
                return;
        if (h->ended.cause == DETACHED_TRACER_EXIT && s->end_cause == DETACHED_BY_CALL && s->n_traps == 0)
                return;
        same = h->ended.cause && task_same_process(&h->ended.tracer, &s->tracer);
        h->ended.n_traps = same ? h->ended.n_traps + s->n_traps : s->n_traps;
        if (!same)
                h->ended.status_known = false;
        h->ended.tracer = s->tracer;
        h->ended.until_ns = s->until_ns;
        h->ended.until_wall_ns = s->until_wall_ns;
        h->ended.cause = s->end_cause;
        h->ended.wrote = same && h->ended.wrote != TRACER_WROTE_NOTHING ? h->ended.wrote : s->wrote;
        h->ended.thread_only = s->thread_only;
}

void slot_end(struct model *m, struct slot *s, int cause)
{
        struct thread *t = s->thread;
        struct process *p = t->process;

        assert(t->slot == s && s->tracer->n_tracees && p->n_traced && m->n_slots);
        s->s.until_ns = m->now_ns;
        s->s.until_wall_ns = m->now_wall_ns;
        s->s.end_cause = cause;
        slot_view(s, &s->s);
        note_end(m, p, &s->s);
        m->n_sessions_over++;
        remember_session(m, &s->s);
        list_remove(&s->in_model);
        list_remove(&s->of_tracer);
        s->tracer->n_tracees--;
        p->n_traced--;
        t->slot = NULL;
        t->left_by = s->tracer->task.pid;
        t->hung_since_ns = 0;
        m->n_slots--;
        pool_give(&m->slot_pool, s);
}

void slot_end_with_thread(struct model *m, struct slot *s)
{
        s->s.thread_only = true;
        s->tracer->left_by_thread_ns = m->now_ns;
        slot_end(m, s, DETACHED_TRACER_EXIT);
}

static bool ended_lately(const struct model *m, uint64_t until_ns)
{
        return until_ns + THREADS_END_NS >= m->now_ns;
}

/* The threads that ended before did so because all of the process does. */
static void correct_thread_ends(struct model *m, const struct process *tracer)
{
        if (!tracer->left_by_thread_ns || !ended_lately(m, tracer->left_by_thread_ns))
                return;
        for (size_t i = m->n_ended; i-- > 0;) {
                struct session *s = &m->ended[(m->ended_first + i) % m->ended_size];

                if (!ended_lately(m, s->until_ns))
                        break;
                if (s->thread_only && task_same_process(&s->tracer, &tracer->task))
                        s->thread_only = false;
        }
        LIST_FOREACH (it, &m->live) {
                struct history *h = LIST_ENTRY(it, struct process, lru)->history;

                if (h && h->ended.thread_only && ended_lately(m, h->ended.until_ns) &&
                    task_same_process(&h->ended.tracer, &tracer->task))
                        h->ended.thread_only = false;
        }
}

/* ---- threads ----------------------------------------------------------------------------------------- */

struct thread *thread_find(const struct model *m, uint32_t tid, uint64_t start)
{
        uint64_t hash = table_hash(tid);

        if (tid == 0)
                return NULL;
        for (struct table_node *n = table_first(&m->threads, hash); n; n = table_next(n)) {
                struct thread *t = LIST_ENTRY(n, struct thread, node);

                if (t->tid == tid && (t->start == start || t->start == 0 || start == 0))
                        return t;
        }
        return NULL;
}

struct thread *thread_of(const struct model *m, const struct task_ref *t)
{
        if (t->tid)
                return thread_find(m, t->tid, t->tid == t->pid && !t->tid_start ? t->start : t->tid_start);
        return thread_find(m, t->pid, t->start);
}

void thread_drop(struct model *m, struct thread *t, int end_cause)
{
        if (t->slot)
                slot_end(m, t->slot, end_cause);
        assert(m->n_threads);
        list_remove(&t->lru);
        list_remove(&t->in_process);
        table_remove(&m->threads, &t->node);
        m->n_threads--;
        pool_give(&m->thread_pool, t);
}

static void evict_thread(struct model *m)
{
        struct thread *t = LIST_ENTRY(m->thread_lru.next, struct thread, lru);

        thread_drop(m, t, DETACHED_UNSEEN);
        m->n_evicted++;
}

struct thread *thread_get(struct model *m, struct process *p, uint32_t tid, uint64_t start)
{
        struct thread *t = thread_find(m, tid, start), *older;

        if (t && t->process != p) {
                /* The number was given to another thread: the old one is gone, seen or not. */
                thread_drop(m, t, DETACHED_TRACEE_EXIT);
                t = NULL;
        }
        older = t ? NULL : thread_find(m, tid, 0);
        if (older && older->start < start)
                thread_drop(m, older, DETACHED_TRACEE_EXIT);
        if (t) {
                if (!t->start)
                        t->start = start;
                list_move_last(&m->thread_lru, &t->lru);
                return t;
        }
        if (m->n_threads >= MODEL_THREADS_MAX)
                evict_thread(m);
        t = pool_take(&m->thread_pool);
        if (!t)
                return NULL;
        t->process = p;
        t->tid = tid;
        t->start = start;
        list_append(&m->thread_lru, &t->lru);
        list_append(&p->threads, &t->in_process);
        table_insert(&m->threads, &t->node, table_hash(tid));
        m->n_threads++;
        return t;
}

void thread_rename(struct model *m, struct thread *t, uint32_t tid, uint64_t start)
{
        table_remove(&m->threads, &t->node);
        t->tid = tid;
        t->start = start;
        if (t->slot) {
                t->slot->s.target.tid = tid;
                t->slot->s.target.tid_start = start;
        }
        table_insert(&m->threads, &t->node, table_hash(tid));
}

/* ---- processes --------------------------------------------------------------------------------------- */

static bool better(const struct process *a, const struct process *b)
{
        if (!b || a->alive != b->alive)
                return !b || a->alive;
        return a->task.start > b->task.start;
}

struct process *process_find(const struct model *m, uint32_t pid, uint64_t start)
{
        uint64_t hash = table_hash(pid);
        struct process *best = NULL;

        if (pid == 0)
                return NULL;
        for (struct table_node *n = table_first(&m->processes, hash); n; n = table_next(n)) {
                struct process *p = LIST_ENTRY(n, struct process, node);

                if (p->task.pid != pid)
                        continue;
                if (start && p->task.start == start)
                        return p;
                /* Where one side does not know the start, a live process is taken to be the one meant. */
                if (start && (p->task.start || !p->alive))
                        continue;
                if (better(p, best))
                        best = p;
        }
        return best;
}

struct process *process_of(const struct model *m, const struct task_ref *t)
{
        return process_find(m, t->pid, t->start);
}

struct history *process_history(struct model *m, struct process *p)
{
        if (!p->history)
                p->history = pool_take(&m->history_pool);
        return p->history;
}

static bool has_tracer_of(const struct process *p, const struct task_ref *tracer)
{
        LIST_FOREACH (it, &p->threads) {
                const struct slot *s = LIST_ENTRY(it, struct thread, in_process)->slot;

                if (s && task_same_process(&s->s.tracer, tracer))
                        return true;
        }
        return false;
}

const struct plants *process_plants(const struct model *m, const struct process *p)
{
        const struct plants *plants = p->history ? &p->history->planted : NULL;

        if (!plants || !plants->n || plants->uncertain || plants->at_ns <= m->last_loss_ns)
                return NULL;
        return has_tracer_of(p, &plants->tracer) ? plants : NULL;
}

bool plants_have(const struct plants *plants, const struct task_ref *tracer, uint64_t address)
{
        for (uint32_t i = 0; i < plants->n; i++)
                if (plants->addresses[i] == address && address)
                        return task_same_process(&plants->tracer, tracer);
        return false;
}

void process_forget_history(struct model *m, struct process *p)
{
        pool_give(&m->history_pool, p->history);
        p->history = NULL;
}

static void drop_threads(struct model *m, struct process *p, int cause)
{
        LIST_FOREACH (it, &p->threads)
                thread_drop(m, LIST_ENTRY(it, struct thread, in_process), cause);
}

static void drop_tracees(struct model *m, struct process *p, int cause)
{
        LIST_FOREACH (it, &p->tracees)
                slot_end(m, LIST_ENTRY(it, struct slot, of_tracer), cause);
}

static void process_free(struct model *m, struct process *p)
{
        drop_threads(m, p, DETACHED_UNSEEN);
        drop_tracees(m, p, DETACHED_UNSEEN);
        /* Nobody may point at it any more. */
        assert(list_empty(&p->threads) && list_empty(&p->tracees) && !p->n_traced && !p->n_tracees);
        assert(p->alive ? m->n_live : m->n_dead);
        list_remove(&p->lru);
        table_remove(&m->processes, &p->node);
        if (p->alive)
                m->n_live--;
        else
                m->n_dead--;
        process_forget_history(m, p);
        free(p->info);
        pool_give(&m->process_pool, p);
}

static void evict_processes(struct model *m)
{
        if (m->n_dead > MODEL_DEAD_MAX || (m->n_live + m->n_dead >= MODEL_PROCESSES_MAX && m->n_dead))
                process_free(m, LIST_ENTRY(m->dead.next, struct process, lru));
        else if (m->n_live + m->n_dead >= MODEL_PROCESSES_MAX) {
                process_free(m, LIST_ENTRY(m->live.next, struct process, lru));
                m->n_evicted++;
        }
}

void process_die(struct model *m, struct process *p, int32_t exit_code)
{
        if (!p->alive)
                return;
        drop_threads(m, p, DETACHED_TRACEE_EXIT);
        drop_tracees(m, p, DETACHED_TRACER_EXIT);
        correct_thread_ends(m, p);
        p->alive = false;
        p->exit_code = exit_code;
        p->ended_ns = m->now_ns;
        p->state = 0;
        m->n_live--;
        m->n_dead++;
        list_move_last(&m->dead, &p->lru);
}

static void update_names(struct process *p, const struct task_ref *t)
{
        if (!p->task.start)
                p->task.start = t->start;
        /* A thread may have a name of its own; the process is called as its main thread. */
        if (t->comm[0] && (t->tid == 0 || t->tid == t->pid || !p->task.comm[0]))
                memcpy(p->task.comm, t->comm, sizeof(p->task.comm));
}

struct process *process_get(struct model *m, const struct task_ref *t)
{
        struct process *p, *other;

        if (t->pid == 0)
                return NULL;
        p = process_of(m, t);
        if (p) {
                update_names(p, t);
                list_move_last(p->alive ? &m->live : &m->dead, &p->lru);
                return p;
        }
        evict_processes(m);
        p = pool_take(&m->process_pool);
        if (!p)
                return NULL;
        other = process_find(m, t->pid, 0);
        p->task = (struct task_ref){.pid = t->pid, .start = t->start};
        update_names(p, t);
        list_init(&p->threads);
        list_init(&p->tracees);
        table_insert(&m->processes, &p->node, table_hash(t->pid));
        /* One pid, two starts: the one that started first has ended, whether that was seen or not. */
        if (other && other->alive && other->task.start < t->start)
                process_die(m, other, 0);
        p->alive = !other || !other->alive;
        list_append(p->alive ? &m->live : &m->dead, &p->lru);
        if (p->alive)
                m->n_live++;
        else
                m->n_dead++;
        return p;
}

void process_name(const struct model *m, struct task_ref *t)
{
        const struct process *p = process_of(m, t);

        if (p && p->task.comm[0])
                memcpy(t->comm, p->task.comm, sizeof(t->comm));
        if (p && !t->start)
                t->start = p->task.start;
}

/* ---- the whole -------------------------------------------------------------------------------------- */

void state_restart(struct model *m, bool another_boot)
{
        LIST_FOREACH (it, &m->slots)
                slot_end(m, LIST_ENTRY(it, struct slot, in_model), DETACHED_UNSEEN);
        m->last_loss_ns = m->now_ns;
        connections_forget(&m->net);
        if (!another_boot)
                return;
        LIST_FOREACH (live, &m->live)
                process_free(m, LIST_ENTRY(live, struct process, lru));
        LIST_FOREACH (dead, &m->dead)
                process_free(m, LIST_ENTRY(dead, struct process, lru));
        m->now_ns = m->last_loss_ns = 0;
}

void state_done(struct model *m)
{
        if (m->processes.buckets && m->threads.buckets)
                state_restart(m, true);
        LIST_FOREACH (it, &m->findings_lru)
                free(LIST_ENTRY(it, struct finding_entry, lru));
        table_done(&m->processes);
        table_done(&m->threads);
        table_done(&m->findings);
        pool_done(&m->process_pool);
        pool_done(&m->thread_pool);
        pool_done(&m->slot_pool);
        pool_done(&m->history_pool);
        pool_done(&m->finding_pool);
        free(m->ended);
}
