/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/wire/client.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <curl/curl.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/json_text.h"

#define POLL_MS 1000 /* how long one wait lasts when nothing else limits it */

struct client {
        CURLM *multi;
        CURL *easy;
        unsigned answer_ms;
        char socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
};

/* One request on its way. text collects the whole object, or the unfinished line of a stream. */
struct transfer {
        struct client *client;
        const struct client_stream *stream;   /* NULL: one object */
        const struct client_request *request; /* NULL: GET */
        int stop_fd;
        int (*on_tick)(void *userdata);
        int tick_every_ms;
        void *userdata;
        char *text;
        size_t length, room;
        uint64_t tick_ms;
        int stopped; /* what a callback said, 0: nothing yet */
};

static _printf_(4, 5) int client_fail(struct client_error *e, int error, const char *code,
                                      const char *format, ...)
{
        va_list ap;

        *e = (struct client_error){};
        snprintf(e->code, sizeof(e->code), "%s", code);
        va_start(ap, format);
        vsnprintf(e->message, sizeof(e->message), format, ap);
        va_end(ap);
        return error;
}

static _printf_(3, 4) int hint(struct client_error *e, int error, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        vsnprintf(e->hint, sizeof(e->hint), format, ap);
        va_end(ap);
        return error;
}

static int no_memory(struct client_error *e)
{
        return client_fail(e, -ENOMEM, "no-memory", "There is not enough memory for the answer of ptraced.");
}

int client_new(struct client **ret, const char *socket, struct client_error *error)
{
        struct client *c;

        if (strlen(socket) >= sizeof(c->socket))
                return hint(
                        error,
                        client_fail(error, -ENAMETOOLONG, "socket-path",
                                    "The socket path is longer than the %zu bytes that Linux allows: %s.",
                                    sizeof(c->socket) - 1, socket),
                        "Use a shorter path with --socket.");
        c = calloc(1, sizeof(*c));
        if (!c)
                return no_memory(error);
        strcpy(c->socket, socket);
        c->answer_ms = CLIENT_ANSWER_MS;
        curl_global_init(CURL_GLOBAL_NOTHING);
        c->multi = curl_multi_init();
        c->easy = curl_easy_init();
        if (!c->multi || !c->easy) {
                client_free(c);
                return no_memory(error);
        }
        *ret = c;
        return 0;
}

struct client *client_free(struct client *c)
{
        if (!c)
                return NULL;
        if (c->easy)
                curl_easy_cleanup(c->easy);
        if (c->multi)
                curl_multi_cleanup(c->multi);
        free(c);
        return NULL;
}

void client_set_timeout(struct client *c, unsigned ms)
{
        c->answer_ms = ms;
}

static int append(struct transfer *t, const char *data, size_t n, size_t max)
{
        size_t need = t->length + n + 1;

        if (need > max)
                return -EMSGSIZE;
        if (need > t->room) {
                size_t room = MIN_OF(MAX_OF(need * 2, (size_t)4096), max);
                char *p = realloc(t->text, room);

                if (!p)
                        return -ENOMEM;
                t->text = p;
                t->room = room;
        }
        memcpy(t->text + t->length, data, n);
        t->length += n;
        t->text[t->length] = 0;
        return 0;
}

static int take_lines(struct transfer *t, const char *data, size_t n)
{
        int r = 0;

        while (n > 0 && r == 0) {
                const char *end = memchr(data, '\n', n);
                size_t part = end ? (size_t)(end - data) : n;

                r = append(t, data, part, CLIENT_LINE_MAX);
                if (r == 0 && end) {
                        r = t->length ? t->stream->on_line(t->stream->userdata, t->text, t->length) : 0;
                        t->length = 0;
                }
                part += !!end;
                data += part;
                n -= part;
        }
        return r;
}

static long http_status(struct client *c)
{
        long status = 0;

        curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
        return status;
}

static bool is_success(long status)
{
        return status >= 200 && status <= 299;
}

static size_t on_data(char *data, size_t size, size_t n, void *userdata)
{
        struct transfer *t = userdata;
        bool good = is_success(http_status(t->client));

        n *= size;
        if (good && t->stream)
                t->stopped = take_lines(t, data, n);
        else
                t->stopped = append(t, data, n, good ? CLIENT_BODY_MAX : CLIENT_LINE_MAX);
        return t->stopped ? 0 : n; /* 0 makes libcurl end the transfer */
}

/* An unreachable socket in words; os_error is what connect(2) said. */
static int not_connected(struct client *c, int os_error, struct client_error *e)
{
        static const char start[] = "Start it: systemctl start ptraced, or: ptraced --state-dir DIR";
        struct stat st;

        switch (os_error) {
        case EACCES:
        case EPERM:
                return hint(e,
                            client_fail(e, -EACCES, "socket-permission",
                                        "The socket %s may not be used by this user: permission denied.",
                                        c->socket),
                            "Run this as root, or make the socket and its directory accessible: ptraced "
                            "creates the socket with mode 0666.");
        case ENOENT:
        case ENOTDIR:
                return hint(e,
                            client_fail(e, -ENOTCONN, "not-running",
                                        "ptraced is not running (no socket at %s).", c->socket),
                            "%s", start);
        case ECONNREFUSED:
                if (stat(c->socket, &st) == 0 && !S_ISSOCK(st.st_mode))
                        return client_fail(e, -ENOTCONN, "not-a-socket", "%s is not a socket.", c->socket);
                return hint(e,
                            client_fail(e, -ENOTCONN, "not-running",
                                        "ptraced is not running (nobody listens on the socket %s).",
                                        c->socket),
                            "%s", start);
        case EAGAIN:
                return hint(e,
                            client_fail(e, -ETIMEDOUT, "busy", "ptraced does not accept connections on %s.",
                                        c->socket),
                            "It may be overloaded; try again, or look at its log: journalctl -u ptraced.");
        default:
                return hint(e,
                            client_fail(e, -ENOTCONN, "not-running", "ptraced cannot be reached at %s: %s.",
                                        c->socket,
                                        os_error ? strerrordesc_np(os_error) : "it does not answer"),
                            "%s", start);
        }
}

static int transfer_failed(struct transfer *t, CURLcode code, struct client_error *e)
{
        long os_error = 0;

        curl_easy_getinfo(t->client->easy, CURLINFO_OS_ERRNO, &os_error);
        switch (code) {
        case CURLE_COULDNT_CONNECT:
                return not_connected(t->client, (int)os_error, e);
        case CURLE_OUT_OF_MEMORY:
                return no_memory(e);
        case CURLE_OPERATION_TIMEDOUT:
                return hint(e,
                            client_fail(e, -ETIMEDOUT, "timeout", "ptraced at %s does not answer in time.",
                                        t->client->socket),
                            "Is it stopped or overloaded? Look at its log: journalctl -u ptraced.");
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_WEIRD_SERVER_REPLY:
                return client_fail(e, -EBADMSG, "bad-answer",
                                   "What listens on %s does not speak HTTP: it is not ptraced.",
                                   t->client->socket);
        default:
                return hint(e,
                            client_fail(e, -EPIPE, "connection-lost",
                                        "ptraced at %s went away in the middle of the answer.",
                                        t->client->socket),
                            "Look at its log: journalctl -u ptraced.");
        }
}

static void copy_member(struct json_object *o, const char *key, char *buf, size_t size)
{
        struct json_object *v = NULL;

        if (json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string))
                snprintf(buf, size, "%s", json_object_get_string(v));
}

/* An answer other than 200: the server's own sentence where it is well-formed. */
static int server_error(struct transfer *t, long status, struct client_error *e)
{
        struct json_object *o = NULL, *inner = NULL;

        client_fail(e, 0, "http", "ptraced answered with HTTP status %ld.", status);
        e->http_status = (int)status;
        if (t->text && client_parse(t->text, t->length, &o) == 0 &&
            json_object_object_get_ex(o, "error", &inner)) {
                copy_member(inner, "code", e->code, sizeof(e->code));
                copy_member(inner, "message", e->message, sizeof(e->message));
                copy_member(inner, "hint", e->hint, sizeof(e->hint));
        }
        json_object_put(o);
        return status == 401 || status == 403 ? -EACCES : -EREMOTEIO;
}

/* What the finished transfer amounts to. */
static int client_conclude(struct transfer *t, CURLcode code, struct client_error *e)
{
        long status = http_status(t->client);

        if (t->stopped == -EMSGSIZE)
                return client_fail(e, -EBADMSG, "bad-answer", "ptraced sent more than %lu bytes in one %s.",
                                   t->stream ? CLIENT_LINE_MAX : CLIENT_BODY_MAX,
                                   t->stream ? "line" : "answer");
        if (t->stopped == -ENOMEM)
                return no_memory(e);
        if (t->stopped)
                return t->stopped > 0 ? 1 : t->stopped;
        if (code != CURLE_OK)
                return transfer_failed(t, code, e);
        if (!is_success(status))
                return server_error(t, status, e);
        if (t->stream && t->length > 0) /* a line without its newline: cut off */
                return transfer_failed(t, CURLE_PARTIAL_FILE, e);
        return 0;
}

static void tick(struct transfer *t)
{
        if (!t->on_tick || t->stopped || clock_mono_ms() < t->tick_ms)
                return;
        t->stopped = t->on_tick(t->userdata);
        t->tick_ms = clock_mono_ms() + (uint64_t)t->tick_every_ms;
}

static int wait_ms(const struct transfer *t)
{
        uint64_t now = clock_mono_ms();

        if (!t->on_tick)
                return POLL_MS;
        return t->tick_ms <= now ? 0 : (int)MIN_OF(t->tick_ms - now, (uint64_t)POLL_MS);
}

static int on_stop(struct transfer *t)
{
        return t->stream && t->stream->on_stop ? t->stream->on_stop(t->userdata) : 1;
}

/* Runs the transfer to its end, or until stop_fd or a callback ends it. *ret_code is libcurl's verdict. */
static void fetch_all(struct transfer *t, CURLcode *ret_code)
{
        int running = 1, left;
        CURLM *multi = t->client->multi;
        CURLMsg *message;

        *ret_code = CURLE_OUT_OF_MEMORY;
        while (!t->stopped && curl_multi_perform(multi, &running) == CURLM_OK && running) {
                struct curl_waitfd stop = {.fd = t->stop_fd, .events = CURL_WAIT_POLLIN};

                tick(t);
                if (t->stopped ||
                    curl_multi_poll(multi, &stop, t->stop_fd >= 0, wait_ms(t), NULL) != CURLM_OK)
                        break;
                if (stop.revents)
                        t->stopped = on_stop(t);
        }
        while ((message = curl_multi_info_read(multi, &left)))
                if (message->msg == CURLMSG_DONE)
                        *ret_code = message->data.result;
}

static void set_limits(const struct transfer *t)
{
        CURL *easy = t->client->easy;

        if (!t->stream && !(t->request && t->request->patient))
                curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)t->client->answer_ms);
        else if (t->stream && !t->stream->follow) {
                curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
                curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, CLIENT_SILENCE_MS / 1000L);
        }
}

static void set_options(struct transfer *t, const char *url)
{
        CURL *easy = t->client->easy;

        curl_easy_reset(easy);
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, t->client->socket);
        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
        curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* http_proxy of the environment is not for us */
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CLIENT_CONNECT_MS);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
        set_limits(t);
}

/* The body, if there is one, in *ret_headers, which must outlive the transfer. */
static int set_request(const struct transfer *t, struct curl_slist **ret_headers)
{
        CURL *easy = t->client->easy;
        const char *text = "";

        if (!t->request)
                return 0;
        if (t->request->body) {
                *ret_headers = curl_slist_append(NULL, "Content-Type: application/json");
                text = json_object_to_json_string_ext(
                        t->request->body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        }
        if (!text || (t->request->body && !*ret_headers))
                return -ENOMEM;
        if (t->request->body || !strcmp(t->request->method, "POST"))
                curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, text);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *ret_headers);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, t->request->method);
        return 0;
}

static int perform(struct transfer *t, const char *path, struct client_error *error)
{
        struct curl_slist *headers = NULL;
        char url[CLIENT_URL_MAX + 32];
        CURLcode code;
        int r;

        snprintf(url, sizeof(url), "http://ptraced%s", path);
        set_options(t, url);
        if (t->on_tick)
                t->tick_ms = clock_mono_ms() + (uint64_t)t->tick_every_ms;
        r = set_request(t, &headers);
        if (r == 0 && curl_multi_add_handle(t->client->multi, t->client->easy) == CURLM_OK) {
                fetch_all(t, &code);
                curl_multi_remove_handle(t->client->multi, t->client->easy);
                r = client_conclude(t, code, error);
        } else
                r = no_memory(error);
        curl_slist_free_all(headers);
        return r;
}

/* One object, whatever was asked. */
static int fetch(struct transfer *t, const char *path, struct json_object **ret, struct client_error *error)
{
        struct json_object *o = NULL;
        int r;

        r = perform(t, path, error);
        if (r == 0 && client_parse(t->text ?: "", t->length, &o) < 0)
                r = client_fail(error, -EBADMSG, "bad-answer",
                                "The answer of ptraced at %s is not a JSON object.", t->client->socket);
        if (r == 0)
                *ret = o;
        free(t->text);
        return r;
}

int client_get(struct client *c, const char *path, struct json_object **ret, struct client_error *error)
{
        struct transfer t = {.client = c, .stop_fd = -1};

        return fetch(&t, path, ret, error);
}

int client_request(struct client *c, const char *path, const struct client_request *r,
                   struct json_object **ret, struct client_error *error)
{
        struct transfer t = {
                .client = c,
                .request = r,
                .stop_fd = r->stop_fd,
                .on_tick = r->on_tick,
                .tick_every_ms = r->tick_ms,
                .userdata = r->userdata,
        };

        return fetch(&t, path, ret, error);
}

int client_stream(struct client *c, const char *path, const struct client_stream *s,
                  struct client_error *error)
{
        struct transfer t = {
                .client = c,
                .stream = s,
                .stop_fd = s->stop_fd,
                .on_tick = s->on_tick,
                .tick_every_ms = s->tick_ms,
                .userdata = s->userdata,
        };
        int r;

        r = perform(&t, path, error);
        free(t.text);
        return r;
}

int client_query(char *path, size_t size, const char *key, const char *value)
{
        size_t n = strlen(path), need = n + strlen(key) + 3;

        for (const char *v = value; *v; v++)
                need += isalnum((unsigned char)*v) || strchr("-._~:,", *v) ? 1 : 3;
        if (need > size)
                return -ENOSPC;
        n += (size_t)sprintf(path + n, "%c%s=", strchr(path, '?') ? '&' : '?', key);
        for (const char *v = value; *v; v++) {
                bool plain = isalnum((unsigned char)*v) || strchr("-._~:,", *v);

                n += (size_t)sprintf(path + n, plain ? "%c" : "%%%02X", (unsigned char)*v);
        }
        return 0;
}

int client_parse(const char *text, size_t length, struct json_object **ret)
{
        struct json_text_end end;
        struct json_object *o;
        int r;

        while (length > 0 && isspace((unsigned char)text[length - 1]))
                length--;
        r = json_text_parse(text, length, CLIENT_DEPTH_MAX, &o, &end);
        if (r < 0)
                return r;
        if (end.at < length || !json_object_is_type(o, json_type_object)) {
                json_object_put(o);
                return -EBADMSG;
        }
        *ret = o;
        return 0;
}
