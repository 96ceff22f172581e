/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who holds what, and who was refused. */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>

#include "bpf/guard_maps.h"
#include "bpf/records.h"
#include "lib/base/cleanup.h"
#include "lib/access/access.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/tools.h"
#include "lib/event/wording.h"
#include "lib/model/model.h"
#include "lib/base/text.h"

#define HAND_OVER_NS     (100 * NSEC_PER_MSEC) /* a debugger that detaches thread by thread takes this long */
#define CHURN_NS         (5 * NSEC_PER_SEC) /* threads may vanish under a tracer that attaches to them all */
#define THREAD_SETTLE_NS (1 * NSEC_PER_SEC) /* a debugger has this long to attach to a new thread */
#define STORM_WINDOW_NS  (1 * NSEC_PER_SEC)
#define CYCLE_LENGTH_MAX 16

/* ---- refused ------------------------------------------------------------------------------------------ */

/* The session of the tracer in the way: on that thread, or where the guard counts per process, on any. */
static const struct session *session_of_holder(const struct model *m, const struct event *e)
{
        const struct process *p = process_of(m, &e->target);
        const struct thread *t = thread_of(m, &e->target);

        if (t && t->slot && t->slot->s.tracer.pid == e->tracer.pid)
                return &t->slot->s;
        if (!p || e->guard_reason == GUARD_ALLOWED)
                return NULL;
        LIST_FOREACH (it, &p->threads) {
                const struct slot *s = LIST_ENTRY(it, struct thread, in_process)->slot;

                if (s && s->s.tracer.pid == e->tracer.pid)
                        return &s->s;
        }
        return NULL;
}

/* The record of a refusal is made at the end of the call, and a holder may leave after it was looked at. */
#define CALL_TAKES_NS (1 * NSEC_PER_MSEC)

/* Who held the thread when its attach was refused. */
struct holding {
        const struct event *refusal;
        uint64_t slack_ns;
        const struct session *found;
};

static int note_holding(void *userdata, const struct session *s)
{
        struct holding *h = userdata;
        const struct event *e = h->refusal;
        uint32_t tid = e->target.tid ?: e->target.pid;

        if (s->target.tid != tid || !task_same_process(&s->target, &e->target) ||
            s->tracer.pid == e->actor.pid)
                return 0;
        /* What the scan found was there before. */
        if (s->origin == ORIGIN_KERNEL && s->since_ns > e->time_ns)
                return 0;
        if (s->until_ns && s->until_ns + h->slack_ns < e->time_ns)
                return 0;
        h->found = s;
        return 0; /* the newest one is the last */
}

static const struct session *holder_at_refusal(const struct model *m, const struct event *e)
{
        struct holding h = {.refusal = e};

        if (!e->target.pid || e->error != EPERM)
                return NULL;
        model_each_session(m, e->target.pid, true, note_holding, &h);
        if (!h.found && !(e->facts & ATT_F_AT_CALL)) {
                h.slack_ns = CALL_TAKES_NS;
                model_each_session(m, e->target.pid, true, note_holding, &h);
        }
        return h.found;
}

static void note_uid_of_holder(const struct model *m, struct access_facts *f)
{
        const struct process *p = process_of(m, &f->holder);

        f->holder_uid_known = p && p->info_known;
        f->holder_uid = f->holder_uid_known ? p->uid : 0;
}

/* What was known at the call wins: the session that was open then over what /proc said afterwards. */
static void find_holder(const struct model *m, const struct event *e, struct access_facts *f)
{
        const struct session *s = e->tracer.pid ? session_of_holder(m, e) : NULL;
        bool came_later = s && s->origin == ORIGIN_KERNEL && s->since_ns > e->time_ns &&
                          !(e->facts & ATT_F_AT_CALL) && e->guard_reason == GUARD_ALLOWED;

        if (came_later)
                f->holder = (struct task_ref){};
        if ((!f->holder.pid || came_later) && e->guard_reason == GUARD_ALLOWED &&
            e->request != PTRACE_TRACEME) {
                s = holder_at_refusal(m, e);
                if (s)
                        f->holder = s->tracer;
        }
        if (!f->holder.pid)
                return;
        process_name(m, &f->holder);
        note_uid_of_holder(m, f);
        access_holder(f, s, e->time_ns);
}

/* It asks whether a seccomp filter lets ptrace through, as `ptracectl why` does: no kernel accepts such options. */
static bool is_question(const struct event *e)
{
        return e->request == PTRACE_SEIZE && e->options & ~(uint64_t)PTRACE_OPTION_MASK;
}

/* False where nothing is to be said: not a refusal we explain, or a tracer that attaches twice. */
static bool explain(const struct model *m, const struct event *e, struct access_verdict *ret)
{
        const struct process *target = process_of(m, &e->target);
        struct access_facts f;

        if (e->type != EV_PTRACE_REFUSED || is_question(e))
                return false;
        /* A seccomp filter answers what it likes. */
        if (e->guard_reason == GUARD_ALLOWED && !(e->facts & ATT_F_SECCOMP) && e->error != EPERM &&
            e->error != EACCES && e->error != ESRCH)
                return false;
        if (e->tracer.pid && e->tracer.pid == e->actor.pid)
                return false;
        access_from_event(&f, e);
        if (!f.target.pid && !e->ns_level && e->error != ESRCH)
                f.target.pid = e->vpid; /* gone before it was looked at: the number is all there is */
        process_name(m, &f.caller);
        process_name(m, &f.target);
        if (target && target->parent.pid && target->parent.pid == e->actor.pid)
                f.yama_exempt = ANSWER_YES;
        find_holder(m, e, &f);
        access_decide(&f, ret);
        return true;
}

/* Of a refusal that is the kernel's own, not the guard's. */
static bool decide_kernels(const struct model *m, const struct event *e, struct access_verdict *ret)
{
        return e->guard_reason == GUARD_ALLOWED && explain(m, e, ret);
}

static void report_refusal(struct model *m, const struct rule *r, const struct event *e,
                           const struct access_verdict *v, const char *cause)
{
        struct finding f;

        finding_begin(m, &f, r, e);
        /* The target of an attach to a pid that does not exist is that number. In a pid namespace it says
         * nothing to anybody else: there the finding is the caller's. */
        if (!f.target.pid && e->ns_level)
                f.target = e->actor;
        else if (!f.target.pid)
                f.target.pid = e->vpid;
        process_name(m, &f.target);
        f.other_pid = e->actor.pid;
        if (v->cause == ACCESS_GONE)
                f.severity = SEVERITY_INFO;
        say(SENTENCE(f.cause), "%s", cause);
        say(SENTENCE(f.summary), "%s", v->summary);
        say(SENTENCE(f.remedy), "%s", v->remedy);
        say(SENTENCE(f.risk), "%s", v->risk);
        model_report(m, &f);
}

/* The pair that a counter of refused attaches belongs to: it names the caller's thread and the target's. */
static struct storm *storm_of_counter(struct diagnosis *d, const struct event *e)
{
        for (size_t i = 0; i < d->n_storms; i++) {
                struct storm *s = &d->storms[i];
                bool caller =
                        e->tracer.tid ? s->caller.tid == e->tracer.tid : s->caller.pid == e->tracer.pid;
                uint32_t tid = e->target.tid ?: e->target.pid;

                if (caller && (!tid || s->target.tid == tid || s->target.pid == tid))
                        return s;
        }
        return NULL;
}

static bool counts_refusals(const struct event *e)
{
        return e->type == EV_COUNTER && e->of_type == EV_PTRACE_REFUSED;
}

/* The finding about refusals of that pair that was seen last, if it is this rule's. */
static struct finding *finding_of_storm(struct model *m, const struct rule *r, const struct storm *s,
                                        enum finding_code other)
{
        const struct process *p = process_of(m, &s->target);
        struct finding *f = p ? model_last_finding(m, r->code, p, s->caller.pid) : NULL;
        const struct finding *g = f ? model_last_finding(m, other, p, s->caller.pid) : NULL;

        return f && g && g->last_ns > f->last_ns ? NULL : f;
}

/* What of it came too fast to be recorded one by one. The kernel's counters do not tell a hold helper from
 * another tracer: the last one that was recorded does. */
static void count_more_refusals(struct diagnosis *d, const struct rule *r, const struct event *e,
                                enum finding_code other)
{
        const struct storm *s = counts_refusals(e) ? storm_of_counter(d, e) : NULL;
        struct finding *f = s ? finding_of_storm(d->model, r, s, other) : NULL;

        if (f)
                model_count_more(d->model, f, e->count);
}

void rule_attach_refused_traced(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        struct access_verdict v;

        if (e->guard_reason == GUARD_ALLOWED)
                count_more_refusals(d, r, e, FIND_ATTACH_REFUSED_CLAIMED);
        if (decide_kernels(m, e, &v) && v.cause == ACCESS_TRACED)
                report_refusal(m, r, e, &v, "");
}

/* The cause is the guard's reason: "held" may be a debugger, or ptraced itself. */
void rule_attach_refused_claimed(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        static const char *const causes[] = {
                [GUARD_HELD] = "held",       [GUARD_TAKING] = "taking",    [GUARD_CLAIMED] = "claimed",
                [GUARD_DENIED] = "policy",   [GUARD_NOT_OWNER] = "policy", [GUARD_CYCLE] = "cycle",
                [GUARD_NO_SLOT] = "no-slot", [GUARD_MEMORY] = "memory",
        };
        static_assert(ELEMENTSOF(causes) == _GUARD_REASON_MAX, "a cause for each reason of the guard");
        struct access_verdict v;

        count_more_refusals(d, r, e, e->guard_reason ? FIND_NONE : FIND_ATTACH_REFUSED_TRACED);
        if (e->guard_reason <= GUARD_ALLOWED || e->guard_reason >= _GUARD_REASON_MAX)
                return;
        if (explain(m, e, &v) && v.cause != ACCESS_UNKNOWN)
                report_refusal(m, r, e, &v, causes[e->guard_reason]);
}

void rule_attach_refused_permission(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        static const uint32_t causes = 1u << ACCESS_UNKNOWN | 1u << ACCESS_SECCOMP |
                                       1u << ACCESS_USER_NAMESPACE | 1u << ACCESS_UID |
                                       1u << ACCESS_NOT_DUMPABLE | 1u << ACCESS_CAPABILITY |
                                       1u << ACCESS_YAMA | 1u << ACCESS_LSM;
        struct access_verdict v;

        if (decide_kernels(m, e, &v) && causes & 1u << v.cause)
                report_refusal(m, r, e, &v, access_cause_to_string(v.cause));
}

/* Threads come and go while a debugger attaches to all of them: some are gone when it gets there. */
static bool is_churn(const struct model *m, const struct event *e, enum access_cause cause)
{
        const struct process *caller = process_of(m, &e->actor);
        bool thread = e->target.tid && e->target.tid != e->target.pid;

        if (cause != ACCESS_GONE && !(cause == ACCESS_ZOMBIE && thread))
                return false;
        return caller && caller->attached_ns && e->time_ns < caller->attached_ns + CHURN_NS;
}

void rule_attach_refused_target(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        static const uint32_t causes = 1u << ACCESS_GONE | 1u << ACCESS_PID_NAMESPACE |
                                       1u << ACCESS_KERNEL_THREAD | 1u << ACCESS_OWN_THREAD_GROUP |
                                       1u << ACCESS_ZOMBIE_LEADER | 1u << ACCESS_ZOMBIE;
        struct access_verdict v;

        if (decide_kernels(m, e, &v) && causes & 1u << v.cause && !is_churn(m, e, v.cause))
                report_refusal(m, r, e, &v, access_cause_to_string(v.cause));
}

/* ---- storms ------------------------------------------------------------------------------------------- */

static struct storm *storm_get(struct diagnosis *d, const struct event *e)
{
        size_t oldest = 0;

        for (size_t i = 0; i < d->n_storms; i++) {
                struct storm *s = &d->storms[i];

                if (task_same_process(&s->caller, &e->actor) && task_same_process(&s->target, &e->target)) {
                        s->caller = e->actor;
                        s->target = e->target;
                        return s;
                }
                if (s->last_ns < d->storms[oldest].last_ns)
                        oldest = i;
        }
        if (d->n_storms < STORMS_MAX)
                oldest = d->n_storms++;
        d->storms[oldest] = (struct storm){.caller = e->actor, .target = e->target, .window_ns = e->time_ns};
        return &d->storms[oldest];
}

static void report_storm(struct model *m, const struct rule *r, const struct storm *s, const struct event *e)
{
        char caller[WORD_MAX], target[WORD_MAX];
        struct task_ref who = s->caller;
        struct finding f;

        finding_begin(m, &f, r, e);
        f.target = s->target;
        process_name(m, &f.target);
        process_name(m, &who);
        f.other_pid = s->caller.pid;
        say(SENTENCE(f.summary),
            "%s repeats a refused attach to %s without end, at least %" PRIu64 " times within a second",
            word_process(&who, caller), word_process(&f.target, target), s->in_window);
        say(SENTENCE(f.remedy),
            "end it: kill -KILL %" PRIu32 " (gdb in this loop reacts to no other signal), then see why it "
            "is refused: ptracectl why %" PRIu32,
            s->caller.pid, s->target.pid);
        say_release_risk(SENTENCE(f.risk), &(struct tracer_ties){.tracer = who, .target = f.target});
        model_report(m, &f);
}

/* A counter covers the second since it was last read, or all the time in which no daemon was there. */
static uint64_t count_a_window(const struct event *e)
{
        uint64_t span = e->first_ns && e->time_ns > e->first_ns ? e->time_ns - e->first_ns : 0;
        uint64_t windows = (span + STORM_WINDOW_NS / 2) / STORM_WINDOW_NS;

        return windows > 1 ? e->count / windows : e->count;
}

void rule_attach_storm(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        uint64_t before, count = 1;
        struct storm *s;

        if (e->type == EV_COUNTER) {
                s = counts_refusals(e) ? storm_of_counter(d, e) : NULL;
                count = count_a_window(e);
        } else
                s = storm_get(d, e);
        if (!s)
                return;
        if (e->time_ns > s->window_ns + STORM_WINDOW_NS) {
                s->window_ns = e->time_ns;
                s->in_window = 0;
        }
        before = s->in_window;
        s->in_window += count;
        s->last_ns = e->time_ns;
        /* Once a window. */
        if (before < m->thresholds.attach_storm_per_s && s->in_window >= m->thresholds.attach_storm_per_s)
                report_storm(m, r, s, e);
}

/* ---- more than one tracer ------------------------------------------------------------------------ */

struct split {
        const struct slot *first, *other; /* the oldest session, and the newest one of another tracer */
        size_t n_first, n_other;
};

/* A helper in the process's own memory (LeakSanitizer, a crash handler) is no rival. */
static bool is_targets_helper(const struct process *p, const struct slot *s)
{
        return s->tracer->vm_parent == p->task.pid;
}

static bool find_split(const struct process *p, struct split *ret)
{
        *ret = (struct split){};
        LIST_FOREACH (it, &p->threads) {
                const struct slot *s = LIST_ENTRY(it, struct thread, in_process)->slot;

                if (s && !is_targets_helper(p, s) && (!ret->first || s->s.since_ns < ret->first->s.since_ns))
                        ret->first = s;
        }
        LIST_FOREACH (it2, &p->threads) {
                const struct slot *s = LIST_ENTRY(it2, struct thread, in_process)->slot;

                if (!s || is_targets_helper(p, s))
                        continue;
                if (s->tracer == ret->first->tracer) {
                        ret->n_first++;
                        continue;
                }
                ret->n_other++;
                if (!ret->other || s->s.since_ns > ret->other->s.since_ns)
                        ret->other = s;
        }
        return ret->other != NULL;
}

/* A debugger that leaves does so thread by thread; who comes next may be in before it is done. */
static bool hand_over_under_way(const struct model *m, const struct process *p)
{
        const struct history *h = p->history;

        return h && h->ended.cause && m->now_ns < h->ended.until_ns + HAND_OVER_NS;
}

static void say_holding(struct sentence to, const struct slot *s, size_t n)
{
        struct task_ref tracer = s->s.tracer;
        char name[WORD_MAX];

        memcpy(tracer.comm, s->tracer->task.comm[0] ? s->tracer->task.comm : tracer.comm,
               sizeof(tracer.comm));
        say(to, "%s traces ", word_process(&tracer, name));
        if (n == 1)
                say(to, "thread %" PRIu32, s->s.target.tid);
        else
                say(to, "%zu threads", n);
}

void rule_split_tracers(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        struct process *p = process_of(m, &e->target);
        struct split split;
        char name[WORD_MAX];
        struct finding f;

        if (!p || !p->mixed || p->n_traced < 2 || !find_split(p, &split))
                return;
        if (p->split_told == split.other->s.tracer.pid)
                return;
        if (hand_over_under_way(m, p)) {
                if (e->type != EV_TASK_STATE)
                        model_ask(m, ASK_TASK_STATE, &p->task, m->now_ns + HAND_OVER_NS);
                return;
        }
        p->split_told = split.other->s.tracer.pid;
        finding_begin(m, &f, r, e);
        f.target.tid = 0;
        f.other_pid = split.other->s.tracer.pid;
        say(SENTENCE(f.summary), "%s has two tracers: ", word_process(&f.target, name));
        say_holding(SENTENCE(f.summary), split.first, split.n_first);
        say(SENTENCE(f.summary), ", ");
        say_holding(SENTENCE(f.summary), split.other, split.n_other);
        say(SENTENCE(f.summary),
            ". A breakpoint of one that is hit in a thread of the other is reported to the other, which may "
            "pass it on and kill the process");
        finding_say_release(&f, &split.other->s.tracer, &split.other->s);
        model_report(m, &f);
}

static const struct process *tracer_of_process(const struct process *p)
{
        LIST_FOREACH (it, &p->threads) {
                const struct slot *s = LIST_ENTRY(it, struct thread, in_process)->slot;

                if (s)
                        return s->tracer;
        }
        return NULL;
}

void rule_tracer_cycle(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        const struct process *target = process_of(m, &e->target), *tracer = process_of(m, &e->tracer);
        const struct process *p = tracer;
        char a[WORD_MAX], b[WORD_MAX];
        struct finding f;

        if (!target || !tracer || target->n_traced == 0)
                return;
        for (int i = 0; p && p != target && i < CYCLE_LENGTH_MAX; i++)
                p = p->n_traced ? tracer_of_process(p) : NULL;
        if (p != target)
                return;
        finding_begin(m, &f, r, e);
        f.other_pid = tracer->task.pid;
        say(SENTENCE(f.summary),
            "%s now traces %s, which traces it%s: when both are stopped neither can resume the other",
            word_process(&tracer->task, a), word_process(&target->task, b),
            tracer_of_process(tracer) == target ? "" : " through others");
        say(SENTENCE(f.remedy), "detach one of them while it still runs, or end it: kill -KILL %" PRIu32,
            tracer->task.pid);
        say_release_risk(SENTENCE(f.risk),
                         &(struct tracer_ties){.tracer = tracer->task, .target = target->task});
        model_report(m, &f);
}

/* ---- fewer tracers than threads ------------------------------------------------------------------ */

/* Seen to be born without a tracer, long enough ago, with no gap in the recording since. */
static bool surely_untraced(const struct model *m, const struct thread *t)
{
        return !t->slot && t->born_untraced_ns && t->born_untraced_ns > m->last_loss_ns &&
               m->now_ns > t->born_untraced_ns + THREAD_SETTLE_NS;
}

/* When a traced thread runs an int3 it is known that breakpoints are in the text. */
static void trap_in_part_of_threads(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        const struct process *p = process_of(m, &e->target);
        char process[WORD_MAX], tracer[WORD_MAX];
        struct task_ref who = e->tracer;
        uint32_t n = 0, tid = 0;
        struct finding f;

        if (!p || e->sig != SIGTRAP || e->code != SI_CODE_INT3 || !e->tracer.pid)
                return;
        process_name(m, &who);
        /* Of a tracer that plants none it is the program's own. */
        if (!plants_breakpoints(&who))
                return;
        LIST_FOREACH (it, &p->threads) {
                const struct thread *t = LIST_ENTRY(it, struct thread, in_process);

                if (surely_untraced(m, t)) {
                        n++;
                        tid = tid ?: t->tid;
                }
        }
        if (n == 0)
                return;
        finding_begin(m, &f, r, e);
        f.target.tid = tid;
        f.other_pid = e->tracer.pid;
        say(SENTENCE(f.summary),
            "%s has breakpoints in %s, but does not trace %" PRIu32 " of its threads (%" PRIu32
            "%s): a breakpoint hit there kills the process",
            word_process(&who, tracer), word_process(&p->task, process), n, tid, n > 1 ? " and more" : "");
        say(SENTENCE(f.remedy), "detach in %s and attach again: it then takes every thread",
            word_tool(&who, tracer));
        model_report(m, &f);
}

void rule_untraced_threads(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        if (e->type == EV_SIGNAL_GENERATE)
                trap_in_part_of_threads(d, r, e);
        else
                planted_in_part_of_threads(d, r, e);
}
