/* SPDX-License-Identifier: GPL-2.0-or-later */

/* An event from JSON. What is taken can be packed, unpacked and written again, and stays what it was. */

#include <json-c/json.h>

#include "lib/event/event.h"
#include "tests/fuzz/fuzz.h"

static char *as_text(const struct event *e)
{
        struct json_object *o;
        char *s;

        must(event_to_json(e, &o) == 0);
        s = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
        must(s);
        json_object_put(o);
        return s;
}

static void check_event(const struct event *e)
{
        uint8_t packed[EVENT_PACKED_MAX];
        struct event back;
        int n = event_pack(e, packed, sizeof(packed));
        char *before, *after;

        must(n >= 0);
        must(event_unpack(e->type, packed, (size_t)n, &back) == 0);
        back.seq = e->seq;
        back.time_ns = e->time_ns;
        back.wall_ns = e->wall_ns;
        before = as_text(e);
        after = as_text(&back);
        must(strcmp(before, after) == 0);
        free(before);
        free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct json_tokener *parser = json_tokener_new();
        struct json_object *o = json_tokener_parse_ex(parser, (const char *)data, (int)size);
        char error[256];
        struct event e;

        if (o && event_from_json(o, &e, error, sizeof(error)) == 0)
                check_event(&e);
        json_object_put(o);
        json_tokener_free(parser);
        return 0;
}
