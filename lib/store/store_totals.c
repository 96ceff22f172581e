/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Totals: how many there were since the store began. A row each, named "sessions" or "finding/CODE/SEVERITY". */

#include "lib/store/store_impl.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/store/sql.h"

#define SESSIONS_NAME  "sessions"
#define FINDING_PREFIX "finding/"

/* A store from before it had totals begins with what is in it. */
static const char totals_sql[] =
        "BEGIN IMMEDIATE;"
        "CREATE TABLE total(name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;"
        "INSERT INTO total SELECT '" FINDING_PREFIX "' || code || '/' || json_extract(body, '$.severity'),"
        " count(*) FROM findings WHERE json_valid(body) AND json_extract(body, '$.severity') IS NOT NULL"
        " GROUP BY 1;"
        "COMMIT;";

void store_totals_prepare(struct store *s)
{
        if (sql_number(s->write_db, "SELECT count(*) FROM sqlite_master WHERE name = 'total'", 0) > 0)
                return;
        if (sqlite3_exec(s->write_db, totals_sql, NULL, NULL, NULL) != SQLITE_OK &&
            !sqlite3_get_autocommit(s->write_db))
                sqlite3_exec(s->write_db, "ROLLBACK", NULL, NULL, NULL);
}

static uint64_t *total_named(struct store_totals *t, const char *name)
{
        char code[STORE_TOTAL_NAME_MAX], *severity;

        if (!strcmp(name, SESSIONS_NAME))
                return &t->sessions;
        if (strncmp(name, FINDING_PREFIX, strlen(FINDING_PREFIX)))
                return NULL;
        snprintf(code, sizeof(code), "%s", name + strlen(FINDING_PREFIX));
        severity = strrchr(code, '/');
        if (!severity)
                return NULL;
        *severity++ = '\0';
        if ((int)severity_from_string(severity) < 0 || finding_code_from_string(code) == FIND_NONE)
                return NULL; /* of a later version */
        return &t->findings[finding_code_from_string(code)][severity_from_string(severity)];
}

void store_totals_load(struct store *s, sqlite3 *db)
{
        sqlite3_stmt *statement = NULL;

        if (sql_prepare(db, "SELECT name, n FROM total", &statement) < 0)
                return;
        while (sqlite3_step(statement) == SQLITE_ROW) {
                const char *name = (const char *)sqlite3_column_text(statement, 0);
                int64_t n = sqlite3_column_int64(statement, 1);
                uint64_t *total = name ? total_named(&s->totals, name) : NULL;

                if (total && n > 0)
                        *total = (uint64_t)n;
        }
        sqlite3_finalize(statement);
}

uint64_t store_totals_next(const struct store_totals *t, size_t *at, char name[static STORE_TOTAL_NAME_MAX])
{
        if (*at == 0 && ++*at && t->sessions) {
                snprintf(name, STORE_TOTAL_NAME_MAX, SESSIONS_NAME);
                return t->sessions;
        }
        for (; *at <= (size_t)_FIND_MAX * _SEVERITY_MAX; ++*at) {
                size_t code = (*at - 1) / _SEVERITY_MAX, severity = (*at - 1) % _SEVERITY_MAX;

                if (code >= _FIND_MAX || !t->findings[code][severity])
                        continue;
                snprintf(name, STORE_TOTAL_NAME_MAX, FINDING_PREFIX "%s/%s",
                         finding_code_to_string((enum finding_code)code),
                         severity_to_string((enum severity)severity));
                ++*at;
                return t->findings[code][severity];
        }
        return 0;
}

void store_totals_add(struct store_totals *to, const struct store_totals *more)
{
        to->sessions += more->sessions;
        for (size_t code = 0; code < _FIND_MAX; code++)
                for (size_t severity = 0; severity < _SEVERITY_MAX; severity++)
                        to->findings[code][severity] += more->findings[code][severity];
}

void store_get_totals(struct store *s, struct store_totals *ret)
{
        pthread_mutex_lock(&s->lock);
        *ret = s->totals;
        pthread_mutex_unlock(&s->lock);
}

void store_count_sessions(struct store *s, uint64_t n)
{
        if (n == 0 || s->readonly)
                return;
        pthread_mutex_lock(&s->lock);
        s->totals.sessions += n;
        s->sessions_waiting += n;
        pthread_mutex_unlock(&s->lock);
}
