/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Child processes to look at. Each dies with the test (Check runs a test in a process of its own). */

#include <check.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that ran prepare (may be NULL) and then sleeps. It is ready when this returns. */
static inline uint32_t child_new(void (*prepare)(void))
{
        int ready[2];
        char byte;
        pid_t pid;

        ck_assert_int_eq(pipe(ready), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (prepare)
                        prepare();
                if (write(ready[1], "", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(ready[1]);
        ck_assert_int_eq(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        return (uint32_t)pid;
}

static inline void child_end(uint32_t pid)
{
        kill((pid_t)pid, SIGKILL);
        waitpid((pid_t)pid, NULL, 0);
}

/* Seize and stop: the state is 't' when this returns. */
static inline void child_trace(uint32_t pid)
{
        int status;

        ck_assert_int_eq(ptrace(PTRACE_SEIZE, pid, 0, 0), 0);
        ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, pid, 0, 0), 0);
        ck_assert_int_eq(waitpid((pid_t)pid, &status, __WALL), (pid_t)pid);
        ck_assert(WIFSTOPPED(status));
}
