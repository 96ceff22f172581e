/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How claims are kept: by the kernel's guard (by_kernel.h), or by hold where the kernel has none
 * (by_hold.h). The arbiter knows one of them, and not which.
 */

#include <stdbool.h>

#include "lib/claim/claim.h"
#include "daemon/hold/hold.h"

enum arbiter_means {
        MEANS_KERNEL,
        MEANS_HOLD, /* ptraced itself occupies the slot: a gap of moments when an owner is let in */
        _MEANS_MAX,
};

/* What install() began has ended. */
struct means_news {
        uint64_t claim;
        uint32_t pid; /* of the target */
        int error;    /* 0, -errno */
        bool alone;   /* nobody else can trace the target at this moment */
};
typedef void (*means_installed)(void *userdata, const struct means_news *news);

struct means {
        enum arbiter_means kind;
        /* The kernel enforces claims, remembers them when the daemon ends, and records who would be refused.
         */
        bool by_itself;
        void *self; /* for the functions, which give 0 or -errno */
        /* Puts it in force, also in place of a former claim on that target. -EINPROGRESS: how it ended is
         * told later (means_installed). */
        int (*install)(void *self, const struct claim *c);
        void (*remove)(void *self, const struct claim *c);
        /* Lets the owner in; owner: its process, pid 0 if it is none. 0: done is called later, unless it is
         * called off by hold_cancel(). -ENOENT: it is not held at this moment, nobody is in the way. */
        int (*enter)(void *self, const struct claim *c, const struct task_ref *owner, hold_done done,
                     void *userdata);
        /* The tracers of the target may have changed; NULL: of all targets. */
        void (*check)(void *self, const struct task_ref *target);
        /* A claim of an earlier daemon, which had the means to itself; our_hold: held for its sake. */
        int (*adopt)(void *self, const struct claim *c, bool our_hold);
        /* Is the target held for its claim's sake? */
        bool (*holds)(void *self, const struct task_ref *target);
};
