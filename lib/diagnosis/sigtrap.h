/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One SIGTRAP: what raised it, what its process had been through, and what became of it. Collected from the
 * events that tell of it (signal.generate, signal.deliver, text.scan), each of which may be missing. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/model/model_state.h"

enum sigtrap_kind {
        SIGTRAP_BREAKPOINT, /* an int3 ran */
        SIGTRAP_SENT,       /* by kill() and the like */
        SIGTRAP_STEP,       /* a single step, or int1 */
        SIGTRAP_WATCHPOINT, /* a debug register fired */
        SIGTRAP_EXEC,       /* the kernel's word to a tracer that its tracee has called exec */
        SIGTRAP_OTHER,      /* a perf event of the program's own, or nobody knows */
};

/* The kernel resets block and disposition before anybody can look, to get a trap of its own through. */
enum forced {
        NOT_FORCED,
        FORCED_BLOCKED,
        FORCED_IGNORED,
        FORCED_SOMEHOW
};

/* What a text.scan said of an address. */
struct text_spot {
        bool known; /* it has come */
        bool file_known, found_int3;
        uint64_t address;
        char path[EVENT_PATH_MAX], symbol[EVENT_SYMBOL_MAX];
};

struct sigtrap {
        enum sigtrap_kind kind;
        int32_t code;
        struct task_ref target, sender, parent;
        struct task_ref stopped_by; /* traced it when it was raised, and not when it was delivered */
        struct task_ref passed_by;  /* traced it when it was delivered */
        struct task_ref rival;      /* traced other threads of it then */
        uint32_t sender_uid, parent_tracer, sibling_tracer;
        uint64_t seq, time_ns, wall_ns, ip, count;
        bool generated; /* its signal.generate was recorded */
        bool group;     /* to the process, not to one thread */
        bool blocked;   /* when it was raised */
        bool residue;   /* the thread was stopped once, by a tracer or by SIGSTOP */
        bool execed;    /* since it was forked: nothing in its text comes from its parent */
        bool whole;     /* recorded from its first instruction on */
        bool rewound;   /* the tracer set the instruction pointer back to it: it took it for its own */
        enum forced forced;
        bool had_handler;
        bool delivered;
        int32_t disposition; /* when it was delivered, else when it was raised */
        struct text_spot at, handler;
        struct history history; /* of the process when it was raised */
};

enum sigtrap_kind sigtrap_kind_of(const struct event *e);
/* From a signal.generate or signal.deliver of SIGTRAP, and what the model knows then. */
void sigtrap_begin(struct sigtrap *t, const struct model *m, const struct event *e);
/* A text.scan of the trap's own address, or of its handler. False: it is about something else. */
bool sigtrap_scanned(struct sigtrap *t, const struct event *scan);
/* All text.scans that there will be have come. */
bool sigtrap_is_answered(const struct sigtrap *t);

enum forced forced_how(const struct event *e, const struct history *h);
bool had_handler(const struct event *e, const struct history *h);

static inline bool sigtrap_ran_handler(const struct sigtrap *t)
{
        return t->delivered && t->disposition == DISP_HANDLER;
}
