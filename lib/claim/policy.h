/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Policy files: INI (inih), all *.conf of a directory in the order of their names (as bytes); each section
 * is a rule, and the first rule that matches a process counts. Parsed into the layout the kernel compares
 * with (bpf/guard_maps.h), so that what was checked is what holds. Pure but for policy_load(), which reads
 * files, and for the names of users, which are looked up.
 *
 *   [name of the rule]            unique in the whole policy
 *
 *   which processes; several conditions must all match:
 *   exe = /usr/sbin/php-fpm*      pattern: * any bytes, also /; ? one byte; \ quotes the next byte
 *   comm = php-fpm*               pattern
 *   uid = www-data                name or number; the real uid
 *   cgroup = /system.slice/php*   pattern of the cgroup v2 path
 *
 *   what holds for them:
 *   say = single                  single | owner-only | deny | audit | off; audit is single that refuses
 *                                 nothing and records what it would have refused
 *   mode = enforce                enforce | audit
 *   tracer-exe = /usr/bin/gdb     of owner-only: who may trace beside a claim's owner; these two may be
 *   tracer-uid = ann              repeated, GUARD_TRACERS_MAX of each; they are alternatives
 *   memory = allow                allow | deny: reading memory without ptrace
 *
 * A rule without a condition matches every process. So that nobody locks a machine by leaving out a line, it
 * may only say off or audit; whoever means every process writes exe = *.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "bpf/guard_maps.h"

#define POLICY_DEFAULT_DIR "/etc/ptraced/policy.d"
#define POLICY_FILE_MAX    (64 * 1024) /* bytes of one file */
#define POLICY_FILES_MAX   64
#define POLICY_NAME_MAX    64
#define POLICY_ERROR_MAX   512

struct policy_rule {
        char name[POLICY_NAME_MAX];
        char file[256]; /* and line, for people */
        unsigned line;
        struct guard_rule rule; /* the flag of a pattern of nothing but * is not set; its text is there */
};

struct policy { /* 80 KiB: not for the stack */
        size_t n;
        struct policy_rule rules[GUARD_RULES_MAX];
};

/* Rules of a text behind those already there. -EINVAL with "FILE:LINE: sentence", *p untouched. */
int policy_parse(struct policy *p, const char *name, const char *text, size_t length, char *error,
                 size_t size);
/*
 * A file, or all *.conf of a directory, instead of what is in *p, which an error leaves as it is. A
 * directory that is not there is an empty policy; a file (its name ends in .conf) that is not there is
 * -ENOENT. -EPERM: a symbolic link, or something that others than root and the caller may write.
 */
int policy_load(struct policy *p, const char *path, char *error, size_t size);

const char *guard_say_to_string(enum guard_say say);   /* "off", "single", "owner-only", "deny" */
const char *guard_mode_to_string(enum guard_mode m);   /* "enforce", "audit" */
int guard_mode_from_string(const char *s);             /* -EINVAL */
const char *guard_state_to_string(enum guard_state s); /* "off", "on", "audit" */
int guard_state_from_string(const char *s);            /* -EINVAL */

/* {"name","file","line","say","mode","exe",...}, as GET /v1/policy shows a rule: conditions that are not
 * there are null. NULL: no memory. */
struct json_object *policy_rule_to_json(const struct policy_rule *r);

/* What a rule is compared with. Strings NULL: not known, matches nothing. */
struct policy_subject {
        const char *exe, *comm, *cgroup;
        uint32_t uid;
};
/* Index from 1 of the first rule that matches, 0 for none. */
size_t policy_match(const struct policy *p, const struct policy_subject *s);
/* Does the rule name this tracer? */
bool policy_admits(const struct guard_rule *r, const struct policy_subject *tracer);
