/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hold/hold.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/proc/procfs.h"
#include "daemon/base/log.h"
#include "daemon/hold/hold_held.h"

#define ENTRIES_MAX      1024 /* of the directory, looked at */
#define STEP_ACCURACY_US 10000

static const char *const state_names[] = {
        [HOLD_HOLDING] = "holding",
        [HOLD_YIELDED] = "yielded",
        [HOLD_CAUGHT] = "caught",
        [HOLD_GONE] = "gone",
};

const char *hold_state_to_string(enum hold_state s)
{
        return (size_t)s < ELEMENTSOF(state_names) ? state_names[s] : "?";
}

/* ---- what is told ------------------------------------------------------------------------------------ */

/* Those whose way is free now. */
static void start_queued(struct hold *h)
{
        for (size_t i = 0; i < h->n_held; i++) {
                struct held *e = h->held[i];
                int r = e->phase == HELD_QUEUED ? held_start(e) : 0;

                if (r < 0)
                        held_dismiss(e, r);
        }
}

static void tell_answers(struct hold *h)
{
        for (size_t i = 0; i < (size_t)HOLD_MAX * HOLD_ASKED_MAX && !list_empty(&h->answers); i++) {
                struct asked *a = LIST_ENTRY(h->answers.next, struct asked, link), told = *a;

                list_remove(&a->link);
                free(a);
                told.done(told.userdata, told.error, &told.holder);
        }
        if (!list_empty(&h->answers))
                hold_tell_soon(h);
}

static void tell_changes(struct hold *h)
{
        for (size_t i = 0; i < h->n_held;) {
                struct held *e = h->held[i];
                struct hold_view view = e->view;
                bool is_news = e->told != view.state;

                e->told = view.state;
                if (e->ended) {
                        h->held[i] = h->held[--h->n_held];
                        held_free(e);
                } else
                        i++;
                if (is_news && h->on_change)
                        h->on_change(h->userdata, &view);
        }
}

/* Answers and changes are told from the event loop, never from inside a call. */
static int on_tell(sd_event_source *source _unused_, void *userdata)
{
        struct hold *h = userdata;

        tell_answers(h);
        tell_changes(h);
        start_queued(h);
        return 0;
}

static int on_step(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        struct hold *h = userdata;
        bool more = false;

        for (size_t i = 0; i < h->n_held; i++) {
                held_step(h->held[i]);
                more |= held_is_waited_for(h->held[i]);
        }
        if (more)
                hold_tick_again(h);
        return 0;
}

/* ---- after a restart --------------------------------------------------------------------------------- */

/* One that is silent holds all the same. What it is doing is told when it says so. */
static int hear_first_word(struct held *e, uint64_t deadline_ms)
{
        struct hold_notice n;
        int r = hold_link_first_word(&e->link, deadline_ms, &n);

        if (r == 0)
                r = n.view.state == HOLD_GONE ? -ECONNRESET : n.error;
        if (r == 0)
                held_learn(e, &n);
        if (r == -EPROTO)
                hold_link_signal(&e->link, SIGTERM);
        if (r != -ETIMEDOUT)
                return r;
        log_warning("The helper that holds process %u does not answer yet. To let go, kill process %u.",
                    e->view.target.pid, e->link.pid);
        e->view.state = HOLD_HOLDING;
        e->view.helper.pid = e->link.pid;
        return 0;
}

static int adopt_helper(struct hold *h, const char *name, const struct task_ref *target,
                        uint64_t deadline_ms)
{
        struct hold_link link;
        struct held *e;
        int r = hold_link_find(&h->directory, name, &link);

        if (r < 0)
                return r;
        r = held_enter(h, target, &e);
        if (r < 0) {
                hold_link_close(&link);
                return r;
        }
        e->link = link;
        e->claimed = true;
        r = hear_first_word(e, deadline_ms);
        if (r >= 0)
                r = held_watch(e);
        if (r < 0) {
                h->n_held--;
                held_free(e);
                return r;
        }
        e->phase = HELD_TAKEN;
        e->told = e->view.state;
        return 0;
}

static int adopt_all(struct hold *h)
{
        _cleanup_closedir_ DIR *d = NULL;
        uint64_t deadline = clock_mono_ms() + HOLD_ADOPT_MS;
        int fd = openat(h->directory.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent *entry;

        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d)
                return -errno;
        for (size_t i = 0; i < ENTRIES_MAX && (entry = readdir(d)); i++) {
                struct task_ref target;
                int r;

                if (!hold_link_parse_name(entry->d_name, &target))
                        continue;
                r = adopt_helper(h, entry->d_name, &target, deadline);
                if (r < 0 && r != -ECONNREFUSED && r != -ECONNRESET)
                        log_warning(
                                "The helper that holds process %u does not answer (%s): it is left as it "
                                "is. To let go, kill the process that traces %u.",
                                target.pid, strerror(-r), target.pid);
        }
        return 0;
}

/* ---- the room's door --------------------------------------------------------------------------------- */

static int open_hold(struct hold *h, const char *state_dir)
{
        int r = hold_directory_open(&h->directory, state_dir);

        if (r >= 0)
                r = sd_event_add_defer(h->event, &h->teller, on_tell, h);
        if (r >= 0)
                r = sd_event_source_set_enabled(h->teller, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(h->event, &h->ticker, CLOCK_MONOTONIC, 0, STEP_ACCURACY_US, on_step,
                                      h);
        if (r >= 0)
                r = sd_event_source_set_enabled(h->ticker, SD_EVENT_OFF);
        return r < 0 ? r : adopt_all(h);
}

int hold_new(struct hold **ret, sd_event *event, const char *state_dir,
             void (*on_change)(void *userdata, const struct hold_view *v), void *userdata)
{
        struct hold *h = calloc(1, sizeof(*h));
        int r;

        if (!h)
                return -ENOMEM;
        h->event = sd_event_ref(event);
        h->on_change = on_change;
        h->userdata = userdata;
        list_init(&h->answers);
        r = open_hold(h, state_dir);
        if (r < 0) {
                hold_free(h);
                return r;
        }
        *ret = h;
        return 0;
}

struct hold *hold_free(struct hold *h)
{
        if (!h)
                return NULL;
        for (size_t i = 0; i < h->n_held; i++)
                held_free(h->held[i]);
        held_free_asks(&h->answers);
        sd_event_source_disable_unref(h->teller);
        sd_event_source_disable_unref(h->ticker);
        hold_directory_close(&h->directory);
        sd_event_unref(h->event);
        free(h);
        return NULL;
}

bool hold_is_helper(const struct hold *h, uint32_t pid)
{
        struct proc_stat stat;
        uint32_t parent;

        if (!h->n_held)
                return false;
        parent = procfs_stat(pid, 0, &stat) == 0 ? stat.ppid : 0;
        for (size_t i = 0; i < h->n_held; i++) {
                const struct held *e = h->held[i];

                if (e->link.pid && !e->ended &&
                    (e->link.pid == pid || e->view.helper.pid == pid || e->link.pid == parent))
                        return true;
        }
        return false;
}

int hold_take(struct hold *h, const struct task_ref *target, enum hold_catch catch, hold_done done,
              void *userdata)
{
        const struct hold_request r = {
                .ask = catch == HOLD_CATCH_AS_IT_IS ? HOLD_ASK_STATE : HOLD_ASK_CATCH,
                .catch = catch == HOLD_CATCH_ON,
        };
        struct held *e = held_find(h, target);
        int error;

        assert(done);
        if (e) {
                error = held_ask(e, &r, true, done, userdata);
                if (error != -ECONNRESET) /* that is a helper which has just ended: another one is needed */
                        return error;
        }
        if (target->pid == (uint32_t)getpid() || hold_is_helper(h, target->pid))
                return -EINVAL;
        error = held_enter(h, target, &e);
        if (error < 0)
                return error;
        e->catch = r.catch;
        error = held_start(e);
        if (error == 0)
                error = held_ask(e, &r, true, done, userdata);
        if (error < 0)
                held_dismiss(e, error);
        return error;
}

static int ask_target(struct hold *h, const struct task_ref *target, const struct hold_request *r,
                      hold_done done, void *userdata)
{
        struct held *e = held_find(h, target);
        int error = e && e->phase == HELD_TAKEN ? held_ask(e, r, false, done, userdata) : -ENOENT;

        return error == -ECONNRESET ? -ESRCH : error;
}

int hold_yield(struct hold *h, const struct task_ref *target, const struct task_ref *owner, hold_done done,
               void *userdata)
{
        const struct hold_request r = {.ask = HOLD_ASK_YIELD, .owner_pid = owner ? owner->pid : 0};

        return ask_target(h, target, &r, done, userdata);
}

int hold_resume(struct hold *h, const struct task_ref *target, hold_done done, void *userdata)
{
        return ask_target(h, target, &(struct hold_request){.ask = HOLD_ASK_RESUME}, done, userdata);
}

int hold_release(struct hold *h, const struct task_ref *target, hold_done done, void *userdata)
{
        struct held *e = held_find(h, target);
        int error = ask_target(h, target, &(struct hold_request){.ask = HOLD_ASK_RELEASE}, done, userdata);

        if (error < 0) /* it has just ended: it has let go all the same */
                return error == -ESRCH ? -ENOENT : error;
        e->phase = HELD_RELEASING;
        e->steps = HOLD_ANSWER_MS / HOLD_STEP_MS;
        hold_tick_again(h);
        return 0;
}

int hold_settle(struct hold *h, const struct task_ref *target, hold_done done, void *userdata)
{
        struct held *e = held_find_former(h, target);

        if (!e || e->phase != HELD_RELEASING)
                e = held_find(h, target);
        if (!e || e->phase < HELD_TAKEN)
                return -ENOENT;
        return held_ask(e, &(struct hold_request){.ask = HOLD_ASK_STATE}, false, done, userdata);
}

/* Nobody was told of that hold, and nobody will be: it is for nobody. */
static void call_off_answer(struct hold *h, struct asked *a)
{
        struct task_ref target = a->target;
        bool was_taken = a->take && a->error == 0;

        list_remove(&a->link);
        free(a);
        if (was_taken)
                (void)hold_release(h, &target, NULL, NULL);
}

static void call_off_asks(struct held *e, hold_done done, const void *userdata)
{
        LIST_FOREACH (it, &e->asks) {
                struct asked *a = LIST_ENTRY(it, struct asked, link);

                if (a->done != done || a->userdata != userdata)
                        continue;
                list_remove(&a->link);
                e->n_asks--;
                free(a);
        }
        held_call_off_unasked(e);
}

void hold_cancel(struct hold *h, hold_done done, const void *userdata)
{
        LIST_FOREACH (it, &h->answers) {
                struct asked *a = LIST_ENTRY(it, struct asked, link);

                if (a->done == done && a->userdata == userdata)
                        call_off_answer(h, a);
        }
        for (size_t i = 0; i < h->n_held; i++)
                call_off_asks(h->held[i], done, userdata);
}

int hold_get(const struct hold *h, uint32_t pid, struct hold_view *ret)
{
        const struct held *e = held_find_pid(h, pid);

        if (!e || e->phase != HELD_TAKEN)
                return -ENOENT;
        *ret = e->view;
        return 0;
}

int hold_each(const struct hold *h, int (*fn)(void *userdata, const struct hold_view *v), void *userdata)
{
        int r = 0;

        for (size_t i = 0; i < h->n_held && r == 0; i++)
                if (h->held[i]->phase == HELD_TAKEN)
                        r = fn(userdata, &h->held[i]->view);
        return r;
}
