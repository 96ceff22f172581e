/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Files, by what the kernel's guard compares: device and inode; cgroups, by their number. A path that a
 * client names is looked up with the client's own rights, below its own root directory: root's answer would
 * tell it which files there are behind doors that are closed to it. And only in what the kernel has in
 * memory (RESOLVE_CACHED): a file system may take for ever to answer (FUSE, NFS), and nothing waits here. A
 * client that has looked at the file itself a moment before, as ptracectl does, has put it there.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/event/event.h"

struct lookup_rights {
        struct task_ref process; /* whose root directory and mounts */
        uid_t uid;               /* 0: with all rights */
        gid_t gid;
        const gid_t *groups;
        size_t n_groups;
};

/*
 * -EAGAIN: not in memory, or not to be had without waiting; a path that is closed to them may be said so,
 * too. -ESRCH: the process is gone.  -EOPNOTSUPP: not possible here (Linux 5.12, CAP_SETUID and CAP_SETGID).
 * -EACCES also for what is no regular file. Others as open(2) says.
 */
int lookup_file(const struct lookup_rights *as, const char *path, uint32_t *ret_dev, uint64_t *ret_inode);
/* What a process runs. */
int lookup_exe_of(uint32_t pid, uint32_t *ret_dev, uint64_t *ret_inode);
/* Of version 2, by the path in /proc/PID/cgroup. as NULL: with our own rights. -EOPNOTSUPP: there is none.
 */
int lookup_cgroup(const struct lookup_rights *as, const char *path, uint64_t *ret);
