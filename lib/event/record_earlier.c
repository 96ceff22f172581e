/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/event/record_earlier.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* struct rec_header of 0.1.0. What follows it in each record is as today, or has grown at its end. */
struct rec_header_earlier {
        rec_u16 type, size;
        rec_u32 generation;
        rec_u64 time_ns;
};
static_assert(sizeof(struct rec_header_earlier) == 16, "0.1.0 has written it so");
static_assert(offsetof(struct rec_header, seq) == sizeof(struct rec_header_earlier), "it only grew");
static_assert(sizeof(struct rec_text) <= RECORD_BYTES_MAX, "the largest record fits");

/* What its record has grown by at its end. */
static size_t grown(const struct rec_header_earlier *h)
{
        return h->type == REC_EXEC ? sizeof(struct rec_exec) - offsetof(struct rec_exec, inode) : 0;
}

int record_from_earlier(const void *data, size_t size, void *ret, size_t ret_size)
{
        const size_t before = sizeof(struct rec_header_earlier), more = sizeof(struct rec_header) - before;
        struct rec_header_earlier earlier;
        struct rec_header *h = ret;
        size_t end;

        if (size < before)
                return -EBADMSG;
        memcpy(&earlier, data, before);
        end = grown(&earlier);
        if (size + more + end > ret_size)
                return -ENOSPC;
        memcpy(ret, data, before);
        memcpy((char *)ret + sizeof(*h), (const char *)data + before, size - before);
        memset((char *)ret + size + more, 0, end);
        h->seq = 0;
        h->size = (rec_u16)(size + more + end);
        return (int)(size + more + end);
}
