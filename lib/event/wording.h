/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Pieces of the sentences that findings and refusals are told in. Names come from tasks: every one of them
 * is escaped here, so the texts are safe on a terminal. Pure; all return their buffer.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/sentence.h"
#include "lib/event/event.h"

#define WORD_MAX 128 /* an escaped comm takes up to 60 bytes */

/* "PID 4711 (api)" */
const char *word_process(const struct task_ref *t, char buf[WORD_MAX]);
/* "thread 4713 of PID 4711 (api)", for the main thread or an unknown one just the process */
const char *word_thread(const struct task_ref *t, char buf[WORD_MAX]);
/* "dlv 4802", for commands and remedies */
const char *word_tool(const struct task_ref *t, char buf[WORD_MAX]);
/* "14:02:11 UTC" */
const char *word_clock(uint64_t wall_ns, char buf[WORD_MAX]);
/* How a task ended: "was killed by SIGKILL", "exited with status 2" */
const char *word_exit(int32_t exit_code, char buf[WORD_MAX]);
/* "PTRACE_ATTACH" */
const char *word_request(int32_t request, char buf[WORD_MAX]);

/* What binds a tracee to its tracer, as far as known. */
struct tracer_ties {
        struct task_ref tracer, target;
        uint64_t options; /* PTRACE_O_* */
        bool unaware;     /* the tracer does not know that it is one: it cannot let go */
        uint64_t n_traps; /* SIGTRAPs of the target while it was traced: breakpoints are in use */
};
/* How to end what a tracer does without ending the tracee: "detach in gdb 4802 (\"detach\"), ...". Of one that is
 * unaware: that there is no such way. */
void say_release(struct sentence to, const struct tracer_ties *ties);
/* What happens to the target then, or when its tracer is killed. */
void say_release_risk(struct sentence to, const struct tracer_ties *ties);
