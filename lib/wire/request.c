/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/wire/request.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arguments.h"
#include "lib/base/cleanup.h"
#include "lib/event/event.h"
#include "lib/wire/request_body.h"
#include "lib/base/text.h"

#define SHOWN_MAX     64 /* bytes of a wrong key or value that are repeated in the error */
#define TYPE_NAME_MAX 32

static const char *escaped(const char *s, char buf[static SHOWN_MAX])
{
        return text_escape(s, buf, SHOWN_MAX);
}

/* Digits only. -EINVAL, -ERANGE. */
static int parse_u64(const char *s, uint64_t *ret)
{
        uint64_t n = 0;

        if (!*s)
                return -EINVAL;
        for (; *s; s++) {
                if (!isdigit((unsigned char)*s))
                        return -EINVAL;
                if (__builtin_mul_overflow(n, 10U, &n) ||
                    __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
                        return -ERANGE;
        }
        *ret = n;
        return 0;
}

static int set_time(const char *key, const char *value, uint64_t now_ns, uint64_t *ret, char *error,
                    size_t size)
{
        char buf[SHOWN_MAX];

        if (time_from_string(value, now_ns, ret) == 0)
                return 0;
        snprintf(error, size,
                 "%s cannot be '%s': give an ISO 8601 time, or a time back from now such as -5m.", key,
                 escaped(value, buf));
        return -EINVAL;
}

static int set_flag(const char *key, const char *value, bool *ret, char *error, size_t size)
{
        char buf[SHOWN_MAX];

        if (!strcmp(value, "1") || !strcmp(value, "0")) {
                *ret = *value == '1';
                return 0;
        }
        snprintf(error, size, "%s cannot be '%s': give 1 or 0.", key, escaped(value, buf));
        return -EINVAL;
}

static int set_pid(struct request_args *a, const char *value, uint64_t now_ns _unused_, char *error,
                   size_t size)
{
        return pid_from_string(value, &a->pid, error, size);
}

static int set_since(struct request_args *a, const char *value, uint64_t now_ns, char *error, size_t size)
{
        return set_time("since", value, now_ns, &a->since_wall_ns, error, size);
}

static int set_until(struct request_args *a, const char *value, uint64_t now_ns, char *error, size_t size)
{
        return set_time("until", value, now_ns, &a->until_wall_ns, error, size);
}

static int set_types(struct request_args *a, const char *value, uint64_t now_ns _unused_, char *error,
                     size_t size)
{
        uint64_t types = 0;

        for (const char *s = value;; s++) {
                size_t length = strcspn(s, ",");
                char name[TYPE_NAME_MAX], buf[SHOWN_MAX];
                enum event_type type;

                snprintf(name, sizeof(name), "%.*s", (int)MIN_OF(length, sizeof(name)), s);
                type = event_type_from_string(name);
                if (type == EV_NONE) {
                        snprintf(error, size, "There is no event type '%s'.", escaped(name, buf));
                        return -EINVAL;
                }
                types |= EVENT_BIT(type);
                s += length;
                if (!*s)
                        break;
        }
        a->types = types;
        return 0;
}

static int set_after(struct request_args *a, const char *value, uint64_t now_ns _unused_, char *error,
                     size_t size)
{
        char buf[SHOWN_MAX];

        if (parse_u64(value, &a->after_seq) == 0)
                return 0;
        snprintf(
                error, size,
                "after cannot be '%s': give the number of an event, its seq, or what an answer says is next.",
                escaped(value, buf));
        return -EINVAL;
}

static int set_follow(struct request_args *a, const char *value, uint64_t now_ns _unused_, char *error,
                      size_t size)
{
        return set_flag("follow", value, &a->follow, error, size);
}

static int set_ended(struct request_args *a, const char *value, uint64_t now_ns _unused_, char *error,
                     size_t size)
{
        return set_flag("ended", value, &a->ended, error, size);
}

static int set_earlier(struct request_args *a, const char *value, uint64_t now_ns _unused_, char *error,
                       size_t size)
{
        return set_flag("earlier", value, &a->earlier, error, size);
}

static int set_token(struct request_args *a, const char *value, uint64_t now_ns _unused_, char *error,
                     size_t size)
{
        int r = token_check(value, error, size);

        if (r == 0)
                strcpy(a->token, value);
        return r;
}

static int set_seccomp(struct request_args *a, const char *value, uint64_t now_ns _unused_, char *error,
                       size_t size)
{
        char buf[SHOWN_MAX];
        uint64_t n;

        if (!strcmp(value, "SIGSYS"))
                a->seccomp = REQUEST_SECCOMP_KILLS;
        else if (parse_u64(value, &n) == 0 && n <= REQUEST_SECCOMP_MAX)
                a->seccomp = (int32_t)n;
        else {
                snprintf(
                        error, size,
                        "seccomp cannot be '%s': give 0 where a filter lets ptrace through, the number of the "
                        "errno it answers, or SIGSYS.",
                        escaped(value, buf));
                return -EINVAL;
        }
        return 0;
}

static const struct {
        const char *key;
        enum request_arg bit;
        int (*set)(struct request_args *a, const char *value, uint64_t now_ns, char *error, size_t size);
} args[] = {
        {"pid", ARG_PID, set_pid},
        {"since", ARG_SINCE, set_since},
        {"until", ARG_UNTIL, set_until},
        {"type", ARG_TYPE, set_types},
        {"after", ARG_AFTER, set_after},
        {"follow", ARG_FOLLOW, set_follow},
        {"ended", ARG_ENDED, set_ended},
        {"token", ARG_TOKEN, set_token},
        {"seccomp", ARG_SECCOMP, set_seccomp},
        {"earlier", ARG_EARLIER, set_earlier},
};

int request_arg_set(struct request_args *a, const struct request_terms *terms, const char *key,
                    const char *value, char *error, size_t size)
{
        char buf[SHOWN_MAX];
        int r;

        for (size_t i = 0; i < ELEMENTSOF(args); i++) {
                if (!(terms->allowed & args[i].bit) || strcmp(args[i].key, key))
                        continue;
                if (a->given & args[i].bit) {
                        snprintf(error, size, "%s is given twice.", args[i].key);
                        return -EINVAL;
                }
                if (!value || !*value) {
                        snprintf(error, size, "%s needs a value: %s=...", args[i].key, args[i].key);
                        return -EINVAL;
                }
                r = args[i].set(a, value, terms->now_ns, error, size);
                if (r == 0)
                        a->given |= args[i].bit;
                return r;
        }
        snprintf(error, size, "This address takes no argument '%s'.", escaped(key, buf));
        return -EINVAL;
}

static int read_pid(const char *word, uint64_t *ret, char *error, size_t size)
{
        uint32_t pid;
        int r = pid_from_string(word, &pid, error, size);

        if (r == 0)
                *ret = pid;
        return r;
}

static int read_id(const char *word, uint64_t *ret, char *error, size_t size)
{
        char buf[SHOWN_MAX];

        if (parse_u64(word, ret) == 0 && *ret)
                return 0;
        snprintf(error, size, "'%s' is no claim: give the number that `ptracectl claims` shows.",
                 escaped(word, buf));
        return -EINVAL;
}

static const struct {
        const char *word;
        int (*read)(const char *word, uint64_t *ret, char *error, size_t size);
} placeholders[] = {{"{pid}", read_pid}, {"{id}", read_id}};

int request_path_match(const char *pattern, const char *path, uint64_t *ret_number, char *error, size_t size)
{
        const char *at = strchr(pattern, '{');
        char word[SHOWN_MAX];
        size_t length, head;

        if (!at)
                return !strcmp(pattern, path);
        head = (size_t)(at - pattern);
        if (strncmp(pattern, path, head))
                return 0;
        length = strcspn(path + head, "/");
        if (strcmp(strchr(at, '}') + 1, path + head + length))
                return 0;
        snprintf(word, sizeof(word), "%.*s", (int)MIN_OF(length, sizeof(word)), path + head);
        for (size_t i = 0; i < ELEMENTSOF(placeholders); i++)
                if (!strncmp(at, placeholders[i].word, strlen(placeholders[i].word)))
                        return placeholders[i].read(word, ret_number, error, size) < 0 ? -EINVAL : 1;
        return 0;
}

int address_split(const char *s, char *host, size_t host_size, char *port, size_t port_size)
{
        const char *colon = strrchr(s, ':');
        uint64_t number;
        size_t length;

        if (!colon || parse_u64(colon + 1, &number) < 0 || number < 1 || number > 65535)
                return -EINVAL;
        length = (size_t)(colon - s);
        if (length >= 2 && *s == '[' && s[length - 1] == ']') {
                s++;
                length -= 2;
        } else if (memchr(s, ':', length))
                return -EINVAL; /* an IPv6 address without brackets: where does it end? */
        if (length >= host_size)
                return -EINVAL;
        snprintf(port, port_size, "%u", (unsigned)number);
        memcpy(host, s, length);
        host[length] = '\0';
        return 0;
}
