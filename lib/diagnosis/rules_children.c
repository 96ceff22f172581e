/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Children whose end their parent does not learn of. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/wording.h"

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
 * handler: what it reaped, it knows.
 */
static bool was_stolen(const struct event *e)
{
        bool same_thread = e->actor.tid == e->target.tid;

        return lost_its_child(e, LOST_TO_WAIT) && e->actor.pid && e->info_pid < 1 &&
               (!same_thread || e->disposition == DISP_HANDLER);
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
        if (!lost_its_child(e, LOST_TO_KERNEL) || !e->sigchld_ignored ||
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
