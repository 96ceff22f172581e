/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/arguments.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define SHOWN_MAX 64 /* bytes of a wrong argument that a sentence repeats */

struct parser {
        const struct option_spec *specs;
        size_t n_specs;
        uint32_t allowed;
        int argc, at;
        char **argv;
        struct arguments out;
        char *error;
        size_t size;
};

/* The user's own words in a sentence: escaped, because they may come from a script that was fed by others.
 */
static const char *shown(const char *s, char buf[static SHOWN_MAX + 8])
{
        text_escape(s, buf, SHOWN_MAX);
        if (strlen(s) >= SHOWN_MAX)
                strcat(buf, "...");
        return buf;
}

static _printf_(2, 3) int complain(struct parser *p, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        vsnprintf(p->error, p->size, format, ap);
        va_end(ap);
        return -EINVAL;
}

static int find_option(const struct parser *p, const char *name, size_t length, char letter)
{
        for (size_t i = 0; i < p->n_specs; i++) {
                const struct option_spec *o = &p->specs[i];

                if (!(p->allowed & (1U << i)))
                        continue;
                if (letter ? o->letter == letter
                           : strlen(o->name) == length && !strncmp(o->name, name, length))
                        return (int)i;
        }
        return -1;
}

/* glued: the value written in the same word (--name=value, -ovalue), NULL: none. */
static int take_option(struct parser *p, int i, const char *glued)
{
        const struct option_spec *o = &p->specs[i];
        const char *value = glued;

        if (p->out.given & (1U << i))
                return complain(p, "Option --%s is given twice.", o->name);
        if (!o->value && glued)
                return complain(p, "Option --%s takes no value.", o->name);
        if (o->value && !value) {
                if (p->at >= p->argc)
                        return complain(p, "Option --%s needs a value: --%s %s.", o->name, o->name,
                                        o->value);
                value = p->argv[p->at++];
        }
        p->out.given |= 1U << i;
        p->out.value[i] = value;
        return 0;
}

static int parse_long(struct parser *p, const char *word)
{
        const char *name = word + 2, *equals = strchr(name, '=');
        size_t length = equals ? (size_t)(equals - name) : strlen(name);
        char buf[SHOWN_MAX + 8];
        int i = find_option(p, name, length, 0);

        if (i < 0)
                return complain(p, "Unknown option %s.", shown(word, buf));
        return take_option(p, i, equals ? equals + 1 : NULL);
}

/* One letter per word, with its value glued on or in the next word; letters are not bundled. */
static int parse_short(struct parser *p, const char *word)
{
        char buf[SHOWN_MAX + 8];
        int i = find_option(p, NULL, 0, word[1]);

        if (i < 0 || (word[2] && !p->specs[i].value))
                return complain(p, "Unknown option %s.", shown(word, buf));
        return take_option(p, i, word[2] ? word + 2 : NULL);
}

static int take_argument(struct parser *p, const char *word)
{
        if (p->out.n_args == ARGUMENTS_MAX)
                return complain(p, "Too many arguments.");
        p->out.args[p->out.n_args++] = word;
        return 0;
}

static bool is_option(const char *word)
{
        return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]);
}

int arguments_parse(const struct arguments_line *line, struct arguments *ret, char *error, size_t size)
{
        struct parser p = {
                .specs = line->specs,
                .n_specs = line->n_specs,
                .allowed = line->allowed,
                .argc = line->argc,
                .argv = line->argv,
                .error = error,
                .size = size,
        };
        bool only_arguments = false;
        int r = 0;

        assert(line->n_specs <= ARGUMENTS_OPTIONS_MAX);
        while (r == 0 && p.at < line->argc) {
                const char *word = line->argv[p.at];
                bool dashes = !only_arguments && !strcmp(word, "--");

                if ((line->command && dashes) || (line->command == COMMAND_REST && !is_option(word))) {
                        p.at += dashes;
                        p.out.command = p.at < line->argc ? line->argv + p.at : NULL;
                        break;
                }
                p.at++;
                if (dashes)
                        only_arguments = true;
                else if (only_arguments || !is_option(word))
                        r = take_argument(&p, word);
                else
                        r = word[1] == '-' ? parse_long(&p, word) : parse_short(&p, word);
        }
        if (r == 0)
                *ret = p.out;
        return r;
}

/* Digits only: strtoul() would take "0x10", " 7" and "-1" as well. -EINVAL, -ERANGE. */
static int digits(const char *s, unsigned long max, unsigned long *ret)
{
        unsigned long n = 0;

        if (!*s)
                return -EINVAL;
        for (const char *c = s; *c; c++)
                if (!isdigit((unsigned char)*c))
                        return -EINVAL;
        for (; *s; s++) {
                n = n * 10 + (unsigned long)(*s - '0');
                if (n > max)
                        return -ERANGE;
        }
        *ret = n;
        return 0;
}

int pid_from_string(const char *s, uint32_t *ret, char *error, size_t size)
{
        char buf[SHOWN_MAX + 8];
        unsigned long n = 0;
        int r = digits(s, PID_LARGEST, &n);

        if (r == 0 && n > 0) {
                *ret = (uint32_t)n;
                return 0;
        }
        if (r == -ERANGE)
                snprintf(error, size, "%s is too large for a process id: the largest possible is %d.",
                         shown(s, buf), PID_LARGEST);
        else if (r == 0 || (s[0] == '-' && digits(s + 1, ULONG_MAX / 16, &n) != -EINVAL))
                snprintf(error, size, "%s is not a process id: give a number from 1 up, as ps shows it.",
                         shown(s, buf));
        else
                snprintf(error, size, "'%s' is not a process id: give its number, as ps or pgrep shows it.",
                         shown(s, buf));
        return -EINVAL;
}

int seconds_from_string(const char *s, unsigned max, unsigned *ret, char *error, size_t size)
{
        char buf[SHOWN_MAX + 8];
        unsigned long n = 0;

        if (digits(s, max, &n) < 0) {
                snprintf(error, size, "'%s' is not a number of seconds from 0 to %u.", shown(s, buf), max);
                return -EINVAL;
        }
        *ret = (unsigned)n;
        return 0;
}
