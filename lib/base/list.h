/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Doubly linked list whose links live inside the entries. It owns nothing. A link that is in no list points
 * at itself, so taking it out twice does no harm; one that was never in one may also be zero.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

struct list {
        struct list *prev, *next;
};

#define LIST_ENTRY(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* The current entry may be removed from inside the loop. */
#define LIST_FOREACH(it, head)                                                    \
        for (struct list *it = (head)->next, *it##_next = it->next; it != (head); \
             it = it##_next, it##_next = it->next)

static inline void list_init(struct list *l)
{
        l->prev = l->next = l;
}

static inline bool list_empty(const struct list *head)
{
        return head->next == head;
}

static inline void list_remove(struct list *item)
{
        assert(item->prev->next == item && item->next->prev == item);
        item->prev->next = item->next;
        item->next->prev = item->prev;
        list_init(item);
}

/* At the end; item is in no list, zeroed or initialized. */
static inline void list_append(struct list *head, struct list *item)
{
        assert(!item->next || item->next == item);
        item->prev = head->prev;
        item->next = head;
        head->prev->next = item;
        head->prev = item;
}

static inline void list_move_last(struct list *head, struct list *item)
{
        list_remove(item);
        list_append(head, item);
}
