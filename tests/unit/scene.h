/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A scene: events fed to a model one after the other, as short sentences. Every scene is also replayed at
 * its end: the same events, packed and unpacked, and through JSON, must give the same findings.
 */

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>

#include "bpf/records.h"
#include "lib/base/cleanup.h"
#include "lib/diagnosis/diagnosis.h"
#include "lib/event/event.h"
#include "lib/event/finding.h"
#include "lib/model/model.h"

#define SCENE_EVENTS_MAX    4096
#define SCENE_QUESTIONS_MAX 64
#define SCENE_WALL_NS       1795312800000000000ULL /* 2026-11-22 02:00:00 UTC */
#define SI_KERNEL_CODE      0x80
#define KILLED(sig)         (sig)
#define EXITED(status)      ((status) << 8)
#define MS                  NSEC_PER_MSEC
#define S                   NSEC_PER_SEC

struct scene {
        struct diagnosis *d;
        const struct model *m; /* its */
        struct event *events;
        size_t n_events;
        uint64_t now;
        struct model_question questions[SCENE_QUESTIONS_MAX];
        size_t n_questions;
        size_t n_told; /* calls of on_finding */
};

static inline void scene_question(void *userdata, const struct model_question *q)
{
        struct scene *s = userdata;

        if (s->n_questions < SCENE_QUESTIONS_MAX)
                s->questions[s->n_questions++] = *q;
}

static inline void scene_finding(void *userdata, const struct finding *f, bool is_new)
{
        struct scene *s = userdata;

        (void)f;
        (void)is_new;
        s->n_told++;
}

/* ---- who -------------------------------------------------------------------------------------------- */

static inline struct task_ref thread_named(uint32_t pid, uint32_t tid, const char *comm)
{
        struct task_ref t = {.pid = pid, .tid = tid, .start = pid * 10, .tid_start = tid * 10};

        strncpy(t.comm, comm, sizeof(t.comm) - 1);
        return t;
}

static inline struct task_ref named(uint32_t pid, const char *comm)
{
        return thread_named(pid, pid, comm);
}

#define NOBODY ((struct task_ref){})

/* ---- what ------------------------------------------------------------------------------------------- */

static inline void wait_ns(struct scene *s, uint64_t ns)
{
        s->now += ns;
}

static inline void feed(struct scene *s, struct event e)
{
        wait_ns(s, 1 * MS);
        ck_assert_uint_lt(s->n_events, SCENE_EVENTS_MAX);
        e.seq = s->n_events + 1;
        e.time_ns = s->now;
        e.wall_ns = SCENE_WALL_NS + s->now;
        s->events[s->n_events++] = e;
        ck_assert_int_eq(diagnosis_apply(s->d, &e), 0);
}

static inline void starts(struct scene *s, const char *boot_id)
{
        struct event e = {.type = EV_DAEMON_START};

        strncpy(e.note, boot_id, sizeof(e.note) - 1);
        strcpy(e.path, "full");
        feed(s, e);
}

static inline void attaches(struct scene *s, struct task_ref tracer, struct task_ref target)
{
        feed(s, (struct event){.type = EV_PTRACE_ATTACH,
                               .tracer = tracer,
                               .target = target,
                               .ptrace = 1,
                               .vpid = target.tid});
}

static inline void seizes(struct scene *s, struct task_ref tracer, struct task_ref target, uint64_t options)
{
        feed(s, (struct event){.type = EV_PTRACE_SEIZE,
                               .tracer = tracer,
                               .target = target,
                               .ptrace = 0x10001,
                               .options = options,
                               .vpid = target.tid});
}

static inline void tracemes(struct scene *s, struct task_ref tracer, struct task_ref target)
{
        feed(s, (struct event){.type = EV_PTRACE_TRACEME, .tracer = tracer, .target = target, .ptrace = 1});
}

static inline void detaches_by(struct scene *s, struct task_ref tracer, struct task_ref target, int cause)
{
        feed(s,
             (struct event){.type = EV_PTRACE_DETACH, .tracer = tracer, .target = target, .cause = cause});
}

static inline void detaches(struct scene *s, struct task_ref tracer, struct task_ref target)
{
        detaches_by(s, tracer, target, DETACHED_BY_CALL);
}

static inline void tracer_ends(struct scene *s, struct task_ref tracer, int32_t status)
{
        feed(s, (struct event){.type = EV_TRACER_EXIT, .target = tracer, .status = status, .count = 1});
}

static inline void process_ends(struct scene *s, struct task_ref target, int32_t status)
{
        feed(s,
             (struct event){.type = EV_TASK_EXIT, .target = target, .status = status, .group_dead = true});
}

static inline void thread_ends(struct scene *s, struct task_ref target)
{
        feed(s, (struct event){.type = EV_TASK_EXIT, .target = target});
}

static inline void forks(struct scene *s, struct task_ref parent, struct task_ref child,
                         struct task_ref tracer, uint32_t parent_tracer)
{
        feed(s, (struct event){.type = EV_TASK_FORK,
                               .actor = parent,
                               .target = child,
                               .tracer = tracer,
                               .parent_tracer = parent_tracer,
                               .thread = parent.pid == child.pid});
}

static inline void execs(struct scene *s, struct task_ref target, struct task_ref tracer, uint32_t old_tid,
                         const char *path)
{
        struct event e = {.type = EV_TASK_EXEC, .target = target, .tracer = tracer, .vpid = old_tid};

        strncpy(e.path, path, sizeof(e.path) - 1);
        feed(s, e);
}

/* The signal of an int3, at 0x401000. */
static inline struct event trap(struct task_ref target, struct task_ref tracer)
{
        return (struct event){.type = EV_SIGNAL_GENERATE,
                              .actor = target,
                              .target = target,
                              .tracer = tracer,
                              .sig = SIGTRAP,
                              .code = SI_KERNEL_CODE,
                              .ip = 0x401001,
                              .ptrace = tracer.pid ? 1 : 0};
}

static inline void traps(struct scene *s, struct task_ref target, struct task_ref tracer)
{
        feed(s, trap(target, tracer));
}

static inline void scans(struct scene *s, struct task_ref target, bool file_known, bool found_int3)
{
        struct event e = {.type = EV_TEXT_SCAN,
                          .target = target,
                          .ip = 0x401000,
                          .file_known = file_known,
                          .found_int3 = found_int3};

        strcpy(e.what, scan_kind_to_string(SCAN_TRAP));
        strcpy(e.path, file_known ? "/usr/bin/api" : "");
        strcpy(e.symbol, file_known ? "main.tick+0x12" : "");
        feed(s, e);
}

static inline void scans_handler(struct scene *s, struct task_ref target, const char *path,
                                 const char *symbol)
{
        struct event e = {.type = EV_TEXT_SCAN, .target = target, .ip = 0x402000, .file_known = true};

        strcpy(e.what, scan_kind_to_string(SCAN_HANDLER));
        strcpy(e.path, path);
        strcpy(e.symbol, symbol);
        feed(s, e);
}

static inline void sends(struct scene *s, struct task_ref sender, struct task_ref target,
                         struct task_ref tracer, int sig, int code)
{
        feed(s, (struct event){.type = EV_SIGNAL_GENERATE,
                               .actor = sender,
                               .target = target,
                               .tracer = tracer,
                               .sig = sig,
                               .code = code,
                               .group = code == 0,
                               .ptrace = tracer.pid ? 1 : 0,
                               .priv = code == SI_KERNEL_CODE,
                               .caller_uid = 1000,
                               .sender_is_tracer = tracer.pid && tracer.pid == sender.pid});
}

static inline void delivers(struct scene *s, struct task_ref target, struct task_ref tracer, int sig,
                            int code, uint64_t handler)
{
        feed(s, (struct event){.type = EV_SIGNAL_DELIVER,
                               .target = target,
                               .tracer = tracer,
                               .sig = sig,
                               .code = code,
                               .handler = handler,
                               .ip = 0x401001,
                               .disposition = handler > 1 ? DISP_HANDLER
                                              : handler   ? DISP_IGNORED
                                                          : DISP_DEFAULT});
}

/* Of a SIGTRAP that nobody took. */
static inline void dies(struct scene *s, struct task_ref target, int code)
{
        delivers(s, target, NOBODY, SIGTRAP, code, 0);
        process_ends(s, target, KILLED(SIGTRAP));
}

static inline void handles(struct scene *s, struct task_ref target, uint64_t handler)
{
        feed(s, (struct event){.type = EV_SIGACTION,
                               .target = target,
                               .sig = SIGTRAP,
                               .handler = handler,
                               .sa_flags = 0x14000000});
}

static inline void is_seen(struct scene *s, struct task_ref target, char state, struct task_ref tracer,
                           char tracer_state)
{
        feed(s, (struct event){.type = EV_TASK_STATE,
                               .target = target,
                               .state = state,
                               .tracer = tracer,
                               .tracer_state = tracer_state});
}

/* What an attach by the same user on an ordinary process finds. */
#define FACTS_FINE \
        (ATT_F_TARGET_KNOWN | ATT_F_DUMPABLE | ATT_F_UID_MATCH | ATT_F_SAME_USERNS | ATT_F_CAPS_SUBSET)

static inline struct event refusal(struct task_ref caller, struct task_ref target, struct task_ref holder,
                                   int error)
{
        return (struct event){.type = EV_PTRACE_REFUSED,
                              .actor = caller,
                              .target = target,
                              .tracer = holder,
                              .request = PTRACE_ATTACH,
                              .error = error,
                              .facts = FACTS_FINE,
                              .vpid = target.tid,
                              .caller_uid = 1000,
                              .target_uid = 1000,
                              .yama = -1};
}

static inline void is_refused(struct scene *s, struct task_ref caller, struct task_ref target,
                              struct task_ref holder)
{
        feed(s, refusal(caller, target, holder, EPERM));
}

/* ---- and what follows -------------------------------------------------------------------------------- */

struct findings {
        struct finding list[64];
        size_t n;
};

static inline int add_finding(void *userdata, const struct finding *f)
{
        struct findings *all = userdata;

        if (all->n < ELEMENTSOF(all->list))
                all->list[all->n++] = *f;
        return 0;
}

static inline void get_findings(const struct model *m, struct findings *ret)
{
        memset(ret, 0, sizeof(*ret));
        model_each_finding(m, 0, add_finding, ret);
}

/* The finding with that code and cause, which must exist. */
static inline struct finding expect(struct scene *s, enum finding_code code, const char *cause)
{
        struct findings all;

        get_findings(s->m, &all);
        for (size_t i = 0; i < all.n; i++)
                if (all.list[i].code == code && strcmp(all.list[i].cause, cause) == 0)
                        return all.list[i];
        for (size_t i = 0; i < all.n; i++)
                printf("found: %s/%s: %s\n", finding_code_to_string(all.list[i].code), all.list[i].cause,
                       all.list[i].summary);
        ck_abort_msg("no finding %s/%s", finding_code_to_string(code), cause);
        return (struct finding){};
}

/* And its summary says so. */
static inline struct finding expect_saying(struct scene *s, enum finding_code code, const char *cause,
                                           const char *words)
{
        struct finding f = expect(s, code, cause);

        ck_assert_msg(strstr(f.summary, words) != NULL, "\"%s\" is not in \"%s\"", words, f.summary);
        return f;
}

static inline void expect_count(struct scene *s, size_t n)
{
        struct findings all;

        get_findings(s->m, &all);
        for (size_t i = 0; all.n != n && i < all.n; i++)
                printf("found: %s/%s: %s\n", finding_code_to_string(all.list[i].code), all.list[i].cause,
                       all.list[i].summary);
        ck_assert_uint_eq(all.n, n);
}

static inline void expect_none_of(struct scene *s, enum finding_code code)
{
        struct findings all;

        get_findings(s->m, &all);
        for (size_t i = 0; i < all.n; i++)
                ck_assert_msg(all.list[i].code != code, "unexpected: %s", all.list[i].summary);
}

/* Whatever waits for something has waited long enough after this. */
static inline void settle(struct scene *s)
{
        wait_ns(s, 2 * S);
        feed(s, (struct event){.type = EV_LOSS, .count = 0});
}

static inline void silent(struct scene *s)
{
        settle(s);
        expect_count(s, 0);
}

/* ---- the same again ------------------------------------------------------------------------------ */

static inline struct event packed_again(const struct event *e)
{
        uint8_t buf[EVENT_PACKED_MAX];
        struct event ret;
        int n = event_pack(e, buf, sizeof(buf));

        ck_assert_int_ge(n, 0);
        ck_assert_int_eq(event_unpack(e->type, buf, (size_t)n, &ret), 0);
        ret.seq = e->seq;
        ret.time_ns = e->time_ns;
        ret.wall_ns = e->wall_ns;
        ret.type = e->type;
        return ret;
}

static inline struct event json_again(const struct event *e)
{
        char error[256] = "";
        struct json_object *o, *parsed;
        struct event ret;

        ck_assert_int_eq(event_to_json(e, &o), 0);
        parsed = json_tokener_parse(json_object_to_json_string(o));
        ck_assert_ptr_nonnull(parsed);
        ck_assert_msg(event_from_json(parsed, &ret, error, sizeof(error)) == 0, "%s", error);
        json_object_put(parsed);
        json_object_put(o);
        return ret;
}

static inline int append_finding(void *userdata, const struct finding *f)
{
        struct json_object *o;

        ck_assert_int_eq(finding_to_json(f, &o), 0);
        json_object_array_add(userdata, o);
        return 0;
}

/* As JSON text, in the model's order; the caller frees. */
static inline char *all_findings(const struct model *m)
{
        struct json_object *a = json_object_new_array();
        char *text;

        model_each_finding(m, 0, append_finding, a);
        text = strdup(json_object_to_json_string(a));
        json_object_put(a);
        return text;
}

/* Long texts: only where they part is shown. */
static inline void expect_same_text(const char *a, const char *b)
{
        size_t n = 0, from;

        while (a[n] && a[n] == b[n])
                n++;
        from = n > 300 ? n - 300 : 0;
        ck_assert_msg(a[n] == b[n], "they part here:\n%.500s\n-- and --\n%.500s", a + from, b + from);
}

/* Feed the same events, changed by `again`, to a model that gets no answer to any question. */
static inline void expect_same_findings(const struct scene *s, struct event (*again)(const struct event *e))
{
        char *live = all_findings(s->m), *replayed;
        struct diagnosis *d;

        ck_assert_int_eq(diagnosis_new(&d, NULL, NULL, NULL), 0);
        for (size_t i = 0; i < s->n_events; i++) {
                struct event e = again(&s->events[i]);

                ck_assert_int_eq(diagnosis_apply(d, &e), 0);
        }
        replayed = all_findings(diagnosis_model(d));
        expect_same_text(live, replayed);
        free(live);
        free(replayed);
        diagnosis_free(d);
}

static inline struct scene *scene_begin(void)
{
        static const struct model_sink sink = {.on_finding = scene_finding, .on_question = scene_question};
        struct scene *s = calloc(1, sizeof(*s));

        ck_assert_ptr_nonnull(s);
        s->events = calloc(SCENE_EVENTS_MAX, sizeof(*s->events));
        ck_assert_ptr_nonnull(s->events);
        ck_assert_int_eq(diagnosis_new(&s->d, NULL, &sink, s), 0);
        s->m = diagnosis_model(s->d);
        s->now = 100 * S;
        return s;
}

static inline void scene_end(struct scene *s)
{
        expect_same_findings(s, packed_again);
        expect_same_findings(s, json_again);
        diagnosis_free(s->d);
        free(s->events);
        free(s);
}

/* A test whose body plays on the scene `s`. */
#define SCENE(name)                               \
        static void name##_play(struct scene *s); \
        START_TEST(name)                          \
        {                                         \
                struct scene *s = scene_begin();  \
                name##_play(s);                   \
                scene_end(s);                     \
        }                                         \
        END_TEST                                  \
        static void name##_play(struct scene *s)

static inline int run_suite(Suite *suite)
{
        SRunner *runner = srunner_create(suite);
        int failed;

        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
