/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"

#define XDEBUG_FILE "/xdebug.so"
#define PIECE_BYTES 16384

/* 1: found, 0: not in what was read. Across the border of two pieces, too. */
static int search_file(int fd, const char *what)
{
        const size_t kept = strlen(what) - 1;
        char buf[PIECE_BYTES];
        size_t have = 0, total = 0;

        while (total < DIAL_MAPS_MAX) {
                ssize_t n = read(fd, buf + have, sizeof(buf) - have);

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                total += (size_t)n;
                have += (size_t)n;
                if (memmem(buf, have, what, strlen(what)))
                        return 1;
                if (have > kept) {
                        memmove(buf, buf + have - kept, kept);
                        have = kept;
                }
        }
        return 0;
}

/* -ESRCH: it is gone. */
static int has_xdebug(const struct task_ref *process)
{
        _cleanup_close_ int fd = -1;
        struct task_ref now;
        char path[32];
        int r;

        snprintf(path, sizeof(path), "/proc/%u/maps", process->pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = search_file(fd, XDEBUG_FILE);
        if (procfs_task(process->pid, &now) < 0 || !task_same_process(&now, process))
                return -ESRCH;
        return r;
}

static uint32_t own_netns(void)
{
        static uint32_t inode;
        struct stat st;

        if (!inode && stat("/proc/self/ns/net", &st) == 0)
                inode = (uint32_t)st.st_ino;
        return inode;
}

bool dial_matters(struct event *e)
{
        int r;

        e->other_netns = e->netns && e->netns != own_netns();
        if (e->server || e->xdebug || e->change == NET_LISTENS || e->change == NET_LISTENS_NO_MORE)
                return true;
        r = has_xdebug(&e->target);
        e->xdebug = r > 0;
        return r != 0;
}
