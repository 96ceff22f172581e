/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What ptracectl says. Everything that came from elsewhere passes text_escape() on its way to a terminal;
 * JSON is written so that no terminal acts on it.
 */

#include <json-c/json.h>

#include "cli/base/verb.h"

/* A sentence on stderr, and with --json the error object on stdout. hint may be "". Returns status. */
int cli_fail(const struct cli *c, int status, const char *code, const char *hint, const char *format, ...)
        _printf_(5, 6);
/* The same for a failed request. */
int cli_fail_client(const struct cli *c, int error, const struct client_error *e);
int cli_no_memory(const struct cli *c);
/* A remark on stderr; it changes no result. */
void cli_note(const char *format, ...) _printf_(1, 2);

/* An object on stdout: indented on a terminal, on one line elsewhere. */
void json_print(const struct cli *c, struct json_object *o);
/* One line of JSON that is known to parse. */
void json_print_line(const char *line, size_t length);

/* False once stdout cannot be written: whoever loops stops then. */
bool output_alive(void);
/* The same, also noticing a reader that went away while there was nothing to write. For those who wait. */
bool output_wanted(void);
/* Flushes stdout. A reader that went away is no error of ours; a full disk is. Returns the exit status. */
int output_finish(int status);

enum paint {
        PAINT_NONE,
        PAINT_BOLD,
        PAINT_DIM,
        PAINT_RED,
        PAINT_YELLOW,
        PAINT_GREEN,
        _PAINT_MAX
};
/* Text in colour where the output shows colours. */
void paint(const struct cli *c, enum paint p, const char *text);

/* Text on stdout, escaped, wrapped to the width under its prefix. */
void print_wrapped(const struct cli *c, const char *prefix, const char *text);

#define START_TEXT_MAX 96

/* "started 2026-11-22 10:00:00", or where that was in another boot than this one, which counts anew, its number
 * alone. ticks: /proc/PID/stat field 22; seen_wall_ns: when the process was seen. */
const char *start_text(uint64_t ticks, uint64_t seen_wall_ns, char buf[static START_TEXT_MAX]);

#define SHOWN_TEXT_MAX 2048
/* "comm(pid)" or "comm(pid/tid)", escaped. */
const char *task_text(const struct task_ref *t, char *buf, size_t size);
#define TASK_TEXT_MAX 96

/* Local time for people: "2026-11-22 01:02:03", with milliseconds if wanted. */
const char *local_time(uint64_t wall_ns, bool milliseconds, char buf[TIME_STRING_MAX]);

/* Losses by cause: "ring-full 12, store 3". "" for none. Returns the total. */
uint64_t losses_text(struct json_object *losses, char *buf, size_t size);
