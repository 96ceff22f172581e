/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Text that is put together piece by piece in a buffer of somebody else's. What does not fit is cut between
 * two characters; the text always ends with a NUL. Pure.
 */

#include <stddef.h>

#include "lib/base/cleanup.h"

struct sentence {
        char *text; /* what is in it already stays */
        size_t size;
};

/* In an array, not behind a pointer: that would be a negative size here. */
#define SENTENCE(array)                                                                                    \
        ((struct sentence){                                                                                \
                (array),                                                                                   \
                sizeof(array) +                                                                            \
                        0 * sizeof(char[1 - 2 * __builtin_types_compatible_p(__typeof__(array), char *)]), \
        })

/* printf to the end of it. */
_printf_(2, 3) void say(struct sentence to, const char *format, ...);
