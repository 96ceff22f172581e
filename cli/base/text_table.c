/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/base/text_table.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>

#include <libsmartcols.h>

#include "lib/base/text.h"

#define CELL_MAX    1024
#define USUAL_WIDTH 80
#define SMALLEST    0.1 /* of the terminal's width, for a column that gives way */

struct text_table {
        struct libscols_table *scols;
        struct libscols_line *row;
        size_t n_columns;
        int error;
};

static int add_text_column(struct text_table *t, const struct column *c, bool narrow)
{
        bool cut = c->fit == FIT_CUT || (c->fit == FIT_NARROW && narrow);
        int flags = (c->right ? SCOLS_FL_RIGHT : 0) | (cut ? SCOLS_FL_TRUNC : 0) |
                    (c->fit == FIT_WRAP ? SCOLS_FL_WRAP : 0);
        struct libscols_column *column =
                scols_table_new_column(t->scols, c->name, cut || c->fit == FIT_WRAP ? SMALLEST : 0, flags);

        return column ? scols_cell_set_color(scols_column_get_header(column), "bold") : -ENOMEM;
}

int text_table_new(struct text_table **ret, const struct cli *c, const struct column *columns, size_t n)
{
        struct text_table *t = calloc(1, sizeof(*t));
        int r = 0;

        if (!t)
                return -ENOMEM;
        t->n_columns = n;
        t->scols = scols_new_table();
        if (!t->scols) {
                text_table_free(t);
                return -ENOMEM;
        }
        scols_table_enable_noencoding(t->scols, 1); /* cells are escaped already */
        scols_table_enable_colors(t->scols, c->colour);
        scols_table_set_termforce(t->scols, c->terminal ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
        if (c->terminal)
                scols_table_set_termwidth(t->scols, c->width);
        for (size_t i = 0; i < n && r == 0; i++)
                r = add_text_column(t, &columns[i], c->terminal && c->width < USUAL_WIDTH);
        if (r < 0) {
                text_table_free(t);
                return -ENOMEM;
        }
        *ret = t;
        return 0;
}

struct text_table *text_table_free(struct text_table *t)
{
        if (!t)
                return NULL;
        scols_unref_table(t->scols);
        free(t);
        return NULL;
}

void text_table_row(struct text_table *t)
{
        t->row = scols_table_new_line(t->scols, NULL);
        if (!t->row)
                t->error = -ENOMEM;
}

void text_table_cell(struct text_table *t, size_t column, enum paint p, const char *format, ...)
{
        static const char *const names[] = {
                [PAINT_NONE] = NULL, [PAINT_BOLD] = "bold",     [PAINT_DIM] = "halfbright",
                [PAINT_RED] = "red", [PAINT_YELLOW] = "yellow", [PAINT_GREEN] = "green",
        };
        static_assert(ELEMENTSOF(names) == _PAINT_MAX, "a name for each paint");
        char raw[CELL_MAX], safe[CELL_MAX];
        va_list ap;

        if (!t->row || column >= t->n_columns)
                return;
        va_start(ap, format);
        vsnprintf(raw, sizeof(raw), format, ap);
        va_end(ap);
        if (scols_line_set_data(t->row, column, text_escape(raw, safe, sizeof(safe))) < 0 ||
            (names[p] && scols_cell_set_color(scols_line_get_cell(t->row, column), names[p]) < 0))
                t->error = -ENOMEM;
}

int text_table_print(struct text_table *t)
{
        if (scols_print_table(t->scols) < 0)
                t->error = -ENOMEM;
        return t->error;
}
