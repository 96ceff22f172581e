// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * textcases WHAT [ARG]: programs and their text, for catalog-text.t. Says "ready pid=...", waits for SIGUSR1 from the test
 * (fixture.h), and exits 0.
 */

#include <pthread.h>
#include <stdint.h>

#include "tests/scenarios/fixture.h"

#define STACK_BYTES (64 * 1024)

/* rights: as whom do we run? */
static int what_rights(int arg)
{
        (void)arg;
        printf("ready pid=%d uid=%d euid=%d egid=%d\n", getpid(), getuid(), geteuid(), getegid());
        fixture_go(-1);
        return 0;
}

static void *sleeper(void *arg)
{
        (void)arg;
        pause();
        return NULL;
}

static void *passer(void *arg)
{
        return arg;
}

/* Begins n threads, one every pause_us, in a function of its own. */
__attribute__((noinline)) static void spawn_threads(int n, long pause_us, void *(*fn)(void *arg), int keep)
{
        pthread_attr_t attr;
        pthread_t thread;

        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, STACK_BYTES);
        for (int i = 0; i < n; i++) {
                if (pthread_create(&thread, &attr, fn, NULL) != 0)
                        die("pthread_create");
                if (!keep)
                        pthread_join(thread, NULL);
                if (pause_us)
                        usleep((useconds_t)pause_us);
        }
}

/* leak: threads that never end, one every few milliseconds */
static int what_leak(int n)
{
        printf("ready pid=%d\n", getpid());
        spawn_threads(n, 3000, sleeper, 1);
        printf("done\n");
        fixture_go(-1);
        return 0;
}

/* pool: all at once, as the program starts */
static int what_pool(int n)
{
        spawn_threads(n, 0, sleeper, 1);
        printf("ready pid=%d\n", getpid());
        fixture_go(-1);
        return 0;
}

/* churn: many that stay, and many more that end */
static int what_churn(int n)
{
        printf("ready pid=%d\n", getpid());
        for (int i = 0; i < n; i++) {
                spawn_threads(1, 0, sleeper, 1);
                spawn_threads(1, 0, passer, 0);
        }
        printf("done\n");
        fixture_go(-1);
        return 0;
}

static const struct {
        const char *name;
        int (*run)(int arg);
} whats[] = {
        {"rights", what_rights},
        {"leak", what_leak},
        {"pool", what_pool},
        {"churn", what_churn},
};

int main(int argc, char **argv)
{
        fixture_guard();
        for (size_t i = 0; argc > 1 && i < sizeof(whats) / sizeof(whats[0]); i++)
                if (strcmp(argv[1], whats[i].name) == 0)
                        return whats[i].run(argc > 2 ? atoi(argv[2]) : 0);
        fprintf(stderr, "usage: textcases WHAT [ARG]\n");
        return 2;
}
