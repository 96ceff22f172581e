/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Debuggers that are reached over TCP: Xdebug and its client, Delve and its. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/wording.h"

#define GAVE_UP_NS (100 * NSEC_PER_MSEC) /* a connect that its caller ended sooner tells nothing */
#define NO_PTRACE  "Xdebug uses neither ptrace nor SIGTRAP: it connects to a DBGp client, such as an IDE"
#define SETTINGS   "xdebug.client_host and xdebug.client_port"

/* Addresses of a trace may hold any byte, as its names may. */
static const char *word_address(const char *address, char buf[WORD_MAX])
{
        return text_escape(address, buf, WORD_MAX);
}

static bool is_own_loopback(const char *address)
{
        return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0;
}

/* A server's workers are one program with one setting: they are told as their master. */
static struct event by_group(const struct event *e)
{
        struct event ret = *e;

        if (e->parent.pid > 1 && strcmp(e->parent.comm, e->target.comm) == 0)
                ret.target = e->parent;
        ret.target.tid = 0;
        return ret;
}

static void begin_about(struct model *m, struct finding *f, const struct rule *r, const struct event *e)
{
        struct event about = by_group(e);
        char target[WORD_MAX], worker[WORD_MAX];

        finding_begin(m, f, r, &about);
        say(SENTENCE(f->summary), "%s", word_process(&f->target, target));
        if (about.target.pid != e->target.pid)
                say(SENTENCE(f->summary), ", in its worker %s,", word_tool(&e->target, worker));
}

static void say_remedy(struct finding *f, const struct event *e)
{
        if (e->other_netns && is_own_loopback(e->remote))
                say(SENTENCE(f->remedy),
                    "the process is in a network namespace of its own, as in a container, where that "
                    "address is not the host's: set xdebug.client_host to an address of the machine the "
                    "client is on, and have the client listen there");
        else
                say(SENTENCE(f->remedy),
                    "have the client listen at port %" PRIu32 ", or set " SETTINGS " to where it listens",
                    e->port);
        say(SENTENCE(f->remedy),
            "; where nobody is to debug, xdebug.start_with_request=trigger or xdebug.mode=off stops the "
            "attempts");
}

/* ---- debugger-port-conflict: the connect failed ---------------------------------------------------- */

/* NULL: what happened does not tell. */
static const char *cause_of_failure(const struct event *e)
{
        switch (e->error) {
        case ECONNREFUSED:
                return "nobody-listens";
        case ETIMEDOUT:
        case EHOSTUNREACH:
        case ENETUNREACH:
                return "timed-out";
        case 0:
                return e->waited_ns >= GAVE_UP_NS ? "timed-out" : NULL;
        default:
                return NULL;
        }
}

static void say_failure(struct model *m, struct finding *f, const struct event *e)
{
        const struct listener *l = listener_at(&m->net, e->netns, e->port);
        char address[WORD_MAX], who[WORD_MAX], other[WORD_MAX], lasted[64];

        say(SENTENCE(f->summary),
            " could not start an Xdebug session: " SETTINGS " (or what overrides them) say %s, ",
            word_address(e->remote, address));
        if (e->error == ECONNREFUSED)
                say(SENTENCE(f->summary), "where the connection was refused, so nobody listens there%s",
                    is_own_loopback(e->remote) ? "" : ", or a firewall refuses it");
        else if (e->error)
                say(SENTENCE(f->summary), "and the machine there cannot be reached (%s)",
                    errno_name(e->error, who, sizeof(who)));
        else
                say(SENTENCE(f->summary), "and nothing answered within %s",
                    text_duration(e->waited_ns, lasted, sizeof(lasted)));
        if (l && !l->closed && l->task.pid)
                say(SENTENCE(f->summary), "; %s listens at that port, at %s", word_process(&l->task, who),
                    word_address(l->local, other));
        say(SENTENCE(f->summary), ". " NO_PTRACE);
}

static struct event failure_of(const struct attempt *a)
{
        struct event e = {
                .type = EV_NET_CONNECT,
                .change = NET_FAILED,
                .target = a->target,
                .parent = a->parent,
                .seq = a->seq,
                .time_ns = a->time_ns,
                .wall_ns = a->wall_ns,
                .waited_ns = a->waited_ns,
                .netns = a->netns,
                .port = a->port,
                .error = a->error,
                .other_netns = a->other_netns,
        };

        memcpy(e.remote, a->remote, sizeof(e.remote));
        return e;
}

static struct attempt attempt_from(const struct rule *r, const struct event *e)
{
        struct attempt a = {
                .rule = r,
                .target = e->target,
                .parent = e->parent,
                .seq = e->seq,
                .time_ns = e->time_ns,
                .wall_ns = e->wall_ns,
                .waited_ns = e->waited_ns,
                .netns = e->netns,
                .port = e->port,
                .error = e->error,
                .other_netns = e->other_netns,
                .due_ns = e->time_ns + ATTEMPT_WAIT_NS,
        };

        memcpy(a.remote, e->remote, sizeof(a.remote));
        return a;
}

static void tell_failure(struct diagnosis *d, const struct attempt *a)
{
        struct event e = failure_of(a);
        const char *cause = cause_of_failure(&e);
        struct finding f;

        if (!cause)
                return;
        begin_about(d->model, &f, a->rule, &e);
        say(SENTENCE(f.cause), "%s", cause);
        say_failure(d->model, &f, &e);
        say_remedy(&f, &e);
        model_report(d->model, &f);
}

void attempts_expire(struct diagnosis *d, uint64_t now_ns)
{
        struct attempts *all = &d->attempts;
        size_t kept = 0;

        for (size_t i = 0; i < all->n; i++) {
                if (all->list[i].due_ns <= now_ns)
                        tell_failure(d, &all->list[i]);
                else if (kept++ != i)
                        all->list[kept - 1] = all->list[i];
        }
        all->n = kept;
}

static struct attempt *attempt_of(struct attempts *all, const struct event *e)
{
        for (size_t i = 0; i < all->n; i++)
                if (task_same_process(&all->list[i].target, &e->target) && all->list[i].port == e->port)
                        return &all->list[i];
        return NULL;
}

static void note_failure(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct attempts *all = &d->attempts;
        struct attempt *a = attempt_of(all, e);

        if (!a) {
                if (all->n == ATTEMPTS_MAX)
                        attempts_expire(d, all->list[0].due_ns);
                a = &all->list[all->n++];
        }
        *a = attempt_from(r, e);
        model_ask(d->model, ASK_NET_STATE, &e->target, a->due_ns);
}

static void forget_failure(struct diagnosis *d, const struct event *e)
{
        struct attempts *all = &d->attempts;
        struct attempt *a = attempt_of(all, e);

        if (!a)
                return;
        memmove(a, a + 1, (size_t)(all->list + --all->n - a) * sizeof(*a));
}

/* ---- debugger-port-conflict: it was let in, and not a byte came ---------------------------------------- */

static void say_other_port(struct finding *f, const struct task_ref *holder, uint32_t port)
{
        char who[WORD_MAX];

        if (holder->pid)
                say(SENTENCE(f->remedy), "see whether %s is the client you mean; if not, end it or",
                    word_tool(holder, who));
        else
                say(SENTENCE(f->remedy), "see who listens at port %" PRIu32 " (ss -ltnp), and", port);
        say(SENTENCE(f->remedy),
            " have the client listen at another port, and set xdebug.client_port to that");
}

/* A DBGp client always sends a command, if only to let the program run; unless it has no room for a session. */
static void tell_unanswered(struct model *m, const struct rule *r, const struct event *e)
{
        const struct listener *l = listener_behind(&m->net, e);
        struct task_ref holder = l && !l->closed ? l->task : (struct task_ref){};
        bool is_client = holder.pid && l->served;
        char address[WORD_MAX], who[WORD_MAX] = "whoever listens there";
        struct finding f;

        begin_about(m, &f, r, e);
        process_name(m, &holder);
        f.other_pid = holder.pid;
        say(SENTENCE(f.cause), "%s", is_client ? "client-busy" : "held-by-other");
        if (holder.pid)
                word_process(&holder, who);
        say(SENTENCE(f.summary),
            " connected to %s to start an Xdebug session, and %s closed the connection without having sent a "
            "single byte: ",
            word_address(e->remote, address), who);
        say(SENTENCE(f.summary), "%s. " NO_PTRACE,
            is_client ? "it has answered others, so it takes no further session now"
                      : "no DBGp client does that, unless it takes no further session");
        if (is_client)
                say(SENTENCE(f.remedy), "end the session that %s is in, or let it take more than one",
                    word_tool(&holder, who));
        else
                say_other_port(&f, &holder, e->port);
        model_report(m, &f);
}

void rule_debugger_port_conflict(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        if (e->type != EV_NET_CONNECT || !e->xdebug || e->server || !e->target.pid)
                return; /* a net.state is only there so that time passes */
        switch (e->change) {
        case NET_FAILED:
                note_failure(d, r, e);
                break;
        case NET_OPENED:
                forget_failure(d, e);
                break;
        case NET_PEER_ENDED:
                if (received_nothing(e))
                        tell_unanswered(d->model, r, e);
                break;
        default:
                break;
        }
}
