/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What is known of an attach: who, whom, who is in the way, and what the guard says. No decision yet. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/event/event.h"
#include "lib/model/model_views.h"

#define ACCESS_TEXT_MAX 512 /* of a sentence about it */

enum access_answer {
        ANSWER_UNKNOWN,
        ANSWER_NO,
        ANSWER_YES
};

/* A seccomp filter on the caller. Only who runs under it can ask it. */
struct access_filter {
        enum access_answer passes; /* what a ptrace call of the caller itself met */
        int32_t error;             /* positive errno it answered; 0 where it did not pass: it sent SIGSYS */
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
        uint32_t vpid, ns_level; /* ns_level: of the caller's pid namespace */
        uint32_t worker; /* tid of a thread that lives, where the main thread has ended; 0: not known */
        int32_t yama;    /* kernel.yama.ptrace_scope, -1: no Yama */
        enum access_answer yama_exempt; /* caller is an ancestor of the target, or its PR_SET_PTRACER */
        /* CAP_SYS_PTRACE over the user namespaces of the target's credentials and of its memory. They differ
         * in a program that entered a namespace and has not exec'd since. Not known: the bits tell. */
        enum access_answer cap_over_target, cap_over_memory;
        bool caller_host_root; /* the caller's capabilities hold in every user namespace */
        bool target_gone;      /* there is no such process */
        struct access_filter filter;
        char modules[EVENT_MODULES_MAX]; /* as in struct event; MODULES_UNKNOWN: not known */

        /* About the holder, as far as known. */
        uint64_t holder_since_wall_ns; /* 0: since before recording began */
        uint64_t holder_for_ns;
        uint64_t holder_idle_ns; /* 0: active, or not known */
        uint64_t holder_options; /* PTRACE_O_* */
        uint64_t holder_traps;
        bool holder_options_unknown; /* it attached before recording began */
        bool holder_unaware;         /* access_holder_is_unaware() */
        bool holder_uid_known;
        uint32_t holder_uid; /* its effective uid */

        struct access_guard guard;
};

/* State one fact. */
static inline void access_know(struct access_facts *f, uint32_t bit, bool value)
{
        f->known |= bit;
        f->facts = value ? f->facts | bit : f->facts & ~bit;
}

/* A bit that is known to be set, or not to be. */
static inline bool access_is(const struct access_facts *f, uint32_t bit)
{
        return f->known & f->facts & bit;
}

static inline bool access_is_not(const struct access_facts *f, uint32_t bit)
{
        return f->known & ~f->facts & bit;
}

/* Ids as /proc/PID/status tells them. */
struct access_ids {
        uint32_t ruid, euid, suid, rgid, egid, sgid;
        uint64_t cap_permitted, cap_effective;
};

/* The capabilities over both namespaces: access_facts.cap_over_*. */
enum access_answer access_over_target(const struct access_facts *f);
enum access_answer access_over_memory(const struct access_facts *f);
/* Fill in what a comparison of both tells: ATT_F_UID_MATCH, CAP_PTRACE, CAPS_SUBSET, and both uids. */
void access_compare(struct access_facts *f, const struct access_ids *caller,
                    const struct access_ids *target);
/* The tracer does not know that it is one, and is no debugger about to call ptrace. now_ns: CLOCK_BOOTTIME. */
bool access_holder_is_unaware(const struct session *s, uint64_t now_ns);
/* What the session says of the tracer in the way; NULL: it is not known. */
void access_holder(struct access_facts *f, const struct session *s, uint64_t now_ns);
/* The facts of a ptrace.refused event (not about the holder beyond who it is). */
void access_from_event(struct access_facts *f, const struct event *e);
