/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/refusal.h"

#include <stdio.h>

static void name_hold(const struct arbiter *a, const struct hold *hold, struct event *e)
{
        const struct claim *c;
        struct hold_view held;

        if (!hold || hold_get(hold, e->target.pid, &held) < 0 || held.helper.pid != e->tracer.pid)
                return;
        c = claim_of(arbiter_book(a), e->target.pid);
        e->guard_reason = c ? GUARD_CLAIMED : GUARD_HELD;
        e->guard_source = SOURCE_HOLD;
        if (!c)
                return;
        e->claim = c->id;
        snprintf(e->owner, sizeof(e->owner), "%s", c->request.owner_text);
}

void refusal_name(const struct arbiter *a, const struct hold *hold, const struct rec_guard *record,
                  struct event *e)
{
        const struct claim *c;

        if (!record) {
                name_hold(a, hold, e);
                return;
        }
        snprintf(e->note, sizeof(e->note), "%s", rulebook_name(arbiter_rules(a), record->rule));
        c = record->claim ? claim_by_id(arbiter_book(a), record->claim) : NULL;
        snprintf(e->owner, sizeof(e->owner), "%s", c ? c->request.owner_text : "");
}
