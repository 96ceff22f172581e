/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Reads a saved trace: JSON Lines as export.h writes them, plain or gzip-compressed, or the SQLite file of a
 * store. The file comes from anywhere: lines are bounded, and what is wrong is named with its line.
 */

#include <stddef.h>

#include "lib/event/event.h"

#define TRACE_LINE_MAX (1u << 20) /* bytes of one line */

/*
 * Calls fn for each event in the order of the file, until it returns non-zero; that is returned then. 0 at
 * the end. Otherwise -errno with one sentence in error: -ENOENT and the like, -EBADMSG for what is no trace.
 * "-" is the standard input (JSON Lines only).
 */
int trace_read(const char *path, int (*fn)(void *userdata, const struct event *e), void *userdata,
               char *error, size_t size);
