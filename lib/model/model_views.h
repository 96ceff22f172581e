/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the model is given, what it asks and what is seen of it. */

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cleanup.h"
#include "lib/event/event.h"
#include "lib/event/finding.h"

#define MODEL_PROCESSES_MAX 32768
#define MODEL_THREADS_MAX   65536 /* only threads that matter: traced, or seen in an event */
#define MODEL_SESSIONS_MAX  4096  /* ended ones kept for history; the store keeps the rest */
#define MODEL_FINDINGS_MAX  1024  /* the store keeps all */

/* Defaults: model_thresholds_default(). Nanoseconds, except where named. */
struct model_thresholds {
        uint64_t tracer_hung_ns;     /* 3 s */
        uint64_t left_stopped_ns;    /* 0.3 s: ask for the state this long after a left-over SIGSTOP */
        uint32_t attach_storm_per_s; /* 100 refusals a second */
        uint64_t tracer_stale_ns;    /* 30 min without any ptrace or wait call */
        uint64_t dbgp_stalled_ns;    /* 2 s */
        uint64_t client_gone_ns;     /* 5 s: of tracer-stale, once the debugger's client is gone */
        uint32_t thread_leak;        /* 200 threads that never end */
};

enum question_kind {
        ASK_TASK_STATE = 1, /* send a task.state for task (and its tracer) at not_before_ns or later */
        ASK_TRACER,         /* tell who traces that process, says /proc: its tracer's call was not seen */
        ASK_UNTRACED, /* send a task.state for a thread of that process that nobody traces, if there is one */
        ASK_NET_STATE, /* send a net.state for task at not_before_ns or later, also if it is gone */
        ASK_TASK_INFO, /* send a task.info for task, soon: it may be gone in a millisecond */
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

struct session {
        struct task_ref tracer, target; /* target is one thread */
        int how;                        /* enum event_type: EV_PTRACE_ATTACH, SEIZE, TRACEME, AUTOATTACH */
        int origin;                     /* enum event_origin */
        bool missed; /* found in /proc while the recording was under way, and would have seen an attach */
        bool calls_unseen;  /* what its tracer does is not seen: missed, or in tier proc */
        bool tracer_called; /* its tracer has called ptrace, for this tracee or another one */
        uint64_t options;   /* PTRACE_O_*, as far as known */
        uint32_t ptrace;    /* task_struct.ptrace as last seen, 0: not known */
        uint32_t vpid;      /* the tracee as its tracer numbers it */
        uint64_t since_ns, since_wall_ns;
        uint64_t until_ns, until_wall_ns; /* 0: lasts */
        int end_cause;                    /* enum detach_cause, 0: lasts */
        int wrote;                        /* enum tracer_wrote; told when it ends */
        bool thread_only; /* ended by the end of the tracing thread (tracer.tid); its process went on */
        uint64_t last_active_ns; /* last ptrace or wait call of the tracer for this tracee, as far as seen */
        uint64_t n_requests, n_traps, n_stops; /* ptrace requests; SIGTRAPs; stops reported to the tracer */
        uint64_t n_interrupts;                 /* of the requests, those for a stop (PTRACE_INTERRUPT) */
        uint64_t
                asked_ns; /* the first stop was asked for: by the attach, or the first of these; 0: none was */
        /* When a task.state told of it last while its tracer did nothing, or while that stop did not come. */
        uint64_t idle_told_ns, stuck_told_ns;
};

#define STUCK_WAIT_NS (2 * NSEC_PER_SEC) /* counters, which tell of requests, are a second late */

/* Its tracer has asked for a first stop a while ago, was told of none, and has done nothing else since. */
static inline bool session_awaits_stop(const struct session *s, uint64_t now_ns)
{
        return s->asked_ns && now_ns >= s->asked_ns + STUCK_WAIT_NS && !s->n_stops && !s->n_traps &&
               s->n_requests == s->n_interrupts && s->origin == ORIGIN_KERNEL && !s->calls_unseen;
}

/* The tracer has not called ptrace, as far as its calls are seen: the program made it one by PTRACE_TRACEME. */
static inline bool session_is_unaware(const struct session *s)
{
        return s->how == EV_PTRACE_TRACEME && !s->calls_unseen && !s->n_requests && !s->tracer_called;
}

/* How long its tracer has done nothing for it; 0: it is active, or its calls are not seen. */
static inline uint64_t session_idle_ns(const struct session *s, uint64_t now_ns)
{
        return !s->calls_unseen && s->last_active_ns && now_ns > s->last_active_ns
                       ? now_ns - s->last_active_ns
                       : 0;
}

/* Whose stop (state T) a process is in, as far as was seen. */
struct stop_view {
        bool by_tracer;         /* a tracer's SIGSTOP, and nobody else's */
        bool older;             /* nobody traced it when it was stopped, or `tracer` came later */
        struct task_ref tracer; /* who attached last, or sent the SIGSTOP; pid 0: none did */
        struct task_ref other;  /* who else sent a SIGSTOP; pid 0: not seen */
        uint64_t since_wall_ns; /* of a stop that is no tracer's, 0: not seen */
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

/* Who listens at a debugger's port. */
struct listener {
        struct task_ref task; /* who called listen(2); pid 0: not known */
        uint32_t netns, port;
        char local[EVENT_ADDRESS_MAX];
        bool delve; /* told because Delve listens there; else a DBGp port */
        bool closed;
        bool served;        /* a session has ended in which it sent something */
        uint32_t n_clients; /* connections that last, as far as they were seen */
        uint64_t since_ns, since_wall_ns, seq;
        uint64_t client_gone_ns, client_gone_wall_ns; /* the last of them ended, 0: none has */
};

/* A connection with a debugger's port at one end, seen from one end. */
struct connection {
        struct task_ref task; /* whose end it is; pid 0: not known */
        struct task_ref peer; /* who listened, where that is known */
        uint32_t netns, port;
        bool server, xdebug, other_netns, over;
        uint32_t n_looks; /* how often the state of a held one was asked for */
        bool peer_ended;  /* by the other end */
        char local[EVENT_ADDRESS_MAX], remote[EVENT_ADDRESS_MAX];
        uint64_t since_ns, since_wall_ns, seq; /* 0: it began before the recording */
        uint64_t until_ns, until_wall_ns;
};

struct model_counts {
        uint64_t processes, threads, sessions_live, sessions_ended, findings, evicted, events;
        uint64_t sessions_over; /* all that ended; of these, sessions_ended are remembered */
};
