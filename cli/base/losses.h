/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a trace says of losses. A loss is recorded when it happens (an event with a seq), and the daemon ends
 * its answer with the totals since it started (events without one). Both may tell the same loss, so per
 * cause the larger figure counts.
 */

#include <json-c/json.h>

#include "lib/event/event.h"

#define LOSS_CAUSES_MAX 16 /* different ones; a trace with more puts the rest under the last */

struct losses {
        struct {
                char cause[EVENT_NOTE_MAX];
                uint64_t recorded, told;
        } by_cause[LOSS_CAUSES_MAX];
        size_t n;
};

/* Takes note of an event, if it is a loss. */
void losses_add(struct losses *l, const struct event *e);
void losses_count(struct losses *l, const char *cause, uint64_t count);
/* {"ring-full":12,...,"total":12}; NULL: no memory. */
struct json_object *losses_json(const struct losses *l);
