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

static const struct {
        const char *name;
        int (*run)(int arg);
} whats[] = {
        {"rights", what_rights},
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
