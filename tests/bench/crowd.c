/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A crowd: so many sleeping children. Prints "ready N" when all are there; they end with this program, which
 * ends with its standard input.
 */
#include <errno.h>
#include <error.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
        long wanted = argc == 2 ? strtol(argv[1], NULL, 10) : 0, n;
        pid_t parent = getpid();
        char c;

        if (wanted < 1) {
                fprintf(stderr, "Usage: crowd PROCESSES\n");
                return 2;
        }
        signal(SIGCHLD, SIG_IGN);
        for (n = 0; n < wanted; n++) {
                pid_t pid = fork();

                if (pid < 0) {
                        error(0, errno, "the crowd ends at %ld processes", n);
                        break;
                }
                if (!pid) {
                        prctl(PR_SET_PDEATHSIG, SIGKILL);
                        if (getppid() != parent)
                                _exit(0);
                        for (;;)
                                pause();
                }
        }
        printf("ready %ld\n", n);
        fflush(stdout);
        while (read(STDIN_FILENO, &c, 1) > 0)
                ;
        return 0;
}
