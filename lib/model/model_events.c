/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Events into state: what each type changes in what the model remembers. No findings here. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>

#include "lib/base/cleanup.h"
#include "lib/event/tools.h"
#include "lib/model/model_state.h"

static void ask_who(struct model *m, struct process *p)
{
        if (!p || p->asked || p->info_known || !p->alive)
                return;
        p->asked = true;
        model_ask(m, ASK_TASK_INFO, &p->task, m->now_ns);
}

/* A child that is traced from its birth on is so as the one that forked it. */
static void inherit_session(const struct model *m, const struct event *e, struct session *s)
{
        const struct process *forker = process_of(m, &e->parent);

        if (!forker || list_empty(&forker->threads))
                return;
        LIST_FOREACH (it, &forker->threads) {
                const struct thread *t = LIST_ENTRY(it, struct thread, in_process);

                if (!t->slot || &t->slot->s == s || t->slot->s.tracer.pid != e->tracer.pid)
                        continue;
                s->options = s->options ?: t->slot->s.options;
                s->calls_unseen |= t->slot->s.calls_unseen;
                return;
        }
}

/* Found in /proc a moment before its record came. */
static void see_attach(const struct model *m, struct slot *s, const struct event *e)
{
        if (s->s.origin != ORIGIN_SCAN || e->origin != ORIGIN_KERNEL)
                return;
        s->s.origin = ORIGIN_KERNEL;
        s->s.missed = false;
        s->s.calls_unseen = e->calls_unseen || m->counts_no_calls;
        s->s.how = (int)e->type;
        s->s.vpid = e->vpid;
}

/* Was it stopped already? */
static void note_stop_at_link(struct model *m, struct process *p, const struct event *e)
{
        struct history *h;
        bool seen = p->state == 'T' && p->n_traced == 0; /* and by nobody continued since */

        if (!seen && e->origin != ORIGIN_SCAN)
                return;
        h = process_history(m, p);
        if (h && seen)
                h->stop.older = true;
        else if (h && !h->stop.tracer.pid)
                h->stop.unknown = true;
}

static void note_calls(struct process *p)
{
        if (p->calls_ptrace)
                return;
        p->calls_ptrace = true;
        LIST_FOREACH (it, &p->tracees)
                LIST_ENTRY(it, struct slot, of_tracer)->s.tracer_called = true;
}

static void apply_link(struct model *m, const struct event *e)
{
        struct process *target = process_get(m, &e->target), *tracer = process_get(m, &e->tracer);
        struct thread *t;
        uint32_t tid = e->target.tid ?: e->target.pid;

        if (!target || !tracer || target == tracer)
                return;
        /* A scan reads /proc while things end: what is known to be dead stays dead. */
        if (!target->alive || !tracer->alive)
                return;
        t = thread_get(m, target, tid, e->target.tid_start ?: tid == e->target.pid ? e->target.start : 0);
        if (!t)
                return;
        if (t->slot && t->slot->s.tracer.tid == (e->tracer.tid ?: e->tracer.pid) &&
            t->slot->tracer == tracer) {
                t->slot->s.ptrace = e->ptrace ?: t->slot->s.ptrace;
                t->slot->s.options |= e->options;
                see_attach(m, t->slot, e);
                return;
        }
        note_stop_at_link(m, target, e);
        if (e->type == EV_PTRACE_ATTACH || e->type == EV_PTRACE_SEIZE)
                note_calls(tracer);
        /* A slot holds one tracer: the earlier one left unseen. */
        if (t->slot)
                slot_end(m, t->slot, DETACHED_UNSEEN);
        if (!slot_begin(m, t, tracer, e))
                return;
        if (e->type == EV_PTRACE_AUTOATTACH)
                inherit_session(m, e, &t->slot->s);
        ask_who(m, tracer);
        ask_who(m, target);
}

/* A detach that comes after its slot was found empty says how the session really ended. */
static void correct_end(struct process *p, const struct event *e)
{
        if (p && p->history && p->history->ended.cause == DETACHED_UNSEEN &&
            p->history->ended.tracer.pid == e->tracer.pid)
                p->history->ended.cause = e->cause;
}

static void apply_detach(struct model *m, const struct event *e)
{
        struct thread *t = thread_of(m, &e->target);
        bool same;

        if (!t || !t->slot) {
                correct_end(process_of(m, &e->target), e);
                return;
        }
        same = !e->tracer.pid || (t->slot->s.tracer.pid == e->tracer.pid &&
                                  (!e->tracer.tid || t->slot->s.tracer.tid == e->tracer.tid));
        if (same) {
                t->slot->s.wrote = e->wrote;
                slot_end(m, t->slot, e->cause ?: DETACHED_UNSEEN);
        } else
                correct_end(t->process, e);
}

/* A signal ends all threads; of an exit it is known only when the last one has gone, or has not. */
static bool ends_alone(const struct event *e)
{
        return !e->group_dead && !(e->status & 0x7f);
}

static void apply_tracer_exit(struct model *m, const struct event *e)
{
        struct process *tracer = process_of(m, &e->target);
        uint32_t tid = e->target.tid ?: e->target.pid;

        if (!tracer)
                return;
        LIST_FOREACH (it, &tracer->tracees) {
                struct slot *s = LIST_ENTRY(it, struct slot, of_tracer);
                struct process *p = s->thread->process;

                bool holds = is_holder(&s->s.tracer);

                if (s->s.tracer.tid != tid)
                        continue;
                if (ends_alone(e))
                        slot_end_with_thread(m, s);
                else
                        slot_end(m, s, DETACHED_TRACER_EXIT);
                if (!p->history || holds)
                        continue;
                p->history->ended.status_known = true;
                p->history->ended.tracer_status = e->status;
                p->history->ended.killer = e->status & 0x7f ? tracer->killer : (struct task_ref){};
                p->history->ended.killer_uid = tracer->killer_uid;
                p->history->ended.seq = e->seq;
        }
}

/* The session of a tracee as its tracer numbers it. */
static struct slot *slot_of_request(struct model *m, const struct event *e, uint32_t tracee)
{
        const struct process *tracer;
        struct thread *t = thread_find(m, tracee, 0);

        if (t && t->slot && (!e->tracer.tid || t->slot->s.tracer.tid == e->tracer.tid))
                return t->slot;
        tracer = process_find(m, e->tracer.pid ?: e->tracer.tid, e->tracer.start);
        if (!tracer)
                return NULL;
        LIST_FOREACH (it, &tracer->tracees) {
                struct slot *s = LIST_ENTRY(it, struct slot, of_tracer);

                if (s->s.vpid == tracee && (!e->tracer.tid || s->s.tracer.tid == e->tracer.tid))
                        return s;
        }
        return NULL;
}

/* Whoever makes requests knows that it is a tracer, even where they fail. */
static void note_caller(struct model *m, const struct event *e)
{
        struct process *caller = process_find(m, e->tracer.pid ?: e->tracer.tid, e->tracer.start);

        if (caller)
                note_calls(caller);
}

static void apply_counter(struct model *m, const struct event *e)
{
        struct process *p;
        struct slot *s;

        if (e->of_type == EV_NONE) {
                note_caller(m, e);
                s = slot_of_request(m, e, e->target.tid ?: e->target.pid);
                if (!s)
                        return;
                s->s.n_requests += e->count;
                if (e->request == PTRACE_INTERRUPT) {
                        s->s.n_interrupts += e->count;
                        s->s.asked_ns = s->s.asked_ns ?: e->first_ns ?: e->time_ns;
                }
                s->s.last_active_ns = MAX_OF(s->s.last_active_ns, e->time_ns);
                return;
        }
        p = process_of(m, &e->target);
        if (p && p->history && e->of_type == EV_PTRACE_PLANT)
                p->history->planted.uncertain = true;
        if (!p || e->of_type != EV_SIGNAL_GENERATE)
                return;
        /* The counter does not say which thread: the first of that tracer stands for all. */
        if (e->sig == SIGTRAP && e->tracer.pid)
                LIST_FOREACH (it, &p->threads) {
                        s = LIST_ENTRY(it, struct thread, in_process)->slot;
                        if (!s || s->s.tracer.pid != e->tracer.pid)
                                continue;
                        s->s.n_traps += e->count;
                        return;
                }
        if (e->sig == SIGCHLD && e->code == CLD_TRAPPED && p->n_tracees == 1)
                LIST_ENTRY(p->tracees.next, struct slot, of_tracer)->s.n_stops += e->count;
}

/* A stop is reported to the tracer's process: find whose. */
static void apply_stop_report(struct model *m, const struct event *e)
{
        const struct process *tracer = process_of(m, &e->target);
        struct thread *t = thread_of(m, &e->actor);

        if (!tracer || (e->code != CLD_TRAPPED && e->code != CLD_STOPPED))
                return;
        if (t && t->slot && t->slot->tracer == tracer)
                t->slot->s.n_stops++;
}

static void note_stop_since(struct history *h, const struct event *e)
{
        if (h->stop.since_ns)
                return;
        h->stop.since_ns = e->time_ns;
        h->stop.since_wall_ns = e->wall_ns;
}

static void note_stop_signal(struct model *m, struct process *p, const struct event *e)
{
        struct history *h;
        bool by_tracer = e->sender_is_tracer || (e->priv && e->code == SI_CODE_INT3);

        if (!p || (e->sig == SIGCONT && !p->history))
                return;
        h = process_history(m, p);
        if (!h)
                return;
        if (e->sig == SIGCONT) {
                memset(&h->stop, 0, sizeof(h->stop));
                p->state = 0;
                return;
        }
        if (e->type == EV_SIGNAL_DELIVER) {
                h->stop.delivered = true;
                return;
        }
        if (!by_tracer) {
                h->stop.by_other = true;
                h->stop.other = e->actor;
                note_stop_since(h, e);
                return;
        }
        h->stop.tracer = e->actor;
        h->stop.seq = e->seq;
        h->stop.at_ns = e->time_ns;
}

/*
 * The stop of a process that a tracer attaches to is told to that tracer, before the attach itself has come
 * to its end. What a tracer has passed on is delivered first.
 */
static bool was_stopped_before(const struct process *p, const struct history *h, const struct event *e)
{
        bool to_tracer = h->stop.tracer.pid && task_same_process(&h->stop.tracer, &e->target);
        bool over = h->ended.cause && h->ended.until_ns >= h->stop.at_ns;

        if (h->stop.tracer.pid)
                return to_tracer && !h->stop.delivered && (p->n_traced || !over);
        return p->n_traced == 0;
}

/* What parents, and tracers, are told of stops: whose a stop is that no SIGSTOP was seen for. */
static void note_stop_report(struct model *m, const struct event *e)
{
        struct process *p = e->code == CLD_STOPPED ? process_get(m, &e->actor) : process_of(m, &e->actor);
        struct history *h = p && p->alive ? process_history(m, p) : NULL;

        if (!h)
                return;
        if (e->code == CLD_CONTINUED) {
                h->stop.older = h->stop.by_other = false;
                h->stop.since_ns = h->stop.since_wall_ns = 0;
                p->state = 0;
        } else if (was_stopped_before(p, h, e)) {
                h->stop.older = true;
                if (!h->stop.tracer.pid)
                        note_stop_since(h, e);
        }
}

/* Whoever asks later why a breakpoint was left behind wants to know who ended the debugger. */
static void note_killer(struct process *p, const struct event *e)
{
        if (!p || e->priv || e->actor.pid == e->target.pid)
                return;
        p->killer = e->actor;
        p->killer_uid = e->caller_uid;
}

/* The kernel says that somebody traces it, and no attach was seen. */
static void ask_tracer(struct model *m, const struct task_ref *tracee)
{
        struct process *p = process_get(m, tracee);

        if (!p || !p->alive || p->n_traced ||
            (p->unseen_asked_ns && m->now_ns < p->unseen_asked_ns + UNSEEN_AGAIN_NS))
                return;
        p->unseen_asked_ns = m->now_ns;
        model_ask(m, ASK_TRACER, &p->task, m->now_ns + UNSEEN_WAIT_NS);
}

static void apply_signal(struct model *m, const struct event *e)
{
        bool generate = e->type == EV_SIGNAL_GENERATE;
        struct thread *t = thread_of(m, &e->target);

        if (e->tracer.pid)
                ask_tracer(m, &e->target);
        if (generate && e->sig == SIGCHLD && e->code == CLD_TRAPPED) /* nobody but a tracer is told so */
                ask_tracer(m, &e->actor);
        if (t && t->slot && e->ptrace) {
                t->slot->s.ptrace = e->ptrace;
                t->slot->s.options = options_of_ptrace(e->ptrace);
        }
        if (e->sig == SIGTRAP) {
                struct process *p = process_get(m, &e->target);

                if (t && t->slot && generate)
                        t->slot->s.n_traps++;
                if (p && !e->tracer.pid)
                        ask_who(m, p);
        } else if ((e->sig == SIGKILL || e->sig == SIGTERM) && generate)
                note_killer(process_of(m, &e->target), e);
        else if (e->sig == SIGCHLD && generate) {
                apply_stop_report(m, e);
                if (e->code == CLD_STOPPED || e->code == CLD_CONTINUED)
                        note_stop_report(m, e);
        } else if (e->sig == SIGSTOP || (e->sig == SIGCONT && generate))
                note_stop_signal(m, process_get(m, &e->target), e);
}

static void apply_refused(struct model *m, const struct event *e)
{
        ask_who(m, process_get(m, &e->actor));
        if (e->error != ESRCH)
                ask_who(m, process_get(m, &e->target));
        if (e->tracer.pid)
                ask_who(m, process_get(m, &e->tracer));
}

static void apply_wait(struct model *m, const struct event *e)
{
        const struct process *waiter = process_of(m, &e->target);
        struct thread *t;

        if (!waiter || waiter->n_tracees == 0)
                return;
        t = e->actor.pid ? thread_find(m, e->actor.tid ?: e->actor.pid, 0) : NULL;
        if (t && t->slot && t->slot->tracer == waiter)
                t->slot->s.last_active_ns = e->time_ns;
}

static void apply_sigaction(struct model *m, const struct event *e)
{
        struct process *p;
        struct history *h;

        if (e->sig != SIGTRAP)
                return;
        p = process_get(m, &e->target);
        h = p ? process_history(m, p) : NULL;
        if (!h)
                return;
        h->trap.known = true;
        h->trap.handler = e->handler;
        h->trap.seq = e->seq;
}

/* A breakpoint that is there is moved to the end: the last one is the one that was planted last. */
static void forget_plant(struct plants *plants, uint64_t address)
{
        uint32_t kept = 0;

        for (uint32_t i = 0; i < plants->n; i++)
                if (plants->addresses[i] != address)
                        plants->addresses[kept++] = plants->addresses[i];
        plants->n = kept;
}

static void apply_plant(struct model *m, const struct event *e)
{
        struct process *p = e->executable ? process_of(m, &e->target) : NULL;
        struct history *h = p && p->alive ? process_history(m, p) : NULL;

        if (!h)
                return;
        if (!task_same_process(&h->planted.tracer, &e->tracer))
                h->planted = (struct plants){.tracer = e->tracer};
        forget_plant(&h->planted, e->ip);
        if (h->planted.n == PLANTS_MAX)
                h->planted.uncertain = true;
        else if (!e->removed)
                h->planted.addresses[h->planted.n++] = e->ip;
        h->planted.at_ns = e->time_ns;
        h->planted.seq = e->seq;
        h->lost = (struct plants){};
}

static bool has_only_looked(const struct departure *d)
{
        return d->cause == DETACHED_BY_CALL && d->wrote == TRACER_WROTE_NOTHING;
}

/* Who runs in its parent's memory has them only until its exec; who is traced has somebody who knows them. */
static uint32_t copied_breakpoints(const struct model *m, const struct process *parent,
                                   const struct event *e)
{
        const struct plants *plants = process_plants(m, parent);

        if (!plants || e->shared_mm || e->tracer.pid || plants->tracer.pid != e->parent_tracer)
                return 0;
        return plants->n;
}

/* A new process has its parent's memory, breakpoints and all, and its parent's dispositions. */
static void inherit(struct model *m, struct process *parent, struct process *child, const struct event *e)
{
        const struct history *from = parent->history;
        struct history *h;

        if (!from && !parent->n_traced && !e->parent_tracer)
                return;
        h = process_history(m, child);
        if (!h)
                return;
        if (from)
                h->trap = from->trap;
        if (from && from->forked.at_ns)
                h->forked = from->forked;
        if (from && from->ended.cause) {
                h->forked.only_looked = has_only_looked(&from->ended);
                h->forked.tracer = from->ended.tracer;
                h->forked.parent = parent->task;
                h->forked.at_ns = e->time_ns;
        }
        if (parent->n_traced || e->parent_tracer) {
                const struct process *tracer = process_find(m, e->parent_tracer ?: parent->slot_pid, 0);

                h->forked.breakpoints = copied_breakpoints(m, parent, e);
                h->forked.only_looked = false;
                h->forked.tracer = tracer ? tracer->task : (struct task_ref){.pid = e->parent_tracer};
                h->forked.parent = parent->task;
                h->forked.at_ns = e->time_ns;
        }
        if (h->forked.at_ns)
                h->forked.seq = e->seq;
}

static void apply_fork(struct model *m, const struct event *e)
{
        struct process *parent = process_of(m, &e->actor), *child;
        struct thread *t;

        if (e->parent_tracer && !parent)
                parent = process_get(m, &e->actor);
        if (!parent)
                return;
        if (!e->thread) {
                child = process_get(m, &e->target);
                if (!child || child == parent)
                        return;
                child->parent = parent->task;
                child->vm_parent = e->shared_mm ? parent->task.pid : 0;
                inherit(m, parent, child, e);
                return;
        }
        if (!parent->n_traced && !e->parent_tracer)
                return;
        t = thread_get(m, parent, e->target.tid, e->target.tid_start);
        if (t && !t->slot)
                t->born_untraced_ns = e->tracer.pid ? 0 : e->time_ns;
}

static char *put_string_at(char **p, const char *s)
{
        char *start = *p;

        *p = stpcpy(start, s) + 1;
        return start;
}

static struct process_info *new_info(const struct event *e)
{
        size_t n = strlen(e->args) + strlen(e->path) + strlen(e->unit) + strlen(e->tty) + 4;
        struct process_info *info = malloc(sizeof(*info) + n);
        char *p = (char *)(info + 1);

        if (!info)
                return NULL;
        info->args = put_string_at(&p, e->args);
        info->path = put_string_at(&p, e->path);
        info->unit = put_string_at(&p, e->unit);
        info->tty = put_string_at(&p, e->tty);
        return info;
}

/* Of all threads only the one that called exec is left, and it is the main thread now. */
static void keep_exec_thread(struct model *m, struct process *p, const struct event *e)
{
        struct thread *survivor = NULL;

        LIST_FOREACH (it, &p->threads) {
                struct thread *t = LIST_ENTRY(it, struct thread, in_process);

                if (t->tid == (e->vpid ?: p->task.pid))
                        survivor = t;
                else
                        thread_drop(m, t, DETACHED_TRACEE_EXIT);
        }
        if (survivor && survivor->tid != p->task.pid)
                thread_rename(m, survivor, p->task.pid, p->task.start);
}

static void apply_exec(struct model *m, const struct event *e)
{
        struct process *p = e->tracer.pid ? process_get(m, &e->target) : process_of(m, &e->target);
        const struct plants *plants;
        struct plants lost = {};
        uint64_t handler;
        bool ignored;

        if (!p || !p->alive)
                return;
        memcpy(p->task.comm, e->target.comm[0] ? e->target.comm : p->task.comm, sizeof(p->task.comm));
        keep_exec_thread(m, p, e);
        if (e->tracer.pid) {
                struct thread *t = thread_find(m, p->task.pid, p->task.start);
                struct event link = *e;

                link.type = EV_PTRACE_ATTACH;
                link.origin = ORIGIN_SCAN;
                link.vpid = 0;
                link.options = 0; /* an exec has none */
                link.target = p->task;
                if (!t || !t->slot)
                        apply_link(m, &link);
        }
        /* New text, without the old breakpoints. An ignored signal stays ignored, a handler does not stay.
         */
        handler = p->history && p->history->trap.known ? p->history->trap.handler : 0;
        ignored = handler == 1;
        plants = process_plants(m, p);
        if (plants)
                lost = *plants;
        process_forget_history(m, p);
        if (lost.n && process_history(m, p))
                p->history->lost = lost;
        if (ignored && process_history(m, p))
                p->history->trap.known = true, p->history->trap.handler = 1;
        p->vm_parent = 0;
        p->execed = true;
        p->exec_ns = e->time_ns;
        free(p->info);
        p->info = new_info(e);
        p->info_known = p->asked = false;
        p->word_bits = 0;
        if (p->n_traced || p->n_tracees)
                ask_who(m, p);
}

static void apply_exit(struct model *m, const struct event *e)
{
        struct process *p = process_of(m, &e->target);
        struct thread *t;

        if (!p)
                return;
        if (e->group_dead) {
                process_die(m, p, e->status);
                return;
        }
        LIST_FOREACH (it, &p->tracees) {
                struct slot *s = LIST_ENTRY(it, struct slot, of_tracer);

                if (s->s.tracer.tid != e->target.tid)
                        continue;
                if (ends_alone(e))
                        slot_end_with_thread(m, s);
                else
                        slot_end(m, s, DETACHED_TRACER_EXIT);
        }
        t = thread_of(m, &e->target);
        if (t && t->process == p)
                thread_drop(m, t, DETACHED_TRACEE_EXIT);
}

static void apply_info(struct model *m, const struct event *e)
{
        struct process *p = process_get(m, &e->target);
        struct process_info *info;

        if (!p)
                return;
        info = new_info(e);
        if (!info)
                return;
        free(p->info);
        p->info = info;
        p->info_known = true;
        p->parent = e->parent;
        p->uid = e->uid;
        p->inner_pid = e->inner_pid;
        p->word_bits = e->word_bits;
}

static void apply_state(struct model *m, const struct event *e)
{
        struct process *p = process_of(m, &e->target);

        if (!p || !p->alive || (e->target.tid != 0 && e->target.tid != e->target.pid))
                return;
        if (e->state == 'X')
                process_die(m, p, 0); /* nobody saw how */
        else
                p->state = (char)e->state;
}

static void apply_scan(struct model *m, const struct event *e)
{
        struct process *p = process_of(m, &e->target);
        struct history *h;

        if (!p || event_scan_kind(e) != SCAN_TRAP)
                return;
        h = process_history(m, p);
        if (!h)
                return;
        h->scans[h->n_scans++ % SCANS_MAX] = (struct scan){
                .address = e->ip,
                .at_ns = e->time_ns,
                .file_known = e->file_known,
                .found_int3 = e->found_int3,
        };
}

static void apply_loss(struct model *m, const struct event *e)
{
        m->last_loss_ns = MAX_OF(m->last_loss_ns, e->time_ns);
}

static void apply_connect(struct model *m, const struct event *e)
{
        if (e->target.pid)
                process_get(m, &e->target);
        connections_note(&m->net, e);
}

static void apply_start(struct model *m, const struct event *e)
{
        bool another_boot = strcmp(m->boot_id, e->boot_id) != 0;

        state_restart(m, another_boot);
        m->now_ns = e->time_ns;
        memcpy(m->boot_id, e->boot_id, sizeof(m->boot_id));
        m->finding_older = true;
        m->sees_no_calls = strcmp(e->path, "proc") == 0;
        m->counts_no_calls = e->calls_unseen;
}

/* What a start finds comes right behind it, before anything that is seen to happen. */
static bool tells_what_was_there(const struct event *e)
{
        return e->type == EV_DAEMON_START || e->type == EV_TASK_INFO ||
               (e->type == EV_PTRACE_ATTACH && e->origin == ORIGIN_SCAN);
}

static void (*const appliers[_EV_MAX])(struct model *m, const struct event *e) = {
        [EV_SIGNAL_GENERATE] = apply_signal,  [EV_SIGNAL_DELIVER] = apply_signal,
        [EV_PTRACE_ATTACH] = apply_link,      [EV_PTRACE_SEIZE] = apply_link,
        [EV_PTRACE_TRACEME] = apply_link,     [EV_PTRACE_AUTOATTACH] = apply_link,
        [EV_PTRACE_DETACH] = apply_detach,    [EV_PTRACE_REFUSED] = apply_refused,
        [EV_TRACER_EXIT] = apply_tracer_exit, [EV_WAIT_REAP] = apply_wait,
        [EV_SIGACTION] = apply_sigaction,     [EV_TASK_FORK] = apply_fork,
        [EV_TASK_EXEC] = apply_exec,          [EV_TASK_EXIT] = apply_exit,
        [EV_COUNTER] = apply_counter,         [EV_LOSS] = apply_loss,
        [EV_TASK_INFO] = apply_info,          [EV_TASK_STATE] = apply_state,
        [EV_PTRACE_PLANT] = apply_plant,      [EV_TEXT_SCAN] = apply_scan,
        [EV_DAEMON_START] = apply_start,      [EV_NET_CONNECT] = apply_connect,
};

void events_apply(struct model *m, const struct event *e)
{
        m->finding_older = m->finding_older && tells_what_was_there(e);
        if (appliers[e->type])
                appliers[e->type](m, e);
}

void events_settle(struct model *m, const struct event *e)
{
        struct process *p =
                e->type == EV_SIGNAL_GENERATE && e->sig == SIGTRAP ? process_of(m, &e->target) : NULL;

        if (p && p->history && p->history->trap.known)
                p->history->trap.handler = e->handler;
}
