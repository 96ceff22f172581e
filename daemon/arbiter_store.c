/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "../lib/arguments.h"
#include "../lib/text.h"
#include "arbiter_impl.h"
#include "log.h"

#define FILE_NAME  "claims.json"
#define SCHEMA     "ptraced.claims-state/1"
#define FILE_MAX   (4 * 1024 * 1024)
#define DEPTH_MAX  5
#define FILE_MODE  0600
#define STRING_MAX 512

/*
 * One row per member that is kept. Where the kernel keeps the claims it is the authority, and only the words
 * for their owners are taken from the file.
 */
enum member_kind {
        MEMBER_U32,
        MEMBER_U64,
        MEMBER_BOOL,
        MEMBER_STRING,
};
static const struct member {
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
        MEMBER("asker_pid", U32, request.asker.pid, PID_LARGEST),
        MEMBER("asker_start", U64, request.asker.start, UINT64_MAX),
        MEMBER("asker_comm", STRING, request.asker.comm, 0),
        MEMBER("asker_uid", U32, request.asker_uid, UINT32_MAX),
        MEMBER("privileged", BOOL, request.privileged, 0),
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

static void cleanup_json(struct json_object **o)
{
        json_object_put(*o);
}

/* ---- writing ----------------------------------------------------------------------------------------- */

static struct json_object *member_to_json(const struct member *m, const struct claim *c)
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

struct writing {
        struct arbiter *arbiter;
        struct json_object *list;
};

static int write_claim(void *userdata, const struct claim *c)
{
        struct writing *w = userdata;
        struct json_object *o = json_object_new_object();
        const struct kept *k = arbiter_kept(w->arbiter, &c->request.target);

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                json_object_object_add(o, members[i].key, member_to_json(&members[i], c));
        json_object_object_add(o, "our_hold", json_object_new_boolean(k && k->ours));
        json_object_array_add(w->list, o);
        return 0;
}

static struct json_object *book_to_json(struct arbiter *a)
{
        struct json_object *o = json_object_new_object();
        struct writing w = {a, json_object_new_array()};

        claim_each(a->book, write_claim, &w);
        json_object_object_add(o, "schema", json_object_new_string(SCHEMA));
        json_object_object_add(o, "boot_id", json_object_new_string(a->boot_id));
        json_object_object_add(o, "next_id", json_object_new_uint64(a->next_id));
        json_object_object_add(o, "claims", w.list);
        return o;
}

static int write_file(const char *path, const char *text)
{
        _cleanup_fclose_ FILE *f = NULL;
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

        if (fd < 0)
                return -errno;
        f = fdopen(fd, "w");
        if (!f) {
                close(fd);
                return -errno;
        }
        return fputs(text, f) < 0 || fflush(f) != 0 ? -errno : 0;
}

/* Renamed into place: a daemon that is killed leaves the former file or this one. */
void arbiter_save(struct arbiter *a)
{
        _cleanup_(cleanup_json) struct json_object *o = book_to_json(a);
        _cleanup_free_ char *path = NULL, *temporary = NULL;
        int r = -ENOMEM;

        if (asprintf(&path, "%s/" FILE_NAME, a->state_dir) >= 0 &&
            asprintf(&temporary, "%s/" FILE_NAME ".new", a->state_dir) >= 0)
                r = write_file(temporary, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
        if (r == 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                log_warning("The claims cannot be written to %s/" FILE_NAME
                            ", so a restart may not find them again: %s.",
                            a->state_dir, strerror(-r));
}

/* ---- reading ----------------------------------------------------------------------------------------- */

/* A regular file of ours, and not larger than we write it. */
static int read_file(const char *path, char **ret)
{
        _cleanup_fclose_ FILE *f = NULL;
        int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        struct stat st;
        char *text;

        if (fd < 0)
                return -errno;
        f = fdopen(fd, "r");
        if (!f) {
                close(fd);
                return -errno;
        }
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077)
                return -EPERM;
        if (st.st_size > FILE_MAX)
                return -EFBIG;
        text = calloc(1, (size_t)st.st_size + 1);
        if (!text)
                return -ENOMEM;
        if (fread(text, 1, (size_t)st.st_size, f) != (size_t)st.st_size) {
                free(text);
                return -EBADMSG;
        }
        *ret = text;
        return 0;
}

static bool member_from_json(const struct member *m, struct json_object *v, struct claim *c)
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

static bool claim_from_json(struct json_object *o, struct claim *ret, bool *ret_our_hold)
{
        struct json_object *v;

        *ret = (struct claim){};
        if (!json_object_is_type(o, json_type_object))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (!json_object_object_get_ex(o, members[i].key, &v) ||
                    !member_from_json(&members[i], v, ret))
                        return false;
        *ret_our_hold = json_object_object_get_ex(o, "our_hold", &v) && json_object_get_boolean(v);
        return ret->id && ret->request.target.pid && (!ret->end_ns == !ret->request.lease_ns);
}

static struct json_object *parse(const char *text)
{
        struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);
        struct json_object *o;

        if (!t)
                return NULL;
        o = json_tokener_parse_ex(t, text, (int)strlen(text));
        if (json_tokener_get_error(t) != json_tokener_success) {
                json_object_put(o);
                o = NULL;
        }
        json_tokener_free(t);
        return o;
}

static const char *string_of(struct json_object *o, const char *key)
{
        struct json_object *v;

        return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string)
                       ? json_object_get_string(v)
                       : "";
}

/* *ret_claims is part of the object returned, NULL if there are none of this boot. */
static struct json_object *read_state(struct arbiter *a, struct json_object **ret_claims)
{
        _cleanup_free_ char *path = NULL, *text = NULL;
        struct json_object *o = NULL, *next;
        int r = -ENOMEM;

        *ret_claims = NULL;
        if (asprintf(&path, "%s/" FILE_NAME, a->state_dir) >= 0)
                r = read_file(path, &text);
        if (r == -ENOENT)
                return NULL;
        if (r == 0) {
                o = parse(text);
                r = o && !strcmp(string_of(o, "schema"), SCHEMA) ? 0 : -EBADMSG;
        }
        if (r < 0) {
                log_warning("The claims of an earlier daemon, in %s/" FILE_NAME ", cannot be read: %s. They "
                            "are forgotten.",
                            a->state_dir, strerror(-r));
                return o;
        }
        if (strcmp(string_of(o, "boot_id"), a->boot_id) != 0)
                return o; /* their processes are gone */
        if (json_object_object_get_ex(o, "next_id", &next) && json_object_get_int64(next) > 0)
                a->next_id = json_object_get_uint64(next);
        if (json_object_object_get_ex(o, "claims", ret_claims) &&
            !json_object_is_type(*ret_claims, json_type_array))
                *ret_claims = NULL;
        return o;
}

/* ---- taking over ------------------------------------------------------------------------------------- */

void arbiter_claim_to_guard(const struct claim *c, struct guard_claim *ret)
{
        const struct claim_request *r = &c->request;
        uint64_t grace = c->grace_until_ns;

        *ret = (struct guard_claim){
                .id = c->id,
                .end_ns = !c->end_ns || (grace && grace < c->end_ns) ? grace : c->end_ns,
                .made_ns = c->made_ns,
                .mode = r->mode,
                .flags = r->privileged ? CLAIM_F_PRIVILEGED : 0,
                .owner = r->owner,
                .made_by_uid = r->asker_uid,
                .made_by_pid = r->asker.pid,
                .lease_ns = r->lease_ns,
        };
        memcpy(ret->token, r->token, sizeof(ret->token));
}

/* The kernel's map is pinned where root may write: what is read from it is checked, too. */
static bool claim_from_guard(const struct guard_process *target, const struct guard_claim *g,
                             struct claim *ret)
{
        struct claim_request *r = &ret->request;

        *ret = (struct claim){.id = g->id, .made_ns = g->made_ns};
        if (!g->id || g->mode >= _GUARD_MODE_MAX || g->owner.kind >= _GUARD_OWNER_MAX ||
            strnlen(g->token, sizeof(g->token)) == sizeof(g->token))
                return false;
        r->target = (struct task_ref){.pid = target->pid, .start = target->start};
        r->asker.pid = g->made_by_pid;
        r->asker_uid = g->made_by_uid;
        r->privileged = !!(g->flags & CLAIM_F_PRIVILEGED);
        r->owner = g->owner;
        r->mode = g->mode;
        r->lease_ns = g->lease_ns;
        memcpy(r->token, g->token, sizeof(r->token));
        if (g->lease_ns)
                ret->end_ns = g->end_ns;
        else
                ret->grace_until_ns = g->end_ns;
        arbiter_describe_owner(&r->owner, r->owner_text);
        return true;
}

struct taking_over {
        struct arbiter *arbiter;
        struct json_object *claims; /* of the file */
        struct list found;
        size_t n, n_bad;
};

struct found {
        struct list link;
        struct claim claim;
        bool our_hold;
};

static struct found *found_add(struct taking_over *t)
{
        struct found *f = t->n < GUARD_CLAIMS_MAX ? calloc(1, sizeof(*f)) : NULL;

        if (!f) {
                t->n_bad++;
                return NULL;
        }
        list_append(&t->found, &f->link);
        t->n++;
        return f;
}

static int find_in_kernel(void *userdata, const struct guard_process *target, const struct guard_claim *g)
{
        struct taking_over *t = userdata;
        struct found *f = found_add(t);

        if (f && !claim_from_guard(target, g, &f->claim)) {
                list_remove(&f->link);
                free(f);
                t->n_bad++;
        }
        return 0;
}

static void find_in_file(struct taking_over *t)
{
        size_t n = t->claims ? json_object_array_length(t->claims) : 0;

        for (size_t i = 0; i < n; i++) {
                struct found *f = found_add(t);

                if (!f)
                        return;
                if (claim_from_json(json_object_array_get_idx(t->claims, i), &f->claim, &f->our_hold))
                        continue;
                list_remove(&f->link);
                free(f);
                t->n_bad++;
        }
}

/* What the kernel does not keep. The file is in order of making, the map is not: a hash would be more. */
static void add_words(struct taking_over *t)
{
        size_t n = t->claims ? json_object_array_length(t->claims) : 0;
        struct claim c;
        bool ours;

        for (size_t i = 0; i < n; i++) {
                if (!claim_from_json(json_object_array_get_idx(t->claims, i), &c, &ours))
                        continue;
                LIST_FOREACH (it, &t->found) {
                        struct claim *f = &LIST_ENTRY(it, struct found, link)->claim;

                        if (f->id != c.id ||
                            memcmp(&f->request.owner, &c.request.owner, sizeof(c.request.owner)))
                                continue;
                        memcpy(f->request.owner_text, c.request.owner_text, sizeof(c.request.owner_text));
                        f->request.asker = c.request.asker;
                        memcpy(f->request.target.comm, c.request.target.comm, sizeof(c.request.target.comm));
                        break;
                }
        }
}

static void adopt(struct arbiter *a, const struct found *f)
{
        const struct claim *c = &f->claim;
        const struct guard_owner *o = &c->request.owner;
        struct task_ref target = c->request.target,
                        owner = {.pid = o->process.pid, .start = o->process.start};

        if (claim_adopt(a->book, c) < 0)
                return;
        a->next_id = MAX_OF(a->next_id, c->id + 1);
        if (arbiter_watch(a, &target) == -ESRCH) {
                claim_process_gone(a->book, &target, arbiter_now());
                return;
        }
        if (a->means == MEANS_HOLD) {
                arbiter_hold_install(a, c);
                if (arbiter_kept(a, &target))
                        arbiter_kept(a, &target)->ours |= f->our_hold;
        }
        if (o->kind == OWNER_PROCESS && arbiter_watch(a, &owner) == -ESRCH)
                claim_process_gone(a->book, &owner, arbiter_now());
}

void arbiter_take_over(struct arbiter *a)
{
        struct taking_over t = {.arbiter = a};
        _cleanup_(cleanup_json) struct json_object *state = read_state(a, &t.claims);

        list_init(&t.found);
        if (a->means == MEANS_KERNEL) {
                guard_each_claim(a->guard, find_in_kernel, &t);
                add_words(&t);
        } else
                find_in_file(&t);
        while (!list_empty(&t.found)) {
                struct found *f = LIST_ENTRY(t.found.next, struct found, link);

                adopt(a, f);
                list_remove(&f->link);
                free(f);
        }
        if (t.n_bad)
                log_warning("%zu claims of an earlier daemon make no sense and are not taken over.",
                            t.n_bad);
        if (claim_count(a->book))
                log_notice("%zu claims of an earlier daemon are taken over.", claim_count(a->book));
}
