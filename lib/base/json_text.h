/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * JSON texts read as strictly as json-c does, and with the characters beyond ASCII that its 0.18 refuses
 * then. Strings written from any bytes. Pure.
 */

#include <stddef.h>

#include <json-c/json.h>

/* Where the reading ended: behind the value, or at the mistake. */
struct json_text_end {
        enum json_tokener_error error; /* json_tokener_continue: the text ends in the middle of the value */
        size_t at;                     /* bytes from the start */
};

/* One value and nothing behind it but white space. 0 and the value, which the caller puts, -EBADMSG or
 * -ENOMEM. */
int json_text_parse(const char *text, size_t length, int depth_max, struct json_object **ret,
                    struct json_text_end *ret_end);

/* A JSON string of s, as long as it is; bytes that are no UTF-8 become U+FFFD. NULL: out of memory. */
struct json_object *json_text_new(const char *s);
