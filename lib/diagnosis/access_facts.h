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
