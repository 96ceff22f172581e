/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Where the daemon's program is, for the verbs that start one of their own. */

#include <stddef.h>

#define DAEMON_PATH_MAX 4096

/* Beside ptracectl, in ../sbin, in PATH, in that order. -ENOENT. */
int daemon_file(char *buf, size_t size);
