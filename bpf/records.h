/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_RECORDS_H
#define PTRACED_RECORDS_H

/*
 * What the BPF programs hand to user space: one tagged record per edge on the ring, one counter per
 * flood in a hash. Included by both sides, so layouts are written once; sizes are asserted below.
 *
 * Times are CLOCK_BOOTTIME nanoseconds. A start time is task_struct.start_boottime in nanoseconds; user
 * space divides it down to the clock ticks of /proc/PID/stat field 22 before it compares identities.
 * Pids are those of the initial pid namespace, unless a member says otherwise ("vpid").
 * Every byte that came from a task (comm, path names) is untrusted.
 */

#ifdef __bpf__
typedef unsigned char rec_u8;
typedef unsigned short rec_u16;
typedef unsigned int rec_u32;
typedef int rec_s32;
typedef unsigned long long rec_u64;
#else
#include <stdint.h>
typedef uint8_t rec_u8;
typedef uint16_t rec_u16;
typedef uint32_t rec_u32;
typedef int32_t rec_s32;
typedef uint64_t rec_u64;
#endif

#define REC_COMM_LEN   16
#define REC_NAME_LEN   64 /* of one path component; longer names are cut, and then do not match */
#define REC_PATH_DEPTH 12 /* components of a mapped file's path, last one first */
#define REC_TEXT_BYTES 16 /* bytes of program text around a trap */
#define REC_EXEC_PATH  256

/* The comm of ptraced's own tracer, which occupies a thread and passes everything on. Both sides know it by
 * this name. */
#define HOLDER_COMM "ptraced-hold"

enum rec_type {
        REC_SIGNAL = 1,  /* struct rec_signal: generated or delivered */
        REC_TEXT,        /* struct rec_text: what was mapped where a trap hit, or where its handler is */
        REC_ATTACH,      /* struct rec_attach: PTRACE_ATTACH, SEIZE or TRACEME ended, well or badly */
        REC_DETACH,      /* struct rec_detach: a tracing relation ended */
        REC_TRACER_EXIT, /* struct rec_exit: a thread that has tracees exits */
        REC_WAIT,        /* struct rec_wait: a wait call of a watched process ended */
        REC_SIGACTION,   /* struct rec_sigaction */
        REC_FORK,        /* struct rec_fork: process or thread, perhaps auto-attached */
        REC_EXEC,        /* struct rec_exec */
        REC_EXIT,        /* struct rec_exit: a watched thread exits */
        REC_GUARD,       /* struct rec_guard: the guard refused, or would have, or saw memory read */
        REC_NO_CHILD,    /* struct rec_no_child: a wait found no child, and it is known why */
        REC_SUPPRESSED,  /* struct rec_suppressed: a tracer restarts its tracee without a signal */
        REC_PLANT,       /* struct rec_plant: a tracer wrote a breakpoint by ptrace, or took it out again */
        REC_CONNECT,     /* struct rec_connect: a debugger's socket changed its state */
        REC_LEFT,    /* struct rec_left: a tracer exits, and a tracee of its sits in the stop of a signal */
        REC_THREADS, /* struct rec_threads: a process with many threads began one more */
        REC_UPROBE,  /* struct rec_uprobe: somebody put a uprobe into a file */
        _REC_TYPE_MAX,
};

/* Why a record did not reach user space; index of the per-CPU `losses` array. */
enum rec_loss {
        LOSS_RING_FULL,      /* ring reserve failed: an edge was lost */
        LOSS_COUNTER_FULL,   /* counters hash full: a flood's increments were lost */
        LOSS_STORAGE,        /* task storage could not be allocated: a task is not watched */
        LOSS_PROG_SKIPPED,   /* kernel skipped a program (recursion guard); read from bpf_prog_info */
        LOSS_TARGET_UNKNOWN, /* tier tracepoint: the tracee of a ptrace call could not be told */
        LOSS_GUARD_SLOT,     /* an attach was refused because its slot could not be stored */
        _REC_LOSS_MAX,
};

struct rec_header {
        rec_u16 type;       /* enum rec_type */
        rec_u16 size;       /* of the whole record */
        rec_u32 generation; /* of the programs: after an upgrade two run for a moment */
        rec_u64 time_ns;
        /* From 1 on, of all that got room in the ring: whoever knows how many he has stored knows how many
         * are missing. Two processors may take their numbers in another order than their places in the ring. */
        rec_u64 seq;
};

struct rec_task {
        rec_u32 pid;      /* thread group */
        rec_u32 tid;      /* 0: there is no such task */
        rec_u64 start_ns; /* of the thread group leader */
        rec_u64 tid_start_ns;
        char comm[REC_COMM_LEN];
};

enum rec_signal_flags {
        SIG_F_DELIVER = 1 << 0,        /* signal_deliver, else signal_generate */
        SIG_F_GROUP = 1 << 1,          /* sent to the process, not to one thread */
        SIG_F_BLOCKED = 1 << 2,        /* blocked by the target now */
        SIG_F_NOINFO = 1 << 3,         /* SEND_SIG_NOINFO */
        SIG_F_PRIV = 1 << 4,           /* SEND_SIG_PRIV: sent by the kernel itself */
        SIG_F_RESIDUE = 1 << 5,        /* JOBCTL_STOP_DEQUEUED: this thread was stopped by a tracer once */
        SIG_F_FORCED_BLOCK = 1 << 6,   /* the kernel forced it through a block ... */
        SIG_F_FORCED_IGN = 1 << 7,     /* ... or through SIG_IGN */
        SIG_F_PARENT_TRACED = 1 << 8,  /* the target's real parent is traced */
        SIG_F_EXECED = 1 << 9,         /* the target's process has called exec since it was forked */
        SIG_F_SENDER_TRACES = 1 << 11, /* the sender is the target's tracer */
        SIG_F_AWAITED = 1 << 13,       /* the target sits in sigtimedwait(2), which takes it */
        SIG_F_QUEUED = 1 << 12,        /* by rt_sigqueueinfo(2) or its like: the caller chose the si_code */
};

struct rec_signal {
        struct rec_header h;
        struct rec_task sender; /* who was running when it was generated; empty for a delivery */
        struct rec_task target;
        struct rec_task tracer; /* of the target, now; empty: not traced */
        rec_u32 parent_pid;     /* the target's real parent */
        rec_u32 parent_tracer;  /* pid of that parent's tracer, 0: none */
        rec_u32 sibling_tracer; /* the target is not traced, but another thread of it is: pid of who does,
                                   else 0 */
        rec_u32 pad;
        rec_u64 parent_start_ns;
        rec_u64 handler; /* 0 SIG_DFL, 1 SIG_IGN, else an address */
        rec_u64 sa_flags;
        rec_u64 ip; /* user instruction pointer of the target, 0: not known */
        rec_s32 sig;
        rec_s32 code;     /* si_code */
        rec_s32 result;   /* TRACE_SIGNAL_*: 0 queued, 1 ignored, 2 pending, 3 overflow, 4 info lost */
        rec_u32 flags;    /* enum rec_signal_flags */
        rec_s32 info_pid; /* si_pid and si_status, which are macros of <signal.h> */
        rec_s32 info_status;
        rec_u32 ptrace; /* task_struct.ptrace */
        rec_u32 uid;    /* of the sender */
};

enum rec_text_what {
        TEXT_TRAP = 1,  /* the address of the trapping instruction */
        TEXT_HANDLER,   /* the address of the signal handler that ran */
        TEXT_INSTALLED, /* of one that was set in the place of another one, */
        TEXT_REPLACED,  /* and of that */
};

enum rec_text_flags {
        /* The mapping could not be asked for (the kernel was busy with another such question): inode and
         * path are the executable's, and file_offset counts from its first executable segment
         * (mm_struct.start_code). */
        TEXT_F_FROM_CODE = 1 << 0,
        TEXT_F_NO_FILE = 1 << 1, /* the mapping was asked for, and no file is mapped there */
};

struct rec_text {
        struct rec_header h;
        struct rec_task task;
        rec_u64 address;
        rec_u64 file_offset; /* of address in the mapped file; valid if inode != 0 */
        rec_u64 inode;
        rec_u32 dev;                  /* kernel's internal encoding: major << 20 | minor */
        rec_u32 what;                 /* enum rec_text_what */
        rec_u8 bytes[REC_TEXT_BYTES]; /* of memory at address - 8 */
        rec_u32 bytes_valid;
        rec_u32 depth; /* components used in path */
        rec_u32 flags; /* enum rec_text_flags */
        rec_u32 pad;
        char path[REC_PATH_DEPTH][REC_NAME_LEN]; /* within its mount, last component first */
};

enum rec_attach_flags {
        ATT_F_TARGET_KNOWN = 1 << 0, /* target and the facts below are filled in by the kernel side */
        ATT_F_KTHREAD = 1 << 1,
        ATT_F_ZOMBIE = 1 << 2,
        ATT_F_SAME_GROUP = 1 << 3,
        ATT_F_SAME_MM = 1 << 4, /* caller shares the target's memory: its own helper */
        ATT_F_DUMPABLE = 1 << 5,
        ATT_F_UID_MATCH = 1 << 6,  /* caller's fsuid and fsgid equal all of the target's */
        ATT_F_CAP_PTRACE = 1 << 7, /* caller has CAP_SYS_PTRACE effective */
        ATT_F_SAME_USERNS = 1 << 8,
        ATT_F_SECCOMP = 1 << 9,          /* refused before the kernel entered ptrace (exit without enter) */
        ATT_F_LSM_CALLED = 1 << 10,      /* the security hook was reached; lsm_ret is its answer */
        ATT_F_CHILD_OF_TARGET = 1 << 11, /* caller's real parent is in the target process */
        ATT_F_CALLER_USERNS = 1 << 13,   /* caller is in a user namespace below the initial one */
        ATT_F_CAPS_SUBSET = 1 << 12,     /* caller's permitted caps include all of the target's */
        ATT_F_CALLER_FILTER = 1 << 14,   /* caller runs under a seccomp filter */
        ATT_F_CAP_TARGET_NS = 1 << 15,   /* caller has CAP_SYS_PTRACE over the user namespace of the target's
                                           memory, as the kernel reckons: there or in an ancestor of it, or it
                                           made it. It lets one in whose target is not dumpable */
        ATT_F_AT_CALL = 1 << 16,         /* caller and target were looked at in the call itself, not in /proc
                                           afterwards */
        ATT_F_TARGET_EXITING = 1 << 17,  /* the target has begun to end, and is no kernel thread */
        ATT_F_LEADER_ZOMBIE = 1 << 18,   /* the target is a main thread that has ended before the others */
        ATT_F_CAP_CRED_NS = 1 << 19, /* as ATT_F_CAP_TARGET_NS, over the namespace of the target's ids: it
                                           stands for equal ids. Mostly both are one */
        ATT_F_COMPAT = 1 << 20,      /* a call of 32 bits: the other calls of who made it are not counted */
};

/*
 * Of a PTRACE_TRACEME the caller is the target, too. What compares two tasks (uids, capabilities, namespaces)
 * compares the real parent, who is to be its tracer, with it then.
 */
struct rec_attach {
        struct rec_header h;
        struct rec_task caller;
        struct rec_task target; /* empty when only vpid is known */
        struct rec_task
                holder;  /* who traces the target already, or did when the call began; empty: nobody */
        rec_u64 options; /* data argument of SEIZE */
        rec_u64 request; /* PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_TRACEME */
        rec_s32 ret;     /* 0 or -errno */
        rec_s32 lsm_ret;
        rec_u32 vpid;     /* the pid argument, as the caller's pid namespace numbers it */
        rec_u32 ns_level; /* of the caller's pid namespace; 0: the initial one */
        rec_u32 flags;    /* enum rec_attach_flags */
        rec_u32 caller_uid;
        rec_u32 target_uid;
        rec_u32 ptrace; /* task_struct.ptrace of the target afterwards, if known */
};

enum rec_detach_cause {
        DETACH_CALL = 1,
        DETACH_TRACER_EXIT,
        DETACH_TRACEE_EXIT
};

/* Did the tracer write into the tracee's text by ptrace? Not seen is what it wrote through /proc/PID/mem. */
enum rec_wrote {
        WROTE_UNKNOWN,
        WROTE_YES,
        WROTE_NO,
};

struct rec_detach {
        struct rec_header h;
        struct rec_task tracer;
        struct rec_task target; /* tier tracepoint: empty, then vpid says which */
        rec_u32 cause;          /* enum rec_detach_cause */
        rec_s32 sig;            /* signal passed on by PTRACE_DETACH, -1: not known */
        rec_u32 vpid;
        rec_u32 ptrace;   /* task_struct.ptrace just before */
        rec_u32 ns_level; /* of the pid namespace that vpid is of */
        rec_u32 wrote;    /* enum rec_wrote; of a detach by call */
};

struct rec_wait {
        struct rec_header h;
        struct rec_task waiter;
        rec_s32 upid;   /* the pid argument, the waiter's numbering */
        rec_s32 ret;    /* pid (the waiter's numbering), or -errno */
        rec_s32 status; /* wait status; for waitid: built from si_code and si_status */
        rec_u32 options;
        rec_u32 ns_level;
        rec_u32 sigchld_ignored; /* the waiter's SIGCHLD is SIG_IGN or has SA_NOCLDWAIT */
};

enum rec_no_child_flags {
        NOCHILD_F_DISCARDED = 1 << 0, /* the kernel threw the status away, as SIGCHLD was ignored; else the
                                         reaper has it */
        NOCHILD_F_HANDLER = 1 << 1,   /* the waiter has a handler for SIGCHLD */
        NOCHILD_F_SET = 1 << 2, /* it has set SIGCHLD to be ignored itself, in the program that it runs */
        NOCHILD_F_SET_BEFORE = 1 << 3, /* ... or in an earlier program, before its exec */
        NOCHILD_F_WHOLE = 1 << 4,      /* it was seen from its beginning: else there are no such marks */
};

/* A wait for one child ended with ECHILD, and the child was there. */
#define REC_STATUS_UNKNOWN (-1) /* its reaper did not ask for the status */
struct rec_no_child {
        struct rec_wait wait;
        struct rec_task reaper;
        struct rec_task ignorer; /* the topmost of its ancestors that ignore SIGCHLD, from its parent on */
        rec_s32 reaper_upid;     /* the reaper's pid argument */
        rec_u32 flags;           /* enum rec_no_child_flags */
        rec_u64 reaped_ns;
};

struct rec_sigaction {
        struct rec_header h;
        struct rec_task task;
        rec_u64 handler;
        rec_u64 sa_flags;
        rec_u64 old_handler;
        rec_u32 old_known; /* old_handler is valid */
        rec_s32 sig;
};

enum rec_fork_flags {
        FORK_F_THREAD = 1 << 0,
        FORK_F_SHARED_MM = 1 << 1, /* vfork or CLONE_VM: same text, same breakpoints */
};

struct rec_fork {
        struct rec_header h;
        struct rec_task parent; /* the forking thread */
        struct rec_task child;
        struct rec_task parent_tracer;
        struct rec_task child_tracer; /* not empty: auto-attached */
        rec_u32 flags;
        rec_u32 ptrace; /* task_struct.ptrace of the child */
};

enum rec_exec_flags {
        /* The file's set-uid and set-gid bits and capabilities were ignored, if it has any, and for no other
         * reason than that the tracer has no CAP_SYS_PTRACE. */
        EXEC_F_UNTRUSTED = 1 << 0,
        EXEC_F_NO_OWNER = 1 << 1, /* it has the set-uid bit, and runs without its owner's rights */
        EXEC_F_NO_GROUP = 1 << 2, /* the same of the set-gid bit and its group */
};

struct rec_exec {
        struct rec_header h;
        struct rec_task task;
        struct rec_task tracer;
        rec_u32 old_tid; /* the thread that called exec; it is the leader now */
        rec_u32 ptrace;
        char path[REC_EXEC_PATH];
        /* Since 0.2: what an earlier record lacks is 0. */
        rec_u64 inode; /* of the file whose bits count: for a script its interpreter */
        rec_u64 cap_permitted;
        rec_u32 dev;
        rec_u32 flags;      /* enum rec_exec_flags */
        rec_u32 file_owner; /* uid with EXEC_F_NO_OWNER, gid with EXEC_F_NO_GROUP */
        rec_u32 uid;        /* real, of the task */
};

struct rec_exit {
        struct rec_header h;
        struct rec_task task;
        struct rec_task tracer;
        rec_u32 exit_code;  /* task_struct.exit_code: status << 8 | signal */
        rec_u32 group_dead; /* last thread of the process */
        rec_u32 tracees;    /* REC_TRACER_EXIT: at least this many (counted up to REC_TRACEES_MAX) */
        rec_u32 ptrace;
};
#define REC_TRACEES_MAX 64

struct rec_left {
        struct rec_header h;
        struct rec_task tracer; /* the thread that exits */
        struct rec_task target;
        rec_u64 ip;      /* user instruction pointer of the target, 0: not known */
        rec_u64 handler; /* of the signal: 0 SIG_DFL, 1 SIG_IGN, else an address */
        rec_s32 sig;
        rec_s32 code;     /* si_code */
        rec_s32 info_pid; /* si_pid, as the target's namespace numbers it */
        rec_u32 ptrace;
        rec_u32 waited; /* the tracer has read the stop: the signal is dropped. Else it is delivered */
        rec_u32 pad;
};

enum rec_guard_flags {
        GRD_F_AUDIT = 1 << 0,  /* allowed, but would have been refused */
        GRD_F_MEMORY = 1 << 1, /* no attach: another way to the target's memory or descriptors */
};

struct rec_guard {
        struct rec_header h;
        struct rec_task caller; /* of a traceme: the tracee, who makes the call */
        struct rec_task target;
        struct rec_task holder; /* who traces the target, or is attaching to it (pid only); empty: nobody */
        rec_u64 claim;          /* its id, 0: none was looked at */
        rec_u64 request; /* PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_TRACEME; memory: the system call's number */
        rec_u32 reason;  /* enum guard_reason of guard_maps.h */
        rec_u32 source;  /* enum guard_source */
        rec_s32 error;   /* positive errno, 0: allowed */
        rec_u32 rule;    /* index of the rule that matched, from 1; 0: none */
        rec_u32 flags;   /* enum rec_guard_flags */
        rec_u32 caller_uid;
        rec_u32 target_uid;
        rec_u32 vpid;     /* of the target, as the caller's pid namespace numbers it */
        rec_u32 ns_level; /* of that namespace */
        rec_u32 pad;
};

/*
 * Of a SIGTRAP that somebody sent, or a SIGCHLD of a child that ended: the tracee was stopped with it, and its tracer
 * lets it run without.
 */
struct rec_suppressed {
        struct rec_header h;
        struct rec_task tracer;
        struct rec_task target;
        rec_u64 handler; /* 0 SIG_DFL, 1 SIG_IGN, else an address */
        rec_u64 sa_flags;
        rec_s32 sig;
        rec_s32 code;     /* si_code */
        rec_s32 info_pid; /* si_pid, as a pid namespace of that level numbers it */
        rec_u32 ns_level;
        rec_u32 by_itself; /* the target's own process sent it */
        rec_u32 pad;
};

/* The lowest byte of a word that was poked became int3, or was int3 before by the same tracer's doing. */
struct rec_plant {
        struct rec_header h;
        struct rec_task tracer;
        rec_u64 address;
        rec_u32 vpid;     /* the tracee, as its tracer numbers it */
        rec_u32 ns_level; /* of the pid namespace that vpid is of */
        rec_u32 removed;
        rec_u32 pad;
};
#define INT3_BYTE 0xcc

enum rec_connect_what {
        CONNECT_LISTENS = 1,
        CONNECT_LISTENS_NO_MORE,
        CONNECT_OPENED,
        CONNECT_FAILED,
        CONNECT_ENDED,      /* by this end */
        CONNECT_PEER_ENDED, /* by the other end, or it was reset */
};

enum rec_connect_flags {
        CONNECT_F_SERVER = 1 << 0, /* of a connection: the end that listened; task is empty then */
        CONNECT_F_XDEBUG = 1 << 1, /* Xdebug's code called connect(2) */
};

/* Addresses as they are on the wire: IPv4 in the first four bytes. */
struct rec_connect {
        struct rec_header h;
        struct rec_task task, parent;
        rec_u64 waited_ns; /* of a failure: since connect(2) was called */
        rec_u64 received;  /* bytes, of an end; the kernel counts the other end's FIN as one */
        rec_u32 netns;     /* inode of the network namespace */
        rec_s32 error;     /* of a failure or a reset: positive errno; 0: this end closed it */
        rec_u16 local_port, remote_port;
        rec_u16 family;
        rec_u8 what;  /* enum rec_connect_what */
        rec_u8 flags; /* enum rec_connect_flags */
        rec_u8 local[16], remote[16];
};

/* From how many threads on, the main thread not counted, a process is watched for those that never end. */
#define THREADS_COUNTED   64
#define THREADS_STEP      8              /* more of them, and there is a record ... */
#define THREADS_MANY      256            /* ... up to so many; an eighth more from there on ... */
#define THREADS_PERIOD_NS 10000000000ULL /* ... and in any case the first after so long */
#define REC_STACK_WORDS   128 /* of the creator's stack: clone and pthread_create take half of them */

struct rec_threads {
        struct rec_header h;
        struct rec_task creator; /* the thread that began the last one */
        rec_u32 count;           /* threads that it has and that began since it is watched */
        rec_u32 ended;           /* of those that it had beyond THREADS_COUNTED */
        rec_u32 words;           /* of stack, 0: it could not be read */
        rec_u32 pad;
        char comm[REC_COMM_LEN];        /* of the main thread */
        rec_u64 stack[REC_STACK_WORDS]; /* from the creator's stack pointer on */
};

struct rec_uprobe {
        struct rec_header h;
        struct rec_task agent; /* who did */
        rec_u64 offset;        /* in the file */
        rec_u32 vpid;          /* only in that task, as the agent numbers it; 0: in all */
        rec_u32 ns_level;      /* of the pid namespace that vpid is of */
        rec_u32 fd;            /* of the agent's: while it is open the uprobe is there */
        rec_u32 pad0;
        char path[REC_EXEC_PATH];
};

/* ---- floods ---------------------------------------------------------------------------------------- */

enum count_kind {
        COUNT_GENERATE = 1,
        COUNT_DELIVER,
        COUNT_PTRACE, /* result: the errno of requests that failed */
        COUNT_WAIT,
        /* Refusals by the guard, would-be ones and memory accesses: code is the reason, sig the source,
         * result 1 for audit, handled 1 for memory. */
        COUNT_GUARD,
        COUNT_SUPPRESSED,
        COUNT_PLANT,   /* keyed as COUNT_PTRACE */
        COUNT_CONNECT, /* sig is enum rec_connect_what */
};

/*
 * One per distinct flood. The first BURST events of a key in each one-second window go out as records;
 * the counter holds only what did not, so records + counters is the exact total.
 */
struct count_key {
        rec_u64 start_ns; /* of the target process */
        rec_u32 pid;      /* target process; for COUNT_PTRACE the tracee's tid as the tracer numbers it */
        rec_u32 tracer;   /* pid of the target's tracer, 0: none; for COUNT_PTRACE the tracer's tid, for
                             COUNT_GUARD   the caller's */
        rec_s32 code;     /* si_code; for COUNT_PTRACE the request */
        rec_u8 sig;
        rec_u8 result;
        rec_u8 kind;    /* enum count_kind */
        rec_u8 handled; /* 0 default, 1 ignored, 2 handler */
};

struct count_value {
        rec_u64 count; /* since the programs were loaded; user space keeps the last value it read */
        rec_u64 first_ns;
        rec_u64 last_ns;
        rec_u64 window_ns; /* start of the current burst window ... */
        rec_u64 in_window; /* ... and records sent in it */
};

#define COUNT_BURST     32 /* records per key and window */
#define TEXT_BURST      8  /* of them, how many have the text around the trap sent along: it is dear */
#define COUNT_WINDOW_NS 1000000000ULL
#define COUNT_KEYS_MAX  16384 /* entries of the counters hash */
#define RING_BYTES      (4u << 20)

/* Bits of the per-process task storage (struct watch), also set from user space at the start-up scan. */
enum watch_bits {
        WATCH_TRACER = 1 << 0,         /* has, or had, tracees */
        WATCH_TRACEE = 1 << 1,         /* is, or was, traced */
        WATCH_PARENT = 1 << 2,         /* real parent of a tracee */
        WATCH_CHILD = 1 << 3,          /* forked by a traced process: may carry its breakpoints */
        WATCH_FOLLOW = 1 << 4,         /* `record`: this process and all it starts */
        WATCH_HANDLER = 1 << 5,        /* set a handler for SIGTRAP: tell when it goes, by hand or by exec */
        WATCH_IGNORES = 1 << 6,        /* has set SIGCHLD to be ignored, or */
        WATCH_IGNORED_BEFORE = 1 << 7, /* in an earlier program: an ignored signal stays so through exec */
        WATCH_PROBER = 1 << 8,         /* put a uprobe somewhere: tell of its end */
};

/* Those that do not make what else a process does be recorded. */
enum {
        WATCH_MARKS = WATCH_HANDLER | WATCH_IGNORES | WATCH_IGNORED_BEFORE | WATCH_PROBER
};

struct watch {
        rec_u32 bits;         /* enum watch_bits, on the thread group leader's storage */
        rec_u32 in_ptrace;    /* per thread: entered ptrace, not yet left (tier tracepoint) */
        rec_u32 trap_blocked; /* per thread: SIGTRAP was blocked when last looked (tier tracepoint) */
        rec_u32 forced;       /* per thread: SIG_F_FORCED_* noted for the next generate (tier full) */
        rec_s32 lsm_ret;      /* per thread: answer of the security hook in the attach under way ... */
        rec_u32 lsm_called;   /* ... and that it was asked */
        rec_u32 poked;        /* per thread: the tracee that it wrote to last, as it numbers it */
        /* On the leader's storage, of a process with many threads; all 0 for the others. */
        rec_u32 threads_before;  /* that it had when it was first looked at */
        rec_u32 threads_mark;    /* the next record is sent with so many */
        rec_u32 threads_ended;   /* since then */
        rec_u64 threads_told_ns; /* when the last record was sent */
        /* Per thread: who traced the target of the attach under way when it began. He may let go, and be gone,
         * before the refused call ends. */
        struct rec_task holder;
};

/* Calls of kernel functions, until the loader has put the function's number there. */
enum kfunc_placeholder {
        KFUNC_TASK_FROM_VPID = 0x7fff0001,
        KFUNC_TASK_RELEASE = 0x7fff0002,
};

#ifndef __bpf__
#include <assert.h>
static_assert(sizeof(struct rec_header) == 24, "records.h: header");
static_assert(sizeof(struct rec_task) == 40, "records.h: task");
static_assert(sizeof(struct rec_signal) == 24 + 3 * 40 + 80, "records.h: signal has no padding");
static_assert(sizeof(struct rec_guard) == 24 + 3 * 40 + 56, "records.h: guard has no padding");
static_assert(sizeof(struct rec_no_child) == 88 + 2 * 40 + 16, "records.h: no_child has no padding");
static_assert(sizeof(struct rec_suppressed) == 24 + 2 * 40 + 40, "records.h: suppressed has no padding");
static_assert(sizeof(struct rec_plant) == 24 + 40 + 24, "records.h: plant has no padding");
static_assert(sizeof(struct rec_connect) == 24 + 2 * 40 + 64, "records.h: connect has no padding");
static_assert(sizeof(struct rec_left) == 24 + 2 * 40 + 40, "records.h: left has no padding");
static_assert(sizeof(struct count_key) == 24, "records.h: a key must have no padding: it is hashed");
static_assert(sizeof(struct count_value) == 40, "records.h: counter");
static_assert(sizeof(struct rec_uprobe) == 24 + 40 + 24 + REC_EXEC_PATH, "records.h: uprobe");
static_assert(sizeof(struct rec_threads) == 24 + 40 + 32 + 8 * REC_STACK_WORDS, "records.h: threads");
static_assert(sizeof(struct watch) == 88, "records.h: watch");
static_assert(sizeof(HOLDER_COMM) <= REC_COMM_LEN, "records.h: a comm is not longer");
#endif

#endif
