/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <string.h>

#include "lib/diagnosis/inquest.h"
#include "lib/diagnosis/verdict.h"
#include "lib/event/tools.h"

/* ---- as which trap ----------------------------------------------------------------------------------- */

static bool is_somebodys(struct inquest *i, const struct sigtrap *t)
{
        i->t = t;
        return t->kind == SIGTRAP_BREAKPOINT && !file_has_int3(i) &&
               (find_leaver(i).found || t->sibling_tracer || t->passed_by.pid);
}

/* The first one, but for a breakpoint that somebody left: the program's own before it did no harm. Where all
 * are its own, the one that got past a block: it is why no handler ran. */
static const struct sigtrap *trap_to_tell(struct inquest *i)
{
        const struct accident *a = i->a;

        for (size_t k = 0; k < a->n_traps; k++)
                if (is_somebodys(i, &a->traps[k]))
                        return &a->traps[k];
        for (size_t k = 1; k < a->n_traps; k++) {
                i->t = &a->traps[0];
                if (file_has_int3(i) && a->traps[k].kind == SIGTRAP_BREAKPOINT && a->traps[k].forced)
                        return &a->traps[k];
        }
        return &a->traps[0];
}

/* ---- by which teller ----------------------------------------------------------------------------------- */

typedef void (*teller_fn)(const struct inquest *i);

static bool is_tracers_own(const struct inquest *i)
{
        if (i->t->kind != SIGTRAP_BREAKPOINT)
                return true;
        if (file_has_int3(i) && !i->t->rival.pid)
                return false;
        return i->t->rival.pid || i->t->rewound || planted_by_passer(i) ||
               (only_memory_has_int3(i) && plants_breakpoints(&i->t->passed_by));
}

static teller_fn teller_of(const struct inquest *i)
{
        switch (i->t->kind) {
        case SIGTRAP_BREAKPOINT:
                return i->t->passed_by.pid && is_tracers_own(i) ? tell_leaked : tell_breakpoint;
        case SIGTRAP_SENT:
                return tell_sent;
        case SIGTRAP_WATCHPOINT:
                return i->t->passed_by.pid ? tell_leaked : tell_watchpoint;
        case SIGTRAP_STEP:
                return i->t->passed_by.pid ? tell_leaked : tell_step;
        case SIGTRAP_EXEC:
                /* Without a tracer the kernel sends none. */
                if (!process_died(i))
                        return NULL;
                return i->t->passed_by.pid ? tell_leaked : tell_step;
        default:
                return process_died(i) ? tell_unexplained : NULL;
        }
}

/* ---- told, and told again ------------------------------------------------------------------------------- */

static void begin_finding(const struct inquest *i)
{
        const struct event e = {
                .seq = i->t->seq,
                .time_ns = i->t->time_ns,
                .wall_ns = i->t->wall_ns,
                .target = i->t->target,
        };
        const struct rule nothing = {.code = FIND_NONE, .severity = SEVERITY_WARNING};

        finding_begin(i->m, i->f, &nothing, &e);
        i->f->count = i->t->count;
        i->f->last_ns = MAX_OF(i->a->last_ns, i->t->time_ns);
        i->f->last_wall_ns = MAX_OF(i->a->last_wall_ns, i->t->wall_ns);
}

static void remember_told(struct accident *a, const struct finding *f)
{
        a->code = f->code;
        a->other_pid = f->other_pid;
        memcpy(a->cause, f->cause, sizeof(a->cause));
}

/* It stays the finding that it was: only what became of it is told anew. */
static void amend(struct diagnosis *d, const struct accident *a, const struct finding *f)
{
        const struct process *p = process_of(d->model, &a->process);
        struct finding *told = p ? model_last_finding(d->model, a->code, p, a->other_pid) : NULL;

        if (!told || strcmp(told->cause, a->cause) != 0 || told->other_pid != a->other_pid)
                return;
        told->severity = MAX_OF(told->severity, f->severity);
        memcpy(told->summary, f->summary, sizeof(told->summary));
        memcpy(told->remedy, f->remedy, sizeof(told->remedy));
        for (uint32_t k = 0; k < f->n_evidence; k++)
                add_evidence(told, f->evidence[k]);
        model_finding_changed(d->model, told);
}

void verdict_tell(struct diagnosis *d, struct accident *a)
{
        struct finding f;
        struct inquest i = {.d = d, .m = d->model, .a = a, .f = &f};
        teller_fn tell;

        if (!a->n_traps)
                return;
        i.t = trap_to_tell(&i);
        if (i.t->kind == SIGTRAP_BREAKPOINT)
                i.leaver = find_leaver(&i);
        tell = teller_of(&i);
        if (!tell)
                return;
        begin_finding(&i);
        tell(&i);
        if (a->ended)
                add_evidence(&f, a->end_seq);
        if (a->code) {
                amend(d, a, &f);
                return;
        }
        model_report(d->model, &f);
        remember_told(a, &f);
}
