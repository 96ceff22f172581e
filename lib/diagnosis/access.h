/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * May this caller attach to that target, and if not, why not. One decision for both questions: `why` asks
 * before an attach was tried (error is 0), the rules ask after one was refused (error is its errno).
 *
 * The order is the kernel's (ptrace_attach() and __ptrace_may_access()), except that a target that is
 * traced is reported as traced even where the kernel stopped earlier: both facts are then told. Claims and
 * policy come after what no claim can change. A security module is named only when everything before it
 * passed. A refusal that is recorded as the guard's own is the guard's, whatever else is true. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/event/event.h"
#include "lib/model/model.h"

enum access_cause {
        ACCESS_NONE, /* allowed, or refused for a reason that could not be told */
        ACCESS_GONE,
        ACCESS_PID_NAMESPACE,
        ACCESS_SECCOMP,
        ACCESS_KERNEL_THREAD,
        ACCESS_OWN_THREAD_GROUP,
        ACCESS_ZOMBIE,
        ACCESS_TRACED,
        ACCESS_USER_NAMESPACE,
        ACCESS_UID,
        ACCESS_NOT_DUMPABLE,
        ACCESS_CAPABILITY,
        ACCESS_CLAIMED, /* a claim, also one that is kept by hold */
        ACCESS_POLICY,  /* a rule of the policy */
        ACCESS_HELD,    /* ptraced itself traces it, on nobody's behalf */
        ACCESS_CYCLE,   /* the target traces the caller */
        ACCESS_BUSY,    /* somebody is attaching at this moment, or there was no memory: try again */
        ACCESS_YAMA,
        ACCESS_LSM,
        _ACCESS_MAX,
};

/* "traced", "uid", ...; "" for ACCESS_NONE. */
const char *access_cause_to_string(enum access_cause c);

enum access_answer {
        ANSWER_UNKNOWN,
        ANSWER_NO,
        ANSWER_YES
};

/* What ptraced's own guard says of the attach: asked before one, told by the event after. */
struct access_guard {
        uint32_t reason; /* enum guard_reason; GUARD_ALLOWED: it has nothing against it */
        uint32_t source; /* enum guard_source */
        bool audit;      /* it only looks on */
        bool by_hold;   /* the holder is a hold helper of ptraced: no debugger, and EPERM instead of EBUSY */
        bool by_kernel; /* the guard's programs refuse: before the kernel looks for a tracer */
        bool admits;    /* the claim admits the caller: ptraced lets go for it */
        bool caught;    /* held at a breakpoint nobody owns */
        uint64_t claim; /* its id, 0: none */
        uint64_t lease_left_ns;              /* 0: none, or not known */
        char owner[EVENT_OWNER_MAX];         /* of the claim */
        char rule[EVENT_NOTE_MAX];           /* name of the rule, "": none */
        char rule_place[2 * EVENT_NOTE_MAX]; /* "FILE:LINE", "": not known */
};

struct access_facts {
        struct task_ref caller; /* the one who attaches, or would */
        struct task_ref target; /* pid 0: only vpid is known */
        struct task_ref holder; /* who traces the target; pid 0: nobody */
        int32_t request;        /* PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_TRACEME */
        int32_t error;          /* positive errno of the attempt; 0: none was made */
        int32_t lsm_error;      /* positive errno the security modules gave; 0: allowed, or not asked */
        uint32_t facts, known;  /* ATT_F_* of bpf/records.h; a bit counts only if it is in known */
        uint32_t caller_uid, target_uid;
        uint32_t vpid, ns_level;
        int32_t yama;                   /* kernel.yama.ptrace_scope, -1: no Yama */
        enum access_answer yama_exempt; /* caller is an ancestor of the target, or its PR_SET_PTRACER */
        bool caller_host_root;          /* the caller's capabilities hold in every user namespace */
        bool caller_has_filter;         /* seccomp mode 2: may refuse, nobody can ask it */
        bool target_gone;               /* there is no such process */

        /* About the holder, as far as known. */
        uint64_t holder_since_wall_ns; /* 0: since before recording began */
        uint64_t holder_for_ns;
        uint64_t holder_idle_ns; /* 0: active, or not known */
        uint64_t holder_options; /* PTRACE_O_* */
        uint64_t holder_traps;
        bool holder_options_unknown; /* it attached before recording began */

        struct access_guard guard;
};

/* Ids as /proc/PID/status tells them. */
struct access_ids {
        uint32_t ruid, euid, suid, rgid, egid, sgid;
        uint64_t cap_permitted, cap_effective;
};
/* Fill in what a comparison of both tells: ATT_F_UID_MATCH, CAP_PTRACE, CAPS_SUBSET, and both uids. */
void access_compare(struct access_facts *f, const struct access_ids *caller,
                    const struct access_ids *target);
/* State one fact. */
void access_know(struct access_facts *f, uint32_t bit, bool value);
/* What the session says of the tracer in the way; NULL: it is not known. now_ns: CLOCK_BOOTTIME. */
void access_holder(struct access_facts *f, const struct session *s, uint64_t now_ns);
/* The facts of a ptrace.refused event (not about the holder beyond who it is). */
void access_from_event(struct access_facts *f, const struct event *e);

#define ACCESS_TEXT_MAX     512
#define ACCESS_SENTENCE_MAX 256
#define ACCESS_SENTENCES    12

struct access_verdict {
        bool allowed;
        int32_t error; /* positive errno it gives; 0: allowed */
        enum access_cause cause;
        char summary[ACCESS_TEXT_MAX];                     /* one sentence */
        char remedy[ACCESS_TEXT_MAX];                      /* the smallest fix, "" if allowed */
        char risk[ACCESS_TEXT_MAX];                        /* of that fix, "" for none */
        char facts[ACCESS_SENTENCES][ACCESS_SENTENCE_MAX]; /* everything that refuses or matters */
        size_t n_facts;
};
void access_decide(const struct access_facts *f, struct access_verdict *ret);

/*
 * Do the kernel's rules of user namespaces, ids, dumpable and capabilities let the caller trace the target,
 * whoever traces it now and whatever the guard says? ACCESS_NONE if so, else which rule refuses, and why[]
 * has the words for it; ACCESS_GONE: not all of it could be seen. Yama counts from ptrace_scope 2 on: 1 asks
 * who descends from whom, and whoever has ptraced act for it descends from nobody.
 */
enum access_cause access_rights(const struct access_facts *f, char why[ACCESS_TEXT_MAX]);
