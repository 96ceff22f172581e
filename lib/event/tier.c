/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/event/tier.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "lib/base/cleanup.h"

static const char *const tier_names[] = {
        [TIER_FULL] = "full",
        [TIER_TRACEPOINT] = "tracepoint",
        [TIER_PROC] = "proc",
};
static_assert(ELEMENTSOF(tier_names) == _TIER_MAX, "each tier has a name");

const char *tier_to_string(enum tier t)
{
        return (unsigned)t < _TIER_MAX ? tier_names[t] : NULL;
}

int tier_from_string(const char *s)
{
        for (size_t i = 0; i < ELEMENTSOF(tier_names); i++)
                if (!strcmp(tier_names[i], s))
                        return (int)i;
        return -EINVAL;
}
