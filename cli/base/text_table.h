/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Tables for people, by libsmartcols. On a terminal they fit its width: columns marked so are cut or
 * wrapped. Elsewhere nothing is cut and nothing coloured. Cells are escaped here. Whatever goes wrong
 * while a table is filled is told once, by table_print().
 */

#include "cli/base/output.h"

enum column_fit {
        FIT_WHOLE,
        FIT_NARROW, /* cut only on terminals narrower than usual */
        FIT_CUT,
        FIT_WRAP,
};

struct column {
        const char *name;
        enum column_fit fit;
        bool right; /* aligned */
};

struct table;

int table_new(struct table **ret, const struct cli *c, const struct column *columns, size_t n);
struct table *table_free(struct table *t); /* returns NULL */
/* Starts a new row; the cells written next are in it. */
void table_row(struct table *t);
void table_cell(struct table *t, size_t column, enum paint p, const char *format, ...) _printf_(4, 5);
/* -ENOMEM when something did not fit into memory; what there is has been printed. */
int table_print(struct table *t);

static inline void cleanup_table(struct table **t)
{
        table_free(*t);
}
#define _cleanup_table_ _cleanup_(cleanup_table)
