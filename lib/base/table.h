/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Hash table whose links live inside the entries: chains, doubled when they get long. It owns only its
 * buckets. Hashes carry no random seed on purpose: the same events must give the same iteration everywhere,
 * and the keys (pids) come from a small space that nobody can choose freely.
 */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define TABLE_BUCKETS_MIN 256

struct table_node {
        struct table_node *next;
        uint64_t hash;
};

struct table {
        struct table_node **buckets;
        size_t n_buckets; /* a power of two */
        size_t n;
};

static inline uint64_t table_hash(uint64_t x)
{
        x ^= x >> 30;
        x *= 0xbf58476d1ce4e5b9ULL;
        x ^= x >> 27;
        x *= 0x94d049bb133111ebULL;
        return x ^ x >> 31;
}

static inline int table_init(struct table *t)
{
        t->buckets = calloc(TABLE_BUCKETS_MIN, sizeof(*t->buckets));
        if (!t->buckets)
                return -ENOMEM;
        t->n_buckets = TABLE_BUCKETS_MIN;
        t->n = 0;
        return 0;
}

/* The entries are the caller's. */
static inline void table_done(struct table *t)
{
        free(t->buckets);
        t->buckets = NULL;
        t->n_buckets = t->n = 0;
}

static inline void table_link(struct table *t, struct table_node *node)
{
        struct table_node **bucket = &t->buckets[node->hash & (t->n_buckets - 1)];

        node->next = *bucket;
        *bucket = node;
}

/* Without memory for more buckets the chains just get longer. */
static inline void table_grow(struct table *t)
{
        struct table_node **buckets = calloc(t->n_buckets * 2, sizeof(*buckets)), **old = t->buckets;
        size_t n_old = t->n_buckets;

        if (!buckets)
                return;
        t->buckets = buckets;
        t->n_buckets = n_old * 2;
        for (size_t i = 0; i < n_old; i++)
                for (struct table_node *node = old[i], *next; node; node = next) {
                        next = node->next;
                        table_link(t, node);
                }
        free(old);
}

static inline bool table_has(const struct table *t, const struct table_node *node)
{
        const struct table_node *n = t->buckets[node->hash & (t->n_buckets - 1)];

        while (n && n != node)
                n = n->next;
        return n;
}

static inline void table_insert(struct table *t, struct table_node *node, uint64_t hash)
{
        assert(t->buckets);
        if (t->n >= t->n_buckets)
                table_grow(t);
        node->hash = hash;
        assert(!table_has(t, node));
        table_link(t, node);
        t->n++;
}

/* The node is in the table. */
static inline void table_remove(struct table *t, struct table_node *node)
{
        struct table_node **p = &t->buckets[node->hash & (t->n_buckets - 1)];

        while (*p && *p != node)
                p = &(*p)->next;
        assert(*p); /* it was in there */
        *p = node->next;
        t->n--;
}

static inline struct table_node *table_skip(struct table_node *node, uint64_t hash)
{
        while (node && node->hash != hash)
                node = node->next;
        return node;
}

/* Entries of one hash, the caller compares keys. */
static inline struct table_node *table_first(const struct table *t, uint64_t hash)
{
        assert(t->buckets);
        return table_skip(t->buckets[hash & (t->n_buckets - 1)], hash);
}

static inline struct table_node *table_next(const struct table_node *node)
{
        return table_skip(node->next, node->hash);
}
