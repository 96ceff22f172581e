/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Paragraphs for people: one text broken at spaces to a width in columns. Pure, but for the stream. */

#include <stdio.h>

#define WRAP_WIDTH_MIN 20 /* of the text beside its prefix; a narrower terminal gets overlong lines */

/* Columns that valid UTF-8 takes on a terminal; a character of unknown width counts one. */
unsigned text_columns(const char *s);

/*
 * Prints prefix and text, continuation lines indented under the text, and a newline. A word longer than
 * the width stands on a line of its own, whole. width 0: never broken, for pipes. Text must be escaped
 * already.
 */
void text_wrap(FILE *f, const char *prefix, const char *text, unsigned width);
