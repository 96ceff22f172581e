/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/model/model.h"
#include "lib/model/model_state.h"

void model_thresholds_default(struct model_thresholds *ret)
{
        *ret = (struct model_thresholds){
                .tracer_hung_ns = 3 * NSEC_PER_SEC,
                .left_stopped_ns = 300 * NSEC_PER_MSEC,
                .attach_storm_per_s = 100,
                .tracer_stale_ns = 30 * 60 * NSEC_PER_SEC,
                .dbgp_stalled_ns = 2 * NSEC_PER_SEC,
                .client_gone_ns = 5 * NSEC_PER_SEC,
                .thread_leak = 200,
        };
}

const struct model_thresholds *model_thresholds(const struct model *m)
{
        return &m->thresholds;
}

int model_new(struct model **ret, const struct model_thresholds *t, const struct model_sink *sink,
              void *userdata)
{
        struct model *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        model_thresholds_default(&m->thresholds);
        if (t)
                m->thresholds = *t;
        if (sink)
                m->sink = *sink;
        m->userdata = userdata;
        r = state_init(m);
        if (r < 0) {
                model_free(m);
                return r;
        }
        *ret = m;
        return 0;
}

struct model *model_free(struct model *m)
{
        if (m)
                state_done(m);
        free(m);
        return NULL;
}

void model_ask(struct model *m, enum question_kind kind, const struct task_ref *task, uint64_t not_before_ns)
{
        struct model_question q = {.kind = kind, .task = *task, .not_before_ns = not_before_ns};

        if (m->sink.on_question)
                m->sink.on_question(m->userdata, &q);
}

/* ---- findings ---------------------------------------------------------------------------------------- */

static uint64_t finding_hash(const struct finding *f)
{
        return table_hash(f->target.start ^ (uint64_t)f->target.pid << 32 ^ (uint64_t)f->code << 24 ^
                          f->other_pid);
}

static void evict_finding(struct model *m)
{
        struct finding_entry *oldest = LIST_ENTRY(m->findings_lru.next, struct finding_entry, lru);

        assert(m->n_findings && !list_empty(&m->findings_lru));
        list_remove(&oldest->lru);
        table_remove(&m->findings, &oldest->node);
        m->n_findings--;
        pool_give(&m->finding_pool, oldest);
}

static struct finding_entry *find_finding(const struct model *m, const struct finding *f)
{
        for (struct table_node *n = table_first(&m->findings, finding_hash(f)); n; n = table_next(n)) {
                struct finding_entry *entry = LIST_ENTRY(n, struct finding_entry, node);

                if (finding_same(&entry->f, f))
                        return entry;
        }
        return NULL;
}

/* The first ones stay, the last place is that of the last one. */
static void note_last_evidence(struct finding *f, uint64_t seq)
{
        if (f->n_evidence < FINDING_EVIDENCE_MAX)
                f->n_evidence++;
        f->evidence[f->n_evidence - 1] = seq;
}

static void seen_again(struct model *m, struct finding_entry *entry, uint64_t count, uint64_t time_ns,
                       uint64_t wall_ns)
{
        entry->f.count += count;
        if (time_ns > entry->f.last_ns) {
                entry->f.last_ns = time_ns;
                entry->f.last_wall_ns = wall_ns;
        }
        list_move_last(&m->findings_lru, &entry->lru);
        if (m->sink.on_finding)
                m->sink.on_finding(m->userdata, &entry->f, false);
}

void model_report(struct model *m, const struct finding *f)
{
        struct finding_entry *entry;

        assert(f->code > FIND_NONE && f->code < _FIND_MAX && f->severity < _SEVERITY_MAX);
        assert(f->summary[0] && f->count && f->n_evidence <= FINDING_EVIDENCE_MAX);
        entry = find_finding(m, f);
        if (entry) {
                if (f->n_evidence)
                        note_last_evidence(&entry->f, f->evidence[f->n_evidence - 1]);
                seen_again(m, entry, f->count, f->last_ns, f->last_wall_ns);
                return;
        }
        if (m->n_findings >= MODEL_FINDINGS_MAX)
                evict_finding(m);
        entry = pool_take(&m->finding_pool);
        if (!entry)
                return;
        entry->f = *f;
        table_insert(&m->findings, &entry->node, finding_hash(f));
        list_append(&m->findings_lru, &entry->lru);
        m->n_findings++;
        if (m->sink.on_finding)
                m->sink.on_finding(m->userdata, &entry->f, true);
}

struct finding *model_last_finding(struct model *m, enum finding_code code, const struct process *p,
                                   uint32_t other_pid)
{
        for (struct list *it = m->findings_lru.prev; it != &m->findings_lru; it = it->prev) {
                struct finding *f = &LIST_ENTRY(it, struct finding_entry, lru)->f;

                if (f->code == code && f->target.pid == p->task.pid && f->target.start == p->task.start &&
                    (other_pid == 0 || f->other_pid == other_pid))
                        return f;
        }
        return NULL;
}

void model_count_more(struct model *m, struct finding *f, uint64_t count)
{
        seen_again(m, LIST_ENTRY(f, struct finding_entry, f), count, m->now_ns, m->now_wall_ns);
}

void model_finding_changed(struct model *m, const struct finding *f)
{
        if (m->sink.on_finding)
                m->sink.on_finding(m->userdata, f, false);
}

/* ---- the next event ---------------------------------------------------------------------------------- */

#define HAS_NUL(array) (memchr((array), 0, sizeof(array)) != NULL)

static bool strings_end(const struct event *e)
{
        return HAS_NUL(e->path) && HAS_NUL(e->args) && HAS_NUL(e->unit) && HAS_NUL(e->symbol) &&
               HAS_NUL(e->note) && HAS_NUL(e->local) && HAS_NUL(e->remote) && HAS_NUL(e->target.comm) &&
               HAS_NUL(e->actor.comm) && HAS_NUL(e->tracer.comm) && HAS_NUL(e->parent.comm);
}

int model_admit(struct model *m, const struct event *e, size_t n_findings)
{
        int r;

        if (e->type <= EV_NONE || e->type >= _EV_MAX || !strings_end(e))
                return -EINVAL;
        r = state_reserve(m, n_findings);
        if (r < 0)
                return r;
        m->n_events++;
        /* Rings of several processors are merged: a little step back in time is no reason to go back. */
        if (e->time_ns >= m->now_ns || e->type == EV_DAEMON_START) {
                m->now_ns = e->time_ns;
                m->now_wall_ns = e->wall_ns;
        }
        return 0;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static bool session_concerns(const struct session *s, uint32_t pid)
{
        return pid == 0 || s->target.pid == pid || s->tracer.pid == pid;
}

int model_each_session(const struct model *m, uint32_t pid, bool ended,
                       int (*fn)(void *userdata, const struct session *s), void *userdata)
{
        int r = 0;

        for (size_t i = 0; ended && r == 0 && i < m->n_ended; i++) {
                const struct session *s = &m->ended[(m->ended_first + i) % m->ended_size];

                if (session_concerns(s, pid))
                        r = fn(userdata, s);
        }
        LIST_FOREACH (it, &m->slots) {
                const struct slot *slot = LIST_ENTRY(it, struct slot, in_model);
                struct session s;

                if (r != 0)
                        break;
                if (!session_concerns(&slot->s, pid))
                        continue;
                slot_view(slot, &s);
                r = fn(userdata, &s);
        }
        return r;
}

static struct process_view view_of(const struct process *p)
{
        return (struct process_view){
                .task = p->task,
                .parent = p->parent,
                .uid = p->uid,
                .inner_pid = p->inner_pid,
                .state = p->state,
                .alive = p->alive,
                .info_known = p->info_known,
                .args = p->info ? p->info->args : "",
                .path = p->info ? p->info->path : "",
                .unit = p->info ? p->info->unit : "",
                .tty = p->info ? p->info->tty : "",
                .n_traced_threads = p->n_traced,
                .n_tracees = p->n_tracees,
        };
}

int model_process(const struct model *m, uint32_t pid, struct process_view *ret)
{
        const struct process *p = process_find(m, pid, 0);

        if (!p)
                return -ESRCH;
        *ret = view_of(p);
        return 0;
}

int model_stop(const struct model *m, const struct task_ref *process, struct stop_view *ret)
{
        const struct process *p = process_of(m, process);
        const struct history *h = p && p->alive ? p->history : NULL;

        if (!h || (!h->stop.tracer.pid && !h->stop.by_other && !h->stop.older))
                return -ENOENT;
        *ret = (struct stop_view){
                .by_tracer = h->stop.tracer.pid && !h->stop.by_other && !h->stop.older && !h->stop.unknown,
                .older = h->stop.older,
                .tracer = h->stop.tracer.pid ? h->stop.tracer : h->ended.tracer,
                .other = h->stop.other,
                .since_wall_ns = h->stop.since_wall_ns,
        };
        process_name(m, &ret->tracer);
        process_name(m, &ret->other);
        return 0;
}

int model_each_live(const struct model *m, int (*fn)(void *userdata, const struct process_view *v),
                    void *userdata)
{
        int r = 0;

        LIST_FOREACH (it, &m->live) {
                struct process_view v = view_of(LIST_ENTRY(it, struct process, lru));

                r = fn(userdata, &v);
                if (r != 0)
                        break;
        }
        return r;
}

int model_each_finding(const struct model *m, uint32_t pid,
                       int (*fn)(void *userdata, const struct finding *f), void *userdata)
{
        int r = 0;

        LIST_FOREACH (it, &m->findings_lru) {
                const struct finding *f = &LIST_ENTRY(it, struct finding_entry, lru)->f;

                if (r != 0)
                        break;
                if (pid == 0 || f->target.pid == pid || f->other_pid == pid)
                        r = fn(userdata, f);
        }
        return r;
}

int model_each_listener(const struct model *m, int (*fn)(void *userdata, const struct listener *l),
                        void *userdata)
{
        int r = 0;

        for (size_t i = 0; i < m->net.n_listeners && r == 0; i++)
                r = fn(userdata, &m->net.listeners[i]);
        return r;
}

int model_each_connection(const struct model *m, uint32_t pid,
                          int (*fn)(void *userdata, const struct connection *c), void *userdata)
{
        int r = 0;

        for (size_t i = 0; i < m->net.n && r == 0; i++)
                if (!pid || m->net.list[i].task.pid == pid)
                        r = fn(userdata, &m->net.list[i]);
        return r;
}

void model_count(const struct model *m, struct model_counts *ret)
{
        *ret = (struct model_counts){
                .processes = m->n_live,
                .threads = m->n_threads,
                .sessions_live = m->n_slots,
                .sessions_ended = m->n_ended,
                .findings = m->n_findings,
                .evicted = m->n_evicted,
                .events = m->n_events,
                .sessions_over = m->n_sessions_over,
        };
}
