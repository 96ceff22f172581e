/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/line_reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void line_reader_init(struct line_reader *r, int fd)
{
        r->fd = fd;
        r->eof = r->skipping = false;
        r->begin = r->end = 0;
}

/* Make room and read more. The bytes of a line that fills the buffer are thrown away. */
static int fill(struct line_reader *r)
{
        ssize_t n;

        if (r->begin > 0) {
                memmove(r->buf, r->buf + r->begin, r->end - r->begin);
                r->end -= r->begin;
                r->begin = 0;
        }
        if (r->end == LINE_READER_SIZE) {
                r->skipping = true;
                r->end = 0;
        }

        do
                n = read(r->fd, r->buf + r->end, LINE_READER_SIZE - r->end);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if (n == 0)
                r->eof = true;
        r->end += (size_t)n;
        return 0;
}

int line_reader_next(struct line_reader *r, char **ret_line)
{
        for (;;) {
                char *start = r->buf + r->begin, *newline;
                bool skipped = r->skipping;
                int error;

                newline = memchr(start, '\n', r->end - r->begin);
                if (newline) {
                        r->begin = (size_t)(newline - r->buf) + 1;
                        r->skipping = false;
                        if (skipped)
                                continue;
                        *newline = 0;
                        *ret_line = start;
                        return 1;
                }
                if (r->eof) {
                        if (r->begin == r->end || skipped)
                                return 0;
                        r->buf[r->end] = 0;
                        r->begin = r->end;
                        *ret_line = start;
                        return 1;
                }
                error = fill(r);
                if (error < 0)
                        return error;
        }
}
