/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Lines of a file that somebody else shapes (/proc/PID/status, maps, mountinfo): fixed memory however long
 * the file or a line is. The reader borrows the file descriptor. A line that does not fit is dropped whole,
 * so that its tail can never pass for a line of its own.
 */

#include <stdbool.h>
#include <stddef.h>

#define LINE_READER_SIZE 8192

struct line_reader {
        int fd;
        bool eof, skipping;
        size_t begin, end; /* unread bytes of buf */
        char buf[LINE_READER_SIZE + 1];
};

void line_reader_init(struct line_reader *r, int fd);
/* The next line without its newline, valid until the next call. 1, 0 at the end, or -errno. */
int line_reader_next(struct line_reader *r, char **ret_line);
