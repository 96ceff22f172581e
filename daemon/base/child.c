/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/child.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

pid_t child_fork(void)
{
        pid_t parent = getpid(), pid = fork();

        if (pid != 0)
                return pid;
        close_range(STDERR_FILENO + 1, UINT_MAX, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) /* it ended before */
                _exit(EXIT_FAILURE);
        return 0;
}

int child_await(pid_t pid, int limit_ms)
{
        _cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        int status;

        if (pidfd < 0 || poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, limit_ms) != 1)
                kill(pid, SIGKILL);
        return waitpid(pid, &status, 0) == pid ? status : -errno;
}
