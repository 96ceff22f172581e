/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/base/command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/proc/procfs.h"
#include "cli/base/output.h"

void command_abandon(struct command *cmd)
{
        if (cmd->go >= 0)
                close(TAKE_FD(cmd->go));
        if (cmd->failed >= 0)
                close(TAKE_FD(cmd->failed));
        if (cmd->task.pid && !cmd->running)
                waitpid((pid_t)cmd->task.pid, NULL, 0);
}

static _Noreturn void become_command(char **argv, int go, int failed, const sigset_t *mask)
{
        char byte;
        int error;

        if (read(go, &byte, 1) != 1)
                _exit(COMMAND_NOT_RUN);
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_SETMASK, mask, NULL);
        execvp(argv[0], argv);
        error = errno;
        if (write(failed, &error, sizeof(error)) < 0)
                _exit(COMMAND_NOT_RUN);
        _exit(COMMAND_NOT_RUN);
}

int command_fork(const struct cli *c, const sigset_t *mask, struct command *ret)
{
        int go[2] = {-1, -1}, failed[2] = {-1, -1};
        struct command cmd = COMMAND_INIT;
        pid_t pid = -1;

        cmd.argv = c->args.command;
        if (pipe2(go, O_CLOEXEC) == 0 && pipe2(failed, O_CLOEXEC) == 0)
                pid = fork();
        if (pid == 0) {
                close(go[1]); /* else it would never see that we are gone */
                become_command(cmd.argv, go[0], failed[1], mask);
        }
        if (pid < 0)
                cli_fail(c, EXIT_FAILED, "fork", "", "No process can be started: %s.",
                         strerrordesc_np(errno));
        cmd.go = go[1];
        cmd.failed = failed[0];
        if (go[0] >= 0)
                close(go[0]);
        if (failed[1] >= 0)
                close(failed[1]);
        if (pid < 0) {
                command_abandon(&cmd);
                return EXIT_FAILED;
        }
        cmd.task.pid = (uint32_t)pid;
        procfs_task(cmd.task.pid, &cmd.task);
        *ret = cmd;
        return EXIT_DONE;
}

int command_go(struct command *cmd)
{
        int error = 0;
        ssize_t n;

        if (write(cmd->go, "", 1) != 1) /* ended by a key of the terminal while it waited */
                return ECANCELED;
        cmd->running = true;
        do
                n = read(cmd->failed, &error, sizeof(error));
        while (n < 0 && errno == EINTR);
        if (n != sizeof(error))
                return 0;
        waitpid((pid_t)cmd->task.pid, NULL, 0);
        return error;
}

int command_not_run(const struct cli *c, const struct command *cmd, int error)
{
        return cli_fail(c, COMMAND_NOT_RUN, "cannot-run", "Is the name right, and is it executable?",
                        "%s cannot be run: %s.", cmd->argv[0], strerrordesc_np(error));
}

int command_status(int wait_status)
{
        return WIFSIGNALED(wait_status) ? COMMAND_SIGNAL + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}
