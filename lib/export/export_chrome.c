/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Trace Event Format, https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
 * The viewers sort by time themselves, so a session is written when it ends, as a complete slice ("X").
 */

#include "lib/export/export_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/table.h"
#include "lib/base/text.h"

#define JSON_NAME_MAX 1024 /* a text of at most 160 bytes as a JSON string */

/* A name that was told: hash of what it names and how. */
struct told {
        struct table_node node;
};

/* A thread that is traced now. */
struct open_session {
        struct table_node node; /* by tid */
        struct task_ref target, tracer;
        enum event_type how;
        uint64_t since_wall_ns, since_ns;
};

struct chrome {
        struct table told, sessions;
        bool any; /* something was written: a comma goes before the next */
        uint64_t last_ns, losses;
};

/* ---- writing ---------------------------------------------------------------------------------------- */

/* A name as a JSON string, with its quotes. */
static const char *json_name(const char *s, char buf[JSON_NAME_MAX])
{
        char clean[160];
        size_t n = 0;

        text_utf8(s, clean, sizeof(clean));
        buf[n++] = '"';
        for (const char *p = clean; *p; p++) {
                if (*p == '"' || *p == '\\')
                        buf[n++] = '\\';
                if ((unsigned char)*p < 0x20)
                        n += (size_t)snprintf(buf + n, 7, "\\u%04x", (unsigned char)*p);
                else
                        buf[n++] = *p;
        }
        buf[n++] = '"';
        buf[n] = '\0';
        return buf;
}

static void next_item(struct export *x)
{
        struct chrome *c = x->state;

        fputs(c->any ? ",\n" : "\n", x->out);
        c->any = true;
}

/* Microseconds with the nanoseconds behind the point. */
static void put_us(struct export *x, const char *key, uint64_t ns)
{
        fprintf(x->out, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000, (unsigned)(ns % 1000));
}

/* Events of no task are the recorder's: pid 0. */
static void put_who(struct export *x, const struct task_ref *t)
{
        fprintf(x->out, ",\"pid\":%u,\"tid\":%u", t->pid, t->tid ?: t->pid);
}

static void put_metadata(struct export *x, const char *what, const struct task_ref *t, const char *key,
                         const char *value)
{
        char name[JSON_NAME_MAX];

        next_item(x);
        fprintf(x->out, "{\"ph\":\"M\",\"name\":\"%s\"", what);
        put_who(x, t);
        fprintf(x->out, ",\"args\":{\"%s\":%s}}", key, json_name(value, name));
}

/* ---- names of processes and threads ----------------------------------------------------------------- */

static uint64_t hash_name(uint64_t kind, uint32_t id, uint64_t start, const char *name)
{
        uint64_t h = table_hash(kind << 32 | id) ^ table_hash(start + 1);

        for (; *name; name++)
                h = table_hash(h ^ (unsigned char)*name);
        return h;
}

static void forget_told(struct table *t)
{
        for (size_t i = 0; i < t->n_buckets; i++)
                while (t->buckets[i]) {
                        struct table_node *node = t->buckets[i];
                        t->buckets[i] = node->next;
                        free(node);
                }
        t->n = 0;
}

/* True the first time, or when too much was told to remember it all. */
static bool tell_once(struct chrome *c, uint64_t hash)
{
        struct told *told;

        if (table_first(&c->told, hash))
                return false;
        if (c->told.n >= EXPORT_TASKS_MAX)
                forget_told(&c->told);
        told = malloc(sizeof(*told));
        if (told)
                table_insert(&c->told, &told->node, hash);
        return true;
}

/*
 * A process is called as its leader, or whichever thread is seen first. Viewers take the newest name, and so
 * an exec or a reused pid shows.
 */
static void tell_task(struct export *x, const struct task_ref *t)
{
        const struct task_ref process = {.pid = t->pid};
        struct chrome *c = x->state;

        if (t->pid == 0 || !t->comm[0])
                return;
        bool first = tell_once(c, hash_name(0, t->pid, t->start, ""));
        bool leader = t->tid == 0 || t->tid == t->pid;
        if ((first || leader) && tell_once(c, hash_name(1, t->pid, t->start, t->comm)))
                put_metadata(x, "process_name", &process, "name", t->comm);
        if (t->tid && tell_once(c, hash_name(2, t->tid, t->tid_start, t->comm)))
                put_metadata(x, "thread_name", t, "name", t->comm);
}

static void tell_tasks(struct export *x, const struct event *e)
{
        size_t n;
        const struct event_field *f = event_fields(&n);

        for (size_t i = 0; i < n; i++)
                if (f[i].kind == FIELD_TASK && f[i].types & EVENT_BIT(e->type))
                        tell_task(x, (const void *)((const char *)e + f[i].offset));
        if (e->type == EV_TASK_INFO && e->args[0] &&
            tell_once(x->state, hash_name(3, e->target.pid, e->target.start, e->args)))
                put_metadata(x, "process_labels", &(struct task_ref){.pid = e->target.pid}, "labels",
                             e->args);
}

/* ---- sessions --------------------------------------------------------------------------------------- */

static uint32_t thread_of(const struct task_ref *t)
{
        return t->tid ?: t->pid;
}

static void put_session(struct export *x, const struct open_session *s, uint64_t end_ns,
                        const char *ended_by)
{
        char name[JSON_NAME_MAX], label[64];

        snprintf(label, sizeof(label), "traced by %s (%u)", s->tracer.comm, s->tracer.pid);
        next_item(x);
        fprintf(x->out, "{\"ph\":\"X\",\"cat\":\"session\",\"name\":%s", json_name(label, name));
        put_who(x, &s->target);
        put_us(x, "ts", s->since_wall_ns);
        put_us(x, "dur", end_ns > s->since_ns ? end_ns - s->since_ns : 0);
        fprintf(x->out,
                ",\"args\":{\"how\":\"%s\",\"tracer_pid\":%u,\"tracer_tid\":%u,\"ended_by\":%s%s%s}}",
                event_type_to_string(s->how), s->tracer.pid, s->tracer.tid, ended_by ? "\"" : "",
                ended_by ?: "null", ended_by ? "\"" : "");
}

static void end_session(struct export *x, struct open_session *s, uint64_t end_ns, const char *ended_by)
{
        struct chrome *c = x->state;

        put_session(x, s, end_ns, ended_by);
        table_remove(&c->sessions, &s->node);
        free(s);
}

static struct open_session *find_session(const struct chrome *c, const struct task_ref *t)
{
        uint64_t hash = table_hash(thread_of(t));

        for (struct table_node *n = table_first(&c->sessions, hash); n; n = table_next(n)) {
                struct open_session *s = (struct open_session *)n;
                if (thread_of(&s->target) == thread_of(t))
                        return s;
        }
        return NULL;
}

static void begin_session(struct export *x, const struct event *e)
{
        struct open_session *s = find_session(x->state, &e->target);
        struct chrome *c = x->state;

        if (s && thread_of(&s->tracer) == thread_of(&e->tracer) && e->origin == ORIGIN_SCAN)
                return; /* known already: a scan found it again */
        if (s)
                end_session(x, s, e->time_ns, "unseen");
        if (c->sessions.n >= EXPORT_SESSIONS_MAX)
                return;
        s = calloc(1, sizeof(*s));
        if (!s)
                return;
        s->target = e->target;
        s->tracer = e->tracer;
        s->how = e->type;
        s->since_ns = e->time_ns;
        s->since_wall_ns = e->wall_ns;
        table_insert(&c->sessions, &s->node, table_hash(thread_of(&s->target)));
}

/* All sessions, or those of one tracer thread. */
static void end_sessions_of(struct export *x, const struct task_ref *tracer, uint64_t end_ns,
                            const char *ended_by)
{
        struct chrome *c = x->state;

        for (size_t i = 0; i < c->sessions.n_buckets; i++)
                for (struct table_node *n = c->sessions.buckets[i], *next; n; n = next) {
                        struct open_session *s = (struct open_session *)n;
                        next = n->next;
                        if (!tracer || thread_of(&s->tracer) == thread_of(tracer))
                                end_session(x, s, end_ns, ended_by);
                }
}

static const char *detach_words(const struct event *e)
{
        size_t n;
        const struct event_field *f = event_fields(&n);

        for (size_t i = 0; i < n; i++)
                if (f[i].kind == FIELD_ENUM && f[i].offset == offsetof(struct event, cause))
                        return (size_t)e->cause < f[i].n_names ? f[i].names[e->cause] : NULL;
        return NULL;
}

static void follow_sessions(struct export *x, const struct event *e)
{
        struct open_session *s;

        switch (e->type) {
        case EV_PTRACE_ATTACH:
        case EV_PTRACE_SEIZE:
        case EV_PTRACE_TRACEME:
        case EV_PTRACE_AUTOATTACH:
                begin_session(x, e);
                break;
        case EV_PTRACE_DETACH:
                s = find_session(x->state, &e->target);
                if (s)
                        end_session(x, s, e->time_ns, detach_words(e));
                break;
        case EV_TASK_EXIT:
                s = find_session(x->state, &e->target);
                if (s)
                        end_session(x, s, e->time_ns, "tracee-exit");
                break;
        case EV_TRACER_EXIT:
                end_sessions_of(x, &e->target, e->time_ns, "tracer-exit");
                break;
        case EV_DAEMON_START: /* what happened in between is not known: the sessions end where it was */
                end_sessions_of(x, NULL, ((struct chrome *)x->state)->last_ns, "unseen");
                break;
        default:
                break;
        }
}

/* ---- events ----------------------------------------------------------------------------------------- */

/* What an instant is called in the picture: short, the rest is in its args. */
static void event_label(const struct event *e, char *buf, size_t size)
{
        const char *type = event_type_to_string(e->type);
        char sig[16], error[32];

        if (e->type == EV_SIGNAL_GENERATE || e->type == EV_SIGNAL_DELIVER || e->type == EV_SIGACTION)
                snprintf(buf, size, "%s %s", type, signal_name(e->sig, sig, sizeof(sig)));
        else if (e->type == EV_PTRACE_REFUSED || e->type == EV_WAIT_ERROR)
                snprintf(buf, size, "%s %s", type, errno_name(e->error, error, sizeof(error)));
        else if (e->type == EV_LOSS)
                snprintf(buf, size, "loss: %s", e->note);
        else if (e->type >= EV_CLAIM_MADE && e->type <= EV_CLAIM_ENDED)
                snprintf(buf, size, "%s %s", type, e->owner);
        else
                snprintf(buf, size, "%s", type);
}

static int put_instant(struct export *x, const struct event *e)
{
        char label[128], name[JSON_NAME_MAX];
        /* Of the whole machine: they have no process to be shown at. */
        static const uint64_t globals = EVENT_BIT(EV_LOSS) | EVENT_BIT(EV_DAEMON_START) |
                                        EVENT_BIT(EV_POLICY_LOADED) | EVENT_BIT(EV_POLICY_REJECTED) |
                                        EVENT_BIT(EV_POLICY_GUARD);
        bool global = globals & EVENT_BIT(e->type);
        struct json_object *o;
        const char *text;
        int r;

        r = export_event_text(e, &o, &text);
        if (r < 0)
                return r;
        event_label(e, label, sizeof(label));
        next_item(x);
        fprintf(x->out, "{\"ph\":\"i\",\"s\":\"%s\",\"cat\":\"%s\",\"name\":%s", global ? "g" : "t",
                event_type_to_string(e->type), json_name(label, name));
        put_who(x, &e->target);
        put_us(x, "ts", e->wall_ns);
        fprintf(x->out, ",\"args\":%s}", text);
        json_object_put(o);
        return 0;
}

/* A flood: how many since the last point, as a curve of the process it happened to. */
static int put_counter(struct export *x, const struct event *e)
{
        char label[128], name[JSON_NAME_MAX], sig[16];
        const char *type = e->of_type == EV_NONE ? "ptrace.request" : event_type_to_string(e->of_type);

        if (e->sig > 0)
                snprintf(label, sizeof(label), "%s %s", type ?: "counter",
                         signal_name(e->sig, sig, sizeof(sig)));
        else
                snprintf(label, sizeof(label), "%s", type ?: "counter");
        next_item(x);
        fprintf(x->out, "{\"ph\":\"C\",\"cat\":\"counter\",\"name\":%s", json_name(label, name));
        put_who(x, &e->target);
        put_us(x, "ts", e->wall_ns);
        fprintf(x->out, ",\"args\":{\"count\":%" PRIu64 "}}", e->count);
        return 0;
}

static int chrome_begin(struct export *x)
{
        struct chrome *c = x->state = calloc(1, sizeof(*c));

        if (!c || table_init(&c->told) < 0 || table_init(&c->sessions) < 0)
                return -ENOMEM;
        fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", x->out);
        put_metadata(x, "process_name", &(struct task_ref){}, "name", "ptraced");
        return 0;
}

static int chrome_event(struct export *x, const struct event *e)
{
        struct chrome *c = x->state;

        if (!event_type_to_string(e->type))
                return -EINVAL;
        tell_tasks(x, e);
        follow_sessions(x, e);
        c->last_ns = e->time_ns;
        if (e->type == EV_LOSS)
                c->losses += e->count;
        return e->type == EV_COUNTER ? put_counter(x, e) : put_instant(x, e);
}

/* Sessions that last are shown up to the last event. */
static int chrome_end(struct export *x)
{
        struct chrome *c = x->state;

        end_sessions_of(x, NULL, c->last_ns, NULL);
        fprintf(x->out,
                "\n],\"otherData\":{\"producer\":\"ptraced " PTRACED_VERSION "\",\"losses\":%" PRIu64 "}}\n",
                c->losses);
        return 0;
}

static void chrome_done(struct export *x)
{
        struct chrome *c = x->state;

        if (!c)
                return;
        forget_told(&c->told);
        forget_told(&c->sessions);
        table_done(&c->told);
        table_done(&c->sessions);
        free(c);
}

const struct export_ops export_chrome_ops = {
        .begin = chrome_begin, .event = chrome_event, .end = chrome_end, .done = chrome_done};
