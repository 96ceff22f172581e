/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A directory for each test: make_dir and remove_dir are its fixture. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "lib/base/cleanup.h"

static char dir[64];

static void make_dir(void)
{
        strcpy(dir, "/tmp/ptraced-unit-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void)
{
        char command[128];

        snprintf(command, sizeof(command), "rm -rf %s", dir);
        ck_assert_int_eq(system(command), 0);
}

static const char *in_dir(const char *name)
{
        static char paths[4][128]; /* a few may be in use at once */
        static unsigned next;
        char *path = paths[next++ % ELEMENTSOF(paths)];

        snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
        return path;
}
