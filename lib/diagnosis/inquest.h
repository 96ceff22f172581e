/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the tellers of an accident work with: its facts, and the finding that they write. verdict.c decides
 * which of them tells; each is in a rules_*.c of its own. The questions are about evidence: a tracer is
 * named for what it is known to have done, not for having been there.
 */

#include "lib/base/sentence.h"
#include "lib/diagnosis/rule.h"

/* Who may have left a breakpoint. */
struct leaver {
        bool found; /* one tracer alone may have */
        struct departure left;
        size_t n; /* tracers that have been in this text, up to LEAVERS_MAX */
};
#define LEAVERS_MAX 8

struct inquest {
        const struct diagnosis *d;
        const struct model *m;
        const struct accident *a;
        const struct sigtrap *t; /* the trap that the accident is told as */
        struct leaver leaver;    /* of its breakpoint */
        struct finding *f;
};

/* ---- the tellers: code, cause, severity and all texts ------------------------------------------------- */

void tell_breakpoint(const struct inquest *i);
void tell_leaked(const struct inquest *i);     /* by the tracer that passed it on */
void tell_sent(const struct inquest *i);       /* by kill() and the like */
void tell_watchpoint(const struct inquest *i); /* a debug register */
void tell_step(const struct inquest *i);
void tell_unexplained(const struct inquest *i);

/* ---- evidence ------------------------------------------------------------------------------------------ */

bool process_died(const struct inquest *i);
/* After its handler: by a signal, or with the status of the Go runtime. */
bool handler_ended_it(const struct inquest *i);

/* The int3 is in the file; or only in memory; or in code that no file stands behind. None: not known. */
bool file_has_int3(const struct inquest *i);
bool only_memory_has_int3(const struct inquest *i);
bool is_generated(const struct inquest *i);
/* Whoever passed it on had written it by ptrace. */
bool planted_by_passer(const struct inquest *i);
/* That tracer was stopped by the breakpoint, of this process or of that one. */
bool stopped_there(const struct inquest *i, const struct task_ref *process, const struct task_ref *tracer);
/*
 * The one tracer that may have left the breakpoint: it was stopped there; or memory differs from the file, and
 * of all that have been in this text and plant breakpoints it is the only one that ended without a detach, or
 * that wrote to the process (or may have: nobody looked). Not found: none, or it cannot be told which.
 */
struct leaver find_leaver(const struct inquest *i);
/* No tracer of it is known, now or before; or the breakpoint ran before the first of them came. */
bool was_never_traced(const struct inquest *i);
bool ran_before_tracers(const struct inquest *i);

/* ---- words ----------------------------------------------------------------------------------------------- */

void add_evidence(struct finding *f, uint64_t seq);
/* " at main.tick+0x12 (/usr/bin/api)"; address 0: not known */
void say_spot(struct sentence to, const struct text_spot *spot, uint64_t address);
/* "PID 4802 (dlv) left in it 3.2 s before, at 14:02:11 UTC, when it was killed by SIGKILL (sent by ...)" */
void say_leaver(const struct inquest *i, const struct departure *left, const char *what);
/* The name for how that tracer left: "tracer-died", "tracer-thread-ended", "dirty-detach". */
const char *leaver_cause(const struct inquest *i, const struct departure *left);
/* Who traced it, what ran, what followed and how it ended; sets the severity. */
void say_outcome(const struct inquest *i);
/* The fix for a program that lives on ("" where starting it again is all), and what to do the next time. */
void say_fix(const struct inquest *i, const char *now, const char *next_time);
