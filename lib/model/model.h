/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The model: what events have told. It knows processes and threads by (pid, start time), each thread's slot
 * (the one place a tracer can take), sessions (attach to detach, with counts of what went on inside), and
 * the findings that were reported. Here is what can be read of it; lib/diagnosis feeds it and reports.
 *
 * Bounds: MODEL_*_MAX below. When one is reached the oldest ended entry goes first, then the least recently
 * touched one; model_count() tells how many of those were live tasks.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/event/event.h"
#include "lib/event/finding.h"

#define MODEL_PROCESSES_MAX 32768
#define MODEL_THREADS_MAX   65536 /* only threads that matter: traced, or seen in an event */
#define MODEL_SESSIONS_MAX  4096  /* ended ones kept for history; the store keeps the rest */
#define MODEL_FINDINGS_MAX  1024  /* the store keeps all */

struct model;

/* Defaults: model_thresholds_default(). Nanoseconds, except where named. */
struct model_thresholds {
        uint64_t tracer_hung_ns;     /* 3 s */
        uint64_t left_stopped_ns;    /* 0.3 s: ask for the state this long after a left-over SIGSTOP */
        uint32_t attach_storm_per_s; /* 100 refusals a second */
};
void model_thresholds_default(struct model_thresholds *ret);

enum question_kind {
        ASK_TASK_STATE = 1, /* send a task.state for task (and its tracer) at not_before_ns or later */
        ASK_TASK_INFO,      /* send a task.info for task, soon: it may be gone in a millisecond */
};
struct model_question {
        enum question_kind kind;
        struct task_ref task;
        uint64_t not_before_ns; /* CLOCK_BOOTTIME */
};

/* Whom the findings and questions go to. */
struct model_sink {
        /* A finding is new, or was seen again (its counts and times grew). Valid during the call. */
        void (*on_finding)(void *userdata, const struct finding *f, bool is_new);
        void (*on_question)(void *userdata, const struct model_question *q);
};

/* ---- state, read-only ---------------------------------------------------------------------------- */

struct session {
        struct task_ref tracer, target; /* target is one thread */
        int how;                        /* enum event_type: EV_PTRACE_ATTACH, SEIZE, TRACEME, AUTOATTACH */
        int origin;                     /* enum event_origin */
        uint64_t options;               /* PTRACE_O_*, as far as known */
        uint32_t ptrace;                /* task_struct.ptrace as last seen, 0: not known */
        uint32_t vpid;                  /* the tracee as its tracer numbers it */
        uint64_t since_ns, since_wall_ns;
        uint64_t until_ns, until_wall_ns; /* 0: lasts */
        int end_cause;                    /* enum detach_cause, 0: lasts */
        uint64_t last_active_ns; /* last ptrace or wait call of the tracer for this tracee, as far as seen */
        uint64_t n_requests, n_traps, n_stops; /* ptrace requests; SIGTRAPs; stops reported to the tracer */
};

struct process_view {
        struct task_ref task; /* tid is 0 */
        struct task_ref parent;
        uint32_t uid;
        uint32_t inner_pid;
        char state; /* last task.state letter, 0: not known */
        bool alive;
        bool info_known;
        const char *args, *path, *unit,
                *tty; /* of the last task.info, "" if none; valid until the next event */
        uint32_t n_traced_threads, n_tracees; /* threads of it that are traced; threads it traces */
};

/* Current sessions (until_ns == 0), or with ended also the remembered ones. pid 0: all; else those where pid
 * is tracer or target. Calls fn until it returns non-zero, and returns that. */
int model_each_session(const struct model *m, uint32_t pid, bool ended,
                       int (*fn)(void *userdata, const struct session *s), void *userdata);
/* The live process with that pid (or the last dead one). -ESRCH. */
int model_process(const struct model *m, uint32_t pid, struct process_view *ret);
/* Each process that is taken to be alive, those longest without an event first, until fn returns non-zero.
 */
int model_each_live(const struct model *m, int (*fn)(void *userdata, const struct process_view *v),
                    void *userdata);
int model_each_finding(const struct model *m, uint32_t pid,
                       int (*fn)(void *userdata, const struct finding *f), void *userdata);

struct model_counts {
        uint64_t processes, threads, sessions_live, sessions_ended, findings, evicted, events;
};
void model_count(const struct model *m, struct model_counts *ret);
