/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Live findings are replayed findings. Random but possible histories are played live and again from what a
 * store and an export keep of them; then anything at all is fed, which may mean nothing but must not hurt.
 */

#include "tests/unit/random_event.h"
#include "tests/unit/scene.h"

#define HISTORIES      100
#define HISTORY_LENGTH 400
#define PROCESSES      6
#define THREADS        3
#define GARBAGE_EVENTS 20000
#define SMALL_WORLD    7 /* pids of garbage that meets itself */

/* ---- possible histories ------------------------------------------------------------------------------ */

struct world {
        struct scene *s;
        uint64_t state;
        uint32_t generation[PROCESSES]; /* a process that ended comes back with another start */
        int tracer[PROCESSES][THREADS]; /* index of the process that traces it, -1: nobody */
        size_t n_answered;              /* questions */
};

static uint32_t pick(struct world *w, uint32_t n)
{
        return (uint32_t)(random_u64(&w->state) % n);
}

static struct task_ref member(const struct world *w, int process, uint32_t thread)
{
        static const char *const comms[PROCESSES] = {"api",    "gdb",    "dlv",
                                                     "strace", "worker", "\"\\\xc3\xa9\n"};
        uint32_t pid = 1000 + (uint32_t)process * 10;
        struct task_ref t = thread_named(pid, pid + thread, comms[process]);

        t.start = 5000 + w->generation[process];
        t.tid_start = t.start + thread;
        return t;
}

static struct task_ref tracer_of(const struct world *w, int process, uint32_t thread)
{
        int tracer = w->tracer[process][thread];

        return tracer < 0 ? NOBODY : member(w, tracer, 0);
}

static void let_go(struct world *w, int tracer)
{
        for (int p = 0; p < PROCESSES; p++)
                for (int t = 0; t < THREADS; t++)
                        if (w->tracer[p][t] == tracer)
                                w->tracer[p][t] = -1;
}

static void play_attach(struct world *w, int p, uint32_t t, int other)
{
        struct event e;

        if (p == other)
                return;
        if (w->tracer[p][t] < 0) {
                w->tracer[p][t] = other;
                if (pick(w, 2))
                        attaches(w->s, member(w, other, 0), member(w, p, t));
                else
                        seizes(w->s, member(w, other, 0), member(w, p, t),
                               pick(w, 2) ? PTRACE_O_EXITKILL : 0);
                return;
        }
        e = refusal(member(w, other, 0), member(w, p, t), tracer_of(w, p, t), EPERM);
        e.yama = (int)pick(w, 3) - 1;
        e.facts ^= 1u << pick(w, 13);
        if (pick(w, 4) == 0)
                e.tracer = NOBODY;
        if (pick(w, 8) == 0)
                e.error = ESRCH;
        feed(w->s, e);
}

static void play_detach(struct world *w, int p, uint32_t t)
{
        int tracer = w->tracer[p][t];

        if (tracer < 0)
                return;
        w->tracer[p][t] = -1;
        detaches(w->s, member(w, tracer, 0), member(w, p, t));
}

static void play_end(struct world *w, int p)
{
        int32_t status = pick(w, 2) ? KILLED(SIGKILL) : EXITED(2);

        if (pick(w, 2))
                tracer_ends(w->s, member(w, p, 0), status);
        process_ends(w->s, member(w, p, 0), status);
        let_go(w, p);
        for (int t = 0; t < THREADS; t++)
                w->tracer[p][t] = -1;
        w->generation[p] += 100;
}

static void play_trap(struct world *w, int p, uint32_t t)
{
        static const int codes[] = {SI_KERNEL_CODE, SI_KERNEL_CODE, 0, SI_TKILL, 1, 2};
        struct event e = trap(member(w, p, t), tracer_of(w, p, t));

        e.actor = member(w, (int)pick(w, PROCESSES), 0);
        e.code = codes[pick(w, ELEMENTSOF(codes))];
        e.result = (int)pick(w, _SIGRES_MAX);
        e.disposition = pick(w, 2) ? DISP_HANDLER : DISP_DEFAULT;
        e.handler = e.disposition == DISP_HANDLER ? 0x402000 : 0;
        e.sa_flags = pick(w, 3) ? 0 : 0x14000000;
        e.forced_blocked = pick(w, 8) == 0;
        e.forced_ignored = pick(w, 8) == 0;
        e.blocked = pick(w, 4) == 0;
        e.residue = pick(w, 2);
        e.ip = 0x401001 + pick(w, 3);
        feed(w->s, e);
        if (pick(w, 2))
                delivers(w->s, member(w, p, t), tracer_of(w, p, t), SIGTRAP, e.code, e.handler);
        if (pick(w, 3))
                scans(w->s, member(w, p, t), pick(w, 2), pick(w, 2));
        if (pick(w, 3))
                scans_handler(w->s, member(w, p, t), "/usr/bin/api", "on_trap+0x0");
}

static void play_stop(struct world *w, int p, uint32_t t)
{
        static const int codes[] = {SI_KERNEL_CODE, 0, SI_TKILL};
        int code = codes[pick(w, ELEMENTSOF(codes))];
        int sender = pick(w, 2) && w->tracer[p][t] >= 0 ? w->tracer[p][t] : (int)pick(w, PROCESSES);

        sends(w->s, member(w, sender, 0), member(w, p, t), tracer_of(w, p, t),
              pick(w, 4) ? SIGSTOP : SIGCONT, code);
        if (pick(w, 2))
                delivers(w->s, member(w, p, t), tracer_of(w, p, t), SIGSTOP, code, 0);
}

static void play_family(struct world *w, int p, uint32_t t, int other)
{
        switch (pick(w, 4)) {
        case 0:
                forks(w->s, member(w, p, t), member(w, other, 0), NOBODY, tracer_of(w, p, t).pid);
                break;
        case 1:
                forks(w->s, member(w, p, 0), member(w, p, t), tracer_of(w, p, t), tracer_of(w, p, 0).pid);
                break;
        case 2:
                execs(w->s, member(w, p, 0), tracer_of(w, p, 0), member(w, p, t).tid, "/usr/bin/other");
                break;
        default:
                handles(w->s, member(w, p, t), pick(w, 3));
        }
}

static void play_counter(struct world *w, int p, uint32_t t, int other)
{
        static const int types[] = {EV_NONE, EV_SIGNAL_GENERATE, EV_SIGNAL_DELIVER, EV_PTRACE_REFUSED};

        feed(w->s, (struct event){.type = EV_COUNTER,
                                  .of_type = types[pick(w, ELEMENTSOF(types))],
                                  .target = member(w, p, t),
                                  .tracer = pick(w, 2) ? member(w, other, 0) : NOBODY,
                                  .sig = pick(w, 2) ? SIGTRAP : SIGCHLD,
                                  .code = pick(w, 2) ? SI_KERNEL_CODE : CLD_TRAPPED,
                                  .disposition = (int)pick(w, _DISP_MAX),
                                  .count = pick(w, 20000)});
}

/* Some questions are answered, some late, some never. */
static void play_answer(struct world *w, int p, uint32_t t)
{
        static const char states[] = {'T', 't', 'S', 'R', 'Z'};

        if (w->n_answered < w->s->n_questions)
                w->n_answered++;
        is_seen(w->s, member(w, p, t), states[pick(w, sizeof(states))], tracer_of(w, p, t),
                states[pick(w, sizeof(states))]);
}

static void play_step(struct world *w)
{
        int p = (int)pick(w, PROCESSES), other = (int)pick(w, PROCESSES);
        uint32_t t = pick(w, THREADS);

        switch (pick(w, 12)) {
        case 0 ... 2:
                play_attach(w, p, t, other);
                break;
        case 3:
                play_detach(w, p, t);
                break;
        case 4:
                play_end(w, p);
                break;
        case 5 ... 6:
                play_trap(w, p, t);
                break;
        case 7:
                play_stop(w, p, t);
                break;
        case 8:
                play_family(w, p, t, other);
                break;
        case 9:
                play_counter(w, p, t, other);
                break;
        case 10:
                play_answer(w, p, t);
                break;
        default:
                wait_ns(w->s, pick(w, 8) ? pick(w, 900) * MS : 4 * S);
        }
}

static void play_history(struct scene *s, uint64_t seed)
{
        struct world w = {.s = s, .state = seed};

        let_go(&w, 0);
        memset(w.tracer, -1, sizeof(w.tracer));
        starts(s, "boot-1");
        for (int i = 0; i < HISTORY_LENGTH; i++)
                play_step(&w);
        if (pick(&w, 4) == 0)
                starts(s, pick(&w, 2) ? "boot-1" : "boot-2");
}

START_TEST(histories_replay_to_the_same_findings)
{
        uint64_t found = 0;

        for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
                struct scene *s = scene_begin();
                struct model_counts c;

                play_history(s, seed * 0x9e3779b97f4a7c15ULL);
                model_count(s->m, &c);
                found += c.findings;
                scene_end(s);
        }
        /* Or else the histories are too dull to prove anything. */
        ck_assert_uint_gt(found, HISTORIES * 5);
}
END_TEST

/* ---- anything ----------------------------------------------------------------------------------------- */

/* Also in members that are not of its type: what is not stored must not matter. */
static struct event any_event(uint64_t *state, bool text, bool small)
{
        enum event_type type = (enum event_type)(random_u64(state) % (_EV_MAX - 1) + 1);
        struct event e = random_event(state, type, text);
        struct task_ref *tasks[] = {&e.target, &e.actor, &e.tracer, &e.parent};
        const struct event_field *f;
        size_t n;

        f = event_fields(&n);
        for (size_t i = 0; i < n; i++) {
                void *member = (char *)&e + f[i].offset;

                if (f[i].types & EVENT_BIT(type) || random_u64(state) % 4)
                        continue;
                /* Several rows share a member: half of an earlier string would be no UTF-8. */
                if (f[i].kind == FIELD_TASK || f[i].kind == FIELD_STRING)
                        memset(member, 0, f[i].kind == FIELD_TASK ? sizeof(struct task_ref) : f[i].size);
                random_field(state, text, &f[i], member);
        }
        for (size_t i = 0; small && i < ELEMENTSOF(tasks); i++) {
                tasks[i]->pid %= SMALL_WORLD;
                tasks[i]->tid %= SMALL_WORLD;
                tasks[i]->start %= 3;
                tasks[i]->tid_start %= 3;
        }
        if (small) {
                static const int signals[] = {SIGTRAP, SIGTRAP, SIGCHLD, SIGSTOP, SIGCONT};
                static const int codes[] = {SI_KERNEL_CODE, 0, SI_TKILL, 1, CLD_TRAPPED};

                e.sig = signals[random_u64(state) % ELEMENTSOF(signals)];
                e.code = codes[random_u64(state) % ELEMENTSOF(codes)];
                e.error = random_u64(state) % 3 ? EPERM : ESRCH;
                e.time_ns %= 1ULL << 40;
        }
        return e;
}

static void play_garbage(struct diagnosis *d, uint64_t *state, bool small)
{
        for (int i = 0; i < GARBAGE_EVENTS; i++) {
                struct event e = any_event(state, false, small);

                ck_assert_int_eq(diagnosis_apply(d, &e), 0);
        }
}

static int check_finding(void *userdata, const struct finding *f)
{
        struct json_object *o;
        struct finding back;
        uint64_t *n = userdata;

        ck_assert_ptr_nonnull(finding_code_to_string(f->code));
        ck_assert_ptr_nonnull(severity_to_string(f->severity));
        ck_assert_uint_gt(strnlen(f->summary, sizeof(f->summary)), 0);
        ck_assert_uint_lt(strnlen(f->summary, sizeof(f->summary)), sizeof(f->summary));
        for (const char *p = f->summary; *p; p++)
                ck_assert((unsigned char)*p >= 0x20 && *p != 0x7f);
        ck_assert_int_eq(finding_to_json(f, &o), 0);
        ck_assert_int_eq(finding_from_json(o, &back), 0);
        ck_assert_int_eq(back.code, f->code);
        ck_assert_uint_eq(back.count, f->count);
        json_object_put(o);
        (*n)++;
        return 0;
}

START_TEST(garbage_does_no_harm)
{
        static const struct model_sink sink = {};
        uint64_t state = 88172645463325252ULL + (uint64_t)_i, n = 0;
        struct diagnosis *d;

        ck_assert_int_eq(diagnosis_new(&d, NULL, &sink, NULL), 0);
        play_garbage(d, &state, _i % 2);
        model_each_finding(diagnosis_model(d), 0, check_finding, &n);
        /* In a world of millions of pids nobody may meet anybody. */
        if (_i % 2)
                ck_assert_uint_gt(n, 0);
        diagnosis_free(d);
}
END_TEST

START_TEST(garbage_replays_to_the_same_findings)
{
        uint64_t state = 123456789 + (uint64_t)_i;
        struct diagnosis *live, *packed, *exported;
        char *a, *b, *c;

        ck_assert_int_eq(diagnosis_new(&live, NULL, NULL, NULL), 0);
        ck_assert_int_eq(diagnosis_new(&packed, NULL, NULL, NULL), 0);
        ck_assert_int_eq(diagnosis_new(&exported, NULL, NULL, NULL), 0);
        for (int i = 0; i < 5000; i++) {
                struct event e = any_event(&state, true, true), p = packed_again(&e), j = json_again(&e);

                ck_assert_int_eq(diagnosis_apply(live, &e), 0);
                ck_assert_int_eq(diagnosis_apply(packed, &p), 0);
                ck_assert_int_eq(diagnosis_apply(exported, &j), 0);
        }
        a = all_findings(diagnosis_model(live));
        b = all_findings(diagnosis_model(packed));
        c = all_findings(diagnosis_model(exported));
        expect_same_text(a, b);
        expect_same_text(a, c);
        free(a);
        free(b);
        free(c);
        diagnosis_free(live);
        diagnosis_free(packed);
        diagnosis_free(exported);
}
END_TEST

/* ---- findings on their own --------------------------------------------------------------------------- */

START_TEST(finding_comes_back_from_json)
{
        struct finding f = {
                .code = FIND_LEFT_STOPPED,
                .severity = SEVERITY_ERROR,
                .target = named(4711, "api"),
                .other_pid = 4802,
                .first_ns = 5,
                .last_ns = 7,
                .first_wall_ns = SCENE_WALL_NS + 5,
                .last_wall_ns = SCENE_WALL_NS + 7,
                .count = 3,
                .evidence = {1, 2, 3},
                .n_evidence = 3,
                .cause = "cause",
                .summary = "what happened",
                .remedy = "kill -CONT 4711",
                .risk = "none",
        };
        struct finding back;
        struct json_object *o;

        ck_assert_int_eq(finding_to_json(&f, &o), 0);
        ck_assert_int_eq(finding_from_json(o, &back), 0);
        ck_assert(finding_same(&f, &back));
        ck_assert_mem_eq(&back.evidence, &f.evidence, sizeof(f.evidence));
        ck_assert_str_eq(back.summary, f.summary);
        ck_assert_uint_eq(back.first_wall_ns, f.first_wall_ns);
        ck_assert_uint_eq(back.last_ns, f.last_ns);
        json_object_put(o);
}
END_TEST

START_TEST(what_is_no_finding_is_refused)
{
        static const char *const bad[] = {
                "[]",
                "{}",
                "{\"code\":\"left-stopped\"}",
                "{\"code\":\"nonsense\",\"severity\":\"error\"}",
                "{\"code\":\"left-stopped\",\"severity\":\"loud\"}",
                "{\"code\":\"left-stopped\",\"severity\":\"error\",\"pid\":-1}",
                "{\"code\":\"left-stopped\",\"severity\":\"error\",\"pid\":4294967296}",
                "{\"code\":\"left-stopped\",\"severity\":\"error\",\"summary\":5}",
                "{\"code\":\"left-stopped\",\"severity\":\"error\",\"first\":\"yesterday\"}",
                "{\"code\":\"left-stopped\",\"severity\":\"error\",\"evidence\":[1,2,3,4,5,6,7,8,9]}",
                "{\"code\":7,\"severity\":null}",
        };
        struct finding f;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct json_object *o = json_tokener_parse(bad[i]);

                ck_assert_ptr_nonnull(o);
                ck_assert_msg(finding_from_json(o, &f) < 0, "%s", bad[i]);
                json_object_put(o);
        }
        for (int code = 1; code < _FIND_MAX; code++)
                ck_assert_int_eq(finding_code_from_string(finding_code_to_string((enum finding_code)code)),
                                 code);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("replay");
        TCase *t = tcase_create("replay");

        tcase_add_test(t, histories_replay_to_the_same_findings);
        tcase_add_loop_test(t, garbage_does_no_harm, 0, 6);
        tcase_add_loop_test(t, garbage_replays_to_the_same_findings, 0, 4);
        tcase_add_test(t, finding_comes_back_from_json);
        tcase_add_test(t, what_is_no_finding_is_refused);
        tcase_set_timeout(t, 120);
        suite_add_tcase(suite, t);
        return run_suite(suite);
}
