/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Asking for a claim, and waiting for one's turn. */

#include "cli/claims/claim_view.h"

/*
 * POST /v1/claims with this body. With --wait the answer may take its time: who is in the way, and the place
 * in the queue, are said on stderr. An exit status, EXIT_DONE with the answer; or -ECANCELED when stop_fd
 * (-1: none) became readable.
 */
int queue_claim(const struct cli *c, uint32_t pid, struct json_object *body, int stop_fd,
                struct json_object **ret);
