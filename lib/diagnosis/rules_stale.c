/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Tracers that wait in vain, and tracers that nobody seems to need any more. */

#include <inttypes.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/tools.h"
#include "lib/event/wording.h"

/* ---- attach-stuck ------------------------------------------------------------------------------------ */

static void say_what_it_waits_for(struct finding *f, const struct event *e)
{
        struct sentence summary = SENTENCE(f->summary), remedy = SENTENCE(f->remedy);
        char child[WORD_MAX], function[EVENT_NOTE_MAX];

        if (e->actor.pid) {
                say(SENTENCE(f->cause), "vfork");
                say(summary, "is inside vfork() and stops only when its child %s has called exec or ended",
                    word_process(&e->actor, child));
                say(remedy, "wait for PID %" PRIu32 ", or end it: kill %" PRIu32, e->actor.pid,
                    e->actor.pid);
                say(SENTENCE(f->risk), "what that child was about to start does not start");
                return;
        }
        say(SENTENCE(f->cause), "uninterruptible");
        say(summary, "waits in the kernel%s%s, where it takes no signal", e->waits_in[0] ? ", in " : "",
            text_escape(e->waits_in, function, sizeof(function)));
        say(remedy,
            "wait until that is over: a disk or a network file system that does not answer is the usual "
            "reason. No debugger gets in before");
}

static void report_stuck(struct model *m, const struct rule *r, const struct event *e,
                         const struct session *s)
{
        char target[WORD_MAX], who[WORD_MAX], lasted[64];
        struct task_ref tracer = s->tracer;
        struct finding f;

        finding_begin(m, &f, r, e);
        f.other_pid = tracer.pid;
        process_name(m, &tracer);
        say(SENTENCE(f.summary), "%s has waited for %s that %s stops, and it cannot (state D): it ",
            word_process(&tracer, who), text_duration(e->time_ns - s->asked_ns, lasted, sizeof(lasted)),
            word_thread(&f.target, target));
        say_what_it_waits_for(&f, e);
        model_report(m, &f);
}

void rule_attach_stuck(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct thread *t = thread_of(d->model, &e->target);
        struct session *s = t && t->slot ? &t->slot->s : NULL;

        if (!s || e->state != 'D' || s->stuck_told_ns || is_holder(&s->tracer) ||
            !session_awaits_stop(s, e->time_ns) || !(e->actor.pid || e->waits_in[0]))
                return;
        s->stuck_told_ns = e->time_ns;
        report_stuck(d->model, r, e, s);
}

/* ---- tracer-stale ------------------------------------------------------------------------------------ */

/* The last call that it made for any of its tracees; 0: what it does is not seen. */
static uint64_t last_call_ns(const struct process *tracer)
{
        uint64_t last = 0;

        LIST_FOREACH (it, &tracer->tracees) {
                const struct session *s = &LIST_ENTRY(it, struct slot, of_tracer)->s;

                if (s->calls_unseen)
                        return 0;
                last = MAX_OF(last, s->last_active_ns);
        }
        return last;
}

/* It is looked at once for all its threads that this tracer has stopped. */
static void note_looked_at(const struct process *p, const struct slot *slot, uint64_t now_ns)
{
        LIST_FOREACH (it, &p->threads) {
                struct slot *other = LIST_ENTRY(it, struct thread, in_process)->slot;

                if (other && other->tracer == slot->tracer)
                        other->s.idle_told_ns = now_ns;
        }
}

static void report_idle(struct model *m, const struct rule *r, const struct event *e,
                        const struct slot *slot, uint64_t idle_ns)
{
        struct task_ref tracer = slot->s.tracer;
        char target[WORD_MAX], who[WORD_MAX], lasted[64];
        struct finding f;

        finding_begin(m, &f, r, e);
        f.target.tid = 0;
        f.other_pid = tracer.pid;
        process_name(m, &tracer);
        say(SENTENCE(f.cause), "idle");
        say(SENTENCE(f.summary),
            "%s is stopped by its tracer %s, which has made no ptrace or wait call for %s",
            word_process(&f.target, target), word_process(&tracer, who),
            text_duration(idle_ns, lasted, sizeof(lasted)));
        finding_say_release(&f, &tracer, &slot->s);
        model_report(m, &f);
}

void rule_tracer_stale(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        const struct thread *t = thread_of(m, &e->target);
        struct slot *slot = t ? t->slot : NULL;
        const struct finding *told;
        uint64_t last;

        net_client_gone(d, r, e);
        if (e->type != EV_TASK_STATE)
                return;
        if (!slot || e->state != 't' || is_holder(&slot->s.tracer) || slot->s.idle_told_ns >= e->time_ns)
                return;
        /* One that does not even know that it traces is another case. */
        if (session_is_unaware(&slot->s))
                return;
        last = last_call_ns(slot->tracer);
        if (session_idle_ns(&slot->s, e->time_ns) < m->thresholds.tracer_stale_ns)
                return;
        note_looked_at(t->process, slot, e->time_ns);
        /* One that cannot run is told of as hung; one inside a wait call does what a tracer does. */
        if (!last || e->time_ns < last + m->thresholds.tracer_stale_ns || !e->tracer_idle ||
            tracer_cannot_run(e))
                return;
        told = model_last_finding(m, FIND_TRACER_STALE, t->process, slot->s.tracer.pid);
        if (!told || told->last_ns < last)
                report_idle(m, r, e, slot, e->time_ns - last);
}
