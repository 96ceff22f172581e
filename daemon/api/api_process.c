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
#include "daemon/events/unseen.h"
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
        json_object_object_add(o, "thread_only", json_object_new_boolean(s->thread_only));
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

/* ---- which process ------------------------------------------------------------------------------- */

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

/* Who reserved the process; NULL: nobody. */
static struct json_object *claim_on(const struct api *api, const struct task_ref *process, bool exact)
{
        const struct claim *c = api->arbiter ? claim_of(arbiter_book(api->arbiter), process->pid) : NULL;

        return c && task_same_process(&c->request.target, process) ? api_claim_json(api, c, exact) : NULL;
}

/* ---- showing --------------------------------------------------------------------------------------- */

/*
 * Processes with their threads, of which there may be thousands: the answer is made one after the other, and
 * as text, because turning it into text takes as long as making it.
 */
struct processes_answer {
        bool alone;            /* one process, with all that is known of it */
        uint32_t pid;          /* the one asked about, 0: all */
        struct unseen *unseen; /* who traces it, where the tier may not have seen that */
        struct pids parties;   /* else: everybody who traces or is traced */
        size_t next, shown;    /* of them; processes in the answer so far */

        struct task_ref task;     /* the process being shown: another one may have had its pid before */
        struct session *sessions; /* copies: the model changes in between */
        size_t n_sessions, size, at;
        size_t n_threads, n_tracees, n_ended; /* among the copies */
        size_t printed;                       /* in the list that is being shown */
        unsigned state_reads;                 /* done so far, for the whole answer */
        bool failed;                          /* an error is the answer */

        bool (*step)(struct api_call *call,
                     struct processes_answer *t); /* what comes next; false: the answer is complete */
        bool (*begin)(struct api_call *call,
                      struct processes_answer *t); /* when what was not seen is known; false: no answer */
        FILE *out;                                 /* into text */
        char *text;
        size_t text_size;
};

static void processes_answer_free(void *state)
{
        struct processes_answer *t = state;

        unseen_free(t->unseen);
        if (t->out)
                fclose(t->out);
        free(t->text);
        free(t->sessions);
        free(t->parties.pids);
        free(t);
}

/* Answers with an error if there is no memory. */
static struct processes_answer *processes_answer_new(struct api_call *call)
{
        struct processes_answer *t = calloc(1, sizeof(*t));

        if (t)
                t->out = open_memstream(&t->text, &t->text_size);
        if (t && t->out)
                return t;
        free(t);
        api_answer(call, NULL);
        return NULL;
}

static void print_json(struct processes_answer *t, struct json_object *o)
{
        fputs(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
              t->out);
        json_object_put(o);
}

static void begin_list(struct processes_answer *t, const char *before,
                       bool (*step)(struct api_call *, struct processes_answer *))
{
        fputs(before, t->out);
        t->at = t->printed = 0;
        t->step = step;
}

static void print_item(struct processes_answer *t, struct json_object *o)
{
        if (t->printed++)
                putc(',', t->out);
        print_json(t, o);
}

/* Without memory a session is left out, as a pid is. */
static void keep_session(struct processes_answer *t, const struct session *s)
{
        if (t->n_sessions == t->size) {
                size_t size = t->size ? 2 * t->size : 16;
                struct session *more = reallocarray(t->sessions, size, sizeof(*more));

                if (!more)
                        return;
                t->sessions = more;
                t->size = size;
        }
        t->sessions[t->n_sessions++] = *s;
}

static bool is_thread_of(const struct processes_answer *t, const struct session *s)
{
        return !s->until_ns && task_same_process(&s->target, &t->task);
}

static bool is_tracee_of(const struct processes_answer *t, const struct session *s)
{
        return !s->until_ns && task_same_process(&s->tracer, &t->task);
}

/* A session of t->task, as tracee, tracer or both. */
static int copy_own(void *userdata, const struct session *s)
{
        struct processes_answer *t = userdata;
        bool keep = (is_thread_of(t, s) && t->n_threads++ < THREADS_MAX) |
                    (is_tracee_of(t, s) && t->n_tracees++ < THREADS_MAX) |
                    (s->until_ns && task_same_process(&s->target, &t->task) && t->n_ended++ < ENDED_MAX);

        if (keep)
                keep_session(t, s);
        return 0;
}

static int copy_ended(void *userdata, const struct session *s)
{
        if (s->until_ns)
                keep_session(userdata, s);
        return 0;
}

static void copy_sessions(struct api_call *call, struct processes_answer *t, uint32_t pid,
                          int (*copy)(void *userdata, const struct session *s))
{
        t->n_sessions = t->n_threads = t->n_tracees = t->n_ended = 0;
        model_each_session(pump_model(call->api->pump), pid, t->alone || copy == copy_ended, copy, t);
}

/* The next of the copies; NULL at their end. */
static const struct session *next_session(struct processes_answer *t)
{
        return t->at < t->n_sessions ? &t->sessions[t->at++] : NULL;
}

/* ---- its lists ------------------------------------------------------------------------------------- */

/* Each does a small step: false where the answer is complete. */
static bool show_party(struct api_call *call, struct processes_answer *t);

static struct json_object *tracee_json(const struct session *s)
{
        struct json_object *o = json_object_new_object();

        json_add_int(o, "pid", s->target.pid);
        json_add_int(o, "tid", s->target.tid);
        json_add_text(o, "comm", s->target.comm);
        return o;
}

static bool show_ended(struct api_call *call, struct processes_answer *t)
{
        const struct session *s = next_session(t);

        if (!s || t->printed >= ENDED_MAX) {
                fputs("]}\n", t->out);
                return false;
        }
        if (s->until_ns && (t->alone || call->peer.privileged ||
                            peer_owns(&call->peer, pump_model(call->api->pump), &s->target)))
                print_item(t, ended_json(call->api, s));
        return true;
}

static bool show_tracee(struct api_call *call _unused_, struct processes_answer *t)
{
        const struct session *s = next_session(t);

        if (!s)
                begin_list(t, "],\"ended\":[", show_ended);
        else if (is_tracee_of(t, s))
                print_item(t, tracee_json(s));
        return true;
}

/* Of one among many only the processes are told. */
static void show_tracee_pids(struct processes_answer *t)
{
        struct pids pids = {};

        for (size_t i = 0; i < t->n_sessions; i++)
                if (is_tracee_of(t, &t->sessions[i]))
                        pids_add(&pids, t->sessions[i].target.pid);
        pids_sort(&pids);
        for (size_t i = 0; i < pids.n; i++)
                fprintf(t->out, "%s%u", i ? "," : "", pids.pids[i]);
        free(pids.pids);
}

/* Running and waiting for something that may come at any time are no state to speak of. */
static const char *state_to_tell(char state, char buf[2])
{
        snprintf(buf, 2, "%c", state);
        return strchr("tTDZX", state) ? buf : "";
}

/* Why it is known from /proc alone. */
static const char *why_missed(const struct api *api)
{
        return loader_tier(api->loader) == TIER_TRACEPOINT
                       ? "says /proc; its attach was not seen: this tier does not see 32-bit calls"
                       : "says /proc; its attach was not seen";
}

static struct json_object *live_json(const struct api *api, struct processes_answer *t,
                                     const struct session *s)
{
        struct json_object *o = api_session_json(api, s);
        struct proc_status st;
        char state[2];

        json_object_object_add(o, "missed", json_object_new_boolean(s->missed));
        if (s->missed)
                json_add_text(o, "note", why_missed(api));
        if (t->state_reads++ >= STATE_READS_MAX || procfs_status(s->target.pid, s->target.tid, &st) < 0 ||
            !task_same_process(&st.task, &s->target))
                return o;
        json_add_text(o, "state", state_to_tell(st.state, state));
        json_add_text(o, "comm", st.task.comm);
        return o;
}

static bool show_thread(struct api_call *call, struct processes_answer *t)
{
        const struct session *s = next_session(t);

        if (s) {
                if (is_thread_of(t, s))
                        print_item(t, live_json(call->api, t, s));
                return true;
        }
        begin_list(t, "],\"tracees\":[", show_tracee);
        if (!t->alone) {
                show_tracee_pids(t);
                fputs("]}", t->out);
                t->step = show_party;
        }
        return true;
}

/* From here on its lists follow. */
static void show_process(struct api_call *call, struct processes_answer *t, const struct process_view *v)
{
        t->task = v->task;
        copy_sessions(call, t, v->task.pid, copy_own);
        fputs("\"process\":", t->out);
        print_json(t, api_process_json(call->api, v));
        fputs(",\"claim\":", t->out);
        print_json(t, v->alive ? claim_on(call->api, &v->task, t->alone) : NULL);
        fputs(",\"connections\":", t->out);
        print_json(t, api_connections_json(call->api, &v->task));
        fputs(",\"listening\":", t->out);
        print_json(t, api_listening_json(call->api, &v->task));
        begin_list(t, ",\"threads\":[", show_thread);
}

/* The next one that the peer may see. */
static bool show_party(struct api_call *call, struct processes_answer *t)
{
        struct task_ref task = {};
        struct process_view v;
        struct event info;

        if (t->next == t->parties.n || t->shown == PROCESSES_MAX) {
                t->n_sessions = 0;
                if (call->args.ended)
                        copy_sessions(call, t, call->args.pid, copy_ended);
                begin_list(t, "],\"ended\":[", show_ended);
                return true;
        }
        task.pid = t->parties.pids[t->next++];
        if (!call->peer.privileged && !peer_owns(&call->peer, pump_model(call->api->pump), &task))
                return true;
        if (find_process(call->api, task.pid, &v, &info) < 0)
                return true;
        fputs(t->shown++ ? ",{" : "{", t->out);
        show_process(call, t, &v);
        return true;
}

static enum turn_result show_some(struct api_call *call, void *state)
{
        const uint64_t until_ns = clock_mono_ns() + TURNS_PIECE_NS;
        struct processes_answer *t = state;

        while (t->step(call, t))
                if (clock_mono_ns() >= until_ns)
                        return TURN_AGAIN;
        if (t->failed)
                return TURN_DONE;
        if (fclose(TAKE_PTR(t->out)) == 0)
                api_answer_text(call, "application/json", TAKE_PTR(t->text));
        else
                api_answer(call, NULL);
        return TURN_DONE;
}

/* ---- endpoints ----------------------------------------------------------------------------------- */

static int feed_found(void *userdata, struct event *e)
{
        return pump_feed(userdata, e);
}

/* One thread after the other; then what is to be shown is known. */
static bool look_for_unseen(struct api_call *call, struct processes_answer *t)
{
        if (t->unseen && unseen_step(t->unseen, 0, feed_found, call->api->pump) > 0)
                return true;
        t->unseen = unseen_free(t->unseen);
        return t->begin(call, t);
}

static void work_on_answer(struct api_call *call, struct processes_answer *t)
{
        const struct api *api = call->api;

        /* Without memory it is what the model knows. */
        if (t->pid && loader_tier(api->loader) == TIER_TRACEPOINT)
                (void)unseen_new(&t->unseen, pump_model(api->pump), t->pid, THREADS_MAX);
        t->step = look_for_unseen;
        parking_work(call, show_some, t, processes_answer_free);
}

static bool begin_card(struct api_call *call, struct processes_answer *t)
{
        struct process_view v;
        struct event info;

        if (!get_process(call, t->pid, &v, &info)) {
                t->failed = true;
                return false;
        }
        fputs("{\"schema\":\"ptraced.process/1\",", t->out);
        show_process(call, t, &v);
        return true;
}

void api_process(struct api_call *call)
{
        struct process_view v;
        struct processes_answer *t;
        struct event info;

        if (!get_process(call, call->pid, &v, &info))
                return;
        t = processes_answer_new(call);
        if (!t)
                return;
        t->alone = true;
        t->pid = call->pid;
        t->begin = begin_card;
        work_on_answer(call, t);
}

static int gather_parties(void *userdata, const struct session *s)
{
        struct processes_answer *t = userdata;

        pids_add(&t->parties, s->target.pid);
        pids_add(&t->parties, s->tracer.pid);
        return 0;
}

static int gather_connected(void *userdata, const struct connection *c)
{
        struct processes_answer *t = userdata;

        if (!c->over && c->task.pid)
                pids_add(&t->parties, c->task.pid);
        return 0;
}

static bool begin_parties(struct api_call *call, struct processes_answer *t)
{
        model_each_session(pump_model(call->api->pump), t->pid, false, gather_parties, t);
        model_each_connection(pump_model(call->api->pump), t->pid, gather_connected, t);
        pids_sort(&t->parties);
        fputs("{\"schema\":\"ptraced.tracers/1\",\"losses\":", t->out);
        print_json(t, api_losses_json(call->api));
        begin_list(t, ",\"processes\":[", show_party);
        return true;
}

void api_tracers(struct api_call *call)
{
        struct process_view v;
        struct processes_answer *t;
        struct event info;

        if (call->args.pid && !get_process(call, call->args.pid, &v, &info))
                return;
        t = processes_answer_new(call);
        if (!t)
                return;
        t->pid = call->args.pid;
        t->begin = begin_parties;
        work_on_answer(call, t);
}
