/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the model remembers: facts, and the findings that were reported. Only lib/model and lib/diagnosis
 * look in here; everybody else uses model.h.
 *
 * Ownership: the model owns processes, they own their threads, a thread owns the session that fills its
 * slot. Pointers between them are valid until the next event, as any entry may be evicted then.
 * Ended sessions are copied into a ring and belong to nobody. All times are CLOCK_BOOTTIME of events.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/list.h"
#include "lib/model/connections.h"
#include "lib/model/model_views.h"
#include "lib/base/pool.h"
#include "lib/base/table.h"

#define MODEL_DEAD_MAX 4096 /* processes that ended and are still remembered, for late events */
#define PLANTS_MAX     32   /* breakpoints per process whose places are remembered */
#define SCANS_MAX      8    /* addresses per process whose text.scan is remembered */
/* The threads of a process that ends do so one after the other: within this time they ended with it. */
#define THREADS_END_NS NSEC_PER_SEC
/* A signal tells of a tracer that nothing else told of: the record of its attach may be on its way. */
#define UNSEEN_WAIT_NS  (300 * NSEC_PER_MSEC)
#define UNSEEN_AGAIN_NS NSEC_PER_SEC

#define SI_CODE_INT3      0x80 /* SI_KERNEL: an int3 ran; also the SIGSTOP of PTRACE_ATTACH */
#define SI_CODE_TRAP_PERF 6    /* a perf event the program itself asked for */

struct model;
struct thread;

/* A session that lasts. */
struct slot {
        struct session s;
        struct thread *thread;
        struct process *tracer;
        uint64_t n_in_vain,
                in_vain_since_ns; /* requests by other threads of the tracer's process; used by one rule */
        struct list in_model;     /* model.slots, oldest first */
        struct list of_tracer;    /* process.tracees */
};

struct thread {
        struct table_node node; /* model.threads, by tid */
        struct list lru;        /* model.thread_lru */
        struct list in_process; /* process.threads */
        struct process *process;
        uint32_t tid;
        uint64_t start;
        struct slot *slot;         /* NULL: nobody traces it */
        uint32_t left_by;          /* pid of the tracer that had it last, 0: none had, or somebody has */
        uint64_t born_untraced_ns; /* its creation was seen, and that no tracer came with it; 0: not so */
        uint64_t hung_since_ns, hung_last_ns; /* its tracer is seen stopped since, 0: not */
        uint64_t hung_seq;
        uint64_t
                unaware_due_ns; /* it is asked then whether it waits for a tracer that is unaware; 0: never */
};

/* How a tracer left a process. */
struct departure {
        struct task_ref tracer;
        uint64_t until_ns, until_wall_ns, seq, n_traps;
        int cause;        /* enum detach_cause, 0: there was none */
        int wrote;        /* enum tracer_wrote */
        bool thread_only; /* only the thread tracer.tid ended, without a detach; the tool itself
                           * went on (whether it still does: process_of(tracer)->alive) */
        bool status_known;
        int32_t tracer_status;  /* exit code of the tracer */
        struct task_ref killer; /* who sent the signal it died of, pid 0: nobody that was seen */
        uint32_t killer_uid;
};

/* What explains a trap or a stop that comes later. Most processes have none. */
struct history {
        struct departure ended; /* the last session that ended, since the last exec */
        /* Forked, without an exec since, from a process that was traced or carried breakpoints. */
        struct {
                struct task_ref parent, tracer;
                bool only_looked; /* the tracer had left by then, and was not seen to write */
                uint32_t
                        breakpoints; /* of its parent's tracer, in its copy of the memory; 0: none, or it is told */
                uint64_t at_ns, seq;
        } forked;
        /* Breakpoints that its tracer wrote by ptrace, and has not taken out again. */
        struct plants {
                struct task_ref tracer;
                uint64_t addresses[PLANTS_MAX], at_ns, seq;
                uint32_t n, looks;    /* looks: of one rule, at a process that stands still */
                bool uncertain;       /* there were more than could be followed */
                uint64_t asked_ns;    /* which of its threads are traced, 0: never */
                uint32_t untraced;    /* tid of one that is not, when last looked; 0: none ... */
                uint64_t untraced_ns; /* ... and when */
        } planted;
        /* They were in the text that an exec put away; n 0: none were, or it is told. */
        struct plants lost;
        /* SIGSTOPs on their way, and whose the stop is that it is in. */
        struct {
                struct task_ref tracer; /* who sent it, pid 0: no tracer did */
                struct task_ref other;  /* who else sent one, pid 0: not seen */
                bool by_other, delivered;
                bool unknown; /* what the tracer found it in: its attach was not seen */
                bool older;   /* it was stopped when nobody traced it, or already when the tracer came: no
                             * tracer's doing */
                uint64_t at_ns, seq;              /* of the tracer's SIGSTOP */
                uint64_t since_ns, since_wall_ns; /* of the stop that is not a tracer's, 0: not seen */
                uint64_t suspect_ns;              /* a left-over stop began then, 0: none */
        } stop;
        /* The kernel has sent it SIGKILL, as a tracer that ended had asked for; seq 0: it has not. */
        struct {
                struct task_ref tracer;
                uint64_t seq;
        } doomed;
        /* The stop that a tracer which ended left it in, and whose signal is lost; seq 0: none. */
        struct {
                uint32_t tid;
                int32_t sig, code;
                uint64_t ip, seq, at_ns;
                struct departure departure; /* of that tracer */
        } left;
        /* The program's own SIGTRAP disposition. */
        struct {
                bool known;
                uint64_t handler, seq;
        } trap;
        struct scan {
                uint64_t address, at_ns;
                bool file_known, found_int3;
        } scans[SCANS_MAX];
        uint32_t n_scans;
};

struct process_info {
        char *args, *path, *unit, *tty; /* in the same allocation */
};

struct process {
        struct table_node node; /* model.processes, by pid */
        struct list lru;        /* model.live or model.dead */
        struct task_ref task;   /* tid 0 */
        struct task_ref parent;
        uint32_t uid, inner_pid, vm_parent; /* vm_parent: pid whose memory it was cloned into, 0: none */
        uint32_t word_bits;                 /* 32 or 64, 0: not known */
        char state;
        bool alive, asked, info_known;
        bool calls_ptrace;      /* it has made a ptrace request, PTRACE_TRACEME apart */
        bool execed;            /* an exec was seen: nothing in its text comes from its parent */
        uint64_t exec_ns;       /* when; 0: none was seen */
        uint32_t split_told;    /* the split with that tracer is reported */
        bool mixed;             /* threads of it have, or had, different tracers at the same time */
        struct task_ref killer; /* who sent it SIGKILL or SIGTERM last ... */
        uint32_t killer_uid;    /* ... and that one's uid */
        uint32_t slot_pid;      /* pid of the tracer that came first, while traced */
        uint32_t n_traced, n_tracees;
        int32_t exit_code;          /* valid once dead */
        uint64_t ended_ns;          /* when it was seen to end, 0: it was not */
        uint64_t attached_ns;       /* when it last attached to somebody, 0: never */
        uint64_t unseen_asked_ns;   /* when it was last asked who traces it, unseen; 0: never */
        uint64_t left_by_thread_ns; /* when one of its threads last left a tracee by ending, 0: never */
        struct list threads;        /* thread.in_process */
        struct list tracees;        /* slot.of_tracer */
        struct process_info *info;
        struct history *history;
};

struct finding_entry {
        struct finding f;
        struct table_node node;
        struct list lru; /* model.findings_lru, least recently seen first */
};

struct model {
        struct model_thresholds thresholds;
        struct model_sink sink;
        void *userdata;

        uint64_t now_ns, now_wall_ns;
        uint64_t n_events, n_evicted, n_sessions_over, last_loss_ns;
        char boot_id[EVENT_NOTE_MAX];
        bool sees_no_calls;   /* the recording is in tier proc */
        bool counts_no_calls; /* it sees attaches, and not what a tracer asks for then */
        bool finding_older;   /* the recording has begun, and tells of the tracers that were there before */

        struct table processes, threads, findings;
        struct list live, dead, thread_lru, slots, findings_lru;
        uint64_t n_live, n_dead, n_threads, n_slots, n_findings;

        struct session *ended; /* ring */
        size_t ended_first, n_ended, ended_size;

        struct connections net;

        struct pool process_pool, thread_pool, slot_pool, history_pool, finding_pool;
};

/* ---- model.c --------------------------------------------------------------------------------------- */

/* sink members may be NULL. -ENOMEM. */
int model_new(struct model **ret, const struct model_thresholds *t, const struct model_sink *sink,
              void *userdata);
struct model *model_free(struct model *m); /* returns NULL */
/*
 * May the event be applied: is it one, and is there memory for it and for so many findings beside its own?
 * Time is the event's from then on. -EINVAL, -ENOMEM: nothing has changed.
 */
int model_admit(struct model *m, const struct event *e, size_t n_findings);

/* ---- model_state.c --------------------------------------------------------------------------------- */

int state_init(struct model *m);
void state_done(struct model *m);
/* Memory for one event, and for so many findings that may come with it; nothing taken within it can fail
 * afterwards. -ENOMEM. */
int state_reserve(struct model *m, size_t n_findings);
/* Another boot, or a gap in the recording: every session is over, and on another boot every task gone. */
void state_restart(struct model *m, bool another_boot);

/* NULL when not known. Finds ended processes, too. start 0: the live one, else the last. */
struct process *process_find(const struct model *m, uint32_t pid, uint64_t start);
struct process *process_of(const struct model *m, const struct task_ref *t);
/* Found or made; NULL for nobody. */
struct process *process_get(struct model *m, const struct task_ref *t);
void process_die(struct model *m, struct process *p, int32_t exit_code);
struct history *process_history(struct model *m, struct process *p);
/* The breakpoints that a tracer has in that process for sure; NULL: none. */
const struct plants *process_plants(const struct model *m, const struct process *p);
/* That tracer had a breakpoint in that process at that address. */
bool plants_have(const struct plants *plants, const struct task_ref *tracer, uint64_t address);
void process_forget_history(struct model *m, struct process *p);
/* The best name known for a task: its process's. */
void process_name(const struct model *m, struct task_ref *t);

struct thread *thread_find(const struct model *m, uint32_t tid, uint64_t start);
/* The thread of a task_ref; the main thread where tid is 0. */
struct thread *thread_of(const struct model *m, const struct task_ref *t);
struct thread *thread_get(struct model *m, struct process *p, uint32_t tid, uint64_t start);
void thread_drop(struct model *m, struct thread *t, int end_cause);
void thread_rename(struct model *m, struct thread *t, uint32_t tid, uint64_t start);

/* The session as it is to be seen: tracer and tracee are called as their processes are called now. */
void slot_view(const struct slot *s, struct session *ret);
/* Take the slot of t. */
struct slot *slot_begin(struct model *m, struct thread *t, struct process *tracer, const struct event *e);
/* Empties the slot: the session goes to the ring and into the process's history. */
void slot_end(struct model *m, struct slot *s, int cause);
/* The same, because the thread that traced ended; its process goes on, as far as is known yet. */
void slot_end_with_thread(struct model *m, struct slot *s);

/* ---- model_events.c -------------------------------------------------------------------------------- */

void events_apply(struct model *m, const struct event *e);
/* What the rules had to see as it was before the event. */
void events_settle(struct model *m, const struct event *e);

/* ---- questions and findings (model.c) -------------------------------------------------------------- */

void model_ask(struct model *m, enum question_kind kind, const struct task_ref *task,
               uint64_t not_before_ns);
/* A new finding, or one more of the same: then only counts, last times and evidence change. */
void model_report(struct model *m, const struct finding *f);
/* The finding that was seen last among those matching; other_pid 0: any. NULL if there is none. */
struct finding *model_last_finding(struct model *m, enum finding_code code, const struct process *p,
                                   uint32_t other_pid);
/* So many more of that one. */
void model_count_more(struct model *m, struct finding *f, uint64_t count);
/* Its words were changed in place. */
void model_finding_changed(struct model *m, const struct finding *f);
