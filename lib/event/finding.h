/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A finding: a diagnosed problem, in words a person can act on. The codes are rows of finding_table.h;
 * causes and texts are in the rules (lib/diagnosis/rules_*.c). Pure.
 */

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "lib/event/event.h"
#include "lib/event/finding_table.h"

enum finding_code {
        FIND_NONE,
#define CODE(code, function, name, severity, listens, meaning) FIND_##code,
        FINDINGS(CODE)
#undef CODE
        _FIND_MAX,
};

enum severity {
        SEVERITY_INFO,
        SEVERITY_WARNING,
        SEVERITY_ERROR,
        _SEVERITY_MAX
};

#define FINDING_EVIDENCE_MAX 8
#define FINDING_TEXT_MAX     1024

struct finding {
        enum finding_code code;
        char cause[32]; /* sub-cause, "" where the code has none */
        enum severity severity;
        struct task_ref target;     /* the process concerned; tid: the thread, where one is meant */
        uint32_t other_pid;         /* the other party (tracer, refused caller, sender), 0: none */
        uint64_t first_ns, last_ns; /* CLOCK_BOOTTIME */
        uint64_t first_wall_ns, last_wall_ns; /* CLOCK_REALTIME */
        uint64_t count;
        uint64_t evidence[FINDING_EVIDENCE_MAX]; /* event seqs: the first ones, and the last in the last
                                                    place */
        uint32_t n_evidence;
        char summary[FINDING_TEXT_MAX]; /* one sentence naming pids and commands */
        char remedy[FINDING_TEXT_MAX];  /* the smallest fix */
        char risk[FINDING_TEXT_MAX];    /* of that fix, "" for none */
};

const char *finding_code_to_string(enum finding_code code); /* "attach-refused-traced" */
enum finding_code finding_code_from_string(const char *s);
const char *severity_to_string(enum severity s);
enum severity severity_from_string(const char *s); /* -1: no such */

/* {"code","cause","severity","pid","tid","start","comm","first","last","count","summary","evidence":[…],"remedy","risk","other_pid"}
 */
int finding_to_json(const struct finding *f, struct json_object **ret);
int finding_from_json(struct json_object *o, struct finding *ret);

/* Two findings are the same problem seen again: code, cause, process (pid and start) and other_pid agree. */
int finding_same(const struct finding *a, const struct finding *b);
