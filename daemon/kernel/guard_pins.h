/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The pin directory: which daemon owns it, what an earlier one left in it, and putting maps and links there.
 *
 *   PINDIR/             mode 0700; a lock (flock) on it says which daemon owns the guard
 *   PINDIR/v<LAYOUT>/   the maps by their names, link_<program> for each program that is attached
 *
 * An upgrade from an earlier layout: the maps that are as ever get a second pin in the new layout's directory,
 * the others are made anew; then the new programs' links are pinned; then the earlier directory goes, its links
 * first. Old and new programs refuse side by side on the same claims meanwhile, so no claim ends and there is
 * no moment without a guard; a daemon that is killed in between finds a directory that is whole.
 *
 * Everything is done below open directories, never by a path that somebody could bend meanwhile. What is
 * found is not trusted: a map must have the type and the sizes it ought to have, or nothing there is used.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "bpf/guard_maps.h"

#define PINS_ENTRIES_MAX 256 /* of a directory that is emptied; one with more is left alone */
#define PINS_REASON_MAX  256

struct guard_pins;

/*
 * What an earlier daemon left pinned, looked for before loader_new(), which goes on using its ring, counters
 * and losses. pin_dir NULL: GUARD_PIN_DIR. Where there is nothing, or where another ptraced keeps its guard,
 * that is no error: -ENOMEM and -ENAMETOOLONG are.
 */
int pins_open(struct guard_pins **ret, const char *pin_dir);
struct guard_pins *pins_free(struct guard_pins *p);

enum pinned_map {
        PINNED_RING,
        PINNED_COUNTERS,
        PINNED_COUNTERS_READ, /* user space's: how far each counter was told */
        PINNED_LOSSES,
        PINNED_LOSSES_READ,
        PINNED_CLAIMS,
        PINNED_SLOTS,
        PINNED_RULES,
        PINNED_CONFIG,
        PINNED_SEQUENCE,
        _PINNED_MAP_MAX,
};

struct pinned_layout {
        const char *name;
        enum bpf_map_type type;
        uint32_t key, value, entries;
};
extern const struct pinned_layout pinned_layouts[_PINNED_MAP_MAX];
/* -EBADMSG if the map is not what its layout says. */
int pinned_check(int fd, const struct pinned_layout *layout);

/* Maps of an earlier daemon's guard were found, and are as they should be. */
bool pins_found(const struct guard_pins *p);
/* Another daemon owns the directory. */
bool pins_busy(const struct guard_pins *p);
const char *pins_dir(const struct guard_pins *p);
const char *pins_reason(const struct guard_pins *p); /* why nothing can be pinned; "" if it can, or may */
/* fd, borrowed; -1: not found, or found in another form in an earlier layout */
int pins_map(const struct guard_pins *p, enum pinned_map which);
/* Something of an earlier layout is there, until pins_drop_earlier(). */
bool pins_earlier(const struct guard_pins *p);
int pins_earlier_ring(const struct guard_pins *p); /* fd, borrowed; -1: there is none */
void pins_drop_earlier(struct guard_pins *p);

/* The directory is ours, or is made so. -EBUSY: another daemon's. Else -errno, and pins_reason() says why.
 */
int pins_own(struct guard_pins *p);
/* In place of what has that name, at once: there is no moment without one. */
int pins_put(struct guard_pins *p, const char *name, int fd);
bool pins_has(const struct guard_pins *p, const char *name);
/* Links that are not among these go. */
void pins_keep_links(struct guard_pins *p, const char *const *names, size_t n);
/* Nothing stays pinned; the directory, and the lock on it, do. */
void pins_empty(struct guard_pins *p);
/* ... and this takes the directory, too. */
void pins_remove(struct guard_pins *p);
