/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/kernel/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "lib/base/cleanup.h"

static int mount_detached(void)
{
        _cleanup_close_ int fs = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC);
        int mount;

        if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
        return mount < 0 ? -errno : mount;
}

/* The directories exist without it, and are empty. */
static bool is_tracefs(int fd)
{
        struct statfs st;

        return fstatfs(fd, &st) == 0 && st.f_type == TRACEFS_MAGIC;
}

int tracefs_open(void)
{
        static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_close_ int fd = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

                if (fd >= 0 && is_tracefs(fd))
                        return TAKE_FD(fd);
        }
        return mount_detached();
}
