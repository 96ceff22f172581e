/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Evidence and words that more than one teller needs. */

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/diagnosis/inquest.h"
#include "lib/event/wording.h"
#include "lib/event/tools.h"
#include "lib/model/model.h"

#define EXIT_STATUS_2 0x200 /* task_struct.exit_code of the Go runtime after a SIGTRAP */

/* ---- evidence ------------------------------------------------------------------------------------------ */

bool process_died(const struct inquest *i)
{
        return i->a->ended && i->a->died;
}

/* Right after it, and not by another SIGTRAP than its own. */
static bool ended_soon(const struct accident *a)
{
        return a->ended && a->ended_ns <= a->last_ns + OUTCOME_WAIT_NS &&
               (a->died || (a->exit_code & 0x7f) != SIGTRAP);
}

bool handler_ended_it(const struct inquest *i)
{
        return sigtrap_ran_handler(i->t) && ended_soon(i->a) &&
               (i->a->exit_code & 0x7f || i->a->exit_code == EXIT_STATUS_2);
}

bool file_has_int3(const struct inquest *i)
{
        return i->t->at.file_known && i->t->at.found_int3;
}

bool only_memory_has_int3(const struct inquest *i)
{
        return i->t->at.file_known && !i->t->at.found_int3;
}

bool is_generated(const struct inquest *i)
{
        return i->t->at.known && strcmp(i->t->at.path, SCAN_NO_FILE) == 0;
}

bool planted_by_passer(const struct inquest *i)
{
        return i->t->passed_by.pid && i->t->ip &&
               plants_have(&i->t->history.planted, &i->t->passed_by, i->t->ip - 1);
}

bool stopped_there(const struct inquest *i, const struct task_ref *process, const struct task_ref *tracer)
{
        return !is_generated(i) && tracer->pid && stops_at(&i->d->stops, process, tracer, i->t->ip) != NULL;
}

/* When it is known to have run for the first time, with a file that does not have it; 0: not known. */
static uint64_t first_run_ns(const struct inquest *i)
{
        const struct history *h = &i->t->history;
        uint64_t first = 0;

        for (size_t k = 0; k < MIN_OF(h->n_scans, (uint32_t)SCANS_MAX); k++) {
                const struct scan *s = &h->scans[k];

                if (s->address + 1 == i->t->ip && s->file_known && !s->found_int3 &&
                    (!first || s->at_ns < first))
                        first = s->at_ns;
        }
        return first;
}

static int attached_before(void *userdata, const struct session *s)
{
        const struct inquest *i = userdata;

        return task_same_process(&s->target, &i->t->target) && s->since_ns <= first_run_ns(i);
}

bool ran_before_tracers(const struct inquest *i)
{
        return first_run_ns(i) &&
               !model_each_session(i->m, i->t->target.pid, true, attached_before, (void *)i);
}

bool was_never_traced(const struct inquest *i)
{
        const struct sigtrap *t = i->t;

        return !t->history.ended.cause && !t->history.forked.at_ns && !t->sibling_tracer && !t->residue &&
               !t->stopped_by.pid && !t->passed_by.pid;
}

/* A thread of the tracer has ended, and the tracer has not to this moment. */
static bool only_thread_ended(const struct inquest *i, const struct departure *left)
{
        const struct process *tracer = process_of(i->m, &left->tracer);

        return left->cause == DETACHED_TRACER_EXIT && left->thread_only && (!tracer || tracer->alive);
}

/* ---- words ----------------------------------------------------------------------------------------------- */

void add_evidence(struct finding *f, uint64_t seq)
{
        for (uint32_t k = 0; k < f->n_evidence; k++)
                if (f->evidence[k] == seq)
                        return;
        if (seq && f->n_evidence < FINDING_EVIDENCE_MAX)
                f->evidence[f->n_evidence++] = seq;
}

void say_spot(struct sentence to, const struct text_spot *spot, uint64_t address)
{
        char symbol[EVENT_SYMBOL_MAX], path[EVENT_PATH_MAX];

        if (spot->symbol[0])
                say(to, " at %.*s", EVENT_SYMBOL_MAX / 2, text_escape(spot->symbol, symbol, sizeof(symbol)));
        else if (address)
                say(to, " at 0x%" PRIx64, address);
        if (spot->path[0] && strcmp(spot->path, SCAN_NO_FILE) != 0)
                say(to, " (%.*s)", EVENT_PATH_MAX / 2, text_escape(spot->path, path, sizeof(path)));
}

const char *leaver_cause(const struct inquest *i, const struct departure *left)
{
        if (only_thread_ended(i, left))
                return "tracer-thread-ended";
        return left->cause == DETACHED_TRACER_EXIT ? "tracer-died" : "dirty-detach";
}

static void say_how_it_left(const struct inquest *i, const struct departure *left)
{
        struct sentence summary = SENTENCE(i->f->summary);
        char exit[WORD_MAX], name[WORD_MAX];

        if (only_thread_ended(i, left)) {
                say(summary, "its thread %" PRIu32 " ended without a detach; the tool itself runs on",
                    left->tracer.tid);
                return;
        }
        if (left->cause != DETACHED_TRACER_EXIT) {
                say(summary, "it %s", left->cause == DETACHED_BY_CALL ? "detached" : "left unseen");
                return;
        }
        say(summary, "it %s", left->status_known ? word_exit(left->tracer_status, exit) : "ended");
        if (left->killer.pid)
                say(summary, " (sent by %s, uid %u)", word_process(&left->killer, name), left->killer_uid);
}

void say_leaver(const struct inquest *i, const struct departure *left, const char *what)
{
        struct task_ref tracer = left->tracer;
        char name[WORD_MAX], ago[64], clock[WORD_MAX];

        process_name(i->m, &tracer);
        i->f->other_pid = tracer.pid;
        add_evidence(i->f, left->seq);
        say(SENTENCE(i->f->summary), "%s %s %s before, at %s, when ", word_process(&tracer, name), what,
            text_duration(i->t->time_ns - MIN_OF(left->until_ns, i->t->time_ns), ago, sizeof(ago)),
            word_clock(left->until_wall_ns, clock));
        say_how_it_left(i, left);
}

/* ---- what came of it --------------------------------------------------------------------------------- */

static void say_forced(const struct inquest *i, const struct sigtrap *t)
{
        struct sentence summary = SENTENCE(i->f->summary);

        if (t->forced == FORCED_BLOCKED)
                say(summary, " while SIGTRAP was blocked, and the kernel forces a breakpoint's through");
        else if (t->forced == FORCED_IGNORED)
                say(summary, " while SIGTRAP was ignored, and the kernel forces a breakpoint's through");
}

static void say_later(const struct inquest *i, const struct sigtrap *t)
{
        struct sentence summary = SENTENCE(i->f->summary);

        switch (t->kind) {
        case SIGTRAP_BREAKPOINT:
                say(summary, ". Then it ran into another one");
                say_spot(summary, &t->at, t->ip - 1);
                say_forced(i, t);
                break;
        case SIGTRAP_SENT:
                say(summary, ". Then it sent itself SIGTRAP");
                break;
        default:
                say(summary, ". Then another SIGTRAP came");
        }
        add_evidence(i->f, t->seq);
}

static void say_handler_ran(const struct inquest *i)
{
        struct sentence summary = SENTENCE(i->f->summary);

        say(summary, ", so a SIGTRAP handler ran");
        if (i->t->handler.known)
                say_spot(summary, &i->t->handler, i->t->handler.address);
}

/* How the sentence goes on to what became of the program itself. */
static const char *joint(const struct inquest *i)
{
        if (sigtrap_ran_handler(i->t) || i->a->n_traps > 1)
                return ". It";
        return i->t->passed_by.pid ? ", and it" : ", so it";
}

static void say_end(const struct inquest *i)
{
        struct sentence summary = SENTENCE(i->f->summary);
        const struct sigtrap *t = i->t;
        char exit[WORD_MAX];

        if (process_died(i))
                say(summary, "%s died of SIGTRAP", joint(i));
        else if (handler_ended_it(i) && i->a->exit_code == EXIT_STATUS_2)
                say(summary, ". It ended with status 2, as Go programs do: their runtime handles SIGTRAP");
        else if (ended_soon(i->a) && (i->a->exit_code & 0x7f))
                say(summary, ". It %s", word_exit(i->a->exit_code, exit));
        else if (!t->delivered && t->blocked)
                say(summary, i->a->ended ? ". SIGTRAP was blocked there to the end"
                                         : ". SIGTRAP is blocked there and waits");
        else if (!t->delivered)
                say(summary, ". What became of it was not recorded");
        else if (t->disposition == DISP_DEFAULT)
                say(summary, ". That kills a process, but its end was not recorded");
        else if (t->disposition == DISP_IGNORED)
                say(summary, ". The SIGTRAP was ignored");
}

static enum severity severity_of_outcome(const struct inquest *i)
{
        if (process_died(i) || handler_ended_it(i))
                return SEVERITY_ERROR;
        if (i->t->delivered)
                return i->t->disposition == DISP_DEFAULT ? SEVERITY_ERROR : SEVERITY_WARNING;
        return i->t->blocked ? SEVERITY_INFO : SEVERITY_WARNING;
}

void say_outcome(const struct inquest *i)
{
        struct sentence summary = SENTENCE(i->f->summary);
        char name[WORD_MAX];

        if (i->t->passed_by.pid)
                say(summary,
                    file_has_int3(i) ? ". %s traced it and has no part in that"
                                     : ". %s, which traces it, passed the SIGTRAP on",
                    word_process(&i->t->passed_by, name));
        else
                say(summary, ". Nobody traced it");
        if (sigtrap_ran_handler(i->t))
                say_handler_ran(i);
        for (size_t k = 0; k < i->a->n_traps; k++)
                if (&i->a->traps[k] != i->t)
                        say_later(i, &i->a->traps[k]);
        say_end(i);
        i->f->severity = severity_of_outcome(i);
}

void say_fix(const struct inquest *i, const char *now, const char *next_time)
{
        struct sentence remedy = SENTENCE(i->f->remedy);

        if (i->a->ended || process_died(i))
                say(remedy, "it has ended: start it again");
        else if (now[0])
                say(remedy, "%s", now);
        else
                say(remedy, "start it again");
        if (next_time[0])
                say(remedy, ". Next time %s", next_time);
}
