/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Ownership by scope. A local marked _cleanup_free_ (and friends) is released when it leaves its scope;
 * TAKE_PTR/TAKE_FD pass it on instead. File descriptors start at -1. Functions return 0 or -errno, write
 * their ret_ arguments only on success, and have one way out.
 */

#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))
#define ELEMENTSOF(a)  (sizeof(a) / sizeof((a)[0]))
#define MIN_OF(a, b)   ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b)   ((a) > (b) ? (a) : (b))
#define NSEC_PER_SEC   1000000000ULL
#define NSEC_PER_MSEC  1000000ULL
#define TAKE(x, nil)                        \
        ({                                  \
                __typeof__(x) _taken = (x); \
                (x) = (nil);                \
                _taken;                     \
        })
#define TAKE_PTR(x) TAKE(x, NULL)
#define TAKE_FD(x)  TAKE(x, -1)

static inline void cleanup_free(void *p)
{
        free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
        if (*f)
                fclose(*f);
}

static inline void cleanup_closedir(DIR **d)
{
        if (*d)
                closedir(*d);
}

#define _cleanup_free_     _cleanup_(cleanup_free)
#define _cleanup_close_    _cleanup_(cleanup_close)
#define _cleanup_fclose_   _cleanup_(cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)
