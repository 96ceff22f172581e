/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/event/finding.h"
#include "lib/base/text.h"

#define NAME(code, function, name, severity, listens, meaning) [FIND_##code] = name,
static const char *const code_names[] = {[FIND_NONE] = "none", FINDINGS(NAME)};
#undef NAME
static_assert(ELEMENTSOF(code_names) == _FIND_MAX, "one name per finding code");

static const char *const severity_names[] = {
        [SEVERITY_INFO] = "info",
        [SEVERITY_WARNING] = "warning",
        [SEVERITY_ERROR] = "error",
};
static_assert(ELEMENTSOF(severity_names) == _SEVERITY_MAX, "one name per severity");

static int name_index(const char *const *names, size_t n, const char *s)
{
        for (size_t i = 0; s && i < n; i++)
                if (strcmp(names[i], s) == 0)
                        return (int)i;
        return -1;
}

const char *finding_code_to_string(enum finding_code code)
{
        return (size_t)code < ELEMENTSOF(code_names) ? code_names[code] : NULL;
}

enum finding_code finding_code_from_string(const char *s)
{
        int i = name_index(code_names, ELEMENTSOF(code_names), s);

        return i > 0 ? (enum finding_code)i : FIND_NONE;
}

const char *severity_to_string(enum severity s)
{
        return (size_t)s < ELEMENTSOF(severity_names) ? severity_names[s] : NULL;
}

enum severity severity_from_string(const char *s)
{
        return (enum severity)name_index(severity_names, ELEMENTSOF(severity_names), s);
}

int finding_same(const struct finding *a, const struct finding *b)
{
        return a->code == b->code && a->other_pid == b->other_pid && a->target.pid == b->target.pid &&
               a->target.start == b->target.start && strcmp(a->cause, b->cause) == 0;
}

/* ---- JSON ------------------------------------------------------------------------------------------ */

/* One row per member, so that writing and reading cannot drift apart. */
enum member_kind {
        MEMBER_STRING,
        MEMBER_U32,
        MEMBER_U64,
        MEMBER_TIME, /* wall clock, ISO 8601 */
};

static const struct member {
        const char *json;
        enum member_kind kind;
        size_t offset, size;
} members[] = {
#define M(name, kind, member)                                                                       \
        {                                                                                           \
                name, kind, offsetof(struct finding, member), sizeof(((struct finding *)0)->member) \
        }
        M("cause", MEMBER_STRING, cause),
        M("pid", MEMBER_U32, target.pid),
        M("tid", MEMBER_U32, target.tid),
        M("start", MEMBER_U64, target.start),
        M("tid_start", MEMBER_U64, target.tid_start),
        M("comm", MEMBER_STRING, target.comm),
        M("other_pid", MEMBER_U32, other_pid),
        M("first", MEMBER_TIME, first_wall_ns),
        M("last", MEMBER_TIME, last_wall_ns),
        M("first_boottime_ns", MEMBER_U64, first_ns),
        M("last_boottime_ns", MEMBER_U64, last_ns),
        M("count", MEMBER_U64, count),
        M("summary", MEMBER_STRING, summary),
        M("remedy", MEMBER_STRING, remedy),
        M("risk", MEMBER_STRING, risk),
#undef M
};

static struct json_object *member_to_json(const struct member *m, const struct finding *f)
{
        const void *p = (const char *)f + m->offset;
        /* Each invalid byte may become a three-byte replacement. */
        char text[FINDING_TEXT_MAX * 3 + 1], time[TIME_STRING_MAX];

        switch (m->kind) {
        case MEMBER_STRING:
                return json_object_new_string(text_utf8(p, text, sizeof(text)));
        case MEMBER_U32:
                return json_object_new_uint64(*(const uint32_t *)p);
        case MEMBER_U64:
                return json_object_new_uint64(*(const uint64_t *)p);
        case MEMBER_TIME:
                return json_object_new_string(time_to_string(*(const uint64_t *)p, time));
        }
        return NULL;
}

static int add_member(struct json_object *o, const char *key, struct json_object *value)
{
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(o, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

static struct json_object *evidence_to_json(const struct finding *f)
{
        struct json_object *a = json_object_new_array();

        for (uint32_t i = 0; a && i < f->n_evidence && i < FINDING_EVIDENCE_MAX; i++)
                json_object_array_add(a, json_object_new_uint64(f->evidence[i]));
        return a;
}

int finding_to_json(const struct finding *f, struct json_object **ret)
{
        const char *code = finding_code_to_string(f->code), *severity = severity_to_string(f->severity);
        struct json_object *o;
        int r;

        if (!code || !severity)
                return -EINVAL;
        o = json_object_new_object();
        if (!o)
                return -ENOMEM;
        r = add_member(o, "code", json_object_new_string(code));
        if (r >= 0)
                r = add_member(o, "severity", json_object_new_string(severity));
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(members); i++)
                r = add_member(o, members[i].json, member_to_json(&members[i], f));
        if (r >= 0)
                r = add_member(o, "evidence", evidence_to_json(f));
        if (r < 0) {
                json_object_put(o);
                return r;
        }
        *ret = o;
        return 0;
}

static int read_number(struct json_object *v, uint64_t max, uint64_t *ret)
{
        if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0)
                return -EINVAL;
        if (json_object_get_uint64(v) > max)
                return -EINVAL;
        *ret = json_object_get_uint64(v);
        return 0;
}

static int member_from_json(const struct member *m, struct json_object *v, struct finding *f)
{
        void *p = (char *)f + m->offset;
        uint64_t n;
        int r;

        if (m->kind == MEMBER_STRING || m->kind == MEMBER_TIME) {
                const char *s = json_object_get_string(v);

                if (!json_object_is_type(v, json_type_string))
                        return -EINVAL;
                if (m->kind == MEMBER_TIME)
                        return time_from_string(s, 0, p);
                /* A longer text is cut: the buffers are as long as anything we ever write. */
                memcpy(p, s, MIN_OF(strlen(s), m->size - 1));
                return 0;
        }
        r = read_number(v, m->kind == MEMBER_U32 ? UINT32_MAX : UINT64_MAX, &n);
        if (r < 0)
                return r;
        if (m->kind == MEMBER_U32)
                *(uint32_t *)p = (uint32_t)n;
        else
                *(uint64_t *)p = n;
        return 0;
}

static int evidence_from_json(struct json_object *o, struct finding *f)
{
        struct json_object *a;
        int r = 0;

        if (!json_object_object_get_ex(o, "evidence", &a))
                return 0;
        if (!json_object_is_type(a, json_type_array) || json_object_array_length(a) > FINDING_EVIDENCE_MAX)
                return -EINVAL;
        for (size_t i = 0; r >= 0 && i < json_object_array_length(a); i++)
                r = read_number(json_object_array_get_idx(a, i), UINT64_MAX, &f->evidence[f->n_evidence++]);
        return r;
}

int finding_from_json(struct json_object *o, struct finding *ret)
{
        struct json_object *v;
        struct finding f = {};
        int r;

        if (!json_object_is_type(o, json_type_object))
                return -EINVAL;
        if (!json_object_object_get_ex(o, "code", &v))
                return -EINVAL;
        f.code = finding_code_from_string(json_object_get_string(v));
        if (!json_object_object_get_ex(o, "severity", &v))
                return -EINVAL;
        f.severity = severity_from_string(json_object_get_string(v));
        if (f.code == FIND_NONE || !severity_to_string(f.severity))
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                if (!json_object_object_get_ex(o, members[i].json, &v))
                        continue; /* an older or smaller writer */
                r = member_from_json(&members[i], v, &f);
                if (r < 0)
                        return r;
        }
        r = evidence_from_json(o, &f);
        if (r < 0)
                return r;
        *ret = f;
        return 0;
}
