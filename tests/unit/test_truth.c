/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Stories whose end is known: a generator plays how a SIGTRAP or a refusal came about, among visitors who had nothing to do
 * with it and with records lost on the way, and the findings are held against the truth. A culprit that is named must be
 * the true one; none may be named where there is none; a death by SIGTRAP and a refusal are never left unexplained. Where
 * no culprit is named although there is one, that is a "cannot tell", and their share is printed.
 * STORIES in the environment: how many, 20,000 unless set (2,000 under a sanitizer).
 */

#include <inttypes.h>

#include "tests/unit/random_event.h"
#include "tests/unit/scene.h"

#ifdef __SANITIZE_ADDRESS__
#define STORIES_DEFAULT 2000
#else
#define STORIES_DEFAULT 20000
#endif
#define STORIES_MAX     100000000
#define SEED            0x5eed5eed5eed5eedULL
#define VISITORS_MAX    3
#define CODE_STEP       2 /* TRAP_TRACE */
#define CODE_WATCHPOINT 4 /* TRAP_HWBKPT */
#define HANDLER         0x402000

/* What really happened. */
enum truth {
        TRUTH_HARD_CODED,
        TRUTH_LEFT_BY_DEATH,
        TRUTH_LEFT_BY_DETACH,
        TRUTH_SELF_WRITTEN,
        TRUTH_GENERATED,
        TRUTH_INHERITED,
        TRUTH_UNTRACED_THREAD,
        TRUTH_SENT,
        TRUTH_WATCHPOINT,
        TRUTH_STEP,
        TRUTH_UNSEEN, /* nothing but the end was recorded */
        TRUTH_REFUSED,
        TRUTH_REFUSED_THEN_DETACHED,
        _TRUTH_MAX,
};

static const char *const truths[_TRUTH_MAX] = {
        [TRUTH_HARD_CODED] = "a breakpoint of the program's own",
        [TRUTH_LEFT_BY_DEATH] = "a breakpoint of a debugger that died",
        [TRUTH_LEFT_BY_DETACH] = "a breakpoint of a debugger that detached",
        [TRUTH_SELF_WRITTEN] = "a breakpoint that the program wrote",
        [TRUTH_GENERATED] = "a breakpoint in generated code",
        [TRUTH_INHERITED] = "a breakpoint of the parent's debugger",
        [TRUTH_UNTRACED_THREAD] = "a breakpoint in a thread that is not traced",
        [TRUTH_SENT] = "a SIGTRAP that was sent",
        [TRUTH_WATCHPOINT] = "a watchpoint of a debugger that died",
        [TRUTH_STEP] = "a step of a debugger that died",
        [TRUTH_UNSEEN] = "an end without records",
        [TRUTH_REFUSED] = "a refusal by a holder",
        [TRUTH_REFUSED_THEN_DETACHED] = "a refusal by a holder who left",
};

struct story {
        struct scene *s;
        uint64_t random;
        enum truth truth;
        struct task_ref program, shell, culprit;
        bool handler;
        bool whole; /* it is known to have been recorded from its start */
};

struct tally {
        uint64_t stories, named, untold;
};

static bool chance(struct story *st, unsigned one_in)
{
        return random_u64(&st->random) % one_in == 0;
}

/* A tool that has not been in the story yet: its pid is its own. */
static struct task_ref somebody(struct story *st, const char *const *names, size_t n, uint32_t pid)
{
        return named(pid, names[random_u64(&st->random) % n]);
}

static const char *const planters[] = {"gdb", "dlv", "lldb", "mytool"};
static const char *const lookers[] = {"strace"};

static struct task_ref a_planter(struct story *st, uint32_t pid)
{
        return somebody(st, planters, ELEMENTSOF(planters), pid);
}

static void leave(struct story *st, struct task_ref tracer, int wrote)
{
        feed(st->s, (struct event){.type = EV_PTRACE_DETACH,
                                   .tracer = tracer,
                                   .target = st->program,
                                   .cause = DETACHED_BY_CALL,
                                   .wrote = wrote});
}

/* Comes, looks and goes, in good order. */
static void visit(struct story *st, uint32_t pid, bool may_plant)
{
        struct task_ref visitor =
                may_plant ? a_planter(st, pid) : somebody(st, lookers, ELEMENTSOF(lookers), pid);

        seizes(st->s, visitor, st->program, 0);
        wait_ns(st->s, 1 + random_u64(&st->random) % (3 * S));
        leave(st, visitor, TRACER_WROTE_NOTHING);
}

static void visits(struct story *st, uint32_t first_pid)
{
        size_t n = random_u64(&st->random) % (VISITORS_MAX + 1);

        for (size_t i = 0; i < n; i++)
                visit(st, first_pid + (uint32_t)i, chance(st, 2));
}

static void begin(struct story *st)
{
        starts(st->s, "b1");
        st->shell = named(900, "bash");
        st->program = named(4711, "api");
        forks(st->s, st->shell, st->program, NOBODY, 0);
        execs(st->s, st->program, NOBODY, st->program.tid, "/usr/bin/api");
        st->handler = chance(st, 4);
        st->whole = chance(st, 2);
        if (st->handler)
                handles(st->s, st->program, HANDLER);
}

static struct event trap_of(struct story *st, struct task_ref target, int code)
{
        struct event e = trap(target, NOBODY);

        e.code = code;
        e.parent = st->shell;
        e.execed = st->whole;
        if (st->handler) {
                e.handler = HANDLER;
                e.disposition = DISP_HANDLER;
        }
        return e;
}

/* The signal has its way: the handler runs, or the process ends. */
static void take_signal(struct story *st, struct task_ref target, int code)
{
        delivers(st->s, target, NOBODY, SIGTRAP, code, st->handler ? HANDLER : 0);
        if (!st->handler)
                process_ends(st->s, st->program, KILLED(SIGTRAP));
}

/* What is mapped there is not always known: the answer is lost one time in eight. */
static void run_into(struct story *st, struct task_ref target, bool file_known, bool found_int3)
{
        feed(st->s, trap_of(st, target, SI_KERNEL_CODE));
        if (!chance(st, 8))
                scans(st->s, target, file_known, found_int3);
        take_signal(st, target, SI_KERNEL_CODE);
}

/* It stops in a breakpoint of its own there, or not. */
static void trace_and_plant(struct story *st)
{
        st->culprit = a_planter(st, 5000);
        attaches(st->s, st->culprit, st->program);
        if (!chance(st, 3))
                traps(st->s, st->program, st->culprit);
        wait_ns(st->s, random_u64(&st->random) % S);
}

static void tracer_dies(struct story *st)
{
        int32_t status = chance(st, 2) ? KILLED(SIGKILL) : EXITED(1);

        tracer_ends(st->s, st->culprit, status);
        process_ends(st->s, st->culprit, status);
}

static void play_hard_coded(struct story *st)
{
        visits(st, 5100);
        run_into(st, st->program, true, true);
}

static void play_left_by_death(struct story *st)
{
        visits(st, 5100);
        trace_and_plant(st);
        tracer_dies(st);
        visits(st, 5200);
        run_into(st, st->program, true, false);
}

static void play_left_by_detach(struct story *st)
{
        visits(st, 5100);
        trace_and_plant(st);
        leave(st, st->culprit,
              chance(st, 4) ? TRACER_WROTE_NOTHING : TRACER_WROTE); /* by /proc/PID/mem: not seen */
        visits(st, 5200);
        run_into(st, st->program, true, false);
}

static void play_self_written(struct story *st)
{
        visits(st, 5100);
        run_into(st, st->program, true, false);
}

static void play_generated(struct story *st)
{
        visits(st, 5100);
        run_into(st, st->program, false, false);
}

static void play_inherited(struct story *st)
{
        struct task_ref child = named(4720, "api");

        trace_and_plant(st);
        forks(st->s, st->program, child, NOBODY, st->culprit.pid);
        st->shell = st->program;
        st->program = child;
        run_into(st, child, true, false);
}

static void play_untraced_thread(struct story *st)
{
        struct task_ref thread = thread_named(st->program.pid, 4712, "api");
        struct event e;

        forks(st->s, st->program, thread, NOBODY, 0);
        trace_and_plant(st);
        e = trap_of(st, thread, SI_KERNEL_CODE);
        e.sibling_tracer = st->culprit.pid;
        feed(st->s, e);
        scans(st->s, thread, true, false);
        take_signal(st, thread, SI_KERNEL_CODE);
}

static void play_sent(struct story *st)
{
        struct event e;

        st->culprit = st->shell;
        visits(st, 5100);
        e = trap_of(st, st->program, 0);
        e.actor = st->shell;
        e.group = true;
        e.ip = 0;
        feed(st->s, e);
        take_signal(st, st->program, 0);
}

static void play_watchpoint(struct story *st)
{
        visits(st, 5100);
        trace_and_plant(st);
        tracer_dies(st);
        feed(st->s, trap_of(st, st->program, CODE_WATCHPOINT));
        take_signal(st, st->program, CODE_WATCHPOINT);
}

static void play_step(struct story *st)
{
        visits(st, 5100);
        trace_and_plant(st);
        tracer_dies(st);
        feed(st->s, trap_of(st, st->program, CODE_STEP));
        take_signal(st, st->program, CODE_STEP);
}

static void play_unseen(struct story *st)
{
        visits(st, 5100);
        st->handler = false;
        process_ends(st->s, st->program, KILLED(SIGTRAP));
}

static void be_refused(struct story *st, bool holder_known)
{
        struct task_ref other = named(5300, "strace");

        st->culprit = a_planter(st, 5000);
        visits(st, 5100);
        attaches(st->s, st->culprit, st->program);
        is_refused(st->s, other, st->program, holder_known ? st->culprit : NOBODY);
}

static void play_refused(struct story *st)
{
        be_refused(st, true);
}

/* What /proc said afterwards was: nobody. */
static void play_refused_then_detached(struct story *st)
{
        be_refused(st, false);
        detaches(st->s, st->culprit, st->program);
}

static void (*const plays[_TRUTH_MAX])(struct story *st) = {
        [TRUTH_HARD_CODED] = play_hard_coded,
        [TRUTH_LEFT_BY_DEATH] = play_left_by_death,
        [TRUTH_LEFT_BY_DETACH] = play_left_by_detach,
        [TRUTH_SELF_WRITTEN] = play_self_written,
        [TRUTH_GENERATED] = play_generated,
        [TRUTH_INHERITED] = play_inherited,
        [TRUTH_UNTRACED_THREAD] = play_untraced_thread,
        [TRUTH_SENT] = play_sent,
        [TRUTH_WATCHPOINT] = play_watchpoint,
        [TRUTH_STEP] = play_step,
        [TRUTH_UNSEEN] = play_unseen,
        [TRUTH_REFUSED] = play_refused,
        [TRUTH_REFUSED_THEN_DETACHED] = play_refused_then_detached,
};

/* ---- the judgement ------------------------------------------------------------------------------------ */

static bool is_refusal(enum truth truth)
{
        return truth == TRUTH_REFUSED || truth == TRUTH_REFUSED_THEN_DETACHED;
}

static void fail_story(const struct story *st, const struct findings *all, uint64_t number, const char *what)
{
        for (size_t i = 0; i < all->n; i++)
                printf("told: %s/%s, culprit %" PRIu32 ": %s\n", finding_code_to_string(all->list[i].code),
                       all->list[i].cause, all->list[i].other_pid, all->list[i].summary);
        for (size_t i = 0; i < st->s->n_events; i++)
                printf("event %zu: %s of %" PRIu32 ", tracer %" PRIu32 " (%s)\n", i + 1,
                       event_type_to_string(st->s->events[i].type), st->s->events[i].target.pid,
                       st->s->events[i].tracer.pid, st->s->events[i].tracer.comm);
        ck_abort_msg("story %" PRIu64 " (%s, culprit %" PRIu32 "): %s", number, truths[st->truth],
                     st->culprit.pid, what);
}

/* Who traced a thread that was refused, or held it, is told as the refusal's holder: the code says traced. */
static void judge_refusal(const struct story *st, const struct findings *all, uint64_t number)
{
        for (size_t i = 0; i < all->n; i++)
                if (all->list[i].code == FIND_ATTACH_REFUSED_TRACED)
                        return;
        fail_story(st, all, number, "nobody says that the process was traced");
}

static void judge_trap(const struct story *st, const struct findings *all, uint64_t number,
                       struct tally *tally)
{
        bool named = false;

        if (all->n == 0)
                fail_story(st, all, number, "nothing is told");
        for (size_t i = 0; i < all->n; i++) {
                uint32_t other = all->list[i].other_pid;

                if (other && other != st->culprit.pid)
                        fail_story(st, all, number, "an innocent is accused");
                named |= other != 0;
        }
        if (!st->handler && all->n > 1)
                fail_story(st, all, number, "one death is told more than once");
        tally->named += named;
        tally->untold += !named && st->culprit.pid;
}

static void play_story(uint64_t number, uint64_t *random, struct tally tallies[_TRUTH_MAX])
{
        struct story st = {.s = scene_begin(), .random = random_u64(random)};
        struct findings all;

        st.truth = random_u64(random) % _TRUTH_MAX;
        begin(&st);
        plays[st.truth](&st);
        settle(st.s);
        get_findings(st.s->m, &all);
        tallies[st.truth].stories++;
        if (is_refusal(st.truth))
                judge_refusal(&st, &all, number);
        else
                judge_trap(&st, &all, number, &tallies[st.truth]);
        diagnosis_free(st.s->d);
        free(st.s->events);
        free(st.s);
}

static uint64_t wanted_stories(void)
{
        const char *e = getenv("STORIES");
        uint64_t n = e ? strtoull(e, NULL, 10) : 0;

        return n > 0 && n <= STORIES_MAX ? n : STORIES_DEFAULT;
}

START_TEST(no_story_accuses_an_innocent_or_stays_untold)
{
        struct tally tallies[_TRUTH_MAX] = {};
        uint64_t random = SEED, n = wanted_stories(), untold = 0;

        for (uint64_t i = 0; i < n; i++)
                play_story(i, &random, tallies);
        for (size_t i = 0; i < _TRUTH_MAX; i++) {
                ck_assert_uint_gt(tallies[i].stories, 0);
                untold += tallies[i].untold;
                printf("%s: %" PRIu64 " stories, culprit named in %" PRIu64 ", cannot tell in %" PRIu64 "\n",
                       truths[i], tallies[i].stories, tallies[i].named, tallies[i].untold);
        }
        printf("cannot tell: %" PRIu64 " of %" PRIu64 " stories (%.1f %%)\n", untold, n,
               100.0 * (double)untold / (double)n);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("truth");
        TCase *t = tcase_create("stories");

        tcase_set_timeout(t, 300); /* a million of them take minutes */
        tcase_add_test(t, no_story_accuses_an_innocent_or_stays_untold);
        suite_add_tcase(s, t);
        return run_suite(s);
}
