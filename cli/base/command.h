/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A command line that a verb runs in the foreground, in our own process group: keys of the terminal reach it
 * directly. */

#include <signal.h>

#include "cli/base/verb.h"

#define COMMAND_NOT_RUN 127 /* exit status, as of a shell */
#define COMMAND_SIGNAL  128 /* and the number of the signal that killed it */

/* Waits before its exec until it is told to go. */
struct command {
        struct task_ref task;
        char **argv;
        int go;     /* write end: a byte lets it run; closing it without one ends it */
        int failed; /* read end: the errno of an exec that failed, else end of file */
        bool running;
};
#define COMMAND_INIT                   \
        {                              \
                .go = -1, .failed = -1 \
        }

/* The command line of the verb. mask: the signals blocked in the command. */
int command_fork(const struct cli *c, const sigset_t *mask, struct command *ret);
/* Lets it go. The errno of its exec, 0 when it runs. */
int command_go(struct command *cmd);
/* One that is not running ends. */
void command_abandon(struct command *cmd);
/* It cannot be run: says so, and returns the exit status. */
int command_not_run(const struct cli *c, const struct command *cmd, int error);
/* The exit status for what waitpid() said. */
int command_status(int wait_status);

#define _cleanup_command_ _cleanup_(command_abandon)
