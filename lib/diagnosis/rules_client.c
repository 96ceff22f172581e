/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Debuggers with a client of their own: a PHP program that is held while its client waits, and a Delve whose
 * client has gone. */

#include <inttypes.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/wording.h"

#define AGAIN_MAX \
        5 /* a session is looked at after 2, 4, 8, ... times the threshold, and then at that pace */

/* Whether it still lasts, or another began, may have been among what was lost. */
static bool lost_some_since(const struct model *m, uint64_t since_ns)
{
        return m->last_loss_ns > since_ns;
}

/* ---- dbgp-stalled ---------------------------------------------------------------------------------------- */

static void tell_stalled(struct model *m, const struct rule *r, const struct event *e, struct connection *c)
{
        const struct slot *slot = thread_of(m, &e->target)->slot;
        struct task_ref tracer = slot->s.tracer, peer = c->peer;
        char target[WORD_MAX], who[WORD_MAX], client[WORD_MAX] = "its client", lasted[64];
        struct finding f;

        finding_begin(m, &f, r, e);
        process_name(m, &tracer);
        process_name(m, &peer);
        f.target.tid = 0;
        f.other_pid = tracer.pid;
        f.evidence[0] = c->seq;
        f.evidence[1] = e->seq;
        f.n_evidence = e->seq && c->seq ? 2 : f.n_evidence;
        if (peer.pid)
                word_process(&peer, client);
        say(SENTENCE(f.summary),
            "%s is in an Xdebug session, and has been held in a ptrace-stop by %s for %s: %s gets no answer "
            "from it before it goes on. Xdebug itself uses neither ptrace nor SIGTRAP",
            word_process(&f.target, target), word_process(&tracer, who),
            text_duration(session_idle_ns(&slot->s, e->time_ns), lasted, sizeof(lasted)), client);
        say(SENTENCE(f.remedy), "let it continue in %s, or ", word_tool(&tracer, who));
        finding_say_release(&f, &tracer, &slot->s);
        model_report(m, &f);
}

/* When the tracer will have been idle for long enough, or a while later where it is at work. */
static void look_later(struct model *m, const struct task_ref *task, struct connection *c, uint64_t idle_ns)
{
        uint64_t limit = m->thresholds.dbgp_stalled_ns, wait = limit << MIN_OF(c->n_looks, AGAIN_MAX);

        if (idle_ns && idle_ns < limit)
                wait = limit - idle_ns;
        if (c->n_looks < AGAIN_MAX)
                c->n_looks++;
        model_ask(m, ASK_TASK_STATE, task, m->now_ns + wait);
}

static void stall_seen(struct model *m, const struct rule *r, const struct event *e, struct connection *c)
{
        const struct thread *t = thread_of(m, &e->target);
        uint64_t idle = t && t->slot ? session_idle_ns(&t->slot->s, e->time_ns) : 0;

        if (!t || !t->slot)
                return;
        if (e->state == 't' && e->tracer.pid == t->slot->s.tracer.pid &&
            idle >= m->thresholds.dbgp_stalled_ns)
                tell_stalled(m, r, e, c);
        else
                look_later(m, &e->target, c, e->state == 't' ? idle : 0);
}

void rule_dbgp_stalled(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        struct connection *c = connection_of(&m->net, &e->target);
        const struct thread *t = c ? thread_of(m, &e->target) : NULL;

        if (!c || !c->xdebug || lost_some_since(m, c->since_ns) ||
            (e->type == EV_NET_CONNECT && (e->change != NET_OPENED || !t || !t->slot)))
                return;
        if (e->type == EV_TASK_STATE) {
                stall_seen(m, r, e, c);
                return;
        }
        c->n_looks = 0;
        look_later(m, &e->target, c, 0);
}

/* ---- tracer-stale, where the client is gone ---------------------------------------------------------------- */

static void tell_client_gone(struct model *m, const struct rule *r, const struct event *e,
                             const struct listener *l)
{
        const struct slot *slot = thread_of(m, &e->target)->slot;
        struct task_ref tracer = e->tracer;
        char target[WORD_MAX], who[WORD_MAX], address[WORD_MAX], at[WORD_MAX];
        bool stopped = e->state == 't';
        struct finding f;

        finding_begin(m, &f, r, e);
        process_name(m, &tracer);
        f.target.tid = 0;
        f.other_pid = tracer.pid;
        /* One that was left running on purpose does no harm before it runs into a breakpoint. */
        f.severity = stopped ? SEVERITY_WARNING : SEVERITY_INFO;
        say(SENTENCE(f.cause), "client-gone");
        say(SENTENCE(f.summary), "%s %s %s, and the last client of it left at %s: nobody gives it commands",
            word_process(&tracer, who), stopped ? "holds in a stop" : "traces, and has left running,",
            word_process(&f.target, target), word_clock(l->client_gone_wall_ns, at));
        if (!l->closed)
                say(SENTENCE(f.summary), ", though it still listens at %s",
                    text_escape(l->local, address, sizeof(address)));
        say(SENTENCE(f.remedy), "%s%s%s", l->closed ? "" : "connect to it again: dlv connect ",
            l->closed ? "" : text_escape(l->local, address, sizeof(address)), l->closed ? "" : "; or ");
        finding_say_release(&f, &tracer, &slot->s);
        model_report(m, &f);
}

/* Of its tracees one is asked about: Delve has one process, and stops or runs all its threads. */
static void client_left(struct model *m, const struct event *e)
{
        const struct listener *l = listener_at(&m->net, e->netns, e->port);
        struct process *tracer = l && l->task.pid ? process_of(m, &l->task) : NULL;

        if (!tracer || l->n_clients || l->client_gone_ns != e->time_ns || list_empty(&tracer->tracees))
                return;
        model_ask(m, ASK_TASK_STATE, &LIST_ENTRY(tracer->tracees.next, struct slot, of_tracer)->s.target,
                  e->time_ns + m->thresholds.client_gone_ns);
}

void net_client_gone(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct model *m = d->model;
        const struct listener *l;
        const struct thread *t;

        if (e->type == EV_NET_CONNECT && e->server) {
                client_left(m, e);
                return;
        }
        l = e->type == EV_TASK_STATE && e->tracer.pid ? listener_of(&m->net, &e->tracer) : NULL;
        t = l ? thread_of(m, &e->target) : NULL;
        if (t && t->slot && !l->n_clients && l->client_gone_ns && !lost_some_since(m, l->since_ns) &&
            e->time_ns >= l->client_gone_ns + m->thresholds.client_gone_ns)
                tell_client_gone(m, r, e, l);
}
