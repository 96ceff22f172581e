/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Policy files: INI (inih), all *.conf of a directory in the order of their names, each section a rule, the
 * first rule that matches a process counts. Parsed into the layout the kernel compares with (bpf/guard.h),
 * so that what was checked is what holds. Pure but for policy_load(), which reads files.
 *
 *   [name of the rule]
 *   exe = /usr/sbin/php-fpm*      patterns: * any bytes, also /; ? one byte; \ quotes. Several conditions
 *   comm = php-fpm*               must all match
 *   uid = www-data                name or number; real uid
 *   cgroup = /system.slice/php*
 *   say = single                  single | owner-only | deny | audit | off; audit is single that only looks
 * on mode = enforce                enforce | audit tracer-exe = /usr/bin/gdb     who may trace; repeatable
 * up to GUARD_TRACERS_MAX, alternatives tracer-uid = ann memory = allow                allow | deny: reading
 * memory without ptrace
 */

#include <stddef.h>
#include <stdint.h>

#include "../bpf/guard.h"

#define POLICY_DEFAULT_DIR "/etc/ptraced/policy.d"
#define POLICY_FILE_MAX    (64 * 1024) /* bytes of one file */
#define POLICY_FILES_MAX   64
#define POLICY_NAME_MAX    64
#define POLICY_ERROR_MAX   512

struct policy_rule {
        char name[POLICY_NAME_MAX];
        char file[256]; /* and line, for people */
        unsigned line;
        struct guard_rule rule;
};

struct policy {
        size_t n;
        struct policy_rule rules[GUARD_RULES_MAX];
};

/* Rules of a text behind those already there. -EINVAL with "FILE:LINE: sentence", *p untouched. */
int policy_parse(struct policy *p, const char *name, const char *text, size_t length, char *error,
                 size_t size);
/* A file, or all *.conf of a directory. A directory that is not there is an empty policy; a file that is not
 * there is -ENOENT. A symbolic link, or a file others than root may write, is refused (-EPERM). */
int policy_load(struct policy *p, const char *path, char *error, size_t size);

const char *guard_say_to_string(enum guard_say say);   /* "off", "single", "owner-only", "deny" */
const char *guard_state_to_string(enum guard_state s); /* "off", "on", "audit" */
int guard_state_from_string(const char *s);            /* -EINVAL */

/* What a rule is compared with. Strings NULL: not known, matches nothing. */
struct policy_subject {
        const char *exe, *comm, *cgroup;
        uint32_t uid;
};
/* Index from 1 of the first rule that matches, 0 for none. */
size_t policy_match(const struct policy *p, const struct policy_subject *s);
/* Does the rule let this tracer in? */
int policy_admits(const struct guard_rule *r, const struct policy_subject *tracer);
