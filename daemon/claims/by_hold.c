/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/claims/arbiter_impl.h"
#include "daemon/base/log.h"

#define RETRY_NS (10 * NSEC_PER_SEC) /* after a failure: each try may take a while */

struct kept *arbiter_kept(struct arbiter *a, const struct task_ref *target)
{
        for (size_t i = 0; i < a->n_kept; i++)
                if (a->kept[i].target.pid == target->pid && a->kept[i].target.start == target->start)
                        return &a->kept[i];
        return NULL;
}

/* Takes hold unless it is held. Somebody who traces it at this moment was looked at before: either the claim
 * admits them, or it waits until they have left. */
static int take_hold(struct arbiter *a, struct kept *k)
{
        struct task_ref holder = {};
        struct hold_view v;
        bool catch = hold_get(a->hold, k->target.pid, &v) == 0 && v.catch; /* stays as it was asked for */
        int r = hold_take(a->hold, &k->target, catch, &holder);

        if (r == 0)
                k->ours = true;
        return r == -EALREADY || r == -EPERM ? 0 : r;
}

int arbiter_hold_install(struct arbiter *a, const struct claim *c)
{
        const struct task_ref *target = &c->request.target;
        struct kept *k = arbiter_kept(a, target);
        int r;

        if (c->request.mode == GUARD_AUDIT) { /* who is held cannot be looked at */
                arbiter_hold_remove(a, c);
                return 0;
        }
        if (!a->hold)
                return -EOPNOTSUPP;
        if (k) {
                k->claim = c->id;
                return 0;
        }
        if (a->n_kept == HOLD_MAX)
                return -EDQUOT;
        k = &a->kept[a->n_kept];
        *k = (struct kept){.target = *target, .claim = c->id};
        r = take_hold(a, k);
        if (r == 0)
                a->n_kept++;
        return r;
}

void arbiter_hold_remove(struct arbiter *a, const struct claim *c)
{
        struct kept *k = arbiter_kept(a, &c->request.target);

        if (!k)
                return;
        if (k->ours)
                hold_release(a->hold, &k->target);
        *k = a->kept[--a->n_kept];
}

/* Its helper ended, or it was not held yet because somebody traced it. */
static void hold_again(struct arbiter *a, struct kept *k)
{
        uint64_t now = arbiter_now();
        int r;

        k->attached = false;
        if (now < k->retry_ns || arbiter_tracer(a, &k->target, NULL, NULL).pid)
                return;
        r = take_hold(a, k);
        if (r == 0 || r == -ESRCH)
                return;
        k->retry_ns = now + RETRY_NS;
        log_warning("Process %u, which is claimed, cannot be held now: %s.", k->target.pid, strerror(-r));
}

static void check(struct arbiter *a, struct kept *k)
{
        struct hold_view v;

        if (hold_get(a->hold, k->target.pid, &v) < 0 || v.state == HOLD_GONE)
                hold_again(a, k);
        else if (v.state != HOLD_YIELDED)
                k->attached = false;
        else if (arbiter_tracer(a, &k->target, NULL, NULL).pid)
                k->attached = true;
        else if (k->attached) {
                k->attached = false;
                hold_resume(a->hold, &k->target);
        }
}

void arbiter_hold_entered(struct arbiter *a, const struct task_ref *target)
{
        struct kept *k = arbiter_kept(a, target);

        if (k)
                k->attached = false;
}

void arbiter_hold_check(struct arbiter *a, const struct task_ref *target)
{
        struct kept *k = arbiter_kept(a, target);

        if (k)
                check(a, k);
}

void arbiter_hold_check_all(struct arbiter *a)
{
        for (size_t i = 0; i < a->n_kept; i++)
                check(a, &a->kept[i]);
}

void arbiter_hold_changed(struct arbiter *a, const struct hold_view *v)
{
        if (a && arbiter_kept(a, &v->target))
                arbiter_note_change(a, &v->target);
}
