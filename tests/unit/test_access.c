/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The decision about an attach: asked before, and explained after. */

#include "bpf/guard_maps.h"
#include "lib/access/access.h"
#include "tests/unit/scene.h"

#define ALL_KNOWN (~(uint32_t)ATT_F_LSM_CALLED)

static struct access_facts ordinary(void)
{
        return (struct access_facts){
                .caller = named(4811, "gdb"),
                .target = named(4711, "api"),
                .request = PTRACE_ATTACH,
                .facts = FACTS_FINE,
                .known = ALL_KNOWN,
                .caller_uid = 1000,
                .target_uid = 1000,
                .yama = -1,
        };
}

static struct access_verdict decide(const struct access_facts *f)
{
        struct access_verdict v;

        access_decide(f, &v);
        ck_assert_int_eq(v.allowed, v.cause == ACCESS_NONE);
        if (v.allowed || f->error)
                ck_assert_int_eq(v.error, f->error);
        else
                ck_assert_int_eq(v.error == 0, v.cause == ACCESS_UNKNOWN || v.killed);
        ck_assert_uint_gt(strlen(v.summary), 0);
        for (size_t i = 0; i < v.n_facts; i++)
                ck_assert_uint_gt(strlen(v.facts[i]), 0);
        return v;
}

static void expect_cause(const struct access_facts *f, enum access_cause cause)
{
        struct access_verdict v = decide(f);

        ck_assert_msg(v.cause == cause, "%s, not %s: %s", access_cause_to_string(v.cause),
                      access_cause_to_string(cause), v.summary);
}

START_TEST(ordinary_attach_is_allowed)
{
        struct access_facts f = ordinary();

        expect_cause(&f, ACCESS_NONE);
        ck_assert_str_eq(decide(&f).summary, "nothing forbids PID 4811 (gdb) to attach to PID 4711 (api)");
}
END_TEST

START_TEST(root_is_allowed_whatever_the_ids)
{
        struct access_facts f = ordinary();

        f.facts = ATT_F_TARGET_KNOWN | ATT_F_CAP_PTRACE;
        f.caller_uid = 0;
        f.caller_host_root = true;
        f.yama = 2;
        expect_cause(&f, ACCESS_NONE);
}
END_TEST

/* Each row refuses by itself; all rows above it in the kernel's order take precedence when they apply, too.
 */
static const struct row {
        enum access_cause cause;
        uint32_t set, clear;
        uint32_t holder;
        int32_t yama;
} rows[] = {
        {ACCESS_SECCOMP, ATT_F_SECCOMP, 0, 0, -1},
        {ACCESS_KERNEL_THREAD, ATT_F_KTHREAD, 0, 0, -1},
        {ACCESS_OWN_THREAD_GROUP, ATT_F_SAME_GROUP, 0, 0, -1},
        {ACCESS_ZOMBIE, ATT_F_ZOMBIE, 0, 0, -1},
        {ACCESS_TRACED, 0, 0, 4802, -1},
        {ACCESS_USER_NAMESPACE, 0, ATT_F_SAME_USERNS, 0, -1},
        {ACCESS_UID, 0, ATT_F_UID_MATCH, 0, -1},
        {ACCESS_NOT_DUMPABLE, 0, ATT_F_DUMPABLE, 0, -1},
        {ACCESS_CAPABILITY, 0, ATT_F_CAPS_SUBSET, 0, -1},
        {ACCESS_YAMA, 0, 0, 0, 2},
};

static void make_refuse(struct access_facts *f, const struct row *r)
{
        f->facts = (f->facts | r->set) & ~r->clear;
        f->yama = MAX_OF(f->yama, r->yama);
        if (r->holder)
                f->holder = named(r->holder, "dlv");
}

START_TEST(each_cause_alone)
{
        struct access_facts f = ordinary();

        make_refuse(&f, &rows[_i]);
        expect_cause(&f, rows[_i].cause);
        ck_assert_int_eq(decide(&f).error, EPERM);
        f.error = EPERM;
        expect_cause(&f, rows[_i].cause);
        ck_assert_uint_gt(strlen(decide(&f).remedy), 0);
}
END_TEST

START_TEST(causes_together_come_in_order)
{
        struct access_facts f = ordinary();

        for (size_t i = ELEMENTSOF(rows); i-- > 0;) {
                make_refuse(&f, &rows[i]);
                expect_cause(&f, rows[i].cause);
        }
}
END_TEST

START_TEST(traced_and_forbidden_are_both_told)
{
        struct access_facts f = ordinary();
        struct access_verdict v;

        f.holder = named(4802, "dlv");
        f.yama = 2;
        v = decide(&f);
        ck_assert_int_eq(v.cause, ACCESS_TRACED);
        ck_assert_ptr_nonnull(strstr(v.summary, "already traced by PID 4802 (dlv)"));
        ck_assert_ptr_nonnull(strstr(v.summary, "kernel.yama.ptrace_scope is 2"));
        ck_assert_uint_eq(v.n_facts, 3);
}
END_TEST

START_TEST(yama_in_scope_1_lets_ancestors_and_root_in)
{
        struct access_facts f = ordinary();

        f.yama = 1;
        f.yama_exempt = ANSWER_YES;
        expect_cause(&f, ACCESS_NONE);
        f.yama_exempt = ANSWER_NO;
        expect_cause(&f, ACCESS_YAMA);
        access_know(&f, ATT_F_CAP_PTRACE, true);
        expect_cause(&f, ACCESS_NONE);
        f.yama = 3;
        expect_cause(&f, ACCESS_YAMA);
}
END_TEST

/* All of it was seen in the call, and it was refused all the same. */
static struct access_facts refused_at_call(void)
{
        struct access_facts f = ordinary();

        f.error = EPERM;
        access_know(&f, ATT_F_AT_CALL, true);
        return f;
}

START_TEST(security_module_is_blamed_where_one_is_active)
{
        struct access_facts f = refused_at_call();

        strcpy(f.modules, "apparmor");
        expect_cause(&f, ACCESS_LSM);
        ck_assert_ptr_nonnull(strstr(decide(&f).summary, "the security module apparmor said EPERM"));
        strcpy(f.modules, "apparmor,landlock");
        ck_assert_ptr_nonnull(strstr(decide(&f).summary, "one of the security modules apparmor,landlock"));
        /* The twins: none is active; it is not known which are; what else decides was looked at later. */
        f.modules[0] = '\0';
        expect_cause(&f, ACCESS_UNKNOWN);
        ck_assert_ptr_nonnull(strstr(decide(&f).summary, "no security module that is active"));
        strcpy(f.modules, MODULES_UNKNOWN);
        expect_cause(&f, ACCESS_UNKNOWN);
        ck_assert_ptr_nonnull(strstr(decide(&f).summary, "which security modules are active"));
        strcpy(f.modules, "apparmor");
        access_know(&f, ATT_F_AT_CALL, false);
        expect_cause(&f, ACCESS_UNKNOWN);
        ck_assert_ptr_nonnull(strstr(decide(&f).summary, "who traced the target at that moment"));
}
END_TEST

START_TEST(security_module_is_blamed_for_its_own_answer)
{
        struct access_facts f = ordinary();

        f.error = EACCES;
        f.lsm_error = EACCES;
        f.yama = 1;
        strcpy(f.modules, "selinux");
        access_know(&f, ATT_F_LSM_CALLED, true);
        expect_cause(&f, ACCESS_LSM);
        f.modules[0] = '\0';
        expect_cause(&f, ACCESS_UNKNOWN);
        f.error = EPERM;
        f.lsm_error = 0;
        expect_cause(&f, ACCESS_TRACED);
        ck_assert_ptr_nonnull(strstr(decide(&f).summary, "a tracer that has left since"));
}
END_TEST

START_TEST(container_root_is_not_host_root)
{
        struct access_facts f = ordinary();

        f.facts = (f.facts | ATT_F_CAP_PTRACE) & ~(uint32_t)(ATT_F_SAME_USERNS | ATT_F_UID_MATCH);
        expect_cause(&f, ACCESS_USER_NAMESPACE);
        f.caller_host_root = true;
        expect_cause(&f, ACCESS_NONE);
}
END_TEST

START_TEST(traceme_is_not_asked_for_ids)
{
        struct access_facts f = ordinary();

        f.request = PTRACE_TRACEME;
        f.facts = ATT_F_TARGET_KNOWN | ATT_F_SAME_GROUP;
        f.error = EPERM;
        f.holder = named(4820, "strace");
        expect_cause(&f, ACCESS_TRACED);
        ck_assert_ptr_null(strstr(decide(&f).summary, "anyway"));
        f.holder = NOBODY;
        f.yama = 2;
        expect_cause(&f, ACCESS_YAMA);
}
END_TEST

/* Who is to trace is the parent of who asks. */
START_TEST(traceme_needs_a_parent_that_may)
{
        struct access_facts f = ordinary();

        f.request = PTRACE_TRACEME;
        f.error = EPERM;
        access_know(&f, ATT_F_CAPS_SUBSET, false);
        expect_cause(&f, ACCESS_UNKNOWN);
        access_know(&f, ATT_F_AT_CALL, true);
        expect_cause(&f, ACCESS_CAPABILITY);
        ck_assert_ptr_nonnull(strstr(decide(&f).summary, "that its parent, which is to trace it, lacks"));
        access_know(&f, ATT_F_CAP_CRED_NS, true);
        expect_cause(&f, ACCESS_UNKNOWN);
        access_know(&f, ATT_F_SAME_USERNS, false);
        access_know(&f, ATT_F_CAP_CRED_NS, false);
        expect_cause(&f, ACCESS_USER_NAMESPACE);
        /* Ids and memory are not compared. */
        access_know(&f, ATT_F_SAME_USERNS | ATT_F_CAPS_SUBSET, true);
        access_know(&f, ATT_F_UID_MATCH | ATT_F_DUMPABLE, false);
        expect_cause(&f, ACCESS_UNKNOWN);
}
END_TEST

START_TEST(gone_and_elsewhere)
{
        struct access_facts f = ordinary();

        f.target_gone = true;
        expect_cause(&f, ACCESS_GONE);
        ck_assert_int_eq(decide(&f).error, ESRCH);
        f.target_gone = false;
        f.error = ESRCH;
        expect_cause(&f, ACCESS_GONE);
        f.ns_level = 1;
        f.vpid = 15;
        expect_cause(&f, ACCESS_PID_NAMESPACE);
}
END_TEST

START_TEST(what_is_not_known_refuses_nothing)
{
        struct access_facts f = ordinary();

        f.facts = f.known = 0;
        expect_cause(&f, ACCESS_UNKNOWN);
        ck_assert_int_eq(decide(&f).error, 0);
        f.error = EPERM;
        expect_cause(&f, ACCESS_UNKNOWN);
        ck_assert_ptr_nonnull(strstr(decide(&f).summary, "the reason is not known"));
        ck_assert_str_eq(decide(&f).remedy, "");
}
END_TEST

/* What must be known for an answer, and what makes up for it. */
static const struct {
        uint32_t unknown;
        const char *words;
        bool root_needs_it; /* also who has CAP_SYS_PTRACE everywhere */
} gaps[] = {
        {ATT_F_TARGET_KNOWN, "what the target was", true},
        {ATT_F_UID_MATCH, "user and group ids", false},
        {ATT_F_CAPS_SUBSET, "all capabilities that the target has", false},
        {ATT_F_DUMPABLE, "whether the target is dumpable", false},
        {ATT_F_SAME_USERNS | ATT_F_CAP_TARGET_NS, "in the target's user namespace", false},
};

START_TEST(what_decides_must_be_known)
{
        struct access_facts f = ordinary();

        f.known &= ~gaps[_i].unknown;
        expect_cause(&f, ACCESS_UNKNOWN);
        ck_assert_msg(strstr(decide(&f).summary, gaps[_i].words) != NULL, "%s", decide(&f).summary);
        f.caller_host_root = true;
        expect_cause(&f, gaps[_i].root_needs_it ? ACCESS_UNKNOWN : ACCESS_NONE);
        /* What refuses anyway is told. */
        f = ordinary();
        f.known &= ~gaps[_i].unknown;
        f.holder = named(4802, "dlv");
        expect_cause(&f, ACCESS_TRACED);
}
END_TEST

START_TEST(a_seccomp_filter_is_asked_by_who_runs_under_it)
{
        struct access_facts f = ordinary();

        access_know(&f, ATT_F_CALLER_FILTER, true);
        expect_cause(&f, ACCESS_UNKNOWN);
        ck_assert_ptr_nonnull(strstr(decide(&f).summary, "seccomp filter lets ptrace through"));
        f.filter.passes = ANSWER_YES;
        expect_cause(&f, ACCESS_NONE);
        ck_assert_ptr_nonnull(strstr(decide(&f).facts[0], "which lets ptrace through"));
        f.filter = (struct access_filter){.passes = ANSWER_NO, .error = ENOSYS};
        expect_cause(&f, ACCESS_SECCOMP);
        ck_assert_int_eq(decide(&f).error, ENOSYS);
        ck_assert(!decide(&f).killed);
        f.filter.error = 0;
        expect_cause(&f, ACCESS_SECCOMP);
        ck_assert_int_eq(decide(&f).error, 0);
        ck_assert(decide(&f).killed);
        ck_assert_ptr_nonnull(strstr(decide(&f).summary, "SIGSYS"));
}
END_TEST

START_TEST(a_main_thread_that_ended_first_is_no_dead_process)
{
        struct access_facts f = ordinary();
        struct access_verdict v;

        /* It has no memory any more, and its files are root's. */
        f.facts = (f.facts | ATT_F_ZOMBIE | ATT_F_LEADER_ZOMBIE) & ~ATT_F_DUMPABLE;
        v = decide(&f);
        ck_assert_int_eq(v.cause, ACCESS_ZOMBIE_LEADER);
        ck_assert_ptr_nonnull(strstr(v.summary, "only the main thread"));
        ck_assert_uint_eq(v.n_facts, 2);
        ck_assert_ptr_nonnull(strstr(v.remedy, "ls /proc/4711/task"));
        f.worker = 4713;
        ck_assert_ptr_nonnull(strstr(decide(&f).remedy, "4713"));
        access_know(&f, ATT_F_LEADER_ZOMBIE, false);
        expect_cause(&f, ACCESS_ZOMBIE);
}
END_TEST

START_TEST(who_was_ending_is_not_blamed_on_anything_else)
{
        struct access_facts f = refused_at_call();

        strcpy(f.modules, "apparmor");
        access_know(&f, ATT_F_TARGET_EXITING, true);
        access_know(&f, ATT_F_DUMPABLE, false);
        expect_cause(&f, ACCESS_ZOMBIE);
        /* Asked before an attach it may still be there. */
        f.error = 0;
        expect_cause(&f, ACCESS_NONE);
}
END_TEST

/* user_namespaces(7): whoever made a namespace has all capabilities in it, from outside. */
START_TEST(capabilities_count_where_the_target_is)
{
        struct access_facts f = ordinary();

        access_know(&f, ATT_F_SAME_USERNS, false);
        expect_cause(&f, ACCESS_USER_NAMESPACE);
        f.cap_over_target = ANSWER_YES;
        expect_cause(&f, ACCESS_NONE);
        /* Its memory may be of the namespace that it came from: it did not exec since. */
        access_know(&f, ATT_F_DUMPABLE, false);
        f.cap_over_memory = ANSWER_NO;
        expect_cause(&f, ACCESS_NOT_DUMPABLE);
        f.cap_over_memory = ANSWER_YES;
        expect_cause(&f, ACCESS_NONE);
        f.cap_over_memory = ANSWER_UNKNOWN;
        f.known &= ~(uint32_t)ATT_F_CAP_TARGET_NS;
        expect_cause(&f, ACCESS_UNKNOWN);

        f = ordinary();
        access_know(&f, ATT_F_SAME_USERNS, false);
        access_know(&f, ATT_F_CAP_TARGET_NS, true);
        expect_cause(&f, ACCESS_NONE);
        access_know(&f, ATT_F_DUMPABLE, false);
        expect_cause(&f, ACCESS_NONE);
        /* It does not help to be root without it. */
        f = ordinary();
        f.caller_uid = f.target_uid = 0;
        access_know(&f, ATT_F_DUMPABLE, false);
        expect_cause(&f, ACCESS_NOT_DUMPABLE);
        access_know(&f, ATT_F_CAP_PTRACE, true);
        f.known &= ~(uint32_t)ATT_F_CAP_TARGET_NS;
        expect_cause(&f, ACCESS_NONE);
}
END_TEST

/* ---- a fix is one that the person who asks can carry out --------------------------------------------- */

enum person {
        USER,
        ROOT,
        LIMITED_ROOT,
        USER_IN_CONTAINER,
        USER_IN_USERNS,
        _PERSON_MAX
};

static void become(struct access_facts *f, enum person who)
{
        if (who == ROOT || who == LIMITED_ROOT)
                f->caller_uid = 0;
        if (who == ROOT)
                access_know(f, ATT_F_CAP_PTRACE, true);
        f->ns_level = who == USER_IN_CONTAINER;
        access_know(f, ATT_F_CALLER_USERNS, who == USER_IN_USERNS);
}

static void expect_fix(enum person who, const struct row *row, const char *remedy)
{
        static const char *const never[_PERSON_MAX] = {
                [USER] = "--cap-add",         [ROOT] = "sudo",
                [LIMITED_ROOT] = "sudo",      [USER_IN_CONTAINER] = "sudo",
                [USER_IN_USERNS] = "nsenter",
        };
        static const char *const way_out[_PERSON_MAX] = {
                [USER] = "sudo",
                [LIMITED_ROOT] = "--cap-add SYS_PTRACE), or debug from the host",
                [USER_IN_CONTAINER] = "container",
                [USER_IN_USERNS] = "outside the user namespace",
        };
        bool right = row->cause >= ACCESS_USER_NAMESPACE && row->cause <= ACCESS_CAPABILITY;

        ck_assert_msg(remedy[0] != '\0', "%s", access_cause_to_string(row->cause));
        ck_assert_msg(!strstr(remedy, never[who]) || row->cause == ACCESS_SECCOMP, "%d, %s: %s", who,
                      access_cause_to_string(row->cause), remedy);
        if ((right || row->cause == ACCESS_YAMA) && way_out[who])
                ck_assert_msg(strstr(remedy, way_out[who]) != NULL, "%d, %s: %s", who,
                              access_cause_to_string(row->cause), remedy);
}

START_TEST(a_fix_is_for_who_asks)
{
        for (enum person who = 0; who < _PERSON_MAX; who++) {
                struct access_facts f = ordinary();
                struct access_verdict v;

                make_refuse(&f, &rows[_i]);
                become(&f, who);
                v = decide(&f);
                if (v.cause == ACCESS_NONE)
                        continue; /* to root */
                ck_assert_int_eq(v.cause, rows[_i].cause);
                expect_fix(who, &rows[_i], v.remedy);
        }
}
END_TEST

START_TEST(the_same_user_suffices_outside)
{
        struct access_facts f = ordinary();

        become(&f, USER_IN_USERNS);
        access_know(&f, ATT_F_SAME_USERNS, false);
        ck_assert_ptr_nonnull(strstr(decide(&f).remedy, "the same user suffices"));
        access_know(&f, ATT_F_UID_MATCH, false);
        ck_assert_ptr_null(strstr(decide(&f).remedy, "the same user suffices"));
        ck_assert_ptr_nonnull(strstr(decide(&f).remedy, "as root"));
}
END_TEST

START_TEST(a_tracer_of_another_user_is_not_theirs_to_end)
{
        struct access_facts f = ordinary();

        f.holder = named(4802, "gdb");
        f.holder_uid_known = true;
        ck_assert_ptr_nonnull(strstr(decide(&f).remedy, "it runs as uid 0, so only that user or root can"));
        f.holder_uid = 1000;
        ck_assert_ptr_null(strstr(decide(&f).remedy, "runs as uid"));
        f.holder_uid = 33;
        become(&f, ROOT);
        ck_assert_ptr_null(strstr(decide(&f).remedy, "runs as uid"));
        become(&f, USER);
        f.caller_uid = 1000;
        f.holder_uid_known = false;
        ck_assert_ptr_null(strstr(decide(&f).remedy, "runs as uid"));
}
END_TEST

START_TEST(who_asks_is_told)
{
        struct access_facts f = ordinary();
        struct access_verdict v;

        become(&f, LIMITED_ROOT);
        f.ns_level = 1;
        v = decide(&f);
        ck_assert_str_eq(
                v.facts[v.n_facts - 1],
                "the caller's real uid is 0, without CAP_SYS_PTRACE, in a pid namespace of its own");
}
END_TEST

START_TEST(ids_are_compared_as_the_kernel_does)
{
        struct access_ids user = {1000, 1000, 1000, 1000, 1000, 1000, 0, 0}, other = user;
        struct access_facts f = {};

        access_compare(&f, &user, &other);
        ck_assert_uint_eq(f.facts, ATT_F_UID_MATCH | ATT_F_CAPS_SUBSET);
        ck_assert_uint_eq(f.known, ATT_F_UID_MATCH | ATT_F_CAPS_SUBSET | ATT_F_CAP_PTRACE);
        other.suid = 0;
        access_compare(&f, &user, &other);
        ck_assert_uint_eq(f.facts, ATT_F_CAPS_SUBSET);
        other = user;
        other.egid = 4;
        other.cap_permitted = 1 << 10;
        access_compare(&f, &user, &other);
        ck_assert_uint_eq(f.facts, 0);
        user.cap_permitted = user.cap_effective = UINT64_MAX;
        access_compare(&f, &user, &other);
        ck_assert_uint_eq(f.facts, ATT_F_CAP_PTRACE | ATT_F_CAPS_SUBSET);
}
END_TEST

static struct access_facts claimed(uint32_t reason, uint32_t source)
{
        struct access_facts f = ordinary();

        f.guard = (struct access_guard){.reason = reason, .source = source, .by_kernel = true, .claim = 12};
        strcpy(f.guard.owner, "uid 1000");
        strcpy(f.guard.rule, "prod");
        strcpy(f.guard.rule_place, "/etc/ptraced/policy.d/prod.conf:3");
        return f;
}

START_TEST(guard_is_asked_before_an_attach)
{
        static const struct {
                uint32_t reason, source;
                enum access_cause cause;
                int error;
                const char *words;
        } cases[] = {
                {GUARD_CLAIMED, SOURCE_CLAIM, ACCESS_CLAIMED, EBUSY, "is claimed by uid 1000 (claim 12)"},
                {GUARD_DENIED, SOURCE_RULE, ACCESS_POLICY, EBUSY,
                 "rule \"prod\" of /etc/ptraced/policy.d/prod.conf:3 lets nobody trace"},
                {GUARD_NOT_OWNER, SOURCE_RULE, ACCESS_POLICY, EBUSY, "lets only others trace"},
                {GUARD_CYCLE, SOURCE_SINGLE, ACCESS_CYCLE, EBUSY, "traces PID 4811 (gdb)"},
                {GUARD_TAKING, SOURCE_SINGLE, ACCESS_BUSY, EBUSY, "at this moment"},
                {GUARD_NO_SLOT, SOURCE_SINGLE, ACCESS_BUSY, EAGAIN, "no memory"},
                {GUARD_HELD, SOURCE_SINGLE, ACCESS_TRACED, EBUSY, "another process traces"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct access_facts f = claimed(cases[i].reason, cases[i].source);
                struct access_verdict v = decide(&f);

                expect_cause(&f, cases[i].cause);
                ck_assert_int_eq(v.error, cases[i].error);
                ck_assert_msg(strstr(v.summary, cases[i].words) != NULL, "%s", v.summary);
                ck_assert_uint_gt(strlen(v.remedy), 0);
                /* Beside ids that refuse, it is told but is not the cause; Yama never comes before it. */
                f.yama = 2;
                expect_cause(&f, cases[i].cause);
                access_know(&f, ATT_F_UID_MATCH, false);
                if (cases[i].cause != ACCESS_TRACED)
                        expect_cause(&f, ACCESS_UID);
        }
}
END_TEST

START_TEST(claimed_and_traced_are_both_told)
{
        struct access_facts f = claimed(GUARD_CLAIMED, SOURCE_CLAIM);
        struct access_verdict v;

        f.holder = named(4802, "dlv");
        v = decide(&f);
        ck_assert_int_eq(v.cause, ACCESS_TRACED);
        ck_assert_int_eq(v.error, EBUSY);
        ck_assert_ptr_nonnull(strstr(v.summary, "already traced by PID 4802 (dlv)"));
        ck_assert_ptr_nonnull(strstr(v.summary, "claimed by uid 1000 (claim 12)"));
        /* Kept by hold the owner's debugger is all that refuses. */
        f.guard.by_kernel = false;
        ck_assert_int_eq(decide(&f).error, EPERM);
        /* After the attach it is known which of them refused. */
        f.error = EBUSY;
        v = decide(&f);
        ck_assert_int_eq(v.cause, ACCESS_CLAIMED);
        ck_assert_uint_eq(v.n_facts, 2);
        ck_assert_ptr_nonnull(strstr(v.facts[1], "already traced by PID 4802 (dlv)"));
}
END_TEST

START_TEST(hold_is_ptraced_and_no_debugger)
{
        struct access_facts f = claimed(GUARD_CLAIMED, SOURCE_CLAIM);
        struct access_verdict v;

        f.holder = named(4900, "ptraced");
        f.guard.by_hold = true;
        f.guard.lease_left_ns = 240 * S;
        v = decide(&f);
        ck_assert_int_eq(v.cause, ACCESS_CLAIMED);
        ck_assert_int_eq(v.error, EPERM);
        ck_assert_ptr_nonnull(strstr(v.summary, "held by ptraced for uid 1000 (claim 12), for 4 min more"));
        ck_assert_ptr_null(strstr(v.summary, "traced by"));
        f.guard.reason = GUARD_HELD;
        f.guard.admits = true;
        v = decide(&f);
        ck_assert_int_eq(v.cause, ACCESS_CLAIMED);
        ck_assert_ptr_nonnull(strstr(v.remedy, "ptracectl debug 4711"));
        ck_assert_ptr_null(strstr(v.remedy, "--take"));
        f.guard.claim = 0;
        f.guard.caught = true;
        v = decide(&f);
        ck_assert_int_eq(v.cause, ACCESS_HELD);
        ck_assert_ptr_nonnull(strstr(v.summary, "a breakpoint that nobody owns"));
}
END_TEST

/* What `why` and a finding say of the holder is the same. */
START_TEST(holder_is_told_as_far_as_it_is_known)
{
        struct session seen = {
                .origin = ORIGIN_KERNEL,
                .options = PTRACE_O_EXITKILL,
                .since_ns = 10 * S,
                .since_wall_ns = 1000 * S,
                .last_active_ns = 20 * S,
                .n_traps = 3,
        };
        struct access_facts f = {};

        access_holder(&f, &seen, 80 * S);
        ck_assert(!f.holder_options_unknown);
        ck_assert_uint_eq(f.holder_options, PTRACE_O_EXITKILL);
        ck_assert_uint_eq(f.holder_traps, 3);
        ck_assert_uint_eq(f.holder_since_wall_ns, 1000 * S);
        ck_assert_uint_eq(f.holder_for_ns, 70 * S);
        ck_assert_uint_eq(f.holder_idle_ns, 0); /* a person reads code for as long */
        access_holder(&f, &seen, 80 * S + 1);
        ck_assert_uint_eq(f.holder_idle_ns, 60 * S + 1);

        seen.origin = ORIGIN_SCAN;
        f = (struct access_facts){};
        access_holder(&f, &seen, 80 * S);
        ck_assert(f.holder_options_unknown);
        ck_assert_uint_eq(f.holder_since_wall_ns, 0);
        f = (struct access_facts){};
        access_holder(&f, NULL, 80 * S);
        ck_assert(f.holder_options_unknown);
}
END_TEST

/* Nobody is told to "detach in bash". */
START_TEST(a_shell_does_not_know_that_it_traces)
{
        struct session seen = {.tracer = named(4001, "bash"),
                               .how = EV_PTRACE_TRACEME,
                               .origin = ORIGIN_KERNEL,
                               .since_ns = 10 * S};
        struct access_facts f = {};

        access_holder(&f, &seen, 11 * S);
        ck_assert(f.holder_unaware);
        access_holder(&f, &seen, 10 * S + S / 10); /* it may be about to call */
        ck_assert(!f.holder_unaware);
        seen.tracer_called = true;
        access_holder(&f, &seen, 11 * S);
        ck_assert(!f.holder_unaware);
        seen.tracer_called = false;
        seen.tracer = named(4001, "gdb");
        access_holder(&f, &seen, 11 * S);
        ck_assert(!f.holder_unaware);
}
END_TEST

START_TEST(audit_refuses_nothing_and_is_told)
{
        static const uint32_t all[] = {GUARD_CLAIMED, GUARD_DENIED, GUARD_HELD, GUARD_CYCLE, GUARD_TAKING};

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                struct access_facts f = claimed(all[i], SOURCE_CLAIM);
                struct access_verdict v;

                f.guard.audit = true;
                v = decide(&f);
                ck_assert(v.allowed);
                ck_assert_uint_eq(v.n_facts, 2);
                ck_assert_ptr_nonnull(strstr(v.facts[0], "audit only"));
        }
}
END_TEST

START_TEST(any_facts_give_a_verdict)
{
        uint64_t x = 88172645463325252ULL;

        for (int i = 0; i < 40000; i++) {
                struct access_facts f = ordinary();
                struct access_verdict v;

                x ^= x << 13, x ^= x >> 7, x ^= x << 17;
                f.filter.passes = x >> 36 & 1 ? ANSWER_NO : ANSWER_UNKNOWN;
                f.cap_over_target = (x >> 37) % (ANSWER_YES + 1);
                f.cap_over_memory = (x >> 39) % (ANSWER_YES + 1);
                strcpy(f.modules, x >> 41 & 1 ? "?" : x >> 42 & 1 ? "apparmor" : "");
                f.facts = (uint32_t)x;
                f.known = (uint32_t)(x >> 32);
                f.yama = (int)(x >> 3 & 3) - 1;
                f.error = x & 1 << 20 ? EPERM : x & 1 << 21 ? ESRCH : 0;
                f.lsm_error = x & 1 << 22 ? EACCES : 0;
                f.ns_level = x >> 9 & 1;
                memset(f.caller.comm, 0x1b, sizeof(f.caller.comm) - 1);
                if (x & 1 << 23)
                        f.holder = f.caller;
                f.guard.reason = (uint32_t)(x >> 24) % (_GUARD_REASON_MAX + 1);
                f.guard.source = (uint32_t)(x >> 28) % (_GUARD_SOURCE_MAX + 1);
                f.guard.audit = x >> 33 & 1;
                f.guard.by_hold = x >> 34 & 1;
                f.guard.claim = x >> 35 & 1;
                memset(f.guard.owner, 0x1b, sizeof(f.guard.owner) - 1);
                memset(f.guard.rule, 0xc3, sizeof(f.guard.rule) - 1);
                access_decide(&f, &v);
                ck_assert_uint_lt(strlen(v.summary), ACCESS_TEXT_MAX);
                ck_assert_uint_le(v.n_facts, ACCESS_SENTENCES);
                ck_assert_int_eq(v.allowed, v.cause == ACCESS_NONE);
                ck_assert_int_ne(f.error && v.allowed, 1);
        }
}
END_TEST

static enum access_cause rights(const struct access_facts *f)
{
        char why[ACCESS_TEXT_MAX];
        enum access_cause cause = access_rights(f, why);

        ck_assert_int_eq(cause == ACCESS_NONE, !why[0]);
        return cause;
}

START_TEST(rights_are_the_kernels_rules_and_no_more)
{
        const struct row *row = &rows[_i];
        bool counts = row->cause == ACCESS_USER_NAMESPACE || row->cause == ACCESS_UID ||
                      row->cause == ACCESS_NOT_DUMPABLE || row->cause == ACCESS_CAPABILITY ||
                      (row->cause == ACCESS_YAMA && row->yama >= 2);
        struct access_facts f = ordinary();

        f.facts = (f.facts | row->set) & ~row->clear;
        f.holder.pid = row->holder;
        f.yama = row->yama;
        ck_assert_int_eq(rights(&f), counts ? row->cause : ACCESS_NONE);
        if (!counts)
                return;
        f.holder.pid = 4802; /* being traced excuses nothing */
        ck_assert_int_eq(rights(&f), row->cause);
        f.facts |= ATT_F_CAP_PTRACE;
        f.caller_host_root = true;
        ck_assert_int_eq(rights(&f), row->yama >= 3 ? row->cause : ACCESS_NONE);
}
END_TEST

START_TEST(rights_that_cannot_be_seen_are_none)
{
        static const uint32_t needed[] = {ATT_F_SAME_USERNS, ATT_F_UID_MATCH, ATT_F_DUMPABLE,
                                          ATT_F_CAPS_SUBSET};
        struct access_facts f = ordinary();

        ck_assert_int_eq(rights(&f), ACCESS_NONE);
        f.known &= ~(needed[_i] | ATT_F_CAP_TARGET_NS);
        ck_assert_int_eq(rights(&f), ACCESS_UNKNOWN);
        f.caller_host_root = true;
        ck_assert_int_eq(rights(&f), ACCESS_NONE);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("access");
        TCase *t = tcase_create("access");

        tcase_add_test(t, ordinary_attach_is_allowed);
        tcase_add_test(t, root_is_allowed_whatever_the_ids);
        tcase_add_loop_test(t, each_cause_alone, 0, ELEMENTSOF(rows));
        tcase_add_test(t, causes_together_come_in_order);
        tcase_add_test(t, traced_and_forbidden_are_both_told);
        tcase_add_test(t, yama_in_scope_1_lets_ancestors_and_root_in);
        tcase_add_test(t, security_module_is_blamed_where_one_is_active);
        tcase_add_test(t, security_module_is_blamed_for_its_own_answer);
        tcase_add_test(t, container_root_is_not_host_root);
        tcase_add_test(t, traceme_is_not_asked_for_ids);
        tcase_add_test(t, traceme_needs_a_parent_that_may);
        tcase_add_test(t, gone_and_elsewhere);
        tcase_add_test(t, what_is_not_known_refuses_nothing);
        tcase_add_loop_test(t, what_decides_must_be_known, 0, ELEMENTSOF(gaps));
        tcase_add_test(t, a_seccomp_filter_is_asked_by_who_runs_under_it);
        tcase_add_test(t, a_main_thread_that_ended_first_is_no_dead_process);
        tcase_add_test(t, who_was_ending_is_not_blamed_on_anything_else);
        tcase_add_test(t, capabilities_count_where_the_target_is);
        tcase_add_loop_test(t, a_fix_is_for_who_asks, 0, ELEMENTSOF(rows));
        tcase_add_test(t, the_same_user_suffices_outside);
        tcase_add_test(t, a_tracer_of_another_user_is_not_theirs_to_end);
        tcase_add_test(t, who_asks_is_told);
        tcase_add_test(t, ids_are_compared_as_the_kernel_does);
        tcase_add_test(t, guard_is_asked_before_an_attach);
        tcase_add_test(t, claimed_and_traced_are_both_told);
        tcase_add_test(t, hold_is_ptraced_and_no_debugger);
        tcase_add_test(t, holder_is_told_as_far_as_it_is_known);
        tcase_add_test(t, a_shell_does_not_know_that_it_traces);
        tcase_add_test(t, audit_refuses_nothing_and_is_told);
        tcase_add_test(t, any_facts_give_a_verdict);
        tcase_add_loop_test(t, rights_are_the_kernels_rules_and_no_more, 0, ELEMENTSOF(rows));
        tcase_add_loop_test(t, rights_that_cannot_be_seen_are_none, 0, 4);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
