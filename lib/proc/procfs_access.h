/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What /proc says of the things that the kernel compares in __ptrace_may_access(): user namespaces, and whether
 * memory is dumpable. Per thread, as the kernel does. Returns as procfs.h.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/proc/procfs.h"

/* A user namespace, and who made it: a uid of the namespace that this process is in. */
struct proc_userns {
        uint64_t dev, ino;
        uint32_t owner;
};
/* That of a task's credentials, and all above it that can be seen from here. */
struct proc_userns_chain {
        size_t n;
        struct proc_userns ns[PROC_NS_DEPTH_MAX];
};
int procfs_userns_chain(uint32_t pid, uint32_t tid, struct proc_userns_chain *ret);
/*
 * Has somebody in the namespace `in`, with that effective uid, a capability over the one at place `over` of the
 * chain? As the kernel's cap_capable() reckons: `effective` there or from above; or as who made it, from the one
 * above. Pure.
 */
bool proc_userns_capable(const struct proc_userns_chain *chain, size_t over, const struct proc_userns *in,
                         uint32_t euid, bool effective);
bool proc_userns_same(const struct proc_userns *a, const struct proc_userns *b);

/*
 * To whom the files below /proc/PID/task/TID belong: to the task's effective ids; or, where its memory is not
 * dumpable, to root of the user namespace that the memory is of. `root` is who is root in the namespace of the
 * task's credentials: (uint32_t)-1 for nobody.
 */
struct proc_files_owner {
        uint32_t uid, gid;
        uint32_t root_uid, root_gid;
};
int procfs_files_owner(uint32_t pid, uint32_t tid, struct proc_files_owner *ret);
