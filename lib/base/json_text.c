/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/json_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define REPLACED_MAX 3 /* bytes of U+FFFD for one that is no UTF-8 */

static int read_value(const char *text, size_t length, int depth_max, int flags, struct json_object **ret,
                      struct json_text_end *ret_end)
{
        struct json_tokener *t = json_tokener_new_ex(depth_max);

        if (!t)
                return -ENOMEM;
        json_tokener_set_flags(t, flags);
        *ret = json_tokener_parse_ex(t, text, (int)length);
        ret_end->error = json_tokener_get_error(t);
        ret_end->at = json_tokener_get_parse_end(t);
        json_tokener_free(t);
        if (ret_end->error == json_tokener_success)
                return 0;
        json_object_put(*ret);
        *ret = NULL;
        return -EBADMSG;
}

/* What is beyond ASCII may stand in strings alone, where a letter may, too; after a backslash neither may.
 */
static void mask_beyond_ascii(char *text, size_t length)
{
        for (size_t i = 0; i < length; i++)
                if ((uint8_t)text[i] >= 0x80)
                        text[i] = 'x';
}

static bool is_ascii(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++)
                if ((uint8_t)text[i] >= 0x80)
                        return false;
        return true;
}

/*
 * The strict mode of json-c 0.18 takes char for signed, and everything beyond ASCII for a control character
 * (https://github.com/json-c/json-c/issues/875). So it looks at a copy in ASCII alone; what has passed there
 * is read again, as it is, without it.
 */
static int read_beyond_ascii(const char *text, size_t length, int depth_max, struct json_object **ret,
                             struct json_text_end *ret_end)
{
        _cleanup_free_ char *copy = malloc(length + 1);
        int r;

        if (!copy)
                return -ENOMEM;
        memcpy(copy, text, length);
        copy[length] = '\0';
        mask_beyond_ascii(copy, length);
        r = read_value(copy, length, depth_max, JSON_TOKENER_STRICT, ret, ret_end);
        if (r < 0)
                return r;
        json_object_put(*ret);
        return read_value(text, length, depth_max, 0, ret, ret_end);
}

int json_text_parse(const char *text, size_t length, int depth_max, struct json_object **ret,
                    struct json_text_end *ret_end)
{
        size_t n;

        *ret = NULL;
        *ret_end = (struct json_text_end){.error = json_tokener_error_size};
        if (length > INT32_MAX)
                return -EBADMSG;
        if (is_ascii(text, length))
                return read_value(text, length, depth_max, JSON_TOKENER_STRICT, ret, ret_end);
        n = text_utf8_prefix(text, length);
        if (n < length) {
                *ret_end = (struct json_text_end){json_tokener_error_parse_utf8_string, n};
                return -EBADMSG;
        }
        return read_beyond_ascii(text, length, depth_max, ret, ret_end);
}

struct json_object *json_text_new(const char *s)
{
        size_t size = REPLACED_MAX * strlen(s) + 1;
        _cleanup_free_ char *clean = malloc(size);

        return clean ? json_object_new_string(text_utf8(s, clean, size)) : NULL;
}
