/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/time_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"

const char *time_to_string(uint64_t wall_ns, char buf[TIME_STRING_MAX])
{
        time_t seconds = (time_t)(wall_ns / NSEC_PER_SEC);
        char day[24];
        struct tm tm;

        gmtime_r(&seconds, &tm); /* cannot fail: 2^64 ns end in the year 2554 */
        strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(buf, TIME_STRING_MAX, "%s.%09uZ", day, (unsigned)(wall_ns % NSEC_PER_SEC));
        return buf;
}

/* Exactly n digits at *s, which moves past them. */
static int take_digits(const char **s, int n, int *ret)
{
        int value = 0;

        for (int i = 0; i < n; i++, (*s)++) {
                if (!isdigit((unsigned char)**s))
                        return -EINVAL;
                value = value * 10 + (**s - '0');
        }
        *ret = value;
        return 0;
}

static int take_char(const char **s, const char *accepted)
{
        if (!**s || !strchr(accepted, **s))
                return -EINVAL;
        (*s)++;
        return 0;
}

/* ".25" is 250000000 ns; digits past the ninth are dropped. */
static int take_fraction(const char **s, uint64_t *ret_ns)
{
        uint64_t ns = 0, scale = NSEC_PER_SEC / 10;

        if (!isdigit((unsigned char)**s))
                return -EINVAL;
        for (; isdigit((unsigned char)**s); (*s)++, scale /= 10)
                ns += scale * (uint64_t)(**s - '0');
        *ret_ns = ns;
        return 0;
}

/* "", "Z", "+02:00", "-0530". */
static int take_zone(const char **s, int *ret_offset_s)
{
        int sign, hours, minutes;

        *ret_offset_s = 0;
        if (**s == 'Z')
                (*s)++;
        if (**s != '+' && **s != '-')
                return 0;
        sign = *(*s)++ == '-' ? -1 : 1;
        if (take_digits(s, 2, &hours) < 0)
                return -EINVAL;
        if (**s == ':')
                (*s)++;
        if (take_digits(s, 2, &minutes) < 0 || hours > 23 || minutes > 59)
                return -EINVAL;
        *ret_offset_s = sign * (hours * 3600 + minutes * 60);
        return 0;
}

static int take_date(const char **s, struct tm *tm)
{
        if (take_digits(s, 4, &tm->tm_year) < 0 || take_char(s, "-") < 0 ||
            take_digits(s, 2, &tm->tm_mon) < 0 || take_char(s, "-") < 0 ||
            take_digits(s, 2, &tm->tm_mday) < 0)
                return -EINVAL;
        tm->tm_year -= 1900;
        tm->tm_mon -= 1;
        return 0;
}

/* "10:20" or "10:20:30" or "10:20:30.5". */
static int take_clock(const char **s, struct tm *tm, uint64_t *ret_ns)
{
        *ret_ns = 0;
        if (take_digits(s, 2, &tm->tm_hour) < 0 || take_char(s, ":") < 0 ||
            take_digits(s, 2, &tm->tm_min) < 0)
                return -EINVAL;
        if (take_char(s, ":") < 0)
                return 0;
        if (take_digits(s, 2, &tm->tm_sec) < 0)
                return -EINVAL;
        return take_char(s, ".") < 0 ? 0 : take_fraction(s, ret_ns);
}

static int parse_iso(const char *s, uint64_t *ret_wall_ns)
{
        struct tm tm = {}, normal;
        uint64_t ns = 0, wall_ns;
        int offset = 0;

        if (take_date(&s, &tm) < 0)
                return -EINVAL;
        if (*s && (take_char(&s, "T ") < 0 || take_clock(&s, &tm, &ns) < 0 || take_zone(&s, &offset) < 0))
                return -EINVAL;
        if (*s)
                return -EINVAL;

        /* timegm() makes the 31st of February a day in March: not what was meant. */
        normal = tm;
        int64_t seconds = (int64_t)timegm(&normal);
        if (normal.tm_mday != tm.tm_mday || normal.tm_mon != tm.tm_mon || normal.tm_min != tm.tm_min ||
            normal.tm_sec != tm.tm_sec)
                return -EINVAL;
        seconds -= offset;
        if (seconds < 0 || __builtin_mul_overflow((uint64_t)seconds, NSEC_PER_SEC, &wall_ns) ||
            __builtin_add_overflow(wall_ns, ns, &wall_ns))
                return -EINVAL;
        *ret_wall_ns = wall_ns;
        return 0;
}

/* "5m", "2h30m", "10s": how long before now. */
static int parse_ago(const char *s, uint64_t *ret_ns)
{
        static const struct {
                char unit;
                uint64_t seconds;
        } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
        uint64_t total = 0, n, ns;

        do {
                if (!isdigit((unsigned char)*s))
                        return -EINVAL;
                for (n = 0; isdigit((unsigned char)*s); s++)
                        if (__builtin_mul_overflow(n, 10, &n) ||
                            __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
                                return -EINVAL;
                size_t u = 0;
                while (u < ELEMENTSOF(units) && units[u].unit != *s)
                        u++;
                if (u == ELEMENTSOF(units) || __builtin_mul_overflow(n, units[u].seconds, &ns) ||
                    __builtin_mul_overflow(ns, NSEC_PER_SEC, &ns) ||
                    __builtin_add_overflow(total, ns, &total))
                        return -EINVAL;
        } while (*++s);
        *ret_ns = total;
        return 0;
}

int time_from_string(const char *s, uint64_t now_ns, uint64_t *ret_wall_ns)
{
        uint64_t ago;

        if (*s != '-')
                return parse_iso(s, ret_wall_ns);
        if (parse_ago(s + 1, &ago) < 0)
                return -EINVAL;
        *ret_wall_ns = ago < now_ns ? now_ns - ago : 0;
        return 0;
}
