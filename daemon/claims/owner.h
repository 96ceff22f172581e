/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Who is who, whom an owner admits, and who traces a process: asked of /proc at this moment, and nothing kept.
 */

#include "lib/claim/claim.h"
#include "lib/model/model.h"
#include "daemon/base/lookup.h"
#include "daemon/hold/hold.h"

/* Whom a claim is to be for: kind OWNER_PROCESS and a pid; OWNER_EXE and a path; OWNER_UID and a uid;
 * OWNER_CGROUP and a path; OWNER_NOBODY. */
struct owner_wish {
        enum guard_owner_kind kind;
        uint32_t number; /* pid or uid */
        const char *path;
        const struct lookup_rights *rights; /* of who names the path */
};
/* text gets the words for it. -ESRCH, and what lookup.h says of paths. */
int owner_find(const struct owner_wish *wish, struct guard_owner *ret, char text[CLAIM_OWNER_TEXT_MAX]);
/* The same for a process that was looked at. */
void owner_be_process(const struct task_ref *t, struct guard_owner *ret, char text[CLAIM_OWNER_TEXT_MAX]);
/* "uid 1000", "pid 17 (gdb)": words for an owner of which only the numbers are known. */
void owner_describe(const struct guard_owner *o, char text[CLAIM_OWNER_TEXT_MAX]);
/* Does the owner admit this tracer? As the kernel compares. */
bool owner_admits(const struct guard_owner *o, const struct task_ref *tracer);
/* The process that it is, pid 0 if it is none. */
struct task_ref owner_task(const struct guard_owner *o);
struct guard_process owner_key(const struct task_ref *t);
/* Does the target still run under the uid of the user who claimed it? Privileged claims always hold. */
bool owner_claim_holds(const struct claim *c);
/* The path of a process in cgroup version 2, "" if there is none. */
void owner_cgroup_path(uint32_t pid, char *buf, size_t size);

/* Who traces a process now, as /proc says; helpers of ptraced's own are nobody's debugger. */
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
