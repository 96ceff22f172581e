/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/ask/seccomp_trial.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/proc/procfs.h"

#define FILTERED       2          /* Seccomp: of /proc/PID/status */
#define NO_SUCH_OPTION (1L << 31) /* no PTRACE_O_* */
#define TRIES_MAX      200        /* times WAIT_NS: a supervisor may keep a call waiting */
#define WAIT_NS        5000000L

enum {
        NOT_TRIED = -1
};

static void try_ptrace(int *answer)
{
        /* It may be killed: no core dump, and no handler of ours. */
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        (void)signal(SIGSYS, SIG_DFL);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        errno = 0;
        (void)syscall(SYS_ptrace, PTRACE_SEIZE, getppid(), 0, NO_SUCH_OPTION);
        /* The kernel itself says EIO. */
        *answer = errno == EIO ? 0 : errno;
        _exit(0);
}

/* 0 and its status, or -1: it is still at it, and is ended. */
static int await(pid_t pid, int *ret_status)
{
        const struct timespec pause = {.tv_nsec = WAIT_NS};

        for (int i = 0; i < TRIES_MAX; i++) {
                pid_t r = waitpid(pid, ret_status, WNOHANG);

                if (r == pid)
                        return 0;
                if (r < 0 && errno != EINTR)
                        return -1;
                nanosleep(&pause, NULL);
        }
        kill(pid, SIGKILL);
        waitpid(pid, ret_status, 0);
        return -1;
}

static const char *tried(char *buf, size_t size, volatile int *answer)
{
        int status;
        pid_t pid;

        *answer = NOT_TRIED;
        pid = fork();
        if (pid == 0)
                try_ptrace((int *)answer);
        if (pid < 0 || await(pid, &status) < 0)
                return buf;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
                snprintf(buf, size, "?seccomp=SIGSYS");
        else if (*answer != NOT_TRIED)
                snprintf(buf, size, "?seccomp=%d", *answer);
        return buf;
}

const char *seccomp_trial(char *buf, size_t size)
{
        struct proc_status self;
        int *answer;

        buf[0] = '\0';
        if (procfs_status((uint32_t)getpid(), 0, &self) == 0 && self.seccomp != FILTERED)
                return buf;
        answer = mmap(NULL, sizeof(*answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (answer == MAP_FAILED)
                return buf;
        tried(buf, size, answer);
        munmap(answer, sizeof(*answer));
        return buf;
}
