/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Untrusted text made safe. Names of tasks and files may hold any byte; a terminal must not act on them and
 * JSON must stay valid. Pure.
 */

#include <stddef.h>
#include <stdint.h>

/* For terminals: control characters and invalid UTF-8 become \xNN, backslash becomes \\. Returns buf. */
const char *text_escape(const char *s, char *buf, size_t size);
/* For JSON: invalid UTF-8 bytes become U+FFFD; control characters are left to the JSON writer. Returns buf.
 */
const char *text_utf8(const char *s, char *buf, size_t size);
/* How many of the first bytes are whole characters of UTF-8, a NUL being one of them: n if all are. */
size_t text_utf8_prefix(const char *s, size_t n);
/* "38 min", "3.2 s", "4 ms" for a duration in nanoseconds. Returns buf. */
const char *text_duration(uint64_t ns, char *buf, size_t size);
