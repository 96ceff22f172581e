/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the end of a tracer does to its tracees: the kernel kills them, or drops the signal of their stop. */

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>

#include "lib/diagnosis/rule.h"
#include "lib/event/tools.h"
#include "lib/event/wording.h"

/* ---- killed-with-tracer ------------------------------------------------------------------------------ */

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

static bool only_its_thread_ended(const struct model *m, const struct departure *left)
{
        const struct process *tracer = process_of(m, &left->tracer);

        return left->thread_only && tracer && tracer->alive;
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
        bool thread_only = only_its_thread_ended(m, left);
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

/* ---- tracer-died-in-stop ----------------------------------------------------------------------------- */

#define LEFT_LOOK_NS (500 * NSEC_PER_MSEC) /* until it is seen what the process does without the signal */

/* Debuggers stop programs with them; without a handler, the others do nothing. */
static bool is_of_no_use(const struct event *e)
{
        switch (e->sig) {
        case SIGSTOP:
        case SIGINT:
        case SIGURG: /* Go sends it to its own threads by the hundred */
                return true;
        case SIGCHLD:
        case SIGCONT:
        case SIGWINCH:
                return e->disposition != DISP_HANDLER;
        default:
                return e->disposition == DISP_IGNORED;
        }
}

/* The tracer has not set the instruction pointer back to the breakpoint. */
static bool is_past_breakpoint(const struct diagnosis *d, const struct event *e)
{
        const struct stop *stop = stops_last(&d->stops, &e->target);

        return stop && e->ip && stop->kind == SIGTRAP_BREAKPOINT && stop->ip == e->ip;
}

/* A fault comes again by itself, a step is over: nothing of them is lost. */
static bool is_lost(const struct diagnosis *d, const struct event *e)
{
        if (!e->waited || is_holder(&e->tracer) || (options_of_ptrace(e->ptrace) & PTRACE_O_EXITKILL) ||
            (e->code <= 0 && e->info_pid == (int32_t)e->tracer.pid) || is_of_no_use(e))
                return false;
        if (e->sig == SIGTRAP && e->code > 0)
                return e->code == SI_CODE_INT3 && is_past_breakpoint(d, e);
        if (e->sig == SIGSEGV || e->sig == SIGBUS || e->sig == SIGILL || e->sig == SIGFPE)
                return e->code <= 0;
        return true;
}

static void note_left(struct diagnosis *d, const struct event *e)
{
        struct process *p = process_of(d->model, &e->target);
        struct history *h = p && p->alive ? process_history(d->model, p) : NULL;
        bool breakpoint = e->sig == SIGTRAP && e->code == SI_CODE_INT3;

        if (!h || !is_lost(d, e) || (h->left.seq && !breakpoint))
                return;
        if (!h->left.seq)
                model_ask(d->model, ASK_TASK_STATE, &p->task, e->time_ns + LEFT_LOOK_NS);
        h->left.tid = e->target.tid;
        h->left.sig = e->sig;
        h->left.code = e->code;
        h->left.ip = e->ip;
        h->left.seq = e->seq;
        h->left.at_ns = e->time_ns;
        h->left.departure = (struct departure){.tracer = e->tracer};
        if (h->ended.cause && task_same_process(&h->ended.tracer, &e->tracer))
                h->left.departure = h->ended;
}

static void say_what_is_lost(struct finding *f, const struct history *h)
{
        struct sentence summary = SENTENCE(f->summary);
        char name[32];

        if (h->left.sig == SIGTRAP && h->left.code == SI_CODE_INT3) {
                say(SENTENCE(f->cause), "dropped-breakpoint");
                say(summary,
                    "the stop at a breakpoint, which the tracer had read. It goes on at 0x%" PRIx64
                    ", behind the breakpoint: in the middle of an instruction, if a debugger had put it there",
                    h->left.ip);
                return;
        }
        say(SENTENCE(f->cause), "dropped");
        say(summary,
            "the stop of a %s, which the tracer had read: the signal is lost, and it goes on without",
            signal_name(h->left.sig, name, sizeof(name)));
}

static void report_left_in_stop(struct model *m, const struct rule *r, const struct event *e,
                                const struct history *h)
{
        const struct departure *left = &h->left.departure;
        struct task_ref tracer = left->tracer;
        char target[WORD_MAX], who[WORD_MAX], exit[WORD_MAX], name[32];
        struct finding f;

        finding_begin(m, &f, r, e);
        f.target.tid = h->left.tid;
        f.other_pid = tracer.pid;
        f.evidence[0] = left->seq ?: h->left.seq;
        f.evidence[1] = h->left.seq;
        f.evidence[2] = e->seq;
        f.n_evidence = e->seq ? 3 : 0;
        process_name(m, &tracer);
        say(SENTENCE(f.summary), "The tracer of %s, %s, ended and left it in ",
            word_thread(&f.target, target), word_process(&tracer, who));
        say_what_is_lost(&f, h);
        say_tracers_end(&f, left, only_its_thread_ended(m, left));
        if (e->type == EV_TASK_EXIT) {
                f.severity = e->status & 0x7f ? SEVERITY_ERROR : f.severity;
                say(SENTENCE(f.summary), ". The program then %s", word_exit(e->status, exit));
                say(SENTENCE(f.remedy), "it has ended: start it again");
        } else if (h->left.sig == SIGTRAP)
                say(SENTENCE(f.remedy), "start it again: what it does from there is not to be relied upon");
        else
                say(SENTENCE(f.remedy), "send the signal again: kill -%s %" PRIu32,
                    signal_name(h->left.sig, name, sizeof(name)) + strlen("SIG"), f.target.pid);
        say(SENTENCE(f.remedy), ". Next time detach before the debugger ends");
        model_report(m, &f);
}

/* It ran on behind the breakpoint, to an end of its own. Who is ended by somebody else misses nothing. */
static bool is_its_consequence(const struct event *e, const struct history *h)
{
        int sig = e->status & 0x7f;

        return h->left.sig == SIGTRAP &&
               (!sig || sig == SIGSEGV || sig == SIGILL || sig == SIGBUS || sig == SIGABRT);
}

void rule_tracer_died_in_stop(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct process *p;
        struct history *h;

        if (e->type == EV_PTRACE_LEFT) {
                note_left(d, e);
                return;
        }
        p = process_of(d->model, &e->target);
        h = p ? p->history : NULL;
        if (!h || !h->left.seq)
                return;
        if (e->type == EV_TASK_EXIT && !e->group_dead)
                return;
        if (e->type == EV_TASK_STATE && e->time_ns < h->left.at_ns + LEFT_LOOK_NS)
                return;
        if (e->type == EV_TASK_STATE ? p->alive && e->state != 'Z' && e->state != 'X'
                                     : is_its_consequence(e, h))
                report_left_in_stop(d->model, r, e, h);
        h->left.seq = 0;
}
