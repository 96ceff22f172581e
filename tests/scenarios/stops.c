// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stops MODE ARG...: tracers that end or do not serve, and programs that suffer from it. Says "ready pid=..." and
 * waits for SIGUSR1 from the test (fixture.h).
 */

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "tests/scenarios/fixture.h"

static void wait_for_ever(void)
{
        for (;;)
                pause();
}

static pid_t start_child(void)
{
        pid_t child = fork();

        if (child < 0)
                die("fork");
        if (child == 0) {
                fixture_guard();
                wait_for_ever();
        }
        return child;
}

/* exitkill STATUS: trace a child that dies with us, and exit with that status when told. */
static int mode_exitkill(int n, char **args)
{
        pid_t child = start_child();

        if (ptrace(PTRACE_SEIZE, child, NULL, (unsigned long)PTRACE_O_EXITKILL) < 0)
                die("PTRACE_SEIZE");
        printf("ready pid=%d child=%d\n", getpid(), child);
        fixture_go(-1);
        return n > 0 ? atoi(args[0]) : 0;
}

/* read-stop PID: trace it, read its first stop, and leave it there until we end without a detach. */
static int mode_read_stop(int n, char **args)
{
        pid_t pid = n > 0 ? atoi(args[0]) : -1;
        int status;

        if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
                die("PTRACE_SEIZE");
        printf("ready pid=%d\n", getpid());
        if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
                die("waitpid");
        printf("stopped sig=%d\n", WSTOPSIG(status));
        fixture_go(-1);
        return 0;
}

/* traceme [COMMAND...]: become our parent's tracee, and run COMMAND; or stop, as with any signal. */
static int mode_traceme(int n, char **args)
{
        printf("ready pid=%d\n", getpid());
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                die("PTRACE_TRACEME");
        if (n > 0) {
                execvp(args[0], args);
                die(args[0]);
        }
        raise(SIGWINCH);
        return 0;
}

/* vfork: be inside vfork() until its child is told to end. */
static int mode_vfork(int n, char **args)
{
        (void)n;
        (void)args;
        printf("ready pid=%d\n", getpid());
        if (vfork() == 0) {
                fixture_go(-1);
                _exit(0);
        }
        return 0;
}

static const struct mode {
        const char *name;
        int (*run)(int n, char **args);
} modes[] = {
        {"exitkill", mode_exitkill},
        {"read-stop", mode_read_stop},
        {"traceme", mode_traceme},
        {"vfork", mode_vfork},
};

int main(int argc, char **argv)
{
        fixture_guard();
        for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
                if (strcmp(argv[1], modes[i].name) == 0)
                        return modes[i].run(argc - 2, argv + 2);
        fprintf(stderr, "usage: stops MODE ARG...\n");
        return 2;
}
