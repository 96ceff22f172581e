/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_DECIDE_H
#define PTRACED_DECIDE_H

/*
 * The guard's decision: facts in, verdict out. Compiled into the programs of both mechanisms (BPF LSM and
 * fmod_ret), into the daemon, which answers `why` before an attach is tried, and into the unit tests. It
 * looks nothing up and calls nothing.
 */

#include "bpf/guard_maps.h"

#ifdef __bpf__
#include "bpf/kernel_types.h"
#define DECIDE_INLINE static __always_inline
#else
#include <errno.h>
#define DECIDE_INLINE static inline
#endif

enum guard_claim_fact {
        FACT_NO_CLAIM, /* or its lease is over, or it does not hold (CLAIM_F_PRIVILEGED) */
        FACT_CLAIM_OURS,
        FACT_CLAIM_OTHERS,
};

enum guard_holder_fact {
        FACT_FREE,
        FACT_HELD_BY_CALLER, /* the tracer's own process traces a thread of the target, and nobody else does
                              */
        FACT_HELD_BY_OTHER,
};

enum guard_slot_fact {
        FACT_SLOT_OURS, /* taken for this attach, or not asked for */
        FACT_SLOT_OTHERS,
        FACT_SLOT_NO_MEMORY,
};

struct guard_facts {
        rec_u32 memory;     /* not an attach: /proc/PID/mem, process_vm_readv, pidfd_getfd, ... */
        rec_u32 own_helper; /* shares the target's memory, or is its child: LeakSanitizer, a crash handler */
        rec_u32 claim;      /* enum guard_claim_fact */
        rec_u32 claim_mode; /* enum guard_mode */
        rec_u32 has_rule;   /* a rule of the policy matches the target */
        rec_u32 rule_say;   /* enum guard_say */
        rec_u32 rule_mode;  /* enum guard_mode */
        rec_u32 rule_admits; /* the rule names the tracer */
        rec_u32 rule_memory_deny;
        rec_u32 state;  /* enum guard_state */
        rec_u32 cycle;  /* the target traces the tracer */
        rec_u32 holder; /* enum guard_holder_fact */
        rec_u32 slot;   /* enum guard_slot_fact */
};

struct guard_verdict {
        rec_s32 error;  /* positive errno, 0: allowed */
        rec_u32 reason; /* enum guard_reason; also when audit only */
        rec_u32 source; /* enum guard_source */
        rec_u32 audit;  /* would have been refused */
};

/* Is one tracer process at a time wanted here, and by whom: then the slot is taken before the decision. */
DECIDE_INLINE rec_u32 guard_single_source(const struct guard_facts *f)
{
        if (f->claim != FACT_NO_CLAIM)
                return SOURCE_CLAIM;
        if (f->has_rule)
                return f->rule_say == SAY_OFF ? SOURCE_NONE : SOURCE_RULE;
        return f->state != GUARD_OFF ? SOURCE_SINGLE : SOURCE_NONE;
}

DECIDE_INLINE void guard_refuse(struct guard_verdict *v, rec_u32 reason, rec_u32 source, rec_u32 mode)
{
        v->reason = reason;
        v->source = source;
        v->audit = mode == GUARD_AUDIT;
        v->error = v->audit ? 0 : reason == GUARD_NO_SLOT ? EAGAIN : EBUSY;
}

DECIDE_INLINE rec_u32 guard_mode_of(const struct guard_facts *f, rec_u32 source)
{
        if (source == SOURCE_CLAIM)
                return f->claim_mode;
        if (source == SOURCE_RULE)
                return f->rule_mode;
        return f->state == GUARD_ON_AUDIT ? GUARD_AUDIT : GUARD_ENFORCE;
}

/* The order is from what no tracer can change to what a moment's waiting does. An audited refusal does not
 * hide an enforced one after it. */
DECIDE_INLINE void guard_decide(const struct guard_facts *f, struct guard_verdict *v)
{
        rec_u32 source = guard_single_source(f), mode = guard_mode_of(f, source);

        v->error = 0;
        v->reason = GUARD_ALLOWED;
        v->source = SOURCE_NONE;
        v->audit = 0;

        if (f->memory) {
                if (f->has_rule && f->rule_memory_deny && !f->own_helper)
                        guard_refuse(v, GUARD_MEMORY, SOURCE_RULE, f->rule_mode);
                return;
        }
        if (f->own_helper)
                return;
        if (f->has_rule && f->rule_say == SAY_DENY)
                guard_refuse(v, GUARD_DENIED, SOURCE_RULE, f->rule_mode);
        if (!v->error && f->claim == FACT_CLAIM_OTHERS)
                guard_refuse(v, GUARD_CLAIMED, SOURCE_CLAIM, f->claim_mode);
        if (!v->error && f->has_rule && f->rule_say == SAY_OWNER && !f->rule_admits &&
            f->claim != FACT_CLAIM_OURS)
                guard_refuse(v, GUARD_NOT_OWNER, SOURCE_RULE, f->rule_mode);
        if (v->error || source == SOURCE_NONE)
                return;
        if (f->cycle)
                guard_refuse(v, GUARD_CYCLE, source, mode);
        else if (f->holder == FACT_HELD_BY_OTHER)
                guard_refuse(v, GUARD_HELD, source, mode);
        else if (f->slot == FACT_SLOT_OTHERS)
                guard_refuse(v, GUARD_TAKING, source, mode);
        else if (f->slot == FACT_SLOT_NO_MEMORY)
                guard_refuse(v, GUARD_NO_SLOT, source, mode);
}

#endif
