// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * children MODE [ARG]: a parent, its children and its SIGCHLD. It is "ready pid=", begins at SIGUSR1, says what came of it
 * ("waited ret= errno= status=", "zombies n=" or "replaced") and stays until the next SIGUSR1.
 *
 *   wait            waits for one child, which exits with status 3
 *   steal thread    a thread that waits for any child has reaped it before
 *   steal handler   a handler for SIGCHLD does
 *   steal own       a thread waits, for a child of its own
 *   steal twice     nobody: it asks for it a second time
 *   ignore self     SIGCHLD is ignored here
 *   ignore exec     was ignored, then it executes "wait"
 *   ignore parent   its parent, which ignores it, has executed "wait"
 *   replace WHAT    LIBRARY is loaded, which takes SIGNAL over:
 *     other LIBRARY SIGNAL    from a handler of the program
 *     back LIBRARY SIGNAL     and the program sets its own again
 *     default LIBRARY SIGNAL  the program had none
 *     same LIBRARY SIGNAL     instead of the library the program sets another handler of its own
 *   burst one       eight children end at once; the handler waits once
 *   burst all       the handler waits as often as there are any
 *   burst late      the handler waits once, and the main loop for the rest a second later
 */

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "tests/scenarios/fixture.h"

#define BURST 8

static _Atomic int reaped_by_other;
static _Atomic pid_t of_thief;
static const char *mode = "";

static pid_t child_that_ends(int status, int after_ms)
{
        pid_t pid = fork();

        if (pid < 0)
                die("fork");
        if (pid == 0) {
                fixture_guard();
                usleep((useconds_t)after_ms * 1000);
                _exit(status);
        }
        return pid;
}

static void tell_wait(pid_t child)
{
        int status = 0;
        pid_t r = waitpid(child, &status, 0);

        printf("waited ret=%d errno=%d status=%d child=%d\n", r, r < 0 ? errno : 0, status, child);
}

static void *thief(void *unused)
{
        int status;

        (void)unused;
        while (!of_thief)
                usleep(1000);
        while (waitpid(strcmp(mode, "own") ? -1 : of_thief, &status, 0) < 0)
                ;
        reaped_by_other = 1;
        pause();
        return NULL;
}

static void steal_by_thread(void)
{
        bool own = strcmp(mode, "own") == 0;
        pthread_t thread;
        pid_t child;

        if (pthread_create(&thread, NULL, thief, NULL))
                die("pthread_create");
        if (own)
                of_thief = child_that_ends(0, 1);
        child = child_that_ends(3, 50);
        if (!own)
                of_thief = child;
        while (!reaped_by_other)
                usleep(1000);
        tell_wait(child);
}

/* As the handlers of many servers. */
static void reap_any(int sig)
{
        int saved = errno;

        (void)sig;
        do
                if (waitpid(-1, NULL, WNOHANG) <= 0)
                        break;
        while (strcmp(mode, "one") && strcmp(mode, "late"));
        errno = saved;
}

static void handle_sigchld(void)
{
        struct sigaction sa = {.sa_handler = reap_any, .sa_flags = SA_RESTART};

        if (sigaction(SIGCHLD, &sa, NULL) < 0)
                die("sigaction");
}

static void steal(void)
{
        pid_t child;

        if (!strcmp(mode, "thread") || !strcmp(mode, "own")) {
                steal_by_thread();
                return;
        }
        if (!strcmp(mode, "handler"))
                handle_sigchld();
        child = child_that_ends(3, 50);
        if (!strcmp(mode, "twice"))
                waitpid(child, NULL, 0);
        else
                fixture_go(500); /* the handler runs here; a wait that is under way would come first */
        tell_wait(child);
}

static void ignore(const char *self)
{
        signal(SIGCHLD, SIG_IGN);
        if (!strcmp(mode, "self"))
                tell_wait(child_that_ends(3, 50));
        else if (!strcmp(mode, "exec") || fork() == 0)
                execl(self, self, "wait", NULL);
}

static int count_zombies(const pid_t children[BURST])
{
        int n = 0;

        for (int i = 0; i < BURST; i++) {
                siginfo_t si = {};

                n += waitid(P_PID, (id_t)children[i], &si, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                     si.si_pid == children[i];
        }
        return n;
}

static void nothing(int sig)
{
        (void)sig;
}

static void replace(const char *library, const char *signal_number)
{
        int sig = atoi(signal_number);

        setenv("TAKE_SIGNAL", signal_number, 1);
        if (strcmp(mode, "default"))
                signal(sig, reap_any);
        if (!strcmp(mode, "same"))
                signal(sig, nothing);
        else if (!dlopen(library, RTLD_NOW))
                die(library);
        if (!strcmp(mode, "back"))
                signal(sig, reap_any);
        printf("replaced\n");
}

/* All end while SIGCHLD is blocked. */
static void burst(void)
{
        sigset_t set;
        pid_t children[BURST];

        handle_sigchld();
        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        sigprocmask(SIG_BLOCK, &set, NULL);
        for (int i = 0; i < BURST; i++)
                children[i] = child_that_ends(0, 1);
        for (int i = 0; i < 5000 && count_zombies(children) < BURST; i++)
                usleep(1000);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        printf("zombies n=%d\n", count_zombies(children));
        usleep(1000000);
        while (!strcmp(mode, "late") && waitpid(-1, NULL, WNOHANG) > 0)
                ;
}

int main(int argc, char **argv)
{
        const char *what = argc > 1 ? argv[1] : "";

        mode = argc > 2 ? argv[2] : "";
        fixture_guard();
        printf("ready pid=%d\n", getpid());
        fixture_go(-1);
        if (!strcmp(what, "wait"))
                tell_wait(child_that_ends(3, 50));
        else if (!strcmp(what, "steal"))
                steal();
        else if (!strcmp(what, "ignore"))
                ignore(argv[0]);
        else if (!strcmp(what, "replace") && argc > 4)
                replace(argv[3], argv[4]);
        else if (!strcmp(what, "burst"))
                burst();
        else
                return 98;
        fixture_go(-1);
        return 0;
}
