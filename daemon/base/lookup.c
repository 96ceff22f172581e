/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/line_reader.h"
#include "lib/proc/procfs.h"
#include "daemon/base/log.h"

#define CGROUP_ROOT    "/sys/fs/cgroup"
#define CGROUP_UNIFIED "/sys/fs/cgroup/unified" /* beside version 1 */
#define KERNEL_MINOR   20                       /* bits of a minor number in the kernel's dev_t */
#define MOUNTS_MAX     8192 /* lines of mountinfo that are looked at: they may be a client's */
#define TRIES          3    /* while somebody renames, the kernel says EAGAIN as well */

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

/* ---- with somebody else's rights ----------------------------------------------------------------- */

/* These calls are the thread's own: the other threads go on as they are. */
struct own_rights {
        gid_t groups[NGROUPS_MAX];
        int n_groups, dumpable;
        uid_t fsuid;
        gid_t fsgid;
};

/* With another fsuid than 0 the kernel takes the capabilities to read any file out of the effective set,
 * capabilities(7); unless a securebit forbids it. */
static bool reads_any_file(void)
{
        static const uint32_t any = 1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH;
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

        return syscall(SYS_capget, &header, data) < 0 || data[0].effective & any;
}

static uid_t fsuid_now(void)
{
        return (uid_t)setfsuid((uid_t)-1);
}

static gid_t fsgid_now(void)
{
        return (gid_t)setfsgid((gid_t)-1);
}

/* A daemon that goes on with a user's rights would do all that follows as that user. */
static void take_back(const struct own_rights *own)
{
        setfsuid(own->fsuid);
        setfsgid(own->fsgid);
        if (syscall(SYS_setgroups, (size_t)own->n_groups, own->groups) < 0 || fsuid_now() != own->fsuid ||
            fsgid_now() != own->fsgid) {
                log_error("The rights of the daemon itself cannot be had back after a look-up for a user.");
                abort();
        }
        /* Another fsuid has made us undumpable, and this time there is no secret of a user's in us. */
        if (own->dumpable == 1)
                prctl(PR_SET_DUMPABLE, 1);
}

static int put_on(const struct lookup_rights *as, struct own_rights *own)
{
        own->fsuid = fsuid_now();
        own->fsgid = fsgid_now();
        own->dumpable = prctl(PR_GET_DUMPABLE);
        own->n_groups = getgroups(NGROUPS_MAX, own->groups);
        if (own->n_groups < 0)
                return -errno;
        if (syscall(SYS_setgroups, as->n_groups, as->groups) < 0)
                return -EOPNOTSUPP;
        setfsgid(as->gid);
        setfsuid(as->uid);
        if (fsgid_now() == as->gid && fsuid_now() == as->uid && !reads_any_file())
                return 0;
        take_back(own);
        return -EOPNOTSUPP;
}

static int open_below(int root, const char *path, uint64_t flags, uint64_t resolve)
{
        struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags, .resolve = resolve};
        int fd = -1;

        for (int i = 0; i < TRIES; i++) {
                fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
                if (fd >= 0 || errno != EAGAIN)
                        break;
        }
        if (fd >= 0)
                return fd;
        return errno == EINVAL || errno == ENOSYS ? -EOPNOTSUPP : -errno; /* an older kernel */
}

static int open_as(const struct lookup_rights *as, int root, const char *path, uint64_t flags,
                   uint64_t resolve)
{
        _cleanup_free_ struct own_rights *own = NULL;
        int r;

        if (!as || as->uid == 0)
                return open_below(root, path, flags, resolve);
        own = malloc(sizeof(*own));
        if (!own)
                return -ENOMEM;
        r = put_on(as, own);
        if (r < 0)
                return r;
        r = open_below(root, path, flags, resolve);
        take_back(own);
        return r;
}

/* The process may end and its pid be another's before it is open: then it is no longer asked for. */
static int open_root(const struct task_ref *process)
{
        _cleanup_close_ int fd = -1;
        struct task_ref now;
        char path[64];

        snprintf(path, sizeof(path), "/proc/%u/root", process->pid);
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (procfs_task(process->pid, &now) < 0 || now.start != process->start)
                return -ESRCH;
        return TAKE_FD(fd);
}

/* ---- identities ---------------------------------------------------------------------------------- */

/* The device as the file system calls itself; stat() may call it otherwise (btrfs, overlayfs). mountinfo,
 * proc(5): "ID PARENT MAJOR:MINOR ...". */
static int device_of_mount(uint32_t pid, unsigned id, uint32_t *ret)
{
        _cleanup_close_ int fd = -1;
        struct line_reader reader;
        char path[64], *line;

        snprintf(path, sizeof(path), "/proc/%u/mountinfo", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        line_reader_init(&reader, fd);
        for (int i = 0; i < MOUNTS_MAX && line_reader_next(&reader, &line) > 0; i++) {
                unsigned this_id, major_, minor_;

                if (sscanf(line, "%u %*u %u:%u", &this_id, &major_, &minor_) != 3 || this_id != id)
                        continue;
                *ret = major_ << KERNEL_MINOR | minor_;
                return 0;
        }
        return -ENOENT;
}

/* As the kernel's guard compares. pid: who sees the mount that the file is on. The file system is not asked
 * anew (AT_STATX_DONT_SYNC): it might not answer. */
static int identity(int fd, const char *path, uint32_t pid, uint32_t *ret_dev, uint64_t *ret_inode)
{
        const int flags = AT_STATX_DONT_SYNC | (*path ? 0 : AT_EMPTY_PATH);
        struct statx sx;

        if (statx(fd, path, flags, STATX_INO | STATX_TYPE | STATX_MNT_ID, &sx) < 0)
                return -errno;
        if (!S_ISREG(sx.stx_mode))
                return -EACCES;
        *ret_inode = sx.stx_ino;
        if (!(sx.stx_mask & STATX_MNT_ID) || device_of_mount(pid, (unsigned)sx.stx_mnt_id, ret_dev) < 0)
                *ret_dev = sx.stx_dev_major << KERNEL_MINOR | sx.stx_dev_minor;
        return 0;
}

int lookup_file(const struct lookup_rights *as, const char *path, uint32_t *ret_dev, uint64_t *ret_inode)
{
        _cleanup_close_ int root = open_root(&as->process), fd = -1;

        if (root < 0)
                return root;
        fd = open_as(as, root, path, 0, RESOLVE_CACHED | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
        return fd < 0 ? fd : identity(fd, "", as->process.pid, ret_dev, ret_inode);
}

int lookup_exe_of(uint32_t pid, uint32_t *ret_dev, uint64_t *ret_inode)
{
        char path[64];

        snprintf(path, sizeof(path), "/proc/%u/exe", pid);
        return identity(AT_FDCWD, path, pid, ret_dev, ret_inode);
}

/* Version 2 only, the one that the kernel can be asked for by number. Nobody waits for the kernel's own file
 * system; a path with ".." in it stays below its root. */
int lookup_cgroup(const struct lookup_rights *as, const char *path, uint64_t *ret)
{
        static const char *const roots[] = {CGROUP_UNIFIED, CGROUP_ROOT};
        struct statfs fs;
        struct stat st;

        for (size_t i = 0; i < ELEMENTSOF(roots); i++) {
                _cleanup_close_ int root = open(roots[i], O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;

                if (root < 0 || fstatfs(root, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
                        continue;
                fd = open_as(as, root, path, O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_XDEV);
                if (fd < 0)
                        return fd;
                if (fstat(fd, &st) < 0)
                        return -errno;
                *ret = st.st_ino;
                return 0;
        }
        return -EOPNOTSUPP; /* no cgroup v2 */
}
