/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/event/event.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define JSON_TEXT_MAX   (3 * EVENT_ARGS_MAX) /* each byte may become U+FFFD */
#define ERRNO_NAMED_MAX 516                  /* ERESTART_RESTARTBLOCK, the last of errno_name() */

/* ---- writing ---------------------------------------------------------------------------------------- */

/* Keys come from tables, each once: no copy, no search. */
#define KEY_FLAGS (JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY)

/* Takes `value` over. NULL is not JSON's null here but what a failed allocation left. */
static int add(struct json_object *o, const char *key, struct json_object *value)
{
        if (!value)
                return -ENOMEM;
        if (json_object_object_add_ex(o, key, value, KEY_FLAGS) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

static int add_null(struct json_object *o, const char *key)
{
        return json_object_object_add_ex(o, key, NULL, KEY_FLAGS) < 0 ? -ENOMEM : 0;
}

static int add_text(struct json_object *o, const char *key, const char *s)
{
        char clean[JSON_TEXT_MAX];

        return add(o, key, json_object_new_string(text_utf8(s, clean, sizeof(clean))));
}

static int add_hex(struct json_object *o, const char *key, uint64_t v)
{
        char text[24];

        snprintf(text, sizeof(text), "0x%llx", (unsigned long long)v);
        return add(o, key, json_object_new_string(text));
}

/* The thread's start that goes without saying: a leader is as old as its process. */
static uint64_t usual_tid_start(const struct task_ref *t)
{
        return t->tid != 0 && t->tid == t->pid ? t->start : 0;
}

static int add_task(struct json_object *o, const char *key, const struct task_ref *t)
{
        static const struct task_ref nobody;
        struct json_object *task;
        int r;

        if (memcmp(t, &nobody, offsetof(struct task_ref, comm)) == 0 && !t->comm[0])
                return add_null(o, key);
        task = json_object_new_object();
        r = add(o, key, task);
        if (r < 0)
                return r;
        r = add(task, "pid", json_object_new_int64(t->pid));
        if (r == 0 && t->tid)
                r = add(task, "tid", json_object_new_int64(t->tid));
        if (r == 0)
                r = add_text(task, "comm", t->comm);
        if (r == 0)
                r = add(task, "start", json_object_new_uint64(t->start));
        if (r == 0 && t->tid_start != usual_tid_start(t))
                r = add(task, "tid_start", json_object_new_uint64(t->tid_start));
        return r;
}

/* A value the table has no name for is shown as its number. */
static int add_enum(struct json_object *o, const struct event_field *f, int32_t v)
{
        if (v < 0 || (size_t)v >= f->n_names)
                return add(o, f->json, json_object_new_int(v));
        if (!f->names[v])
                return add_null(o, f->json);
        return add(o, f->json, json_object_new_string(f->names[v]));
}

static int add_errno(struct json_object *o, const char *key, int32_t error)
{
        char name[32];

        if (error == 0)
                return add_null(o, key);
        return add(o, key, json_object_new_string(errno_name(error, name, sizeof(name))));
}

static int add_state(struct json_object *o, const char *key, int32_t letter)
{
        char text[2] = {(char)letter};

        if (letter == 0)
                return add_null(o, key);
        if (letter < '!' || letter > '~')
                return add(o, key, json_object_new_int(letter));
        return add(o, key, json_object_new_string(text));
}

static int add_field(struct json_object *o, const struct event_field *f, const void *member)
{
        switch (f->kind) {
        case FIELD_U32:
                return add(o, f->json, json_object_new_int64(*(const uint32_t *)member));
        case FIELD_U64:
                return add(o, f->json, json_object_new_uint64(*(const uint64_t *)member));
        case FIELD_I32:
                return add(o, f->json, json_object_new_int(*(const int32_t *)member));
        case FIELD_BOOL:
                return add(o, f->json, json_object_new_boolean(*(const bool *)member));
        case FIELD_HEX:
                return add_hex(o, f->json, *(const uint64_t *)member);
        case FIELD_STRING:
                return add_text(o, f->json, member);
        case FIELD_TASK:
                return add_task(o, f->json, member);
        case FIELD_ENUM:
                return add_enum(o, f, *(const int32_t *)member);
        case FIELD_ERRNO:
                return add_errno(o, f->json, *(const int32_t *)member);
        case FIELD_STATE:
                return add_state(o, f->json, *(const int32_t *)member);
        case _FIELD_KIND_MAX:
                break;
        }
        return -EINVAL;
}

static int add_signame(struct json_object *o, int32_t sig)
{
        char name[16];

        if (sig <= 0)
                return add_null(o, "signame");
        return add(o, "signame", json_object_new_string(signal_name(sig, name, sizeof(name))));
}

static int add_event(struct json_object *o, const struct event *e)
{
        size_t n;
        const struct event_field *f = event_fields(&n);
        char time[TIME_STRING_MAX];
        int r;

        r = add(o, "seq", json_object_new_uint64(e->seq));
        if (r == 0)
                r = add(o, "type", json_object_new_string(event_type_to_string(e->type)));
        if (r == 0)
                r = add(o, "time", json_object_new_string(time_to_string(e->wall_ns, time)));
        if (r == 0)
                r = add(o, "boottime_ns", json_object_new_uint64(e->time_ns));
        for (size_t i = 0; r == 0 && i < n; i++) {
                if (!(f[i].types & EVENT_BIT(e->type)))
                        continue;
                r = add_field(o, &f[i], (const char *)e + f[i].offset);
                if (r == 0 && f[i].offset == offsetof(struct event, sig))
                        r = add_signame(o, e->sig);
        }
        return r;
}

int event_to_json(const struct event *e, struct json_object **ret)
{
        struct json_object *o;
        int r;

        if (!event_type_to_string(e->type))
                return -EINVAL;
        o = json_object_new_object();
        if (!o)
                return -ENOMEM;
        r = add_event(o, e);
        if (r < 0) {
                json_object_put(o);
                return r;
        }
        *ret = o;
        return 0;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

/* Where a complaint goes, and which key it is about ("target.pid": within and key). */
struct place {
        char *error;
        size_t size;
        const char *within; /* NULL: the event itself */
        const char *key;
};

static _printf_(2, 3) int complain_of(const struct place *at, const char *format, ...)
{
        char what[128];
        va_list args;

        va_start(args, format);
        vsnprintf(what, sizeof(what), format, args);
        va_end(args);
        snprintf(at->error, at->size, "\"%s%s%s\" %s", at->within ?: "", at->within ? "." : "", at->key,
                 what);
        return -EINVAL;
}

/* A value that came from outside, for a complaint: short, and nothing a terminal acts on. */
static const char *quote(struct json_object *v, char buf[48])
{
        return text_escape(json_object_get_string(v), buf, 48);
}

static int get_u64(struct json_object *v, const struct place *at, uint64_t max, uint64_t *ret)
{
        if (!json_object_is_type(v, json_type_int))
                return complain_of(at, "is not a whole number");
        if (json_object_get_int64(v) < 0 || json_object_get_uint64(v) > max)
                return complain_of(at, "is out of range (0 to %llu)", (unsigned long long)max);
        *ret = json_object_get_uint64(v);
        return 0;
}

static int get_i32(struct json_object *v, const struct place *at, int32_t *ret)
{
        int64_t n;

        if (!json_object_is_type(v, json_type_int))
                return complain_of(at, "is not a whole number");
        n = json_object_get_int64(v);
        if (n < INT32_MIN || n > INT32_MAX)
                return complain_of(at, "is out of range (%d to %d)", INT32_MIN, INT32_MAX);
        *ret = (int32_t)n;
        return 0;
}

static int get_hex(struct json_object *v, const struct place *at, uint64_t *ret)
{
        const char *s = json_object_get_string(v);
        char *end;

        if (!json_object_is_type(v, json_type_string) || strncmp(s, "0x", 2) != 0 ||
            strspn(s + 2, "0123456789abcdefABCDEF") != strlen(s + 2) || strlen(s) < 3 || strlen(s) > 18)
                return complain_of(at, "is not a hexadecimal number like \"0x7f00\"");
        *ret = strtoull(s, &end, 16);
        return 0;
}

/*
 * A text longer than its buffer is cut between two characters. It is no error: an exported name may have
 * grown, each of its invalid bytes is three bytes of U+FFFD there.
 */
static int get_text(struct json_object *v, const struct place *at, char *buf, size_t size)
{
        if (!json_object_is_type(v, json_type_string))
                return complain_of(at, "is not a string");
        if (strlen(json_object_get_string(v)) != (size_t)json_object_get_string_len(v))
                return complain_of(at, "has a NUL character in it");
        text_utf8(json_object_get_string(v), buf, size);
        return 0;
}

static int get_task_number(struct json_object *task, const struct place *at, const char *key, uint64_t max,
                           uint64_t absent, uint64_t *ret)
{
        struct place here = {at->error, at->size, at->key, key};
        struct json_object *v;

        *ret = absent;
        if (!json_object_object_get_ex(task, key, &v))
                return 0;
        return get_u64(v, &here, max, ret);
}

static int get_task(struct json_object *v, const struct place *at, struct task_ref *ret)
{
        struct place comm_at = {at->error, at->size, at->key, "comm"};
        struct place pid_at = {at->error, at->size, at->key, "pid"};
        struct task_ref t = {};
        struct json_object *comm;
        uint64_t pid, tid;

        if (!json_object_is_type(v, json_type_object))
                return complain_of(at, "is neither an object nor null");
        if (!json_object_object_get_ex(v, "pid", NULL))
                return complain_of(&pid_at, "is missing");
        if (get_task_number(v, at, "pid", UINT32_MAX, 0, &pid) < 0 ||
            get_task_number(v, at, "tid", UINT32_MAX, 0, &tid) < 0 ||
            get_task_number(v, at, "start", UINT64_MAX, 0, &t.start) < 0)
                return -EINVAL;
        t.pid = (uint32_t)pid;
        t.tid = (uint32_t)tid;
        if (get_task_number(v, at, "tid_start", UINT64_MAX, usual_tid_start(&t), &t.tid_start) < 0)
                return -EINVAL;
        if (json_object_object_get_ex(v, "comm", &comm) &&
            get_text(comm, &comm_at, t.comm, sizeof(t.comm)) < 0)
                return -EINVAL;
        *ret = t;
        return 0;
}

/* A name of the table. Numbers are not taken: whoever uses the value indexes tables with it. */
static int get_enum(struct json_object *v, const struct place *at, const struct event_field *f, int32_t *ret)
{
        char shown[48];

        if (!json_object_is_type(v, json_type_string))
                return complain_of(at, "is not a string");
        for (size_t i = 0; i < f->n_names; i++)
                if (f->names[i] && strcmp(f->names[i], json_object_get_string(v)) == 0) {
                        *ret = (int32_t)i;
                        return 0;
                }
        return complain_of(at, "is \"%s\", which is none of its values", quote(v, shown));
}

static int get_errno(struct json_object *v, const struct place *at, int32_t *ret)
{
        const char *s = json_object_get_string(v);
        char name[32], shown[48], *end;

        if (json_object_is_type(v, json_type_int))
                return get_i32(v, at, ret);
        if (!json_object_is_type(v, json_type_string))
                return complain_of(at, "is not a string");
        for (int error = 1; error <= ERRNO_NAMED_MAX; error++)
                if (strcmp(s, errno_name(error, name, sizeof(name))) == 0) {
                        *ret = error;
                        return 0;
                }
        errno = 0;
        long n = strtol(s, &end, 10);
        if (errno || end == s || *end || n < INT32_MIN || n > INT32_MAX)
                return complain_of(at, "is \"%s\", which is no error name", quote(v, shown));
        *ret = (int32_t)n;
        return 0;
}

static int get_state(struct json_object *v, const struct place *at, int32_t *ret)
{
        if (json_object_is_type(v, json_type_int))
                return get_i32(v, at, ret);
        if (!json_object_is_type(v, json_type_string) || json_object_get_string_len(v) != 1)
                return complain_of(at, "is not a one-letter string");
        *ret = json_object_get_string(v)[0];
        return 0;
}

static int get_field(struct json_object *v, const struct place *at, const struct event_field *f,
                     void *member)
{
        uint64_t n;

        switch (f->kind) {
        case FIELD_U32:
                if (get_u64(v, at, UINT32_MAX, &n) < 0)
                        return -EINVAL;
                *(uint32_t *)member = (uint32_t)n;
                return 0;
        case FIELD_U64:
                return get_u64(v, at, UINT64_MAX, member);
        case FIELD_I32:
                return get_i32(v, at, member);
        case FIELD_BOOL:
                if (!json_object_is_type(v, json_type_boolean))
                        return complain_of(at, "is neither true nor false");
                *(bool *)member = json_object_get_boolean(v);
                return 0;
        case FIELD_HEX:
                return get_hex(v, at, member);
        case FIELD_STRING:
                return get_text(v, at, member, f->size);
        case FIELD_TASK:
                return get_task(v, at, member);
        case FIELD_ENUM:
                return get_enum(v, at, f, member);
        case FIELD_ERRNO:
                return get_errno(v, at, member);
        case FIELD_STATE:
                return get_state(v, at, member);
        case _FIELD_KIND_MAX:
                break;
        }
        return complain_of(at, "cannot be read");
}

/* A required member of the event. */
static int require(struct json_object *o, struct place *at, const char *key, struct json_object **ret)
{
        at->key = key;
        return json_object_object_get_ex(o, key, ret) ? 0 : complain_of(at, "is missing");
}

/* What every event has: type, time, boottime_ns, and mostly seq. */
static int get_frame(struct json_object *o, struct place *at, struct event *e)
{
        struct json_object *v;
        char shown[48];

        if (require(o, at, "type", &v) < 0)
                return -EINVAL;
        if (!json_object_is_type(v, json_type_string))
                return complain_of(at, "is not a string");
        e->type = event_type_from_string(json_object_get_string(v));
        if (e->type == EV_NONE)
                return complain_of(at, "is \"%s\", which is no event type", quote(v, shown));
        if (require(o, at, "time", &v) < 0)
                return -EINVAL;
        if (!json_object_is_type(v, json_type_string) || *json_object_get_string(v) == '-' ||
            time_from_string(json_object_get_string(v), 0, &e->wall_ns) < 0)
                return complain_of(at, "is not a time like \"2026-11-22T01:02:03.000000004Z\"");
        if (require(o, at, "boottime_ns", &v) < 0 || get_u64(v, at, UINT64_MAX, &e->time_ns) < 0)
                return -EINVAL;
        at->key = "seq";
        if (json_object_object_get_ex(o, "seq", &v) && get_u64(v, at, INT64_MAX, &e->seq) < 0)
                return -EINVAL;
        return 0;
}

int event_from_json(struct json_object *o, struct event *ret, char *error, size_t size)
{
        struct place at = {.error = error, .size = size};
        struct json_object *v;
        struct event e = {};
        size_t n;
        const struct event_field *f = event_fields(&n);

        if (!json_object_is_type(o, json_type_object)) {
                snprintf(error, size, "an event is a JSON object");
                return -EINVAL;
        }
        if (get_frame(o, &at, &e) < 0)
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                void *member = (char *)&e + f[i].offset;

                if (!(f[i].types & EVENT_BIT(e.type)))
                        continue;
                event_field_clear(&f[i], member);
                if (!json_object_object_get_ex(o, f[i].json, &v) || !v)
                        continue; /* absent and null are the same: 0, nobody, not known */
                at.key = f[i].json;
                if (get_field(v, &at, &f[i], member) < 0)
                        return -EINVAL;
        }
        *ret = e;
        return 0;
}
