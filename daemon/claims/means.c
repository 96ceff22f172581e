/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/means.h"

#include <assert.h>

#include "lib/base/cleanup.h"

const char *arbiter_means_to_string(enum arbiter_means m)
{
        static const char *const names[] = {[MEANS_KERNEL] = "kernel", [MEANS_HOLD] = "hold"};
        static_assert(ELEMENTSOF(names) == _MEANS_MAX, "a name for each means");

        return m >= 0 && m < _MEANS_MAX ? names[m] : NULL;
}
