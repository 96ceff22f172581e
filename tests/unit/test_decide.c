/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The guard's decision: each line of its table by itself, and then what must hold for all facts that there
 * can be, some 80,000.
 */

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bpf/decide.h"
#include "lib/base/cleanup.h"

static struct guard_verdict decide(struct guard_facts f)
{
        struct guard_verdict v = {-1, -1, -1, -1};

        guard_decide(&f, &v);
        return v;
}

#define RULE(say) .has_rule = 1, .rule_say = (say)
#define REFUSED(reason, source)              \
        {                                    \
                EBUSY, (reason), (source), 0 \
        }
#define AUDITED(reason, source)          \
        {                                \
                0, (reason), (source), 1 \
        }
#define ALLOWED                                  \
        {                                        \
                0, GUARD_ALLOWED, SOURCE_NONE, 0 \
        }

static const struct {
        const char *what;
        struct guard_facts facts;
        struct guard_verdict verdict;
} lines[] = {
        {"nothing in force", {}, ALLOWED},
        {"nothing in force, held", {.holder = FACT_HELD_BY_OTHER}, ALLOWED},
        {"nothing in force, cycle", {.cycle = 1}, ALLOWED},

        {"single: free", {.state = GUARD_ON}, ALLOWED},
        {"single: another thread of its own", {.state = GUARD_ON, .holder = FACT_HELD_BY_CALLER}, ALLOWED},
        {"single: held",
         {.state = GUARD_ON, .holder = FACT_HELD_BY_OTHER},
         REFUSED(GUARD_HELD, SOURCE_SINGLE)},
        {"single: being taken",
         {.state = GUARD_ON, .slot = FACT_SLOT_OTHERS},
         REFUSED(GUARD_TAKING, SOURCE_SINGLE)},
        {"single: no memory",
         {.state = GUARD_ON, .slot = FACT_SLOT_NO_MEMORY},
         {EAGAIN, GUARD_NO_SLOT, SOURCE_SINGLE, 0}},
        {"single: cycle", {.state = GUARD_ON, .cycle = 1}, REFUSED(GUARD_CYCLE, SOURCE_SINGLE)},
        {"single: what lasts is told before what passes",
         {.state = GUARD_ON, .holder = FACT_HELD_BY_OTHER, .slot = FACT_SLOT_OTHERS},
         REFUSED(GUARD_HELD, SOURCE_SINGLE)},
        {"single that looks on",
         {.state = GUARD_ON_AUDIT, .holder = FACT_HELD_BY_OTHER},
         AUDITED(GUARD_HELD, SOURCE_SINGLE)},
        {"single that looks on: no memory is no reason to refuse",
         {.state = GUARD_ON_AUDIT, .slot = FACT_SLOT_NO_MEMORY},
         AUDITED(GUARD_NO_SLOT, SOURCE_SINGLE)},
        {"single: own helper", {.state = GUARD_ON, .own_helper = 1, .holder = FACT_HELD_BY_OTHER}, ALLOWED},

        {"claim: owner", {.claim = FACT_CLAIM_OURS}, ALLOWED},
        {"claim: somebody else", {.claim = FACT_CLAIM_OTHERS}, REFUSED(GUARD_CLAIMED, SOURCE_CLAIM)},
        {"claim: one of those it admits at a time",
         {.claim = FACT_CLAIM_OURS, .holder = FACT_HELD_BY_OTHER},
         REFUSED(GUARD_HELD, SOURCE_CLAIM)},
        {"claim that looks on",
         {.claim = FACT_CLAIM_OTHERS, .claim_mode = GUARD_AUDIT},
         AUDITED(GUARD_CLAIMED, SOURCE_CLAIM)},
        {"claim: own helper", {.claim = FACT_CLAIM_OTHERS, .own_helper = 1}, ALLOWED},

        {"rule off: single does not hold",
         {RULE(SAY_OFF), .state = GUARD_ON, .holder = FACT_HELD_BY_OTHER},
         ALLOWED},
        {"rule off: a claim does",
         {RULE(SAY_OFF), .claim = FACT_CLAIM_OTHERS},
         REFUSED(GUARD_CLAIMED, SOURCE_CLAIM)},
        {"rule single: free", {RULE(SAY_SINGLE)}, ALLOWED},
        {"rule single: held",
         {RULE(SAY_SINGLE), .holder = FACT_HELD_BY_OTHER},
         REFUSED(GUARD_HELD, SOURCE_RULE)},
        {"rule single that looks on, though single is on",
         {RULE(SAY_SINGLE), .rule_mode = GUARD_AUDIT, .state = GUARD_ON, .holder = FACT_HELD_BY_OTHER},
         AUDITED(GUARD_HELD, SOURCE_RULE)},
        {"rule owner-only: named", {RULE(SAY_OWNER), .rule_admits = 1}, ALLOWED},
        {"rule owner-only: not named", {RULE(SAY_OWNER)}, REFUSED(GUARD_NOT_OWNER, SOURCE_RULE)},
        {"rule owner-only: a claim's owner", {RULE(SAY_OWNER), .claim = FACT_CLAIM_OURS}, ALLOWED},
        {"rule owner-only: named, but claimed",
         {RULE(SAY_OWNER), .rule_admits = 1, .claim = FACT_CLAIM_OTHERS},
         REFUSED(GUARD_CLAIMED, SOURCE_CLAIM)},
        {"rule owner-only: one at a time",
         {RULE(SAY_OWNER), .rule_admits = 1, .holder = FACT_HELD_BY_OTHER},
         REFUSED(GUARD_HELD, SOURCE_RULE)},
        {"rule deny", {RULE(SAY_DENY)}, REFUSED(GUARD_DENIED, SOURCE_RULE)},
        {"rule deny: a claim's owner, too",
         {RULE(SAY_DENY), .claim = FACT_CLAIM_OURS},
         REFUSED(GUARD_DENIED, SOURCE_RULE)},
        {"rule deny: own helper", {RULE(SAY_DENY), .own_helper = 1}, ALLOWED},
        {"rule deny that looks on",
         {RULE(SAY_DENY), .rule_mode = GUARD_AUDIT},
         AUDITED(GUARD_DENIED, SOURCE_RULE)},
        {"what looks on does not hide what refuses",
         {RULE(SAY_DENY), .rule_mode = GUARD_AUDIT, .claim = FACT_CLAIM_OTHERS},
         REFUSED(GUARD_CLAIMED, SOURCE_CLAIM)},

        {"memory: nothing in force", {.memory = 1}, ALLOWED},
        {"memory: single and claims are about tracers",
         {.memory = 1,
          .state = GUARD_ON,
          .claim = FACT_CLAIM_OTHERS,
          .holder = FACT_HELD_BY_OTHER,
          .cycle = 1,
          .slot = FACT_SLOT_OTHERS},
         ALLOWED},
        {"memory: rule deny is, too", {.memory = 1, RULE(SAY_DENY)}, ALLOWED},
        {"memory: forbidden",
         {.memory = 1, RULE(SAY_OFF), .rule_memory_deny = 1},
         REFUSED(GUARD_MEMORY, SOURCE_RULE)},
        {"memory: forbidden, the tracer and own helpers may",
         {.memory = 1, RULE(SAY_OFF), .rule_memory_deny = 1, .own_helper = 1},
         ALLOWED},
        {"memory: looked on",
         {.memory = 1, RULE(SAY_OFF), .rule_memory_deny = 1, .rule_mode = GUARD_AUDIT},
         AUDITED(GUARD_MEMORY, SOURCE_RULE)},
        {"memory forbidden, but this is an attach", {RULE(SAY_OFF), .rule_memory_deny = 1}, ALLOWED},
};

START_TEST(each_line_of_the_table_holds)
{
        struct guard_verdict v = decide(lines[_i].facts), expected = lines[_i].verdict;

        ck_assert_msg(v.error == expected.error && v.reason == expected.reason &&
                              v.source == expected.source && v.audit == expected.audit,
                      "%s: error %d reason %u source %u audit %u", lines[_i].what, v.error, v.reason,
                      v.source, v.audit);
}
END_TEST

/* ---- all of them ------------------------------------------------------------------------------------- */

#define BOTH 2
static const struct {
        size_t offset;
        rec_u32 values;
} dimensions[] = {
        {offsetof(struct guard_facts, memory), BOTH},
        {offsetof(struct guard_facts, own_helper), BOTH},
        {offsetof(struct guard_facts, claim), 3},
        {offsetof(struct guard_facts, claim_mode), _GUARD_MODE_MAX},
        {offsetof(struct guard_facts, has_rule), BOTH},
        {offsetof(struct guard_facts, rule_say), _GUARD_SAY_MAX},
        {offsetof(struct guard_facts, rule_mode), _GUARD_MODE_MAX},
        {offsetof(struct guard_facts, rule_admits), BOTH},
        {offsetof(struct guard_facts, rule_memory_deny), BOTH},
        {offsetof(struct guard_facts, state), _GUARD_STATE_MAX},
        {offsetof(struct guard_facts, cycle), BOTH},
        {offsetof(struct guard_facts, holder), 3},
        {offsetof(struct guard_facts, slot), 3},
};

static rec_u32 *fact(struct guard_facts *f, size_t i)
{
        return (rec_u32 *)((char *)f + dimensions[i].offset);
}

static bool next_facts(struct guard_facts *f)
{
        for (size_t i = 0; i < ELEMENTSOF(dimensions); i++) {
                if (++*fact(f, i) < dimensions[i].values)
                        return true;
                *fact(f, i) = 0;
        }
        return false;
}

static bool anything_in_force(const struct guard_facts *f)
{
        return f->claim != FACT_NO_CLAIM || f->has_rule || f->state != GUARD_OFF;
}

static bool anything_enforced(const struct guard_facts *f)
{
        return (f->claim != FACT_NO_CLAIM && f->claim_mode == GUARD_ENFORCE) ||
               (f->has_rule && f->rule_mode == GUARD_ENFORCE) || f->state == GUARD_ON;
}

static bool must_refuse(const struct guard_facts *f)
{
        bool single = guard_single_source(f) != SOURCE_NONE;
        bool enforced = guard_mode_of(f, guard_single_source(f)) == GUARD_ENFORCE;

        if (f->memory || f->own_helper)
                return false;
        if (f->claim == FACT_CLAIM_OTHERS && f->claim_mode == GUARD_ENFORCE)
                return true;
        if (f->has_rule && f->rule_say == SAY_DENY && f->rule_mode == GUARD_ENFORCE)
                return true;
        return single && enforced &&
               (f->cycle || f->holder == FACT_HELD_BY_OTHER || f->slot != FACT_SLOT_OURS);
}

static bool rule_says_so(rec_u32 reason)
{
        return reason == GUARD_DENIED || reason == GUARD_NOT_OWNER || reason == GUARD_MEMORY;
}

static const char *what_is_wrong(const struct guard_facts *f, const struct guard_verdict *v)
{
        if (v->error && v->audit)
                return "refused and audited";
        if ((v->error || v->audit) != (v->reason != GUARD_ALLOWED))
                return "a reason without a verdict, or the other way round";
        if ((v->reason == GUARD_ALLOWED) != (v->source == SOURCE_NONE))
                return "on nobody's behalf";
        if (v->error && v->error != (v->reason == GUARD_NO_SLOT ? EAGAIN : EBUSY))
                return "the wrong errno";
        if (v->error && !anything_enforced(f))
                return "refused though nothing is enforced";
        if (v->reason && !anything_in_force(f))
                return "a reason though nothing is in force";
        if (must_refuse(f) && !v->error)
                return "let in";
        if (v->reason == GUARD_CLAIMED && v->source != SOURCE_CLAIM)
                return "a claim's reason of somebody else's";
        if (rule_says_so(v->reason) && v->source != SOURCE_RULE)
                return "a rule's reason of somebody else's";
        if (f->own_helper && v->reason)
                return "a helper of its own refused";
        if (f->memory && v->reason && v->reason != GUARD_MEMORY)
                return "memory refused like an attach";
        if (!f->memory && v->reason == GUARD_MEMORY)
                return "an attach refused like memory";
        return NULL;
}

START_TEST(all_facts_lead_to_a_sound_verdict)
{
        size_t n = 0, refused = 0, expected = 1;
        struct guard_facts f = {};

        for (size_t i = 0; i < ELEMENTSOF(dimensions); i++)
                expected *= dimensions[i].values;
        do {
                struct guard_verdict v = decide(f);
                const char *wrong = what_is_wrong(&f, &v);

                n++;
                refused += v.error != 0;
                if (!wrong)
                        continue;
                for (size_t i = 0; i < ELEMENTSOF(dimensions); i++)
                        fprintf(stderr, "%u ", *fact(&f, i));
                ck_abort_msg("%s (reason %u, source %u, error %d)", wrong, v.reason, v.source, v.error);
        } while (next_facts(&f));
        ck_assert_uint_eq(n, expected);
        ck_assert_uint_eq(sizeof(f) / sizeof(rec_u32), ELEMENTSOF(dimensions));
        ck_assert_uint_gt(refused, 1000);
}
END_TEST

/* The slot is taken only where the verdict may depend on it. */
START_TEST(who_needs_no_slot_is_not_asked_for_one)
{
        struct guard_facts f = {};

        do {
                struct guard_facts other = f;

                if (!f.own_helper && !f.memory && guard_single_source(&f) != SOURCE_NONE)
                        continue;
                other.slot = FACT_SLOT_NO_MEMORY;
                other.holder = FACT_HELD_BY_OTHER;
                ck_assert_int_eq(decide(f).error, decide(other).error);
                ck_assert_uint_eq(decide(f).reason, decide(other).reason);
        } while (next_facts(&f));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("decide");
        SRunner *runner = srunner_create(suite);
        TCase *tc = tcase_create("decide");
        int failed;

        tcase_add_loop_test(tc, each_line_of_the_table_holds, 0, ELEMENTSOF(lines));
        tcase_add_test(tc, all_facts_lead_to_a_sound_verdict);
        tcase_add_test(tc, who_needs_no_slot_is_not_asked_for_one);
        suite_add_tcase(suite, tc);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
