/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* --help, made from the verb table and the option table. */

#include "cli/base/verb.h"

int help_all(const struct cli *c);
int help_verb(const struct cli *c);
void help_list_verbs(const struct verb *verbs, char *buf, size_t size); /* "status, doctor, ..." */
