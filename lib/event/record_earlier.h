/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Records of earlier versions, which an upgrade finds in the ring that their guard had pinned. Pure. */

#include <stddef.h>

#include "bpf/records.h"

#define RECORD_BYTES_MAX 2048 /* the largest record is smaller */

/*
 * A record as 0.1.0 made it, in today's form: its header had no number, so it has 0 now, as have members that
 * came later. Returns the size of what is in ret, -EBADMSG for what is no record, -ENOSPC.
 */
int record_from_earlier(const void *data, size_t size, void *ret, size_t ret_size);
