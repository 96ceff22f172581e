/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_GUARD_H
#define PTRACED_GUARD_H

/*
 * The guard's maps: what user space tells the kernel (claims, rules, the rule `single`), and what the kernel
 * keeps itself (slots). All of them are pinned below GUARD_PIN_DIR while the guard is in force, so layouts
 * are a contract between versions of the daemon: GUARD_LAYOUT changes with them. Pins of an earlier layout are
 * carried over (guard_pins.h), those of a later one are not. Included by both sides. Bounds are named here; what happens at each is said beside it.
 */

#include "bpf/records.h"

#define GUARD_LAYOUT        2
#define GUARD_PIN_DIR       "/sys/fs/bpf/ptraced"
#define GUARD_CLAIMS_MAX    4096  /* more claims are refused when they are made */
#define GUARD_SLOTS_MAX     16384 /* attaches under way, at most; more are refused with EAGAIN */
#define GUARD_RULES_MAX     64    /* of the policy; a policy with more is not loaded */
#define GUARD_RULES_BANKS   2     /* a new policy is written beside the one in force, and switched to */
#define GUARD_TRACERS_MAX   4     /* executables, and users, that one rule admits */
#define GUARD_GLOB_MAX      128   /* bytes of a pattern, with its NUL */
#define GUARD_PATH_MAX      256 /* bytes of a path that patterns are matched with; a longer one matches none */
#define GUARD_PATH_DEPTH    24          /* components of it */
#define GUARD_TOKEN_MAX     64          /* bytes of a token, with its NUL */
#define GUARD_ANCESTORS_MAX 32          /* generations between a claim's owner and a descendant it admits */
#define GUARD_CHAIN_MAX     8           /* tracers of tracers that are followed to find a cycle */
#define GUARD_THREADS_MAX   4096        /* threads of a target that are looked at to find its tracer */
#define GUARD_TICK_NS       10000000ULL /* of a start time, as in /proc/PID/stat field 22 */
/*
 * An attach takes its slot before the kernel links tracer and tracee, and the program that gives it back can
 * be skipped by the kernel: then the slot ends by itself after this time. Longer than any attach takes.
 */
#define GUARD_PROVISIONAL_NS 5000000000ULL

/* A process, as /proc names it: the start time makes a reused pid another process. */
struct guard_process {
        rec_u32 pid;
        rec_u32 pad;   /* 0: keys are compared as bytes */
        rec_u64 start; /* clock ticks since boot */
};

enum guard_mode { /* of a claim or rule */
        GUARD_ENFORCE,
        GUARD_AUDIT, /* allow, and record what would have been refused */
        _GUARD_MODE_MAX,
};

enum guard_owner_kind {
        OWNER_NOBODY,  /* a token nobody has shown yet */
        OWNER_PROCESS, /* a process and its descendants, as long as their chain of parents leads there */
        OWNER_EXE,     /* whoever runs this file */
        OWNER_UID,     /* real uid */
        OWNER_CGROUP,  /* this cgroup and those below it */
        _GUARD_OWNER_MAX,
};

struct guard_owner {
        rec_u32 kind; /* enum guard_owner_kind */
        rec_u32 uid;
        struct guard_process process;
        rec_u64 inode;
        rec_u32 dev; /* kernel's encoding: major << 20 | minor */
        rec_u32 pad;
        rec_u64 cgroup; /* id of cgroup v2: the inode of its directory */
};

enum guard_claim_flags {
        /* Made by root or group ptraced. Any other claim holds only while the target runs under made_by_uid
         * alone: nobody keeps root out of a set-uid program. */
        CLAIM_F_PRIVILEGED = 1 << 0,
};

/* Value of `guard_claims`, keyed by the target's struct guard_process. */
struct guard_claim {
        rec_u64 id;     /* never used twice */
        rec_u64 end_ns; /* of the lease, CLOCK_BOOTTIME; 0: none. Compared in the kernel */
        rec_u64 made_ns;
        rec_u32 mode;  /* enum guard_mode */
        rec_u32 flags; /* enum guard_claim_flags */
        struct guard_owner owner;
        rec_u32 made_by_uid;
        rec_u32 made_by_pid;
        rec_u64 lease_ns; /* as asked for, 0: none; what the kernel does not look at, but a restart needs */
        char token[GUARD_TOKEN_MAX]; /* "": none */
};

/*
 * Value of `guard_slots`, keyed by the target's struct guard_process: the attach under way. Changed only by
 * compare-and-swap: time (boottime ns >> 20) << 22 | pid of the tracer process. Pid 0: it is being given
 * back, and the entry goes next. Who traces a process once it is linked is asked of the kernel's own
 * threads, which no missed hook can make wrong.
 */
struct guard_slot {
        rec_u64 taken;
};
#define GUARD_SLOT_PID_BITS 22 /* PID_MAX_LIMIT is 2^22 */
#define GUARD_SLOT_SHIFT    20

enum guard_say {    /* what a rule says about the processes it matches */
        SAY_OFF,    /* the rule `single` does not hold for them */
        SAY_SINGLE, /* any one tracer process, no second */
        SAY_OWNER,  /* only tracers the rule admits, or a claim's owner; one at a time */
        SAY_DENY,   /* no tracer */
        _GUARD_SAY_MAX,
};

enum guard_rule_flags { /* which members of a rule count */
        RULE_F_EXE = 1 << 0,
        RULE_F_COMM = 1 << 1,
        RULE_F_UID = 1 << 2,
        RULE_F_CGROUP = 1 << 3,
        RULE_F_MEMORY_DENY = 1 << 4, /* reading memory without ptrace is refused, too */
};

/*
 * Value of the array `guard_rules`, in the order of the policy; the first that matches counts. The array has
 * GUARD_RULES_BANKS * GUARD_RULES_MAX of them: those in force begin at guard_config.rules_at.
 */
struct guard_rule {
        rec_u32 flags; /* enum guard_rule_flags */
        rec_u32 say;   /* enum guard_say */
        rec_u32 mode;  /* enum guard_mode */
        rec_u32 uid;
        char exe[GUARD_GLOB_MAX];    /* pattern of the executable's path, as in its own mount namespace */
        char cgroup[GUARD_GLOB_MAX]; /* pattern of the cgroup v2 path, "/system.slice/x.service" */
        char comm[REC_COMM_LEN];     /* pattern */
        /* Of SAY_OWNER: who may trace beside a claim's owner, all alternatives; none of them: nobody. */
        rec_u32 n_tracer_exe, n_tracer_uid;
        rec_u32 tracer_uid[GUARD_TRACERS_MAX];
        char tracer_exe[GUARD_TRACERS_MAX][GUARD_GLOB_MAX];
};

enum guard_state { /* of the rule `single` for every process */
        GUARD_OFF,
        GUARD_ON,
        GUARD_ON_AUDIT,
        _GUARD_STATE_MAX,
};

/* The one value of the array `guard_config`. */
struct guard_config {
        rec_u32 state;      /* enum guard_state */
        rec_u32 generation; /* of the programs that speak; older ones still decide, until they are removed */
        rec_u32 n_rules;    /* of guard_rules that count; read together with the next, as one word */
        rec_u32 rules_at;   /* index of the first rule: 0 or GUARD_RULES_MAX */
        rec_u64 next_claim_id; /* user space's: survives with the claims */
};

/* Why an attach was refused, or would have been. Stored in events: only append. */
enum guard_reason {
        GUARD_ALLOWED,
        GUARD_HELD,      /* another process traces the target */
        GUARD_TAKING,    /* another process is attaching to it at this moment */
        GUARD_CLAIMED,   /* a claim admits somebody else */
        GUARD_DENIED,    /* the policy admits no tracer */
        GUARD_NOT_OWNER, /* the policy admits others */
        GUARD_CYCLE,     /* the target traces the caller, perhaps through others */
        GUARD_NO_SLOT,   /* no memory for the slot: EAGAIN */
        GUARD_MEMORY,    /* the policy forbids reading its memory */
        _GUARD_REASON_MAX,
};

/* On whose behalf: stored in events, only append. */
enum guard_source {
        SOURCE_NONE,
        SOURCE_CLAIM,
        SOURCE_RULE,   /* of the policy */
        SOURCE_SINGLE, /* guard on */
        SOURCE_HOLD, /* no programs of the guard: a hold helper has the place, for the claim if there is one
                      */
        _GUARD_SOURCE_MAX,
};

#ifndef __bpf__
static_assert(sizeof(struct guard_process) == 16, "guard_maps.h: a key must have no padding");
static_assert(sizeof(struct guard_owner) == 48, "guard_maps.h: owner has no padding");
static_assert(sizeof(struct guard_claim) == 160, "guard_maps.h: claim has no padding");
#endif

#endif
