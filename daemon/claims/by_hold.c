/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/by_hold.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "daemon/base/log.h"

#define RETRY_NS (10 * NSEC_PER_SEC) /* after a failure: each try may take a while */

enum kept_ask { /* what hold was asked for, and has not answered yet */
        KEPT_ASKS_NOTHING,
        KEPT_INSTALLS, /* for a claim that is made with it, or taken over from an earlier daemon */
        KEPT_RETRIES,  /* for one that stands */
};

/* A claim that is kept by hold. */
struct kept {
        struct by_hold *by_hold;
        struct task_ref target;
        uint64_t claim;
        enum kept_ask asks;
        bool ours;         /* the hold was taken for the claim, and goes with it */
        bool attached;     /* the owner was let in, and its tracer was seen */
        uint64_t retry_ns; /* not to be held again before */
};

static struct kept *find_kept(const struct by_hold *h, const struct task_ref *target)
{
        for (size_t i = 0; i < h->n; i++)
                if (h->kept[i]->target.pid == target->pid && h->kept[i]->target.start == target->start)
                        return h->kept[i];
        return NULL;
}

static void forget_kept(struct kept *k)
{
        struct by_hold *h = k->by_hold;
        size_t i = 0;

        while (i < h->n && h->kept[i] != k)
                i++;
        assert(i < h->n);
        h->kept[i] = h->kept[--h->n];
        free(k);
}

static void retry_later(struct kept *k, int error)
{
        if (error == -ESRCH)
                return;
        k->retry_ns = clock_boot_ns() + RETRY_NS;
        log_warning("Process %u, which is claimed, cannot be held now: %s.", k->target.pid,
                    strerror(-error));
}

/* Somebody who traces it at this moment was looked at before: either the claim admits them, or it waits
 * until they have left. */
static void on_hold_taken(void *userdata, int error, const struct task_ref *holder _unused_)
{
        struct kept *k = userdata;
        struct by_hold *h = k->by_hold;
        enum kept_ask asked = TAKE(k->asks, KEPT_ASKS_NOTHING);
        struct means_news news = {.claim = k->claim, .pid = k->target.pid, .alone = error == 0};

        if (error == 0)
                k->ours = true;
        if (error != -EALREADY && error != -EPERM)
                news.error = error;
        if (asked == KEPT_RETRIES && news.error < 0)
                retry_later(k, news.error);
        if (asked != KEPT_INSTALLS)
                return;
        if (news.error < 0)
                forget_kept(k);
        h->on_installed(h->userdata, &news);
}

/* Whether it is to catch stays as it was asked for. */
static int take_hold(struct kept *k, enum kept_ask asks)
{
        int r = hold_take(k->by_hold->hold, &k->target, HOLD_CATCH_AS_IT_IS, on_hold_taken, k);

        if (r == 0)
                k->asks = asks;
        return r;
}

static void hold_remove(void *self, const struct claim *c)
{
        struct by_hold *h = self;
        struct kept *k = find_kept(h, &c->request.target);

        if (!k)
                return;
        if (k->asks)
                hold_cancel(h->hold, on_hold_taken, k);
        if (k->ours)
                (void)hold_release(h->hold, &k->target, NULL, NULL);
        forget_kept(k);
}

static int keep_by_hold(struct by_hold *h, const struct claim *c)
{
        struct kept *k = h->n == HOLD_MAX ? NULL : calloc(1, sizeof(*k));
        int r;

        if (!k)
                return h->n == HOLD_MAX ? -EDQUOT : -ENOMEM;
        *k = (struct kept){.by_hold = h, .target = c->request.target, .claim = c->id};
        h->kept[h->n++] = k;
        r = take_hold(k, KEPT_INSTALLS);
        if (r == 0)
                return -EINPROGRESS;
        forget_kept(k);
        return r;
}

static int hold_install(void *self, const struct claim *c)
{
        struct by_hold *h = self;
        struct kept *k = find_kept(h, &c->request.target);

        if (c->request.mode == GUARD_AUDIT) { /* who is held cannot be looked at */
                hold_remove(h, c);
                return 0;
        }
        if (!h->hold)
                return -EOPNOTSUPP;
        if (!k)
                return keep_by_hold(h, c);
        k->claim = c->id;
        return k->asks == KEPT_INSTALLS ? -EINPROGRESS : 0;
}

static int hold_enter(void *self, const struct claim *c, const struct task_ref *owner, hold_done done,
                      void *userdata)
{
        struct by_hold *h = self;
        struct kept *k = find_kept(h, &c->request.target);
        int r = h->hold ? hold_yield(h->hold, &c->request.target, owner, done, userdata) : -ENOENT;

        if (k) /* that a former owner traced it says nothing of this one */
                k->attached = false;
        return r;
}

/* Its helper ended, or it was not held yet because somebody traced it. */
static void hold_again(struct by_hold *h, struct kept *k)
{
        int r;

        k->attached = false;
        if (clock_boot_ns() < k->retry_ns || tracers_look(h->tracers, &k->target, NULL).task.pid)
                return;
        r = take_hold(k, KEPT_RETRIES);
        if (r < 0)
                retry_later(k, r);
}

static void check_kept(struct by_hold *h, struct kept *k)
{
        struct hold_view v;

        if (k->asks)
                return;
        if (hold_get(h->hold, k->target.pid, &v) < 0)
                hold_again(h, k);
        else if (v.state != HOLD_YIELDED)
                k->attached = false;
        else if (tracers_look(h->tracers, &k->target, NULL).task.pid)
                k->attached = true;
        else if (k->attached) {
                k->attached = false;
                (void)hold_resume(h->hold, &k->target, NULL, NULL);
        }
}

/* Let in, hold again, take hold: what fits what the target's tracers do now. */
static void hold_check(void *self, const struct task_ref *target)
{
        struct by_hold *h = self;
        struct kept *k = target ? find_kept(h, target) : NULL;

        if (k)
                check_kept(h, k);
        for (size_t i = 0; !target && i < h->n; i++)
                check_kept(h, h->kept[i]);
}

static int hold_adopt(void *self, const struct claim *c, bool our_hold)
{
        struct by_hold *h = self;
        int r = hold_install(h, c);
        struct kept *k = find_kept(h, &c->request.target);

        if (k)
                k->ours |= our_hold;
        return r == -EINPROGRESS ? 0 : r; /* if that fails the claim ends then */
}

static bool hold_holds(void *self, const struct task_ref *target)
{
        const struct kept *k = find_kept(self, target);

        return k && (k->ours || k->asks);
}

void by_hold_done(struct by_hold *h)
{
        while (h->n) {
                if (h->kept[0]->asks)
                        hold_cancel(h->hold, on_hold_taken, h->kept[0]);
                forget_kept(h->kept[0]);
        }
}

struct means by_hold_means(struct by_hold *h)
{
        return (struct means){
                .kind = MEANS_HOLD,
                .self = h,
                .install = hold_install,
                .remove = hold_remove,
                .enter = hold_enter,
                .check = hold_check,
                .adopt = hold_adopt,
                .holds = hold_holds,
        };
}
