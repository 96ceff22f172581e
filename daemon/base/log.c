/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/log.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

static int max_level = LOG_INFO;
static bool to_journal;

/* JOURNAL_STREAM names the device and inode the journal gave us; it is inherited by children whose stderr
 * was redirected since, so the numbers must agree. */
static bool stderr_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        uintmax_t dev, ino;
        struct stat st;

        return stream && sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &dev, &ino) == 2 &&
               fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_init(int level)
{
        max_level = level;
        to_journal = stderr_is_journal();
}

void log_line(int level, const char *format, ...)
{
        char line[LOG_LINE_MAX];
        va_list ap;

        if (level > max_level)
                return;
        va_start(ap, format);
        vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        /* Names of tasks may be in it: one line stays one line, and a terminal is told nothing. */
        for (char *c = line; *c; c++)
                if (iscntrl((unsigned char)*c))
                        *c = '?';
        if (to_journal)
                fprintf(stderr, "<%d>%s\n", level, line);
        else
                fprintf(stderr, "ptraced: %s\n", line);
}
