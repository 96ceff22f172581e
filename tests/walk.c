/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Linked into a daemon that is built with -finstrument-functions, for tests/walk: which functions one
 * request goes through. From the first entry of the function at WALK_BEGIN to the return of the one at
 * WALK_END or WALK_FAIL, in that thread, each entry ("+ DEPTH ADDRESS") is kept, and written to the file
 * WALK_TO at the end.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define STEPS_MAX 65536

#define UNSEEN __attribute__((no_instrument_function))

static struct step {
        void *function;
        unsigned depth;
} steps[STEPS_MAX];
static size_t n_steps;
static void *begin, *end, *failed;
static bool over;
static __thread bool walking;
static __thread unsigned depth;

static UNSEEN void *address_of(const char *name)
{
        const char *s = getenv(name);

        return s ? (void *)(uintptr_t)strtoull(s, NULL, 16) : NULL;
}

UNSEEN __attribute__((constructor)) void walk_read_environment(void);
void walk_read_environment(void)
{
        begin = address_of("WALK_BEGIN");
        end = address_of("WALK_END");
        failed = address_of("WALK_FAIL");
}

static UNSEEN void write_down(void)
{
        FILE *f = fopen(getenv("WALK_TO"), "w");

        for (size_t i = 0; f && i < n_steps; i++)
                fprintf(f, "%u %p\n", steps[i].depth, steps[i].function);
        if (f)
                fclose(f);
}

UNSEEN void __cyg_profile_func_enter(void *function, void *site);
void __cyg_profile_func_enter(void *function, void *site)
{
        (void)site;
        if (function == begin && !over)
                walking = true;
        if (!walking || over)
                return;
        if (n_steps < STEPS_MAX)
                steps[n_steps++] = (struct step){function, depth};
        depth++;
}

UNSEEN void __cyg_profile_func_exit(void *function, void *site);
void __cyg_profile_func_exit(void *function, void *site)
{
        (void)site;
        if (!walking || over)
                return;
        if (depth)
                depth--;
        if (function != end && function != failed)
                return;
        over = true;
        write_down();
}
