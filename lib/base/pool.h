/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Objects of one size, some of them in reserve. Who has to change several things or none reserves first
 * (which may fail) and takes afterwards (which cannot).
 */

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define POOL_SPARE_MAX 16 /* kept beyond use; more go back to malloc, where a sanitizer sees them */

struct pool {
        size_t size; /* of an object, at least a pointer */
        size_t n_spare;
        void *spare; /* each begins with a pointer to the next */
};

static inline int pool_reserve(struct pool *p, size_t n)
{
        assert(p->size >= sizeof(void *));
        while (p->n_spare < n) {
                void **object = malloc(p->size);

                if (!object)
                        return -ENOMEM;
                *object = p->spare;
                p->spare = object;
                p->n_spare++;
        }
        return 0;
}

/* Zeroed. NULL only where nothing was reserved and there is no memory. */
static inline void *pool_take(struct pool *p)
{
        void *object = p->spare;

        assert(!object == !p->n_spare);
        if (!object)
                return calloc(1, p->size);
        p->spare = *(void **)object;
        p->n_spare--;
        return memset(object, 0, p->size);
}

static inline void pool_give(struct pool *p, void *object)
{
        if (!object)
                return;
        if (p->n_spare >= POOL_SPARE_MAX) {
                free(object);
                return;
        }
        *(void **)object = p->spare;
        p->spare = object;
        p->n_spare++;
}

static inline void pool_done(struct pool *p)
{
        while (p->spare) {
                void *object = p->spare;

                p->spare = *(void **)object;
                free(object);
        }
        p->n_spare = 0;
}
