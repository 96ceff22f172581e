/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/wrap.h"

#include <string.h>
#include <wchar.h>

#include "lib/base/cleanup.h"

/* Columns of the character at s, and its bytes in *ret_n. Decodes by itself: the locale may be C. */
static unsigned columns_at(const char *s, size_t *ret_n)
{
        static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
        const unsigned char *b = (const unsigned char *)s;
        size_t n = b[0] < 0x80 ? 1 : b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : b[0] >= 0xc0 ? 2 : 1;
        wchar_t c = b[0] & first_bits[n];
        int width;

        for (size_t i = 1; i < n; i++) {
                if ((b[i] & 0xc0) != 0x80) {
                        n = 1;
                        break;
                }
                c = (c << 6) | (b[i] & 0x3f);
        }
        *ret_n = n;
        width = wcwidth(c);
        return width < 0 ? 1 : (unsigned)width;
}

static unsigned columns(const char *s, size_t length)
{
        unsigned total = 0;
        size_t n;

        for (size_t i = 0; i < length; i += n)
                total += columns_at(s + i, &n);
        return total;
}

unsigned text_columns(const char *s)
{
        return columns(s, strlen(s));
}

void text_wrap(FILE *f, const char *prefix, const char *text, unsigned width)
{
        unsigned indent = text_columns(prefix), column = indent;
        unsigned limit = width == 0 ? 0 : MAX_OF(width, indent + WRAP_WIDTH_MIN);

        fputs(prefix, f);
        for (const char *s = text; *s;) {
                size_t spaces = strspn(s, " \n"), length = strcspn(s + spaces, " \n");
                unsigned word = columns(s + spaces, length);

                if (length == 0)
                        break;
                if (limit && column > indent && column + 1 + word > limit) {
                        fprintf(f, "\n%*s", (int)indent, "");
                        column = indent;
                } else if (column > indent) {
                        fputc(' ', f);
                        column++;
                }
                fwrite(s + spaces, 1, length, f);
                column += word;
                s += spaces + length;
        }
        fputc('\n', f);
}
