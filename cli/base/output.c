/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/base/output.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/event/record.h"
#include "lib/base/text.h"
#include "lib/base/wrap.h"
#include "cli/base/json.h"

/*
 * Sentences of the daemon have escaped names in them already, and paths may hold backslashes: those stay as
 * they are. Everything that a terminal acts on is escaped, once more if need be.
 */
static const char *safe_text(const char *s, char *buf, size_t size)
{
        char *to = buf;

        text_escape(s, buf, size);
        for (const char *from = buf; *from; from++) {
                *to++ = *from;
                if (from[0] == '\\' && from[1] == '\\')
                        from++;
        }
        *to = 0;
        return buf;
}

static int fail_with(const struct cli *c, int status, const char *code, const char *message,
                     const char *hint)
{
        char text[SHOWN_TEXT_MAX];
        struct json_object *o, *inner;

        fflush(stdout);
        fprintf(stderr, "ptracectl: %s", safe_text(message, text, sizeof(text)));
        fprintf(stderr, hint[0] ? " %s\n" : "%s\n", safe_text(hint, text, sizeof(text)));
        if (!c->json)
                return status;

        o = json_object_new_object();
        inner = json_object_new_object();
        json_object_object_add(o, "schema", json_object_new_string("ptraced.error/1"));
        json_object_object_add(inner, "code", json_object_new_string(code));
        json_object_object_add(inner, "message",
                               json_object_new_string(text_utf8(message, text, sizeof(text))));
        json_object_object_add(inner, "hint", json_object_new_string(text_utf8(hint, text, sizeof(text))));
        json_object_object_add(o, "error", inner);
        json_print(c, o);
        json_object_put(o);
        return status;
}

int cli_fail(const struct cli *c, int status, const char *code, const char *hint, const char *format, ...)
{
        char message[SHOWN_TEXT_MAX];
        va_list ap;

        va_start(ap, format);
        vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        return fail_with(c, status, code, message, hint);
}

/* Somebody else's claim or tracer is in the way: refused, as by permission. */
static bool is_refusal(const char *code)
{
        static const char *const codes[] = {"claimed", "traced", "refused"};

        for (size_t i = 0; i < ELEMENTSOF(codes); i++)
                if (!strcmp(codes[i], code))
                        return true;
        return false;
}

int cli_fail_client(const struct cli *c, int error, const struct client_error *e)
{
        int status = EXIT_FAILED;

        if (error == -ENOTCONN || error == -ETIMEDOUT || error == -EPIPE)
                status = EXIT_UNREACHABLE;
        else if (error == -EACCES || is_refusal(e->code))
                status = EXIT_REFUSED;
        else if (error == -ENAMETOOLONG || e->http_status == 400)
                status = EXIT_USAGE;
        return fail_with(c, status, e->code, e->message, e->hint);
}

int cli_no_memory(const struct cli *c)
{
        return cli_fail(c, EXIT_FAILED, "no-memory", "", "There is not enough memory.");
}

void cli_note(const char *format, ...)
{
        char message[SHOWN_TEXT_MAX], text[SHOWN_TEXT_MAX];
        va_list ap;

        va_start(ap, format);
        vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        fflush(stdout);
        fprintf(stderr, "ptracectl: %s\n", safe_text(message, text, sizeof(text)));
}

/*
 * json-c escapes the control characters below space, but not DEL and those from U+0080 to U+009F, on which
 * some terminals act. Both can only occur inside strings, where \u00XX says the same.
 */
void json_print_line(const char *line, size_t length)
{
        const unsigned char *s = (const unsigned char *)line, *end = s + length, *plain = s;

        for (; s < end; s++) {
                bool c1 = s + 1 < end && s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f;

                if (!c1 && s[0] != 0x7f)
                        continue;
                fwrite(plain, 1, (size_t)(s - plain), stdout);
                fprintf(stdout, "\\u%04x", c1 ? s[1] : s[0]);
                s += c1;
                plain = s + 1;
        }
        fwrite(plain, 1, (size_t)(end - plain), stdout);
        fputc('\n', stdout);
}

void json_print(const struct cli *c, struct json_object *o)
{
        int style = c->terminal ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN;
        size_t n = 0;
        const char *s = json_object_to_json_string_length(o, style | JSON_C_TO_STRING_NOSLASHESCAPE, &n);

        if (s)
                json_print_line(s, n);
}

bool output_alive(void)
{
        return !ferror(stdout);
}

/* Has the reader of a pipe closed it? */
static bool reader_gone(void)
{
        struct pollfd p = {.fd = STDOUT_FILENO};

        return poll(&p, 1, 0) > 0 && (p.revents & POLLERR);
}

bool output_wanted(void)
{
        return output_alive() && !reader_gone();
}

int output_finish(int status)
{
        int error;

        errno = 0;
        if (fflush(stdout) == 0 && !ferror(stdout))
                return status;
        error = errno;
        clearerr(stdout);
        if (error == EPIPE || (error == 0 && reader_gone()) || status != EXIT_DONE)
                return status;
        fprintf(stderr, "ptracectl: Cannot write the output: %s.\n",
                error ? strerrordesc_np(error) : "an earlier write failed");
        return EXIT_FAILED;
}

void paint(const struct cli *c, enum paint p, const char *text)
{
        static const char *const sequences[] = {
                [PAINT_NONE] = "",        [PAINT_BOLD] = "\033[1m",    [PAINT_DIM] = "\033[2m",
                [PAINT_RED] = "\033[31m", [PAINT_YELLOW] = "\033[33m", [PAINT_GREEN] = "\033[32m",
        };
        static_assert(ELEMENTSOF(sequences) == _PAINT_MAX, "a sequence for each paint");

        if (c->colour && p != PAINT_NONE)
                printf("%s%s\033[0m", sequences[p], text);
        else
                fputs(text, stdout);
}

void print_wrapped(const struct cli *c, const char *prefix, const char *text)
{
        char safe[SHOWN_TEXT_MAX];

        text_wrap(stdout, prefix, safe_text(text, safe, sizeof(safe)), c->width);
}

const char *task_text(const struct task_ref *t, char *buf, size_t size)
{
        char comm[sizeof(t->comm) * 4 + 1];

        text_escape(t->comm[0] ? t->comm : "?", comm, sizeof(comm));
        if (!t->pid) /* only the thread is known: its process was gone when it was looked up */
                snprintf(buf, size, "%s(thread %u)", comm, t->tid);
        else if (t->tid && t->tid != t->pid)
                snprintf(buf, size, "%s(%u/%u)", comm, t->pid, t->tid);
        else
                snprintf(buf, size, "%s(%u)", comm, t->pid);
        return buf;
}

const char *local_time(uint64_t wall_ns, bool milliseconds, char buf[TIME_STRING_MAX])
{
        time_t seconds = (time_t)(wall_ns / NSEC_PER_SEC);
        struct tm tm;
        size_t n;

        if (!localtime_r(&seconds, &tm)) {
                strcpy(buf, "?");
                return buf;
        }
        n = strftime(buf, TIME_STRING_MAX, "%Y-%m-%d %H:%M:%S", &tm);
        if (milliseconds)
                snprintf(buf + n, TIME_STRING_MAX - n, ".%03u", (unsigned)(wall_ns / NSEC_PER_MSEC % 1000));
        return buf;
}

uint64_t losses_text(struct json_object *losses, char *buf, size_t size)
{
        uint64_t total = 0, n;
        size_t used = 0;

        buf[0] = 0;
        if (!losses || !json_object_is_type(losses, json_type_object))
                return 0;
        json_object_object_foreach(losses, cause, value)
        {
                n = json_object_get_uint64(value);
                if (n == 0 || !strcmp(cause, "total"))
                        continue;
                total += n;
                if (used < size)
                        used += (size_t)snprintf(buf + used, size - used, "%s%s %lu", used ? ", " : "",
                                                 cause, n);
        }
        return MAX_OF(total, member_u64(losses, "total"));
}

const char *start_text(uint64_t ticks, uint64_t seen_wall_ns, char buf[static START_TEXT_MAX])
{
        uint64_t started = clock_wall_ns() - clock_boot_ns() + ticks * NSEC_PER_TICK;
        char time[TIME_STRING_MAX];

        if (started <= seen_wall_ns + NSEC_PER_SEC)
                snprintf(buf, START_TEXT_MAX, "started %s", local_time(started, true, time));
        else
                snprintf(buf, START_TEXT_MAX, "of an earlier boot, started at tick %lu", ticks);
        return buf;
}
