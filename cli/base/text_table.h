/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Tables for people, by libsmartcols. On a terminal they fit its width: columns marked so are cut or
 * wrapped. Elsewhere nothing is cut and nothing coloured. Cells are escaped here. Whatever goes wrong
 * while a table is filled is told once, by text_table_print().
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

struct text_table;

int text_table_new(struct text_table **ret, const struct cli *c, const struct column *columns, size_t n);
struct text_table *text_table_free(struct text_table *t); /* returns NULL */
/* Starts a new row; the cells written next are in it. */
void text_table_row(struct text_table *t);
void text_table_cell(struct text_table *t, size_t column, enum paint p, const char *format, ...)
        _printf_(4, 5);
/* -ENOMEM when something did not fit into memory; what there is has been printed. */
int text_table_print(struct text_table *t);

static inline void cleanup_text_table(struct text_table **t)
{
        text_table_free(*t);
}
#define _cleanup_text_table_ _cleanup_(cleanup_text_table)
