/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * An event: one thing that happened to a tracer, a tracee or a signal, as user space knows it. It is the
 * only input of the model, the unit of the store, a line of an export, and what a replay reads back.
 * The struct is flat and wide; event_fields() says which members belong to which type and what they are
 * called in JSON and CSV. The same table writes and reads the compact form of the store, so nothing can be
 * stored that cannot be exported, and nothing exported that cannot be replayed.
 *
 * Pure: no clock, no kernel, no files. All strings come from tasks and are untrusted: they are kept as the
 * bytes they are, escaped when printed (text.h), and made valid UTF-8 when written as JSON.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "lib/base/time_text.h"

/* Stored as numbers: new ones go at the end, and none is ever reused. The same holds for each enum below. */
enum event_type {
        EV_NONE,
        EV_SIGNAL_GENERATE,
        EV_SIGNAL_DELIVER,
        EV_PTRACE_ATTACH,
        EV_PTRACE_SEIZE,
        EV_PTRACE_TRACEME,
        EV_PTRACE_AUTOATTACH,
        EV_PTRACE_DETACH,
        EV_PTRACE_REFUSED,
        EV_TRACER_EXIT,
        EV_WAIT_REAP,
        EV_WAIT_ERROR,
        EV_SIGACTION,
        EV_TASK_FORK,
        EV_TASK_EXEC,
        EV_TASK_EXIT,
        EV_MEMORY_ACCESS,
        EV_COUNTER,
        EV_LOSS,
        EV_TASK_INFO,    /* what /proc says of a process: who it is for a person */
        EV_TASK_STATE,   /* what /proc says of a tracee and its tracer: stopped, running, zombie */
        EV_TEXT_SCAN,    /* what is mapped at an address, and whether the file has an int3 there too */
        EV_DAEMON_START, /* recording began: boot id, tier. Later events know nothing of a gap before it */
        EV_CLAIM_MADE,   /* also when a waiter's turn came */
        EV_CLAIM_QUEUED,
        EV_CLAIM_RENEWED,
        EV_CLAIM_TAKEN,       /* by another owner, explicitly */
        EV_CLAIM_ENDED,       /* released, lease over, owner or target gone */
        EV_CLAIM_AUDIT,       /* an attach that the guard would have refused, but only looked on */
        EV_POLICY_LOADED,     /* the policy files hold from now on */
        EV_POLICY_REJECTED,   /* a mistake in them: the former policy stays */
        EV_POLICY_GUARD,      /* the rule `single` for every process was switched */
        EV_SIGNAL_SUPPRESSED, /* a tracer restarted its tracee without the signal that it was stopped with */
        EV_PTRACE_PLANT,      /* a tracer wrote a breakpoint by ptrace, or took it out again */
        EV_NET_CONNECT,       /* a socket of a debugger that is reached over TCP changed its state */
        EV_NET_STATE,         /* a moment later, as the model asked: is that process still there */
        EV_PTRACE_LEFT,       /* a tracer exits, and a tracee of its sits in the stop of a signal */
        EV_TASK_THREADS,      /* a process has many threads, and began one more: actor did */
        EV_UPROBE_REGISTER,   /* target put a uprobe into a file */
        _EV_MAX,
};

/* In a set of event types. SQLite's integers are signed: 63 at most. */
#define EVENT_BIT(type) (UINT64_C(1) << (type))

/* A thread and the process it belongs to. pid 0: nobody. */
struct task_ref {
        uint32_t pid;   /* thread group id, initial pid namespace */
        uint32_t tid;   /* 0: the process as a whole, or not known */
        uint64_t start; /* of the process: clock ticks since boot, /proc/PID/stat field 22; 0: not known */
        uint64_t tid_start; /* of the thread, same unit */
        char comm[16];      /* NUL-terminated */
};

enum signal_result {
        SIGRES_QUEUED,
        SIGRES_IGNORED,
        SIGRES_PENDING,
        SIGRES_OVERFLOW,
        SIGRES_INFO_LOST,
        _SIGRES_MAX
};
enum disposition {
        DISP_DEFAULT,
        DISP_IGNORED,
        DISP_HANDLER,
        _DISP_MAX
};
/* How a tracing relation came about, where the type does not say it. */
enum event_origin {
        ORIGIN_KERNEL,
        ORIGIN_SCAN /* found in /proc: began earlier, or the attach was not seen */,
        _ORIGIN_MAX
};
/* Why a claim ended. */
enum claim_end {
        CLAIM_RELEASED = 1,
        CLAIM_LEASE_OVER,
        CLAIM_OWNER_GONE,  /* and its grace time is over */
        CLAIM_TARGET_GONE, /* the process ended, or runs as another user now */
        CLAIM_TAKEN_OVER,
        CLAIM_GUARD_OFF, /* the emergency switch */
        _CLAIM_END_MAX,
};
enum detach_cause {
        DETACHED_BY_CALL = 1,
        DETACHED_TRACER_EXIT,
        DETACHED_TRACEE_EXIT,
        DETACHED_UNSEEN,
        _DETACHED_MAX
};

/* What of its file an exec ignored because of its tracer. */
enum exec_ignored {
        IGNORED_NOTHING,
        IGNORED_SET_UID,
        IGNORED_SET_GID,
        IGNORED_CAPABILITIES,
        _IGNORED_MAX,
};

/* Did a tracer that detached write to its tracee by ptrace? Not what it wrote through /proc/PID/mem. */
enum tracer_wrote {
        TRACER_WROTE_UNKNOWN,
        TRACER_WROTE,
        TRACER_WROTE_NOTHING,
        _TRACER_WROTE_MAX,
};

/* Who has the status of a child that a wait did not find any more. */
enum lost_to {
        LOST_TO_UNKNOWN,
        LOST_TO_WAIT,   /* another wait of the same process */
        LOST_TO_KERNEL, /* nobody: the process ignores SIGCHLD */
        _LOST_TO_MAX
};
/* Since when a process ignores SIGCHLD. */
enum ignored_since {
        IGNORED_UNKNOWN,
        IGNORED_SET,         /* the program that runs did it, also before it forked */
        IGNORED_BEFORE_EXEC, /* an earlier program of the same process did it */
        IGNORED_INHERITED,   /* it was born so */
        _IGNORED_SINCE_MAX
};

/* What became of a socket at a debugger's port. */
enum net_change {
        NET_LISTENS = 1,
        NET_LISTENS_NO_MORE,
        NET_OPENED,
        NET_FAILED,     /* connect(2) did: error says why, 0: the caller gave up after waited_ns */
        NET_ENDED,      /* by this end */
        NET_PEER_ENDED, /* by the other end, or it was reset */
        _NET_CHANGE_MAX,
};

/* What a text.scan looked at. */
enum scan_kind {
        SCAN_OTHER, /* or nobody said */
        SCAN_TRAP,  /* the instruction that raised a SIGTRAP */
        SCAN_HANDLER,
        SCAN_INSTALLED, /* a handler that was set in the place of another one, */
        SCAN_REPLACED,  /* and that one */
        _SCAN_MAX
};

/* Path of a text.scan where no file is mapped: the code was generated at run time. "": it is not known. */
#define SCAN_NO_FILE "[anon]"

/* Bits of event.facts in ptrace.refused: the same values as ATT_F_* of bpf/records.h. */

#define EVENT_PATH_MAX    256
#define EVENT_ARGS_MAX    512
#define EVENT_UNIT_MAX    128
#define EVENT_SYMBOL_MAX  128
#define EVENT_NOTE_MAX    96
#define EVENT_OWNER_MAX   96
#define EVENT_MODULES_MAX 64
#define EVENT_ADDRESS_MAX 56  /* "[...]:65535" */
#define MODULES_UNKNOWN   "?" /* event.modules where nobody looked, or nobody could tell */

struct event {
        uint64_t seq;        /* order of arrival, unique in a store; 0: not numbered yet */
        uint64_t kernel_seq; /* rec_header.seq of the record it was made from; 0: none, or of 0.1.0 */
        uint64_t time_ns;    /* CLOCK_BOOTTIME */
        uint64_t wall_ns;    /* CLOCK_REALTIME at the same moment */
        enum event_type type;

        struct task_ref
                target; /* whom it happened to: signal's target, tracee, waiter, child, the exiting task */
        struct task_ref actor; /* who did it: sender, refused caller, forking parent */
        struct task_ref
                tracer; /* who traces the target now (after an attach, before a detach); pid 0: nobody */
        struct task_ref parent;  /* the target's real parent */
        uint32_t parent_tracer;  /* pid of who traces that parent, 0: nobody */
        uint32_t sibling_tracer; /* pid of who traces another thread of the target process, 0: nobody or not
                                    known */

        /* signals, sigaction, detach */
        int32_t sig;
        int32_t code;
        int32_t result;      /* enum signal_result */
        int32_t disposition; /* enum disposition */
        uint64_t handler;    /* 0 SIG_DFL, 1 SIG_IGN */
        uint64_t old_handler;
        uint64_t sa_flags;
        uint64_t ip;                   /* user instruction pointer; for text.scan the address asked about */
        int32_t info_pid, info_status; /* si_pid and si_status, which are macros of <signal.h> */
        bool group, blocked, residue, noinfo, priv;
        bool execed; /* the target's process has called exec since it was forked; false: or it is not known */
        bool forced_blocked,
                forced_ignored; /* the kernel reset the disposition to force this signal through */
        bool sender_is_tracer;
        bool awaited;    /* signal.generate: the target sits in sigwait(3) or the like, which takes it */
        bool queued;     /* by rt_sigqueueinfo(2) or its like: the sender chose the code */
        bool removed;    /* ptrace.plant: the breakpoint was taken out; uprobe.register: found to be gone */
        bool executable; /* ptrace.plant: it lies in memory that is mapped to be run */
        bool by_itself;  /* signal.suppressed: the target's own process had sent it */

        /* ptrace */
        uint32_t ptrace;   /* task_struct.ptrace of the target */
        uint64_t options;  /* PTRACE_O_*, as asked for */
        int32_t request;   /* PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_TRACEME; of a counter: any request */
        int32_t origin;    /* enum event_origin */
        int32_t cause;     /* enum detach_cause */
        int32_t wrote;     /* enum tracer_wrote, of ptrace.detach */
        bool calls_unseen; /* requests of this tracer, or in daemon.start of any, are not counted */
        bool waited;       /* ptrace.left: the tracer has read the stop, so the signal is dropped */
        int32_t error;     /* positive errno; 0: none */
        int32_t lsm_error; /* positive errno the security modules gave, 0: allowed or not asked */
        uint32_t facts;    /* ATT_F_* */
        uint32_t vpid;     /* the pid argument in the caller's pid namespace */
        uint32_t ns_level; /* of that namespace, 0: initial */
        uint32_t caller_uid, target_uid;
        uint32_t worker; /* ptrace.refused: tid of a thread that lives, where the main thread has
                                            ended; 0: not known */
        int32_t yama;    /* kernel.yama.ptrace_scope, -1: no Yama */
        char modules[EVENT_MODULES_MAX]; /* active security modules that have a say in ptrace, but Yama:
                                            "selinux,landlock"; "": none; MODULES_UNKNOWN */

        /* waits, tasks */
        int32_t upid;
        int32_t status; /* wait status, -1: not known; exit code of an exit (task_struct.exit_code) */
        uint32_t options_wait;
        bool sigchld_ignored;
        int32_t ignored;       /* task.exec: enum exec_ignored */
        int32_t lost_to;       /* wait.error: enum lost_to; the reaper is the actor, its argument info_pid */
        int32_t ignored_since; /* wait.error: enum ignored_since; from whom it was inherited: the parent */
        bool thread;           /* task.fork: a new thread, not a process */
        bool shared_mm;        /* task.fork: runs in the parent's memory (vfork) */
        bool group_dead;       /* task.exit, tracer.exit: last thread */
        uint32_t word_bits;    /* task.info: 32 or 64, of the program that it runs; 0: not known */
        bool found_int3;       /* text.scan: the file itself has the int3 */
        bool file_known;       /* text.scan: the file was found and read */
        int32_t state;         /* task.state: letter of the target in /proc/TID/stat */
        int32_t tracer_state;  /* task.state: letter of the tracer, or 0 */
        bool tracer_idle; /* task.state: it was looked, and no thread of the tracer's is inside a wait call */
        int32_t parent_state;    /* task.state of a zombie: letter of its parent, or 0 */
        uint64_t pending;        /* task.state: signals that wait for it, bit 0 is signal 1 */
        uint64_t parent_pending; /* task.state of a zombie: those that wait for its parent */

        /* counter, loss */
        int32_t of_type;   /* counter: enum event_type that was counted; EV_NONE: ptrace requests */
        uint64_t count;    /* counter: events since the last counter event of this key; loss: events lost;
                              task.threads: threads that live, and began while it was watched */
        uint64_t ended;    /* task.threads: those that ended, of the ones counted */
        uint64_t first_ns; /* counter: CLOCK_BOOTTIME of the first of them */

        /* the guard; owner and note (the rule's name, what was wrong with a policy) are below */
        uint64_t claim;       /* id of the claim, 0: none */
        int32_t guard_reason; /* enum guard_reason of bpf/guard_maps.h */
        int32_t guard_source; /* enum guard_source */
        int32_t guard_mode;   /* enum guard_mode */
        int32_t guard_state;  /* enum guard_state, of policy.guard */
        int32_t claim_end;    /* enum claim_end */
        uint64_t lease_ns;    /* of a claim, 0: none */

        /* net.connect; net.state has state only */
        int32_t change;     /* enum net_change */
        bool server;        /* of a connection: the end that listened */
        bool xdebug;        /* Xdebug's code called connect(2) */
        bool other_netns;   /* another network namespace than the daemon's */
        uint32_t netns;     /* inode of the network namespace */
        uint32_t port;      /* the debugger's */
        uint64_t received;  /* bytes that this end had got when it ended, the other one's FIN being one */
        uint64_t waited_ns; /* of a failure: since connect(2) */
        char local[EVENT_ADDRESS_MAX], remote[EVENT_ADDRESS_MAX]; /* "127.0.0.1:9003", "[::1]:9003" */

        uint32_t fd;    /* uprobe.register: of target's, the uprobe's */
        uint64_t inode; /* ptrace.plant, uprobe.register: of the file at path, 0: not known */
        uint32_t dev;   /* major << 20 | minor */
        uint64_t file_offset;
        uint32_t file_owner;       /* task.exec: the uid or gid that was not taken on */
        uint32_t uid;              /* task.info: effective; task.exec: real */
        uint32_t inner_pid;        /* task.info: the pid inside its own pid namespace */
        char path[EVENT_PATH_MAX]; /* executable, exec'd file, mapped file */
        char args[EVENT_ARGS_MAX]; /* task.info: command line, NULs replaced by spaces */
        char unit[EVENT_UNIT_MAX]; /* task.info: systemd unit or container id, from the cgroup path */
        union {
                char symbol[EVENT_SYMBOL_MAX]; /* text.scan: function+offset */
                char tty[EVENT_SYMBOL_MAX];    /* task.info: terminal */
        };
        char owner[EVENT_OWNER_MAX]; /* whom a claim admits: "pid 4711 (gdb)", "exe /usr/bin/gdb", "uid 1000"
                                      */
        union {
                char note[EVENT_NOTE_MAX];     /* of the guard: the rule, what was wrong with a policy; loss:
                                                 cause */
                char boot_id[EVENT_NOTE_MAX];  /* daemon.start */
                char what[EVENT_NOTE_MAX];     /* text.scan: scan_kind_to_string(), event_scan_kind() */
                char waits_in[EVENT_NOTE_MAX]; /* task.state: the kernel's function that a target in state D
                                                  sleeps in; "": not known */
        };
};

enum event_field_kind {
        FIELD_U32,
        FIELD_U64,
        FIELD_I32,
        FIELD_BOOL,
        FIELD_HEX, /* u64, written as "0x..." */
        FIELD_STRING,
        FIELD_TASK,  /* struct task_ref, written as an object, null for nobody */
        FIELD_ENUM,  /* i32 with a string table */
        FIELD_ERRNO, /* i32, written as "EPERM" */
        FIELD_STATE, /* i32, written as a one-letter string */
        _FIELD_KIND_MAX,
};

struct event_field {
        const char *json; /* name in JSON and CSV */
        size_t offset;    /* in struct event */
        enum event_field_kind kind;
        uint64_t types;           /* EVENT_BIT() of each event type that has it */
        size_t size;              /* FIELD_STRING: of the buffer */
        const char *absent;       /* FIELD_STRING: what it is where an event of earlier has none; NULL: "" */
        const char *const *names; /* FIELD_ENUM */
        size_t n_names;
};

/* The table, in the order of the compact form: entries are only ever added at the end. */
const struct event_field *event_fields(size_t *ret_n);
/* Make a member that is all zeroes what it is where nothing was written. */
void event_field_clear(const struct event_field *f, void *member);

/* "signal.generate" and back; NULL / EV_NONE when there is no such thing. */
const char *event_type_to_string(enum event_type type);
enum event_type event_type_from_string(const char *s);

/* "trap"; "" for SCAN_OTHER. */
const char *scan_kind_to_string(enum scan_kind scan);
enum scan_kind event_scan_kind(const struct event *e);

/* "SIGTRAP" and back (0: no such signal). Numbers pass as "SIG77" or "77". The name is in the caller's
 * buffer. */
const char *signal_name(int sig, char *buf, size_t size);
int signal_number(const char *name);
/* "EPERM"; a number for one without a name. */
const char *errno_name(int error, char *buf, size_t size);

/* True if `pid` takes part in the event: target, actor, tracer or parent, where its type has them. */
bool event_concerns(const struct event *e, uint32_t pid);
/* The refusal is that of a hold helper of ptraced in the place of a tracer. */
bool event_refused_by_hold(const struct event *e);
/* Who takes part; returns how many were written (at most 4). One may be there twice. */
size_t event_parts(const struct event *e, struct task_ref parts[4]);
/* Distinct non-zero pids that take part; returns how many were written (at most 4). */
size_t event_pids(const struct event *e, uint32_t pids[4]);

/* Same process: pid equal, and start times equal where both are known. */
bool task_same_process(const struct task_ref *a, const struct task_ref *b);

/* Where task_struct.ptrace keeps the tracer's options (linux/ptrace.h, PT_OPT_FLAG_SHIFT), and which exist.
 */
#define PTRACE_OPTION_SHIFT 3
#define PTRACE_OPTION_MASK  0x3000ffULL
/* PTRACE_O_* in a task_struct.ptrace. */
static inline uint64_t options_of_ptrace(uint32_t ptrace)
{
        return ptrace >> PTRACE_OPTION_SHIFT & PTRACE_OPTION_MASK;
}

/*
 * JSON object of an event, as every export and the API show it: "seq", "type", "time" (ISO 8601 with
 * nanoseconds, UTC), "boottime_ns", then the type's fields; signals have "signame" beside "sig".
 * -ENOMEM, or 0 with a new object in *ret (the caller puts it).
 */
int event_to_json(const struct event *e, struct json_object **ret);
/*
 * Back. -EINVAL with a sentence in error (size bytes, without a full stop) on a wrong type, range or missing
 * key. "type", "time" and "boottime_ns" must be there; other absent keys and null are 0; unknown keys are
 * skipped. Strings longer than their buffer are cut between two characters; a whole number above 2^64-1
 * reads as 2^64-1.
 */
int event_from_json(struct json_object *o, struct event *ret, char *error, size_t size);

/*
 * Compact form, for the store. Returns bytes written, -ENOSPC, or -EINVAL for a type, result, disposition,
 * origin, cause or of_type that does not exist. An event needs at most EVENT_PACKED_MAX.
 */
#define EVENT_PACKED_MAX 2048
int event_pack(const struct event *e, uint8_t *buf, size_t size);
/* -EBADMSG if the bytes are not an event. All of *ret is written; seq, time_ns and wall_ns are not part of
 * the form: they are 0, the caller sets them. */
int event_unpack(enum event_type type, const uint8_t *buf, size_t size, struct event *ret);
