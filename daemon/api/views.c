/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/views.h"

#include <pwd.h>
#include <sys/ptrace.h>

#include "lib/base/clock.h"
#include "lib/proc/procfs.h"

#define NSS_BUFFER_SIZE 4096

static const struct {
        uint64_t bit;
        const char *name;
} ptrace_options[] = {
        {PTRACE_O_TRACESYSGOOD, "TRACESYSGOOD"}, {PTRACE_O_TRACEFORK, "TRACEFORK"},
        {PTRACE_O_TRACEVFORK, "TRACEVFORK"},     {PTRACE_O_TRACECLONE, "TRACECLONE"},
        {PTRACE_O_TRACEEXEC, "TRACEEXEC"},       {PTRACE_O_TRACEVFORKDONE, "TRACEVFORKDONE"},
        {PTRACE_O_TRACEEXIT, "TRACEEXIT"},       {PTRACE_O_TRACESECCOMP, "TRACESECCOMP"},
        {PTRACE_O_EXITKILL, "EXITKILL"},         {PTRACE_O_SUSPEND_SECCOMP, "SUSPEND_SECCOMP"},
};

static const char *const how_names[_EV_MAX] = {
        [EV_PTRACE_ATTACH] = "attach",
        [EV_PTRACE_SEIZE] = "seize",
        [EV_PTRACE_TRACEME] = "traceme",
        [EV_PTRACE_AUTOATTACH] = "autoattach",
};

/* ---- P ------------------------------------------------------------------------------------------- */

static void add_user(struct json_object *o, uint32_t uid)
{
        char buf[NSS_BUFFER_SIZE];
        struct passwd pw, *found = NULL;

        json_add_int(o, "uid", uid);
        if (getpwuid_r(uid, &pw, buf, sizeof(buf), &found) == 0 && found)
                json_add_text(o, "user", pw.pw_name);
        else
                json_object_object_add(o, "user", NULL);
}

static struct json_object *parent_json(const struct api *api, const struct task_ref *parent)
{
        struct process_view v;
        struct json_object *o;

        if (!parent->pid)
                return NULL;
        o = json_object_new_object();
        json_add_int(o, "pid", parent->pid);
        if (!parent->comm[0] && model_process(pump_model(api->pump), parent->pid, &v) == 0)
                json_add_text(o, "comm", v.task.comm);
        else
                json_add_text(o, "comm", parent->comm);
        return o;
}

/* The model learns names and states as events come by; for a person the present ones are read. */
static bool look_now(const struct process_view *v, struct proc_status *ret)
{
        return v->alive && procfs_living_thread(v->task.pid, ret) == 0 && ret->task.start == v->task.start;
}

struct json_object *api_process_json(const struct api *api, const struct process_view *v)
{
        struct json_object *o = json_object_new_object();
        char state[2] = {v->state, '\0'};
        struct proc_status now;
        struct proc_stat main_thread;
        bool lives = look_now(v, &now), named;

        if (lives)
                state[0] = now.state;
        named = lives && procfs_stat(v->task.pid, 0, &main_thread) == 0 && main_thread.comm[0];
        json_add_int(o, "pid", v->task.pid);
        json_add_int(o, "start", (int64_t)v->task.start);
        json_add_text(o, "comm", named ? main_thread.comm : v->task.comm);
        json_add_text(o, "args", v->args);
        json_add_text(o, "exe", v->path);
        if (v->info_known)
                add_user(o, v->uid);
        json_add_text(o, "tty", v->tty);
        json_object_object_add(o, "parent", parent_json(api, &v->parent));
        json_add_text(o, "unit", v->unit);
        json_add_int(o, "inner_pid", v->inner_pid ? v->inner_pid : v->task.pid);
        json_add_text(o, "state", state);
        json_object_object_add(o, "alive", json_object_new_boolean(v->alive));
        /* Its main thread has ended; this one goes on. */
        if (lives && now.task.tid != v->task.pid)
                json_add_int(o, "living_thread", now.task.tid);
        return o;
}

/* ---- T and S ------------------------------------------------------------------------------------- */

/*
 * Options are an argument of SEIZE only; elsewhere they are set later, by a call that may not have been
 * seen. So none known means none only there.
 */
static struct json_object *options_json(const struct session *s)
{
        uint64_t bits = s->options | options_of_ptrace(s->ptrace);
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < ELEMENTSOF(ptrace_options); i++)
                if (bits & ptrace_options[i].bit)
                        json_object_array_add(list, json_object_new_string(ptrace_options[i].name));
        if (json_object_array_length(list) == 0 && s->how != EV_PTRACE_SEIZE) {
                json_object_put(list);
                return NULL;
        }
        return list;
}

struct json_object *api_tracer_json(const struct api *api, const struct task_ref *t)
{
        struct json_object *o = json_object_new_object();
        struct process_view v;
        bool known = model_process(pump_model(api->pump), t->pid, &v) == 0 && task_same_process(&v.task, t);

        json_add_int(o, "pid", t->pid);
        json_add_int(o, "tid", t->tid);
        json_add_text(o, "comm", t->comm);
        json_add_int(o, "start", (int64_t)t->start);
        json_add_text(o, "args", known ? v.args : "");
        return o;
}

static const char *how(const struct session *s)
{
        const char *name = (unsigned)s->how < _EV_MAX ? how_names[s->how] : NULL;

        return s->origin == ORIGIN_SCAN || !name ? "scan" : name;
}

struct json_object *api_session_json(const struct api *api, const struct session *s)
{
        struct json_object *o = json_object_new_object();
        uint64_t until = s->until_ns ? s->until_ns : clock_boot_ns();

        json_add_int(o, "tid", s->target.tid);
        json_add_text(o, "comm", s->target.comm);
        json_object_object_add(o, "tracer", api_tracer_json(api, &s->tracer));
        json_add_text(o, "how", how(s));
        json_add_time(o, "since", s->since_wall_ns);
        if (!s->until_ns)
                json_add_seconds(o, "for_s", until - MIN_OF(s->since_ns, until));
        json_object_object_add(o, "options", options_json(s));
        json_add_text(o, "state", "");
        json_add_time(o, "last_active",
                      s->last_active_ns && !s->calls_unseen
                              ? s->since_wall_ns + (s->last_active_ns - s->since_ns)
                              : 0);
        if (!s->until_ns && s->last_active_ns && !s->calls_unseen)
                json_add_seconds(o, "idle_s", session_idle_ns(s, until));
        json_add_int(o, "requests", (int64_t)s->n_requests);
        json_add_int(o, "traps", (int64_t)s->n_traps);
        json_add_int(o, "stops", (int64_t)s->n_stops);
        json_object_object_add(o, "claim", NULL);
        return o;
}

/* ---- sockets at debuggers' ports ------------------------------------------------------------------- */

struct sockets_of {
        const struct task_ref *process;
        struct json_object *list;
};

static struct json_object *peer_json(const struct task_ref *peer)
{
        struct json_object *o = peer->pid ? json_object_new_object() : NULL;

        if (!o)
                return NULL;
        json_add_int(o, "pid", peer->pid);
        json_add_text(o, "comm", peer->comm);
        return o;
}

static int add_connection(void *userdata, const struct connection *c)
{
        struct sockets_of *of = userdata;
        uint64_t now = clock_boot_ns();
        struct json_object *o;

        if (c->over || !task_same_process(&c->task, of->process))
                return 0;
        o = json_object_new_object();
        json_add_text(o, "protocol", c->server ? "delve" : "dbgp");
        json_add_int(o, "port", c->port);
        json_add_text(o, "local", c->local);
        json_add_text(o, "remote", c->remote);
        json_object_object_add(o, "client", c->server ? NULL : peer_json(&c->peer));
        json_add_time(o, "since", c->since_wall_ns);
        json_add_seconds(o, "for_s", now - MIN_OF(c->since_ns, now));
        json_add_int(o, "netns", c->netns);
        json_object_object_add(o, "other_netns", json_object_new_boolean(c->other_netns));
        json_object_array_add(of->list, o);
        return 0;
}

static int add_listener(void *userdata, const struct listener *l)
{
        struct sockets_of *of = userdata;
        struct json_object *o;

        if (l->closed || !l->task.pid || !task_same_process(&l->task, of->process))
                return 0;
        o = json_object_new_object();
        json_add_text(o, "protocol", l->delve ? "delve" : "dbgp");
        json_add_int(o, "port", l->port);
        json_add_text(o, "local", l->local);
        json_add_int(o, "netns", l->netns);
        json_add_time(o, "since", l->since_wall_ns);
        if (l->delve)
                json_add_int(o, "clients", l->n_clients);
        json_add_time(o, "client_gone", l->client_gone_wall_ns);
        json_object_array_add(of->list, o);
        return 0;
}

struct json_object *api_connections_json(const struct api *api, const struct task_ref *process)
{
        struct sockets_of of = {process, json_object_new_array()};

        model_each_connection(pump_model(api->pump), process->pid, add_connection, &of);
        return of.list;
}

struct json_object *api_listening_json(const struct api *api, const struct task_ref *process)
{
        struct sockets_of of = {process, json_object_new_array()};

        model_each_listener(pump_model(api->pump), add_listener, &of);
        return of.list;
}
