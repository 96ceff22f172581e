// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is true only at the moment of an attach:
 *
 *   moment handed-over N     N times somebody is refused because another one traces the target, who lets go
 *                            of it and ends right after; says how often
 *   moment under ANSWER CMD  run CMD under a seccomp filter that gives ptrace this errno, or ALLOW or TRAP
 */

#include <sys/ptrace.h>
#include <sys/wait.h>

#include "tests/scenarios/filter.h"
#include "tests/scenarios/fixture.h"

static void wait_for_byte(int fd)
{
        char byte;

        if (read(fd, &byte, 1) != 1)
                _exit(3);
}

static void say_byte(int fd)
{
        if (write(fd, "x", 1) != 1)
                _exit(3);
}

static pid_t child_that(void (*run)(pid_t target, int from, int to), pid_t target, int from, int to)
{
        pid_t pid = fork();

        if (pid < 0)
                die("fork");
        if (pid == 0) {
                fixture_guard();
                run(target, from, to);
                _exit(0);
        }
        return pid;
}

static void be_there(pid_t target, int from, int to)
{
        (void)target, (void)from, (void)to;
        fixture_go(-1);
}

static void hold_until_told(pid_t target, int from, int to)
{
        int status;

        if (ptrace(PTRACE_SEIZE, target, NULL, NULL) < 0)
                _exit(2);
        say_byte(to);
        wait_for_byte(from);
        ptrace(PTRACE_INTERRUPT, target, NULL, NULL);
        waitpid(target, &status, __WALL);
        ptrace(PTRACE_DETACH, target, NULL, NULL);
}

/* 1: refused. Nothing is done between the answer and the word to the holder. */
static void be_refused(pid_t target, int from, int to)
{
        long r = ptrace(PTRACE_SEIZE, target, NULL, NULL);

        (void)from;
        say_byte(to);
        _exit(r < 0 && errno == EPERM);
}

static int hand_over(void)
{
        int told[2], ready[2], status, refused = 0;
        pid_t target, holder, second;

        if (pipe(told) < 0 || pipe(ready) < 0)
                die("pipe");
        target = child_that(be_there, 0, 0, 0);
        holder = child_that(hold_until_told, target, told[0], ready[1]);
        wait_for_byte(ready[0]);
        second = child_that(be_refused, target, 0, told[1]);
        if (waitpid(second, &status, 0) == second)
                refused = WIFEXITED(status) && WEXITSTATUS(status) == 1;
        printf("second=%d holder=%d\n", second, holder);
        waitpid(holder, &status, 0);
        kill(target, SIGKILL);
        waitpid(target, &status, 0);
        for (int i = 0; i < 2; i++) {
                close(told[i]);
                close(ready[i]);
        }
        return refused;
}

static int mode_handed_over(int n, char **args)
{
        int times = n > 0 ? atoi(args[0]) : 1, refused = 0;

        for (int i = 0; i < times; i++)
                refused += hand_over();
        printf("done refused=%d\n", refused);
        return 0;
}

static const struct {
        const char *name;
        unsigned answer;
} answers[] = {
        {"EPERM", SECCOMP_RET_ERRNO | EPERM},
        {"EACCES", SECCOMP_RET_ERRNO | EACCES},
        {"ENOSYS", SECCOMP_RET_ERRNO | ENOSYS},
        {"ZERO", SECCOMP_RET_ERRNO | 0},
        {"TRAP", SECCOMP_RET_TRAP},
        {"ALLOW", SECCOMP_RET_ALLOW},
};

static int mode_under(int n, char **args)
{
        for (size_t i = 0; n > 1 && i < sizeof(answers) / sizeof(answers[0]); i++) {
                if (strcmp(args[0], answers[i].name))
                        continue;
                filter_ptrace(answers[i].answer);
                execvp(args[1], args + 1);
                die(args[1]);
        }
        return 2;
}

static const struct {
        const char *name;
        int (*run)(int n, char **args);
} modes[] = {
        {"handed-over", mode_handed_over},
        {"under", mode_under},
};

int main(int argc, char **argv)
{
        fixture_guard();
        for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
                if (strcmp(argv[1], modes[i].name) == 0)
                        return modes[i].run(argc - 2, argv + 2);
        fprintf(stderr, "usage: moment MODE ARG...\n");
        return 2;
}
