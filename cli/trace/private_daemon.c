/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/trace/private_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "cli/base/daemon_file.h"
#include "cli/base/json.h"
#include "cli/base/output.h"
#include "cli/base/session.h"

#define POLL_MS       20
#define LOG_LINE_MAX  512
#define LOG_TAIL_MAX  4096
#define REMOVE_FD_MAX 8

static void sleep_ms(unsigned ms)
{
        const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * (long)NSEC_PER_MSEC};

        nanosleep(&t, NULL);
}

static int make_directory(struct private_daemon *d)
{
        const char *tmp = getenv("TMPDIR");

        /* A socket's path is short by law: a long TMPDIR is passed over. */
        if (!tmp || tmp[0] != '/' || strlen(tmp) > 64)
                tmp = "/tmp";
        snprintf(d->dir, sizeof(d->dir), "%s/ptraced.XXXXXX", tmp);
        if (!mkdtemp(d->dir)) {
                d->dir[0] = 0;
                return -errno;
        }
        snprintf(d->socket, sizeof(d->socket), "%s/sock", d->dir);
        return 0;
}

/* In the child: becomes the daemon. Keys of the terminal are for the command, not for it. */
static _Noreturn void become_daemon(const struct private_daemon *d, const char *program, pid_t follow,
                                    pid_t parent)
{
        char state[160], log[160], pid[16];
        sigset_t none;
        int fd;

        snprintf(state, sizeof(state), "%s/state", d->dir);
        snprintf(log, sizeof(log), "%s/log", d->dir);
        snprintf(pid, sizeof(pid), "%d", (int)follow);
        setsid();
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) /* gone before we asked to be told */
                _exit(1);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGINT, SIG_DFL);
        signal(SIGPIPE, SIG_DFL);
        fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0) {
                dup2(fd, STDERR_FILENO);
                dup2(fd, STDOUT_FILENO);
        }
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
                dup2(fd, STDIN_FILENO);
        unsetenv("NOTIFY_SOCKET"); /* readiness of this one is nobody's business but ours */
        unsetenv("LISTEN_FDS");
        execl(program, "ptraced", "--socket", d->socket, "--state-dir", state, "--follow", pid,
              (char *)NULL);
        dprintf(STDERR_FILENO, "%s cannot be run: %s\n", program, strerrordesc_np(errno));
        _exit(127);
}

/* The last line of its log: its own sentence on why it ended. */
static const char *last_words(const struct private_daemon *d, char buf[static LOG_LINE_MAX])
{
        _cleanup_close_ int fd = -1;
        char path[160], tail[LOG_TAIL_MAX + 1], *line;
        off_t size;
        ssize_t n;

        snprintf(buf, LOG_LINE_MAX, "it has said nothing");
        snprintf(path, sizeof(path), "%s/log", d->dir);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        size = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
        if (size <= 0)
                return buf;
        n = pread(fd, tail, LOG_TAIL_MAX, size > LOG_TAIL_MAX ? size - LOG_TAIL_MAX : 0);
        if (n <= 0)
                return buf;
        while (n > 0 && tail[n - 1] == '\n')
                n--;
        tail[n] = 0;
        line = strrchr(tail, '\n');
        snprintf(buf, LOG_LINE_MAX, "%.*s", LOG_LINE_MAX - 1, line ? line + 1 : tail);
        return buf;
}

static bool is_ready(struct client *client)
{
        _cleanup_json_ struct json_object *o = NULL;
        struct client_error e;

        return client_get(client, "/v1/status", &o, &e) == 0 && member_bool(o, "ready");
}

static int wait_ready(const struct cli *c, struct private_daemon *d)
{
        _cleanup_client_ struct client *client = NULL;
        struct client_error e;
        char words[LOG_LINE_MAX];
        int r;

        r = client_new(&client, d->socket, &e);
        if (r < 0)
                return cli_fail_client(c, r, &e);
        for (unsigned waited = 0; waited < PRIVATE_READY_MS; waited += POLL_MS) {
                if (waitpid(d->pid, NULL, WNOHANG) == d->pid) {
                        d->pid = 0;
                        return cli_fail(c, EXIT_FAILED, "ptraced-failed",
                                        geteuid() == 0 ? "" : "Recording needs root: try it with sudo.",
                                        "The ptraced for this run did not start: %s.", last_words(d, words));
                }
                if (is_ready(client))
                        return EXIT_DONE;
                sleep_ms(POLL_MS);
        }
        return cli_fail(c, EXIT_UNREACHABLE, "timeout", "",
                        "The ptraced for this run is not ready after %d s: %s.", PRIVATE_READY_MS / 1000,
                        last_words(d, words));
}

int private_daemon_start(const struct cli *c, pid_t follow, struct private_daemon *ret)
{
        char program[DAEMON_PATH_MAX];
        pid_t parent = getpid();
        int r;

        if (daemon_file(program, sizeof(program)) < 0)
                return cli_fail(c, EXIT_FAILED, "no-ptraced", "Install it, or put its directory into PATH.",
                                "The program ptraced is not beside ptracectl, in ../sbin or in PATH.");
        r = make_directory(ret);
        if (r < 0)
                return cli_fail(c, EXIT_FAILED, "no-directory", "Set TMPDIR to a directory with room.",
                                "No directory for the recording could be made: %s.", strerrordesc_np(-r));
        ret->pid = fork();
        if (ret->pid < 0) {
                ret->pid = 0;
                return cli_fail(c, EXIT_FAILED, "fork", "", "No process can be started: %s.",
                                strerrordesc_np(errno));
        }
        if (ret->pid == 0)
                become_daemon(ret, program, follow, parent);
        return wait_ready(c, ret);
}

static int remove_entry(const char *path, const struct stat *st _unused_, int type _unused_,
                        struct FTW *at _unused_)
{
        remove(path);
        return 0; /* what cannot be removed must not keep the rest */
}

void private_daemon_stop(struct private_daemon *d)
{
        unsigned waited = 0;

        if (d->pid) {
                kill(d->pid, SIGTERM);
                while (waitpid(d->pid, NULL, WNOHANG) == 0) {
                        if (waited >= PRIVATE_STOP_MS)
                                kill(d->pid, SIGKILL);
                        sleep_ms(POLL_MS);
                        waited += POLL_MS;
                }
        }
        if (d->dir[0])
                nftw(d->dir, remove_entry, REMOVE_FD_MAX, FTW_DEPTH | FTW_PHYS);
        *d = (struct private_daemon){};
}
