/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A stream for a terminal: what is written to it reaches the other one without anything a terminal acts on.
 * Control characters other than the line ends come out as \u00XX, which JSON strings mean anyway.
 */

#include <stdio.h>

/* -errno. Closing it flushes and leaves `below` open. */
int tame_open(FILE *below, FILE **ret);
