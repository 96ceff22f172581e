/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Processes that begin threads and end none. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/record.h"
#include "lib/event/wording.h"

#define POOL_NS       (5 * NSEC_PER_SEC)  /* after its start a program sets up its pool of threads ... */
#define POOL_GAP_NS   NSEC_PER_MSEC       /* ... one right after the other */
#define STEADY_NS     (60 * NSEC_PER_SEC) /* growth for so long, ... */
#define STEADY_GAP_NS (20 * NSEC_PER_SEC) /* ... with no pause longer than this, ... */
#define STEADY_GROWTH 30                  /* ... by so many at least, is a leak before there are many */
#define ENDED_SHARE   16                  /* one in so many may end, and it is still a leak */
#define POOL_SHARE    4                   /* beyond a pool, this part of the threshold is growth */

static struct growth *growth_get(struct diagnosis *d, const struct event *e)
{
        size_t oldest = 0;

        for (size_t i = 0; i < d->n_growths; i++) {
                if (task_same_process(&d->growths[i].task, &e->target))
                        return &d->growths[i];
                if (d->growths[i].last_ns < d->growths[oldest].last_ns)
                        oldest = i;
        }
        if (d->n_growths < GROWTHS_MAX)
                oldest = d->n_growths++;
        d->growths[oldest] = (struct growth){
                .task = e->target,
                .creator = e->actor.tid,
                .first = e->count,
                .first_ns = e->time_ns,
                .last_ns = e->time_ns,
                .steady = e->count,
                .steady_ns = e->time_ns,
        };
        return &d->growths[oldest];
}

/* One thread begins them one right after the other, just after the program has started. */
static bool is_pool(const struct growth *g, const struct event *e)
{
        uint64_t start_ns = e->target.start * NSEC_PER_TICK;

        return g->creator && e->time_ns < start_ns + POOL_NS && e->count > g->first &&
               e->time_ns - g->first_ns < (e->count - g->first) * POOL_GAP_NS;
}

static void note_growth(struct growth *g, const struct event *e)
{
        if (g->creator != e->actor.tid)
                g->creator = 0;
        if (e->time_ns > g->last_ns + STEADY_GAP_NS || e->count < g->steady) {
                g->steady = e->count;
                g->steady_ns = e->time_ns;
        }
        g->last_ns = e->time_ns;
        if (is_pool(g, e))
                g->pool = e->count;
        if (!e->path[0])
                return;
        memcpy(g->path, e->path, sizeof(g->path));
        memcpy(g->symbol, e->symbol, sizeof(g->symbol));
}

static bool leaks(const struct growth *g, const struct event *e, uint64_t threshold)
{
        bool steady = e->time_ns >= g->steady_ns + STEADY_NS && e->count >= g->steady + STEADY_GROWTH;

        if (e->ended * ENDED_SHARE > e->count)
                return false;
        if (steady)
                return true;
        return g->pool ? e->count >= g->pool + threshold / POOL_SHARE && e->count >= threshold
                       : e->count >= threshold;
}

static bool by_go_runtime(const struct growth *g)
{
        return strncmp(g->symbol, "runtime.", 8) == 0 || strncmp(g->symbol, "_cgo_", 5) == 0 ||
               strncmp(g->symbol, "x_cgo_", 6) == 0;
}

static void say_creator(struct sentence to, const struct growth *g)
{
        char path[EVENT_PATH_MAX * 2], symbol[EVENT_SYMBOL_MAX * 2];

        if (!g->path[0]) {
                say(to, "; which module begins them cannot be told");
                return;
        }
        text_escape(g->path, path, sizeof(path));
        text_escape(g->symbol, symbol, sizeof(symbol));
        if (by_go_runtime(g))
                say(to,
                    "; Go's runtime begins them (%s in %s), one wherever all others are blocked in system "
                    "calls or C code",
                    symbol, path);
        else
                say(to, "; the last was most likely begun by %s%s%s%s", path, symbol[0] ? " (" : "", symbol,
                    symbol[0] ? ")" : "");
}

static void report_leak(struct model *m, const struct rule *r, const struct event *e, const struct growth *g)
{
        char target[WORD_MAX];
        struct finding f;

        finding_begin(m, &f, r, e);
        say(SENTENCE(f.cause), "%s", by_go_runtime(g) ? "go-runtime" : "");
        say(SENTENCE(f.summary), "%s has begun %" PRIu64 " threads that go on, ",
            word_process(&f.target, target), e->count);
        if (e->ended)
                say(SENTENCE(f.summary), "and only %" PRIu64 " have ended", e->ended);
        else
                say(SENTENCE(f.summary), "and none has ended");
        say(SENTENCE(f.summary), ": a debugger has to attach to each of them and to stop it");
        say_creator(SENTENCE(f.summary), g);
        say(SENTENCE(f.remedy),
            "see what they wait for: gdb -p %" PRIu32
            " -batch -ex 'thread apply all bt 4', and have them end "
            "or be used again",
            f.target.pid);
        say(SENTENCE(f.risk), "it stands still while gdb looks at it");
        model_report(m, &f);
}

void rule_thread_leak(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        struct growth *g = growth_get(d, e);

        note_growth(g, e);
        if (g->told || !leaks(g, e, d->model->thresholds.thread_leak))
                return;
        g->told = true;
        report_leak(d->model, r, e, g);
}
