/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One JSON object a line, and the object's text, which the other formats use, too. */

#include <errno.h>

#include "lib/export/export_impl.h"

int export_event_text(const struct event *e, struct json_object **ret_object, const char **ret_text)
{
        struct json_object *o;
        int r;

        r = event_to_json(e, &o);
        if (r < 0)
                return r;
        *ret_text =
                json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!*ret_text) {
                json_object_put(o);
                return -ENOMEM;
        }
        *ret_object = o;
        return 0;
}

static int jsonl_event(struct export *x, const struct event *e)
{
        struct json_object *o;
        const char *text;
        int r;

        r = export_event_text(e, &o, &text);
        if (r < 0)
                return r;
        fputs(text, x->out);
        putc('\n', x->out);
        json_object_put(o);
        return 0;
}

const struct export_ops export_jsonl_ops = {.event = jsonl_event};
