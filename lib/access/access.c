/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ptrace.h>

#include "bpf/records.h"
#include "lib/access/access.h"
#include "lib/access/access_guard.h"
#include "lib/access/access_kernel.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/event/wording.h"

static const char *const cause_names[] = {
        [ACCESS_NONE] = "",
        [ACCESS_UNKNOWN] = "not-known",
        [ACCESS_GONE] = "gone",
        [ACCESS_PID_NAMESPACE] = "pid-namespace",
        [ACCESS_SECCOMP] = "seccomp",
        [ACCESS_KERNEL_THREAD] = "kernel-thread",
        [ACCESS_OWN_THREAD_GROUP] = "own-thread-group",
        [ACCESS_ZOMBIE_LEADER] = "zombie-leader",
        [ACCESS_ZOMBIE] = "zombie",
        [ACCESS_TRACED] = "traced",
        [ACCESS_USER_NAMESPACE] = "user-namespace",
        [ACCESS_UID] = "uid",
        [ACCESS_NOT_DUMPABLE] = "not-dumpable",
        [ACCESS_CAPABILITY] = "capability",
        [ACCESS_CLAIMED] = "claimed",
        [ACCESS_POLICY] = "policy",
        [ACCESS_HELD] = "held",
        [ACCESS_CYCLE] = "cycle",
        [ACCESS_BUSY] = "busy",
        [ACCESS_YAMA] = "yama",
        [ACCESS_LSM] = "lsm",
};
static_assert(ELEMENTSOF(cause_names) == _ACCESS_MAX, "one name per cause of a refusal");

const char *access_cause_to_string(enum access_cause c)
{
        return (size_t)c < ELEMENTSOF(cause_names) ? cause_names[c] : "";
}

/*
 * First match is the cause; all matches are told. Yama and the other security modules come last because
 * the kernel asks them last, and because everybody blames them first.
 */
static const struct obstacle {
        enum access_cause cause;
        int error;        /* what an attempt would get */
        bool last_resort; /* considered only if nothing above refuses */
        bool guard;       /* ptraced's own refusal, not the kernel's */
        bool (*refuses)(const struct access_facts *f);
        void (*tell)(const struct telling *t, const struct reasons *out);
} checks[] = {
        {ACCESS_GONE, ESRCH, false, false, refuses_gone, tell_gone},
        {ACCESS_PID_NAMESPACE, ESRCH, false, false, refuses_pid_namespace, tell_pid_namespace},
        {ACCESS_SECCOMP, EPERM, false, false, refuses_seccomp, tell_seccomp},
        {ACCESS_KERNEL_THREAD, EPERM, false, false, refuses_kernel_thread, tell_kernel_thread},
        {ACCESS_OWN_THREAD_GROUP, EPERM, false, false, refuses_own_thread_group, tell_own_thread_group},
        {ACCESS_ZOMBIE_LEADER, EPERM, false, false, refuses_zombie_leader, tell_zombie_leader},
        {ACCESS_ZOMBIE, EPERM, false, false, refuses_zombie, tell_zombie},
        {ACCESS_TRACED, EPERM, false, false, refuses_traced, tell_traced},
        {ACCESS_USER_NAMESPACE, EPERM, false, false, refuses_user_namespace, tell_user_namespace},
        {ACCESS_UID, EPERM, false, false, refuses_uid, tell_uid},
        {ACCESS_NOT_DUMPABLE, EPERM, false, false, refuses_not_dumpable, tell_not_dumpable},
        {ACCESS_CAPABILITY, EPERM, false, false, refuses_capability, tell_capability},
        {ACCESS_CLAIMED, EBUSY, false, true, refuses_claimed, tell_claimed},
        {ACCESS_POLICY, EBUSY, false, true, refuses_policy, tell_policy},
        {ACCESS_HELD, EPERM, false, true, refuses_held, tell_held},
        {ACCESS_CYCLE, EBUSY, false, true, refuses_cycle, tell_cycle},
        {ACCESS_BUSY, EBUSY, false, true, refuses_busy, tell_busy},
        {ACCESS_YAMA, EPERM, true, false, refuses_yama, tell_yama},
        {ACCESS_LSM, EPERM, true, false, refuses_lsm, tell_lsm},
};
static_assert(ELEMENTSOF(checks) == _ACCESS_MAX - 2, "one check per cause, but for none and not known");

static void add_fact(struct access_verdict *v, const char *sentence)
{
        if (v->n_facts >= ACCESS_SENTENCES)
                return;
        v->facts[v->n_facts][0] = '\0';
        say(SENTENCE(v->facts[v->n_facts]), "%s", sentence);
        v->n_facts++;
}

/* Who, what, whom and with which errno; the reason follows. */
static void begin_summary(const struct telling *t, struct sentence to)
{
        const struct access_facts *f = t->f;
        char request[WORD_MAX], name[32];

        if (f->error) {
                say(to, "%s of ", word_request(f->request, request));
                if (f->request != PTRACE_TRACEME && f->target.pid)
                        say(to, "%s by ", t->target);
                say(to, "%s got %s", t->caller, errno_name(f->error, name, sizeof(name)));
        } else
                say(to, "%s cannot attach to %s", t->caller, t->target);
}

/* "X is already traced by Y since ...: the PTRACE_ATTACH of Z got EPERM. Besides, ..." */
static void say_traced(const struct telling *t, const char *why, const char *besides, struct sentence to)
{
        const struct access_facts *f = t->f;
        char request[WORD_MAX], name[32];

        say(to, "%s: ", why);
        if (f->error)
                say(to, "the %s of %s got %s", word_request(f->request, request), t->caller,
                    errno_name(f->error, name, sizeof(name)));
        else
                say(to, "%s cannot attach", t->caller);
        if (besides[0])
                say(to, ". It would be refused anyway: %s", besides);
}

static void begin_telling(struct telling *t, const struct access_facts *f)
{
        t->f = f;
        word_process(&f->caller, t->caller);
        word_process(&f->holder, t->holder);
        word_thread(&f->target, t->target);
}

/* The asker's rights, which the answer depends on: somebody else may get another one. */
static void say_asker(const struct access_facts *f, struct access_verdict *v)
{
        char who[ACCESS_SENTENCE_MAX] = "";

        say(SENTENCE(who), "the caller's real uid is %" PRIu32, f->caller_uid);
        if (f->known & ATT_F_CAP_PTRACE)
                say(SENTENCE(who), ", with%s CAP_SYS_PTRACE", access_is(f, ATT_F_CAP_PTRACE) ? "" : "out");
        if (access_is(f, ATT_F_CALLER_USERNS))
                say(SENTENCE(who), ", in a user namespace of a container or sandbox");
        if (f->ns_level)
                say(SENTENCE(who), ", in a pid namespace of its own");
        add_fact(v, who);
}

static void add_circumstances(struct access_verdict *v, const struct access_facts *f,
                              const struct telling *t)
{
        char audit[ACCESS_TEXT_MAX] = "";

        guard_say_audit(t, SENTENCE(audit));
        if (audit[0])
                add_fact(v, audit);
        if (access_is(f, ATT_F_CALLER_FILTER) && v->cause != ACCESS_SECCOMP)
                add_fact(v,
                         f->filter.passes == ANSWER_YES
                                 ? "the caller runs under a seccomp filter, which lets ptrace through"
                                 : "the caller runs under a seccomp filter, which may refuse ptrace before "
                                   "anything else");
        if (f->yama == 1 && v->cause == ACCESS_NONE && f->yama_exempt == ANSWER_UNKNOWN && f->error == 0)
                add_fact(v, "kernel.yama.ptrace_scope is 1");
        if (f->error == 0 && f->target.pid)
                say_asker(f, v);
        if (f->holder.pid && !f->guard.by_hold && (f->holder_options & PTRACE_O_EXITKILL))
                add_fact(v, "the target dies when its tracer ends (PTRACE_O_EXITKILL)");
        if (v->cause != ACCESS_NONE && access_is(f, ATT_F_SAME_MM))
                add_fact(v, "the caller shares the target's memory: it is the target's own helper");
}

/* What is not known: of an attempt that was made, or of one that would be. */
static void say_unknown(const struct telling *t, const char *gap, struct sentence to)
{
        if (t->f->error) {
                begin_summary(t, to);
                say(to, ": the reason is not known");
        } else
                say(to, "it cannot be told whether %s can attach to %s", t->caller, t->target);
        if (gap)
                say(to, ". Not known is %s", gap);
        else
                say(to, ": every check that can be seen from outside passed, and no security module that is "
                        "active has a say in it");
}

static void conclude(const struct telling *t, const struct obstacle *first, const char *why,
                     const char *besides, struct access_verdict *v)
{
        if (first->cause == ACCESS_TRACED || first->guard)
                say_traced(t, why, besides, SENTENCE(v->summary));
        else {
                begin_summary(t, SENTENCE(v->summary));
                say(SENTENCE(v->summary), ": %s", why);
        }
}

/* Beside a tracer a security module is told of only where it is certain to refuse. */
static bool worth_telling(const struct access_facts *f, enum access_cause first, enum access_cause cause)
{
        return first == ACCESS_TRACED && cause == ACCESS_YAMA &&
               (f->lsm_error || f->yama >= 2 || f->yama_exempt == ANSWER_NO);
}

/* What refuses first. A refusal that the guard itself made comes before whatever else is true. */
static const struct obstacle *find_cause(const struct access_facts *f)
{
        if (guard_decided(f))
                for (size_t i = 0; i < ELEMENTSOF(checks); i++)
                        if (checks[i].guard && checks[i].refuses(f))
                                return &checks[i];
        for (size_t i = 0; i < ELEMENTSOF(checks); i++)
                if (checks[i].refuses(f))
                        return &checks[i];
        return NULL;
}

/* The guard is asked before the kernel's own test for a tracer, and after its tests of ids. */
static int error_of(const struct access_facts *f, const struct obstacle *first)
{
        if (f->error)
                return f->error;
        if (first->guard || (first->cause == ACCESS_TRACED && guard_comes_first(f)))
                return guard_error(f);
        if (first->cause == ACCESS_SECCOMP)
                return f->filter.passes == ANSWER_NO ? f->filter.error : first->error;
        return first->error;
}

static bool is_right(const struct access_facts *f, enum access_cause cause)
{
        return cause == ACCESS_USER_NAMESPACE || cause == ACCESS_UID || cause == ACCESS_NOT_DUMPABLE ||
               cause == ACCESS_CAPABILITY || (cause == ACCESS_YAMA && f->yama >= 2);
}

enum access_cause access_rights(const struct access_facts *f, char why[ACCESS_TEXT_MAX])
{
        char remedy[ACCESS_TEXT_MAX] = "", risk[ACCESS_TEXT_MAX] = "";
        const struct sentence to = {why, ACCESS_TEXT_MAX};
        const struct reasons out = {to, SENTENCE(remedy), SENTENCE(risk)};
        const char *gap;
        struct telling t;

        why[0] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                if (!is_right(f, checks[i].cause) || !checks[i].refuses(f))
                        continue;
                begin_telling(&t, f);
                checks[i].tell(&t, &out);
                return checks[i].cause;
        }
        gap = access_gap(f, true);
        if (!gap)
                return ACCESS_NONE;
        say(to, "it is not known %s", gap);
        return ACCESS_UNKNOWN;
}

static bool to_be_told(const struct access_facts *f, const struct obstacle *first, const struct obstacle *c)
{
        if (c == first || !c->refuses(f))
                return false;
        return !c->last_resort || worth_telling(f, first->cause, c->cause);
}

/* Everything else that refuses is told too. The first of it goes to besides. */
static void tell_others(const struct telling *t, const struct obstacle *first, struct sentence besides,
                        struct access_verdict *v)
{
        bool told = false;

        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                char why[ACCESS_TEXT_MAX] = "", remedy[ACCESS_TEXT_MAX] = "", risk[ACCESS_TEXT_MAX] = "";

                if (!to_be_told(t->f, first, &checks[i]))
                        continue;
                checks[i].tell(t, &(struct reasons){SENTENCE(why), SENTENCE(remedy), SENTENCE(risk)});
                add_fact(v, why);
                if (!told)
                        say(besides, "%s", why);
                told = true;
        }
}

/* Nothing that is known refuses. */
static void decide_unrefused(const struct telling *t, struct access_verdict *v)
{
        const char *gap = access_gap(t->f, false);

        v->cause = gap || t->f->error ? ACCESS_UNKNOWN : ACCESS_NONE;
        v->allowed = v->cause == ACCESS_NONE;
        if (!v->allowed)
                say_unknown(t, gap, SENTENCE(v->summary));
        else
                say(SENTENCE(v->summary), "nothing forbids %s to attach to %s", t->caller, t->target);
        add_circumstances(v, t->f, t);
}

void access_decide(const struct access_facts *f, struct access_verdict *ret)
{
        char why[ACCESS_TEXT_MAX] = "", besides[ACCESS_TEXT_MAX] = "";
        const struct obstacle *first = find_cause(f);
        struct telling t;

        memset(ret, 0, sizeof(*ret));
        begin_telling(&t, f);
        ret->error = f->error;
        if (!first) {
                decide_unrefused(&t, ret);
                return;
        }
        first->tell(&t, &(struct reasons){SENTENCE(why), SENTENCE(ret->remedy), SENTENCE(ret->risk)});
        add_fact(ret, why);
        ret->cause = first->cause;
        ret->error = error_of(f, first);
        ret->killed = ret->error == 0;
        tell_others(&t, first, SENTENCE(besides), ret);
        add_circumstances(ret, f, &t);
        conclude(&t, first, why, ret->cause == ACCESS_TRACED ? besides : "", ret);
}
