/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"

#define UTF8_LENGTH_MAX 4

/* The shapes of well-formed UTF-8, Unicode table 3-7: no overlong forms, no surrogates, nothing past 10FFFF.
 */
static const struct {
        uint8_t first_min, first_max, second_min, second_max;
        uint8_t length;
} utf8_shapes[] = {
        {0x01, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

/* Bytes of the character at s, or 0 if it is not valid UTF-8. Never reads past the NUL. */
static size_t utf8_length(const char *s)
{
        const uint8_t *p = (const uint8_t *)s;

        for (size_t i = 0; i < ELEMENTSOF(utf8_shapes); i++) {
                if (p[0] < utf8_shapes[i].first_min || p[0] > utf8_shapes[i].first_max)
                        continue;
                size_t n = utf8_shapes[i].length;
                if (n > 1 && (p[1] < utf8_shapes[i].second_min || p[1] > utf8_shapes[i].second_max))
                        return 0;
                for (size_t k = 2; k < n; k++)
                        if (p[k] < 0x80 || p[k] > 0xbf)
                                return 0;
                return n;
        }
        return 0;
}

static uint32_t utf8_decode(const char *s, size_t n)
{
        const uint8_t *p = (const uint8_t *)s;
        uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);

        for (size_t k = 1; k < n; k++)
                c = c << 6 | (p[k] & 0x3f);
        return c;
}

/*
 * What a terminal may act on: C0, DEL and C1 controls, line separators, and the direction marks that make
 * text read differently from what it is.
 */
static bool terminal_acts_on(uint32_t c)
{
        return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f || c == 0x061c ||
               (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* Writes one byte as \xNN; false if it does not fit with a NUL behind it. */
static bool put_hex(char **out, size_t *left, uint8_t byte)
{
        if (*left < 5)
                return false;
        snprintf(*out, *left, "\\x%02x", byte);
        *out += 4;
        *left -= 4;
        return true;
}

static bool put_bytes(char **out, size_t *left, const char *s, size_t n)
{
        if (*left < n + 1)
                return false;
        memcpy(*out, s, n);
        *out += n;
        *left -= n;
        return true;
}

const char *text_escape(const char *s, char *buf, size_t size)
{
        char *out = buf;
        size_t left = size;
        bool fits = size > 0;

        while (fits && *s) {
                size_t n = utf8_length(s);
                bool raw = n > 0 && !terminal_acts_on(utf8_decode(s, n));

                if (raw && *s == '\\')
                        fits = put_bytes(&out, &left, "\\\\", 2);
                else if (raw)
                        fits = put_bytes(&out, &left, s, n);
                for (size_t k = 0; !raw && fits && k < MAX_OF(n, (size_t)1); k++)
                        fits = put_hex(&out, &left, (uint8_t)s[k]);
                s += MAX_OF(n, (size_t)1);
        }
        if (size > 0)
                *out = '\0';
        return buf;
}

const char *text_utf8(const char *s, char *buf, size_t size)
{
        char *out = buf;
        size_t left = size;
        bool fits = size > 0;

        while (fits && *s) {
                size_t n = utf8_length(s);

                fits = n > 0 ? put_bytes(&out, &left, s, n) : put_bytes(&out, &left, "\xef\xbf\xbd", 3);
                s += MAX_OF(n, (size_t)1);
        }
        if (size > 0)
                *out = '\0';
        return buf;
}

size_t text_utf8_prefix(const char *s, size_t n)
{
        size_t at = 0;

        while (at < n) {
                char next[UTF8_LENGTH_MAX + 1] = {}; /* ends where s does */
                size_t length;

                memcpy(next, s + at, MIN_OF(n - at, (size_t)UTF8_LENGTH_MAX));
                length = next[0] ? utf8_length(next) : 1;
                if (length == 0)
                        break;
                at += length;
        }
        return at;
}

const char *text_duration(uint64_t ns, char *buf, size_t size)
{
        static const struct {
                uint64_t below, unit;
                const char *name;
        } steps[] = {
                {1000, 1, "ns"},
                {NSEC_PER_MSEC, 1000, "us"},
                {NSEC_PER_SEC, NSEC_PER_MSEC, "ms"},
                {10 * NSEC_PER_SEC, 0, "s"}, /* unit 0: one decimal, below */
                {120 * NSEC_PER_SEC, NSEC_PER_SEC, "s"},
                {120 * 60 * NSEC_PER_SEC, 60 * NSEC_PER_SEC, "min"},
                {48 * 3600 * NSEC_PER_SEC, 3600 * NSEC_PER_SEC, "h"},
                {UINT64_MAX, 86400 * NSEC_PER_SEC, "days"},
        };
        size_t i = 0;

        while (i + 1 < ELEMENTSOF(steps) && ns >= steps[i].below)
                i++;
        if (steps[i].unit == 0)
                snprintf(buf, size, "%llu.%llu s", (unsigned long long)(ns / NSEC_PER_SEC),
                         (unsigned long long)(ns / (NSEC_PER_SEC / 10) % 10));
        else
                snprintf(buf, size, "%llu %s", (unsigned long long)(ns / steps[i].unit), steps[i].name);
        return buf;
}
