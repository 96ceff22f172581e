/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/event/finding_reach.h"

#include <assert.h>
#include <errno.h>

#include "lib/base/cleanup.h"

static const struct reach_row {
        enum finding_code code;
        uint32_t tiers;
        const char *hook;
        enum reach reach;
        const char *why;
} rows[] = {
#define F                                  (1u << TIER_FULL)
#define T                                  (1u << TIER_TRACEPOINT)
#define P                                  (1u << TIER_PROC)
#define ROW(code, tiers, hook, reach, why) {FIND_##code, tiers, hook, REACH_##reach, why},
        FINDING_REACH(ROW)
#undef ROW
#undef F
#undef T
#undef P
};

#define FITS(code, tiers, hook, reach, why) static_assert(sizeof(why) - 1 <= REACH_WHY_MAX, #code ": " why);
FINDING_REACH(FITS)
#undef FITS

static const char *const reach_names[] = {
        [REACH_FULL] = "full",
        [REACH_PART] = "part",
        [REACH_NONE] = "none",
};
static_assert(ELEMENTSOF(reach_names) == _REACH_MAX, "one name per reach");

const char *reach_to_string(enum reach r)
{
        return (size_t)r < ELEMENTSOF(reach_names) ? reach_names[r] : NULL;
}

static bool row_holds(const struct reach_row *row, const struct sight *s)
{
        if (!(row->tiers & (1u << s->tier)))
                return false;
        return !row->hook || (s->lacks && s->lacks(s->userdata, row->hook));
}

enum reach finding_reach(enum finding_code code, const struct sight *s)
{
        enum reach worst = REACH_FULL;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (rows[i].code == code && row_holds(&rows[i], s))
                        worst = MAX_OF(worst, rows[i].reach);
        return worst;
}

static int add_row(const struct reach_row *row, enum tier tier, struct json_object *list)
{
        struct json_object *o = json_object_new_object();

        if (!o || json_object_array_add(list, o) < 0) {
                json_object_put(o);
                return -ENOMEM;
        }
        json_object_object_add(o, "code", json_object_new_string(finding_code_to_string(row->code)));
        json_object_object_add(o, "reach", json_object_new_string(reach_to_string(row->reach)));
        json_object_object_add(o, "tier", json_object_new_string(tier_to_string(tier)));
        json_object_object_add(o, "why", json_object_new_string(row->why));
        return 0;
}

int finding_reach_json(const struct sight *s, struct json_object *list)
{
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(rows) && r == 0; i++)
                /* What is never made needs no word on when. */
                if (row_holds(&rows[i], s) && rows[i].reach == finding_reach(rows[i].code, s))
                        r = add_row(&rows[i], s->tier, list);
        return r;
}
