/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/sentence.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A text that was cut inside a UTF-8 sequence loses the rest of that character, too. */
static void trim_character(char *text, size_t len)
{
        size_t n = 0;

        while (n < 3 && n < len && ((unsigned char)text[len - 1 - n] & 0xc0) == 0x80)
                n++;
        if (n < len && ((unsigned char)text[len - 1 - n] & 0xc0) == 0xc0)
                text[len - 1 - n] = '\0';
}

void say(struct sentence to, const char *format, ...)
{
        size_t len = strnlen(to.text, to.size);
        va_list ap;
        int n;

        assert(len < to.size); /* whoever hands it over has ended it */
        va_start(ap, format);
        n = vsnprintf(to.text + len, to.size - len, format, ap);
        va_end(ap);
        if (n < 0)
                to.text[len] = '\0';
        else if ((size_t)n >= to.size - len)
                trim_character(to.text, to.size - 1);
}
