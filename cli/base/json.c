/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/base/json.h"

#include "lib/event/event.h"

static struct json_object *member(struct json_object *o, const char *key, enum json_type type)
{
        struct json_object *v = NULL;

        if (!o || !json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &v))
                return NULL;
        return json_object_is_type(v, type) ? v : NULL;
}

const char *member_string(struct json_object *o, const char *key)
{
        struct json_object *v = member(o, key, json_type_string);

        return v ? json_object_get_string(v) : "";
}

uint64_t member_u64(struct json_object *o, const char *key)
{
        return json_object_get_uint64(member(o, key, json_type_int)); /* 0 for NULL, and for negative ones */
}

double member_double(struct json_object *o, const char *key)
{
        struct json_object *v = member(o, key, json_type_double);

        return v ? json_object_get_double(v) : (double)member_u64(o, key);
}

bool member_bool(struct json_object *o, const char *key)
{
        return json_object_get_boolean(member(o, key, json_type_boolean));
}

struct json_object *member_object(struct json_object *o, const char *key)
{
        return member(o, key, json_type_object);
}

struct json_object *member_array(struct json_object *o, const char *key)
{
        return member(o, key, json_type_array);
}

size_t array_length(struct json_object *array)
{
        return array ? json_object_array_length(array) : 0;
}

const char *array_string(struct json_object *array, size_t i)
{
        struct json_object *v = array ? json_object_array_get_idx(array, i) : NULL;

        return v && json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

uint64_t member_time(struct json_object *o, const char *key)
{
        const char *s = member_string(o, key);
        uint64_t t = 0;

        return s[0] && time_from_string(s, 0, &t) == 0 ? t : 0;
}
