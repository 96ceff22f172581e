/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The daemon's command line. One table says what there is; --help is printed from it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define STATE_DEFAULT_DIR "/var/lib/ptraced"
#define PIN_DIR_MAX       200 /* bytes */

/* Strings are argv's, or constants. */
struct options {
        const char *socket;         /* NULL: the default path */
        const char *state_dir;      /* never NULL */
        const char *config;         /* NULL: the default file, if there is one */
        const char *metrics_listen; /* NULL: not served over TCP */
        const char *pin_dir;        /* NULL: GUARD_PIN_DIR */
        int tier;                   /* enum tier or TIER_BEST */
        int log_level;              /* -1: what the configuration says */
        uint32_t follow;            /* pid, 0: nobody */
        uint32_t hold;              /* be the helper that holds this process, 0: be the daemon */
        uint64_t hold_start;
        bool hold_catch;
        bool probe, help, version;
};

/* argv[0] is the program. -EINVAL with a sentence. */
int options_parse(int argc, char **argv, struct options *ret, char *error, size_t size);
void options_help(FILE *f);
