/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A BPF LSM program attaches without an error and never runs where `bpf` is missing from the kernel's list
 * of security modules. So a guard is proved before it is believed: a child of ours is claimed for nobody,
 * another child must be refused with EBUSY, and let in once the claim is gone. It uses an instance of the
 * programs with maps of its own, so that no claim of anybody's is touched; the record of the refusal in its
 * ring shows that it was this instance that refused, and not an earlier daemon's guard.
 */

#include <stddef.h>

#include "guard.h"

#define GUARD_SELFTEST_LIMIT_MS 2000 /* for each of the two attaches */

/* 0: it works. -errno, and a reason (no full stop). */
int guard_selftest(enum guard_mechanism mechanism, char *reason, size_t size);
