/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/export/export_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"

#define CSV_COLUMNS_MAX 256

/* A column is a key of the event's JSON object, or a key of one of its tasks. */
struct csv_column {
        const char *key;  /* of the event */
        const char *part; /* of a task; NULL: the value itself */
};

struct csv {
        struct csv_column columns[CSV_COLUMNS_MAX];
        size_t n;
};

static const char *const frame_keys[] = {"seq", "type", "time", "boottime_ns"};
static const char *const task_parts[] = {"pid", "tid", "comm", "start", "tid_start"};

static bool has_key(const struct csv *csv, const char *key)
{
        for (size_t i = 0; i < csv->n; i++)
                if (strcmp(csv->columns[i].key, key) == 0)
                        return true;
        return false;
}

static void add_column(struct csv *csv, const char *key, const char *part)
{
        if (csv->n < CSV_COLUMNS_MAX)
                csv->columns[csv->n++] = (struct csv_column){key, part};
}

/* One key may have rows of several types, and a task's row and a plain one: "parent" is both kinds of task.
 */
static void make_columns(struct csv *csv)
{
        size_t n;
        const struct event_field *f = event_fields(&n);

        for (size_t i = 0; i < ELEMENTSOF(frame_keys); i++)
                add_column(csv, frame_keys[i], NULL);
        for (size_t i = 0; i < n; i++) {
                if (has_key(csv, f[i].json))
                        continue;
                if (f[i].kind == FIELD_TASK)
                        for (size_t k = 0; k < ELEMENTSOF(task_parts); k++)
                                add_column(csv, f[i].json, task_parts[k]);
                else
                        add_column(csv, f[i].json, NULL);
                if (f[i].offset == offsetof(struct event, sig))
                        add_column(csv, "signame", NULL);
        }
}

/* RFC 4180: quoted where it must be, a quote doubled. */
static void put_text(FILE *out, const char *s)
{
        if (!strpbrk(s, "\",\r\n")) {
                fputs(s, out);
                return;
        }
        putc('"', out);
        for (; *s; s++) {
                if (*s == '"')
                        putc('"', out);
                putc(*s, out);
        }
        putc('"', out);
}

static int csv_begin(struct export *x)
{
        struct csv *csv = x->state = calloc(1, sizeof(*csv));

        if (!csv)
                return -ENOMEM;
        make_columns(csv);
        for (size_t i = 0; i < csv->n; i++)
                fprintf(x->out, "%s%s%s%s", i ? "," : "", csv->columns[i].key,
                        csv->columns[i].part ? "." : "", csv->columns[i].part ?: "");
        fputs("\r\n", x->out);
        return 0;
}

static int csv_event(struct export *x, const struct event *e)
{
        const struct csv *csv = x->state;
        struct json_object *o, *v;
        int r;

        r = event_to_json(e, &o);
        if (r < 0)
                return r;
        for (size_t i = 0; i < csv->n; i++) {
                if (i > 0)
                        putc(',', x->out);
                v = json_object_object_get(o, csv->columns[i].key);
                if (v && csv->columns[i].part)
                        v = json_object_object_get(v, csv->columns[i].part);
                if (v)
                        put_text(x->out, json_object_get_string(v));
        }
        fputs("\r\n", x->out);
        json_object_put(o);
        return 0;
}

static void csv_done(struct export *x)
{
        free(x->state);
}

const struct export_ops export_csv_ops = {.begin = csv_begin, .event = csv_event, .done = csv_done};
