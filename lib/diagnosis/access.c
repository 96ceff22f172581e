/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ptrace.h>

#include "bpf/records.h"
#include "lib/diagnosis/access.h"
#include "lib/diagnosis/access_guard.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/diagnosis/wording.h"

static const char *const cause_names[] = {
        [ACCESS_NONE] = "",
        [ACCESS_GONE] = "gone",
        [ACCESS_PID_NAMESPACE] = "pid-namespace",
        [ACCESS_SECCOMP] = "seccomp",
        [ACCESS_KERNEL_THREAD] = "kernel-thread",
        [ACCESS_OWN_THREAD_GROUP] = "own-thread-group",
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

/* ---- what refuses ---------------------------------------------------------------------------------- */

static bool known_true(const struct access_facts *f, uint32_t bit)
{
        return f->known & f->facts & bit;
}

static bool known_false(const struct access_facts *f, uint32_t bit)
{
        return f->known & ~f->facts & bit;
}

static bool is_traceme(const struct access_facts *f)
{
        return f->request == PTRACE_TRACEME;
}

/* CAP_SYS_PTRACE where it counts: in the user namespace of the target. */
static bool may_override(const struct access_facts *f)
{
        if (!known_true(f, ATT_F_CAP_PTRACE))
                return false;
        return f->caller_host_root || !known_false(f, ATT_F_SAME_USERNS);
}

static bool passed_to_lsm(const struct access_facts *f)
{
        return known_true(f, ATT_F_LSM_CALLED);
}

static bool refuses_gone(const struct access_facts *f)
{
        return f->target_gone || (f->error == ESRCH && !(f->ns_level && f->target.pid));
}

static bool refuses_pid_namespace(const struct access_facts *f)
{
        return f->error == ESRCH && f->ns_level && f->target.pid;
}

static bool refuses_seccomp(const struct access_facts *f)
{
        return known_true(f, ATT_F_SECCOMP);
}

static bool refuses_kernel_thread(const struct access_facts *f)
{
        return known_true(f, ATT_F_KTHREAD);
}

static bool refuses_own_thread_group(const struct access_facts *f)
{
        return known_true(f, ATT_F_SAME_GROUP) && !is_traceme(f);
}

static bool refuses_zombie(const struct access_facts *f)
{
        return known_true(f, ATT_F_ZOMBIE);
}

static bool refuses_traced(const struct access_facts *f)
{
        if (f->guard.by_hold)
                return false; /* no debugger is in the way */
        if (f->holder.pid || guard_says_held(f))
                return f->guard.reason != GUARD_TAKING;
        if (guard_decided(f))
                return false;
        /* The security modules agreed and it was refused all the same: what is left is a tracer that was
         * there at that moment. */
        return f->error == EPERM && passed_to_lsm(f) && f->lsm_error == 0 && !refuses_zombie(f);
}

static bool refuses_user_namespace(const struct access_facts *f)
{
        if (is_traceme(f) || !known_false(f, ATT_F_SAME_USERNS) || may_override(f))
                return false;
        /* Without a common user namespace the kernel asks for CAP_SYS_PTRACE in the target's, whatever the
         * capabilities are otherwise. That is the first thing the security hook does. */
        return !passed_to_lsm(f) || f->lsm_error != 0;
}

static bool refuses_uid(const struct access_facts *f)
{
        return !is_traceme(f) && !passed_to_lsm(f) && known_false(f, ATT_F_UID_MATCH) && !may_override(f);
}

static bool refuses_not_dumpable(const struct access_facts *f)
{
        /* A task without memory of its own (zombie, kernel thread) is not asked. */
        return !is_traceme(f) && !passed_to_lsm(f) && !refuses_zombie(f) && !refuses_kernel_thread(f) &&
               known_false(f, ATT_F_DUMPABLE) && !may_override(f);
}

static bool refuses_capability(const struct access_facts *f)
{
        return !is_traceme(f) && !known_false(f, ATT_F_SAME_USERNS) && known_false(f, ATT_F_CAPS_SUBSET) &&
               !may_override(f);
}

static bool refuses_yama(const struct access_facts *f)
{
        if (f->error && f->error != EPERM)
                return false;
        if (f->yama >= 3)
                return true;
        if (f->yama == 2)
                return !may_override(f);
        return f->yama == 1 && !is_traceme(f) && !may_override(f) && f->yama_exempt != ANSWER_YES &&
               !known_true(f, ATT_F_SAME_GROUP);
}

/* Only an answer of a security module, or the want of any other reason, points at one. */
static bool refuses_lsm(const struct access_facts *f)
{
        if (f->lsm_error)
                return true;
        if (f->error != EPERM && f->error != EACCES)
                return false;
        if (passed_to_lsm(f))
                return false;
        return known_true(f, ATT_F_TARGET_KNOWN);
}

/* ---- how it is told --------------------------------------------------------------------------------- */

static void tell_gone(const struct telling *t, const struct reasons *out)
{
        say(out->why, "there is no process or thread %" PRIu32, t->f->vpid ?: t->f->target.pid);
        say(out->remedy, "look the pid up again: pgrep -a NAME");
}

static void tell_pid_namespace(const struct telling *t, const struct reasons *out)
{
        say(out->why,
            "%s exists outside, but no process of the caller's pid namespace has the number %" PRIu32,
            t->target, t->f->vpid);
        say(out->remedy,
            "use the pid the process has inside (NSpid in /proc/%" PRIu32
            "/status), or run the debugger outside the container",
            t->f->target.pid);
}

static void tell_seccomp(const struct telling *t, const struct reasons *out)
{
        say(out->why, "a seccomp filter on %s refuses ptrace before the kernel looks at the target",
            t->caller);
        say(out->remedy,
            "run the debugger outside the container, or start that with --cap-add SYS_PTRACE (Kubernetes: "
            "kubectl debug --profile=general)");
        say(out->risk, "whatever runs in that container may then trace its other processes");
}

static void tell_kernel_thread(const struct telling *t, const struct reasons *out)
{
        say(out->why, "%s is a kernel thread: nobody can trace it with ptrace", t->target);
        say(out->remedy, "look at it with perf or ftrace");
}

static void tell_own_thread_group(const struct telling *t, const struct reasons *out)
{
        say(out->why, "%s is the caller's own process: a thread cannot trace its siblings", t->target);
        say(out->remedy, "attach from a child process");
}

static void tell_zombie(const struct telling *t, const struct reasons *out)
{
        say(out->why, "%s has ended already and waits for its parent to reap it", t->target);
        say(out->remedy, "look at its parent: ps -o ppid= -p %" PRIu32, t->f->target.pid);
}

static void tell_traced(const struct telling *t, const struct reasons *out)
{
        const struct access_facts *f = t->f;
        struct tracer_ties ties = {
                .tracer = f->holder,
                .target = f->target,
                .options = f->holder_options,
                .n_traps = f->holder_traps,
        };
        char clock[WORD_MAX], lasted[64], idle[64];

        if (!f->holder.pid && guard_says_held(f)) {
                say(out->why, "another process traces %s", t->target);
                guard_say_single(f, out->why);
                say(out->remedy, "see which: ptracectl who %" PRIu32, f->target.pid);
                return;
        }
        if (!f->holder.pid) {
                say(out->why, "%s was traced at that moment by a tracer that has left since", t->target);
                say(out->remedy, "try again");
                return;
        }
        say(out->why, "%s is already traced by %s", t->target, t->holder);
        if (f->holder_since_wall_ns)
                say(out->why, " since %s (%s)", word_clock(f->holder_since_wall_ns, clock),
                    text_duration(f->holder_for_ns, lasted, sizeof(lasted)));
        if (f->holder_idle_ns)
                say(out->why, ", idle for %s", text_duration(f->holder_idle_ns, idle, sizeof(idle)));
        guard_say_single(f, out->why);
        say_release(out->remedy, &f->holder);
        say_release_risk(out->risk, &ties);
        if (known_true(f, ATT_F_SAME_MM) || known_true(f, ATT_F_CHILD_OF_TARGET))
                say(out->remedy,
                    "; if the refused one is LeakSanitizer, run with ASAN_OPTIONS=detect_leaks=0 under a "
                    "tracer");
}

static void tell_user_namespace(const struct telling *t, const struct reasons *out)
{
        say(out->why, "%s lives in another user namespace, and the caller has no CAP_SYS_PTRACE there",
            t->target);
        say(out->remedy,
            "as root of the host, or in the target's namespace: nsenter --user --pid --mount -t %" PRIu32,
            t->f->target.pid);
}

static void tell_uid(const struct telling *t, const struct reasons *out)
{
        const struct access_facts *f = t->f;

        if (f->caller_uid != f->target_uid)
                say(out->why,
                    "%s runs as uid %" PRIu32 ", the caller as uid %" PRIu32 " without CAP_SYS_PTRACE",
                    t->target, f->target_uid, f->caller_uid);
        else
                say(out->why,
                    "%s has other effective, saved or group ids than the caller, who has no CAP_SYS_PTRACE",
                    t->target);
        if (f->target_uid && f->caller_uid != f->target_uid)
                say(out->remedy, "run the debugger as that user: sudo -u '#%" PRIu32 "' ...", f->target_uid);
        else
                say(out->remedy, "run the debugger as root: sudo ...");
        say(out->risk, "the debugger, and whatever it loads, then has that user's rights");
}

static void tell_not_dumpable(const struct telling *t, const struct reasons *out)
{
        say(out->why,
            "%s is not dumpable (it changed its ids, has file capabilities, or called "
            "prctl(PR_SET_DUMPABLE, 0)), and the caller has no CAP_SYS_PTRACE",
            t->target);
        say(out->remedy, "run the debugger as root: sudo ...");
        say(out->risk, "a program that is not dumpable may hold secrets: they are visible in the debugger");
}

static void tell_capability(const struct telling *t, const struct reasons *out)
{
        say(out->why, "%s has capabilities that the caller lacks", t->target);
        say(out->remedy, "run the debugger as root: sudo ...");
        say(out->risk, "the debugger then has the rights of root");
}

static void tell_yama(const struct telling *t, const struct reasons *out)
{
        int scope = t->f->yama;

        if (scope >= 3) {
                say(out->why,
                    "kernel.yama.ptrace_scope is 3: nobody may trace, and only a reboot changes that");
                say(out->remedy, "boot with another kernel.yama.ptrace_scope");
                return;
        }
        say(out->why,
            "every other check passed, and kernel.yama.ptrace_scope is %d: only %sCAP_SYS_PTRACE may attach",
            scope,
            scope == 1 ? "an ancestor of the process, one it named with PR_SET_PTRACER, or a holder of "
                       : "a holder of ");
        if (scope == 1)
                say(out->remedy,
                    "start the program from the debugger; or let it call prctl(PR_SET_PTRACER, PID); or ");
        say(out->remedy, "run the debugger as root: sudo ...");
        say(out->risk, "lowering ptrace_scope instead lets any process attach to all others of its user");
}

static void tell_lsm(const struct telling *t, const struct reasons *out)
{
        char name[32];

        say(out->why,
            "every check of ids and capabilities passed, and a security module (SELinux, AppArmor, Smack or "
            "a BPF policy) said %s",
            errno_name(t->f->lsm_error ?: t->f->error, name, sizeof(name)));
        say(out->remedy, "read which: cat /sys/kernel/security/lsm; journalctl -k -g 'avc|apparmor|audit'");
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
static_assert(ELEMENTSOF(checks) == _ACCESS_MAX - 1, "one check per cause");

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
                if (!is_traceme(f) && f->target.pid)
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

static void add_circumstances(struct access_verdict *v, const struct access_facts *f,
                              const struct telling *t)
{
        char audit[ACCESS_TEXT_MAX] = "";

        guard_say_audit(t, SENTENCE(audit));
        if (audit[0])
                add_fact(v, audit);
        if (f->caller_has_filter && v->cause != ACCESS_SECCOMP)
                add_fact(v, "the caller runs under a seccomp filter, which may refuse ptrace before "
                            "anything else");
        if (f->yama == 1 && v->cause == ACCESS_NONE && f->yama_exempt == ANSWER_UNKNOWN && f->error == 0)
                add_fact(v, "kernel.yama.ptrace_scope is 1");
        if (f->holder.pid && !f->guard.by_hold && (f->holder_options & PTRACE_O_EXITKILL))
                add_fact(v, "the target dies when its tracer ends (PTRACE_O_EXITKILL)");
        if (v->cause != ACCESS_NONE && known_true(f, ATT_F_SAME_MM))
                add_fact(v, "the caller shares the target's memory: it is the target's own helper");
}

static void conclude(const struct telling *t, const struct obstacle *first, const char *why,
                     const char *besides, struct access_verdict *v)
{
        if (first && (first->cause == ACCESS_TRACED || first->guard))
                say_traced(t, why, besides, SENTENCE(v->summary));
        else if (!v->allowed) {
                begin_summary(t, SENTENCE(v->summary));
                say(SENTENCE(v->summary), ": %s",
                    v->cause == ACCESS_NONE
                            ? "the reason is not known, too little could be seen of the target"
                            : why);
        } else
                say(SENTENCE(v->summary), "nothing forbids %s to attach to %s", t->caller, t->target);
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
        return first->error;
}

static bool is_right(const struct access_facts *f, enum access_cause cause)
{
        return cause == ACCESS_USER_NAMESPACE || cause == ACCESS_UID || cause == ACCESS_NOT_DUMPABLE ||
               cause == ACCESS_CAPABILITY || (cause == ACCESS_YAMA && f->yama >= 2);
}

enum access_cause access_rights(const struct access_facts *f, char why[ACCESS_TEXT_MAX])
{
        static const uint32_t needed =
                ATT_F_SAME_USERNS | ATT_F_UID_MATCH | ATT_F_DUMPABLE | ATT_F_CAPS_SUBSET | ATT_F_CAP_PTRACE;
        char remedy[ACCESS_TEXT_MAX] = "", risk[ACCESS_TEXT_MAX] = "";
        const struct sentence to = {why, ACCESS_TEXT_MAX};
        const struct reasons out = {to, SENTENCE(remedy), SENTENCE(risk)};
        struct telling t;

        begin_telling(&t, f);
        why[0] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                if (!is_right(f, checks[i].cause) || !checks[i].refuses(f))
                        continue;
                checks[i].tell(&t, &out);
                return checks[i].cause;
        }
        if ((f->known & needed) == needed)
                return ACCESS_NONE;
        say(to, "%s ended, or changed, while it was looked at", t.target);
        return ACCESS_GONE;
}

static bool to_be_told(const struct access_facts *f, const struct obstacle *first, const struct obstacle *c)
{
        if (c == first || !c->refuses(f))
                return false;
        return !c->last_resort || worth_telling(f, first->cause, c->cause);
}

void access_decide(const struct access_facts *f, struct access_verdict *ret)
{
        char why[ACCESS_TEXT_MAX] = "", besides[ACCESS_TEXT_MAX] = "";
        const struct obstacle *first = find_cause(f);
        struct telling t;

        memset(ret, 0, sizeof(*ret));
        begin_telling(&t, f);
        ret->error = f->error;
        if (first) {
                first->tell(&t,
                            &(struct reasons){SENTENCE(why), SENTENCE(ret->remedy), SENTENCE(ret->risk)});
                add_fact(ret, why);
                ret->cause = first->cause;
                ret->error = error_of(f, first);
        }
        ret->allowed = ret->error == 0;
        for (size_t i = 0; first && i < ELEMENTSOF(checks); i++) {
                char sentence[ACCESS_TEXT_MAX] = "", no_remedy[ACCESS_TEXT_MAX] = "",
                     no_risk[ACCESS_TEXT_MAX] = "";

                if (!to_be_told(f, first, &checks[i]))
                        continue;
                checks[i].tell(
                        &t, &(struct reasons){SENTENCE(sentence), SENTENCE(no_remedy), SENTENCE(no_risk)});
                add_fact(ret, sentence);
                if (ret->cause == ACCESS_TRACED && !besides[0])
                        memcpy(besides, sentence, sizeof(besides));
        }
        add_circumstances(ret, f, &t);
        conclude(&t, first, why, besides, ret);
}
