/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/turns.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "daemon/base/loop.h"

#define DEADLINE_ACCURACY_US 5000

/* In this order; a turn skips what it does not need. */
enum turn_stage {
        STAGE_FLUSH, /* the ring is to be read */
        STAGE_STORE, /* the writer is to get as far as `mark` */
        STAGE_READY,
};

struct turn {
        struct list link;
        struct turns *turns;
        struct turn **holder; /* whoever holds us, to be told that we are gone */
        uid_t uid;
        enum turn_need need;
        enum turn_stage stage;
        uint64_t reading;     /* of the pump, to be over */
        unsigned rounds;      /* pieces of it, so far */
        uint64_t mark;        /* of the store */
        uint64_t deadline_ns; /* CLOCK_MONOTONIC */
        turn_work work;
        void *userdata;
};

struct turns {
        sd_event *event;
        struct pump *pump;
        struct store *store;
        struct list waiting; /* in the order they came */
        uid_t last_uid;      /* whose turn it was */
        bool flushed;        /* in the last turn of the loop */
        sd_event_source *next, *deadline, *reached;
};

/* ---- what is needed ------------------------------------------------------------------------------ */

static bool budget_is_spent(const struct turns *t)
{
        uint64_t began_us;

        return sd_event_now(t->event, CLOCK_MONOTONIC, &began_us) >= 0 &&
               clock_mono_ns() >= began_us * 1000 + TURNS_BUDGET_NS;
}

static uint64_t patience_ns(enum turn_need need)
{
        return (need == NEED_STORE ? TURNS_STORE_MS : TURNS_STORE_BRIEFLY_MS) * NSEC_PER_MSEC;
}

/* The deadline counts from now: reading the ring has a bound of its own. */
static void enter_store(struct turn *turn)
{
        struct turns *t = turn->turns;

        turn->stage = STAGE_READY;
        if (turn->need < NEED_STORE_BRIEFLY)
                return;
        turn->mark = store_hurry(t->store);
        turn->deadline_ns = clock_mono_ns() + patience_ns(turn->need);
        if (!store_reached(t->store, turn->mark))
                turn->stage = STAGE_STORE;
}

static void look_at_store(struct turns *t)
{
        uint64_t now = clock_mono_ns();

        LIST_FOREACH (link, &t->waiting) {
                struct turn *turn = LIST_ENTRY(link, struct turn, link);

                if (turn->stage == STAGE_STORE &&
                    (now >= turn->deadline_ns || store_reached(t->store, turn->mark)))
                        turn->stage = STAGE_READY;
        }
}

/* One reading serves all who asked before it began. */
static bool flush_once(struct turns *t)
{
        bool wanted = false;
        uint64_t readings;

        LIST_FOREACH (link, &t->waiting)
                wanted |= LIST_ENTRY(link, struct turn, link)->stage == STAGE_FLUSH;
        if (!wanted)
                return false;
        readings = pump_flush(t->pump);
        LIST_FOREACH (link, &t->waiting) {
                struct turn *turn = LIST_ENTRY(link, struct turn, link);

                if (turn->stage == STAGE_FLUSH &&
                    (readings >= turn->reading || ++turn->rounds >= TURNS_FLUSH_ROUNDS))
                        enter_store(turn);
        }
        return true;
}

/* ---- whose turn it is ---------------------------------------------------------------------------- */

/* The users in the order of their numbers, and each user's in the order they came. */
static struct turn *next_turn(const struct turns *t)
{
        struct turn *lowest = NULL, *higher = NULL;

        LIST_FOREACH (link, &t->waiting) {
                struct turn *turn = LIST_ENTRY(link, struct turn, link);

                if (turn->stage != STAGE_READY)
                        continue;
                if (!lowest || turn->uid < lowest->uid)
                        lowest = turn;
                if (turn->uid > t->last_uid && (!higher || turn->uid < higher->uid))
                        higher = turn;
        }
        return higher ?: lowest;
}

/* Wakes up when there is something to do: in the next turn of the loop, or when the first one has waited for
 * the store long enough. */
static void schedule_turns(struct turns *t)
{
        uint64_t first_ns = UINT64_MAX;
        bool busy = false;

        LIST_FOREACH (link, &t->waiting) {
                const struct turn *turn = LIST_ENTRY(link, struct turn, link);

                if (turn->stage == STAGE_STORE)
                        first_ns = MIN_OF(first_ns, turn->deadline_ns);
                else
                        busy = true;
        }
        if (busy)
                loop_later(t->next);
        if (first_ns == UINT64_MAX) {
                sd_event_source_set_enabled(t->deadline, SD_EVENT_OFF);
                return;
        }
        sd_event_source_set_time(t->deadline, first_ns / 1000 + 1);
        sd_event_source_set_enabled(t->deadline, SD_EVENT_ONESHOT);
}

/* work may take and cancel turns, but not its own: that is in no list and known to nobody meanwhile. */
static enum turn_result serve_turn(struct turns *t, struct turn *turn)
{
        enum turn_result result;

        t->last_uid = turn->uid;
        list_remove(&turn->link);
        *turn->holder = NULL;
        result = turn->work(turn->userdata);
        if (result == TURN_AGAIN) {
                assert(!*turn->holder);
                *turn->holder = turn;
                list_append(&t->waiting, &turn->link);
        } else {
                free(turn);
        }
        return result;
}

static void serve_some(struct turns *t)
{
        struct turn *turn;

        do {
                turn = next_turn(t);
                if (!turn || serve_turn(t, turn) == TURN_PASSED)
                        break;
        } while (!budget_is_spent(t));
}

static int on_next(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        struct turns *t = userdata;

        /* In a storm the reading alone is long enough for one turn of the loop; the next one is for work. */
        t->flushed = !t->flushed && flush_once(t);
        if (!t->flushed || !budget_is_spent(t))
                serve_some(t);
        schedule_turns(t);
        return 0;
}

static int on_reached(sd_event_source *source _unused_, int fd, uint32_t events _unused_, void *userdata)
{
        uint64_t n;

        (void)!read(fd, &n, sizeof(n));
        look_at_store(userdata);
        schedule_turns(userdata);
        return 0;
}

static int on_deadline(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        look_at_store(userdata);
        schedule_turns(userdata);
        return 0;
}

/* ---- public -------------------------------------------------------------------------------------- */

static bool somebody_is_ready(const struct turns *t)
{
        LIST_FOREACH (link, &t->waiting)
                if (LIST_ENTRY(link, struct turn, link)->stage == STAGE_READY)
                        return true;
        return false;
}

bool turns_ready(struct turns *t, enum turn_need need)
{
        uint64_t reading;

        if (budget_is_spent(t) || somebody_is_ready(t))
                return false;
        reading = pump_mark(t->pump);
        if (need >= NEED_MODEL && pump_flush(t->pump) < reading)
                return false;
        return need < NEED_STORE_BRIEFLY || store_reached(t->store, store_hurry(t->store));
}

int turn_take(struct turns *t, uid_t uid, enum turn_need need, turn_work work, void *userdata,
              struct turn **ret)
{
        struct turn *turn = calloc(1, sizeof(*turn));

        if (!turn)
                return -ENOMEM;
        *turn = (struct turn){
                .turns = t,
                .holder = ret,
                .uid = uid,
                .need = need,
                .reading = pump_mark(t->pump),
                .stage = need == NEED_NOTHING ? STAGE_READY : STAGE_FLUSH,
                .work = work,
                .userdata = userdata,
        };
        list_init(&turn->link);
        list_append(&t->waiting, &turn->link);
        *ret = turn;
        schedule_turns(t);
        return 0;
}

struct turn *turn_cancel(struct turn *turn)
{
        if (!turn)
                return NULL;
        *turn->holder = NULL;
        list_remove(&turn->link);
        free(turn);
        return NULL;
}

static int add_wakeups(struct turns *t)
{
        int r = loop_add_later(t->event, &t->next, on_next, t);

        if (r >= 0)
                r = sd_event_add_time(t->event, &t->deadline, CLOCK_MONOTONIC, 0, DEADLINE_ACCURACY_US,
                                      on_deadline, t);
        if (r >= 0)
                r = sd_event_source_set_enabled(t->deadline, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_io(t->event, &t->reached, store_reached_fd(t->store), EPOLLIN, on_reached,
                                    t);
        return r;
}

int turns_new(struct turns **ret, sd_event *event, struct pump *pump, struct store *store)
{
        struct turns *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        *t = (struct turns){.event = event, .pump = pump, .store = store};
        list_init(&t->waiting);
        r = add_wakeups(t);
        if (r < 0) {
                turns_free(t);
                return r;
        }
        *ret = t;
        return 0;
}

struct turns *turns_free(struct turns *t)
{
        if (!t)
                return NULL;
        assert(list_empty(&t->waiting));
        sd_event_source_disable_unref(t->next);
        sd_event_source_disable_unref(t->deadline);
        sd_event_source_disable_unref(t->reached);
        free(t);
        return NULL;
}
