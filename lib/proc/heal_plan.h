/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Breakpoints that a debugger left in a program's text: what memory has and the file has not. The decisions
 * alone; daemon/heal reads and writes. A byte is put back only if it is int3 in memory, something else in
 * the file, and nothing but such bytes differs: whatever else changed the text (a JIT, a patch, a
 * relocation) is not understood, and then nothing is touched. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAL_INT3       0xcc
#define HEAL_PAGE       4096u
#define HEAL_SITES_MAX  256 /* a debugger plants hundreds at most; what has more is something else */
#define HEAL_PROBE_PATH 512

struct heal_site {
        uint64_t address, offset; /* in memory; in the file */
        uint32_t file;            /* the caller's number of that file */
        uint8_t was, is;          /* byte in memory before, and in the file */
};

struct heal_plan {
        size_t n;
        struct heal_site sites[HEAL_SITES_MAX]; /* by address, as they were added */
};

/* A piece of text, at the same place in memory and file. */
struct heal_piece {
        const uint8_t *memory, *file;
        size_t n;
        uint64_t address, offset; /* in memory; in the file */
        uint32_t number;          /* the caller's number of that file */
};
/*
 * Adds what differs in it. -EUCLEAN: a byte differs in another way, at *ret_changed. -E2BIG: more than
 * HEAL_SITES_MAX.
 */
int heal_compare(struct heal_plan *p, const struct heal_piece *piece, uint64_t *ret_changed);
/* Same places, same bytes. */
bool heal_same(const struct heal_plan *a, const struct heal_plan *b);
/* The site whose int3 a thread has just run, if its instruction pointer is there; NULL. */
const struct heal_site *heal_site_behind(const struct heal_plan *p, uint64_t ip);
/* Entry of /proc/PID/pagemap: the process has a page of its own instead of the file's. */
bool heal_is_private(uint64_t entry);
/* The file that a line of tracefs' uprobe_events probes: "p:group/name /path:0x1234 args". -EINVAL for
 * another line, -ENAMETOOLONG. */
int heal_parse_probe(const char *line, char *path, size_t size);
