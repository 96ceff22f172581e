/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tracepoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/perf_event.h>

#include "../lib/cleanup.h"

static int mount_detached(void)
{
        _cleanup_close_ int fs = syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC);
        int mount;

        if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        mount = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
        return mount < 0 ? -errno : mount;
}

static int open_tracefs(void)
{
        static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                int fd = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

                if (fd >= 0 && faccessat(fd, "events", F_OK, 0) == 0)
                        return fd;
                if (fd >= 0)
                        close(fd);
        }
        return mount_detached();
}

static int read_id(const char *name)
{
        _cleanup_close_ int root = open_tracefs(), fd = -1;
        char path[128], text[16] = "";

        if (root < 0)
                return root;
        snprintf(path, sizeof(path), "events/%s/id", name);
        fd = openat(root, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
                return errno ? -errno : -EIO;
        return atoi(text);
}

int tracepoint_open(const char *name)
{
        struct perf_event_attr attr = {
                .type = PERF_TYPE_TRACEPOINT,
                .size = sizeof(attr),
                .sample_period = 1,
        };
        int id = read_id(name), fd;

        if (id < 0)
                return id;
        attr.config = id;
        fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
        return fd < 0 ? -errno : fd;
}
