/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* From the command line to the verb: chooses it, parses its options, runs it. */

#include "cli/base/verb.h"

/* The exit status. verbs: the table, up to a row without a name. */
int cli_main(const struct verb *verbs, int argc, char **argv);
