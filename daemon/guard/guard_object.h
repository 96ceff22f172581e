/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The guard's programs, loaded with the maps that are there already. */

#include <stddef.h>
#include <stdint.h>

#include "daemon/kernel/guard_pins.h"

#define GUARD_PROGRAMS_MAX 8

enum guard_mechanism {
        MECHANISM_NONE,
        MECHANISM_LSM,      /* BPF LSM: where `bpf` is among the active security modules */
        MECHANISM_FMOD_RET, /* elsewhere */
        _MECHANISM_MAX,
};

struct guard_object;

/* maps: fd by enum pinned_map, used instead of new ones where it is not -1. -errno with the reason. */
int guard_object_load(struct guard_object **ret, enum guard_mechanism mechanism, uint32_t generation,
                      const int maps[_PINNED_MAP_MAX], char *reason, size_t size);
struct guard_object *guard_object_free(struct guard_object *o); /* returns NULL; pinned links stay */
/* How often the kernel left a check out, because one was interrupted on that CPU (kernels before 6.2, and
 * fmod_ret): an attach that nobody looked at. */
uint64_t guard_object_skipped(const struct guard_object *o);
int guard_object_map(const struct guard_object *o, enum pinned_map which);  /* fd, borrowed; -1 */
int guard_object_attach(struct guard_object *o, char *reason, size_t size); /* all programs, or none */
/* Links that are pinned stay attached, others end. */
void guard_object_close_links(struct guard_object *o);
/* fd and pin name of link number i; -1 behind the last. */
int guard_object_link(const struct guard_object *o, size_t i, const char **ret_name);
/* Names of all the links it makes; how many. */
size_t guard_object_pins(const struct guard_object *o, const char *names[GUARD_PROGRAMS_MAX]);
