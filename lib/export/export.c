/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/export/export.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/export/export_impl.h"

static const char *const format_names[] = {
        [EXPORT_JSONL] = "jsonl",
        [EXPORT_CSV] = "csv",
        [EXPORT_CHROME] = "chrome",
};
static_assert(ELEMENTSOF(format_names) == _EXPORT_FORMAT_MAX, "each export format has a name");

const char *export_format_to_string(enum export_format format)
{
        return (size_t)format < ELEMENTSOF(format_names) ? format_names[format] : NULL;
}

int export_format_from_string(const char *s)
{
        for (int i = 0; i < _EXPORT_FORMAT_MAX; i++)
                if (strcmp(s, format_names[i]) == 0)
                        return i;
        return -EINVAL;
}

int export_write_error(const struct export *x)
{
        if (!ferror(x->out))
                return 0;
        return errno > 0 ? -errno : -EIO;
}

static const struct export_ops *const format_ops[] = {
        [EXPORT_JSONL] = &export_jsonl_ops,
        [EXPORT_CSV] = &export_csv_ops,
        [EXPORT_CHROME] = &export_chrome_ops,
};
static_assert(ELEMENTSOF(format_ops) == _EXPORT_FORMAT_MAX, "each export format has a writer");

/* Runs one of the format's functions, which may be missing, and keeps the first failure. */
static int keep_error(struct export *x, int r)
{
        if (r == 0)
                r = export_write_error(x);
        if (r < 0 && x->error == 0)
                x->error = r;
        return x->error;
}

int export_new(struct export **ret, enum export_format format, FILE *out)
{
        struct export *x;
        int r;

        if ((size_t)format >= ELEMENTSOF(format_ops))
                return -EINVAL;
        x = calloc(1, sizeof(*x));
        if (!x)
                return -ENOMEM;
        x->ops = format_ops[format];
        x->out = out;
        r = keep_error(x, x->ops->begin ? x->ops->begin(x) : 0);
        if (r < 0) {
                export_free(x);
                return r;
        }
        *ret = x;
        return 0;
}

int export_event(struct export *x, const struct event *e)
{
        return x->error ? x->error : keep_error(x, x->ops->event(x, e));
}

int export_finish(struct export *x)
{
        if (x->error)
                return x->error;
        if (keep_error(x, x->ops->end ? x->ops->end(x) : 0) == 0 && fflush(x->out) != 0)
                keep_error(x, -errno);
        return x->error;
}

struct export *export_free(struct export *x)
{
        if (!x)
                return NULL;
        if (x->ops->done)
                x->ops->done(x);
        free(x);
        return NULL;
}
