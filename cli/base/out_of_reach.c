/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/base/out_of_reach.h"

#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/event/finding_reach.h"
#include "cli/base/json.h"

static bool has_reach(struct json_object *row, enum reach reach)
{
        return !strcmp(member_string(row, "reach"), reach_to_string(reach));
}

static void list_those(const struct cli *c, struct json_object *unseen, enum reach reach, const char *title)
{
        char prefix[64];
        bool any = false;

        for (size_t i = 0; i < array_length(unseen); i++) {
                struct json_object *row = json_object_array_get_idx(unseen, i);

                if (!has_reach(row, reach))
                        continue;
                if (!any)
                        printf("\n%s:\n", title);
                any = true;
                snprintf(prefix, sizeof(prefix), "  %-26s", member_string(row, "code"));
                print_wrapped(c, prefix, member_string(row, "why"));
        }
}

void out_of_reach_list(const struct cli *c, struct json_object *unseen)
{
        list_those(c, unseen, REACH_NONE, "Findings that are never made here");
        list_those(c, unseen, REACH_PART, "Findings that are not made always, or not with their cause");
}

/* Of one tier; a code may have several reasons. */
static size_t count_codes(struct json_object *unseen, const char *tier, enum reach reach)
{
        const char *last = "";
        size_t n = 0;

        for (size_t i = 0; i < array_length(unseen); i++) {
                struct json_object *row = json_object_array_get_idx(unseen, i);

                if (!has_reach(row, reach) || strcmp(member_string(row, "tier"), tier) ||
                    !strcmp(member_string(row, "code"), last))
                        continue;
                last = member_string(row, "code");
                n++;
        }
        return n;
}

static void count_tier(const struct cli *c, struct json_object *unseen, const char *tier, const char *where)
{
        size_t none = count_codes(unseen, tier, REACH_NONE), part = count_codes(unseen, tier, REACH_PART);
        char never[64] = "", line[256];

        if (none)
                snprintf(never, sizeof(never), "never makes %zu finding%s%s", none, none == 1 ? "" : "s",
                         part ? ", and " : "");
        else
                snprintf(never, sizeof(never), "makes ");
        if (part)
                snprintf(line, sizeof(line), "Tier %s %s%zu %sin part%s: see %s.", tier, never, part,
                         none        ? ""
                         : part == 1 ? "finding "
                                     : "findings ",
                         none ? "" : " only", where);
        else
                snprintf(line, sizeof(line), "Tier %s %s: see %s.", tier, never, where);
        print_wrapped(c, "", line);
}

void out_of_reach_count(const struct cli *c, struct json_object *unseen, const char *where)
{
        const char *last = "";

        for (size_t i = 0; i < array_length(unseen); i++) {
                const char *tier = member_string(json_object_array_get_idx(unseen, i), "tier");

                if (strcmp(tier, last) != 0)
                        count_tier(c, unseen, tier, where);
                last = tier;
        }
}
