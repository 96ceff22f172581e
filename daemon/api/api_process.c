/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/proc/procfs.h"
#include "daemon/api/handlers.h"
#include "daemon/api/totals.h"
#include "daemon/api/views.h"
#include "daemon/claims/arbiter.h"
#include "daemon/http/parking.h"

#define PROCESSES_MAX   4096 /* in one answer */
#define THREADS_MAX     4096 /* of one process, in one answer */
#define ENDED_MAX       1024 /* ended sessions in one answer */
#define STATE_READS_MAX 2048 /* threads whose state is read from /proc for one answer */

static const char *const ended_names[_DETACHED_MAX] = {
        [DETACHED_BY_CALL] = "detach",
        [DETACHED_TRACER_EXIT] = "tracer-exit",
        [DETACHED_TRACEE_EXIT] = "tracee-exit",
        [DETACHED_UNSEEN] = "unseen",
};

static struct json_object *ended_json(const struct api *api, const struct session *s)
{
        struct json_object *o = api_session_json(api, s);
        const char *name = (unsigned)s->end_cause < _DETACHED_MAX ? ended_names[s->end_cause] : NULL;

        json_add_int(o, "pid", s->target.pid);
        json_add_time(o, "until", s->until_wall_ns);
        json_add_seconds(o, "lasted_s", s->until_ns - MIN_OF(s->since_ns, s->until_ns));
        json_add_text(o, "ended_by", name ? name : "unseen");
        return o;
}

/* ---- lists of pids ------------------------------------------------------------------------------- */

struct pids {
        uint32_t *pids;
        size_t n, size;
};

/* Without memory a pid is left out: the answer is short, not wrong about what it has. */
static void pids_add(struct pids *p, uint32_t pid)
{
        if (p->n == p->size) {
                size_t size = p->size ? 2 * p->size : 64;
                uint32_t *more = reallocarray(p->pids, size, sizeof(*more));

                if (!more)
                        return;
                p->pids = more;
                p->size = size;
        }
        p->pids[p->n++] = pid;
}

static int compare_pids(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return (x > y) - (x < y);
}

static void pids_sort(struct pids *p)
{
        size_t n = 0;

        if (p->n)
                qsort(p->pids, p->n, sizeof(p->pids[0]), compare_pids);
        for (size_t i = 0; i < p->n; i++)
                if (!i || p->pids[i] != p->pids[i - 1])
                        p->pids[n++] = p->pids[i];
        p->n = n;
}

/* ---- what belongs to one process ----------------------------------------------------------------- */

struct gathering {
        struct api_call *call;
        struct task_ref task; /* the process that is gathered for: another one may have had its pid before */
        struct json_object *threads, *tracees, *ended;
        struct pids parties;     /* everybody who traces or is traced */
        struct pids tracee_pids; /* of this process */
        unsigned state_reads;    /* done so far, for the whole answer */
};

static struct json_object *live_json(struct gathering *g, const struct session *s)
{
        struct json_object *o = api_session_json(g->call->api, s);
        struct proc_status st;

        if (g->state_reads++ < STATE_READS_MAX && procfs_status(s->target.pid, s->target.tid, &st) == 0)
                json_add_text(o, "state", st.state == 't' ? "t" : "");
        return o;
}

static struct json_object *tracee_json(const struct session *s)
{
        struct json_object *o = json_object_new_object();

        json_add_int(o, "pid", s->target.pid);
        json_add_int(o, "tid", s->target.tid);
        json_add_text(o, "comm", s->target.comm);
        return o;
}

/* A session of g->task, as tracee, tracer or both. */
static int gather_session(void *userdata, const struct session *s)
{
        struct gathering *g = userdata;
        bool is_target = task_same_process(&s->target, &g->task);

        if (s->until_ns) {
                if (g->ended && is_target && json_object_array_length(g->ended) < ENDED_MAX)
                        json_object_array_add(g->ended, ended_json(g->call->api, s));
                return 0;
        }
        if (is_target && json_object_array_length(g->threads) < THREADS_MAX)
                json_object_array_add(g->threads, live_json(g, s));
        if (task_same_process(&s->tracer, &g->task) && json_object_array_length(g->tracees) < THREADS_MAX) {
                json_object_array_add(g->tracees, tracee_json(s));
                pids_add(&g->tracee_pids, s->target.pid);
        }
        return 0;
}

/*
 * A process as the model knows it, or as /proc does where the model has no reason to know it. info is room
 * for the strings. -ESRCH; -EINVAL if pid is a thread of another process, which is then in *ret.
 */
static int find_process(const struct api *api, uint32_t pid, struct process_view *ret, struct event *info)
{
        struct task_ref now = {};
        bool lives = procfs_task(pid, &now) == 0;
        int r = model_process(pump_model(api->pump), pid, ret);

        if (lives && now.pid != pid) {
                ret->task = now;
                return -EINVAL;
        }
        if (r == 0 && ret->info_known && (!lives || ret->task.start == now.start))
                return 0;
        if (!lives)
                return r;
        *info = (struct event){};
        r = procfs_task_info(pid, info);
        if (r < 0)
                return r;
        *ret = (struct process_view){
                .task = now,
                .parent = info->parent,
                .uid = info->uid,
                .inner_pid = info->inner_pid,
                .alive = true,
                .info_known = true,
                .args = info->args,
                .path = info->path,
                .unit = info->unit,
                .tty = info->tty,
        };
        return 0;
}

/* Answers with an error and returns false if there is no such process. */
static bool get_process(struct api_call *call, uint32_t pid, struct process_view *ret, struct event *info)
{
        int r = find_process(call->api, pid, ret, info);

        if (r == -EINVAL)
                api_fail(call, MHD_HTTP_NOT_FOUND, "is-a-thread", "Ask about the process.",
                         "%u is a thread of process %u (%s).", pid, ret->task.pid, ret->task.comm);
        else if (r < 0)
                api_fail(call, MHD_HTTP_NOT_FOUND, "no-such-process",
                         "Inside a container pids differ: use the pid that ps shows on the host.",
                         "There is no process %u, and none with that pid was seen.", pid);
        return r == 0;
}

static void gather_begin(struct gathering *g, const struct task_ref *task)
{
        g->task = *task;
        g->threads = json_object_new_array();
        g->tracees = json_object_new_array();
        g->tracee_pids.n = 0;
}

/* ---- endpoints ----------------------------------------------------------------------------------- */

/* Who reserved the process; NULL: nobody. */
static struct json_object *claim_on(const struct api *api, const struct task_ref *process, bool exact)
{
        const struct claim *c = api->arbiter ? claim_of(arbiter_book(api->arbiter), process->pid) : NULL;

        return c && task_same_process(&c->request.target, process) ? api_claim_json(api, c, exact) : NULL;
}

void api_process(struct api_call *call)
{
        struct gathering g = {.call = call};
        struct process_view v;
        struct json_object *o;
        struct event info;

        if (!get_process(call, call->pid, &v, &info))
                return;
        gather_begin(&g, &v.task);
        g.ended = json_object_new_array();
        model_each_session(pump_model(call->api->pump), call->pid, true, gather_session, &g);
        o = json_new("ptraced.process/1");
        json_object_object_add(o, "process", api_process_json(call->api, &v));
        json_object_object_add(o, "claim", v.alive ? claim_on(call->api, &v.task, true) : NULL);
        json_object_object_add(o, "threads", g.threads);
        json_object_object_add(o, "tracees", g.tracees);
        json_object_object_add(o, "ended", g.ended);
        free(g.tracee_pids.pids);
        api_answer(call, o);
}

static int gather_parties(void *userdata, const struct session *s)
{
        struct gathering *g = userdata;

        pids_add(&g->parties, s->target.pid);
        pids_add(&g->parties, s->tracer.pid);
        return 0;
}

static int gather_ended(void *userdata, const struct session *s)
{
        struct gathering *g = userdata;

        if (s->until_ns && json_object_array_length(g->ended) < ENDED_MAX &&
            (g->call->peer.privileged ||
             peer_owns(&g->call->peer, pump_model(g->call->api->pump), &s->target)))
                json_object_array_add(g->ended, ended_json(g->call->api, s));
        return 0;
}

/* One entry of "processes"; NULL if the peer may not see it, or it is gone. */
static struct json_object *party_json(struct gathering *g, uint32_t pid)
{
        const struct api *api = g->call->api;
        const struct task_ref task = {.pid = pid};
        struct json_object *o, *list;
        struct process_view v;
        struct event info;

        if (!g->call->peer.privileged && !peer_owns(&g->call->peer, pump_model(api->pump), &task))
                return NULL;
        if (find_process(api, pid, &v, &info) < 0)
                return NULL;
        o = json_object_new_object();
        list = json_object_new_array();
        gather_begin(g, &v.task);
        json_object_object_add(o, "process", api_process_json(api, &v));
        json_object_object_add(o, "claim", v.alive ? claim_on(api, &v.task, false) : NULL);
        model_each_session(pump_model(api->pump), pid, false, gather_session, g);
        pids_sort(&g->tracee_pids);
        for (size_t i = 0; i < g->tracee_pids.n; i++)
                json_object_array_add(list, json_object_new_int64(g->tracee_pids.pids[i]));
        json_object_put(g->tracees);
        json_object_object_add(o, "threads", g->threads);
        json_object_object_add(o, "tracees", list);
        return o;
}

/* The answer to /v1/tracers: made process by process, as text, because with thousands of them making it
 * takes long, and so does turning it into text. */
struct tracers_answer {
        struct gathering g;
        size_t next, shown; /* of g.parties; processes in the answer so far */
        FILE *out;          /* into text */
        char *text;
        size_t size;
};

static void tracers_answer_free(void *state)
{
        struct tracers_answer *t = state;

        if (t->out)
                fclose(t->out);
        free(t->text);
        free(t->g.parties.pids);
        free(t->g.tracee_pids.pids);
        free(t);
}

static void print_json(FILE *out, struct json_object *o)
{
        fputs(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
              out);
        json_object_put(o);
}

static void print_party(struct tracers_answer *t, uint32_t pid)
{
        struct json_object *party = party_json(&t->g, pid);

        if (!party)
                return;
        if (t->shown++)
                putc(',', t->out);
        print_json(t->out, party);
}

static void finish_tracers(struct api_call *call, struct tracers_answer *t)
{
        t->g.ended = json_object_new_array();
        if (call->args.ended)
                model_each_session(pump_model(call->api->pump), call->args.pid, true, gather_ended, &t->g);
        fputs("],\"ended\":", t->out);
        print_json(t->out, TAKE_PTR(t->g.ended));
        fputs("}\n", t->out);
        if (fclose(TAKE_PTR(t->out)) != 0) {
                api_answer(call, NULL);
                return;
        }
        api_answer_text(call, "application/json", TAKE_PTR(t->text));
}

static enum turn_result tell_tracers(struct api_call *call, void *state)
{
        const uint64_t until_ns = clock_mono_ns() + TURNS_PIECE_NS;
        struct tracers_answer *t = state;

        while (t->next < t->g.parties.n && t->shown < PROCESSES_MAX) {
                if (clock_mono_ns() >= until_ns)
                        return TURN_AGAIN;
                print_party(t, t->g.parties.pids[t->next++]);
        }
        finish_tracers(call, t);
        return TURN_DONE;
}

void api_tracers(struct api_call *call)
{
        struct process_view v;
        struct tracers_answer *t;
        struct event info;

        if (call->args.pid && !get_process(call, call->args.pid, &v, &info))
                return;
        t = calloc(1, sizeof(*t));
        if (t)
                t->out = open_memstream(&t->text, &t->size);
        if (!t || !t->out) {
                free(t);
                api_answer(call, NULL);
                return;
        }
        t->g.call = call;
        model_each_session(pump_model(call->api->pump), call->args.pid, false, gather_parties, &t->g);
        pids_sort(&t->g.parties);
        fputs("{\"schema\":\"ptraced.tracers/1\",\"losses\":", t->out);
        print_json(t->out, api_losses_json(call->api));
        fputs(",\"processes\":[", t->out);
        parking_work(call, tell_tracers, t, tracers_answer_free);
}
