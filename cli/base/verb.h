/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a verb is: one row of the table in ptracectl.c and one function, which gets the parsed command line
 * and returns the exit status. Results go to stdout, everything said about them (notes, warnings, errors) to
 * stderr; with --json stdout holds JSON only, errors included.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/arguments.h"
#include "lib/base/cleanup.h"
#include "lib/wire/client.h"
#include "lib/event/event.h"

enum exit_code {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_UNREACHABLE = 3, /* no daemon answers */
        EXIT_REFUSED = 4,     /* by a claim, the policy or permission */
        EXIT_FINDINGS = 10,   /* diagnose --exit-code: there are some */
};

enum option {
        OPT_HELP,
        OPT_VERSION,
        OPT_JSON,
        OPT_SOCKET,
        OPT_WAIT,
        OPT_SINCE,
        OPT_UNTIL,
        OPT_PID,
        OPT_TYPE,
        OPT_FOLLOW,
        OPT_FILE,
        OPT_EXIT_CODE,
        OPT_FORMAT,
        OPT_OUTPUT,
        OPT_GZIP,
        OPT_WAIT_TURN, /* --wait too, but without a value: no verb has both */
        OPT_TAKE,
        OPT_OWNER_PID,
        OPT_OWNER_EXE,
        OPT_OWNER_UID,
        OPT_OWNER_CGROUP,
        OPT_TOKEN,
        OPT_LEASE,
        OPT_MODE,
        OPT_AUDIT,
        OPT_ALL,
        OPT_OFF,
        OPT_DRY_RUN,
        OPT_EARLIER,
        _OPT_MAX,
};
#define OPTION(o) (1U << (o))
/* Whom a claim is for; at most one of them is given. */
#define OPTIONS_OF_OWNER \
        (OPTION(OPT_OWNER_PID) | OPTION(OPT_OWNER_EXE) | OPTION(OPT_OWNER_UID) | OPTION(OPT_OWNER_CGROUP))

extern const struct option_spec option_specs[_OPT_MAX];

struct cli;

struct verb {
        const char *name;
        const char *args; /* as shown in usage: "[PID]" */
        size_t min_args, max_args;
        enum arguments_command command; /* takes a command line after its options */
        uint32_t options;               /* beside those that every verb has */
        int (*run)(struct cli *c);
        const char *summary; /* one line */
        const char *help;    /* paragraphs, one per line */
};

struct cli {
        const struct verb *verbs, *verb; /* all of them, up to one without a name; the chosen one */
        struct arguments args;
        const char *socket;
        char *token; /* value of --token, which is not among the program's arguments any more */
        bool json;
        bool colour;    /* stdout is a terminal that shows colours */
        bool terminal;  /* stdout is a terminal */
        unsigned width; /* of the terminal; 0: not one, print lines whole */
};
