/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/kernel/tracepoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/perf_event.h>

#include "lib/base/cleanup.h"
#include "daemon/kernel/tracefs.h"

static int read_tracepoint_id(const char *name)
{
        _cleanup_close_ int root = tracefs_open(), fd = -1;
        char path[128], text[16] = "";
        ssize_t n;

        if (root < 0)
                return root;
        snprintf(path, sizeof(path), "events/%s/id", name);
        fd = openat(root, path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n < 0)
                return -errno;
        return n > 0 ? atoi(text) : -EIO;
}

int tracepoint_open(const char *name)
{
        struct perf_event_attr attr = {
                .type = PERF_TYPE_TRACEPOINT,
                .size = sizeof(attr),
                .sample_period = 1,
        };
        int id = read_tracepoint_id(name), fd;

        if (id < 0)
                return id;
        attr.config = id;
        fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
        return fd < 0 ? -errno : fd;
}
