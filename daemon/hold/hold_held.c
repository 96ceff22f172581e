/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hold/hold.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"
#include "daemon/base/log.h"
#include "daemon/hold/hold_impl.h"

#define NOTICES_MAX      64 /* of one helper, read in a row */
#define ANSWER_STEPS     (HOLD_ANSWER_MS / HOLD_STEP_MS)
#define ABANDON_STEPS    20 /* for a helper to end by a signal */
#define STEP_ACCURACY_US 10000

/* ---- the book ---------------------------------------------------------------------------------------- */

static void hold_tell_soon(struct hold *h)
{
        sd_event_source_set_enabled(h->teller, SD_EVENT_ONESHOT);
}

static void changed(struct held *e)
{
        if (e->told != e->view.state || e->ended)
                hold_tell_soon(e->owner);
}

void held_free_asks(struct list *asks)
{
        while (!list_empty(asks)) {
                struct asked *a = LIST_ENTRY(asks->next, struct asked, link);

                list_remove(&a->link);
                free(a);
        }
}

struct held *held_free(struct held *e)
{
        held_free_asks(&e->asks);
        sd_event_source_disable_unref(e->on_notice);
        sd_event_source_disable_unref(e->on_end);
        hold_link_close(&e->link);
        free(e);
        return NULL;
}

/* Those that are held or are to be: not one that lets go. */
static struct held *held_find_pid(const struct hold *h, uint32_t pid)
{
        for (size_t i = 0; i < h->n_held; i++)
                if (h->held[i]->view.target.pid == pid && h->held[i]->phase <= HELD_TAKEN)
                        return h->held[i];
        return NULL;
}

static struct held *held_find(const struct hold *h, const struct task_ref *target)
{
        struct held *e = held_find_pid(h, target->pid);

        return e && e->view.target.start == target->start ? e : NULL;
}

/* A former helper of that target that may have hold of it still. NULL: none. */
static struct held *held_find_former(const struct hold *h, const struct task_ref *target)
{
        for (size_t i = 0; i < h->n_held; i++) {
                struct held *e = h->held[i];

                if (e->phase >= HELD_RELEASING && !e->said_gone && !e->ended &&
                    e->view.target.pid == target->pid && e->view.target.start == target->start)
                        return e;
        }
        return NULL;
}

int held_enter(struct hold *h, const struct task_ref *target, struct held **ret)
{
        struct held *e;

        if (h->n_held == HOLD_MAX)
                return -EDQUOT;
        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;
        e->owner = h;
        e->link = HOLD_NO_LINK;
        e->view.target = *target;
        e->view.state = e->told = HOLD_GONE; /* a hold that was never taken does not end, either */
        list_init(&e->asks);
        h->held[h->n_held++] = e;
        *ret = e;
        return 0;
}

/* ---- requests and answers ---------------------------------------------------------------------------- */

static void hold_tick_again(struct hold *h)
{
        int enabled = SD_EVENT_OFF;

        sd_event_source_get_enabled(h->ticker, &enabled);
        if (enabled != SD_EVENT_OFF)
                return;
        sd_event_source_set_time_relative(h->ticker, HOLD_STEP_MS * 1000);
        sd_event_source_set_enabled(h->ticker, SD_EVENT_ONESHOT);
}

static void conclude_ask(struct held *e, struct asked *a, int error, const struct task_ref *holder)
{
        if (a->take && error == 0) {
                error = e->claimed ? -EALREADY : 0;
                e->claimed = true;
        }
        a->error = error;
        a->holder = holder ? *holder : (struct task_ref){};
        e->n_asks--;
        list_move_last(&e->owner->answers, &a->link);
        hold_tell_soon(e->owner);
}

/* It ended before it could answer: that is what a release wanted, and all that was under way is over. */
static int error_of_end(const struct asked *a, int error)
{
        if (error != -ECONNRESET || a->take)
                return error;
        return a->request.ask == HOLD_ASK_RELEASE || a->request.ask == HOLD_ASK_STATE ? 0 : -ESRCH;
}

static void conclude_asks(struct held *e, int error, const struct task_ref *holder)
{
        while (!list_empty(&e->asks)) {
                struct asked *a = LIST_ENTRY(e->asks.next, struct asked, link);

                conclude_ask(e, a, error_of_end(a, error), holder);
        }
}

/* Nothing of it is known or asked any more. Its end is awaited, if there is a helper. */
static void forget(struct held *e, int error, const struct task_ref *holder)
{
        conclude_asks(e, error, holder);
        e->view.state = HOLD_GONE;
        e->phase = HELD_LEAVING;
        e->ended |= e->link.pidfd < 0;
        if (e->on_notice)
                sd_event_source_set_enabled(e->on_notice, SD_EVENT_OFF);
        hold_tell_soon(e->owner); /* also for who waits that it is gone */
}

/* By the first signal it lets go of whatever it has seized by then; the second comes if it does not end. */
static void held_dismiss(struct held *e, int error)
{
        hold_link_signal(&e->link, SIGTERM);
        forget(e, error, NULL);
        e->steps = ABANDON_STEPS;
        hold_tick_again(e->owner);
}

/* A hold for which nobody waits is not taken. */
static void held_call_off_unasked(struct held *e)
{
        if (e->phase < HELD_TAKEN && !e->n_asks)
                held_dismiss(e, 0);
}

/* -ECONNRESET: it is gone, and all who waited are told so. */
static int send_ask(struct held *e, struct hold_request *r)
{
        int error;

        r->version = HOLD_PROTOCOL;
        r->id = ++e->owner->last_id;
        error = hold_link_send(&e->link, r);
        if (error == -ECONNRESET)
                held_dismiss(e, error);
        return error;
}

static int held_ask(struct held *e, const struct hold_request *r, bool take, hold_done done, void *userdata)
{
        struct asked *a;
        int error;

        assert(e->phase != HELD_LEAVING && e->n_asks <= HOLD_ASKED_MAX);
        if (done && e->n_asks == HOLD_ASKED_MAX)
                return -EBUSY;
        a = calloc(1, sizeof(*a));
        if (!a)
                return -ENOMEM;
        *a = (struct asked){
                .done = done,
                .userdata = userdata,
                .target = e->view.target,
                .request = *r,
                .take = take,
                .steps = ANSWER_STEPS,
        };
        error = e->phase >= HELD_TAKEN ? send_ask(e, &a->request) : 0;
        if (error < 0 || !done) {
                free(a);
                return error;
        }
        list_append(&e->asks, &a->link);
        e->n_asks++;
        hold_tick_again(e->owner);
        return 0;
}

/* ---- notices ----------------------------------------------------------------------------------------- */

void held_learn(struct held *e, const struct hold_notice *n)
{
        struct task_ref target = e->view.target;

        e->view = n->view;
        if (target.pid) /* it may tell news of its target, not choose another one */
                e->view.target.pid = target.pid, e->view.target.start = target.start;
        changed(e);
}

static bool catches_as_asked(const struct held *e, const struct asked *a)
{
        return a->request.ask == HOLD_ASK_STATE || e->view.catch == !!a->request.catch;
}

/* Now it can be asked. Who wanted nothing but the hold has it. */
static void taken(struct held *e)
{
        e->phase = HELD_TAKEN;
        e->told = e->view.state;
        LIST_FOREACH (it, &e->asks) {
                struct asked *a = LIST_ENTRY(it, struct asked, link);

                assert(a->take && !a->request.id);
                if (catches_as_asked(e, a))
                        conclude_ask(e, a, 0, NULL);
                else if (send_ask(e, &a->request) < 0)
                        return; /* the rest was told that it has ended, or waits in vain */
        }
}

static void answered(struct held *e, const struct hold_notice *n)
{
        LIST_FOREACH (it, &e->asks) {
                struct asked *a = LIST_ENTRY(it, struct asked, link);

                if (a->request.id == n->id) {
                        conclude_ask(e, a, n->error, &n->holder);
                        return;
                }
        }
}

static void hear(struct held *e, const struct hold_notice *n)
{
        bool taking = e->phase == HELD_TAKING;

        if (!taking || n->error >= 0)
                held_learn(e, n);
        if (n->id)
                answered(e, n);
        e->said_gone = n->view.state == HOLD_GONE;
        if (e->said_gone)
                forget(e, !taking ? -ECONNRESET : n->error < 0 ? n->error : -ESRCH, &n->holder);
        else if (taking && n->error < 0)
                held_dismiss(e, n->error);
        else if (taking)
                taken(e);
}

/* While it is being taken its target may have ended, which is what a helper without words says. */
static int error_of_loss(const struct held *e)
{
        return e->phase == HELD_TAKING ? -ESRCH : -ECONNRESET;
}

static int on_notice(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_,
                     void *userdata)
{
        struct held *e = userdata;
        struct hold_notice n;
        int r = 0;

        for (int i = 0;
             i < NOTICES_MAX && e->phase != HELD_LEAVING && (r = hold_link_receive(&e->link, &n)) > 0; i++)
                hear(e, &n);
        if (r >= 0 || e->phase == HELD_LEAVING)
                return 0;
        if (e->phase != HELD_TAKING)
                log_warning(
                        "The helper that held process %u (%s) has ended: nothing of ptraced holds it now.",
                        e->view.target.pid, e->view.target.comm);
        held_dismiss(e, error_of_loss(e));
        return 0;
}

static int on_helper_end(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_,
                         void *userdata)
{
        struct held *e = userdata;

        on_notice(NULL, e->link.fd, 0, e); /* its last words come first */
        e->ended = true;
        if (e->phase != HELD_LEAVING)
                forget(e, error_of_loss(e), NULL);
        changed(e);
        return sd_event_source_set_enabled(e->on_end, SD_EVENT_OFF);
}

int held_watch(struct held *e)
{
        sd_event *event = e->owner->event;
        int r = sd_event_add_io(event, &e->on_notice, e->link.fd, EPOLLIN, on_notice, e);

        if (r >= 0)
                r = sd_event_add_io(event, &e->on_end, e->link.pidfd, EPOLLIN, on_helper_end, e);
        if (r < 0) { /* nobody would see its end */
                hold_link_signal(&e->link, SIGKILL);
                e->ended = true;
        }
        return r;
}

/* Starts its helper, watches it. Where a former one may have hold of the target still it stays in the queue. */
static int held_start(struct held *e)
{
        int r;

        if (held_find_former(e->owner, &e->view.target))
                return 0;
        r = hold_link_start(&e->owner->directory, &e->view.target, e->catch, &e->link);
        if (r < 0)
                return r;
        e->phase = HELD_TAKING;
        return held_watch(e);
}

/* ---- time passes ------------------------------------------------------------------------------------- */

static bool held_is_waited_for(const struct held *e)
{
        return e->n_asks || (e->phase >= HELD_RELEASING && !e->ended && e->steps);
}

/* HOLD_STEP_MS have passed. */
static void held_step(struct held *e)
{
        if (e->phase == HELD_TAKING || e->phase == HELD_TAKEN || e->phase == HELD_RELEASING)
                on_notice(NULL, e->link.fd, 0, e); /* what is there already is in time */
        LIST_FOREACH (it, &e->asks) {
                struct asked *a = LIST_ENTRY(it, struct asked, link);

                if (--a->steps == 0)
                        conclude_ask(e, a, -ETIMEDOUT, NULL);
        }
        held_call_off_unasked(e);
        if (e->phase < HELD_RELEASING || e->ended || !e->steps || --e->steps)
                return;
        if (e->phase == HELD_RELEASING) {
                held_dismiss(e, -ETIMEDOUT);
                return;
        }
        hold_link_signal(&e->link, SIGKILL);
        hold_link_remove_name(&e->owner->directory, &e->view.target);
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

int held_tell_from(struct hold *h, sd_event *event)
{
        int r = sd_event_add_defer(event, &h->teller, on_tell, h);

        if (r >= 0)
                r = sd_event_source_set_enabled(h->teller, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &h->ticker, CLOCK_MONOTONIC, 0, STEP_ACCURACY_US, on_step, h);
        return r < 0 ? r : sd_event_source_set_enabled(h->ticker, SD_EVENT_OFF);
}

/* ---- what the daemon asks for ------------------------------------------------------------------------ */

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
