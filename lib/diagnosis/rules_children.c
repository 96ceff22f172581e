/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Children whose end their parent does not learn of. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/base/text.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/wording.h"

#define SIGNAL_MASK(sig) (1ULL << ((sig)-1))

/* A child that is still a zombie so long after its SIGCHLD, and again, while its parent sleeps, is forgotten. */
#define FIRST_LOOK_NS  (2 * NSEC_PER_SEC)
#define SECOND_LOOK_NS (6 * NSEC_PER_SEC)
#define NO_ANSWER_NS   (15 * NSEC_PER_SEC)

/* A child that was reaped longer ago than this may be another one with the same number. */
#define REAPED_FRESH_NS (600 * NSEC_PER_SEC)

static bool lost_its_child(const struct event *e, enum lost_to to)
{
        return e->error == ECHILD && e->upid > 0 && e->lost_to == (int32_t)to && e->time_ns >= e->first_ns &&
               e->time_ns - e->first_ns <= REAPED_FRESH_NS;
}

static void say_end_of_child(struct finding *f, const struct event *e)
{
        char how[WORD_MAX];

        if (e->status >= 0)
                say(SENTENCE(f->summary), ". The child %s", word_exit(e->status, how));
}

/* ---- reaped by somebody else ------------------------------------------------------------------------- */

/*
 * By a wait for any child. Who waits by number twice has had its answer, and so has a thread without a
 * handler: what it reaped, it knows. Who only looks whether a child is still there has lost nothing.
 */
static bool was_stolen(const struct event *e)
{
        bool same_thread = e->actor.tid == e->target.tid, needs = !(e->options_wait & WNOWAIT);

        if (same_thread)
                needs = needs && e->disposition == DISP_HANDLER && !(e->options_wait & WNOHANG);
        return lost_its_child(e, LOST_TO_WAIT) && e->actor.pid && e->info_pid < 1 && needs;
}

void rule_wait_stolen(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        bool same_thread = e->actor.tid == e->target.tid;
        char name[WORD_MAX], ago[64];
        struct finding f;

        if (!was_stolen(e))
                return;
        finding_begin(d->model, &f, r, e);
        say(SENTENCE(f.cause), "%s", same_thread ? "handler" : "thread");
        say(SENTENCE(f.summary),
            "%s waited for its child %" PRId32 " in vain: ", word_thread(&f.target, name), e->upid);
        if (same_thread)
                say(SENTENCE(f.summary), "the same thread (a signal handler in it, or a loop)");
        else
                say(SENTENCE(f.summary), "thread %" PRIu32 " of the same process", e->actor.tid);
        say(SENTENCE(f.summary),
            " had reaped it %s before by a wait for any child, and the waiter got ECHILD",
            text_duration(e->time_ns - e->first_ns, ago, sizeof(ago)));
        say_end_of_child(&f, e);
        say(SENTENCE(f.remedy),
            "let the loop that waits for any child (waitpid(-1)) wait for those that it has started, each by "
            "its pid, or hand on what it reaps of others");
        model_report(d->model, &f);
}

/* ---- thrown away -------------------------------------------------------------------------------------- */

static void say_who_ignores(struct finding *f, const struct event *e, struct task_ref ignorer)
{
        char who[WORD_MAX];

        if (e->ignored_since == IGNORED_BEFORE_EXEC)
                say(SENTENCE(f->summary),
                    ". It ignored SIGCHLD before it executed the program that it runs now, and an ignored "
                    "signal stays so");
        else if (ignorer.pid)
                say(SENTENCE(f->summary),
                    ". The program has not done that itself: it inherited it, and %s above it ignores SIGCHLD, too",
                    word_process(&ignorer, who));
        else
                say(SENTENCE(f->summary),
                    ". The program has not done that itself: it inherited it from who started it, who does not "
                    "ignore SIGCHLD any more or is gone");
}

void rule_sigchld_ignored(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        bool before = e->ignored_since == IGNORED_BEFORE_EXEC;
        struct task_ref ignorer = e->parent;
        char name[WORD_MAX];
        struct finding f;

        /* Who ignores it in the program that runs does so on purpose. */
        if (!lost_its_child(e, LOST_TO_KERNEL) || !e->sigchld_ignored || e->options_wait & WNOWAIT ||
            (!before && e->ignored_since != IGNORED_INHERITED))
                return;
        finding_begin(d->model, &f, r, e);
        process_name(d->model, &ignorer);
        f.other_pid = ignorer.pid;
        say(SENTENCE(f.cause), "%s", before ? "before-exec" : "inherited");
        say(SENTENCE(f.summary),
            "%s cannot learn how its child %" PRId32 " ended: it ignores SIGCHLD, so the kernel keeps no "
            "status, and the wait got ECHILD",
            word_thread(&f.target, name), e->upid);
        say_end_of_child(&f, e);
        say_who_ignores(&f, e, ignorer);
        say(SENTENCE(f.remedy),
            "start it with SIGCHLD at its default: env --default-signal=CHLD COMMAND; or let who starts it "
            "reset SIGCHLD between fork and exec");
        model_report(d->model, &f);
}

/* ---- behind one SIGCHLD ------------------------------------------------------------------------------- */

/* Those who were reaped in time are not answered for. */
static void drop_answered(struct diagnosis *d, uint64_t now_ns)
{
        size_t i = 0;

        while (i < d->n_coalesced)
                if (now_ns > d->coalesced[i].since_ns + NO_ANSWER_NS)
                        d->coalesced[i] = d->coalesced[--d->n_coalesced];
                else
                        i++;
}

static bool is_merged_end(const struct event *e)
{
        bool ended = e->code == CLD_EXITED || e->code == CLD_KILLED || e->code == CLD_DUMPED;

        return e->sig == SIGCHLD && e->result == SIGRES_PENDING && ended && e->actor.pid &&
               e->actor.pid != e->target.pid;
}

/* SIGCHLD is pending only where it is handled or waited for. */
static void note_merged(struct diagnosis *d, const struct event *e)
{
        struct coalesced *u;

        drop_answered(d, e->time_ns);
        if (d->n_coalesced == COALESCED_MAX)
                return;
        u = &d->coalesced[d->n_coalesced++];
        *u = (struct coalesced){
                .child = e->actor,
                .parent = e->target,
                .seq = e->seq,
                .since_ns = e->time_ns,
        };
        /* It is the whole process that is to be reaped. */
        u->child.tid = u->child.pid;
        u->child.tid_start = u->child.start;
        model_ask(d->model, ASK_TASK_STATE, &u->child, e->time_ns + FIRST_LOOK_NS);
}

/* A parent that is stopped or traced has not had its turn; nor has one that is yet to take the signal. */
static bool is_forgotten(const struct coalesced *u, const struct event *e)
{
        return e->state == 'Z' && !e->tracer.pid && task_same_process(&e->parent, &u->parent) &&
               e->parent_state && strchr("RSD", e->parent_state) && !e->parent_tracer &&
               !(e->parent_pending & SIGNAL_MASK(SIGCHLD));
}

static void say_forgotten(struct finding *f, const struct task_ref *child, uint64_t count)
{
        char name[WORD_MAX], other[WORD_MAX];

        f->summary[0] = '\0';
        say(SENTENCE(f->summary), "%s left ", word_process(&f->target, name));
        if (count > 1)
                say(SENTENCE(f->summary),
                    "%" PRIu64 " children unreaped (the last one is %s): each of them ended while a "
                    "SIGCHLD was already pending",
                    count, word_process(child, other));
        else
                say(SENTENCE(f->summary),
                    "its child %s unreaped: it ended while another SIGCHLD was already pending",
                    word_process(child, other));
        say(SENTENCE(f->summary),
            ", so one signal stood for several children, and the program waited for fewer. It sleeps, and no "
            "SIGCHLD is pending");
}

static void report_forgotten(struct diagnosis *d, const struct rule *r, const struct coalesced *u,
                             const struct event *e)
{
        struct process *p = process_get(d->model, &u->parent);
        struct finding f, *known = p ? model_last_finding(d->model, r->code, p, 0) : NULL;

        if (known)
                say_forgotten(known, &u->child, known->count + 1);
        finding_begin(d->model, &f, r, e);
        f.target = u->parent;
        f.target.tid = 0;
        process_name(d->model, &f.target);
        if (u->seq) {
                f.evidence[0] = u->seq;
                f.evidence[1] = e->seq;
                f.n_evidence = e->seq ? 2 : 1;
        }
        say_forgotten(&f, &u->child, 1);
        say(SENTENCE(f.remedy),
            "let its handler wait until there is no more: while (waitpid(-1, &status, WNOHANG) > 0); as "
            "signals are not counted");
        model_report(d->model, &f);
}

static void look_after(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        for (size_t i = 0; i < d->n_coalesced; i++) {
                struct coalesced *u = &d->coalesced[i];
                bool forgotten;

                if (!task_same_process(&u->child, &e->target) || e->time_ns < u->since_ns + FIRST_LOOK_NS)
                        continue;
                forgotten = is_forgotten(u, e);
                if (forgotten && e->time_ns < u->since_ns + SECOND_LOOK_NS) {
                        u->seen = true;
                        model_ask(d->model, ASK_TASK_STATE, &u->child, u->since_ns + SECOND_LOOK_NS);
                        return;
                }
                if (forgotten && u->seen && e->parent_state == 'S')
                        report_forgotten(d, r, u, e);
                *u = d->coalesced[--d->n_coalesced];
                return;
        }
}

void rule_sigchld_coalesced(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        if (e->type == EV_TASK_STATE)
                look_after(d, r, e);
        else if (is_merged_end(e))
                note_merged(d, e);
}
