/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/export/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "lib/base/cleanup.h"
#include "lib/store/store.h"
#include "lib/base/text.h"

#define BLOCK_BYTES  65536 /* read at a time */
#define SQLITE_MAGIC "SQLite format 3"
#define SHOWN_MAX    512 /* of a path in a sentence */

struct trace {
        const char *path;
        gzFile file;
        json_tokener *parser;
        char *line; /* TRACE_LINE_MAX + 1 bytes */
        size_t n_line;
        uint64_t n_lines;
        char block[BLOCK_BYTES];
        size_t at, n_block;
        int (*fn)(void *userdata, const struct event *e);
        void *userdata;
        char *error;
        size_t size;
};

static void cleanup_trace(struct trace **t)
{
        if (!*t)
                return;
        if ((*t)->file)
                gzclose((*t)->file);
        if ((*t)->parser)
                json_tokener_free((*t)->parser);
        free((*t)->line);
        free(*t);
}

/* "FILE, line 7: what". Returns -EBADMSG. */
static _printf_(2, 3) int wrong_line(const struct trace *t, const char *format, ...)
{
        char shown[SHOWN_MAX], what[512];
        va_list args;

        va_start(args, format);
        vsnprintf(what, sizeof(what), format, args);
        va_end(args);
        snprintf(t->error, t->size, "%s, line %llu: %s", text_escape(t->path, shown, sizeof(shown)),
                 (unsigned long long)t->n_lines, what);
        return -EBADMSG;
}

static int trace_unreadable(const char *path, const char *why, int r, char *error, size_t size)
{
        char shown[SHOWN_MAX];

        snprintf(error, size, "cannot read the trace %s: %s", text_escape(path, shown, sizeof(shown)), why);
        return r;
}

/* The next block, decompressed where it is compressed. 1, 0 at the end, or -errno with a sentence. */
static int next_block(struct trace *t)
{
        int n = gzread(t->file, t->block, sizeof(t->block)), status = Z_OK;
        const char *why = gzerror(t->file, &status);

        t->at = 0;
        t->n_block = n > 0 ? (size_t)n : 0;
        if (status == Z_ERRNO)
                return trace_unreadable(t->path, strerror(errno), -errno, t->error, t->size);
        if (n < 0 || (n == 0 && status == Z_BUF_ERROR))
                return trace_unreadable(t->path, status == Z_BUF_ERROR ? "it is cut off in the middle" : why,
                                        -EBADMSG, t->error, t->size);
        return n > 0;
}

/* The next line, without its newline, in t->line. 1, 0 at the end, or -errno with a sentence. */
static int next_trace_line(struct trace *t)
{
        int r = 1;

        t->n_line = 0;
        t->n_lines++;
        for (;;) {
                if (t->at == t->n_block) {
                        r = next_block(t);
                        if (r < 0)
                                return r;
                        if (r == 0) {
                                t->line[t->n_line] = '\0';
                                return t->n_line > 0;
                        }
                }
                const char *from = t->block + t->at, *end = memchr(from, '\n', t->n_block - t->at);
                size_t n = end ? (size_t)(end - from) : t->n_block - t->at;
                if (t->n_line + n > TRACE_LINE_MAX)
                        return wrong_line(t, "it is longer than %u bytes", TRACE_LINE_MAX);
                memcpy(t->line + t->n_line, from, n);
                t->n_line += n;
                t->at += n + (end != NULL);
                if (end) {
                        t->line[t->n_line] = '\0';
                        return 1;
                }
        }
}

/* One line is one event. */
static int read_line(struct trace *t)
{
        struct json_object *o;
        struct event e;
        char why[256];
        int r;

        json_tokener_reset(t->parser);
        o = json_tokener_parse_ex(t->parser, t->line, (int)t->n_line + 1); /* with the NUL: it is the end */
        enum json_tokener_error wrong = json_tokener_get_error(t->parser);
        size_t end = json_tokener_get_parse_end(t->parser);
        end += wrong == json_tokener_success ? strspn(t->line + end, " \t\r") : 0;
        if (wrong == json_tokener_continue || wrong == json_tokener_error_parse_eof) {
                r = wrong_line(t, "the JSON ends in the middle");
        } else if (wrong != json_tokener_success) {
                r = wrong_line(t, "not JSON: %s at byte %zu", json_tokener_error_desc(wrong), end + 1);
        } else if (end < t->n_line) {
                r = wrong_line(t, "more than one JSON object");
        } else {
                r = event_from_json(o, &e, why, sizeof(why));
                r = r < 0 ? wrong_line(t, "%s", why) : t->fn(t->userdata, &e);
        }
        json_object_put(o);
        return r;
}

static int read_lines(struct trace *t)
{
        int r;

        while ((r = next_trace_line(t)) == 1)
                if (t->line[strspn(t->line, " \t\r")] != '\0' || strlen(t->line) < t->n_line) {
                        r = read_line(t);
                        if (r != 0)
                                break;
                }
        return r;
}

static int read_store(const char *path, int (*fn)(void *userdata, const struct event *e), void *userdata,
                      char *error, size_t size)
{
        struct store_cursor *c = NULL;
        struct store *s = NULL;
        struct event e;
        int r, stop = 0;

        r = store_open_readonly(&s, path, error, size);
        if (r < 0)
                return r;
        r = store_query(s, &(struct event_filter){}, &c);
        while (r == 0 && (r = store_cursor_next(c, &e)) == 1)
                r = stop = fn(userdata, &e);
        if (r < 0 && stop == 0)
                trace_unreadable(path, strerror(-r), r, error, size);
        store_cursor_free(c);
        store_close(s);
        return r;
}

/* True if the file begins as a SQLite file does. Does not move the file's position. */
static bool is_sqlite(int fd)
{
        char magic[sizeof(SQLITE_MAGIC)];

        return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
               memcmp(magic, SQLITE_MAGIC, sizeof(magic)) == 0;
}

/* Takes the descriptor over. */
static int open_lines(int fd, struct trace **ret)
{
        _cleanup_(cleanup_trace) struct trace *t = calloc(1, sizeof(*t));
        _cleanup_close_ int owned = fd;

        if (!t)
                return -ENOMEM;
        t->parser = json_tokener_new();
        t->line = malloc(TRACE_LINE_MAX + 1);
        if (!t->parser || !t->line)
                return -ENOMEM;
        t->file = gzdopen(fd, "rb");
        if (!t->file)
                return -ENOMEM;
        TAKE_FD(owned);
        *ret = TAKE_PTR(t);
        return 0;
}

int trace_read(const char *path, int (*fn)(void *userdata, const struct event *e), void *userdata,
               char *error, size_t size)
{
        _cleanup_(cleanup_trace) struct trace *t = NULL;
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        if (strcmp(path, "-") == 0)
                fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        else
                fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return trace_unreadable(path, strerror(errno), -errno, error, size);
        if (S_ISDIR(st.st_mode))
                return trace_unreadable(path, strerror(EISDIR), -EISDIR, error, size);
        if (S_ISREG(st.st_mode) && is_sqlite(fd))
                return read_store(path, fn, userdata, error, size);
        r = open_lines(TAKE_FD(fd), &t);
        if (r < 0)
                return trace_unreadable(path, strerror(-r), r, error, size);
        t->path = path;
        t->fn = fn;
        t->userdata = userdata;
        t->error = error;
        t->size = size;
        return read_lines(t);
}
