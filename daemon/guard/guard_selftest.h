/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A BPF LSM program attaches without an error and never runs where `bpf` is missing from the kernel's list
 * of security modules. So a guard is proved before it is believed: a child of ours is claimed for nobody,
 * another child must be refused with EBUSY, and let in once the claim is gone. Claims of others are not
 * touched. The record of the refusal shows that it were these programs that refused, and not those of an
 * earlier daemon; it is no event and is dropped, others are kept.
 */

#include <stddef.h>
#include <stdint.h>

struct guard_object;
struct loader;

#define GUARD_SELFTEST_LIMIT_MS 5000 /* for each of the two attaches */

/* Of programs that are attached, before anybody reads the ring. 0: they work. -errno and a reason (no full
 * stop); -EALREADY: the attach was refused, but not by these. */
int guard_selftest(const struct guard_object *o, uint32_t generation, struct loader *loader, char *reason,
                   size_t size);
