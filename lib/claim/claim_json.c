/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/claim/claim_json.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/arguments.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define STRING_MAX 512 /* bytes of a string, after invalid UTF-8 was replaced */

/* One row per member that is kept. */
enum member_kind {
        MEMBER_U32,
        MEMBER_U64,
        MEMBER_BOOL,
        MEMBER_STRING,
};
static const struct claim_member {
        const char *key;
        enum member_kind kind;
        size_t offset, size;
        uint64_t max;
} members[] = {
#define MEMBER(key, kind, at, max)                                                                   \
        {                                                                                            \
                key, MEMBER_##kind, offsetof(struct claim, at), sizeof(((struct claim *)0)->at), max \
        }
        MEMBER("id", U64, id, INT64_MAX),
        MEMBER("pid", U32, request.target.pid, PID_LARGEST),
        MEMBER("start", U64, request.target.start, UINT64_MAX),
        MEMBER("comm", STRING, request.target.comm, 0),
        MEMBER("mode", U32, request.mode, _GUARD_MODE_MAX - 1),
        MEMBER("made_ns", U64, made_ns, UINT64_MAX),
        MEMBER("lease_ns", U64, request.lease_ns, (uint64_t)CLAIM_LEASE_MAX_S *NSEC_PER_SEC),
        MEMBER("end_ns", U64, end_ns, UINT64_MAX),
        MEMBER("grace_until_ns", U64, grace_until_ns, UINT64_MAX),
        MEMBER("token", STRING, request.token, 0),
        MEMBER("asker_pid", U32, request.asker.process.pid, PID_LARGEST),
        MEMBER("asker_start", U64, request.asker.process.start, UINT64_MAX),
        MEMBER("asker_comm", STRING, request.asker.process.comm, 0),
        MEMBER("asker_uid", U32, request.asker.uid, UINT32_MAX),
        MEMBER("privileged", BOOL, request.asker.privileged, 0),
        MEMBER("owner", STRING, request.owner_text, 0),
        MEMBER("owner_kind", U32, request.owner.kind, _GUARD_OWNER_MAX - 1),
        MEMBER("owner_uid", U32, request.owner.uid, UINT32_MAX),
        MEMBER("owner_pid", U32, request.owner.process.pid, PID_LARGEST),
        MEMBER("owner_start", U64, request.owner.process.start, UINT64_MAX),
        MEMBER("owner_inode", U64, request.owner.inode, UINT64_MAX),
        MEMBER("owner_dev", U32, request.owner.dev, UINT32_MAX),
        MEMBER("owner_cgroup", U64, request.owner.cgroup, UINT64_MAX),
#undef MEMBER
};
static_assert(sizeof(enum guard_mode) == sizeof(uint32_t), "read and written as a number");

static struct json_object *claim_member_to_json(const struct claim_member *m, const struct claim *c)
{
        const void *at = (const char *)c + m->offset;
        char buf[STRING_MAX];
        uint64_t n;

        switch (m->kind) {
        case MEMBER_U32:
                return json_object_new_int64(*(const uint32_t *)at);
        case MEMBER_U64:
                memcpy(&n, at, sizeof(n));
                return json_object_new_uint64(n);
        case MEMBER_BOOL:
                return json_object_new_boolean(*(const bool *)at);
        default:
                return json_object_new_string(text_utf8(at, buf, sizeof(buf)));
        }
}

struct json_object *claim_to_json(const struct claim *c, bool our_hold)
{
        struct json_object *o = json_object_new_object();

        for (size_t i = 0; o && i < ELEMENTSOF(members); i++)
                json_object_object_add(o, members[i].key, claim_member_to_json(&members[i], c));
        if (o)
                json_object_object_add(o, "our_hold", json_object_new_boolean(our_hold));
        return o;
}

static bool claim_member_from_json(const struct claim_member *m, struct json_object *v, struct claim *c)
{
        void *at = (char *)c + m->offset;
        uint64_t n;

        if (m->kind == MEMBER_BOOL) {
                *(bool *)at = json_object_get_boolean(v);
                return json_object_is_type(v, json_type_boolean);
        }
        if (m->kind == MEMBER_STRING) {
                if (!json_object_is_type(v, json_type_string) ||
                    (size_t)json_object_get_string_len(v) != strlen(json_object_get_string(v)))
                        return false;
                snprintf(at, m->size, "%s", json_object_get_string(v));
                return true;
        }
        if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0)
                return false;
        n = json_object_get_uint64(v);
        if (n > m->max)
                return false;
        if (m->kind == MEMBER_U32)
                *(uint32_t *)at = (uint32_t)n;
        else
                memcpy(at, &n, sizeof(n));
        return true;
}

/* What the rows by themselves do not say. */
static bool makes_sense(const struct claim *c)
{
        const struct claim_request *r = &c->request;

        return c->id && r->target.pid && r->target.start && !c->end_ns == !r->lease_ns &&
               (r->owner.kind != OWNER_PROCESS || r->owner.process.pid);
}

int claim_from_json(struct json_object *o, struct claim *ret, bool *ret_our_hold)
{
        struct json_object *v;

        *ret = (struct claim){};
        *ret_our_hold = false;
        if (!json_object_is_type(o, json_type_object))
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (!json_object_object_get_ex(o, members[i].key, &v) ||
                    !claim_member_from_json(&members[i], v, ret))
                        return -EINVAL;
        *ret_our_hold = json_object_object_get_ex(o, "our_hold", &v) && json_object_get_boolean(v);
        return makes_sense(ret) ? 0 : -EINVAL;
}
