/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/wire/request_body.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/arguments.h"
#include "lib/claim/claim.h"
#include "lib/base/cleanup.h"
#include "lib/base/json_text.h"
#include "lib/base/text.h"

#define SHOWN_MAX 64               /* bytes of a wrong key or value that the error repeats */
#define UID_MAX   (UINT32_MAX - 1) /* (uid_t)-1 means nobody in particular */

static void release_json(struct json_object **o)
{
        json_object_put(*o);
}

/* ---- values ------------------------------------------------------------------------------------------ */

struct number_key {
        const char *name;
        uint64_t min, max;
};

static int get_number(const struct number_key *key, struct json_object *v, uint64_t *ret, char *error,
                      size_t size)
{
        int64_t n = json_object_get_int64(v);

        if (!json_object_is_type(v, json_type_int)) {
                snprintf(error, size, "%s must be a whole number.", key->name);
                return -EINVAL;
        }
        if (n < 0 || (uint64_t)n < key->min || (uint64_t)n > key->max) {
                snprintf(error, size, "%s must be from %llu to %llu.", key->name,
                         (unsigned long long)key->min, (unsigned long long)key->max);
                return -EINVAL;
        }
        *ret = (uint64_t)n;
        return 0;
}

static int get_u32(const struct number_key *key, struct json_object *v, uint32_t *ret, char *error,
                   size_t size)
{
        uint64_t n;
        int r = get_number(key, v, &n, error, size);

        if (r == 0)
                *ret = (uint32_t)n;
        return r;
}

/* A string without a NUL in it. */
static int get_text_of(const char *key, struct json_object *v, const char **ret, char *error, size_t size)
{
        const char *s = json_object_get_string(v);

        if (!json_object_is_type(v, json_type_string) || !s ||
            strlen(s) != (size_t)json_object_get_string_len(v)) {
                snprintf(error, size, "%s must be a string.", key);
                return -EINVAL;
        }
        *ret = s;
        return 0;
}

static int get_flag(const char *key, struct json_object *v, bool *ret, char *error, size_t size)
{
        if (!json_object_is_type(v, json_type_boolean)) {
                snprintf(error, size, "%s must be true or false.", key);
                return -EINVAL;
        }
        *ret = json_object_get_boolean(v);
        return 0;
}

int token_check(const char *s, char *error, size_t size)
{
        size_t n = strlen(s);
        bool printable = true;

        for (size_t i = 0; i < n; i++)
                printable &= s[i] > ' ' && s[i] <= '~';
        if (printable && n >= TOKEN_MIN && n < GUARD_TOKEN_MAX)
                return 0;
        snprintf(error, size, "A token has %d to %d printable characters without spaces.", TOKEN_MIN,
                 GUARD_TOKEN_MAX - 1);
        return -EINVAL;
}

/* ---- owner ------------------------------------------------------------------------------------------- */

static int set_owner_pid(struct request_body *b, struct json_object *v, char *error, size_t size)
{
        return get_u32(&(struct number_key){"owner.pid", 1, PID_LARGEST}, v, &b->owner.number, error, size);
}

static int set_owner_uid(struct request_body *b, struct json_object *v, char *error, size_t size)
{
        return get_u32(&(struct number_key){"owner.uid", 0, UID_MAX}, v, &b->owner.number, error, size);
}

static int set_owner_path(struct request_body *b, struct json_object *v, char *error, size_t size)
{
        const char *s;
        int r = get_text_of("The owner's path", v, &s, error, size);

        if (r < 0)
                return r;
        if (*s != '/' || strlen(s) >= sizeof(b->owner.path)) {
                snprintf(error, size, "The owner's path must begin with / and have at most %zu bytes.",
                         sizeof(b->owner.path) - 1);
                return -EINVAL;
        }
        strcpy(b->owner.path, s);
        return 0;
}

static int set_owner_token(struct request_body *b _unused_, struct json_object *v, char *error, size_t size)
{
        bool yes;
        int r = get_flag("owner.token", v, &yes, error, size);

        if (r == 0 && !yes) {
                snprintf(error, size, "owner.token can only be true.");
                return -EINVAL;
        }
        return r;
}

static const struct {
        const char *key;
        enum body_owner_kind kind;
        int (*set)(struct request_body *b, struct json_object *v, char *error, size_t size);
} owners[] = {
        {"pid", BODY_OWNER_PID, set_owner_pid},       {"exe", BODY_OWNER_EXE, set_owner_path},
        {"uid", BODY_OWNER_UID, set_owner_uid},       {"cgroup", BODY_OWNER_CGROUP, set_owner_path},
        {"token", BODY_OWNER_TOKEN, set_owner_token},
};

static int set_owner(struct request_body *b, struct json_object *v, char *error, size_t size)
{
        static const char expected[] =
                "owner must be an object with one of these keys: pid, exe, uid, cgroup, token.";

        if (!json_object_is_type(v, json_type_object) || json_object_object_length(v) != 1) {
                snprintf(error, size, "%s", expected);
                return -EINVAL;
        }
        for (size_t i = 0; i < ELEMENTSOF(owners); i++) {
                struct json_object *value;

                if (!json_object_object_get_ex(v, owners[i].key, &value))
                        continue;
                b->owner.kind = owners[i].kind;
                return owners[i].set(b, value, error, size);
        }
        snprintf(error, size, "%s", expected);
        return -EINVAL;
}

/* ---- keys -------------------------------------------------------------------------------------------- */

static int body_set_pid(struct request_body *b, struct json_object *v, char *error, size_t size)
{
        return get_u32(&(struct number_key){"pid", 1, PID_LARGEST}, v, &b->pid, error, size);
}

static int body_set_token(struct request_body *b, struct json_object *v, char *error, size_t size)
{
        const char *s;
        int r = get_text_of("token", v, &s, error, size);

        if (r == 0)
                r = token_check(s, error, size);
        if (r == 0)
                strcpy(b->token, s);
        return r;
}

static int set_lease(struct request_body *b, struct json_object *v, char *error, size_t size)
{
        return get_number(&(struct number_key){"lease", 0, CLAIM_LEASE_MAX_S}, v, &b->lease_s, error, size);
}

static int set_mode(struct request_body *b, struct json_object *v, char *error, size_t size)
{
        const char *s;
        int r = get_text_of("mode", v, &s, error, size);

        if (r < 0)
                return r;
        if (strcmp(s, "enforce") && strcmp(s, "audit")) {
                snprintf(error, size, "mode must be \"enforce\" or \"audit\".");
                return -EINVAL;
        }
        b->mode = *s == 'a' ? GUARD_AUDIT : GUARD_ENFORCE;
        return 0;
}

static int set_state(struct request_body *b, struct json_object *v, char *error, size_t size)
{
        static const struct {
                const char *name;
                enum guard_state state;
                bool clear;
        } states[] = {
                {"off", GUARD_OFF, false},
                {"on", GUARD_ON, false},
                {"audit", GUARD_ON_AUDIT, false},
                {"clear", GUARD_OFF, true},
        };
        const char *s;
        int r = get_text_of("state", v, &s, error, size);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (!strcmp(s, states[i].name)) {
                        b->state = states[i].state;
                        b->clear = states[i].clear;
                        return 0;
                }
        snprintf(error, size, "state must be \"on\", \"off\", \"audit\" or \"clear\".");
        return -EINVAL;
}

static int set_wait(struct request_body *b, struct json_object *v, char *error, size_t size)
{
        return get_flag("wait", v, &b->wait, error, size);
}

static int set_take(struct request_body *b, struct json_object *v, char *error, size_t size)
{
        return get_flag("take", v, &b->take, error, size);
}

static int set_catch(struct request_body *b, struct json_object *v, char *error, size_t size)
{
        return get_flag("catch", v, &b->catch, error, size);
}

static int set_dry_run(struct request_body *b, struct json_object *v, char *error, size_t size)
{
        return get_flag("dry_run", v, &b->dry_run, error, size);
}

static const struct {
        const char *key;
        enum body_key bit;
        int (*set)(struct request_body *b, struct json_object *v, char *error, size_t size);
} keys[] = {
        {"pid", BODY_PID, body_set_pid},       {"owner", BODY_OWNER, set_owner},
        {"token", BODY_TOKEN, body_set_token}, {"lease", BODY_LEASE, set_lease},
        {"mode", BODY_MODE, set_mode},         {"wait", BODY_WAIT, set_wait},
        {"take", BODY_TAKE, set_take},         {"state", BODY_STATE, set_state},
        {"catch", BODY_CATCH, set_catch},      {"dry_run", BODY_DRY_RUN, set_dry_run},
};

/* null is as if the key were not there. */
static int set_key(struct request_body *b, uint32_t allowed, const char *key, struct json_object *v,
                   char *error, size_t size)
{
        char buf[SHOWN_MAX];
        int r;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                if (!(allowed & keys[i].bit) || strcmp(key, keys[i].key))
                        continue;
                if (!v)
                        return 0;
                r = keys[i].set(b, v, error, size);
                if (r == 0)
                        b->given |= keys[i].bit;
                return r;
        }
        snprintf(error, size, "This address takes no key '%s'.", text_escape(key, buf, sizeof(buf)));
        return -EINVAL;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

static size_t spaces(const char *text, size_t length)
{
        size_t n = 0;

        while (n < length && (text[n] == ' ' || text[n] == '\t' || text[n] == '\r' || text[n] == '\n'))
                n++;
        return n;
}

static int no_object(char *error, size_t size)
{
        snprintf(error, size, "The body must be one JSON object.");
        return -EINVAL;
}

/* What is wrong with it, for people. */
static const char *problem_words(enum json_tokener_error problem)
{
        if (problem ==
            json_tokener_error_parse_number) /* from json-c 0.18 on one of more than 64 bits is no number */
                return "a number is malformed or too large";
        return json_tokener_error_desc(problem);
}

/* text has more than spaces in it. */
static int read_json(const char *text, size_t length, struct json_object **ret, char *error, size_t size)
{
        _cleanup_(release_json) struct json_object *o = NULL;
        struct json_text_end end;
        int r;

        if (text[spaces(text, length)] != '{')
                return no_object(error, size);
        r = json_text_parse(text, length, BODY_DEPTH_MAX, &o, &end);
        if (r == -ENOMEM)
                return r;
        if (end.error == json_tokener_continue) {
                snprintf(error, size, "The body ends in the middle of its JSON.");
                return -EINVAL;
        }
        if (r < 0) {
                snprintf(error, size, "The body is no JSON: %s, at byte %zu.", problem_words(end.error),
                         end.at + 1);
                return -EINVAL;
        }
        if (!json_object_is_type(o, json_type_object) ||
            spaces(text + end.at, length - end.at) != length - end.at)
                return no_object(error, size);
        *ret = TAKE_PTR(o);
        return 0;
}

int request_body_parse(struct request_body *ret, const struct body_terms *terms, const char *text,
                       size_t length, char *error, size_t size)
{
        _cleanup_(release_json) struct json_object *o = NULL;
        int r = 0;

        *ret = (struct request_body){};
        if (spaces(text, length) != length) {
                r = read_json(text, length, &o, error, size);
                if (r < 0)
                        return r;
                json_object_object_foreach(o, key, value)
                {
                        r = set_key(ret, terms->allowed, key, value, error, size);
                        if (r < 0)
                                return r;
                }
        }
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (terms->needed & keys[i].bit & ~ret->given) {
                        snprintf(error, size, "The body must have the key '%s'.", keys[i].key);
                        return -EINVAL;
                }
        return 0;
}
