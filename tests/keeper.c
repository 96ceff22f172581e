/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keeper [-t] [-s SECONDS] COMMAND [ARG...]: run COMMAND, and leave no process of it behind, however it
 * ends.
 *
 * Tests and the demo start daemons, debuggers, fixtures and guests, each a tree of its own with process
 * groups of its own; a shell that is ended cannot end them all. The keeper adopts every orphan below it
 * (PR_SET_CHILD_SUBREAPER), so that nothing gets away from it:
 *
 *   On SIGINT, SIGTERM, SIGHUP, SIGQUIT, or when its own parent ends: SIGTERM to all below it, once; SIGKILL
 * after GRACE_S, or at another such signal after DOUBLE_S (a terminal's Ctrl-C and the caller's SIGTERM are
 * one wish). Exit status 128 + the signal. When SECONDS are over: the same, and 124. When COMMAND has ended:
 * what is left below it after SETTLE_S is told on stderr and ended, and is a failure (status 1 if COMMAND's
 * was 0).
 *
 * -t: TMPDIR is a new directory for COMMAND, and is removed at the end.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
        PROCESSES_MAX = 1 << 16, /* on the machine; those beyond are not looked at */
        GRACE_S = 20,            /* for what was asked to end: a guest, a daemon that stores, a cleanup */
        DOUBLE_S = 1,
        SETTLE_S = 2,  /* for what ends just behind COMMAND, a pipe's reader for example */
        KILL_S = 30,   /* for what was killed: the kernel may be writing for it */
        ALL_WENT = -1, /* until_gone: nothing is left */
        TIME_IS_UP = 0,
        SECONDS_MAX = 24 * 60 * 60,
        OPEN_FILES = 16, /* of the walk through TMPDIR */
};

struct process {
        pid_t pid, parent;
        bool below; /* a descendant of ours */
};

struct keeper {
        pid_t command;
        int status;  /* of COMMAND, as waitpid gives it; -1 while it runs */
        int seconds; /* that it may take */
        sigset_t signals;
        char tmpdir[PATH_MAX];
        struct process processes[PROCESSES_MAX];
        size_t n;
};

static bool read_process(const char *pid, struct process *p)
{
        char path[64], line[512];
        const char *after;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
        f = fopen(path, "re");
        if (!f)
                return false;
        line[fread(line, 1, sizeof(line) - 1, f)] = '\0';
        fclose(f);
        after = strrchr(line, ')'); /* a comm may hold anything, parentheses too */
        *p = (struct process){.pid = atoi(pid)};
        return after && sscanf(after, ") %*c %d", &p->parent) == 1;
}

static bool parent_is_below(const struct keeper *k, pid_t parent)
{
        for (size_t i = 0; i < k->n; i++)
                if (k->processes[i].pid == parent)
                        return k->processes[i].below;
        return false;
}

/* The processes below this one are marked, in rounds: parents may come after their children in the list. */
static void look(struct keeper *k)
{
        DIR *proc = opendir("/proc");
        struct dirent *d;
        bool more = true;

        k->n = 0;
        while (proc && k->n < PROCESSES_MAX && (d = readdir(proc)))
                if (d->d_name[0] >= '1' && d->d_name[0] <= '9' &&
                    read_process(d->d_name, &k->processes[k->n]))
                        k->n++;
        if (proc)
                closedir(proc);
        while (more) {
                more = false;
                for (struct process *p = k->processes; p < k->processes + k->n; p++)
                        if (!p->below && (p->parent == getpid() || parent_is_below(k, p->parent)))
                                p->below = more = true;
        }
}

static void signal_all(struct keeper *k, int sig)
{
        look(k);
        for (size_t i = 0; i < k->n; i++)
                if (k->processes[i].below)
                        kill(k->processes[i].pid, sig);
}

/* A process that has ended is none, though nobody has reaped it yet. */
static void tell_left_behind(struct keeper *k)
{
        look(k);
        for (size_t i = 0; i < k->n; i++) {
                char path[64], words[160];
                size_t n = 0;
                FILE *f;

                if (!k->processes[i].below)
                        continue;
                snprintf(path, sizeof(path), "/proc/%d/cmdline", k->processes[i].pid);
                f = fopen(path, "re");
                if (f) {
                        n = fread(words, 1, sizeof(words) - 1, f);
                        fclose(f);
                }
                for (size_t j = 0; j < n; j++)
                        if (words[j] < ' ' || words[j] > '~')
                                words[j] = ' ';
                words[n] = '\0';
                if (n > 0)
                        fprintf(stderr, "keeper: left behind: %d %s\n", k->processes[i].pid, words);
        }
}

/* Reaps what has ended; false when nothing is left below. */
static bool reap(struct keeper *k)
{
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                if (pid == k->command)
                        k->status = status;
        return pid == 0;
}

static bool is_over(const struct timespec *end)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

static struct timespec in_seconds(int seconds)
{
        struct timespec end;

        clock_gettime(CLOCK_MONOTONIC, &end);
        end.tv_sec += seconds;
        return end;
}

/* Waits until nothing is left below (with for_command: until COMMAND has ended), the time is up, or one of
 * our signals comes, which is returned. */
static int wait_below(struct keeper *k, int seconds, bool for_command)
{
        const struct timespec end = in_seconds(seconds), tick = {.tv_nsec = 100 * 1000 * 1000};

        while (reap(k) && !(for_command && k->status >= 0)) {
                int sig = sigtimedwait(&k->signals, NULL, &tick);

                if (sig > 0 && sig != SIGCHLD)
                        return sig;
                if (is_over(&end))
                        return TIME_IS_UP;
        }
        return ALL_WENT;
}

static void end_all(struct keeper *k, int grace)
{
        struct timespec double_end = in_seconds(DOUBLE_S);
        int r;

        signal_all(k, SIGTERM);
        signal_all(k, SIGCONT); /* what is stopped takes no SIGTERM */
        do
                r = wait_below(k, grace, false);
        while (r > 0 && !is_over(&double_end));
        for (int i = 0; r != ALL_WENT && i < KILL_S; i++) {
                signal_all(k, SIGKILL);
                r = wait_below(k, 1, false);
        }
        if (r != ALL_WENT)
                tell_left_behind(k);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
        (void)st, (void)type, (void)walk;
        return remove(path) < 0 && errno != ENOENT;
}

static int make_tmpdir(struct keeper *k)
{
        const char *parent = getenv("TMPDIR");

        snprintf(k->tmpdir, sizeof(k->tmpdir), "%s/ptraced-tests.XXXXXX",
                 parent && *parent ? parent : "/tmp");
        /* Others look into it: some tests are an ordinary user's. */
        if (!mkdtemp(k->tmpdir) || chmod(k->tmpdir, 0755) < 0 || setenv("TMPDIR", k->tmpdir, 1) < 0)
                return -errno;
        return 0;
}

static int run(struct keeper *k, char **command)
{
        sigset_t before;

        k->status = -1;
        sigemptyset(&k->signals);
        for (const int *s = (const int[]){SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, 0}; *s; s++)
                sigaddset(&k->signals, *s);
        for (int s = 1; s < SIGRTMIN; s++)
                if (sigismember(&k->signals, s))
                        signal(s, SIG_DFL); /* a shell's background jobs ignore SIGINT */
        sigprocmask(SIG_BLOCK, &k->signals, &before);
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
                return -errno;
        k->command = fork();
        if (k->command < 0)
                return -errno;
        if (k->command == 0) {
                sigprocmask(SIG_SETMASK, &before, NULL);
                execvp(command[0], command);
                fprintf(stderr, "keeper: cannot run %s: %s\n", command[0], strerror(errno));
                _exit(127);
        }
        return 0;
}

/* The exit status for how it went. */
static int keep(struct keeper *k)
{
        int r = wait_below(k, k->seconds, true), status;

        if (r == TIME_IS_UP) {
                fprintf(stderr, "keeper: over its %d s: ending all that was started\n", k->seconds);
                end_all(k, GRACE_S);
                return 124;
        }
        if (r == ALL_WENT)
                r = wait_below(k, SETTLE_S, false);
        if (r > 0) {
                fprintf(stderr, "keeper: %s: ending all that was started\n", strsignal(r));
                end_all(k, GRACE_S);
                return 128 + r;
        }
        if (r == TIME_IS_UP) {
                tell_left_behind(k);
                end_all(k, SETTLE_S);
        }
        assert(k->status >= 0);
        status = WIFSIGNALED(k->status) ? 128 + WTERMSIG(k->status) : WEXITSTATUS(k->status);
        return status == 0 && r == TIME_IS_UP ? 1 : status;
}

static int usage(void)
{
        fprintf(stderr, "keeper: usage: keeper [-t] [-s SECONDS] COMMAND [ARG...]\n");
        return 2;
}

int main(int argc, char **argv)
{
        static struct keeper k = {.seconds = SECONDS_MAX};
        bool tmpdir = false;
        int o, r, status;

        while ((o = getopt(argc, argv, "+ts:")) != -1) {
                if (o == 's')
                        k.seconds = atoi(optarg);
                else if (o == 't')
                        tmpdir = true;
                else
                        return usage();
        }
        if (optind >= argc || k.seconds <= 0 || k.seconds > SECONDS_MAX)
                return usage();
        r = tmpdir ? make_tmpdir(&k) : 0;
        if (r == 0)
                r = run(&k, argv + optind);
        if (r < 0) {
                fprintf(stderr, "keeper: cannot start %s: %s\n", argv[optind], strerror(-r));
                return 126;
        }
        status = keep(&k);
        if (tmpdir)
                nftw(k.tmpdir, remove_one, OPEN_FILES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
        return status;
}
