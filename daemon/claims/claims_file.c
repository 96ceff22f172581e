/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "lib/claim/claim_json.h"
#include "daemon/claims/arbiter_impl.h"
#include "daemon/base/log.h"

#define FILE_NAME "claims.json"
#define SCHEMA    "ptraced.claims-state/1"
#define FILE_MAX  (4 * 1024 * 1024)
#define DEPTH_MAX 5
#define FILE_MODE 0600

static void cleanup_json(struct json_object **o)
{
        json_object_put(*o);
}

/* ---- writing ----------------------------------------------------------------------------------------- */

struct writing {
        struct arbiter *arbiter;
        struct json_object *list;
};

static int write_claim(void *userdata, const struct claim *c)
{
        struct writing *w = userdata;
        const struct kept *k = arbiter_kept(w->arbiter, &c->request.target);

        json_object_array_add(w->list, claim_to_json(c, k && k->ours));
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
                .flags = r->asker.privileged ? CLAIM_F_PRIVILEGED : 0,
                .owner = r->owner,
                .made_by_uid = r->asker.uid,
                .made_by_pid = r->asker.process.pid,
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
        r->asker.process.pid = g->made_by_pid;
        r->asker.uid = g->made_by_uid;
        r->asker.privileged = !!(g->flags & CLAIM_F_PRIVILEGED);
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

/* only_held: those that are kept by hold still. Where the kernel keeps claims, others in the file ended with
 * its pins, and do not come back unasked. */
static void find_in_file(struct taking_over *t, bool only_held)
{
        size_t n = t->claims ? json_object_array_length(t->claims) : 0;

        for (size_t i = 0; i < n; i++) {
                struct found *f = found_add(t);
                bool bad;

                if (!f)
                        return;
                bad = claim_from_json(json_object_array_get_idx(t->claims, i), &f->claim, &f->our_hold) < 0;
                if (!bad && (f->our_hold || !only_held))
                        continue;
                list_remove(&f->link);
                free(f);
                t->n_bad += bad;
        }
}

/* Where the kernel keeps the claims it is the authority, and the file only has the words for them. It is in
 * order of making, the map is not. */
static void add_words(struct taking_over *t)
{
        size_t n = t->claims ? json_object_array_length(t->claims) : 0;
        struct claim c;
        bool ours;

        for (size_t i = 0; i < n; i++) {
                if (claim_from_json(json_object_array_get_idx(t->claims, i), &c, &ours) < 0)
                        continue;
                LIST_FOREACH (it, &t->found) {
                        struct claim *f = &LIST_ENTRY(it, struct found, link)->claim;

                        if (f->id != c.id ||
                            memcmp(&f->request.owner, &c.request.owner, sizeof(c.request.owner)))
                                continue;
                        memcpy(f->request.owner_text, c.request.owner_text, sizeof(c.request.owner_text));
                        f->request.asker.process = c.request.asker.process;
                        memcpy(f->request.target.comm, c.request.target.comm, sizeof(c.request.target.comm));
                        break;
                }
        }
}

/* What is in force must be so by the means there are now: the last daemon may have had others. */
static int keep(struct arbiter *a, const struct found *f)
{
        const struct guard_process target = arbiter_key(&f->claim.request.target);
        struct guard_claim g;
        int r;

        if (a->means == MEANS_HOLD) {
                r = arbiter_hold_install(a, &f->claim);
                if (r == 0 && arbiter_kept(a, &f->claim.request.target))
                        arbiter_kept(a, &f->claim.request.target)->ours |= f->our_hold;
                return r;
        }
        if (!f->our_hold)
                return 0;
        arbiter_claim_to_guard(&f->claim, &g);
        r = guard_put_claim(a->guard, &target, &g);
        hold_release(a->hold, &f->claim.request.target);
        return r;
}

static void adopt(struct arbiter *a, const struct found *f)
{
        const struct claim *c = &f->claim;
        const struct guard_owner *o = &c->request.owner;
        struct task_ref target = c->request.target,
                        owner = {.pid = o->process.pid, .start = o->process.start};
        int r;

        if (claim_adopt(a->book, c) < 0)
                return;
        a->next_id = MAX_OF(a->next_id, c->id + 1);
        if (arbiter_watch(a, &target) == -ESRCH) {
                claim_process_gone(a->book, &target, arbiter_now());
                return;
        }
        r = keep(a, f);
        if (r < 0) {
                log_warning("Claim %" PRIu64 " on process %u cannot be kept any more: %s.", c->id,
                            target.pid, strerror(-r));
                claim_terminate(a->book, c->id, CLAIM_GUARD_OFF, arbiter_now());
                return;
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
        }
        find_in_file(&t, a->means == MEANS_KERNEL);
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
