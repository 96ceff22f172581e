/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/event/record.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>

#include "bpf/guard_maps.h"
#include "lib/base/cleanup.h"

void task_from_record(struct task_ref *ret, const struct rec_task *t)
{
        *ret = (struct task_ref){
                .pid = t->pid,
                .tid = t->tid,
                .start = t->start_ns / NSEC_PER_TICK,
                .tid_start = t->tid_start_ns / NSEC_PER_TICK,
        };
        memcpy(ret->comm, t->comm, sizeof(ret->comm));
        ret->comm[sizeof(ret->comm) - 1] = '\0';
}

/* A return value of the kernel's as a positive errno. A record may claim any number. */
static int errno_of(int32_t ret)
{
        return ret < 0 && ret != INT32_MIN ? -ret : 0;
}

static int disposition_of(uint64_t handler)
{
        return handler == 0 ? DISP_DEFAULT : handler == 1 ? DISP_IGNORED : DISP_HANDLER;
}

static void signal_event(const void *data, struct event *e)
{
        const struct rec_signal *r = data;

        e->type = r->flags & SIG_F_DELIVER ? EV_SIGNAL_DELIVER : EV_SIGNAL_GENERATE;
        task_from_record(&e->actor, &r->sender);
        task_from_record(&e->target, &r->target);
        task_from_record(&e->tracer, &r->tracer);
        e->parent.pid = r->parent_pid;
        e->parent.start = r->parent_start_ns / NSEC_PER_TICK;
        e->parent_tracer = r->parent_tracer;
        e->sig = r->sig;
        e->code = r->code;
        e->result = r->result;
        e->handler = r->handler;
        e->disposition = disposition_of(r->handler);
        e->sa_flags = r->sa_flags;
        e->ip = r->ip;
        e->info_pid = r->info_pid;
        e->info_status = r->info_status;
        e->ptrace = r->ptrace;
        e->caller_uid = r->uid;
        e->group = r->flags & SIG_F_GROUP;
        e->blocked = r->flags & SIG_F_BLOCKED;
        e->residue = r->flags & SIG_F_RESIDUE;
        e->noinfo = r->flags & SIG_F_NOINFO;
        e->priv = r->flags & SIG_F_PRIV;
        e->execed = r->flags & SIG_F_EXECED;
        e->forced_blocked = r->flags & SIG_F_FORCED_BLOCK;
        e->forced_ignored = r->flags & SIG_F_FORCED_IGN;
        e->sender_is_tracer = r->flags & SIG_F_SENDER_TRACES;
        e->queued = r->flags & SIG_F_QUEUED;
        e->awaited = r->flags & SIG_F_AWAITED;
        e->sibling_tracer = r->sibling_tracer;
}

static enum event_type attach_type(const struct rec_attach *r)
{
        if (r->ret)
                return EV_PTRACE_REFUSED;
        switch (r->request) {
        case PTRACE_TRACEME:
                return EV_PTRACE_TRACEME;
        case PTRACE_SEIZE:
                return EV_PTRACE_SEIZE;
        default:
                return EV_PTRACE_ATTACH;
        }
}

static void attach_event(const void *data, struct event *e)
{
        const struct rec_attach *r = data;

        e->type = attach_type(r);
        task_from_record(&e->target, &r->target);
        e->request = r->request;
        e->options = r->options;
        e->vpid = r->vpid;
        e->ns_level = r->ns_level;
        e->ptrace = r->ptrace;
        e->yama = -1;
        memcpy(e->modules, MODULES_UNKNOWN, sizeof(MODULES_UNKNOWN));
        /* A traceme is asked for by the tracee: the one who traces it then is its parent, the holder here.
         */
        if (e->type == EV_PTRACE_REFUSED) {
                task_from_record(&e->actor, &r->caller);
                task_from_record(&e->tracer, &r->holder);
                e->error = errno_of(r->ret);
                e->lsm_error = errno_of(r->lsm_ret);
                e->facts = r->flags;
                e->caller_uid = r->caller_uid;
                e->target_uid = r->target_uid;
                return;
        }
        task_from_record(&e->tracer, r->request == PTRACE_TRACEME ? &r->holder : &r->caller);
        e->calls_unseen = r->flags & ATT_F_COMPAT;
}

static void detach_event(const void *data, struct event *e)
{
        static const int causes[] = {
                [DETACH_CALL] = DETACHED_BY_CALL,
                [DETACH_TRACER_EXIT] = DETACHED_TRACER_EXIT,
                [DETACH_TRACEE_EXIT] = DETACHED_TRACEE_EXIT,
        };
        static const int answers[] = {
                [WROTE_UNKNOWN] = TRACER_WROTE_UNKNOWN,
                [WROTE_YES] = TRACER_WROTE,
                [WROTE_NO] = TRACER_WROTE_NOTHING,
        };
        const struct rec_detach *r = data;

        e->type = EV_PTRACE_DETACH;
        task_from_record(&e->tracer, &r->tracer);
        task_from_record(&e->target, &r->target);
        e->cause = r->cause < ELEMENTSOF(causes) ? causes[r->cause] : DETACHED_UNSEEN;
        e->sig = r->sig > 0 ? r->sig : 0;
        e->ns_level = r->ns_level;
        e->vpid = r->vpid;
        e->ptrace = r->ptrace;
        e->wrote = r->wrote < ELEMENTSOF(answers) ? answers[r->wrote] : TRACER_WROTE_UNKNOWN;
}

static void exit_event(const void *data, struct event *e)
{
        const struct rec_exit *r = data;

        e->type = r->h.type == REC_TRACER_EXIT ? EV_TRACER_EXIT : EV_TASK_EXIT;
        task_from_record(&e->target, &r->task);
        task_from_record(&e->tracer, &r->tracer);
        e->status = r->exit_code;
        e->group_dead = r->group_dead;
        e->count = r->tracees;
        e->ptrace = r->ptrace;
}

static void wait_event(const void *data, struct event *e)
{
        const struct rec_wait *r = data;

        e->type = r->ret < 0 ? EV_WAIT_ERROR : EV_WAIT_REAP;
        task_from_record(&e->target, &r->waiter);
        e->upid = r->upid;
        e->options_wait = r->options;
        e->sigchld_ignored = r->sigchld_ignored;
        e->ns_level = r->ns_level;
        if (r->ret < 0) {
                e->error = errno_of(r->ret);
                return;
        }
        e->status = r->status;
        e->actor.pid = r->ns_level ? 0 : r->ret;
        e->vpid = r->ret;
}

static int ignored_since(const struct rec_no_child *r)
{
        if (!r->wait.sigchld_ignored || !(r->flags & NOCHILD_F_WHOLE))
                return IGNORED_UNKNOWN;
        if (r->flags & NOCHILD_F_SET)
                return IGNORED_SET;
        /* Whose parent ignores it, too, was born so, whatever it did afterwards. */
        return r->flags & NOCHILD_F_SET_BEFORE && !r->ignorer.pid ? IGNORED_BEFORE_EXEC : IGNORED_INHERITED;
}

static void no_child_event(const void *data, struct event *e)
{
        const struct rec_no_child *r = data;

        wait_event(&r->wait, e);
        e->status = r->wait.status;
        e->lost_to = r->flags & NOCHILD_F_DISCARDED ? LOST_TO_KERNEL : LOST_TO_WAIT;
        task_from_record(&e->actor, &r->reaper);
        e->info_pid = r->reaper_upid;
        e->first_ns = r->reaped_ns;
        e->disposition = r->flags & NOCHILD_F_HANDLER ? DISP_HANDLER : DISP_DEFAULT;
        if (r->wait.sigchld_ignored)
                e->disposition = DISP_IGNORED;
        e->ignored_since = ignored_since(r);
        if (e->ignored_since == IGNORED_INHERITED)
                task_from_record(&e->parent, &r->ignorer);
}

static void sigaction_event(const void *data, struct event *e)
{
        const struct rec_sigaction *r = data;

        e->type = EV_SIGACTION;
        task_from_record(&e->target, &r->task);
        e->sig = r->sig;
        e->handler = r->handler;
        e->disposition = disposition_of(r->handler);
        e->old_handler = r->old_known ? r->old_handler : 0;
        e->sa_flags = r->sa_flags;
}

static void fork_event(const void *data, struct event *e)
{
        const struct rec_fork *r = data;

        e->type = EV_TASK_FORK;
        task_from_record(&e->actor, &r->parent);
        task_from_record(&e->target, &r->child);
        task_from_record(&e->tracer, &r->child_tracer);
        e->parent_tracer = r->parent_tracer.pid;
        e->thread = r->flags & FORK_F_THREAD;
        e->shared_mm = r->flags & FORK_F_SHARED_MM;
        e->ptrace = r->ptrace;
}

static void exec_event(const void *data, struct event *e)
{
        const struct rec_exec *r = data;

        e->type = EV_TASK_EXEC;
        task_from_record(&e->target, &r->task);
        task_from_record(&e->tracer, &r->tracer);
        e->vpid = r->old_tid;
        e->ptrace = r->ptrace;
        snprintf(e->path, sizeof(e->path), "%.*s", (int)sizeof(r->path) - 1, r->path);
        if (!(r->flags & EXEC_F_UNTRUSTED))
                return;
        e->uid = r->uid;
        e->file_owner = r->file_owner;
        if (r->flags & EXEC_F_NO_OWNER)
                e->ignored = IGNORED_SET_UID;
        else if (r->flags & EXEC_F_NO_GROUP)
                e->ignored = IGNORED_SET_GID;
}

static void uprobe_event(const void *data, struct event *e)
{
        const struct rec_uprobe *r = data;

        e->type = EV_UPROBE_REGISTER;
        task_from_record(&e->target, &r->agent);
        e->file_offset = r->offset;
        e->vpid = r->vpid;
        e->ns_level = r->ns_level;
        e->fd = r->fd;
        snprintf(e->path, sizeof(e->path), "%.*s", (int)sizeof(r->path) - 1, r->path);
}

static void threads_event(const void *data, struct event *e)
{
        const struct rec_threads *r = data;

        e->type = EV_TASK_THREADS;
        task_from_record(&e->actor, &r->creator);
        e->target = e->actor;
        e->target.tid = 0;
        e->target.tid_start = 0;
        memcpy(e->target.comm, r->comm, sizeof(e->target.comm));
        e->target.comm[sizeof(e->target.comm) - 1] = '\0';
        e->count = r->count;
        e->ended = r->ended;
}

/* Memory that was read is no attach, whether it was refused or not. */
static enum event_type guarded_type(bool memory, bool audit)
{
        if (memory)
                return EV_MEMORY_ACCESS;
        return audit ? EV_CLAIM_AUDIT : EV_PTRACE_REFUSED;
}

static int known_or_none(uint32_t value, uint32_t max)
{
        return value < max ? (int)value : 0;
}

static void guard_event(const void *data, struct event *e)
{
        const struct rec_guard *r = data;

        e->type = guarded_type(r->flags & GRD_F_MEMORY, r->flags & GRD_F_AUDIT);
        task_from_record(&e->actor, &r->caller);
        task_from_record(&e->target, &r->target);
        task_from_record(&e->tracer, &r->holder);
        e->claim = r->claim;
        e->request = (int32_t)r->request;
        e->guard_reason = known_or_none(r->reason, _GUARD_REASON_MAX);
        e->guard_source = known_or_none(r->source, _GUARD_SOURCE_MAX);
        e->error = r->error > 0 ? r->error : 0;
        e->lsm_error = e->error;
        e->caller_uid = r->caller_uid;
        e->target_uid = r->target_uid;
        e->vpid = r->vpid;
        e->ns_level = r->ns_level;
        e->facts = ATT_F_TARGET_KNOWN;
        e->yama = -1;
        memcpy(e->modules, MODULES_UNKNOWN, sizeof(MODULES_UNKNOWN));
        /* Until somebody who has the policy puts the rule's name there. */
        if (r->rule)
                snprintf(e->note, sizeof(e->note), "rule %u", r->rule);
}

static void suppressed_event(const void *data, struct event *e)
{
        const struct rec_suppressed *r = data;

        e->type = EV_SIGNAL_SUPPRESSED;
        task_from_record(&e->tracer, &r->tracer);
        task_from_record(&e->target, &r->target);
        e->sig = r->sig;
        e->code = r->code;
        e->info_pid = r->info_pid;
        e->ns_level = r->ns_level;
        e->handler = r->handler;
        e->disposition = disposition_of(r->handler);
        e->sa_flags = r->sa_flags;
        e->by_itself = r->by_itself;
}

static void plant_event(const void *data, struct event *e)
{
        const struct rec_plant *r = data;

        e->type = EV_PTRACE_PLANT;
        task_from_record(&e->tracer, &r->tracer);
        e->vpid = r->vpid;
        e->ns_level = r->ns_level;
        e->ip = r->address;
        e->removed = r->removed;
}

/* "127.0.0.1:9003", "[::1]:9003"; IPv4 in the dress of IPv6 is IPv4. */
static void say_address(char ret[EVENT_ADDRESS_MAX], uint16_t family, const uint8_t bytes[16], uint16_t port)
{
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
        bool v4 = family != AF_INET6 || memcmp(bytes, mapped, sizeof(mapped)) == 0;
        char text[INET6_ADDRSTRLEN] = "";

        inet_ntop(v4 ? AF_INET : AF_INET6, family == AF_INET6 && v4 ? bytes + sizeof(mapped) : bytes, text,
                  sizeof(text));
        snprintf(ret, EVENT_ADDRESS_MAX, v4 ? "%s:%u" : "[%s]:%u", text, port);
}

static void connect_event(const void *data, struct event *e)
{
        static const int changes[] = {
                [CONNECT_LISTENS] = NET_LISTENS, [CONNECT_LISTENS_NO_MORE] = NET_LISTENS_NO_MORE,
                [CONNECT_OPENED] = NET_OPENED,   [CONNECT_FAILED] = NET_FAILED,
                [CONNECT_ENDED] = NET_ENDED,     [CONNECT_PEER_ENDED] = NET_PEER_ENDED,
        };
        const struct rec_connect *r = data;
        bool listens = r->what == CONNECT_LISTENS || r->what == CONNECT_LISTENS_NO_MORE;

        e->type = EV_NET_CONNECT;
        task_from_record(&e->target, &r->task);
        task_from_record(&e->parent, &r->parent);
        e->change = r->what < ELEMENTSOF(changes) ? changes[r->what] : 0;
        e->server = r->flags & CONNECT_F_SERVER;
        e->xdebug = r->flags & CONNECT_F_XDEBUG;
        e->netns = r->netns;
        e->port = listens || e->server ? r->local_port : r->remote_port;
        e->error = r->error > 0 ? r->error : 0;
        e->received = r->received;
        e->waited_ns = r->waited_ns;
        say_address(e->local, r->family, r->local, r->local_port);
        if (!listens)
                say_address(e->remote, r->family, r->remote, r->remote_port);
}

static void left_event(const void *data, struct event *e)
{
        const struct rec_left *r = data;

        e->type = EV_PTRACE_LEFT;
        task_from_record(&e->tracer, &r->tracer);
        task_from_record(&e->target, &r->target);
        e->sig = r->sig;
        e->code = r->code;
        e->info_pid = r->info_pid;
        e->ip = r->ip;
        e->disposition = disposition_of(r->handler);
        e->ptrace = r->ptrace;
        e->waited = r->waited;
}

static const struct {
        size_t size;
        void (*convert)(const void *data, struct event *e);
} converters[_REC_TYPE_MAX] = {
        [REC_SIGNAL] = {sizeof(struct rec_signal), signal_event},
        [REC_ATTACH] = {sizeof(struct rec_attach), attach_event},
        [REC_DETACH] = {sizeof(struct rec_detach), detach_event},
        [REC_TRACER_EXIT] = {sizeof(struct rec_exit), exit_event},
        [REC_WAIT] = {sizeof(struct rec_wait), wait_event},
        [REC_SIGACTION] = {sizeof(struct rec_sigaction), sigaction_event},
        [REC_FORK] = {sizeof(struct rec_fork), fork_event},
        [REC_EXEC] = {sizeof(struct rec_exec), exec_event},
        [REC_EXIT] = {sizeof(struct rec_exit), exit_event},
        [REC_GUARD] = {sizeof(struct rec_guard), guard_event},
        [REC_NO_CHILD] = {sizeof(struct rec_no_child), no_child_event},
        [REC_THREADS] = {sizeof(struct rec_threads), threads_event},
        [REC_UPROBE] = {sizeof(struct rec_uprobe), uprobe_event},
        [REC_SUPPRESSED] = {sizeof(struct rec_suppressed), suppressed_event},
        [REC_PLANT] = {sizeof(struct rec_plant), plant_event},
        [REC_CONNECT] = {sizeof(struct rec_connect), connect_event},
        [REC_LEFT] = {sizeof(struct rec_left), left_event},
};

int record_to_event(const void *data, size_t size, struct event *ret)
{
        const struct rec_header *h = data;

        if (size < sizeof(*h) || h->type >= _REC_TYPE_MAX)
                return -EBADMSG;
        if (h->type == REC_TEXT)
                return -ENOTSUP;
        if (!converters[h->type].convert || size < converters[h->type].size)
                return -EBADMSG;
        memset(ret, 0, sizeof(*ret));
        ret->time_ns = h->time_ns;
        ret->kernel_seq = h->seq;
        converters[h->type].convert(data, ret);
        /* Whatever the record claims: what others index by and count on. */
        assert(ret->type > EV_NONE && ret->type < _EV_MAX && ret->error >= 0 && ret->lsm_error >= 0);
        assert(ret->guard_reason >= 0 && ret->guard_reason < _GUARD_REASON_MAX && ret->guard_source >= 0 &&
               ret->guard_source < _GUARD_SOURCE_MAX);
        return 0;
}

static bool is_attach_request(int32_t request)
{
        return request == PTRACE_ATTACH || request == PTRACE_SEIZE || request == PTRACE_TRACEME;
}

static enum event_type counted_type(const struct count_key *key)
{
        switch (key->kind) {
        case COUNT_GENERATE:
                return EV_SIGNAL_GENERATE;
        case COUNT_DELIVER:
                return EV_SIGNAL_DELIVER;
        case COUNT_WAIT:
                return key->result ? EV_WAIT_ERROR : EV_WAIT_REAP;
        case COUNT_PLANT:
                return EV_PTRACE_PLANT;
        case COUNT_SUPPRESSED:
                return EV_SIGNAL_SUPPRESSED;
        case COUNT_GUARD:
                return guarded_type(key->handled, key->result);
        case COUNT_CONNECT:
                return EV_NET_CONNECT;
        default:
                return key->result && is_attach_request(key->code) ? EV_PTRACE_REFUSED : EV_NONE;
        }
}

/* The guard's errno is in the reason. */
static void guard_counter(const struct count_key *key, struct event *e)
{
        e->target.pid = key->pid;
        e->target.start = key->start_ns / NSEC_PER_TICK;
        e->tracer.tid = key->tracer;
        e->guard_reason = known_or_none((uint32_t)key->code, _GUARD_REASON_MAX);
        e->guard_source = known_or_none(key->sig, _GUARD_SOURCE_MAX);
        if (e->guard_reason != GUARD_ALLOWED && !key->result)
                e->error = e->guard_reason == GUARD_NO_SLOT ? EAGAIN : EBUSY;
}

void counter_to_event(const struct count_key *key, const struct count_value *value, uint64_t delta,
                      uint64_t since_ns, struct event *ret)
{
        *ret = (struct event){
                .type = EV_COUNTER,
                .time_ns = value->last_ns,
                .first_ns = MAX_OF(value->first_ns, since_ns),
                .count = delta,
                .of_type = counted_type(key),
        };
        if (key->kind == COUNT_GUARD) {
                guard_counter(key, ret);
                return;
        }
        if (key->kind == COUNT_PTRACE || key->kind == COUNT_PLANT) {
                ret->vpid = key->pid;
                ret->tracer.tid = key->tracer;
                ret->tracer.start = key->start_ns / NSEC_PER_TICK;
                ret->request = key->code;
                ret->error = key->result;
                return;
        }
        ret->target.pid = key->kind == COUNT_CONNECT && !key->start_ns ? 0 : key->pid;
        ret->target.start = key->start_ns / NSEC_PER_TICK;
        if (key->kind == COUNT_CONNECT)
                return;
        ret->tracer.pid = key->tracer;
        ret->sig = key->sig;
        ret->disposition = key->handled;
        if (key->kind == COUNT_WAIT && key->result)
                ret->error = -key->code;
        else if (key->kind == COUNT_WAIT)
                ret->status = key->code;
        else {
                ret->code = key->code;
                ret->result = key->result;
        }
}
