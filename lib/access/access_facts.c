/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <string.h>

#include "bpf/guard_maps.h"
#include "bpf/records.h"
#include "lib/base/cleanup.h"
#include "lib/access/access_facts.h"
#include "lib/event/tools.h"

#define CAP_SYS_PTRACE_BIT 19
/* What only who looks in the call itself can tell to be false: /proc is read afterwards, and events of
 * earlier versions do not have them. */
#define AT_CALL_ONLY                                                                           \
        (ATT_F_CALLER_USERNS | ATT_F_CALLER_FILTER | ATT_F_CAP_TARGET_NS | ATT_F_CAP_CRED_NS | \
         ATT_F_AT_CALL | ATT_F_TARGET_EXITING | ATT_F_LEADER_ZOMBIE)
/* A person reads code at a prompt for that long, easily. */
#define IDLE_WORTH_TELLING_NS (60 * NSEC_PER_SEC)
#define UNAWARE_AFTER_NS      (500 * NSEC_PER_MSEC) /* who has just started a program has not called ptrace yet */

/* ---- capabilities over a user namespace -------------------------------------------------------------- */

enum access_answer access_over_target(const struct access_facts *f)
{
        if (f->cap_over_target != ANSWER_UNKNOWN)
                return f->cap_over_target;
        if (access_is(f, ATT_F_AT_CALL))
                return access_is(f, ATT_F_CAP_CRED_NS) ? ANSWER_YES : ANSWER_NO;
        /* Memory is of the same namespace, or of one above it. */
        if (f->caller_host_root || access_is(f, ATT_F_CAP_CRED_NS | ATT_F_CAP_TARGET_NS))
                return ANSWER_YES;
        if (access_is(f, ATT_F_SAME_USERNS) && f->known & ATT_F_CAP_PTRACE)
                return access_is(f, ATT_F_CAP_PTRACE) ? ANSWER_YES : ANSWER_NO;
        /* Whoever made the namespace has every capability in it. Of an attempt that was refused it is known
         * that it was not they, unless it was refused for something else, which is then told first. */
        if (access_is_not(f, ATT_F_CAP_TARGET_NS) || (f->error && access_is_not(f, ATT_F_SAME_USERNS)))
                return ANSWER_NO;
        return ANSWER_UNKNOWN;
}

enum access_answer access_over_memory(const struct access_facts *f)
{
        if (f->cap_over_memory != ANSWER_UNKNOWN)
                return f->cap_over_memory;
        if (f->caller_host_root && !access_is(f, ATT_F_AT_CALL))
                return ANSWER_YES;
        if (f->known & ATT_F_CAP_TARGET_NS)
                return access_is(f, ATT_F_CAP_TARGET_NS) ? ANSWER_YES : ANSWER_NO;
        /* Nobody who lacks it below has it above. The other way round it only is so as a rule. */
        if (f->cap_over_target == ANSWER_YES)
                return ANSWER_UNKNOWN;
        return access_over_target(f);
}

/* ---- from what was seen ------------------------------------------------------------------------------ */

void access_compare(struct access_facts *f, const struct access_ids *caller, const struct access_ids *target)
{
        /* ptrace() asks with PTRACE_MODE_REALCREDS: the caller's real ids, its permitted capabilities. */
        bool uid =
                caller->ruid == target->ruid && caller->ruid == target->euid && caller->ruid == target->suid;
        bool gid =
                caller->rgid == target->rgid && caller->rgid == target->egid && caller->rgid == target->sgid;

        access_know(f, ATT_F_UID_MATCH, uid && gid);
        access_know(f, ATT_F_CAP_PTRACE, caller->cap_effective >> CAP_SYS_PTRACE_BIT & 1);
        access_know(f, ATT_F_CAPS_SUBSET, !(target->cap_permitted & ~caller->cap_permitted));
        f->caller_uid = caller->ruid;
        f->target_uid = target->ruid;
}

bool access_holder_is_unaware(const struct session *s, uint64_t now_ns)
{
        return session_is_unaware(s) && !tool_of(&s->tracer) && now_ns >= s->since_ns + UNAWARE_AFTER_NS;
}

void access_holder(struct access_facts *f, const struct session *s, uint64_t now_ns)
{
        f->holder_options_unknown = !s || (s->origin == ORIGIN_SCAN && !s->ptrace);
        if (!s)
                return;
        f->holder_options = s->options;
        f->holder_traps = s->n_traps;
        f->holder_unaware = access_holder_is_unaware(s, now_ns);
        if (s->origin == ORIGIN_KERNEL && now_ns >= s->since_ns) {
                f->holder_since_wall_ns = s->since_wall_ns;
                f->holder_for_ns = now_ns - s->since_ns;
        }
        if (session_idle_ns(s, now_ns) > IDLE_WORTH_TELLING_NS)
                f->holder_idle_ns = session_idle_ns(s, now_ns);
}

void access_from_event(struct access_facts *f, const struct event *e)
{
        *f = (struct access_facts){
                .caller = e->actor,
                .target = e->target,
                .holder = e->tracer,
                .request = e->request,
                .error = e->error,
                .lsm_error = e->lsm_error,
                .facts = e->facts,
                .caller_uid = e->caller_uid,
                .target_uid = e->target_uid,
                .vpid = e->vpid,
                .ns_level = e->ns_level,
                .worker = e->worker,
                .yama = e->yama,
                /* Host root is uid 0 as the kernel counts; a container's root is some other uid there. */
                .caller_host_root = e->caller_uid == 0 && (e->facts & ATT_F_CAP_PTRACE) &&
                                    !(e->facts & ATT_F_CALLER_USERNS),
                .guard = {.reason = (uint32_t)e->guard_reason,
                          .source = (uint32_t)e->guard_source,
                          .audit = e->type == EV_CLAIM_AUDIT,
                          .claim = e->claim},
        };
        if (e->guard_reason != GUARD_ALLOWED) {
                f->guard.by_hold = event_refused_by_hold(e);
                memcpy(f->guard.owner, e->owner, sizeof(f->guard.owner));
                memcpy(f->guard.rule, e->note, sizeof(f->guard.rule));
        }
        memcpy(f->modules, e->modules, sizeof(f->modules));
        /* A bit that is set is true. One that is not says something only if the target was looked at. */
        f->known = e->facts;
        if (e->facts & ATT_F_TARGET_KNOWN)
                f->known |= ~(uint32_t)(ATT_F_LSM_CALLED | AT_CALL_ONLY);
        if (e->facts & ATT_F_AT_CALL)
                f->known |= AT_CALL_ONLY;
}
