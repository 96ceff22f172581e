/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * stuckexec: a process that stays in exec until it is told. Its first thread waits in the kernel for the end
 * of the other one, which stands still at its exit, stopped for its tracer; and it holds the lock that every
 * attach needs. "ready pid=N" when it does. SIGUSR1: the tracer lets go, the exec succeeds and the program
 * it becomes ends at once.
 */

#include "tests/scenarios/fixture.h"

#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct pair {
        pid_t process, thread;
};

static int thread_pipe[2];

static void *wait_for_end(void *unused)
{
        struct pair p = {.process = getpid(), .thread = (pid_t)syscall(SYS_gettid)};

        if (write(thread_pipe[1], &p, sizeof(p)) != (ssize_t)sizeof(p))
                die("write");
        for (;;)
                pause();
        return unused;
}

/* The child: execs when it is traced. */
static void be_target(int go)
{
        pthread_t thread;
        char c;

        fixture_guard();
        if (pthread_create(&thread, NULL, wait_for_end, NULL) != 0)
                die("pthread_create");
        if (read(go, &c, 1) != 1)
                die("read");
        execl("/bin/true", "true", (char *)NULL);
        die("execl");
}

int main(void)
{
        int go[2], status;
        struct pair p;
        pid_t child;

        fixture_guard();
        if (pipe(thread_pipe) < 0 || pipe(go) < 0)
                die("pipe");
        child = fork();
        if (child < 0)
                die("fork");
        if (child == 0)
                be_target(go[0]);
        if (read(thread_pipe[0], &p, sizeof(p)) != (ssize_t)sizeof(p))
                die("read");
        if (ptrace(PTRACE_SEIZE, p.thread, 0, PTRACE_O_TRACEEXIT) < 0)
                die("PTRACE_SEIZE");
        if (write(go[1], "g", 1) != 1)
                die("write");
        /* The exec kills the thread: it stops for us at its exit, and the first thread waits for it. */
        if (waitpid(p.thread, &status, __WALL) != p.thread ||
            status >> 8 != (SIGTRAP | PTRACE_EVENT_EXIT << 8))
                die("PTRACE_EVENT_EXIT");
        printf("ready pid=%d\n", (int)p.process);
        fixture_go(-1);
        ptrace(PTRACE_CONT, p.thread, 0, 0);
        if (waitpid(p.thread, &status, __WALL) != p.thread || waitpid(child, &status, 0) != child)
                die("waitpid");
        return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}
