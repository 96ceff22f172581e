/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The daemon's log: one sentence a line on stderr. Under systemd each line carries its level as "<N>", which
 * the journal takes off again (sd-daemon(3)); elsewhere it starts with the program's name. Only daemon/
 * logs; lib/ hands its sentences up. The level and the form are the one state of the process that is not
 * passed around: a logger that needs an argument is not called.
 */

#include <syslog.h>

#include "lib/base/cleanup.h"

#define LOG_LINE_MAX 1024 /* bytes; a longer sentence is cut */

/* max_level: LOG_ERR to LOG_DEBUG; messages above it are dropped. May be called again. */
void log_init(int max_level);
_printf_(2, 3) void log_line(int level, const char *format, ...);

#define log_error(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)
