/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/proc/procfs_access.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/line_reader.h"

#define TASK_PATH_MAX 64
#define ID_MAP_LINES  340 /* the kernel allows as many */

static int look_errno(int error)
{
        return error == ENOENT || error == ESRCH ? -ESRCH : error == EPERM ? -EACCES : -error;
}

static int open_task_file(uint32_t pid, uint32_t tid, const char *name, int flags)
{
        char path[TASK_PATH_MAX];
        int fd;

        snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task/%" PRIu32 "/%s", pid, tid ?: pid, name);
        fd = open(path, flags | O_RDONLY | O_CLOEXEC | O_NOCTTY);
        return fd < 0 ? look_errno(errno) : fd;
}

/* ---- user namespaces -------------------------------------------------------------------------------- */

static int read_userns(int fd, struct proc_userns *ret)
{
        struct stat st;
        uid_t owner;

        if (fstat(fd, &st) < 0 || ioctl(fd, NS_GET_OWNER_UID, &owner) < 0)
                return -errno;
        *ret = (struct proc_userns){.dev = st.st_dev, .ino = st.st_ino, .owner = owner};
        return 0;
}

int procfs_userns_chain(uint32_t pid, uint32_t tid, struct proc_userns_chain *ret)
{
        _cleanup_close_ int fd = open_task_file(pid, tid, "ns/user", 0);

        ret->n = 0;
        if (fd < 0)
                return fd;
        while (ret->n < ELEMENTSOF(ret->ns)) {
                int parent, r = read_userns(fd, &ret->ns[ret->n]);

                if (r < 0)
                        return r;
                ret->n++;
                parent = ioctl(fd, NS_GET_PARENT);
                if (parent < 0) /* EPERM: at the root of what we may see */
                        break;
                close(fd);
                fd = parent;
        }
        return 0;
}

bool proc_userns_same(const struct proc_userns *a, const struct proc_userns *b)
{
        return a->dev == b->dev && a->ino == b->ino;
}

bool proc_userns_capable(const struct proc_userns_chain *chain, size_t over, const struct proc_userns *in,
                         uint32_t euid, bool effective)
{
        for (size_t i = over; i < chain->n; i++) {
                if (proc_userns_same(&chain->ns[i], in))
                        return effective;
                if (i + 1 < chain->n && proc_userns_same(&chain->ns[i + 1], in) &&
                    chain->ns[i].owner == euid)
                        return true;
        }
        return false;
}

/* ---- whose files ------------------------------------------------------------------------------------- */

/* Who is called 0 in there. A task that ended meanwhile has an empty map. */
static uint32_t outer_root(uint32_t pid, uint32_t tid, const char *map)
{
        _cleanup_close_ int fd = open_task_file(pid, tid, map, 0);
        struct line_reader reader;
        char *line;

        if (fd < 0)
                return (uint32_t)-1;
        line_reader_init(&reader, fd);
        for (int i = 0; i < ID_MAP_LINES && line_reader_next(&reader, &line) > 0; i++) {
                char *rest;
                unsigned long inside = strtoul(line, &rest, 10), outside = strtoul(rest, &rest, 10);

                if (inside == 0)
                        return (uint32_t)outside;
        }
        return (uint32_t)-1;
}

int procfs_files_owner(uint32_t pid, uint32_t tid, struct proc_files_owner *ret)
{
        /* Not the directory itself: that one always belongs to the euid, dumpable or not. */
        _cleanup_close_ int fd = open_task_file(pid, tid, "stat", O_PATH);
        struct stat st;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return look_errno(errno);
        ret->uid = st.st_uid;
        ret->gid = st.st_gid;
        ret->root_uid = outer_root(pid, tid, "uid_map");
        ret->root_gid = outer_root(pid, tid, "gid_map");
        return 0;
}
