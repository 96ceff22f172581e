/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SIGTRAPs that did not end in a debugger, or ended there badly. */

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/diagnosis/rule.h"
#include "lib/diagnosis/wording.h"
#include "lib/base/text.h"
#include "lib/event/tools.h"

#define GO_EXIT_NS    (1 * NSEC_PER_SEC) /* from the SIGTRAP to the end of a Go program, at most */
#define EXIT_STATUS_2 0x200              /* task_struct.exit_code of the Go runtime after a SIGTRAP */

static bool is_sigtrap(const struct event *e, enum event_type type)
{
        return e->type == type && e->sig == SIGTRAP;
}

static bool is_debugged(const struct event *e)
{
        return e->tracer.pid && !is_holder(&e->tracer);
}

/* The flood beyond the first SIGTRAPs of a second: no thread, no address, only how many more. */
static bool counts_sigtraps(const struct event *e, enum event_type of_type, bool traced)
{
        return e->type == EV_COUNTER && e->of_type == (int)of_type && e->sig == SIGTRAP &&
               (e->tracer.pid != 0) == traced;
}

static bool reached_queue(const struct event *e)
{
        return e->result == SIGRES_QUEUED || e->result == SIGRES_INFO_LOST;
}

/* finish: of the kind in suspense, NULL: of these none waits. */
static void count_more(struct diagnosis *d, enum finding_code code, suspense_fn finish,
                       const struct event *e)
{
        const struct process *p = process_of(d->model, &e->target);
        struct finding *f;

        if (!p || (finish && suspense_count_more(&d->suspenses, finish, e)))
                return;
        f = model_last_finding(d->model, code, p, 0);
        if (f)
                model_count_more(d->model, f, e->count);
}

/* ---- orphan-breakpoint -------------------------------------------------------------------------------- */

/* The case as a whole: the trap, what its process had been through, and what the file says. */
struct orphan {
        const struct model *m;
        const struct suspense *s;
        const struct event *scan; /* NULL: never came */
        struct finding *f;
};

static bool file_has_int3(const struct orphan *o)
{
        return o->scan && o->scan->file_known && o->scan->found_int3;
}

static bool only_memory_has_int3(const struct orphan *o)
{
        return o->scan && o->scan->file_known && !o->scan->found_int3;
}

/* Then the best witness is missing: whoever was there may have left it, or may be innocent. */
static bool is_file_unseen(const struct orphan *o)
{
        return !o->scan || !o->scan->file_known;
}

static bool is_sibling_traced(const struct orphan *o)
{
        return o->s->sibling_tracer != 0;
}

static bool may_have_left_it(const struct orphan *o)
{
        return plants_breakpoints(&o->s->history.ended.tracer);
}

static bool tracer_died(const struct orphan *o)
{
        return o->s->history.ended.cause == DETACHED_TRACER_EXIT && may_have_left_it(o);
}

static bool tracer_detached(const struct orphan *o)
{
        int cause = o->s->history.ended.cause;

        return (cause == DETACHED_BY_CALL || cause == DETACHED_UNSEEN) && may_have_left_it(o);
}

static bool is_forked(const struct orphan *o)
{
        return o->s->history.forked.at_ns || (o->s->parent_tracer && !o->s->execed);
}

static bool detached_from_unseen(const struct orphan *o)
{
        return is_file_unseen(o) && tracer_detached(o);
}

static bool was_stopped_once(const struct orphan *o)
{
        return is_file_unseen(o) && o->s->residue;
}

static bool always(const struct orphan *o)
{
        (void)o;
        return true;
}

static void add_evidence(struct finding *f, uint64_t seq)
{
        if (seq && f->n_evidence < FINDING_EVIDENCE_MAX)
                f->evidence[f->n_evidence++] = seq;
}

static bool ended_like_go(const struct process *p)
{
        return p && !p->alive && p->exit_code == EXIT_STATUS_2;
}

static void say_go_end(struct finding *f)
{
        say(SENTENCE(f->summary),
            ". It ended with status 2, as Go programs do: their runtime handles SIGTRAP");
        f->end_told = true;
}

static void say_outcome(const struct orphan *o)
{
        const struct process *p = process_of(o->m, &o->s->target);
        bool status_2 = ended_like_go(p);
        struct finding *f = o->f;

        if (o->s->disposition == DISP_DEFAULT) {
                say(SENTENCE(f->summary), ". Nobody traces it, so SIGTRAP kills the process");
                return;
        }
        say(SENTENCE(f->summary), ". Nobody traces it, so the program's own SIGTRAP handler ran");
        f->handler_ran = true;
        if (status_2)
                say_go_end(f);
        else
                f->severity = SEVERITY_WARNING;
}

static void tell_hard_coded(const struct orphan *o)
{
        say(SENTENCE(o->f->summary), " that is part of the program itself");
        say_outcome(o);
        say(SENTENCE(o->f->remedy),
            "run it under a debugger from the start, or build it without the breakpoint (int3, "
            "__builtin_debugtrap, runtime.Breakpoint)");
}

static void tell_untraced_thread(const struct orphan *o)
{
        struct task_ref tracer = {.pid = o->s->sibling_tracer};
        char name[WORD_MAX];

        process_name(o->m, &tracer);
        o->f->other_pid = tracer.pid;
        say(SENTENCE(o->f->summary), ": %s traces other threads of the process, but not this one",
            word_process(&tracer, name));
        say_outcome(o);
        say(SENTENCE(o->f->remedy),
            "start the program again, attach %s to all of its threads, and compare: ptracectl who %" PRIu32,
            tracer.comm[0] ? word_tool(&tracer, name) : "the debugger", o->f->target.pid);
}

/* "that PID 4802 (dlv) left in it 3.2 s before" */
static void say_leaver(const struct orphan *o)
{
        const struct history *h = &o->s->history;
        struct task_ref tracer = h->ended.tracer;
        char name[WORD_MAX], ago[64];

        process_name(o->m, &tracer);
        o->f->other_pid = tracer.pid;
        say(SENTENCE(o->f->summary), " that %s%s left in it %s before",
            is_file_unseen(o) ? "most likely " : "", word_process(&tracer, name),
            text_duration(o->s->time_ns - MIN_OF(h->ended.until_ns, o->s->time_ns), ago, sizeof(ago)));
}

static void tell_tracer_died(const struct orphan *o)
{
        const struct history *h = &o->s->history;
        char clock[WORD_MAX], exit[WORD_MAX], name[WORD_MAX];

        say_leaver(o);
        say(SENTENCE(o->f->summary), ", at %s, when it %s", word_clock(h->ended.until_wall_ns, clock),
            h->ended.status_known ? word_exit(h->ended.tracer_status, exit) : "ended");
        if (h->ended.killer.pid)
                say(SENTENCE(o->f->summary), " (sent by %s, uid %u)", word_process(&h->ended.killer, name),
                    h->ended.killer_uid);
        say_outcome(o);
        add_evidence(o->f, h->ended.seq);
        say(SENTENCE(o->f->remedy),
            "start the program again: its text still holds the breakpoints. Detach in the debugger before "
            "ending it");
}

static void tell_dirty_detach(const struct orphan *o)
{
        char clock[WORD_MAX];

        say_leaver(o);
        say(SENTENCE(o->f->summary), ", when it %s at %s",
            o->s->history.ended.cause == DETACHED_BY_CALL ? "detached" : "left unseen",
            word_clock(o->s->history.ended.until_wall_ns, clock));
        say_outcome(o);
        say(SENTENCE(o->f->remedy),
            "start the program again: its text still holds breakpoints. Delete them in the debugger "
            "(\"delete\", \"clearall\") before it detaches");
}

static void tell_inherited(const struct orphan *o)
{
        const struct history *h = &o->s->history;
        struct task_ref parent = h->forked.at_ns ? h->forked.parent : o->s->parent;
        struct task_ref tracer = h->forked.at_ns ? h->forked.tracer : (struct task_ref){};
        char a[WORD_MAX], b[WORD_MAX];

        if (!tracer.pid)
                tracer.pid = o->s->parent_tracer;
        process_name(o->m, &parent);
        process_name(o->m, &tracer);
        o->f->other_pid = tracer.pid;
        add_evidence(o->f, h->forked.seq);
        say(SENTENCE(o->f->summary), " that it inherited when %s forked it: %s traces the parent%s",
            word_process(&parent, a), tracer.pid ? word_process(&tracer, b) : "a debugger",
            o->s->parent_tracer ? ", not the child" : " or did, not the child");
        say_outcome(o);
        say(SENTENCE(o->f->remedy),
            "let the debugger follow the child: gdb: set detach-on-fork off (or set follow-fork-mode "
            "child); dlv: target follow-exec -on follows an exec only, so set no breakpoint between fork "
            "and exec");
}

static void tell_stranger(const struct orphan *o)
{
        say(SENTENCE(o->f->summary),
            " that its file does not have: somebody wrote it into memory before recording began, most "
            "likely "
            "a debugger that left");
        say_outcome(o);
        say(SENTENCE(o->f->remedy), "start the program again: its text is not that of its file");
}

/* Nobody is accused: the program's own int3 looks the same. */
static void tell_unseen(const struct orphan *o)
{
        const struct history *h = &o->s->history;
        struct task_ref tracer = h->ended.tracer;
        char name[WORD_MAX], ago[64];

        say(SENTENCE(o->f->summary),
            ". Its file could not be compared, so it cannot be told whether the breakpoint is the program's "
            "own or ");
        process_name(o->m, &tracer);
        if (tracer_detached(o))
                say(SENTENCE(o->f->summary), "one of %s, which left %s before", word_process(&tracer, name),
                    text_duration(o->s->time_ns - MIN_OF(h->ended.until_ns, o->s->time_ns), ago,
                                  sizeof(ago)));
        else
                say(SENTENCE(o->f->summary),
                    "one of a debugger that left before recording began: this thread was stopped by a "
                    "tracer once");
        say_outcome(o);
        say(SENTENCE(o->f->remedy),
            "start the program again: if the breakpoint is its own, it runs into it without a debugger, "
            "too");
}

static void tell_unknown(const struct orphan *o)
{
        say(SENTENCE(o->f->summary),
            ". No debugger is known to have been there, and its file could not be compared: the instruction "
            "is probably the program's own, or generated at run time");
        say_outcome(o);
        say(SENTENCE(o->f->remedy),
            "run it under a debugger from the start to see what asks for the breakpoint");
}

/* First match. The file is the best witness; then who is there; then who was. */
static const struct orphan_cause {
        const char *name;
        bool (*applies)(const struct orphan *o);
        void (*tell)(const struct orphan *o);
} orphan_causes[] = {
        {"hard-coded", file_has_int3, tell_hard_coded},
        {"untraced-thread", is_sibling_traced, tell_untraced_thread},
        {"tracer-died", tracer_died, tell_tracer_died},
        {"file-unseen", detached_from_unseen, tell_unseen},
        {"dirty-detach", tracer_detached, tell_dirty_detach},
        {"inherited-by-fork", is_forked, tell_inherited},
        {"file-unseen", was_stopped_once, tell_unseen},
        {"dirty-detach", only_memory_has_int3, tell_stranger},
        {"hard-coded", always, tell_unknown},
};

static void say_place(struct finding *f, const struct event *scan, uint64_t ip)
{
        char symbol[EVENT_SYMBOL_MAX], path[EVENT_PATH_MAX];

        if (scan && scan->symbol[0])
                say(SENTENCE(f->summary), " at %.*s", EVENT_SYMBOL_MAX / 2,
                    text_escape(scan->symbol, symbol, sizeof(symbol)));
        else if (ip)
                say(SENTENCE(f->summary), " at 0x%" PRIx64, ip - 1);
        if (scan && scan->path[0])
                say(SENTENCE(f->summary), " (%.*s)", EVENT_PATH_MAX / 2,
                    text_escape(scan->path, path, sizeof(path)));
}

static void finish_orphan(struct diagnosis *d, const struct suspense *s, const struct event *scan)
{
        struct finding f;
        struct orphan o = {.m = d->model, .s = s, .scan = scan, .f = &f};
        char name[WORD_MAX];

        finding_from_suspense(d->model, &f, s);
        say(SENTENCE(f.summary), "%s ran into a breakpoint", word_thread(&f.target, name));
        say_place(&f, scan, s->ip);
        for (size_t i = 0; i < ELEMENTSOF(orphan_causes); i++)
                if (orphan_causes[i].applies(&o)) {
                        say(SENTENCE(f.cause), "%s", orphan_causes[i].name);
                        orphan_causes[i].tell(&o);
                        break;
                }
        model_report(d->model, &f);
}

/* An answer that came for an earlier trap at that place is good until the next exec. */
static bool known_scan(const struct process *p, uint64_t ip, struct event *ret)
{
        for (size_t i = 0; p && p->history && i < MIN_OF(p->history->n_scans, (uint32_t)SCANS_MAX); i++) {
                const struct scan *s = &p->history->scans[i];

                if (ip == 0 || s->address != ip - 1)
                        continue;
                *ret = (struct event){
                        .type = EV_TEXT_SCAN,
                        .ip = s->address,
                        .file_known = s->file_known,
                        .found_int3 = s->found_int3,
                };
                return true;
        }
        return false;
}

/* Under hold what becomes of it is known when it is passed on: catch may keep it. */
static bool reaches_program(const struct event *e)
{
        return is_holder(&e->tracer) ? is_sigtrap(e, EV_SIGNAL_DELIVER)
                                     : is_sigtrap(e, EV_SIGNAL_GENERATE) && !e->tracer.pid;
}

void rule_orphan_breakpoint(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        struct event scan;

        if (counts_sigtraps(e, EV_SIGNAL_GENERATE, false) && e->code == SI_CODE_INT3)
                count_more(d, r->code, finish_orphan, e);
        if (!reaches_program(e) || e->code != SI_CODE_INT3 || e->priv)
                return;
        /* Ignored: it is dying of something else already. */
        if (e->result == SIGRES_IGNORED)
                return;
        suspense_begin(&d->suspenses, r, e, finish_orphan, false);
        if (known_scan(process_of(m, &e->target), e->ip, &scan)) {
                scan.target = e->target;
                strcpy(scan.what, scan_kind_to_string(SCAN_TRAP));
                suspense_answer(&d->suspenses, &scan);
        }
}

/* ---- SIGTRAP as a message ------------------------------------------------------------------------ */

static bool is_sent(const struct event *e)
{
        return e->code <= 0 && !e->noinfo && !e->priv;
}

static const char *how_sent(const struct event *e)
{
        return e->code == SI_TKILL ? "tgkill" : e->code == SI_QUEUE ? "sigqueue" : "kill";
}

static void say_consequence(struct finding *f, const struct event *e)
{
        if (e->blocked) {
                f->severity = SEVERITY_INFO;
                say(SENTENCE(f->summary), ". It is blocked there and waits");
        } else if (e->disposition == DISP_HANDLER) {
                f->severity = SEVERITY_WARNING;
                say(SENTENCE(f->summary), ", so the program's own handler runs");
        } else
                say(SENTENCE(f->summary), ", so the process dies of it");
}

void rule_trap_without_tracer(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        char sender[WORD_MAX], target[WORD_MAX], ago[64];
        const struct process *p = process_of(m, &e->target);
        const struct history *h = p ? p->history : NULL;
        struct task_ref who = e->actor;
        struct finding f;

        if (counts_sigtraps(e, EV_SIGNAL_GENERATE, false) && is_sent(e) && reached_queue(e))
                count_more(d, r->code, NULL, e);
        if (!is_sigtrap(e, EV_SIGNAL_GENERATE) || !is_sent(e) || is_debugged(e) || !reached_queue(e))
                return;
        finding_begin(m, &f, r, e);
        f.other_pid = who.pid;
        process_name(m, &who);
        if (task_same_process(&who, &f.target))
                say(SENTENCE(f.summary), "%s sent SIGTRAP to itself (raise or %s), and nobody traces it",
                    word_thread(&f.target, target), how_sent(e));
        else
                say(SENTENCE(f.summary),
                    "%s (uid %" PRIu32 ") sent SIGTRAP by %s to %s, which nobody traces",
                    word_process(&who, sender), e->caller_uid, how_sent(e), word_thread(&f.target, target));
        say_consequence(&f, e);
        if (h && h->ended.cause && h->ended.tracer.pid == who.pid && e->time_ns >= h->ended.until_ns)
                say(SENTENCE(f.summary),
                    ". It is how that debugger halts its target, but it had left %s before",
                    text_duration(e->time_ns - h->ended.until_ns, ago, sizeof(ago)));
        if (task_same_process(&who, &f.target))
                say(SENTENCE(f.remedy),
                    "run it under a debugger, or let it raise SIGTRAP only when TracerPid in "
                    "/proc/self/status is not 0");
        else
                say(SENTENCE(f.remedy),
                    "send SIGTRAP only to a process that is traced: ptracectl who %" PRIu32, f.target.pid);
        model_report(m, &f);
}

/* ---- trap-to-handler ----------------------------------------------------------------------------- */

static bool is_own_executable(const struct process *p, const struct event *scan)
{
        return p && p->info && p->info->path[0] && strcmp(p->info->path, scan->path) == 0;
}

static void say_handler(struct finding *f, const struct process *p, const struct event *scan)
{
        bool own = scan && is_own_executable(p, scan);
        bool status_2 = ended_like_go(p);

        say(SENTENCE(f->summary), " ran a handler");
        f->handler_ran = true;
        if (scan)
                say_place(f, scan, scan->ip + 1);
        say(SENTENCE(f->summary), " instead of stopping in a debugger: nobody traces it");
        if (status_2)
                say_go_end(f);
        else if (own)
                say(SENTENCE(f->summary), ". The handler is the program's own; Go programs always have one");
        if (own || status_2 || !scan || !scan->path[0])
                say(SENTENCE(f->remedy),
                    "attach a debugger before the SIGTRAP comes: a tracer sees it before any handler");
        else
                say(SENTENCE(f->remedy),
                    "attach a debugger before the SIGTRAP comes: a tracer sees it before any handler. To "
                    "get the program's own handling back, run it without that module");
}

static void finish_handler(struct diagnosis *d, const struct suspense *s, const struct event *scan)
{
        struct model *m = d->model;
        const struct process *p = process_of(m, &s->target);
        char target[WORD_MAX];
        struct finding f;

        finding_from_suspense(m, &f, s);
        say(SENTENCE(f.summary), "%s in %s",
            s->code == SI_CODE_INT3 ? "The SIGTRAP of a breakpoint"
            : s->code <= 0          ? "A SIGTRAP that was sent"
                                    : "A SIGTRAP",
            word_thread(&f.target, target));
        say_handler(&f, p, scan);
        model_report(m, &f);
}

/* The end comes milliseconds later, before or after the text.scan: it explains what the handler did. */
static void amend_at_exit(struct model *m, enum finding_code code, const struct event *e)
{
        const struct process *p = process_of(m, &e->target);
        struct finding *f = ended_like_go(p) ? model_last_finding(m, code, p, 0) : NULL;

        if (!f || f->end_told || !f->handler_ran || m->now_ns > f->last_ns + GO_EXIT_NS)
                return;
        say_go_end(f);
        if (code == FIND_ORPHAN_BREAKPOINT)
                f->severity = SEVERITY_ERROR;
        model_finding_changed(m, f);
}

void rule_trap_to_handler(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        if (e->type == EV_TASK_EXIT && e->group_dead) {
                amend_at_exit(m, r->code, e);
                amend_at_exit(m, FIND_ORPHAN_BREAKPOINT, e);
        }
        if (counts_sigtraps(e, EV_SIGNAL_DELIVER, false) && e->disposition == DISP_HANDLER &&
            e->code != SI_CODE_TRAP_PERF)
                count_more(d, r->code, finish_handler, e);
        if (!is_sigtrap(e, EV_SIGNAL_DELIVER) || is_debugged(e) || e->disposition != DISP_HANDLER)
                return;
        /* A perf event of the program's own making is meant for its handler. */
        if (e->code != SI_CODE_TRAP_PERF)
                suspense_begin(&d->suspenses, r, e, finish_handler, true);
}

/* ---- trap-forced --------------------------------------------------------------------------------- */

enum forced {
        NOT_FORCED,
        FORCED_BLOCKED,
        FORCED_IGNORED,
        FORCED_SOMEHOW
};

/*
 * The kernel resets the disposition before anybody can look: what is left is its word (tier full), what the
 * program was seen to ask for, or the flags of a handler that is no longer there.
 */
static enum forced forced_how(const struct event *e, const struct history *h)
{
        bool known = h && h->trap.known;

        if (e->forced_ignored)
                return FORCED_IGNORED;
        if (e->forced_blocked)
                return FORCED_BLOCKED;
        if (e->disposition != DISP_DEFAULT)
                return NOT_FORCED;
        if (known && h->trap.handler == 1)
                return FORCED_IGNORED;
        if (known && h->trap.handler > 1)
                return FORCED_BLOCKED;
        /* It chose the default itself, and that is no loss. */
        if (known)
                return NOT_FORCED;
        return e->sa_flags ? FORCED_SOMEHOW : NOT_FORCED;
}

static bool had_handler(const struct event *e, const struct history *h)
{
        return e->sa_flags || (h && h->trap.known && h->trap.handler > 1);
}

static void say_forced(struct finding *f, const struct event *e, enum forced how, bool handler)
{
        static const char *const causes[] = {
                [FORCED_BLOCKED] = "blocked",
                [FORCED_IGNORED] = "ignored",
                [FORCED_SOMEHOW] = "",
        };
        char target[WORD_MAX];

        say(SENTENCE(f->cause), "%s", causes[how]);
        say(SENTENCE(f->summary), "%s ran into a trap ", word_thread(&f->target, target));
        if (how == FORCED_SOMEHOW)
                say(SENTENCE(f->summary),
                    "with the default disposition and the flags of an earlier one: the kernel has most "
                    "likely reset its SIGTRAP handler (or the program did, before recording began)");
        else
                say(SENTENCE(f->summary),
                    "while SIGTRAP was %s: the kernel forced it through and reset the disposition to "
                    "default",
                    causes[how]);
        if (!e->tracer.pid)
                say(SENTENCE(f->summary), "; nobody traces it, so it dies%s",
                    handler ? " and its handler does not run" : "");
        else
                say(SENTENCE(f->summary), "; %s, and the program behaves differently from now on",
                    how == FORCED_IGNORED ? "SIGTRAP is no longer ignored"
                                          : "the program's own handler is gone");
}

void rule_trap_forced(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        const struct process *p = process_of(m, &e->target);
        const struct history *h = p ? p->history : NULL;
        char tracer[WORD_MAX];
        struct task_ref who = e->tracer;
        enum forced how;
        struct finding f;

        if (!is_sigtrap(e, EV_SIGNAL_GENERATE) || e->code <= 0 || e->noinfo || e->priv ||
            e->result == SIGRES_IGNORED)
                return;
        how = forced_how(e, h);
        if (how == NOT_FORCED)
                return;
        /* Blocked without a handler, under a debugger: worker threads block everything, and lose nothing. */
        if (how == FORCED_BLOCKED && e->tracer.pid && !had_handler(e, h))
                return;
        finding_begin(m, &f, r, e);
        process_name(m, &who);
        f.other_pid = who.pid;
        if (!who.pid)
                f.severity = SEVERITY_ERROR;
        say_forced(&f, e, how, had_handler(e, h));
        if (h && h->trap.known && h->trap.seq)
                add_evidence(&f, h->trap.seq);
        if (who.pid)
                say(SENTENCE(f.remedy),
                    "set no breakpoint in %s where it blocks or ignores SIGTRAP, and start it again to get "
                    "its handling back",
                    word_tool(&f.target, tracer));
        else
                say(SENTENCE(f.remedy),
                    "a breakpoint cannot be blocked or ignored: unblock SIGTRAP where the handler is to "
                    "run, or find who left the breakpoint");
        model_report(m, &f);
}

/* ---- traced, and lost all the same --------------------------------------------------------------- */

void rule_breakpoint_collided(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        char target[WORD_MAX], tracer[WORD_MAX];
        struct task_ref who = e->tracer;
        struct finding f;

        if (counts_sigtraps(e, EV_SIGNAL_GENERATE, true) && e->code == SI_CODE_INT3 &&
            e->result == SIGRES_PENDING)
                count_more(d, r->code, NULL, e);
        if (!is_sigtrap(e, EV_SIGNAL_GENERATE) || e->code != SI_CODE_INT3 || e->result != SIGRES_PENDING ||
            !who.pid)
                return;
        finding_begin(m, &f, r, e);
        process_name(m, &who);
        f.other_pid = who.pid;
        say(SENTENCE(f.summary),
            "%s ran into a breakpoint while another SIGTRAP was pending: %s sees only one, takes it for a "
            "stray signal, and resumes behind the breakpoint, in mid-instruction",
            word_thread(&f.target, target), word_process(&who, tracer));
        say(SENTENCE(f.remedy),
            "set the instruction pointer back by one before continuing (gdb: set $pc = $pc - 1), and send "
            "that program no SIGTRAP");
        model_report(m, &f);
}

/* Another tracer of the same process, whose breakpoint it may have been. */
static const struct slot *rival_of(const struct process *p, uint32_t tracer_pid)
{
        LIST_FOREACH (it, &p->threads) {
                const struct slot *s = LIST_ENTRY(it, struct thread, in_process)->slot;

                if (s && s->s.tracer.pid != tracer_pid)
                        return s;
        }
        return NULL;
}

void rule_trap_leaked(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        const struct process *p = process_of(m, &e->target);
        const struct slot *rival = p ? rival_of(p, e->tracer.pid) : NULL;
        char target[WORD_MAX], tracer[WORD_MAX], other[WORD_MAX];
        struct task_ref who = e->tracer;
        struct finding f;

        if (!is_sigtrap(e, EV_SIGNAL_DELIVER) || e->code != SI_CODE_INT3 || !is_debugged(e))
                return;
        /* A program that runs its own int3 into its own handler works as written under a tracer, too. */
        if (e->disposition != DISP_DEFAULT && !rival)
                return;
        finding_begin(m, &f, r, e);
        process_name(m, &who);
        f.other_pid = who.pid;
        say(SENTENCE(f.summary), "%s passed the SIGTRAP of a breakpoint on to %s, which %s",
            word_process(&who, tracer), word_thread(&f.target, target),
            e->disposition == DISP_DEFAULT   ? "dies of it"
            : e->disposition == DISP_HANDLER ? "runs its own handler"
                                             : "ignores it");
        if (rival)
                say(SENTENCE(f.summary),
                    ". The breakpoint is likely one of %s, which traces other threads of it",
                    word_process(&rival->s.tracer, other));
        if (rival)
                say(SENTENCE(f.remedy), "let one debugger hold all threads: end %s first",
                    word_tool(&who, tracer));
        else
                say(SENTENCE(f.remedy),
                    "do not pass SIGTRAP on (gdb: handle SIGTRAP nopass); if the breakpoint is the "
                    "program's own, run it under a debugger");
        model_report(m, &f);
}
