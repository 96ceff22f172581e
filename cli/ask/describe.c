/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/ask/describe.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "bpf/guard_maps.h"
#include "lib/base/text.h"
#include "lib/diagnosis/wording.h"
#include "cli/base/output.h"

#define TRAP_OF_PERF 6 /* TRAP_PERF of asm-generic/siginfo.h, for older C libraries */

/* A line under construction; what does not fit is cut. */
struct line {
        char *buf;
        size_t size, length;
};

static _printf_(2, 3) void append_words(struct line *l, const char *format, ...)
{
        va_list ap;
        int n;

        if (l->length >= l->size)
                return;
        va_start(ap, format);
        n = vsnprintf(l->buf + l->length, l->size - l->length, format, ap);
        va_end(ap);
        l->length += n > 0 ? (size_t)n : 0;
}

static void say_task(struct line *l, const char *before, const struct task_ref *t)
{
        char text[TASK_TEXT_MAX];

        append_words(l, "%s%s", before, t->pid || t->tid ? task_text(t, text, sizeof(text)) : "nobody");
}

static void say_text(struct line *l, const char *before, const char *s)
{
        char safe[DESCRIBE_MAX];

        append_words(l, "%s%s", before, text_escape(s, safe, sizeof(safe)));
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

static void say_signal(struct line *l, const struct event *e)
{
        const char *meaning = code_meaning(e->sig, e->code);
        char name[16];

        append_words(l, "%s", signal_name(e->sig, name, sizeof(name)));
        if (meaning)
                append_words(l, " (%s)", meaning);
        else
                append_words(l, " (code %d)", e->code);
}

static void say_tracer(struct line *l, const struct event *e)
{
        if (e->tracer.pid)
                say_task(l, ", traced by ", &e->tracer);
        else if (e->sig == SIGTRAP ||
                 e->sig == SIGSTOP) /* where somebody may have been meant to wait for it */
                append_words(l, ", not traced");
}

static void describe_generate(struct line *l, const struct event *e)
{
        say_signal(l, e);
        if (e->actor.pid && !(e->actor.pid == e->target.pid && e->actor.tid == e->target.tid))
                say_task(l, " from ", &e->actor);
        say_task(l, " to ", &e->target);
        append_words(l, ": %s", enum_name("result", e->result));
        say_tracer(l, e);
        if (e->blocked)
                append_words(l, ", blocked");
        if (e->forced_blocked || e->forced_ignored)
                append_words(l, ", forced through by the kernel");
}

static void describe_deliver(struct line *l, const struct event *e)
{
        say_signal(l, e);
        say_task(l, " delivered to ", &e->target);
        if (e->disposition == DISP_HANDLER)
                append_words(l, ", handler 0x%lx", e->handler);
        else
                append_words(l, ", disposition %s", enum_name("disposition", e->disposition));
        say_tracer(l, e);
}

static void describe_attach(struct line *l, const struct event *e)
{
        bool found = e->origin == ORIGIN_SCAN;

        say_task(l, "", &e->tracer);
        if (e->type == EV_PTRACE_TRACEME)
                say_task(l, found ? " traces " : " traces by request of ", &e->target);
        else if (e->type == EV_PTRACE_AUTOATTACH)
                say_task(l, found ? " traces " : " follows new task ", &e->target);
        else
                say_task(l,
                         found                        ? " traces "
                         : e->type == EV_PTRACE_SEIZE ? " seized "
                                                      : " attached to ",
                         &e->target);
        if (found)
                append_words(l, " (found in /proc)");
        if (e->options & PTRACE_O_EXITKILL)
                append_words(l, " (EXITKILL: it dies with its tracer)");
}

static void describe_detach(struct line *l, const struct event *e)
{
        static const char *const how[] = {
                [0] = " let go of ",
                [DETACHED_BY_CALL] = " detached from ",
                [DETACHED_TRACER_EXIT] = " ended, which released ",
                [DETACHED_TRACEE_EXIT] = " traced to its end ",
                [DETACHED_UNSEEN] = " no longer traces ",
        };
        static_assert(ELEMENTSOF(how) == _DETACHED_MAX, "words for each cause");

        say_task(l, "", &e->tracer);
        say_task(l, how[e->cause > 0 && e->cause < _DETACHED_MAX ? e->cause : 0], &e->target);
}

/* "claimed by uid 1000 (claim 12)": on whose behalf the guard refused. */
static void say_guard(struct line *l, const struct event *e)
{
        switch (e->guard_reason) {
        case GUARD_HELD:
                if (event_refused_by_hold(e))
                        append_words(l, "held by ptraced itself");
                else
                        say_task(l, "already traced by ", &e->tracer);
                break;
        case GUARD_TAKING:
                say_task(l, "at this moment attached to by ", &e->tracer);
                break;
        case GUARD_CLAIMED:
                say_text(l, event_refused_by_hold(e) ? "held by ptraced for " : "claimed by ", e->owner);
                break;
        case GUARD_DENIED:
                append_words(l, "the policy lets nobody trace it");
                break;
        case GUARD_NOT_OWNER:
                append_words(l, "the policy lets only others trace it");
                break;
        case GUARD_CYCLE:
                append_words(l, "it traces the caller");
                break;
        case GUARD_NO_SLOT:
                append_words(l, "no memory to note the attach");
                break;
        default:
                append_words(l, "the policy forbids reading its memory");
        }
        if (e->guard_source == SOURCE_CLAIM || (e->guard_source == SOURCE_HOLD && e->claim))
                append_words(l, " (claim %lu)", e->claim);
        else if (e->guard_source == SOURCE_RULE) {
                say_text(l, " (rule \"", e->note);
                append_words(l, "\")");
        } else if (e->guard_source == SOURCE_SINGLE)
                append_words(l, " (guard on)");
}

static void describe_refused(struct line *l, const struct event *e)
{
        char name[24];

        say_task(l, "", &e->actor);
        if (e->request == PTRACE_TRACEME)
                append_words(l, " may not be traced by its parent");
        else if (e->target.pid)
                say_task(l, " may not attach to ", &e->target);
        else
                append_words(l, " may not attach to pid %u", e->vpid);
        append_words(l, ": %s", errno_name(e->error, name, sizeof(name)));
        if (e->guard_reason) {
                append_words(l, ", ");
                say_guard(l, e);
        } else if (e->tracer.pid)
                say_task(l, ", already traced by ", &e->tracer);
}

static void describe_audit(struct line *l, const struct event *e)
{
        say_task(l, "", &e->actor);
        say_task(l, " attaches to ", &e->target);
        append_words(l, " (audit: it would be refused, ");
        say_guard(l, e);
        append_words(l, ")");
}

static void describe_tracer_exit(struct line *l, const struct event *e)
{
        say_task(l, "tracer ", &e->target);
        append_words(l, " ended with %lu tracees", e->count);
}

/* An exit code or wait status in words. */
static void say_status(struct line *l, int status)
{
        char name[16];

        if (WIFEXITED(status))
                append_words(l, "exit status %d", WEXITSTATUS(status));
        else if (WIFSIGNALED(status))
                append_words(l, "killed by %s", signal_name(WTERMSIG(status), name, sizeof(name)));
        else if (WIFSTOPPED(status))
                append_words(l, "stopped by %s", signal_name(WSTOPSIG(status) & 0x7f, name, sizeof(name)));
        else
                append_words(l, "status 0x%x", (unsigned)status);
}

static void describe_reap(struct line *l, const struct event *e)
{
        say_task(l, "", &e->target);
        if (e->actor.pid)
                say_task(l, " got the state of ", &e->actor);
        append_words(l, ": ");
        say_status(l, e->status);
}

static void describe_wait_error(struct line *l, const struct event *e)
{
        char name[24];

        say_task(l, "", &e->target);
        append_words(l, " waited for %d: %s%s", e->upid, errno_name(e->error, name, sizeof(name)),
                     e->sigchld_ignored ? ", SIGCHLD is ignored" : "");
}

static void say_disposition(struct line *l, uint64_t handler)
{
        if (handler <= 1)
                append_words(l, "%s", handler ? "ignore" : "default");
        else
                append_words(l, "handler 0x%lx", handler);
}

static void describe_sigaction(struct line *l, const struct event *e)
{
        char name[16];

        say_task(l, "", &e->target);
        append_words(l, " set %s to ", signal_name(e->sig, name, sizeof(name)));
        say_disposition(l, e->handler);
        append_words(l, " (was ");
        say_disposition(l, e->old_handler);
        append_words(l, ")");
}

static void describe_fork(struct line *l, const struct event *e)
{
        say_task(l, "", &e->actor);
        say_task(l, e->thread ? " started thread " : " forked ", &e->target);
        if (e->tracer.pid)
                say_task(l, ", traced by ", &e->tracer);
        else if (e->parent_tracer)
                append_words(l, ", not followed by the tracer of its parent (%u)", e->parent_tracer);
}

static void describe_exec(struct line *l, const struct event *e)
{
        say_task(l, "", &e->target);
        say_text(l, " executed ", e->path);
        if (e->tracer.pid)
                say_task(l, ", traced by ", &e->tracer);
}

static void describe_exit(struct line *l, const struct event *e)
{
        say_task(l, "", &e->target);
        append_words(l, e->group_dead ? " ended: " : " ended (one thread): ");
        say_status(l, e->status);
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

static void describe_memory(struct line *l, const struct event *e)
{
        const char *how = access_name(e->request);
        char name[24];

        say_task(l, "", &e->actor);
        say_task(l, e->error ? " may not access the memory of " : " accessed the memory of ", &e->target);
        if (how)
                append_words(l, " by %s", how);
        else
                append_words(l, " by system call %d", e->request);
        if (e->error)
                append_words(l, ": %s, ", errno_name(e->error, name, sizeof(name)));
        else if (e->guard_reason)
                append_words(l, ", audit: ");
        if (e->error || e->guard_reason)
                say_guard(l, e);
}

static void describe_counter(struct line *l, const struct event *e)
{
        char name[WORD_MAX];

        append_words(l, "%lu more: ", e->count);
        if (e->of_type == EV_NONE)
                append_words(l, "%s", word_request(e->request, name));
        else
                append_words(l, "%s", enum_name("of_type", e->of_type));
        if (e->guard_reason)
                append_words(l, " (%s)", enum_name("reason", e->guard_reason));
        if (e->sig) {
                append_words(l, " ");
                say_signal(l, e);
        }
        if (e->target.pid)
                say_task(l, " at ", &e->target);
        if (e->tracer.pid || e->tracer.tid)
                say_task(l, ", tracer ", &e->tracer);
}

static void describe_loss(struct line *l, const struct event *e)
{
        append_words(l, "%lu %s lost", e->count, e->count == 1 ? "event was" : "events were");
        say_text(l, ": ", e->note);
}

static void describe_info(struct line *l, const struct event *e)
{
        say_task(l, "", &e->target);
        if (e->parent.pid)
                say_task(l, ", child of ", &e->parent);
        append_words(l, ", uid %u", e->uid);
        say_text(l, ": ", e->args[0] ? e->args : e->path);
}

static void describe_state(struct line *l, const struct event *e)
{
        say_task(l, "", &e->target);
        append_words(l, " is in state %c", e->state > 32 && e->state < 127 ? e->state : '?');
        if (e->tracer.pid) {
                say_task(l, ", its tracer ", &e->tracer);
                append_words(l, " in %c",
                             e->tracer_state > 32 && e->tracer_state < 127 ? e->tracer_state : '?');
        }
}

static void describe_scan(struct line *l, const struct event *e)
{
        say_task(l, "", &e->target);
        append_words(l, " address 0x%lx", e->ip);
        if (e->symbol[0])
                say_text(l, " is ", e->symbol);
        if (e->path[0])
                say_text(l, " in ", e->path);
        if (!strcmp(e->note, "trap"))
                append_words(l, !e->file_known  ? "; the file could not be read"
                                : e->found_int3 ? "; the file has a breakpoint instruction there"
                                                : "; the file has no breakpoint instruction there");
}

static void describe_start(struct line *l, const struct event *e)
{
        say_text(l, "recording began in tier ", e->path);
        say_text(l, ", boot ", e->note);
}

/* "claim 12 of uid 1000 on api(4711)" */
static void say_which_claim(struct line *l, const struct event *e)
{
        append_words(l, "claim %lu of ", e->claim);
        say_text(l, "", e->owner);
        say_task(l, " on ", &e->target);
}

/* What it is good for, who asked, and what else is to be said. */
static void say_terms(struct line *l, const struct event *e)
{
        char lease[64];

        if (e->guard_mode == GUARD_AUDIT)
                append_words(l, ", audit only");
        if (e->lease_ns)
                append_words(l, ", for %s", text_duration(e->lease_ns, lease, sizeof(lease)));
        if (e->actor.pid)
                say_task(l, ", asked for by ", &e->actor);
        if (e->note[0])
                say_text(l, ": ", e->note);
}

static void describe_claim(struct line *l, const struct event *e)
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
                say_text(l, "", e->owner);
                say_task(l, " waits for ", &e->target);
                append_words(l, ", place %lu", e->count);
                say_terms(l, e);
                return;
        }
        /* The number is that of the claim which ends by it. */
        if (e->type == EV_CLAIM_TAKEN) {
                say_text(l, "", e->owner);
                append_words(l, " takes over claim %lu", e->claim);
                say_task(l, " on ", &e->target);
                say_terms(l, e);
                return;
        }
        say_which_claim(l, e);
        if (e->type == EV_CLAIM_ENDED) {
                append_words(l, " %s",
                             ends[e->claim_end > 0 && e->claim_end < _CLAIM_END_MAX ? e->claim_end : 0]);
                if (e->note[0])
                        say_text(l, ": ", e->note);
                return;
        }
        append_words(l, e->type == EV_CLAIM_MADE ? " was made" : " was renewed");
        say_terms(l, e);
}

static void describe_policy(struct line *l, const struct event *e)
{
        if (e->type == EV_POLICY_GUARD)
                append_words(l, "the guard was switched %s", enum_name("state", e->guard_state));
        else if (e->type == EV_POLICY_LOADED)
                append_words(l, "the policy was read: %lu %s", e->count, e->count == 1 ? "rule" : "rules");
        else
                append_words(l, "the policy was rejected, and the former one stays");
        if (e->actor.pid) {
                say_task(l, ", by ", &e->actor);
                append_words(l, " (uid %u)", e->caller_uid);
        }
        if (e->note[0])
                say_text(l, ": ", e->note);
}

static const struct {
        void (*describe)(struct line *l, const struct event *e);
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
};
static_assert(ELEMENTSOF(types) == _EV_MAX, "a row for each type of event");

const char *describe_event(const struct event *e, char *buf, size_t size)
{
        struct line l = {.buf = buf, .size = size};

        buf[0] = 0;
        if (e->type > EV_NONE && e->type < _EV_MAX)
                types[e->type].describe(&l, e);
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
