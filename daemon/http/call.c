/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/event/event.h"
#include "lib/base/text.h"

#define JSON_TEXT_MAX 2048 /* bytes of one string, after invalid UTF-8 was replaced */

/* ---- answers ------------------------------------------------------------------------------------- */

static void set_response(struct api_call *call, unsigned status, struct MHD_Response *response,
                         const char *content_type)
{
        if (call->response)
                MHD_destroy_response(call->response);
        call->response = response;
        call->status = status;
        if (!response)
                return;
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

static void answer_text(struct api_call *call, unsigned status, const char *content_type, char *text)
{
        struct MHD_Response *response =
                text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;

        if (!response)
                free(text);
        set_response(call, status, response, content_type);
}

static void answer_json(struct api_call *call, unsigned status, struct json_object *o)
{
        const char *s =
                json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        char *text = NULL;

        if (s && asprintf(&text, "%s\n", s) < 0)
                text = NULL;
        json_object_put(o);
        answer_text(call, status, "application/json", text);
}

void api_answer_text(struct api_call *call, const char *content_type, char *text)
{
        answer_text(call, MHD_HTTP_OK, content_type, text);
}

void api_answer(struct api_call *call, struct json_object *o)
{
        api_answer_status(call, MHD_HTTP_OK, o);
}

void api_answer_status(struct api_call *call, unsigned status, struct json_object *o)
{
        if (o)
                answer_json(call, status, o);
        else
                api_fail(call, MHD_HTTP_INTERNAL_SERVER_ERROR, "no-memory", "",
                         "There was not enough memory for the answer.");
}

void api_fail(struct api_call *call, unsigned status, const char *code, const char *hint, const char *format,
              ...)
{
        struct json_object *o = json_new("ptraced.error/1"), *error = json_object_new_object();
        char message[API_ERROR_MAX];
        va_list ap;

        va_start(ap, format);
        vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        json_add_text(error, "code", code);
        json_add_text(error, "message", message);
        json_add_text(error, "hint", hint);
        json_object_object_add(o, "error", error);
        answer_json(call, status, o);
}

/* ---- objects --------------------------------------------------------------------------------------- */

struct json_object *json_new(const char *schema)
{
        struct json_object *o = json_object_new_object();

        json_object_object_add(o, "schema", json_object_new_string(schema));
        return o;
}

void json_add_text(struct json_object *o, const char *key, const char *s)
{
        char buf[JSON_TEXT_MAX];

        json_object_object_add(o, key, json_object_new_string(text_utf8(s, buf, sizeof(buf))));
}

void json_add_time(struct json_object *o, const char *key, uint64_t wall_ns)
{
        char buf[TIME_STRING_MAX];

        json_object_object_add(o, key,
                               wall_ns ? json_object_new_string(time_to_string(wall_ns, buf)) : NULL);
}

void json_add_seconds(struct json_object *o, const char *key, uint64_t ns)
{
        double seconds = (double)ns / NSEC_PER_SEC;
        char text[32];

        /* As text, too: the writer alone would print all the digits a double has. */
        snprintf(text, sizeof(text), "%.3f", seconds);
        json_object_object_add(o, key, json_object_new_double_s(seconds, text));
}

void json_add_int(struct json_object *o, const char *key, int64_t n)
{
        json_object_object_add(o, key, json_object_new_int64(n));
}

static void put_member(struct json_object *o, const struct json_member *m)
{
        switch (m->kind) {
        case JSON_KIND_TEXT:
                json_add_text(o, m->name, m->text);
                break;
        case JSON_KIND_INT:
                json_add_int(o, m->name, m->n);
                break;
        case JSON_KIND_BOOL:
                json_object_object_add(o, m->name, json_object_new_boolean(m->yes));
                break;
        case JSON_KIND_TIME:
                json_add_time(o, m->name, m->ns);
                break;
        case JSON_KIND_SECONDS:
                if (m->ns == JSON_NO_SPAN)
                        json_object_object_add(o, m->name, NULL);
                else
                        json_add_seconds(o, m->name, m->ns);
                break;
        case JSON_KIND_VALUE:
                json_object_object_add(o, m->name, m->value);
                break;
        }
}

struct json_object *json_of(const struct json_member *members, size_t n)
{
        struct json_object *o = json_object_new_object();

        for (size_t i = 0; i < n; i++)
                if (members[i].name)
                        put_member(o, &members[i]);
        return o;
}
