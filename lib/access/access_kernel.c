/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ptrace.h>

#include "bpf/records.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/access/access_kernel.h"
#include "lib/event/wording.h"

/* ---- what refuses ---------------------------------------------------------------------------------- */

static bool is_traceme(const struct access_facts *f)
{
        return f->request == PTRACE_TRACEME;
}

/* Who asks for PTRACE_TRACEME is to be traced, by its parent: that one's rights are known only from the call. */
static bool tracer_seen(const struct access_facts *f)
{
        return !is_traceme(f) || access_is(f, ATT_F_AT_CALL);
}

static const char *who_would_trace(const struct access_facts *f)
{
        return is_traceme(f) ? "its parent, which is to trace it," : "the caller";
}

/* Without a capability over the user namespace of its credentials. Not known is no. */
static bool lacks_over_target(const struct access_facts *f)
{
        return access_over_target(f) == ANSWER_NO;
}

static bool passed_to_lsm(const struct access_facts *f)
{
        return access_is(f, ATT_F_LSM_CALLED);
}

bool refuses_gone(const struct access_facts *f)
{
        return f->target_gone || (f->error == ESRCH && !(f->ns_level && f->target.pid));
}

bool refuses_pid_namespace(const struct access_facts *f)
{
        return f->error == ESRCH && f->ns_level && f->target.pid;
}

bool refuses_seccomp(const struct access_facts *f)
{
        return access_is(f, ATT_F_SECCOMP) || f->filter.passes == ANSWER_NO;
}

bool refuses_kernel_thread(const struct access_facts *f)
{
        return access_is(f, ATT_F_KTHREAD);
}

bool refuses_own_thread_group(const struct access_facts *f)
{
        return access_is(f, ATT_F_SAME_GROUP) && !is_traceme(f);
}

bool refuses_zombie_leader(const struct access_facts *f)
{
        return access_is(f, ATT_F_LEADER_ZOMBIE);
}

/* Also one that was on its way to it when an attach was refused. */
bool refuses_zombie(const struct access_facts *f)
{
        return !refuses_zombie_leader(f) &&
               (access_is(f, ATT_F_ZOMBIE) || (f->error && access_is(f, ATT_F_TARGET_EXITING)));
}

/* It has no memory of its own, which could be dumpable or not. */
static bool has_memory(const struct access_facts *f)
{
        return !access_is(f, ATT_F_ZOMBIE | ATT_F_KTHREAD | ATT_F_TARGET_EXITING | ATT_F_LEADER_ZOMBIE);
}

bool refuses_traced(const struct access_facts *f)
{
        if (f->guard.by_hold)
                return false; /* no debugger is in the way */
        if (f->holder.pid || guard_says_held(f))
                return f->guard.reason != GUARD_TAKING;
        if (guard_decided(f))
                return false;
        /* The security modules agreed and it was refused all the same: what is left is a tracer that was
         * there at that moment. */
        return f->error == EPERM && passed_to_lsm(f) && f->lsm_error == 0 && !refuses_zombie(f) &&
               !refuses_zombie_leader(f);
}

bool refuses_user_namespace(const struct access_facts *f)
{
        if (!tracer_seen(f) || !access_is_not(f, ATT_F_SAME_USERNS) || !lacks_over_target(f))
                return false;
        /* Without a common user namespace the kernel asks for CAP_SYS_PTRACE in the target's, whatever the
         * capabilities are otherwise. That is the first thing the security hook does. */
        return !passed_to_lsm(f) || f->lsm_error != 0;
}

bool refuses_uid(const struct access_facts *f)
{
        return !is_traceme(f) && !passed_to_lsm(f) && access_is_not(f, ATT_F_UID_MATCH) &&
               lacks_over_target(f);
}

bool refuses_not_dumpable(const struct access_facts *f)
{
        return !is_traceme(f) && !passed_to_lsm(f) && has_memory(f) && access_is_not(f, ATT_F_DUMPABLE) &&
               access_over_memory(f) == ANSWER_NO;
}

bool refuses_capability(const struct access_facts *f)
{
        return tracer_seen(f) && !access_is_not(f, ATT_F_SAME_USERNS) &&
               access_is_not(f, ATT_F_CAPS_SUBSET) && lacks_over_target(f);
}

bool refuses_yama(const struct access_facts *f)
{
        if (f->error && f->error != EPERM)
                return false;
        if (f->yama >= 3)
                return true;
        if (f->yama == 2)
                return !tracer_seen(f) || lacks_over_target(f);
        return f->yama == 1 && !is_traceme(f) && lacks_over_target(f) && f->yama_exempt != ANSWER_YES &&
               !access_is(f, ATT_F_SAME_GROUP);
}

static bool modules_known(const struct access_facts *f)
{
        return strcmp(f->modules, MODULES_UNKNOWN) != 0;
}

/* ---- what is not known ------------------------------------------------------------------------------- */

static bool filter_unknown(const struct access_facts *f)
{
        return f->error == 0 && access_is(f, ATT_F_CALLER_FILTER) && f->filter.passes == ANSWER_UNKNOWN;
}

static bool target_unknown(const struct access_facts *f)
{
        return !access_is(f, ATT_F_TARGET_KNOWN) && !passed_to_lsm(f);
}

static bool ids_unknown(const struct access_facts *f)
{
        return !(f->known & ATT_F_UID_MATCH) && access_over_target(f) != ANSWER_YES;
}

static bool userns_unknown(const struct access_facts *f)
{
        return access_over_target(f) == ANSWER_UNKNOWN &&
               !(access_is(f, ATT_F_SAME_USERNS) && access_is(f, ATT_F_UID_MATCH) &&
                 access_is(f, ATT_F_CAPS_SUBSET));
}

static bool caps_unknown(const struct access_facts *f)
{
        return !(f->known & ATT_F_CAPS_SUBSET) && access_over_target(f) != ANSWER_YES;
}

static bool dumpable_unknown(const struct access_facts *f)
{
        if (!has_memory(f) || access_is(f, ATT_F_DUMPABLE) || access_over_memory(f) == ANSWER_YES)
                return false;
        return !(f->known & ATT_F_DUMPABLE) || access_over_memory(f) == ANSWER_UNKNOWN;
}

static bool moment_unknown(const struct access_facts *f)
{
        return f->error != 0 && !access_is(f, ATT_F_AT_CALL) && !passed_to_lsm(f);
}

static bool modules_unknown(const struct access_facts *f)
{
        return f->error != 0 && !modules_known(f);
}

/* What would have to be known. The kernel's part does not count where its security modules were asked: then
 * all before them passed. */
static const struct {
        bool (*unknown)(const struct access_facts *f);
        bool before_lsm; /* or with it: what the capabilities' own module asks */
        bool right;      /* of the caller over the target, see access_rights() */
        const char *what;
} gaps[] = {
        {filter_unknown, false, false,
         "whether the caller's seccomp filter lets ptrace through: only who runs under it can try, as "
         "ptracectl why does"},
        {target_unknown, true, true, "what the target was: it ended, or changed, while it was looked at"},
        {ids_unknown, true, true, "the user and group ids of both"},
        {userns_unknown, true, true, "whether the caller has CAP_SYS_PTRACE in the target's user namespace"},
        {caps_unknown, true, true, "whether the caller has all capabilities that the target has"},
        {dumpable_unknown, true, true,
         "whether the target is dumpable, and if not, of which user namespace its memory is"},
        {moment_unknown, false, false,
         "who traced the target at that moment, and whether it was ending: it was looked at only afterwards"},
        {modules_unknown, false, false, "which security modules are active"},
};

const char *access_gap(const struct access_facts *f, bool rights_only)
{
        for (size_t i = 0; i < ELEMENTSOF(gaps); i++) {
                if (rights_only ? !gaps[i].right : gaps[i].before_lsm && (is_traceme(f) || passed_to_lsm(f)))
                        continue;
                if (gaps[i].unknown(f))
                        return gaps[i].what;
        }
        return NULL;
}

/* Only an answer of a security module, or that nothing else can have been the reason, points at one. */
bool refuses_lsm(const struct access_facts *f)
{
        if (!f->modules[0])
                return false; /* none is active */
        if (f->lsm_error)
                return true;
        if ((f->error != EPERM && f->error != EACCES) || passed_to_lsm(f))
                return false;
        return !access_gap(f, false);
}

/* ---- who asks ---------------------------------------------------------------------------------------- */

/* What somebody can do about a refusal depends on what they are. */
enum asker {
        ASKER_USER,
        ASKER_BOXED_USER, /* in a container that has pids of its own */
        ASKER_ROOT,
        ASKER_LIMITED_ROOT, /* uid 0 without CAP_SYS_PTRACE: of a container, as a rule */
        ASKER_INSIDE,       /* a user namespace: no root of the machine, whatever its uid there */
};

static enum asker asker_of(const struct access_facts *f)
{
        if (access_is(f, ATT_F_CALLER_USERNS))
                return ASKER_INSIDE;
        if (f->caller_uid == 0)
                return access_is(f, ATT_F_CAP_PTRACE) ? ASKER_ROOT : ASKER_LIMITED_ROOT;
        return f->ns_level ? ASKER_BOXED_USER : ASKER_USER;
}

/* A way to CAP_SYS_PTRACE, and what it costs. */
static void advise_capability(const struct access_facts *f, const struct reasons *out, const char *risk)
{
        static const char give[] = "give the container SYS_PTRACE (docker run or podman run --cap-add "
                                   "SYS_PTRACE), or debug from the host, as root";

        switch (asker_of(f)) {
        case ASKER_USER:
                say(out->remedy, "run the debugger as root: sudo ...");
                break;
        case ASKER_BOXED_USER:
                say(out->remedy, "as root of the container: %s", give);
                break;
        case ASKER_ROOT:
                say(out->remedy, "run the debugger on the host, as root");
                break;
        case ASKER_LIMITED_ROOT:
                say(out->remedy, "the caller is root, but without CAP_SYS_PTRACE: %s", give);
                say(out->risk, "whatever runs in that container may then trace its other processes");
                return;
        case ASKER_INSIDE:
                say(out->remedy,
                    "run the debugger outside the user namespace (rootless container, sandbox) that the "
                    "caller is in, as root: sudo ...");
                break;
        }
        say(out->risk, "%s", risk);
}

/* ---- how it is told --------------------------------------------------------------------------------- */

void tell_gone(const struct telling *t, const struct reasons *out)
{
        say(out->why, "there is no process or thread %" PRIu32, t->f->vpid ?: t->f->target.pid);
        say(out->remedy, "look the pid up again: pgrep -a NAME");
}

void tell_pid_namespace(const struct telling *t, const struct reasons *out)
{
        say(out->why,
            "%s exists outside, but no process of the caller's pid namespace has the number %" PRIu32,
            t->target, t->f->vpid);
        say(out->remedy,
            "use the pid the process has inside (NSpid in /proc/%" PRIu32
            "/status), or run the debugger outside the container",
            t->f->target.pid);
}

void tell_seccomp(const struct telling *t, const struct reasons *out)
{
        say(out->why, "a seccomp filter on %s %s before the kernel looks at the target", t->caller,
            t->f->filter.passes == ANSWER_NO && !t->f->filter.error
                    ? "sends SIGSYS for ptrace, which ends it,"
                    : "refuses ptrace");
        say(out->remedy,
            "run the debugger outside that container or sandbox, or start a container with --cap-add "
            "SYS_PTRACE (Kubernetes: kubectl debug --profile=general)");
        say(out->risk, "whatever runs in that container may then trace its other processes");
}

void tell_kernel_thread(const struct telling *t, const struct reasons *out)
{
        say(out->why, "%s is a kernel thread: nobody can trace it with ptrace", t->target);
        say(out->remedy, "look at it with perf or ftrace");
}

void tell_own_thread_group(const struct telling *t, const struct reasons *out)
{
        say(out->why, "%s is the caller's own process: a thread cannot trace its siblings", t->target);
        say(out->remedy, "attach from a child process");
}

void tell_zombie_leader(const struct telling *t, const struct reasons *out)
{
        say(out->why, "only the main thread of %s has ended, its other threads live and can be traced",
            t->target);
        if (t->f->worker)
                say(out->remedy, "attach to a thread that lives: %" PRIu32 ", for example", t->f->worker);
        else
                say(out->remedy, "attach to a thread that lives: ls /proc/%" PRIu32 "/task",
                    t->f->target.pid);
}

void tell_zombie(const struct telling *t, const struct reasons *out)
{
        say(out->why, "%s has ended already and waits for its parent to reap it", t->target);
        say(out->remedy, "look at its parent: ps -o ppid= -p %" PRIu32, t->f->target.pid);
}

void tell_traced(const struct telling *t, const struct reasons *out)
{
        const struct access_facts *f = t->f;
        struct tracer_ties ties = {
                .tracer = f->holder,
                .target = f->target,
                .options = f->holder_options,
                .unaware = f->holder_unaware,
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
        if (f->holder_unaware)
                say(out->why, ", by its own PTRACE_TRACEME; %s has never called ptrace", t->holder);
        guard_say_single(f, out->why);
        say_release(out->remedy, &ties);
        if (!f->holder_unaware && f->holder_uid_known && f->caller_uid != 0 &&
            f->caller_uid != f->holder_uid)
                say(out->remedy, ": it runs as uid %" PRIu32 ", so only that user or root can",
                    f->holder_uid);
        say_release_risk(out->risk, &ties);
        if (access_is(f, ATT_F_SAME_MM) || access_is(f, ATT_F_CHILD_OF_TARGET))
                say(out->remedy,
                    "; if the refused one is LeakSanitizer, run with ASAN_OPTIONS=detect_leaks=0 under a "
                    "tracer");
}

void tell_user_namespace(const struct telling *t, const struct reasons *out)
{
        const struct access_facts *f = t->f;

        say(out->why, "%s lives in another user namespace, and %s has no CAP_SYS_PTRACE there", t->target,
            who_would_trace(f));
        if (asker_of(f) == ASKER_INSIDE && access_is(f, ATT_F_UID_MATCH) &&
            !access_is_not(f, ATT_F_DUMPABLE))
                say(out->remedy,
                    "run the debugger outside the user namespace (rootless container, sandbox) that the "
                    "caller is in: there the same user suffices");
        else
                advise_capability(f, out, "the debugger then has the rights of root");
}

void tell_uid(const struct telling *t, const struct reasons *out)
{
        static const char risk[] = "the debugger, and whatever it loads, then has that user's rights";
        const struct access_facts *f = t->f;
        bool other_user = f->caller_uid != f->target_uid;

        if (other_user)
                say(out->why,
                    "%s runs as uid %" PRIu32 ", the caller as uid %" PRIu32 " without CAP_SYS_PTRACE",
                    t->target, f->target_uid, f->caller_uid);
        else
                say(out->why,
                    "%s has other effective, saved or group ids than the caller, who has no CAP_SYS_PTRACE",
                    t->target);
        if (!f->target_uid || !other_user ||
            (asker_of(f) != ASKER_USER && asker_of(f) != ASKER_BOXED_USER)) {
                advise_capability(f, out, risk);
                return;
        }
        if (asker_of(f) == ASKER_USER)
                say(out->remedy, "run the debugger as that user: sudo -u '#%" PRIu32 "' ...", f->target_uid);
        else
                say(out->remedy,
                    "run the debugger in the container as that user: docker exec -u %" PRIu32
                    " (or podman exec)",
                    f->target_uid);
        say(out->risk, risk);
}

void tell_not_dumpable(const struct telling *t, const struct reasons *out)
{
        say(out->why,
            "%s is not dumpable (it changed its ids, has file capabilities, or called "
            "prctl(PR_SET_DUMPABLE, 0)), and the caller has no CAP_SYS_PTRACE",
            t->target);
        advise_capability(
                t->f, out,
                "a program that is not dumpable may hold secrets: they are visible in the debugger");
}

void tell_capability(const struct telling *t, const struct reasons *out)
{
        say(out->why, "%s has capabilities that %s lacks", t->target, who_would_trace(t->f));
        advise_capability(t->f, out, "the debugger then has the rights of root");
}

void tell_yama(const struct telling *t, const struct reasons *out)
{
        int scope = t->f->yama;

        if (scope >= 3) {
                say(out->why,
                    "kernel.yama.ptrace_scope is 3: nobody may trace, and only a reboot changes that");
                say(out->remedy, "boot the machine with another kernel.yama.ptrace_scope");
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
        advise_capability(t->f, out,
                          "lowering ptrace_scope instead lets any process attach to all others of its user");
}

void tell_lsm(const struct telling *t, const struct reasons *out)
{
        char modules[EVENT_MODULES_MAX * 4 + 1], name[32];

        text_escape(t->f->modules, modules, sizeof(modules));

        say(out->why, "every check of ids and capabilities passed, and ");
        if (!modules_known(t->f))
                say(out->why, "a security module");
        else if (strchr(modules, ','))
                say(out->why, "one of the security modules %s", modules);
        else
                say(out->why, "the security module %s", modules);
        say(out->why, " said %s", errno_name(t->f->lsm_error ?: t->f->error, name, sizeof(name)));
        say(out->remedy, "read why%s: journalctl -k -g 'avc|apparmor|audit|landlock'",
            asker_of(t->f) == ASKER_USER || asker_of(t->f) == ASKER_ROOT ? "" : ", on the host");
}
