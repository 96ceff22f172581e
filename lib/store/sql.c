/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/store/sql.h"

#include <errno.h>
#include <stdio.h>

#include "lib/base/cleanup.h"

int sql_errno(sqlite3 *db)
{
        static const struct {
                int code, error;
        } codes[] = {
                {SQLITE_FULL, ENOSPC},    {SQLITE_CORRUPT, EUCLEAN}, {SQLITE_NOTADB, EUCLEAN},
                {SQLITE_READONLY, EROFS}, {SQLITE_NOMEM, ENOMEM},    {SQLITE_BUSY, EBUSY},
                {SQLITE_LOCKED, EBUSY},   {SQLITE_PERM, EACCES},     {SQLITE_ERROR, EUCLEAN},
                {SQLITE_TOOBIG, EFBIG},
        };
        int code = sqlite3_errcode(db) & 0xff, error = sqlite3_system_errno(db);

        for (size_t i = 0; i < ELEMENTSOF(codes); i++)
                if (codes[i].code == code)
                        return codes[i].error;
        return error > 0 ? error : EIO; /* IOERR, CANTOPEN: the system knows more */
}

int64_t sql_number(sqlite3 *db, const char *sql, int64_t absent)
{
        sqlite3_stmt *statement = NULL;
        int64_t n = absent;

        if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
            sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL)
                n = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        return n;
}

/* The file may have been made by somebody else: it is trusted in nothing. */
static int restrict_connection(sqlite3 *db, int cache_kib, int busy_ms)
{
        char sql[128];

        sqlite3_extended_result_codes(db, 1);
        sqlite3_busy_timeout(db, busy_ms);
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        snprintf(sql, sizeof(sql), "PRAGMA cache_size = -%d; PRAGMA cell_size_check = 1;", cache_kib);
        return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -sql_errno(db);
}

int sql_connect(const char *name, int flags, int cache_kib, int busy_ms, sqlite3 **ret)
{
        int r;

        if (sqlite3_open_v2(name, ret, flags, NULL) != SQLITE_OK)
                r = *ret ? -sql_errno(*ret) : -ENOMEM;
        else
                r = restrict_connection(*ret, cache_kib, busy_ms);
        return r;
}

int sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
        return sqlite3_prepare_v2(db, sql, -1, ret, NULL) == SQLITE_OK ? 0 : -sql_errno(db);
}
