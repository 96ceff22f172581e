/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/pump.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "lib/base/cleanup.h"
#include "lib/diagnosis/diagnosis.h"
#include "lib/base/clock.h"
#include "lib/base/ratelimit.h"
#include "lib/proc/procfs.h"
#include "lib/event/record.h"
#include "lib/event/tools.h"
#include "daemon/kernel/backlog.h"
#include "daemon/events/complete.h"
#include "daemon/events/creator.h"
#include "daemon/events/departed.h"
#include "daemon/events/enrich.h"
#include "daemon/events/floods.h"
#include "daemon/base/log.h"
#include "daemon/base/loop.h"
#include "daemon/events/proctier.h"
#include "daemon/events/sampler.h"
#include "daemon/events/scan.h"
#include "daemon/events/uprobe_fds.h"
#include "daemon/net/listening.h"
#include "daemon/net/netns.h"

#define DEFERRED_MAX    8192 /* events a scan or the sampler may make in one turn */
#define QUESTIONS_MAX   1024
#define RECONCILE_NS    (5 * NSEC_PER_SEC)   /* at most this often after a loss */
#define COMPARE_NS      (10 * NSEC_PER_MSEC) /* of that, before others have their turn */
#define DEPARTED_NS     (10 * NSEC_PER_SEC)  /* processes that ended unseen are looked for this often */
#define LOG_BURST       20                   /* findings that are logged in ... */
#define LOG_WINDOW_NS   (10 * NSEC_PER_SEC)
#define CREATORS        8     /* creators of threads that are looked for in a second */
#define DRAIN_ROUNDS    50    /* readings of the ring, where nobody else has a turn any more */
#define SECOND_ACCURACY 50000 /* us the once-a-second work may come late: lets wake-ups coincide */

struct follower {
        pump_follower fn;
        void *userdata;
};

struct pump {
        sd_event *event;
        struct loader *loader;
        struct store *store;
        struct diagnosis *diagnosis;
        const struct model *model; /* its */
        struct sampler *sampler;
        struct floods *floods;
        struct text_cache *texts;
        struct uprobe_fds *uprobes;
        struct proctier *proctier;
        struct ring_buffer *ring;
        sd_event_source *ring_io, *look_again, *every_second, *question_due, *compare_on;

        uint64_t next_seq;
        uint64_t consume_until_ns; /* CLOCK_MONOTONIC */
        bool more;                 /* the ring was left before it was empty */
        uint64_t readings;         /* of the ring to its end and then of all counters */
        bool reading;              /* such a one is under way: its counters are read in pieces */
        struct follower followers[PUMP_FOLLOWERS_MAX];
        size_t n_followers;
        struct guard_voice voice;

        /* Whoever walks the model while it makes events must not see it change: they wait here. */
        bool deferring;
        struct event *deferred;
        size_t n_deferred, deferred_size;

        struct model_question questions[QUESTIONS_MAX];
        size_t n_questions;

        uint64_t refusals; /* by the guard */
        uint64_t sessions_counted;
        uint64_t bad_records, follower_losses, unresolved, deferred_lost;
        uint64_t reported[_LOST_MAX]; /* losses already told as loss events */
        uint64_t reconciled_ns, departed_ns;
        struct ratelimit logged;   /* findings */
        struct ratelimit creators; /* looked for */
        bool must_reconcile;
        struct comparison *comparison; /* with /proc, under way */
};

/* ---- the one way in ------------------------------------------------------------------------------------
 */

static void stamp(struct pump *p, struct event *e)
{
        uint64_t now = clock_boot_ns();

        if (!e->time_ns)
                e->time_ns = now;
        e->wall_ns = clock_wall_ns() - now + e->time_ns;
        e->seq = p->next_seq++;
}

static void tell_followers(struct pump *p, const struct event *e)
{
        for (size_t i = 0; i < p->n_followers; i++)
                p->followers[i].fn(p->followers[i].userdata, e);
}

static void count_refusal(struct pump *p, const struct event *e)
{
        if (!e->guard_reason || !e->error)
                return;
        if (e->type == EV_PTRACE_REFUSED)
                p->refusals++;
        else if (e->type == EV_COUNTER && e->of_type == EV_PTRACE_REFUSED)
                p->refusals += e->count;
}

/* They go into the store with the event that ended them. */
static void count_ended_sessions(struct pump *p)
{
        struct model_counts counts;

        model_count(p->model, &counts);
        store_count_sessions(p->store, counts.sessions_over - p->sessions_counted);
        p->sessions_counted = counts.sessions_over;
}

static int take_in(struct pump *p, struct event *e)
{
        int r;

        count_refusal(p, e);
        stamp(p, e);
        r = diagnosis_apply(p->diagnosis, e);
        count_ended_sessions(p);
        store_append(p->store, e);
        tell_followers(p, e);
        return r;
}

static int defer(struct pump *p, const struct event *e)
{
        if (p->n_deferred == p->deferred_size) {
                size_t size = p->deferred_size ? p->deferred_size * 2 : 16;
                struct event *more =
                        size <= DEFERRED_MAX ? reallocarray(p->deferred, size, sizeof(*more)) : NULL;

                if (!more) {
                        p->deferred_lost++;
                        return -ENOBUFS;
                }
                p->deferred = more;
                p->deferred_size = size;
        }
        p->deferred[p->n_deferred++] = *e;
        return 0;
}

static void take_in_deferred(struct pump *p)
{
        for (size_t i = 0; i < p->n_deferred; i++)
                take_in(p, &p->deferred[i]);
        p->n_deferred = p->deferred_size = 0;
        free(TAKE_PTR(p->deferred));
}

/* Who is traced or traces is of interest from now on; the programs cannot always mark both ends themselves.
 */
static void watch_parties(struct pump *p, const struct event *e)
{
        if (e->target.pid)
                loader_watch(p->loader, e->target.pid, WATCH_TRACEE);
        if (e->tracer.pid)
                loader_watch(p->loader, e->tracer.pid, WATCH_TRACER);
}

int pump_feed(struct pump *p, struct event *e)
{
        if (e->type == EV_PTRACE_ATTACH && e->origin == ORIGIN_SCAN)
                watch_parties(p, e);
        return p->deferring ? defer(p, e) : take_in(p, e);
}

static int emit(void *userdata, struct event *e)
{
        return pump_feed(userdata, e);
}

/*
 * A refusal of the guard's is told by the guard, with its reasons, and by the program that sees attaches
 * end, without. No attach ends with these errors otherwise. Comparing with the security module's answer
 * would miss those whose program the kernel skipped.
 */
static bool is_twin(const struct pump *p, int error)
{
        return (error == EBUSY || error == EAGAIN) && p->voice.tells(p->voice.userdata);
}

static void emit_counter(void *userdata, struct event *e)
{
        struct pump *p = userdata;

        if (e->of_type == EV_PTRACE_REFUSED && !e->guard_reason && is_twin(p, e->error))
                return;
        complete_counter(p->model, e);
        pump_feed(p, e);
}

/* ---- from the ring -------------------------------------------------------------------------------------
 */

static int take_text(struct pump *p, const struct rec_text *r, size_t size)
{
        struct event e = {};

        if (size < sizeof(*r) || r->depth > REC_PATH_DEPTH)
                return -EBADMSG;
        enrich_text_cached(p->texts, r, &e);
        e.time_ns = r->h.time_ns;
        e.kernel_seq = r->h.seq;
        return pump_feed(p, &e);
}

static bool is_attach_event(enum event_type type)
{
        return type == EV_PTRACE_ATTACH || type == EV_PTRACE_SEIZE || type == EV_PTRACE_TRACEME;
}

static bool is_twin_record(const struct pump *p, const struct rec_header *h, size_t size)
{
        const struct rec_attach *a = (const void *)h;

        return h->type == REC_ATTACH && size >= sizeof(*a) && is_twin(p, -a->ret);
}

/* A process can begin threads faster than its files are read: the last creator known stands for the others. */
static void find_creator(struct pump *p, const struct rec_threads *r, struct event *e)
{
        uint64_t dropped;

        if (ratelimit_admits(&p->creators, clock_boot_ns(), &dropped))
                creator_find(r, e);
}

static void take_uprobe(struct pump *p, struct event *e)
{
        enrich_uprobe(e);
        uprobe_fds_note(p->uprobes, e);
}

static int take_record(struct pump *p, const void *data, size_t size)
{
        const struct rec_header *h = data;
        struct event e;
        int r;

        if (size >= sizeof(*h) && h->type == REC_TEXT)
                return take_text(p, data, size);
        if (size >= sizeof(*h) && is_twin_record(p, h, size))
                return 0;
        r = record_to_event(data, size, &e);
        if (r < 0)
                return r;
        /* We look into processes ourselves, and are no news. */
        if (e.type == EV_MEMORY_ACCESS && e.actor.pid == (uint32_t)getpid())
                return 0;
        if (h->type == REC_GUARD)
                p->voice.name(p->voice.userdata, data, &e);
        if (e.type == EV_PTRACE_REFUSED)
                enrich_refused(&e);
        if (e.type == EV_TASK_EXEC)
                enrich_exec(data, &e);
        if (e.type == EV_NET_CONNECT)
                netns_compare(&e);
        if (e.type == EV_UPROBE_REGISTER)
                take_uprobe(p, &e);
        if (e.type == EV_TASK_THREADS)
                find_creator(p, data, &e);
        if (complete_event(p->model, &e) < 0)
                p->unresolved++;
        if (e.type == EV_PTRACE_PLANT && e.executable && !e.removed)
                uprobe_fds_look(p->uprobes, &e, emit, p);
        if (e.type == EV_PTRACE_REFUSED && !e.guard_reason && e.tracer.pid)
                p->voice.name(p->voice.userdata, NULL, &e);
        if (is_attach_event(e.type) && loader_tier(p->loader) != TIER_FULL)
                watch_parties(p, &e);
        return pump_feed(p, &e);
}

/* What is in the text behind it follows as a record of its own, and belongs to the same verdict. */
static bool text_follows(const void *data, size_t size)
{
        const struct rec_signal *s = data;

        return size >= sizeof(*s) && s->h.type == REC_SIGNAL && s->sig == SIGTRAP && s->code == SI_KERNEL &&
               !(s->flags & SIG_F_DELIVER);
}

static int on_record(void *userdata, void *data, size_t size)
{
        struct pump *p = userdata;

        if (take_record(p, data, size) == -EBADMSG)
                p->bad_records++;
        if (text_follows(data, size))
                return 0;
        return clock_mono_ns() < p->consume_until_ns ? 0 : -EAGAIN;
}

/* ---- questions and samples -----------------------------------------------------------------------------
 */

static void schedule_questions(struct pump *p);

static void answer_questions(struct pump *p)
{
        for (size_t i = 0; i < p->n_questions; i++)
                sampler_ask(p->sampler, &p->questions[i]);
        p->n_questions = 0;
        p->deferring = true;
        sampler_run(p->sampler, clock_boot_ns(), p->model, emit, p);
        p->deferring = false;
        take_in_deferred(p);
        schedule_questions(p);
}

static int on_question_due(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
        answer_questions(userdata);
        return 0;
}

static void schedule_questions(struct pump *p)
{
        uint64_t due = p->n_questions ? 0 : sampler_next_due(p->sampler), now = clock_boot_ns();

        if (due == UINT64_MAX)
                return;
        sd_event_source_set_time_relative(p->question_due, due > now ? (due - now) / 1000 + 1 : 0);
        sd_event_source_set_enabled(p->question_due, SD_EVENT_ONESHOT);
}

static void on_question(void *userdata, const struct model_question *q)
{
        struct pump *p = userdata;

        if (p->n_questions < QUESTIONS_MAX)
                p->questions[p->n_questions++] = *q;
}

/* Anybody can make findings by the thousand; the journal would drop our other messages with them. */
static bool may_log_finding(struct pump *p)
{
        uint64_t dropped;
        bool room = ratelimit_admits(&p->logged, clock_boot_ns(), &dropped);

        if (dropped)
                log_info("%" PRIu64 " more findings were not logged; ptracectl diagnose has them.", dropped);
        return room;
}

static void on_finding(void *userdata, const struct finding *f, bool is_new)
{
        struct pump *p = userdata;

        store_put_finding(p->store, f);
        if (is_new && may_log_finding(p))
                log_info("Found %s%s%s: %s", finding_code_to_string(f->code), f->cause[0] ? "/" : "",
                         f->cause, f->summary);
}

/* ---- waking and sleeping -------------------------------------------------------------------------------
 */

/* A storm can fill the ring as fast as it is read, and reading would never end: others must have their turn.
 * Returns how many records there were, or 1 if there are more. */
static int consume(struct pump *p)
{
        int n = 0;

        p->consume_until_ns = clock_mono_ns() + PUMP_CONSUME_NS;
        if (p->ring)
                n = ring_buffer__consume(p->ring);
        p->more = n == -EAGAIN;
        if (p->n_questions)
                answer_questions(p);
        return p->more ? 1 : n;
}

/* Awake: look again every PUMP_COALESCE_US, so that a busy machine pays no wake-up per record. */
static void stay_awake(struct pump *p)
{
        sd_event_source_set_time_relative(p->look_again, p->more ? 0 : PUMP_COALESCE_US);
        sd_event_source_set_enabled(p->look_again, SD_EVENT_ONESHOT);
}

static int on_ring(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_, void *userdata)
{
        consume(userdata);
        stay_awake(userdata);
        return 0;
}

/* Nothing came: arm the wake-up, then look once more, as a record may have come in between. */
static int on_look_again(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
        struct pump *p = userdata;

        if (consume(p) <= 0) {
                loader_arm_wakeup(p->loader, true);
                if (consume(p) <= 0)
                        return 0;
                loader_arm_wakeup(p->loader, false);
        }
        stay_awake(p);
        return 0;
}

/* 1: there are more. Where the ring was not read to its end before, this is no whole reading. */
static int read_counters(struct pump *p)
{
        int r = 0;

        if (!p->floods || !floods_under_way(p->floods))
                p->reading = !p->more;
        if (p->floods)
                r = floods_drain(p->floods, clock_boot_ns(), emit_counter, p);
        if (r <= 0)
                p->readings += p->reading;
        return r > 0;
}

/* ---- once a second -------------------------------------------------------------------------------------
 */

static void report_losses(struct pump *p)
{
        uint64_t losses[_LOST_MAX], kernel[_REC_LOSS_MAX];
        bool some = false;

        loader_losses(p->loader, kernel);
        pump_losses(p, losses);
        for (int c = 0; c < _LOST_MAX; c++) {
                struct event e = {.type = EV_LOSS, .count = losses[c] - p->reported[c]};

                if (losses[c] <= p->reported[c] || c == LOST_FOLLOWER)
                        continue;
                p->reported[c] = losses[c];
                some = true;
                strncpy(e.note, loss_cause_to_string(c), sizeof(e.note) - 1);
                if (c == LOST_RING_FULL || c == LOST_PROG_SKIPPED)
                        p->must_reconcile = true;
                pump_feed(p, &e);
        }
        if (some)
                loader_told_losses(p->loader, kernel);
}

static void flush_ring(void *userdata)
{
        consume(userdata);
}

/* A missed hook leaves a slot wrong for ever: after a loss it is compared with what /proc says now. */
static void begin_comparison(struct pump *p, uint64_t now)
{
        if (!p->must_reconcile || p->comparison || now < p->reconciled_ns + RECONCILE_NS ||
            comparison_new(&p->comparison) < 0)
                return;
        p->must_reconcile = false;
        p->reconciled_ns = now;
        loop_later(p->compare_on);
}

static int on_compare(sd_event_source *s, uint64_t usec _unused_, void *userdata)
{
        struct pump *p = userdata;
        const struct scan_means means = {.flush = flush_ring, .emit = emit, .userdata = p};

        if (comparison_step(p->comparison, p->model, clock_mono_ns() + COMPARE_NS, &means) > 0)
                return loop_later(s);
        p->comparison = comparison_free(p->comparison);
        return 0;
}

static void forget_departed(struct pump *p, uint64_t now)
{
        if (now < p->departed_ns + DEPARTED_NS)
                return;
        p->departed_ns = now;
        departed_look(p->model, flush_ring, emit, p);
}

static int on_second(sd_event_source *s, uint64_t usec _unused_, void *userdata)
{
        struct pump *p = userdata;
        uint64_t now = clock_boot_ns();

        consume(p);
        if (read_counters(p)) {
                sd_event_source_set_time_relative(s, 0);
                return 0;
        }
        report_losses(p);
        begin_comparison(p, now);
        forget_departed(p, now);
        answer_questions(p);
        sd_event_source_set_time_relative(s, PUMP_COUNTERS_US);
        return 0;
}

/* ---- public --------------------------------------------------------------------------------------------
 */

static int add_timer(struct pump *p, sd_event_source **ret, sd_event_time_handler_t fn, uint64_t usec,
                     int enabled)
{
        int r = sd_event_add_time_relative(p->event, ret, CLOCK_MONOTONIC, usec,
                                           usec > 100000 ? SECOND_ACCURACY : 1, fn, p);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, enabled);
}

static int open_ring(struct pump *p)
{
        int r;

        if (loader_ring_fd(p->loader) < 0)
                return 0;
        p->ring = ring_buffer__new(loader_ring_fd(p->loader), on_record, p, NULL);
        if (!p->ring)
                return -errno;
        r = floods_new(&p->floods, loader_counters_fd(p->loader), loader_counters_read_fd(p->loader));
        if (r < 0)
                return r;
        floods_begin(p->floods, loader_attached_ns(p->loader));
        r = sd_event_add_io(p->event, &p->ring_io, ring_buffer__epoll_fd(p->ring), EPOLLIN, on_ring, p);
        if (r < 0)
                return r;
        return add_timer(p, &p->look_again, on_look_again, 0, SD_EVENT_ONESHOT);
}

int pump_new(struct pump **ret, sd_event *event, struct loader *loader, struct store *store,
             const struct model_thresholds *thresholds, const struct guard_voice *voice)
{
        static const struct model_sink sink = {.on_finding = on_finding, .on_question = on_question};
        struct pump *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->event = event;
        p->loader = loader;
        p->store = store;
        p->voice = *voice;
        p->logged = (struct ratelimit){.window_ns = LOG_WINDOW_NS, .burst = LOG_BURST};
        p->creators = (struct ratelimit){.window_ns = NSEC_PER_SEC, .burst = CREATORS};
        p->next_seq = store_next_seq(store);
        p->texts = text_cache_new(); /* NULL only costs time */
        p->uprobes = uprobe_fds_new();
        r = p->uprobes ? diagnosis_new(&p->diagnosis, thresholds, &sink, p) : -ENOMEM;
        p->model = r >= 0 ? diagnosis_model(p->diagnosis) : NULL;
        if (r >= 0)
                r = sampler_new(&p->sampler);
        if (r >= 0 && loader_tier(loader) == TIER_TRACEPOINT)
                sampler_probe(p->sampler);
        if (r >= 0)
                r = add_timer(p, &p->question_due, on_question_due, 0, SD_EVENT_OFF);
        if (r >= 0)
                r = add_timer(p, &p->every_second, on_second, PUMP_COUNTERS_US, SD_EVENT_ON);
        if (r >= 0)
                r = loop_add_later(event, &p->compare_on, on_compare, p);
        if (r >= 0)
                r = open_ring(p);
        if (r < 0) {
                pump_free(p);
                return r;
        }
        *ret = p;
        return 0;
}

struct pump *pump_free(struct pump *p)
{
        if (!p)
                return NULL;
        if (p->ring)
                pump_drain(p);
        proctier_free(p->proctier);
        sd_event_source_disable_unref(p->ring_io);
        sd_event_source_disable_unref(p->look_again);
        sd_event_source_disable_unref(p->every_second);
        sd_event_source_disable_unref(p->question_due);
        sd_event_source_disable_unref(p->compare_on);
        comparison_free(p->comparison);
        ring_buffer__free(p->ring);
        floods_free(p->floods);
        sampler_free(p->sampler);
        text_cache_free(p->texts);
        uprobe_fds_free(p->uprobes);
        diagnosis_free(p->diagnosis);
        free(p->deferred);
        free(p);
        return NULL;
}

static void take_backlog_record(struct pump *p, const void *data, size_t size)
{
        if (take_record(p, data, size) == -EBADMSG)
                p->bad_records++;
}

static void take_observed(void *userdata, const void *data, size_t size)
{
        if (!backlog_is_refusal(data))
                take_backlog_record(userdata, data, size);
}

static void take_refusal(void *userdata, const void *data, size_t size)
{
        if (backlog_is_refusal(data))
                take_backlog_record(userdata, data, size);
}

void pump_take_refusals(struct pump *p)
{
        backlog_each(loader_backlog(p->loader), take_refusal, p);
        pump_drain(p);
}

/* From now on the kernel side tells of Delve's clients. */
static int emit_listening(void *userdata, struct event *e)
{
        struct pump *p = userdata;

        if (e->change == NET_LISTENS && is_delve(&e->target))
                loader_watch_delve_port(p->loader, (uint16_t)e->port);
        return pump_feed(p, e);
}

int pump_start(struct pump *p)
{
        struct event e = {.type = EV_DAEMON_START};

        strncpy(e.path, tier_to_string(loader_tier(p->loader)), sizeof(e.path) - 1);
        procfs_boot_id(e.note);
        /* Tier full makes do without it; in tier tracepoint there is no other way to see an attach. */
        e.calls_unseen = loader_tier(p->loader) == TIER_FULL && !loader_runs(p->loader, "on_ptrace_call");
        /* What an earlier daemon could not tell any more comes before the start of this one, as it did. */
        backlog_each(loader_backlog(p->loader), take_observed, p);
        pump_feed(p, &e);
        scan_tracers(emit, p); /* tracers older than we are */
        if (loader_tier(p->loader) != TIER_PROC)
                listening_scan(loader_dbgp_ports(p->loader), emit_listening, p);
        if (loader_tier(p->loader) != TIER_PROC)
                return 0;
        return proctier_new(&p->proctier, p->event, p->model, emit, p);
}

int pump_watch(struct pump *p, uint32_t pid)
{
        if (!p->proctier)
                return loader_watch(p->loader, pid, WATCH_FOLLOW);
        if (*proctier_reason(p->proctier))
                return -EOPNOTSUPP;
        proctier_follow(p->proctier, pid);
        return 0;
}

uint64_t pump_flush(struct pump *p)
{
        consume(p);
        if (!p->more && read_counters(p) == 0)
                report_losses(p);
        return p->readings;
}

uint64_t pump_mark(const struct pump *p)
{
        bool too_early = p->floods && floods_under_way(p->floods) && p->reading;

        return p->readings + 1 + too_early;
}

void pump_drain(struct pump *p)
{
        uint64_t mark = pump_mark(p);

        for (int i = 0; i < DRAIN_ROUNDS && pump_flush(p) < mark; i++)
                ;
}

const struct model *pump_model(const struct pump *p)
{
        return p->model;
}

void pump_set_thresholds(struct pump *p, const struct model_thresholds *t)
{
        diagnosis_set_thresholds(p->diagnosis, t);
}

const char *loss_cause_to_string(enum loss_cause c)
{
        static const char *const names[] = {
                [LOST_RING_FULL] = "ring-full",
                [LOST_COUNTER_FULL] = "counter-full",
                [LOST_STORAGE] = "storage",
                [LOST_PROG_SKIPPED] = "prog-skipped",
                [LOST_TARGET_UNKNOWN] = "target-unknown",
                [LOST_STORE] = "store",
                [LOST_MODEL_EVICTED] = "model-evicted",
                [LOST_BAD_RECORD] = "bad-record",
                [LOST_FOLLOWER] = "follower",
                [LOST_CONNECTOR] = "connector",
                [LOST_GUARD_SLOT] = "guard-slot",
        };
        static_assert(ELEMENTSOF(names) == _LOST_MAX, "a name per cause");

        return c >= 0 && c < _LOST_MAX ? names[c] : NULL;
}

void pump_losses(struct pump *p, uint64_t losses[_LOST_MAX])
{
        uint64_t kernel[_REC_LOSS_MAX];
        struct store_stats stats;
        struct model_counts counts;

        loader_losses(p->loader, kernel);
        store_get_stats(p->store, &stats);
        model_count(p->model, &counts);
        losses[LOST_RING_FULL] = kernel[LOSS_RING_FULL];
        losses[LOST_COUNTER_FULL] = kernel[LOSS_COUNTER_FULL];
        losses[LOST_STORAGE] = kernel[LOSS_STORAGE];
        losses[LOST_PROG_SKIPPED] = kernel[LOSS_PROG_SKIPPED];
        losses[LOST_TARGET_UNKNOWN] = kernel[LOSS_TARGET_UNKNOWN] + p->unresolved;
        losses[LOST_STORE] = stats.lost + p->deferred_lost;
        losses[LOST_MODEL_EVICTED] = counts.evicted;
        losses[LOST_BAD_RECORD] = p->bad_records;
        losses[LOST_FOLLOWER] = p->follower_losses;
        losses[LOST_CONNECTOR] = p->proctier ? proctier_overruns(p->proctier) : 0;
        losses[LOST_GUARD_SLOT] = kernel[LOSS_GUARD_SLOT];
}

void pump_follower_lost(struct pump *p)
{
        p->follower_losses++;
}

int pump_follow(struct pump *p, pump_follower fn, void *userdata)
{
        if (p->n_followers == PUMP_FOLLOWERS_MAX)
                return -EUSERS;
        p->followers[p->n_followers++] = (struct follower){fn, userdata};
        return 0;
}

void pump_unfollow(struct pump *p, pump_follower fn, void *userdata)
{
        for (size_t i = 0; i < p->n_followers; i++)
                if (p->followers[i].fn == fn && p->followers[i].userdata == userdata) {
                        p->followers[i] = p->followers[--p->n_followers];
                        return;
                }
}

uint64_t pump_refusals(const struct pump *p)
{
        return p->refusals;
}
