/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/sampler.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"
#include "daemon/events/unseen.h"

struct pair {
        struct task_ref tracer, target;
        bool idle;        /* the tracer has done nothing for long, and it was not told lately */
        bool awaits_stop; /* and what it waits for does not come */
};

/* A tracee that waits for a tracer that cannot run. */
struct episode {
        struct task_ref target;
        unsigned repeats;
};

struct sampler {
        struct model_question questions[SAMPLER_QUESTIONS_MAX];
        size_t n_questions;
        struct episode episodes[SAMPLER_EPISODES_MAX];
        size_t n_episodes;
        struct pair walk[SAMPLER_WALK_MAX];
        size_t n_walk;
        size_t cursor; /* sessions that earlier walks of this round have passed */
        size_t passed; /* of the walk under way */
        uint64_t now_ns, stale_ns;
        uint64_t walk_ns; /* when the next walk is due */
        bool probes;
        DIR *proc; /* the round of probes under way */
        uint64_t dropped;
};

int sampler_new(struct sampler **ret)
{
        struct sampler *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        *ret = s;
        return 0;
}

void sampler_probe(struct sampler *s)
{
        s->probes = true;
}

struct sampler *sampler_free(struct sampler *s)
{
        if (s && s->proc)
                closedir(s->proc);
        free(s);
        return NULL;
}

uint64_t sampler_dropped(const struct sampler *s)
{
        return s->dropped;
}

static bool same_tid(const struct task_ref *a, const struct task_ref *b)
{
        return a->tid == b->tid && task_same_process(a, b);
}

/* ---- questions ------------------------------------------------------------------------------------- */

int sampler_ask(struct sampler *s, const struct model_question *q)
{
        for (size_t i = 0; i < s->n_questions; i++) {
                struct model_question *queued = &s->questions[i];

                if (queued->kind != q->kind || !same_tid(&queued->task, &q->task))
                        continue;
                /* Two states wanted at two times are two questions; a description is wanted once, soon. */
                if ((q->kind == ASK_TASK_STATE || q->kind == ASK_NET_STATE) &&
                    queued->not_before_ns != q->not_before_ns)
                        continue;
                queued->not_before_ns = MIN_OF(queued->not_before_ns, q->not_before_ns);
                return 0;
        }
        if (s->n_questions == SAMPLER_QUESTIONS_MAX) {
                s->dropped++;
                return -ENOBUFS;
        }
        s->questions[s->n_questions++] = *q;
        return 0;
}

/* Of a process whose main thread has ended alone, the state is that of a thread that lives. */
static int look_at_state(const struct task_ref *task, struct event *ret)
{
        struct task_ref thread = *task;
        struct proc_status living;

        if (!task->tid && procfs_living_thread(task->pid, &living) == 0 && living.task.tid != task->pid) {
                thread.tid = living.task.tid;
                thread.tid_start = living.task.tid_start;
        }
        return procfs_task_state(&thread, ret);
}

/* If the record of its attach has come by now, there is nothing to tell. */
static int tell_tracer(const struct model *m, uint32_t pid, sampler_emit emit, void *userdata)
{
        struct process_view v;
        struct unseen *u;
        int r;

        if (model_process(m, pid, &v) == 0 && v.n_traced_threads)
                return 0;
        if (unseen_new(&u, m, pid, SAMPLER_UNSEEN_MAX) < 0)
                return 0;
        r = unseen_step(u, UINT64_MAX, emit, userdata);
        unseen_free(u);
        return r;
}

struct untraced_search {
        unsigned n;
        struct event found;
};

static int look_for_untraced(void *userdata, uint32_t pid, uint32_t tid)
{
        struct untraced_search *q = userdata;
        struct task_ref thread = {.pid = pid, .tid = tid};
        uint32_t tracer;

        if (++q->n > SAMPLER_THREADS_MAX)
                return 2;
        if (procfs_tracer_tid(pid, tid, &tracer) < 0 || tracer || procfs_task_state(&thread, &q->found) < 0)
                return 0;
        return !q->found.tracer.pid && q->found.state != 'Z' && q->found.state != 'X';
}

static int tell_untraced(const struct task_ref *process, sampler_emit emit, void *userdata)
{
        struct untraced_search q = {};

        if (procfs_each_thread(process->pid, look_for_untraced, &q) != 1 ||
            !task_same_process(&q.found.target, process))
                return 0;
        return emit(userdata, &q.found);
}

/* Always: who asked waits for it. */
static int tell_net_state(const struct task_ref *task, sampler_emit emit, void *userdata)
{
        struct event e = {.type = EV_NET_STATE, .target = *task};
        struct proc_status now;

        if (procfs_status(task->pid, 0, &now) == 0 && task_same_process(&now.task, task))
                e.state = now.state;
        return emit(userdata, &e);
}

static int answer_question(const struct model *m, const struct model_question *q, sampler_emit emit,
                           void *userdata)
{
        struct event e;
        int r;

        if (q->kind == ASK_TRACER)
                return tell_tracer(m, q->task.pid, emit, userdata);
        if (q->kind == ASK_UNTRACED)
                return tell_untraced(&q->task, emit, userdata);
        if (q->kind == ASK_NET_STATE)
                return tell_net_state(&q->task, emit, userdata);
        if (q->kind == ASK_TASK_STATE)
                r = look_at_state(&q->task, &e);
        else
                r = procfs_task_info(q->task.pid, &e);
        /* Gone, or not to be seen: nothing is known, so nothing is said. */
        if (r < 0 || !task_same_process(&e.target, &q->task))
                return 0;
        return emit(userdata, &e);
}

/* Answers may make the model ask again: those questions wait for the next run. */
static int answer_due(struct sampler *s, const struct model *m, uint64_t now_ns, sampler_emit emit,
                      void *userdata)
{
        size_t n = s->n_questions, i = 0, answered = 0;
        int r = 0;

        while (n-- > 0 && answered < SAMPLER_ANSWERS_MAX && r == 0) {
                struct model_question q = s->questions[i];

                if (q.not_before_ns > now_ns) {
                        i++;
                        continue;
                }
                s->n_questions--;
                for (size_t k = i; k < s->n_questions; k++)
                        s->questions[k] = s->questions[k + 1];
                answered++;
                r = answer_question(m, &q, emit, userdata);
        }
        return r;
}

uint64_t sampler_next_due(const struct sampler *s)
{
        uint64_t due = s->walk_ns;

        for (size_t i = 0; i < s->n_questions; i++)
                due = MIN_OF(due, s->questions[i].not_before_ns);
        return due;
}

/* ---- tracees whose tracer cannot serve them -------------------------------------------------------- */

static bool cannot_serve(char tracer_state)
{
        return tracer_state == 'T' || tracer_state == 't' || tracer_state == 'Z';
}

static bool is_stuck(const struct event *e)
{
        return e->state == 't' && cannot_serve((char)e->tracer_state);
}

/* Known ones: told again while it lasts, and once more when it ends. */
static int follow_episodes(struct sampler *s, sampler_emit emit, void *userdata)
{
        size_t i = 0;
        int r = 0;

        while (i < s->n_episodes && r == 0) {
                struct episode *episode = &s->episodes[i];
                struct event e;
                bool known = procfs_task_state(&episode->target, &e) == 0, stuck = known && is_stuck(&e);
                bool tell = known && (!stuck || episode->repeats < SAMPLER_REPEATS_MAX);

                if (stuck) {
                        episode->repeats++;
                        i++;
                } else
                        *episode = s->episodes[--s->n_episodes];
                if (tell)
                        r = emit(userdata, &e);
        }
        return r;
}

static bool in_episode(const struct sampler *s, const struct task_ref *target)
{
        for (size_t i = 0; i < s->n_episodes; i++)
                if (same_tid(&s->episodes[i].target, target))
                        return true;
        return false;
}

/* The sessions of this walk: SAMPLER_WALK_MAX of them, from where the last walk ended. */
static int collect_for_walk(void *userdata, const struct session *session)
{
        struct sampler *s = userdata;

        if (s->passed++ < s->cursor)
                return 0;
        if (s->n_walk == SAMPLER_WALK_MAX)
                return 1;
        s->walk[s->n_walk++] = (struct pair){
                .tracer = session->tracer,
                .target = session->target,
                .idle = session_idle_ns(session, s->now_ns) >= s->stale_ns &&
                        session_idle_ns(session, s->now_ns) &&
                        s->now_ns >= session->idle_told_ns + s->stale_ns,
                .awaits_stop = !session->stuck_told_ns && session_awaits_stop(session, s->now_ns),
        };
        return 0;
}

static void collect_sessions(struct sampler *s, const struct model *m)
{
        bool more;

        s->n_walk = s->passed = 0;
        more = model_each_session(m, 0, false, collect_for_walk, s) > 0;
        s->cursor = more ? s->cursor + s->n_walk : 0;
}

/* The state of a tracer is asked for once for all its tracees in a row. */
struct last_tracer {
        uint32_t tid;
        bool cannot_serve;
};

static bool tracer_cannot_serve(struct last_tracer *last, const struct task_ref *tracer)
{
        struct proc_stat stat;
        uint32_t tid = tracer->tid ?: tracer->pid;

        if (last->tid != tid) {
                last->tid = tid;
                last->cannot_serve = procfs_stat(tracer->pid, tid, &stat) == 0 && cannot_serve(stat.state);
        }
        return last->cannot_serve;
}

/* A stopped tracee whose tracer does nothing, one that cannot stop: what keeps them is to be told. */
static int tell_what_keeps(const struct pair *pair, char state, sampler_emit emit, void *userdata)
{
        struct event e;

        if (!(pair->idle && state == 't') && !(pair->awaits_stop && state == 'D'))
                return 0;
        if (procfs_task_state(&pair->target, &e) < 0 || e.state != state)
                return 0;
        procfs_what_keeps(&e);
        return emit(userdata, &e);
}

static int find_episodes(struct sampler *s, sampler_emit emit, void *userdata)
{
        struct last_tracer last = {};
        int r = 0;

        for (size_t i = 0; i < s->n_walk && r == 0; i++) {
                const struct pair *pair = &s->walk[i];
                struct proc_stat stat;
                struct event e;

                /* One short read for nearly all of them: they are not stopped, or their tracer is fine. */
                if (procfs_stat(pair->target.pid, pair->target.tid, &stat) < 0)
                        continue;
                if (stat.state != 't' || !tracer_cannot_serve(&last, &pair->tracer)) {
                        r = tell_what_keeps(pair, stat.state, emit, userdata);
                        continue;
                }
                if (s->n_episodes == SAMPLER_EPISODES_MAX || in_episode(s, &pair->target))
                        continue;
                if (procfs_task_state(&pair->target, &e) < 0 || !is_stuck(&e))
                        continue;
                s->episodes[s->n_episodes++] = (struct episode){.target = pair->target, .repeats = 1};
                r = emit(userdata, &e);
        }
        return r;
}

/* ---- tracees whose tracers are not seen ------------------------------------------------------------ */

/* The next process; 0 at the end of the round. */
static uint32_t next_to_probe(struct sampler *s)
{
        struct dirent *entry;

        if (!s->proc)
                s->proc = opendir("/proc");
        while (s->proc && (entry = readdir(s->proc)))
                if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
                        return (uint32_t)strtoul(entry->d_name, NULL, 10);
        if (s->proc)
                closedir(TAKE_PTR(s->proc));
        return 0;
}

/* One short read for nearly all of them: nobody traces their main thread. */
static void probe_some(struct sampler *s, uint64_t now_ns)
{
        for (unsigned i = 0; i < SAMPLER_PROBES_MAX; i++) {
                struct model_question q = {.kind = ASK_TRACER, .not_before_ns = now_ns};
                uint32_t tracer, pid = next_to_probe(s);

                if (!pid)
                        return;
                if (procfs_tracer_tid(pid, pid, &tracer) == 0 && tracer && procfs_task(pid, &q.task) == 0) {
                        q.task.tid = 0;
                        (void)sampler_ask(s, &q);
                }
        }
}

int sampler_run(struct sampler *s, uint64_t now_ns, const struct model *m, sampler_emit emit, void *userdata)
{
        int r;

        r = answer_due(s, m, now_ns, emit, userdata);
        if (r || now_ns < s->walk_ns)
                return r;
        s->walk_ns = now_ns + SAMPLER_PERIOD_NS;
        if (s->probes)
                probe_some(s, now_ns);
        s->now_ns = now_ns;
        s->stale_ns = model_thresholds(m)->tracer_stale_ns;
        collect_sessions(s, m);
        r = follow_episodes(s, emit, userdata);
        return r ?: find_episodes(s, emit, userdata);
}
