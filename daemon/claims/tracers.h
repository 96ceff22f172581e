/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Who traces a process now, as /proc says; helpers of ptraced's own are nobody's debugger. */

#include "lib/model/model.h"
#include "daemon/claims/owner.h"
#include "daemon/hold/hold.h"

struct tracers {
        const struct model *model; /* asked first: one thread of thousands may be traced */
        const struct hold *hold;   /* NULL: none */
};

struct tracer_seen {
        struct task_ref task; /* pid 0: nobody */
        bool admitted;        /* by the owner that was asked for */
};
/* One whom the owner does not admit, else one whom it does; owner NULL: anybody, not admitted. */
struct tracer_seen tracers_look(const struct tracers *t, const struct task_ref *target,
                                const struct guard_owner *owner);
