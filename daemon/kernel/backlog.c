/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/kernel/backlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "lib/base/cleanup.h"
#include "lib/event/record_earlier.h"

/* Records read in one go: somebody may make them as fast as they are read. */
#define READ_MAX (RING_BYTES / sizeof(struct rec_header))

struct backlog {
        uint8_t *data; /* records, each behind its length, all aligned as the ring's */
        size_t used, size;
        uint64_t lost;
};

struct taking {
        struct backlog **b;
        bool earlier; /* the records are as 0.1.0 made them */
        bool (*keep)(void *userdata, const struct rec_header *h, size_t size);
        void *userdata;
        size_t n;
};

bool backlog_is_refusal(const struct rec_header *h)
{
        return h->type == REC_GUARD;
}

static size_t aligned(size_t size)
{
        return (size + 7) & ~(size_t)7;
}

static int make_room(struct backlog *b, size_t more)
{
        size_t size = b->size ? b->size : 4096;
        uint8_t *data;

        while (size < b->used + more)
                size *= 2;
        if (size == b->size)
                return 0;
        data = size <= BACKLOG_MAX ? realloc(b->data, size) : NULL;
        if (!data)
                return -ENOBUFS;
        b->data = data;
        b->size = size;
        return 0;
}

int backlog_add(struct backlog **b, const void *data, size_t size)
{
        uint64_t length = size;

        if (!*b)
                *b = calloc(1, sizeof(**b));
        if (!*b)
                return -ENOMEM;
        if (make_room(*b, sizeof(length) + aligned(size)) < 0) {
                (*b)->lost++;
                return -ENOBUFS;
        }
        memcpy((*b)->data + (*b)->used, &length, sizeof(length));
        memcpy((*b)->data + (*b)->used + sizeof(length), data, size);
        (*b)->used += sizeof(length) + aligned(size);
        return 0;
}

static void take_earlier_one(struct taking *t, const void *data, size_t size)
{
        uint8_t now[RECORD_BYTES_MAX];
        int n = record_from_earlier(data, size, now, sizeof(now));

        if (n > 0)
                backlog_add(t->b, now, (size_t)n);
}

static int take_one(void *userdata, void *data, size_t size)
{
        struct taking *t = userdata;

        if (t->earlier)
                take_earlier_one(t, data, size);
        else if (size >= sizeof(struct rec_header) && (!t->keep || t->keep(t->userdata, data, size)))
                backlog_add(t->b, data, size);
        return ++t->n < READ_MAX ? 0 : -EAGAIN;
}

static int empty_ring(int ring_fd, struct taking *t)
{
        struct ring_buffer *ring = ring_buffer__new(ring_fd, take_one, t, NULL);

        if (!ring)
                return -errno;
        ring_buffer__consume(ring);
        ring_buffer__free(ring);
        return 0;
}

int backlog_take(struct backlog **b, int ring_fd,
                 bool (*keep)(void *userdata, const struct rec_header *h, size_t size), void *userdata)
{
        return empty_ring(ring_fd, &(struct taking){.b = b, .keep = keep, .userdata = userdata});
}

int backlog_take_earlier(struct backlog **b, int ring_fd)
{
        return empty_ring(ring_fd, &(struct taking){.b = b, .earlier = true});
}

void backlog_each(const struct backlog *b, void (*fn)(void *userdata, const void *data, size_t size),
                  void *userdata)
{
        uint64_t length;

        for (size_t at = 0; b && at < b->used; at += sizeof(length) + aligned(length)) {
                memcpy(&length, b->data + at, sizeof(length));
                fn(userdata, b->data + at + sizeof(length), length);
        }
}

uint64_t backlog_lost(const struct backlog *b)
{
        return b ? b->lost : 0;
}

struct backlog *backlog_free(struct backlog *b)
{
        if (b)
                free(b->data);
        free(b);
        return NULL;
}
