/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a rule is, and what it works with. A rule looks at one event and at what the model knows after it,
 * and reports. It changes nothing but what it alone uses (accidents, storms, suspicions), and asks nobody:
 * time is the event's.
 */

#include <stddef.h>
#include <stdint.h>

#include "lib/diagnosis/accident.h"
#include "lib/diagnosis/attempts.h"
#include "lib/diagnosis/stops.h"
#include "lib/event/finding.h"
#include "lib/model/model_state.h"

#define STORMS_MAX 64 /* pairs of a refused caller and its target */

struct storm {
        struct task_ref caller, target;
        uint64_t window_ns, in_window, last_ns;
};

#define DEATHS_MAX 64 /* of SIGTRAP, that are remembered for those who repeat them */

struct death {
        struct task_ref task, parent;
        uint64_t time_ns, seq;
};

#define UNREAPED_MAX      64 /* traced processes that have ended and were not seen to be reaped */
#define UNREAPED_ASKS_MAX 4  /* of them, about how many it is asked at a time */

struct unreaped {
        struct task_ref list[UNREAPED_MAX]; /* oldest first, and when they are due */
        uint64_t due_ns[UNREAPED_MAX];
        size_t n;
        uint64_t asked_ns[UNREAPED_ASKS_MAX]; /* when each of the last questions is answered, 0: none */
};

#define WITHHELD_MAX \
        32 /* children whose end a tracer kept from their parent; until what came of it is known */

struct withheld {
        struct task_ref child, parent, tracer; /* child.pid 0: free */
        int status_code;                       /* CLD_EXITED and the like */
        uint64_t at_ns, seq;
};

#define COALESCED_MAX 256 /* children whose SIGCHLD was merged with another one, that are looked after */

struct coalesced {
        struct task_ref child, parent;
        uint64_t seq, since_ns;
        bool seen; /* it was a zombie at the first look */
};

#define TAKEOVERS_MAX 32 /* handlers that took another's place, and may give it back */

struct takeover {
        bool used;
        struct task_ref process;
        int32_t sig;
        uint64_t old, new, seq, at_ns;
        struct text_spot before, after;
};

#define GROWTHS_MAX 32 /* processes whose threads are counted */

/* Of the threads of a process that has many. */
struct growth {
        struct task_ref task;
        uint32_t creator;     /* tid of the one thread that began all, 0: several did */
        uint64_t first, pool; /* threads when it was first heard of; those of a pool that it began with */
        uint64_t first_ns, last_ns;
        uint64_t steady, steady_ns; /* threads, when growth without a pause began */
        bool told;
        char path[EVENT_PATH_MAX], symbol[EVENT_SYMBOL_MAX]; /* who began the last that is known of */
};

#define PROBES_MAX 32 /* uprobes that are there, and breakpoints that tracers have written: of each */

/* A place in a file where somebody has put a uprobe, or a tracer a breakpoint. */
struct text_claim {
        struct task_ref who, target; /* target: the process that the breakpoint is in */
        uint32_t only;               /* of a uprobe: the one process that it is in, 0: all */
        uint32_t dev;
        uint64_t inode, offset, path_hash, seq; /* inode 0: free */
        char symbol[64];
};

#define BYPASSES_MAX 16 /* signals of which it is to be seen whether they stop their target */

struct bypass {
        struct task_ref target, tracer, sender;
        int32_t sig;
        bool awaited;        /* its target sat in sigwait() */
        uint64_t seq, at_ns; /* at_ns 0: free */
};

struct diagnosis {
        struct model *model;
        uint64_t since_ns; /* the recording began then, 0: nobody said */
        bool tier_full;    /* its tier saw every tracer */
        struct accidents accidents;
        struct stops stops;
        struct unreaped unreaped;
        struct attempts attempts;
        struct death deaths[DEATHS_MAX]; /* ring */
        size_t n_deaths;
        struct coalesced coalesced[COALESCED_MAX];
        size_t n_coalesced;
        struct takeover takeovers[TAKEOVERS_MAX]; /* ring */
        size_t n_takeovers;
        struct bypass bypasses[BYPASSES_MAX]; /* ring */
        size_t n_bypasses;
        struct storm storms[STORMS_MAX];
        size_t n_storms;
        struct withheld withheld[WITHHELD_MAX]; /* ring */
        size_t n_withheld;
        struct growth growths[GROWTHS_MAX];
        size_t n_growths;
        struct text_claim probes[PROBES_MAX], planted[PROBES_MAX]; /* rings */
        size_t n_probes, n_planted;
};

struct rule {
        enum finding_code code;
        enum severity severity; /* unless the case says otherwise */
        uint64_t types;         /* EVENT_BIT()s of what it listens to */
        void (*check)(struct diagnosis *d, const struct rule *r, const struct event *e);
};

/* About e->target; named as its process, seen at e's time, with e as evidence. */
void finding_begin(const struct model *m, struct finding *f, const struct rule *r, const struct event *e);

/* Fix and risk: how the tracer of that session lets go, and what may come of it. It is called as `tracer` is. */
void finding_say_release(struct finding *f, const struct task_ref *tracer, const struct session *s);
/* Of a task.state: the tracer is stopped, traced or a zombie. */
static inline bool tracer_cannot_run(const struct event *e)
{
        return e->tracer_state == 'T' || e->tracer_state == 't' || e->tracer_state == 'Z';
}

/* The part of rule_untraced_threads() that goes by what a tracer has written. */
void planted_in_part_of_threads(struct diagnosis *d, const struct rule *r, const struct event *e);
/* tracer-stale where the client of a debugger is gone: on net.connect and task.state. */
void net_client_gone(struct diagnosis *d, const struct rule *r, const struct event *e);

/* The functions of the table: rule_attach_storm() and the like, each in one of rules_*.c; codes that are told
 * by the same one name it each. */
#define RULE(code, function, name, severity, listens, meaning) \
        void rule_##function(struct diagnosis *d, const struct rule *r, const struct event *e);
FINDINGS(RULE)
#undef RULE
