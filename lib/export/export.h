/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Events as a file that other tools open. Streaming: an event is written when it is given, and memory does
 * not grow with the trace (the Chrome format remembers the tasks and sessions that are open, up to
 * EXPORT_*_MAX). Losses are events of type "loss" and appear in every format.
 *
 *   jsonl   one JSON object a line, as event_to_json() makes it; trace_read() (trace.h) reads it back
 *   csv     RFC 4180 with a header line; the columns are the same for any trace; a task takes five
 *           ("target.pid" ...). Text is data: nothing is defused for spreadsheets
 *   chrome  Trace Event Format for chrome://tracing and ui.perfetto.dev. A tracing session is a slice on the
 *           tracee's thread, a counter a counter track, anything else an instant event with all its fields.
 *           "ts" is wall time in microseconds, so that a trace may span several boots
 *
 * Borrows the FILE. Write errors are kept and returned by every later call.
 */

#include <stdio.h>

#include "lib/event/event.h"

enum export_format {
        EXPORT_JSONL,
        EXPORT_CSV,
        EXPORT_CHROME,
        _EXPORT_FORMAT_MAX
};

#define EXPORT_TASKS_MAX    65536 /* names already told; more are told again each time */
#define EXPORT_SESSIONS_MAX 65536 /* open ones; more show as instant events only */

struct export;

const char *export_format_to_string(enum export_format format); /* "jsonl", "csv", "chrome" */
int export_format_from_string(const char *s);                   /* -EINVAL */

/* Writes what stands before the first event. */
int export_new(struct export **ret, enum export_format format, FILE *out);
int export_event(struct export *x, const struct event *e);
/* Writes what stands behind the last event, and flushes. Without it a Chrome trace has no end. */
int export_finish(struct export *x);
struct export *export_free(struct export *x); /* returns NULL */

/*
 * A FILE whose bytes go into `out` as gzip. fclose() writes the end into `out`, which it neither flushes nor
 * closes; EOF means that not all could be written.
 */
int export_gzip(FILE *out, FILE **ret);
