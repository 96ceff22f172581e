/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A file that appears complete or not at all: written under another name beside its place, then renamed. A
 * place that is no regular file (a device, a pipe) is written directly.
 */

#include <stdbool.h>
#include <stdio.h>

struct outfile {
        FILE *f;
        char *path;      /* where it is to appear */
        char *temporary; /* NULL: written directly */
};

/* -errno; nothing to clean up then. */
int outfile_open(struct outfile *ret, const char *path);
/* Flushes, and puts it in its place. -errno: the place is as it was before. Closes either way. */
int outfile_commit(struct outfile *o);
/* Gives up: the place is as it was before. Harmless after a commit and on a zeroed struct. */
void outfile_abandon(struct outfile *o);

#define _cleanup_outfile_ __attribute__((cleanup(outfile_abandon)))
