/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <string.h>

#include "bpf/guard_maps.h"
#include "bpf/records.h"
#include "lib/base/cleanup.h"
#include "lib/diagnosis/access_facts.h"

#define CAP_SYS_PTRACE_BIT 19
/* A person reads code at a prompt for that long, easily. */
#define IDLE_WORTH_TELLING_NS (60 * NSEC_PER_SEC)

void access_know(struct access_facts *f, uint32_t bit, bool value)
{
        f->known |= bit;
        f->facts = value ? f->facts | bit : f->facts & ~bit;
}

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

void access_holder(struct access_facts *f, const struct session *s, uint64_t now_ns)
{
        f->holder_options_unknown = !s || (s->origin == ORIGIN_SCAN && !s->ptrace);
        if (!s)
                return;
        f->holder_options = s->options;
        f->holder_traps = s->n_traps;
        if (s->origin == ORIGIN_KERNEL && now_ns >= s->since_ns) {
                f->holder_since_wall_ns = s->since_wall_ns;
                f->holder_for_ns = now_ns - s->since_ns;
        }
        if (now_ns > s->last_active_ns + IDLE_WORTH_TELLING_NS)
                f->holder_idle_ns = now_ns - s->last_active_ns;
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
                .yama = e->yama,
                /* Host root is uid 0 as the kernel counts; a container's root is some other uid there. */
                .caller_host_root = e->caller_uid == 0 && (e->facts & ATT_F_CAP_PTRACE),
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
        /* A bit that is set is true. One that is not says something only if the target was looked at. */
        f->known = e->facts & ATT_F_TARGET_KNOWN ? ~(uint32_t)ATT_F_LSM_CALLED | e->facts : e->facts;
}
