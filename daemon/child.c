/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "child.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

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
