/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the formats share. Each is one row of `struct export_ops`; 0 or -errno, written to x->out. */

#include "lib/export/export.h"

struct export
{
        const struct export_ops *ops;
        FILE *out;
        void *state; /* of the format */
        int error;   /* of the first failure: -errno */
};

struct export_ops {
        int (*begin)(struct export *x);
        int (*event)(struct export *x, const struct event *e);
        int (*end)(struct export *x);
        void (*done)(struct export *x); /* frees x->state */
};

extern const struct export_ops export_jsonl_ops, export_csv_ops, export_chrome_ops;

/* -EIO, or what errno says, if the FILE has failed. */
int export_write_error(const struct export *x);
/* The event's object as text without spaces; the caller puts *ret_object when done with the text. */
int export_event_text(const struct event *e, struct json_object **ret_object, const char **ret_text);
