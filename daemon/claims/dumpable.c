/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/dumpable.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT_SYS_PTRACE (1u << CAP_SYS_PTRACE)

static bool may_look(const struct proc_status *target)
{
        size_t size;
        void *head;

        return syscall(SYS_get_robust_list, target->task.tid ?: target->task.pid, &head, &size) == 0;
}

static bool all_root(const struct proc_status *st)
{
        return !st->ruid && !st->euid && !st->suid && !st->rgid && !st->egid && !st->sgid;
}

/* Of this thread. The permitted ones stay: only these are compared with the target's. */
static int set_sys_ptrace(struct __user_cap_data_struct data[2], bool on)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

        data[0].effective = on ? data[0].effective | BIT_SYS_PTRACE : data[0].effective & ~BIT_SYS_PTRACE;
        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int dumpable_by_trial(const struct proc_status *target, bool *ret)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[2];
        uint64_t permitted;
        int r;

        if (getuid() != 0 || getgid() != 0 || !all_root(target))
                return -ENODATA;
        if (syscall(SYS_capget, &header, data) < 0)
                return -errno;
        permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
        /* With the capability it is refused for other reasons, if at all: a security module. */
        if (!(data[0].effective & BIT_SYS_PTRACE) || target->cap_permitted & ~permitted || !may_look(target))
                return -ENODATA;
        r = set_sys_ptrace(data, false);
        if (r < 0)
                return r;
        *ret = may_look(target);
        r = set_sys_ptrace(data, true);
        /* It is permitted, so that nothing can refuse it; without it nothing would work any more. */
        return r;
}
