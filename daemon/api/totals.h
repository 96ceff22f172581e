/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Figures about everything. */

#include "daemon/api/answer.h"

struct api_totals {
        struct model_counts model;
        uint64_t tracers;          /* processes that trace something now */
        struct store_totals store; /* since the store began */
        uint64_t findings;         /* all of them */
};
void api_totals(const struct api *api, struct api_totals *ret);
/* {"ring-full":0, ..., "total":0} */
struct json_object *api_losses_json(const struct api *api);
