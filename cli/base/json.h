/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Members of JSON objects by name. Whatever is missing or of another type reads as nothing: an answer of a
 * newer or older daemon is shown as far as it is understood. Strings belong to the object.
 */

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

const char *member_string(struct json_object *o, const char *key);         /* "" */
uint64_t member_u64(struct json_object *o, const char *key);               /* 0 */
double member_double(struct json_object *o, const char *key);              /* 0 */
bool member_bool(struct json_object *o, const char *key);                  /* false */
struct json_object *member_object(struct json_object *o, const char *key); /* NULL */
struct json_object *member_array(struct json_object *o, const char *key);  /* NULL */
size_t array_length(struct json_object *array);                            /* 0 for NULL */
const char *array_string(struct json_object *array, size_t i);             /* "" */
/* An ISO time as CLOCK_REALTIME nanoseconds; 0 for none. */
uint64_t member_time(struct json_object *o, const char *key);
