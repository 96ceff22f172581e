/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/claims_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "lib/base/cleanup.h"
#include "lib/claim/claim_json.h"
#include "lib/proc/procfs.h"
#include "daemon/base/log.h"

#define FILE_NAME   "claims.json"
#define SCHEMA      "ptraced.claims-state/1"
#define FILE_MAX    (4 * 1024 * 1024)
#define DEPTH_MAX   5
#define FILE_MODE   0600
#define BOOT_ID_MAX 37

static void put_json(struct json_object **o)
{
        json_object_put(*o);
}

/* ---- writing ----------------------------------------------------------------------------------------- */

struct writing {
        const struct claims_to_save *what;
        struct json_object *list;
};

static int write_claim(void *userdata, const struct claim *c)
{
        struct writing *w = userdata;
        bool held = w->what->holds(w->what->userdata, &c->request.target);

        json_object_array_add(w->list, claim_to_json(c, held));
        return 0;
}

static struct json_object *book_to_json(const struct claims_to_save *what)
{
        struct json_object *o = json_object_new_object();
        struct writing w = {what, json_object_new_array()};
        char boot_id[BOOT_ID_MAX] = "";

        procfs_boot_id(boot_id);
        claim_each(what->book, write_claim, &w);
        json_object_object_add(o, "schema", json_object_new_string(SCHEMA));
        json_object_object_add(o, "boot_id", json_object_new_string(boot_id));
        json_object_object_add(o, "next_id", json_object_new_uint64(what->next_id));
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

void claims_file_save(const char *state_dir, const struct claims_to_save *what)
{
        _cleanup_(put_json) struct json_object *o = book_to_json(what);
        _cleanup_free_ char *path = NULL, *temporary = NULL;
        int r = -ENOMEM;

        if (asprintf(&path, "%s/" FILE_NAME, state_dir) >= 0 &&
            asprintf(&temporary, "%s/" FILE_NAME ".new", state_dir) >= 0)
                r = write_file(temporary, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
        if (r == 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                log_warning("The claims cannot be written to %s/" FILE_NAME
                            ", so a restart may not find them again: %s.",
                            state_dir, strerror(-r));
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

static struct json_object *parse_state(const char *text)
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

/* -ENOENT: there is none. */
static int read_state(const char *state_dir, struct json_object **ret)
{
        _cleanup_free_ char *path = NULL, *text = NULL;
        int r;

        if (asprintf(&path, "%s/" FILE_NAME, state_dir) < 0)
                return -ENOMEM;
        r = read_file(path, &text);
        if (r < 0)
                return r;
        *ret = parse_state(text);
        return *ret && !strcmp(string_of(*ret, "schema"), SCHEMA) ? 0 : -EBADMSG;
}

static void add_from_json(struct claims_found *found, struct json_object *o)
{
        struct claim c;
        bool our_hold;

        if (claim_from_json(o, &c, &our_hold) == 0)
                claims_found_add(found, &c, our_hold);
        else
                found->n_bad++;
}

void claims_file_read(const char *state_dir, struct claims_found *found)
{
        _cleanup_(put_json) struct json_object *state = NULL;
        struct json_object *next, *claims;
        char boot_id[BOOT_ID_MAX] = "";
        int r = read_state(state_dir, &state);

        if (r < 0 && r != -ENOENT)
                log_warning("The claims of an earlier daemon, in %s/" FILE_NAME ", cannot be read: %s. They "
                            "are forgotten.",
                            state_dir, strerror(-r));
        procfs_boot_id(boot_id);
        if (r < 0 || strcmp(string_of(state, "boot_id"), boot_id) != 0)
                return; /* or their processes are gone */
        if (json_object_object_get_ex(state, "next_id", &next) && json_object_get_int64(next) > 0)
                found->next_id = json_object_get_uint64(next);
        if (!json_object_object_get_ex(state, "claims", &claims) ||
            !json_object_is_type(claims, json_type_array))
                return;
        for (size_t i = 0; i < json_object_array_length(claims); i++)
                add_from_json(found, json_object_array_get_idx(claims, i));
}

/* ---- what was found ---------------------------------------------------------------------------------- */

void claims_found_init(struct claims_found *f)
{
        *f = (struct claims_found){};
        list_init(&f->list);
}

void claims_found_done(struct claims_found *f)
{
        while (!list_empty(&f->list)) {
                struct found_claim *c = LIST_ENTRY(f->list.next, struct found_claim, link);

                list_remove(&c->link);
                free(c);
        }
}

void claims_found_add(struct claims_found *f, const struct claim *c, bool our_hold)
{
        struct found_claim *new = f->n < GUARD_CLAIMS_MAX ? calloc(1, sizeof(*new)) : NULL;

        if (!new) {
                f->n_bad++;
                return;
        }
        new->claim = *c;
        new->our_hold = our_hold;
        list_append(&f->list, &new->link);
        f->n++;
}
