/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/diagnosis/rules.h"

#define T(type)  EVENT_BIT(EV_##type)
#define LINKS    (T(PTRACE_ATTACH) | T(PTRACE_SEIZE) | T(PTRACE_TRACEME) | T(PTRACE_AUTOATTACH))
#define GENERATE (T(SIGNAL_GENERATE) | T(COUNTER))

static const struct rule rules[] = {
        {FIND_ATTACH_REFUSED_TRACED, SEVERITY_ERROR, T(PTRACE_REFUSED) | T(COUNTER),
         rule_attach_refused_traced, "a second debugger was refused: the thread already has a tracer"},
        {FIND_ATTACH_REFUSED_PERMISSION, SEVERITY_ERROR, T(PTRACE_REFUSED), rule_attach_refused_permission,
         "an attach was refused by ids, capabilities, dumpability, a namespace, seccomp or a security "
         "module"},
        {FIND_ATTACH_REFUSED_TARGET, SEVERITY_WARNING, T(PTRACE_REFUSED), rule_attach_refused_target,
         "an attach was refused because nobody can attach to that target"},
        {FIND_SPLIT_TRACERS, SEVERITY_ERROR, LINKS | T(TASK_STATE), rule_split_tracers,
         "different tracers hold different threads of one process"},
        {FIND_TRACER_CYCLE, SEVERITY_ERROR, LINKS, rule_tracer_cycle, "tracers trace each other"},
        {FIND_UNTRACED_THREADS, SEVERITY_WARNING, T(SIGNAL_GENERATE), rule_untraced_threads,
         "a process is debugged with breakpoints, but not all of its threads are traced"},
        {FIND_ORPHAN_BREAKPOINT, SEVERITY_ERROR, GENERATE | T(SIGNAL_DELIVER), rule_orphan_breakpoint,
         "a breakpoint instruction ran in a thread that nobody traces"},
        {FIND_TRAP_WITHOUT_TRACER, SEVERITY_ERROR, GENERATE, rule_trap_without_tracer,
         "somebody sent SIGTRAP to a process that nobody traces"},
        {FIND_TRAP_TO_HANDLER, SEVERITY_WARNING, T(SIGNAL_DELIVER) | T(COUNTER) | T(TASK_EXIT),
         rule_trap_to_handler, "a SIGTRAP ran a handler in the process instead of stopping in a debugger"},
        {FIND_TRAP_FORCED, SEVERITY_WARNING, T(SIGNAL_GENERATE), rule_trap_forced,
         "a SIGTRAP was forced through: the program's own handler, block or ignore is gone"},
        {FIND_BREAKPOINT_COLLIDED, SEVERITY_WARNING, GENERATE, rule_breakpoint_collided,
         "a breakpoint was hit while a SIGTRAP was pending: the debugger cannot tell it from a stray "
         "signal"},
        {FIND_TRAP_LEAKED, SEVERITY_ERROR, T(SIGNAL_DELIVER), rule_trap_leaked,
         "a tracer passed a breakpoint's SIGTRAP on to the program"},
        {FIND_ATTACH_STORM, SEVERITY_WARNING, T(PTRACE_REFUSED) | T(COUNTER), rule_attach_storm,
         "a debugger repeats a refused attach without end"},
        {FIND_LEFT_STOPPED, SEVERITY_ERROR,
         T(SIGNAL_GENERATE) | T(SIGNAL_DELIVER) | T(PTRACE_DETACH) | T(TRACER_EXIT) | T(TASK_STATE),
         rule_left_stopped, "a process is stopped by a SIGSTOP that a departed tracer left behind"},
        {FIND_TRACER_HUNG, SEVERITY_WARNING, T(TASK_STATE), rule_tracer_hung,
         "a tracer is itself stopped while its tracee waits for it"},
        {FIND_ATTACH_REFUSED_CLAIMED, SEVERITY_WARNING, T(PTRACE_REFUSED) | T(COUNTER),
         rule_attach_refused_claimed, "an attach was refused by a claim, the policy or a hold of ptraced's"},
};
static_assert(ELEMENTSOF(rules) == _FIND_MAX - 1, "one rule per finding, in the order of the codes or not");

const struct rule *rule_of(enum finding_code code)
{
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                if (rules[i].code == code)
                        return &rules[i];
        return NULL;
}

void rules_run(struct model *m, const struct event *e)
{
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                if (rules[i].types & EVENT_BIT(e->type))
                        rules[i].check(m, &rules[i], e);
}

/* ---- beginnings of a finding ------------------------------------------------------------------------ */

void finding_begin(const struct model *m, struct finding *f, const struct rule *r, const struct event *e)
{
        *f = (struct finding){
                .code = r->code,
                .severity = r->severity,
                .target = e->target,
                .first_ns = e->time_ns,
                .last_ns = e->time_ns,
                .first_wall_ns = e->wall_ns,
                .last_wall_ns = e->wall_ns,
                .count = 1,
        };
        process_name(m, &f->target);
        if (e->seq) {
                f->evidence[0] = e->seq;
                f->n_evidence = 1;
        }
}

void finding_from_hold(const struct model *m, struct finding *f, enum finding_code code,
                       const struct hold *h)
{
        const struct event e = {
                .seq = h->seq,
                .time_ns = h->time_ns,
                .wall_ns = h->wall_ns,
                .target = h->target,
        };

        finding_begin(m, f, rule_of(code), &e);
        f->count = h->count;
}

/* ---- held findings ---------------------------------------------------------------------------------- */

static void hold_finish(struct model *m, size_t i, const struct event *scan)
{
        struct hold h = m->holds[i];

        memmove(&m->holds[i], &m->holds[i + 1], (m->n_holds - i - 1) * sizeof(*m->holds));
        m->n_holds--;
        h.finish(m, &h, scan);
}

static bool same_thread(const struct task_ref *a, const struct task_ref *b)
{
        return task_same_process(a, b) && (a->tid == b->tid || !a->tid || !b->tid);
}

/*
 * A tracer lets go of its threads one after the other, by calls or when it ends. What one of them runs into
 * meanwhile is what the tracer leaves behind, although it still has the others.
 */
static void note_leaving(const struct model *m, const struct event *e, struct hold *h)
{
        const struct thread *t = thread_of(m, &e->target);

        if (!t || e->tracer.pid)
                return;
        /* The call has had its effect, its record is still to come. */
        if (t->slot) {
                h->history.ended.tracer = t->slot->s.tracer;
                h->history.ended.until_ns = e->time_ns;
                h->history.ended.until_wall_ns = e->wall_ns;
                h->history.ended.cause = DETACHED_BY_CALL;
                h->history.ended.status_known = false;
        }
        if (h->sibling_tracer == (t->slot ? t->slot->s.tracer.pid : t->left_by))
                h->sibling_tracer = 0;
}

void hold_begin(struct model *m, const struct event *e, hold_fn finish, bool wants_handler)
{
        const struct process *p = process_of(m, &e->target);
        struct hold *h;

        for (size_t i = 0; i < m->n_holds; i++) {
                h = &m->holds[i];
                if (h->finish == finish && h->ip == e->ip && same_thread(&h->target, &e->target)) {
                        h->count++;
                        return;
                }
        }
        if (m->n_holds == MODEL_HOLDS_MAX)
                hold_finish(m, 0, NULL);
        h = &m->holds[m->n_holds++];
        *h = (struct hold){
                .finish = finish,
                .wants_handler = wants_handler,
                .deadline_ns = m->now_ns + TEXT_SCAN_WAIT_NS,
                .count = 1,
                .target = e->target,
                .parent = e->parent,
                .seq = e->seq,
                .time_ns = e->time_ns,
                .wall_ns = e->wall_ns,
                .ip = e->ip,
                .parent_tracer = e->parent_tracer,
                .sibling_tracer = e->sibling_tracer,
                .code = e->code,
                .disposition = e->disposition,
                .residue = e->residue,
                .execed = p && p->execed,
        };
        process_name(m, &h->target);
        if (p && p->history)
                h->history = *p->history;
        note_leaving(m, e, h);
}

/* The oldest hold of that thread the scan can answer; one at that very address if there is one. */
static size_t find_held(const struct model *m, const struct event *scan)
{
        bool handler = strcmp(scan->note, "handler") == 0;
        size_t found = m->n_holds;

        for (size_t i = 0; i < m->n_holds; i++) {
                const struct hold *h = &m->holds[i];

                if (h->wants_handler != handler || !same_thread(&h->target, &scan->target))
                        continue;
                if (handler || h->ip == scan->ip + 1)
                        return i;
                if (found == m->n_holds)
                        found = i;
        }
        return found;
}

void hold_answer(struct model *m, const struct event *e)
{
        size_t i;

        if (e->type != EV_TEXT_SCAN)
                return;
        i = find_held(m, e);
        if (i < m->n_holds)
                hold_finish(m, i, e);
}

void hold_expire(struct model *m, uint64_t now_ns)
{
        while (m->n_holds && m->holds[0].deadline_ns < now_ns)
                hold_finish(m, 0, NULL);
}

void hold_finish_all(struct model *m)
{
        while (m->n_holds)
                hold_finish(m, 0, NULL);
}
