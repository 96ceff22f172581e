/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/base/losses.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

static size_t place_of_cause(struct losses *l, const char *cause)
{
        for (size_t i = 0; i < l->n; i++)
                if (!strcmp(l->by_cause[i].cause, cause))
                        return i;
        if (l->n == LOSS_CAUSES_MAX)
                return LOSS_CAUSES_MAX - 1;
        snprintf(l->by_cause[l->n].cause, sizeof(l->by_cause[l->n].cause), "%s", cause);
        return l->n++;
}

void losses_add(struct losses *l, const struct event *e)
{
        size_t i;

        if (e->type != EV_LOSS)
                return;
        if (e->seq) {
                losses_count(l, e->note, e->count);
                return;
        }
        i = place_of_cause(l, e->note);
        l->by_cause[i].told = MAX_OF(l->by_cause[i].told, e->count);
}

void losses_count(struct losses *l, const char *cause, uint64_t count)
{
        if (count)
                l->by_cause[place_of_cause(l, cause)].recorded += count;
}

struct json_object *losses_json(const struct losses *l)
{
        struct json_object *o = json_object_new_object();
        char cause[3 * EVENT_NOTE_MAX];
        uint64_t total = 0;

        if (!o)
                return NULL;
        for (size_t i = 0; i < l->n; i++) {
                uint64_t n = MAX_OF(l->by_cause[i].recorded, l->by_cause[i].told);

                total += n;
                json_object_object_add(o, text_utf8(l->by_cause[i].cause, cause, sizeof(cause)),
                                       json_object_new_uint64(n));
        }
        json_object_object_add(o, "total", json_object_new_uint64(total));
        return o;
}
