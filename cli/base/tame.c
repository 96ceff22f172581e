/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/base/tame.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define C1_LEAD 0xc2 /* in UTF-8 U+0080 to U+009F are this byte and one from 0x80 to 0x9f */

struct tame {
        FILE *below;
        bool lead; /* a C1_LEAD was the last byte and is not written yet */
};

static void tame_byte(struct tame *t, unsigned char c)
{
        bool c1 = t->lead && c >= 0x80 && c <= 0x9f;

        if (t->lead && !c1)
                fputc(C1_LEAD, t->below);
        t->lead = c == C1_LEAD;
        if (t->lead)
                return;
        if (c1 || c == 0x7f || (c < 0x20 && c != '\n' && c != '\r'))
                fprintf(t->below, "\\u%04x", c);
        else
                fputc(c, t->below);
}

static ssize_t tame_write(void *cookie, const char *buf, size_t size)
{
        struct tame *t = cookie;

        for (size_t i = 0; i < size; i++)
                tame_byte(t, (unsigned char)buf[i]);
        return ferror(t->below) ? 0 : (ssize_t)size; /* 0: it failed */
}

static int tame_close(void *cookie)
{
        struct tame *t = cookie;
        int r = fflush(t->below);

        free(t);
        return r;
}

int tame_open(FILE *below, FILE **ret)
{
        const cookie_io_functions_t calls = {.write = tame_write, .close = tame_close};
        struct tame *t = calloc(1, sizeof(*t));
        FILE *f = t ? fopencookie(t, "w", calls) : NULL;

        if (!f) {
                free(t);
                return -ENOMEM;
        }
        t->below = below;
        *ret = f;
        return 0;
}
