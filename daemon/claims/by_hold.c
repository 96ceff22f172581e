/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/by_hold.h"

#include <errno.h>
#include <string.h>

#include "lib/base/clock.h"
#include "daemon/base/log.h"

#define RETRY_NS (10 * NSEC_PER_SEC) /* after a failure: each try may take a while */

static struct kept *find_kept(struct by_hold *h, const struct task_ref *target)
{
        for (size_t i = 0; i < h->n; i++)
                if (h->kept[i].target.pid == target->pid && h->kept[i].target.start == target->start)
                        return &h->kept[i];
        return NULL;
}

/* Takes hold unless it is held. Somebody who traces it at this moment was looked at before: either the claim
 * admits them, or it waits until they have left. */
static int take_hold(struct by_hold *h, struct kept *k)
{
        struct task_ref holder = {};
        struct hold_view v;
        bool catch = hold_get(h->hold, k->target.pid, &v) == 0 && v.catch; /* stays as it was asked for */
        int r = hold_take(h->hold, &k->target, catch, &holder);

        if (r == 0)
                k->ours = true;
        return r == -EALREADY || r == -EPERM ? 0 : r;
}

static void hold_remove(void *self, const struct claim *c)
{
        struct by_hold *h = self;
        struct kept *k = find_kept(h, &c->request.target);

        if (!k)
                return;
        if (k->ours)
                hold_release(h->hold, &k->target);
        *k = h->kept[--h->n];
}

static int hold_install(void *self, const struct claim *c)
{
        struct by_hold *h = self;
        const struct task_ref *target = &c->request.target;
        struct kept *k = find_kept(h, target);
        int r;

        if (c->request.mode == GUARD_AUDIT) { /* who is held cannot be looked at */
                hold_remove(h, c);
                return 0;
        }
        if (!h->hold)
                return -EOPNOTSUPP;
        if (k) {
                k->claim = c->id;
                return 0;
        }
        if (h->n == HOLD_MAX)
                return -EDQUOT;
        k = &h->kept[h->n];
        *k = (struct kept){.target = *target, .claim = c->id};
        r = take_hold(h, k);
        if (r == 0)
                h->n++;
        return r;
}

static int hold_enter(void *self, const struct claim *c, const struct task_ref *owner)
{
        struct by_hold *h = self;
        struct kept *k = find_kept(h, &c->request.target);
        int r = h->hold ? hold_yield(h->hold, &c->request.target, owner) : 0;

        if (k) /* that a former owner traced it says nothing of this one */
                k->attached = false;
        return r;
}

/* Its helper ended, or it was not held yet because somebody traced it. */
static void hold_again(struct by_hold *h, struct kept *k)
{
        uint64_t now = clock_boot_ns();
        int r;

        k->attached = false;
        if (now < k->retry_ns || tracers_look(h->tracers, &k->target, NULL).task.pid)
                return;
        r = take_hold(h, k);
        if (r == 0 || r == -ESRCH)
                return;
        k->retry_ns = now + RETRY_NS;
        log_warning("Process %u, which is claimed, cannot be held now: %s.", k->target.pid, strerror(-r));
}

static void check_kept(struct by_hold *h, struct kept *k)
{
        struct hold_view v;

        if (hold_get(h->hold, k->target.pid, &v) < 0 || v.state == HOLD_GONE)
                hold_again(h, k);
        else if (v.state != HOLD_YIELDED)
                k->attached = false;
        else if (tracers_look(h->tracers, &k->target, NULL).task.pid)
                k->attached = true;
        else if (k->attached) {
                k->attached = false;
                hold_resume(h->hold, &k->target);
        }
}

/* Let in, hold again, take hold: what fits what the target's tracers do now. */
static void hold_check(void *self, const struct task_ref *target)
{
        struct by_hold *h = self;

        for (size_t i = 0; i < h->n; i++)
                if (!target ||
                    (h->kept[i].target.pid == target->pid && h->kept[i].target.start == target->start))
                        check_kept(h, &h->kept[i]);
}

static int hold_adopt(void *self, const struct claim *c, bool our_hold)
{
        struct by_hold *h = self;
        int r = hold_install(h, c);
        struct kept *k = find_kept(h, &c->request.target);

        if (r == 0 && k)
                k->ours |= our_hold;
        return r;
}

static bool hold_holds(void *self, const struct task_ref *target)
{
        const struct kept *k = find_kept(self, target);

        return k && k->ours;
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
