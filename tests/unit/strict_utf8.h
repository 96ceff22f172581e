/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Whether a text is UTF-8, RFC 3629 to the letter, by decoding it: a second opinion, independent of
 * lib/text.c and of json-c, whose releases differ in what they accept.
 */

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The first byte that is wrong, or NULL. */
static inline const char *utf8_mistake(const char *text)
{
        static const uint32_t smallest[] = {0, 0x80, 0x800,
                                            0x10000}; /* by the number of bytes that follow */

        for (const uint8_t *p = (const uint8_t *)text; *p;) {
                const char *first = (const char *)p;
                uint32_t c = *p++;
                unsigned more = c < 0x80         ? 0
                                : c >> 5 == 0x6  ? 1
                                : c >> 4 == 0xe  ? 2
                                : c >> 3 == 0x1e ? 3
                                                 : 4;

                if (more == 4)
                        return first;
                c &= more ? 0x3fu >> more : 0x7fu;
                for (unsigned i = 0; i < more; i++, p++) {
                        if ((*p & 0xc0) != 0x80)
                                return first;
                        c = c << 6 | (*p & 0x3f);
                }
                if (c < smallest[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                        return first;
        }
        return NULL;
}

static inline void assert_strict_utf8(const char *text)
{
        const char *wrong = utf8_mistake(text);

        ck_assert_msg(!wrong, "no UTF-8 at byte %zu: %02x %02x", (size_t)(wrong - text), (uint8_t)wrong[0],
                      (uint8_t)wrong[1]);
}
