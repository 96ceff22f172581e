/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whose handler for SIGTRAP or SIGCHLD a process has. */

#include <signal.h>
#include <string.h>

#include "lib/diagnosis/inquest.h"
#include "lib/event/wording.h"

#define GIVEN_BACK_NS (1 * NSEC_PER_SEC) /* who borrows a handler's place does so for less */
#define GO_RUNTIME    "runtime."         /* its symbols begin so */

static bool is_of(const struct takeover *t, const struct event *e)
{
        return t->used && task_same_process(&t->process, &e->target);
}

/* The former handler is back in its place: nobody has lost anything. */
static bool is_given_back(struct diagnosis *d, const struct event *e)
{
        bool back = false;

        for (size_t i = 0; i < TAKEOVERS_MAX; i++) {
                struct takeover *t = &d->takeovers[i];

                if (!is_of(t, e) || t->sig != e->sig || t->old != e->handler)
                        continue;
                t->used = false;
                back = true;
        }
        return back;
}

static void note_takeover(struct diagnosis *d, const struct event *e)
{
        if (is_given_back(d, e) || e->handler < 2 || e->old_handler < 2 || e->handler == e->old_handler ||
            (e->sig != SIGTRAP && e->sig != SIGCHLD))
                return;
        d->takeovers[d->n_takeovers++ % TAKEOVERS_MAX] = (struct takeover){
                .used = true,
                .process = e->target,
                .sig = e->sig,
                .old = e->old_handler,
                .new = e->handler,
                .seq = e->seq,
                .at_ns = e->time_ns,
        };
}

/* A file, or for Go a part of it: C code that is linked into the program is another module than the runtime. */
static bool other_module(const struct takeover *t)
{
        const size_t n = strlen(GO_RUNTIME);

        if (!t->before.path[0] || !t->after.path[0])
                return false;
        if (strcmp(t->before.path, t->after.path) != 0)
                return true;
        return t->before.symbol[0] && t->after.symbol[0] && strncmp(t->before.symbol, GO_RUNTIME, n) == 0 &&
               strncmp(t->after.symbol, GO_RUNTIME, n) != 0;
}

static void take_spot(struct text_spot *spot, const struct event *e)
{
        spot->known = true;
        spot->file_known = e->file_known;
        spot->address = e->ip;
        memcpy(spot->path, e->path, sizeof(spot->path));
        memcpy(spot->symbol, e->symbol, sizeof(spot->symbol));
}

static void spot_told(struct diagnosis *d, const struct event *e)
{
        bool installed = event_scan_kind(e) == SCAN_INSTALLED;

        if (!installed && event_scan_kind(e) != SCAN_REPLACED)
                return;
        for (size_t i = 0; i < TAKEOVERS_MAX; i++) {
                struct takeover *t = &d->takeovers[i];
                struct text_spot *spot = installed ? &t->after : &t->before;

                if (!is_of(t, e) || spot->known || e->ip != (installed ? t->new : t->old))
                        continue;
                take_spot(spot, e);
                if (!t->before.known || !t->after.known)
                        return;
                t->used = other_module(t);
                if (t->used)
                        model_ask(d->model, ASK_TASK_STATE, &t->process, t->at_ns + GIVEN_BACK_NS);
                return;
        }
}

static void report_takeover(struct diagnosis *d, const struct rule *r, const struct takeover *t,
                            const struct event *e)
{
        char name[WORD_MAX], sig[16];
        struct finding f;

        finding_begin(d->model, &f, r, e);
        f.target.tid = 0;
        if (t->seq) {
                f.evidence[0] = t->seq;
                f.n_evidence = 1;
        }
        signal_name(t->sig, sig, sizeof(sig));
        say(SENTENCE(f.cause), "%s", t->sig == SIGTRAP ? "sigtrap" : "sigchld");
        say(SENTENCE(f.summary), "%s has another handler for %s now: the one", word_process(&f.target, name),
            sig);
        say_spot(SENTENCE(f.summary), &t->before, t->old);
        say(SENTENCE(f.summary), " was replaced by the one");
        say_spot(SENTENCE(f.summary), &t->after, t->new);
        say(SENTENCE(f.summary),
            ", of another module. The former does not see %s unless the latter calls it", sig);
        say(SENTENCE(f.remedy),
            "let the module that comes later keep the handler that it finds (sigaction() returns it) and call "
            "it, or do without one of the two");
        model_report(d->model, &f);
}

static void state_asked(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        for (size_t i = 0; i < TAKEOVERS_MAX; i++) {
                struct takeover *t = &d->takeovers[i];

                if (!is_of(t, e) || !t->before.known || !t->after.known ||
                    e->time_ns < t->at_ns + GIVEN_BACK_NS)
                        continue;
                t->used = false;
                report_takeover(d, r, t, e);
        }
}

void rule_handler_replaced(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        switch (e->type) {
        case EV_SIGACTION:
                note_takeover(d, e);
                break;
        case EV_TEXT_SCAN:
                spot_told(d, e);
                break;
        default:
                state_asked(d, r, e);
        }
}
