/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Processes that the kernel kills because their tracer has ended. */

#include <inttypes.h>
#include <signal.h>
#include <sys/ptrace.h>

#include "lib/diagnosis/rule.h"
#include "lib/event/wording.h"

/* The tracer ends, has asked for its tracees' end with its own, and the kernel sends the signal in its name. */
static void kernel_dooms(struct model *m, const struct event *e)
{
        struct process *p = process_of(m, &e->target);
        struct history *h = p ? p->history : NULL;

        if (e->sig != SIGKILL || !e->priv || e->group || e->result == SIGRES_IGNORED || !h ||
            !(options_of_ptrace(e->ptrace) & PTRACE_O_EXITKILL))
                return;
        if (h->doomed.seq || h->ended.cause != DETACHED_TRACER_EXIT ||
            !task_same_process(&h->ended.tracer, &e->actor))
                return;
        h->doomed.tracer = h->ended.tracer;
        h->doomed.seq = e->seq;
}

/* Whoever asks for it, and then ends in good order, wants it so. */
static bool is_meant(const struct departure *left, bool thread_only)
{
        return !thread_only && left->status_known && left->tracer_status == 0;
}

static void say_tracers_end(struct finding *f, const struct departure *left, bool thread_only)
{
        struct sentence summary = SENTENCE(f->summary);
        char exit[WORD_MAX], who[WORD_MAX];

        if (thread_only) {
                say(summary,
                    ". Its thread %" PRIu32 ", which traced, ended without a detach; the tool runs on",
                    left->tracer.tid);
                return;
        }
        say(summary, ". That one %s", left->status_known ? word_exit(left->tracer_status, exit) : "ended");
        if (left->killer.pid)
                say(summary, " (sent by %s, uid %u)", word_process(&left->killer, who), left->killer_uid);
}

static const char *cause_of_end(const struct departure *left, bool thread_only)
{
        if (thread_only)
                return "tracer-thread-ended";
        return left->status_known && left->tracer_status & 0x7f ? "tracer-killed" : "tracer-exited";
}

static void report_killed(struct model *m, const struct rule *r, const struct event *e,
                          const struct history *h)
{
        const struct departure *left = &h->ended;
        const struct process *tracer = process_of(m, &left->tracer);
        bool thread_only = left->thread_only && tracer && tracer->alive;
        struct task_ref name = left->tracer;
        char target[WORD_MAX], who[WORD_MAX];
        struct finding f;

        if (is_meant(left, thread_only))
                return;
        finding_begin(m, &f, r, e);
        f.target.tid = 0;
        f.other_pid = name.pid;
        f.evidence[0] = left->seq ?: h->doomed.seq;
        f.evidence[1] = h->doomed.seq;
        f.evidence[2] = e->seq;
        f.n_evidence = e->seq ? 3 : 0;
        process_name(m, &name);
        say(SENTENCE(f.cause), "%s", cause_of_end(left, thread_only));
        if (!(left->tracer_status & 0x7f))
                f.severity = SEVERITY_WARNING;
        say(SENTENCE(f.summary),
            "%s was killed by the kernel when its tracer %s ended: nobody else sent the SIGKILL, the tracer had "
            "asked for it (PTRACE_O_EXITKILL)",
            word_process(&f.target, target), word_process(&name, who));
        say_tracers_end(&f, left, thread_only);
        say(SENTENCE(f.remedy),
            "it has ended: start it again. Next time end %s in its own way; a program that is to outlive its "
            "debugger is started outside, and attached to",
            thread_only ? "the tracing" : word_tool(&name, who));
        model_report(m, &f);
}

void rule_killed_with_tracer(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        const struct process *p;

        if (e->type == EV_SIGNAL_GENERATE) {
                kernel_dooms(d->model, e);
                return;
        }
        p = process_of(d->model, &e->target);
        if (e->group_dead && (e->status & 0x7f) == SIGKILL && p && p->history && p->history->doomed.seq)
                report_killed(d->model, r, e, p->history);
}
