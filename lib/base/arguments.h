/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Command lines: options from a table, in any order among the arguments, never abbreviated (an abbreviation
 * that works today may mean something else tomorrow). Pure: nothing is printed, strings stay the caller's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARGUMENTS_OPTIONS_MAX 32 /* options fit the bits of a uint32_t */
#define ARGUMENTS_MAX         8  /* positional arguments; no verb takes that many */

struct option_spec {
        const char *name;  /* without the dashes */
        char letter;       /* short form, 0: none */
        const char *value; /* what the value is called in help, NULL: takes none */
        const char *help;  /* one line */
};

struct arguments {
        uint32_t given;                           /* bit i: option i of the table was there */
        const char *value[ARGUMENTS_OPTIONS_MAX]; /* its value, NULL for one without */
        const char *args[ARGUMENTS_MAX];
        size_t n_args;
        char **command; /* with a command line: the rest, up to argv's NULL; NULL: none */
};

/* Where a command line begins that is left alone. */
enum arguments_command {
        COMMAND_NONE,
        COMMAND_REST, /* behind "--", or with the first argument */
        COMMAND_AFTER_DASHES /* behind "--", arguments and options before it */,
};

/* What is to be parsed: argv[0 .. argc-1] (NULL-terminated, program and verb already taken off). */
struct arguments_line {
        const struct option_spec *specs;
        size_t n_specs;
        uint32_t allowed; /* bits of the options that may be there */
        enum arguments_command command;
        int argc;
        char **argv;
};

/*
 * An argument like "-5" is no option: whoever wants a pid can say what is wrong with it. -EINVAL with a
 * sentence in error.
 */
int arguments_parse(const struct arguments_line *line, struct arguments *ret, char *error, size_t size);

/* A process id: -EINVAL with a sentence saying why it is none. Whether it exists is not looked up. */
#define PID_LARGEST 4194304 /* PID_MAX_LIMIT of the kernel */
int pid_from_string(const char *s, uint32_t *ret, char *error, size_t size);

/* Whole seconds, 0 to max. -EINVAL with a sentence. */
int seconds_from_string(const char *s, unsigned max, unsigned *ret, char *error, size_t size);
