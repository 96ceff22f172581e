/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the parts of the store need of SQLite beneath them: connections, statements, and its errors as errno.
 */

#include <stdint.h>

#include <sqlite3.h>

/* errno (positive) of the last failure of a connection. */
int sql_errno(sqlite3 *db);
/* 0 or -errno; *ret is to be closed in either case. name: a file, or a URI if the flags say so. */
int sql_connect(const char *name, int flags, int cache_kib, int busy_ms, sqlite3 **ret);
int sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret);
/* A number that a one-value query gives, or absent. */
int64_t sql_number(sqlite3 *db, const char *sql, int64_t absent);
