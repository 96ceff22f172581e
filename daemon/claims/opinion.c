/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/opinion.h"

#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/proc/procfs.h"
#include "daemon/claims/owner.h"

#define PATH_TEXT_MAX 4096

static void exe_path(uint32_t pid, char *buf, size_t size)
{
        char path[64];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%u/exe", pid);
        n = readlink(path, buf, size - 1);
        buf[n < 0 ? 0 : n] = '\0';
}

struct subject_text {
        char exe[PATH_TEXT_MAX], cgroup[PATH_TEXT_MAX];
        struct task_ref task;
};

static struct policy_subject subject_of(uint32_t pid, struct subject_text *text)
{
        struct policy_subject s = {};
        struct proc_status st;

        exe_path(pid, text->exe, sizeof(text->exe));
        owner_cgroup_path(pid, text->cgroup, sizeof(text->cgroup));
        if (procfs_status(pid, 0, &st) == 0) {
                text->task = st.task;
                s.comm = text->task.comm;
                s.uid = st.ruid;
        }
        s.exe = *text->exe ? text->exe : NULL;
        s.cgroup = *text->cgroup ? text->cgroup : NULL;
        return s;
}

static void add_rule(const struct arbiter *a, const struct task_ref *tracer, const struct task_ref *target,
                     struct arbiter_opinion *o)
{
        struct subject_text *texts = calloc(2, sizeof(*texts));
        const struct rulebook *rules = arbiter_rules(a);
        struct policy_subject who, whom;
        const struct guard_rule *rule;
        const struct policy *policy;
        const char *error;
        uint64_t since;

        policy = rulebook_policy(rules, &since, &error);
        if (texts && policy && rulebook_enforces(rules)) {
                who = subject_of(tracer->pid, &texts[0]);
                whom = subject_of(target->pid, &texts[1]);
                o->rule = policy_match(policy, &whom);
                rule = o->rule ? &policy->rules[o->rule - 1].rule : NULL;
                if (rule) {
                        o->facts.has_rule = true;
                        o->facts.rule_say = rule->say;
                        o->facts.rule_mode = rule->mode;
                        o->facts.rule_memory_deny = !!(rule->flags & RULE_F_MEMORY_DENY);
                        o->facts.rule_admits = policy_admits(rule, &who);
                }
        }
        free(texts);
}

/* Its own memory, or its child: LeakSanitizer, a crash handler. */
static bool helps_target(const struct task_ref *tracer, const struct task_ref *target)
{
        struct proc_stat st;

        return (procfs_stat(tracer->pid, 0, &st) == 0 && st.ppid == target->pid) ||
               syscall(SYS_kcmp, tracer->pid, target->pid, KCMP_VM, 0, 0) == 0;
}

/* Does the target trace the tracer, perhaps through others? */
static bool is_cycle(const struct tracers *tracers, const struct task_ref *tracer,
                     const struct task_ref *target)
{
        struct task_ref t = *tracer;

        for (int i = 0; i < GUARD_CHAIN_MAX; i++) {
                t = tracers_look(tracers, &t, NULL).task;
                if (!t.pid)
                        return false;
                if (t.pid == target->pid)
                        return true;
        }
        return false;
}

static uint32_t holder_fact(const struct tracers *tracers, const struct task_ref *tracer,
                            const struct task_ref *target)
{
        const struct guard_owner self = {.kind = OWNER_PROCESS, .process = owner_key(tracer)};
        struct task_ref t = tracers_look(tracers, target, NULL).task;
        struct tracer_seen other;

        if (!t.pid)
                return FACT_FREE;
        if (t.pid != tracer->pid)
                return FACT_HELD_BY_OTHER;
        other = tracers_look(tracers, target, &self);
        return other.task.pid && !other.admitted && other.task.pid != tracer->pid ? FACT_HELD_BY_OTHER
                                                                                  : FACT_HELD_BY_CALLER;
}

static bool stands(const struct claim *c)
{
        uint64_t now = clock_boot_ns();

        return (!c->end_ns || c->end_ns > now) && owner_claim_holds(c);
}

void opinion_of(const struct arbiter *a, const struct task_ref *tracer, const struct task_ref *target,
                struct arbiter_opinion *ret)
{
        const struct claim *c = claim_of(arbiter_book(a), target->pid);
        struct guard_facts *f = &ret->facts;

        *ret = (struct arbiter_opinion){};
        if (c && task_same_process(&c->request.target, target) && stands(c)) {
                ret->claim = c;
                f->claim_mode = c->request.mode;
                f->claim = owner_admits(&c->request.owner, tracer) ? FACT_CLAIM_OURS : FACT_CLAIM_OTHERS;
        }
        f->own_helper = helps_target(tracer, target);
        f->state = rulebook_state(arbiter_rules(a));
        add_rule(a, tracer, target, ret);
        if (guard_single_source(f) != SOURCE_NONE) {
                f->cycle = is_cycle(arbiter_tracers(a), tracer, target);
                f->holder = holder_fact(arbiter_tracers(a), tracer, target);
        }
        guard_decide(f, &ret->verdict);
}

/* ---- afterwards -------------------------------------------------------------------------------------- */

static void name_hold(const struct arbiter *a, const struct hold *hold, struct event *e)
{
        const struct claim *c;
        struct hold_view held;

        if (!hold || hold_get(hold, e->target.pid, &held) < 0 || held.helper.pid != e->tracer.pid)
                return;
        c = claim_of(arbiter_book(a), e->target.pid);
        e->guard_reason = c ? GUARD_CLAIMED : GUARD_HELD;
        e->guard_source = SOURCE_HOLD;
        if (!c)
                return;
        e->claim = c->id;
        snprintf(e->owner, sizeof(e->owner), "%s", c->request.owner_text);
}

void refusal_name(const struct arbiter *a, const struct hold *hold, const struct rec_guard *record,
                  struct event *e)
{
        const struct claim *c;

        if (!record) {
                name_hold(a, hold, e);
                return;
        }
        snprintf(e->note, sizeof(e->note), "%s", rulebook_name(arbiter_rules(a), record->rule));
        c = record->claim ? claim_by_id(arbiter_book(a), record->claim) : NULL;
        snprintf(e->owner, sizeof(e->owner), "%s", c ? c->request.owner_text : "");
}
