/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/ask/describe.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "bpf/guard_maps.h"
#include "lib/base/sentence.h"
#include "lib/base/text.h"
#include "lib/event/wording.h"
#include "cli/base/output.h"

#define TRAP_OF_PERF 6 /* TRAP_PERF of asm-generic/siginfo.h, for older C libraries */

static void say_task(struct sentence line, const char *before, const struct task_ref *t)
{
        char text[TASK_TEXT_MAX];

        say(line, "%s%s", before, t->pid || t->tid ? task_text(t, text, sizeof(text)) : "nobody");
}

static void say_text(struct sentence line, const char *before, const char *s)
{
        char safe[DESCRIBE_MAX];

        say(line, "%s%s", before, text_escape(s, safe, sizeof(safe)));
}

/* The name of an enum member, from the table that JSON uses. */
static const char *enum_name(const char *field, int value)
{
        size_t n;
        const struct event_field *fields = event_fields(&n);

        for (size_t i = 0; i < n; i++) {
                const struct event_field *f = &fields[i];

                if (f->kind == FIELD_ENUM && !strcmp(f->json, field) && value >= 0 &&
                    (size_t)value < f->n_names)
                        return f->names[value] ?: "?";
        }
        return "?";
}

static const char *code_meaning(int sig, int code)
{
        static const struct {
                int sig, code; /* sig 0: any */
                const char *meaning;
        } table[] = {
                {SIGTRAP, SI_KERNEL, "breakpoint instruction"},
                {SIGTRAP, TRAP_BRKPT, "breakpoint"},
                {SIGTRAP, TRAP_TRACE, "single step"},
                {SIGTRAP, TRAP_BRANCH, "branch step"},
                {SIGTRAP, TRAP_HWBKPT, "hardware breakpoint"},
                {SIGTRAP, TRAP_OF_PERF, "perf event"},
                {SIGCHLD, CLD_EXITED, "child exited"},
                {SIGCHLD, CLD_KILLED, "child killed"},
                {SIGCHLD, CLD_DUMPED, "child dumped core"},
                {SIGCHLD, CLD_TRAPPED, "tracee trapped"},
                {SIGCHLD, CLD_STOPPED, "child stopped"},
                {SIGCHLD, CLD_CONTINUED, "child continued"},
                {0, SI_USER, "kill"},
                {0, SI_QUEUE, "sigqueue"},
                {0, SI_TKILL, "tgkill"},
                {0, SI_KERNEL, "by the kernel"},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if ((table[i].sig == sig || table[i].sig == 0) && table[i].code == code)
                        return table[i].meaning;
        return NULL;
}

static void say_signal(struct sentence line, const struct event *e)
{
        const char *meaning = code_meaning(e->sig, e->code);
        char name[16];

        say(line, "%s", signal_name(e->sig, name, sizeof(name)));
        if (meaning)
                say(line, " (%s)", meaning);
        else
                say(line, " (code %d)", e->code);
}

static void say_tracer(struct sentence line, const struct event *e)
{
        if (e->tracer.pid)
                say_task(line, ", traced by ", &e->tracer);
        else if (e->sig == SIGTRAP ||
                 e->sig == SIGSTOP) /* where somebody may have been meant to wait for it */
                say(line, ", not traced");
}

static void describe_generate(struct sentence line, const struct event *e)
{
        say_signal(line, e);
        if (e->actor.pid && !(e->actor.pid == e->target.pid && e->actor.tid == e->target.tid))
                say_task(line, " from ", &e->actor);
        say_task(line, " to ", &e->target);
        say(line, ": %s", enum_name("result", e->result));
        say_tracer(line, e);
        if (e->blocked)
                say(line, ", blocked");
        if (e->forced_blocked || e->forced_ignored)
                say(line, ", forced through by the kernel");
}

static void describe_deliver(struct sentence line, const struct event *e)
{
        say_signal(line, e);
        say_task(line, " delivered to ", &e->target);
        if (e->disposition == DISP_HANDLER)
                say(line, ", handler 0x%lx", e->handler);
        else
                say(line, ", disposition %s", enum_name("disposition", e->disposition));
        say_tracer(line, e);
}

static void describe_attach(struct sentence line, const struct event *e)
{
        bool found = e->origin == ORIGIN_SCAN;

        say_task(line, "", &e->tracer);
        if (e->type == EV_PTRACE_TRACEME)
                say_task(line, found ? " traces " : " traces by request of ", &e->target);
        else if (e->type == EV_PTRACE_AUTOATTACH)
                say_task(line, found ? " traces " : " follows new task ", &e->target);
        else
                say_task(line,
                         found                        ? " traces "
                         : e->type == EV_PTRACE_SEIZE ? " seized "
                                                      : " attached to ",
                         &e->target);
        if (found)
                say(line, " (found in /proc)");
        if (e->options & PTRACE_O_EXITKILL)
                say(line, " (EXITKILL: it dies with its tracer)");
}

static void describe_detach(struct sentence line, const struct event *e)
{
        static const char *const how[] = {
                [0] = " let go of ",
                [DETACHED_BY_CALL] = " detached from ",
                [DETACHED_TRACER_EXIT] = " ended, which released ",
                [DETACHED_TRACEE_EXIT] = " traced to its end ",
                [DETACHED_UNSEEN] = " no longer traces ",
        };
        static_assert(ELEMENTSOF(how) == _DETACHED_MAX, "words for each cause");

        say_task(line, "", &e->tracer);
        say_task(line, how[e->cause > 0 && e->cause < _DETACHED_MAX ? e->cause : 0], &e->target);
}

static void describe_left(struct sentence line, const struct event *e)
{
        char name[32];

        say_task(line, "", &e->tracer);
        say_task(line, " ended, and left ", &e->target);
        say(line, " in the stop of a %s, which it had %s", signal_name(e->sig, name, sizeof(name)),
            e->waited ? "read: it is dropped" : "not read: it is delivered");
}

/* "claimed by uid 1000 (claim 12)": on whose behalf the guard refused. */
static void say_guard(struct sentence line, const struct event *e)
{
        switch (e->guard_reason) {
        case GUARD_HELD:
                if (event_refused_by_hold(e))
                        say(line, "held by ptraced itself");
                else
                        say_task(line, "already traced by ", &e->tracer);
                break;
        case GUARD_TAKING:
                say_task(line, "at this moment attached to by ", &e->tracer);
                break;
        case GUARD_CLAIMED:
                say_text(line, event_refused_by_hold(e) ? "held by ptraced for " : "claimed by ", e->owner);
                break;
        case GUARD_DENIED:
                say(line, "the policy lets nobody trace it");
                break;
        case GUARD_NOT_OWNER:
                say(line, "the policy lets only others trace it");
                break;
        case GUARD_CYCLE:
                say(line, "it traces the caller");
                break;
        case GUARD_NO_SLOT:
                say(line, "no memory to note the attach");
                break;
        default:
                say(line, "the policy forbids reading its memory");
        }
        if (e->guard_source == SOURCE_CLAIM || (e->guard_source == SOURCE_HOLD && e->claim))
                say(line, " (claim %lu)", e->claim);
        else if (e->guard_source == SOURCE_RULE) {
                say_text(line, " (rule \"", e->note);
                say(line, "\")");
        } else if (e->guard_source == SOURCE_SINGLE)
                say(line, " (guard on)");
}

static void describe_refused(struct sentence line, const struct event *e)
{
        char name[24];

        say_task(line, "", &e->actor);
        if (e->request == PTRACE_TRACEME)
                say(line, " may not be traced by its parent");
        else if (e->target.pid)
                say_task(line, " may not attach to ", &e->target);
        else
                say(line, " may not attach to pid %u", e->vpid);
        say(line, ": %s", errno_name(e->error, name, sizeof(name)));
        if (e->guard_reason) {
                say(line, ", ");
                say_guard(line, e);
        } else if (e->tracer.pid)
                say_task(line, ", already traced by ", &e->tracer);
}

static void describe_audit(struct sentence line, const struct event *e)
{
        say_task(line, "", &e->actor);
        say_task(line, " attaches to ", &e->target);
        say(line, " (audit: it would be refused, ");
        say_guard(line, e);
        say(line, ")");
}

static void describe_tracer_exit(struct sentence line, const struct event *e)
{
        say_task(line, "tracer ", &e->target);
        say(line, " ended with %lu tracees", e->count);
}

/* An exit code or wait status in words. */
static void say_status(struct sentence line, int status)
{
        char name[16];

        if (WIFEXITED(status))
                say(line, "exit status %d", WEXITSTATUS(status));
        else if (WIFSIGNALED(status))
                say(line, "killed by %s", signal_name(WTERMSIG(status), name, sizeof(name)));
        else if (WIFSTOPPED(status))
                say(line, "stopped by %s", signal_name(WSTOPSIG(status) & 0x7f, name, sizeof(name)));
        else
                say(line, "status 0x%x", (unsigned)status);
}

static void describe_reap(struct sentence line, const struct event *e)
{
        say_task(line, "", &e->target);
        if (e->actor.pid)
                say_task(line, " got the state of ", &e->actor);
        say(line, ": ");
        say_status(line, e->status);
}

static void describe_wait_error(struct sentence line, const struct event *e)
{
        char name[24];

        say_task(line, "", &e->target);
        say(line, " waited for %d: %s%s", e->upid, errno_name(e->error, name, sizeof(name)),
            e->sigchld_ignored ? ", SIGCHLD is ignored" : "");
        if (e->lost_to == LOST_TO_UNKNOWN)
                return;
        if (e->actor.pid)
                say(line, "; thread %u had reaped it", e->actor.tid);
        else
                say(line, "; nobody was to reap it");
        if (e->status < 0)
                return;
        say(line, ": ");
        say_status(line, e->status);
}

static void say_disposition(struct sentence line, uint64_t handler)
{
        if (handler <= 1)
                say(line, "%s", handler ? "ignore" : "default");
        else
                say(line, "handler 0x%lx", handler);
}

static void describe_sigaction(struct sentence line, const struct event *e)
{
        char name[16];

        say_task(line, "", &e->target);
        say(line, " set %s to ", signal_name(e->sig, name, sizeof(name)));
        say_disposition(line, e->handler);
        say(line, " (was ");
        say_disposition(line, e->old_handler);
        say(line, ")");
}

static void describe_fork(struct sentence line, const struct event *e)
{
        say_task(line, "", &e->actor);
        say_task(line, e->thread ? " started thread " : " forked ", &e->target);
        if (e->tracer.pid)
                say_task(line, ", traced by ", &e->tracer);
        else if (e->parent_tracer)
                say(line, ", not followed by the tracer of its parent (%u)", e->parent_tracer);
}

static void describe_exec(struct sentence line, const struct event *e)
{
        say_task(line, "", &e->target);
        say_text(line, " executed ", e->path);
        if (e->tracer.pid)
                say_task(line, ", traced by ", &e->tracer);
        if (e->ignored)
                say(line, ", without the file's rights (%s)", enum_name("ignored", e->ignored));
}

static void describe_uprobe(struct sentence line, const struct event *e)
{
        say_task(line, "", &e->target);
        say_text(line, e->removed ? " has no uprobe any more in " : " put a uprobe into ", e->path);
        say(line, ", offset 0x%lx", e->file_offset);
        if (e->symbol[0])
                say_text(line, ": ", e->symbol);
}

static void describe_threads(struct sentence line, const struct event *e)
{
        say_task(line, "", &e->target);
        say(line, " has begun %lu threads that go on, %lu have ended", e->count, e->ended);
        if (e->path[0])
                say_text(line, "; the last one by ", e->path);
        if (e->symbol[0])
                say_text(line, ": ", e->symbol);
}

static void describe_exit(struct sentence line, const struct event *e)
{
        say_task(line, "", &e->target);
        say(line, e->group_dead ? " ended: " : " ended (one thread): ");
        say_status(line, e->status);
}

/* The ways to another process's memory or descriptors that the kernel asks the same question for. */
static const char *access_name(int32_t request)
{
        static const struct {
                int32_t request;
                const char *name;
        } names[] = {
                {SYS_process_vm_readv, "process_vm_readv"},
                {SYS_process_vm_writev, "process_vm_writev"},
                {SYS_openat, "opening its files in /proc"},
                {SYS_open, "opening its files in /proc"},
                {SYS_openat2, "opening its files in /proc"},
                {SYS_pidfd_getfd, "pidfd_getfd"},
                {SYS_kcmp, "kcmp"},
                {SYS_perf_event_open, "perf_event_open"},
                {SYS_process_madvise, "process_madvise"},
                {SYS_move_pages, "move_pages"},
                {SYS_get_robust_list, "get_robust_list"},
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (names[i].request == request)
                        return names[i].name;
        return NULL;
}

static void describe_memory(struct sentence line, const struct event *e)
{
        const char *how = access_name(e->request);
        char name[24];

        say_task(line, "", &e->actor);
        say_task(line, e->error ? " may not access the memory of " : " accessed the memory of ", &e->target);
        if (how)
                say(line, " by %s", how);
        else
                say(line, " by system call %d", e->request);
        if (e->error)
                say(line, ": %s, ", errno_name(e->error, name, sizeof(name)));
        else if (e->guard_reason)
                say(line, ", audit: ");
        if (e->error || e->guard_reason)
                say_guard(line, e);
}

static void describe_counter(struct sentence line, const struct event *e)
{
        char name[WORD_MAX];

        say(line, "%lu more: ", e->count);
        if (e->of_type == EV_NONE)
                say(line, "%s", word_request(e->request, name));
        else
                say(line, "%s", enum_name("of_type", e->of_type));
        if (e->of_type == EV_NONE && e->error)
                say(line, " (%s)", errno_name(e->error, name, sizeof(name)));
        if (e->guard_reason)
                say(line, " (%s)", enum_name("reason", e->guard_reason));
        if (e->sig) {
                say(line, " ");
                say_signal(line, e);
        }
        if (e->target.pid)
                say_task(line, " at ", &e->target);
        if (e->tracer.pid || e->tracer.tid)
                say_task(line, ", tracer ", &e->tracer);
}

static void describe_loss(struct sentence line, const struct event *e)
{
        say(line, "%lu %s lost", e->count, e->count == 1 ? "event was" : "events were");
        say_text(line, ": ", e->note);
}

static void describe_info(struct sentence line, const struct event *e)
{
        say_task(line, "", &e->target);
        if (e->parent.pid)
                say_task(line, ", child of ", &e->parent);
        say(line, ", uid %u", e->uid);
        say_text(line, ": ", e->args[0] ? e->args : e->path);
}

static void describe_state(struct sentence line, const struct event *e)
{
        say_task(line, "", &e->target);
        say(line, " is in state %c", e->state > 32 && e->state < 127 ? e->state : '?');
        if (e->tracer.pid) {
                say_task(line, ", its tracer ", &e->tracer);
                say(line, " in %c", e->tracer_state > 32 && e->tracer_state < 127 ? e->tracer_state : '?');
        }
}

static void describe_scan(struct sentence line, const struct event *e)
{
        say_task(line, "", &e->target);
        say(line, " address 0x%lx", e->ip);
        if (e->symbol[0])
                say_text(line, " is ", e->symbol);
        if (e->path[0])
                say_text(line, " in ", e->path);
        if (!strcmp(e->note, "trap"))
                say(line, !e->file_known  ? "; the file could not be read"
                          : e->found_int3 ? "; the file has a breakpoint instruction there"
                                          : "; the file has no breakpoint instruction there");
}

static void describe_connect(struct sentence line, const struct event *e)
{
        bool listens = e->change == NET_LISTENS || e->change == NET_LISTENS_NO_MORE;
        char name[32];

        say_task(line, "", &e->target);
        say(line, "%s %s", e->server ? " (client)" : "", enum_name("change", e->change));
        say_text(line, " ", listens ? e->local : e->remote);
        if (e->change == NET_FAILED)
                say(line, ": %s", e->error ? errno_name(e->error, name, sizeof(name)) : "gave up");
        if (e->xdebug)
                say(line, " (Xdebug)");
        if (e->other_netns)
                say(line, " in network namespace %u", e->netns);
}

static void describe_net_state(struct sentence line, const struct event *e)
{
        say_task(line, "", &e->target);
        say(line, e->state ? " is there" : " is gone");
}

static void describe_start(struct sentence line, const struct event *e)
{
        say_text(line, "recording began in tier ", e->path);
        say_text(line, ", boot ", e->note);
}

/* "claim 12 of uid 1000 on api(4711)" */
static void say_which_claim(struct sentence line, const struct event *e)
{
        say(line, "claim %lu of ", e->claim);
        say_text(line, "", e->owner);
        say_task(line, " on ", &e->target);
}

/* What it is good for, who asked, and what else is to be said. */
static void say_terms(struct sentence line, const struct event *e)
{
        char lease[64];

        if (e->guard_mode == GUARD_AUDIT)
                say(line, ", audit only");
        if (e->lease_ns)
                say(line, ", for %s", text_duration(e->lease_ns, lease, sizeof(lease)));
        if (e->actor.pid)
                say_task(line, ", asked for by ", &e->actor);
        if (e->note[0])
                say_text(line, ": ", e->note);
}

static void describe_claim(struct sentence line, const struct event *e)
{
        static const char *const ends[] = {
                [0] = "ended",
                [CLAIM_RELEASED] = "was released",
                [CLAIM_LEASE_OVER] = "ended with its lease",
                [CLAIM_OWNER_GONE] = "ended: the owner is gone",
                [CLAIM_TARGET_GONE] = "ended: the process is gone, or is another user's now",
                [CLAIM_TAKEN_OVER] = "ended: it was taken over",
                [CLAIM_GUARD_OFF] = "ended: the guard was cleared",
        };
        static_assert(ELEMENTSOF(ends) == _CLAIM_END_MAX, "words for each end of a claim");

        if (e->type == EV_CLAIM_QUEUED) {
                say_text(line, "", e->owner);
                say_task(line, " waits for ", &e->target);
                say(line, ", place %lu", e->count);
                say_terms(line, e);
                return;
        }
        /* The number is that of the claim which ends by it. */
        if (e->type == EV_CLAIM_TAKEN) {
                say_text(line, "", e->owner);
                say(line, " takes over claim %lu", e->claim);
                say_task(line, " on ", &e->target);
                say_terms(line, e);
                return;
        }
        say_which_claim(line, e);
        if (e->type == EV_CLAIM_ENDED) {
                say(line, " %s", ends[e->claim_end > 0 && e->claim_end < _CLAIM_END_MAX ? e->claim_end : 0]);
                if (e->note[0])
                        say_text(line, ": ", e->note);
                return;
        }
        say(line, e->type == EV_CLAIM_MADE ? " was made" : " was renewed");
        say_terms(line, e);
}

static void describe_policy(struct sentence line, const struct event *e)
{
        if (e->type == EV_POLICY_GUARD)
                say(line, "the guard was switched %s", enum_name("state", e->guard_state));
        else if (e->type == EV_POLICY_LOADED)
                say(line, "the policy was read: %lu %s", e->count, e->count == 1 ? "rule" : "rules");
        else
                say(line, "the policy was rejected, and the former one stays");
        if (e->actor.pid) {
                say_task(line, ", by ", &e->actor);
                say(line, " (uid %u)", e->caller_uid);
        }
        if (e->note[0])
                say_text(line, ": ", e->note);
}

static void describe_suppressed(struct sentence line, const struct event *e)
{
        say_task(line, "", &e->tracer);
        say_task(line, " let ", &e->target);
        say(line, " run on without ");
        say_signal(line, e);
        if (e->by_itself)
                say(line, ", which it had sent itself");
        if (e->actor.pid)
                say_task(line, " of ", &e->actor);
        if (e->disposition == DISP_HANDLER)
                say(line, ", handler 0x%lx", e->handler);
}

static void describe_plant(struct sentence line, const struct event *e)
{
        say_task(line, "", &e->tracer);
        say(line, e->removed ? " took a breakpoint out of " : " wrote a breakpoint into ");
        say_task(line, "", &e->target);
        say(line, " at 0x%lx", e->ip);
        if (!e->executable)
                say(line, ", where nothing is run");
}

static const struct {
        void (*describe)(struct sentence line, const struct event *e);
        bool interesting; /* always; signals and states decide by more than their type */
} types[] = {
        [EV_NONE] = {NULL, false},
        [EV_SIGNAL_GENERATE] = {describe_generate, false},
        [EV_SIGNAL_DELIVER] = {describe_deliver, false},
        [EV_PTRACE_ATTACH] = {describe_attach, true},
        [EV_PTRACE_SEIZE] = {describe_attach, true},
        [EV_PTRACE_TRACEME] = {describe_attach, true},
        [EV_PTRACE_AUTOATTACH] = {describe_attach, true},
        [EV_PTRACE_DETACH] = {describe_detach, true},
        [EV_PTRACE_REFUSED] = {describe_refused, true},
        [EV_TRACER_EXIT] = {describe_tracer_exit, true},
        [EV_WAIT_REAP] = {describe_reap, false},
        [EV_WAIT_ERROR] = {describe_wait_error, false},
        [EV_SIGACTION] = {describe_sigaction, false},
        [EV_TASK_FORK] = {describe_fork, false},
        [EV_TASK_EXEC] = {describe_exec, false},
        [EV_TASK_EXIT] = {describe_exit, false},
        [EV_MEMORY_ACCESS] = {describe_memory, true},
        [EV_COUNTER] = {describe_counter, false},
        [EV_LOSS] = {describe_loss, true},
        [EV_TASK_INFO] = {describe_info, false},
        [EV_TASK_STATE] = {describe_state, false},
        [EV_TEXT_SCAN] = {describe_scan, false},
        [EV_DAEMON_START] = {describe_start, true},
        [EV_CLAIM_MADE] = {describe_claim, true},
        [EV_CLAIM_QUEUED] = {describe_claim, true},
        [EV_CLAIM_RENEWED] = {describe_claim, false},
        [EV_CLAIM_TAKEN] = {describe_claim, true},
        [EV_CLAIM_ENDED] = {describe_claim, true},
        [EV_CLAIM_AUDIT] = {describe_audit, true},
        [EV_POLICY_LOADED] = {describe_policy, true},
        [EV_POLICY_REJECTED] = {describe_policy, true},
        [EV_POLICY_GUARD] = {describe_policy, true},
        [EV_TASK_THREADS] = {describe_threads, false},
        [EV_UPROBE_REGISTER] = {describe_uprobe, false},
        [EV_SIGNAL_SUPPRESSED] = {describe_suppressed, false},
        [EV_PTRACE_PLANT] = {describe_plant, false},
        [EV_NET_CONNECT] = {describe_connect, true},
        [EV_NET_STATE] = {describe_net_state, false},
        [EV_PTRACE_LEFT] = {describe_left, true},
};
static_assert(ELEMENTSOF(types) == _EV_MAX, "a row for each type of event");

const char *describe_event(const struct event *e, char *buf, size_t size)
{
        struct sentence line = {buf, size};

        buf[0] = 0;
        if (e->type > EV_NONE && e->type < _EV_MAX)
                types[e->type].describe(line, e);
        return buf;
}

bool event_interesting(const struct event *e)
{
        bool generate = e->type == EV_SIGNAL_GENERATE, deliver = e->type == EV_SIGNAL_DELIVER;

        if (e->type <= EV_NONE || e->type >= _EV_MAX)
                return false;
        /* A trap of a traced task is daily work; one that nobody waits for is not. */
        if ((generate || deliver) && (e->sig == SIGTRAP || e->sig == SIGSTOP))
                return e->tracer.pid == 0 || e->forced_blocked || e->forced_ignored;
        return types[e->type].interesting;
}
