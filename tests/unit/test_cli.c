/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pure parts of the client: command lines, pids, wrapping, queries, families of processes. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/arguments.h"
#include "lib/base/cleanup.h"
#include "lib/wire/client.h"
#include "lib/event/family.h"
#include "lib/base/wrap.h"

enum {
        ALPHA,
        BETA,
        GAMMA
};
static const struct option_spec specs[] = {
        [ALPHA] = {"alpha", 'a', NULL, "A flag."},
        [BETA] = {"beta", 'b', "VALUE", "Has a value."},
        [GAMMA] = {"gamma", 0, "VALUE", "Not allowed in most tests."},
};

#define ARGV(...) ((char *[]){__VA_ARGS__, NULL})

static int parse(enum arguments_command command, char **argv, struct arguments *ret, char error[256])
{
        int argc = 0;

        while (argv[argc])
                argc++;
        error[0] = 0;
        return arguments_parse(&(struct arguments_line){.specs = specs,
                                                        .n_specs = ELEMENTSOF(specs),
                                                        .allowed = 1U << ALPHA | 1U << BETA,
                                                        .command = command,
                                                        .argc = argc,
                                                        .argv = argv},
                               ret, error, 256);
}

START_TEST(arguments_in_any_order)
{
        struct arguments a;
        char error[256];

        ck_assert_int_eq(parse(COMMAND_NONE, ARGV("one", "--alpha", "two", "--beta", "-5m"), &a, error), 0);
        ck_assert_uint_eq(a.given, 1U << ALPHA | 1U << BETA);
        ck_assert_ptr_null(a.value[ALPHA]);
        ck_assert_str_eq(a.value[BETA], "-5m");
        ck_assert_uint_eq(a.n_args, 2);
        ck_assert_str_eq(a.args[1], "two");
        ck_assert_int_eq(parse(COMMAND_NONE, ARGV("-a", "-bx"), &a, error), 0);
        ck_assert_str_eq(a.value[BETA], "x");
        ck_assert_int_eq(parse(COMMAND_NONE, ARGV("--beta="), &a, error), 0);
        ck_assert_str_eq(a.value[BETA], "");
        ck_assert_int_eq(parse(COMMAND_NONE, ARGV("--beta=--alpha", "-7"), &a, error), 0);
        ck_assert_str_eq(a.value[BETA], "--alpha");
        ck_assert_str_eq(a.args[0], "-7");
        ck_assert_int_eq(parse(COMMAND_NONE, ARGV("--", "--alpha"), &a, error), 0);
        ck_assert_str_eq(a.args[0], "--alpha");
        ck_assert_uint_eq(a.given, 0);
}
END_TEST

START_TEST(arguments_of_a_command)
{
        struct arguments a;
        char error[256];
        char **argv = ARGV("-b", "out", "--", "-x", "--alpha");

        ck_assert_int_eq(parse(COMMAND_REST, argv, &a, error), 0);
        ck_assert_ptr_eq(a.command, argv + 3);
        ck_assert_uint_eq(a.given, 1U << BETA);
        argv = ARGV("ls", "--alpha");
        ck_assert_int_eq(parse(COMMAND_REST, argv, &a, error), 0);
        ck_assert_ptr_eq(a.command, argv);
        ck_assert_uint_eq(a.given, 0);
        ck_assert_int_eq(parse(COMMAND_REST, ARGV("--alpha", "--"), &a, error), 0);
        ck_assert_ptr_null(a.command);
}
END_TEST

START_TEST(arguments_before_a_command)
{
        struct arguments a;
        char error[256];
        char **argv = ARGV("7", "-b", "x", "--", "-x", "--", "y");

        ck_assert_int_eq(parse(COMMAND_AFTER_DASHES, argv, &a, error), 0);
        ck_assert_uint_eq(a.n_args, 1);
        ck_assert_str_eq(a.args[0], "7");
        ck_assert_uint_eq(a.given, 1U << BETA);
        ck_assert_ptr_eq(a.command, argv + 4);
        ck_assert_int_eq(parse(COMMAND_AFTER_DASHES, ARGV("7", "gdb"), &a, error), 0);
        ck_assert_uint_eq(a.n_args, 2);
        ck_assert_ptr_null(a.command);
        ck_assert_int_eq(parse(COMMAND_AFTER_DASHES, ARGV("7", "--"), &a, error), 0);
        ck_assert_ptr_null(a.command);
        ck_assert_int_eq(parse(COMMAND_AFTER_DASHES, ARGV("7", "--gamma", "--", "x"), &a, error), -EINVAL);
}
END_TEST

START_TEST(arguments_that_are_wrong)
{
        static const struct {
                char *argv[4];
                const char *says;
        } wrong[] = {
                {{"--nothing"}, "--nothing"},
                {{"--alp"}, "--alp"}, /* not abbreviated */
                {{"--gamma", "x"}, "--gamma"},
                {{"-z"}, "-z"},
                {{"-ab"}, "-ab"},
                {{"--alpha=1"}, "takes no value"},
                {{"--beta"}, "needs a value"},
                {{"-b"}, "needs a value"},
                {{"--alpha", "--alpha"}, "twice"},
                {{"--\033[31m"}, "\\x1b"},
        };
        struct arguments a = {.n_args = 77};
        char error[256];

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                ck_assert_int_eq(parse(COMMAND_NONE, (char **)wrong[i].argv, &a, error), -EINVAL);
                ck_assert_msg(strstr(error, wrong[i].says), "%zu: %s", i, error);
        }
        ck_assert_int_eq(parse(COMMAND_NONE, ARGV("1", "2", "3", "4", "5", "6", "7", "8", "9"), &a, error),
                         -EINVAL);
        ck_assert_uint_eq(a.n_args, 77); /* untouched on failure */
}
END_TEST

START_TEST(a_long_wrong_option_is_cut)
{
        struct arguments a;
        char error[256], word[5000];

        memset(word, 'x', sizeof(word) - 1);
        word[sizeof(word) - 1] = 0;
        memcpy(word, "--", 2);
        ck_assert_int_eq(parse(COMMAND_NONE, ARGV(word), &a, error), -EINVAL);
        ck_assert_uint_lt(strlen(error), 120);
}
END_TEST

START_TEST(pids)
{
        static const char *const wrong[] = {
                "",    "0",  "-1",      "-0",   "abc",       "1x",
                " 7",  "7 ", "+7",      "0x10", "4194305",   "99999999999999999999",
                "1e3", "--", "\033[2J", "-",    "4294967297"};
        char error[256];
        uint32_t pid = 55;

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                error[0] = 0;
                ck_assert_int_eq(pid_from_string(wrong[i], &pid, error, sizeof(error)), -EINVAL);
                ck_assert_uint_gt(strlen(error), 10);
                ck_assert_ptr_null(strchr(error, '\033'));
        }
        ck_assert_uint_eq(pid, 55);
        ck_assert_int_eq(pid_from_string("1", &pid, error, sizeof(error)), 0);
        ck_assert_uint_eq(pid, 1);
        ck_assert_int_eq(pid_from_string("4194304", &pid, error, sizeof(error)), 0);
        ck_assert_uint_eq(pid, 4194304);
        ck_assert_int_eq(pid_from_string("007", &pid, error, sizeof(error)), 0);
        ck_assert_uint_eq(pid, 7);
}
END_TEST

START_TEST(seconds)
{
        char error[256];
        unsigned s = 9;

        ck_assert_int_eq(seconds_from_string("0", 10, &s, error, sizeof(error)), 0);
        ck_assert_uint_eq(s, 0);
        ck_assert_int_eq(seconds_from_string("10", 10, &s, error, sizeof(error)), 0);
        ck_assert_int_eq(seconds_from_string("11", 10, &s, error, sizeof(error)), -EINVAL);
        ck_assert_int_eq(seconds_from_string("-1", 10, &s, error, sizeof(error)), -EINVAL);
        ck_assert_int_eq(seconds_from_string("", 10, &s, error, sizeof(error)), -EINVAL);
        ck_assert_int_eq(seconds_from_string("1.5", 10, &s, error, sizeof(error)), -EINVAL);
        ck_assert_uint_eq(s, 10);
}
END_TEST

static char *wrapped(const char *prefix, const char *text, unsigned width)
{
        static char buf[4096];
        FILE *f = fmemopen(buf, sizeof(buf), "w");

        text_wrap(f, prefix, text, width);
        fclose(f);
        return buf;
}

START_TEST(wrapping)
{
        ck_assert_str_eq(wrapped("", "", 80), "\n");
        ck_assert_str_eq(wrapped("Fix: ", "one two", 80), "Fix: one two\n");
        ck_assert_str_eq(wrapped("Fix: ", "one two three four five six", 25),
                         "Fix: one two three four\n     five six\n");
        ck_assert_str_eq(wrapped("", "exactly twenty colum ns", 20), "exactly twenty colum\nns\n");
        ck_assert_str_eq(wrapped("- ", "a  b\nc", 80), "- a b c\n");
        ck_assert_str_eq(wrapped("", "short waytoolongforthewidthofthisline x", 20),
                         "short\nwaytoolongforthewidthofthisline\nx\n");
        ck_assert_str_eq(wrapped("", "never broken in a pipe, however long the text may become", 0),
                         "never broken in a pipe, however long the text may become\n");
        /* narrower than is useful: overlong lines, not one word per line */
        ck_assert_str_eq(wrapped("          ", "one two three", 5), "          one two three\n");
}
END_TEST

START_TEST(columns)
{
        ck_assert_uint_eq(text_columns(""), 0);
        ck_assert_uint_eq(text_columns("abc"), 3);
        ck_assert_uint_eq(text_columns("\xc3\xa4\xc3\xb6"), 2);
        ck_assert_uint_eq(text_columns("\xc3"), 1); /* cut off: never read past the end */
        ck_assert_uint_eq(text_columns("\xf0\x9f\x98"), 3);
}
END_TEST

START_TEST(queries)
{
        char path[64] = "/v1/events", small[16] = "/v1/events";

        ck_assert_int_eq(client_query(path, sizeof(path), "pid", "7"), 0);
        ck_assert_int_eq(client_query(path, sizeof(path), "since", "a b&c=%+"), 0);
        ck_assert_str_eq(path, "/v1/events?pid=7&since=a%20b%26c%3D%25%2B");
        ck_assert_int_eq(client_query(small, sizeof(small), "k", "\xff\xff"), -ENOSPC);
        ck_assert_str_eq(small, "/v1/events");
        ck_assert_int_eq(client_query(small, sizeof(small), "k", "123"), -ENOSPC);
        ck_assert_int_eq(client_query(small, sizeof(small), "k", "12"), 0);
        ck_assert_str_eq(small, "/v1/events?k=12");
}
END_TEST

static int parses(const char *text)
{
        struct json_object *o = NULL;
        int r = client_parse(text, strlen(text), &o);

        json_object_put(o);
        return r;
}

START_TEST(answers)
{
        char deep[200];

        ck_assert_int_eq(parses("{}"), 0);
        ck_assert_int_eq(parses("{\"a\":[1,{\"b\":null}]}\n"), 0);
        ck_assert_int_eq(parses(""), -EBADMSG);
        ck_assert_int_eq(parses("\n"), -EBADMSG);
        ck_assert_int_eq(parses("{"), -EBADMSG);
        ck_assert_int_eq(parses("{\"a\":1"), -EBADMSG);
        ck_assert_int_eq(parses("[]"), -EBADMSG);
        ck_assert_int_eq(parses("7"), -EBADMSG);
        ck_assert_int_eq(parses("null"), -EBADMSG);
        ck_assert_int_eq(parses("{} {}"), -EBADMSG);
        ck_assert_int_eq(parses("{}x"), -EBADMSG);
        ck_assert_int_eq(parses("{\"a\":\"\xff\"}"), -EBADMSG);
        ck_assert_int_eq(parses("{\"a\":\"caf\xc3\xa9 \xef\xbf\xbd\\u001e\"}"), 0);
        memset(deep, '[', sizeof(deep));
        memcpy(deep, "{\"a\":", 5);
        deep[sizeof(deep) - 1] = 0;
        ck_assert_int_eq(parses(deep), -EBADMSG);
}
END_TEST

START_TEST(a_socket_path_that_is_too_long)
{
        struct client_error e;
        struct client *c = NULL;
        char path[300];

        memset(path, 'x', sizeof(path) - 1);
        path[sizeof(path) - 1] = 0;
        ck_assert_int_eq(client_new(&c, path, &e), -ENAMETOOLONG);
        ck_assert_ptr_null(c);
        ck_assert_uint_gt(strlen(e.message), 0);
}
END_TEST

START_TEST(nobody_listens)
{
        struct json_object *o = NULL;
        struct client *c = NULL;
        struct client_error e;

        ck_assert_int_eq(client_new(&c, "/nonexistent/ptraced.sock", &e), 0);
        ck_assert_int_eq(client_get(c, "/v1/status", &o, &e), -ENOTCONN);
        ck_assert_ptr_null(o);
        ck_assert_str_eq(e.code, "not-running");
        ck_assert_ptr_nonnull(strstr(e.message, "/nonexistent/ptraced.sock"));
        ck_assert_ptr_nonnull(strstr(e.hint, "systemctl start ptraced"));
        client_free(c);
}
END_TEST

/* ---- requests, to a server of our own ------------------------------------------------------------- */

static char server_path[108];
static int server_hung_up; /* readable once a client has closed a connection without having its answer */

static void reply(int fd, const char *status, const char *body)
{
        dprintf(fd, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
}

/* One request: what it was is in the answer. /refuse is refused, /wait never answered, /stream begins. */
static bool serve_one(int fd, int hung_up)
{
        char text[4096], answer[8192], method[16], path[64];
        size_t n = 0, length = 0;
        const char *body = NULL, *header;
        ssize_t r;

        while (!body || strlen(body) < length) {
                r = read(fd, text + n, sizeof(text) - 1 - n);
                if (r <= 0)
                        return false;
                n += (size_t)r;
                text[n] = 0;
                header = strcasestr(text, "content-length:");
                length = header ? strtoul(header + 15, NULL, 10) : 0;
                body = strstr(text, "\r\n\r\n");
                body = body ? body + 4 : NULL;
        }
        sscanf(text, "%15s %63s", method, path);
        if (!strcmp(path, "/refuse")) {
                reply(fd, "409 Conflict",
                      "{\"schema\":\"ptraced.error/1\",\"error\":{\"code\":\"claimed\","
                      "\"message\":\"Somebody has it.\",\"hint\":\"Wait.\"}}");
                return true;
        }
        if (!strcmp(path, "/wait") || !strcmp(path, "/stream")) {
                if (path[1] == 's')
                        dprintf(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}\n");
                while (read(fd, text, sizeof(text)) > 0)
                        ;
                return write(hung_up, "x", 1) < 0;
        }
        snprintf(answer, sizeof(answer), "{\"method\":\"%s\",\"path\":\"%s\",\"json\":%s,\"body\":%s}",
                 method, path, strcasestr(text, "Content-Type: application/json") ? "true" : "false",
                 *body ? body : "null");
        reply(fd, "201 Created", answer);
        return true;
}

static void start_server(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0), hung_up[2];

        snprintf(server_path, sizeof(server_path), "/tmp/test-client-%d.sock", getpid());
        strcpy(address.sun_path, server_path);
        unlink(server_path);
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert_int_eq(listen(fd, 8), 0);
        ck_assert_int_eq(pipe(hung_up), 0);
        if (fork() == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;) {
                        int client = accept(fd, NULL, NULL);

                        while (serve_one(client, hung_up[1]))
                                ;
                        close(client);
                }
        }
        close(fd);
        server_hung_up = hung_up[0];
}

static void stop_server(void)
{
        unlink(server_path);
}

static struct client *server_client(void)
{
        struct client *c = NULL;
        struct client_error e;

        ck_assert_int_eq(client_new(&c, server_path, &e), 0);
        return c;
}

static void ck_request(struct client *c, const char *method, struct json_object *body, const char *answer)
{
        const struct client_request r = {.method = method, .body = body, .stop_fd = -1};
        struct json_object *o = NULL;
        struct client_error e = {};

        ck_assert_msg(client_request(c, "/x", &r, &o, &e) == 0, "%s", e.message);
        ck_assert_str_eq(
                json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                answer);
        json_object_put(o);
        json_object_put(body);
}

START_TEST(requests)
{
        struct client *c = server_client();
        struct json_object *body = json_object_new_object(), *o = NULL;

        json_object_object_add(body, "path", json_object_new_string("/a b"));
        ck_request(c, "POST", body,
                   "{\"method\":\"POST\",\"path\":\"/x\",\"json\":true,\"body\":{\"path\":\"/a b\"}}");
        ck_request(c, "POST", NULL, "{\"method\":\"POST\",\"path\":\"/x\",\"json\":false,\"body\":null}");
        ck_request(c, "DELETE", NULL,
                   "{\"method\":\"DELETE\",\"path\":\"/x\",\"json\":false,\"body\":null}");
        /* nothing of them is left in the next one */
        ck_assert_int_eq(client_get(c, "/y", &o, &(struct client_error){}), 0);
        ck_assert_str_eq(json_object_get_string(json_object_object_get(o, "method")), "GET");
        ck_assert_int_eq(json_object_get_boolean(json_object_object_get(o, "json")), 0);
        json_object_put(o);
        client_free(c);
}
END_TEST

START_TEST(a_refused_request)
{
        const struct client_request r = {.method = "POST", .stop_fd = -1};
        struct client *c = server_client();
        struct json_object *o = NULL;
        struct client_error e;

        ck_assert_int_eq(client_request(c, "/refuse", &r, &o, &e), -EREMOTEIO);
        ck_assert_ptr_null(o);
        ck_assert_int_eq(e.http_status, 409);
        ck_assert_str_eq(e.code, "claimed");
        ck_assert_str_eq(e.message, "Somebody has it.");
        ck_assert_str_eq(e.hint, "Wait.");
        client_free(c);
}
END_TEST

static int count_to_three(void *userdata)
{
        return ++*(int *)userdata == 3;
}

/* The server is told at once that nobody waits any more. */
static void ck_hung_up(void)
{
        struct pollfd p = {.fd = server_hung_up, .events = POLLIN};
        char byte;

        ck_assert_int_eq(poll(&p, 1, 5000), 1);
        ck_assert_int_eq(read(server_hung_up, &byte, 1), 1);
}

START_TEST(a_patient_request)
{
        struct client *c = server_client();
        struct json_object *o = NULL;
        struct client_error e;
        int ticks = 0, stop[2];
        struct client_request r = {.method = "POST",
                                   .patient = true,
                                   .on_tick = count_to_three,
                                   .tick_ms = 20,
                                   .userdata = &ticks,
                                   .stop_fd = -1};

        client_set_timeout(c, 30); /* does not count */
        ck_assert_int_eq(client_request(c, "/wait", &r, &o, &e), 1);
        ck_assert_int_eq(ticks, 3);
        ck_assert_ptr_null(o);
        ck_hung_up();
        ck_assert_int_eq(pipe(stop), 0);
        ck_assert_int_eq(write(stop[1], "x", 1), 1);
        r.stop_fd = stop[0];
        ck_assert_int_eq(client_request(c, "/wait", &r, &o, &e), 1);
        ck_assert_int_eq(ticks, 3);
        r = (struct client_request){.method = "POST", .stop_fd = -1};
        ck_assert_int_eq(client_request(c, "/wait", &r, &o, &e), -ETIMEDOUT);
        ck_hung_up();
        client_free(c);
}
END_TEST

struct listening {
        int fd, n_lines, n_stops;
};

static int on_line(void *userdata, const char *line _unused_, size_t length _unused_)
{
        ((struct listening *)userdata)->n_lines++;
        return 0;
}

static int on_stop(void *userdata)
{
        struct listening *l = userdata;
        char byte;

        ck_assert_int_eq(read(l->fd, &byte, 1), 1);
        return ++l->n_stops == 2;
}

START_TEST(a_stream_among_other_things)
{
        struct client *c = server_client();
        struct client_error e;
        struct listening l = {};
        int stop[2];
        struct client_stream s = {.on_line = on_line, .on_stop = on_stop, .userdata = &l, .follow = true};

        ck_assert_int_eq(pipe(stop), 0);
        ck_assert_int_eq(write(stop[1], "xy", 2), 2);
        s.stop_fd = l.fd = stop[0];
        ck_assert_int_eq(client_stream(c, "/stream", &s, &e), 1);
        ck_assert_int_eq(l.n_stops, 2);
        client_free(c);
}
END_TEST

static struct event forked(uint32_t parent, uint64_t parent_start, uint32_t child, uint64_t child_start)
{
        return (struct event){
                .type = EV_TASK_FORK,
                .actor = {.pid = parent, .tid = parent, .start = parent_start},
                .target = {.pid = child, .tid = child, .start = child_start},
        };
}

START_TEST(families)
{
        const struct task_ref root = {.pid = 10, .start = 100};
        struct family *f = NULL;
        struct event e;

        ck_assert_int_eq(family_new(&f, &root), 0);
        e = forked(10, 100, 11, 110);
        ck_assert(family_takes(f, &e));
        e = forked(11, 110, 12, 120);
        ck_assert(family_takes(f, &e));
        ck_assert(family_has(f, 12, 120));
        ck_assert(family_has(f, 12, 0));
        e = forked(20, 200, 21, 210); /* strangers */
        ck_assert(!family_takes(f, &e));
        e = forked(12, 999, 13, 1000); /* a pid that is used again */
        ck_assert(!family_takes(f, &e));
        ck_assert(!family_has(f, 13, 0));
        e = forked(10, 100, 10, 100); /* a thread is no new member */
        e.thread = true;
        ck_assert(family_takes(f, &e));
        e = (struct event){.type = EV_PTRACE_ATTACH,
                           .tracer = {.pid = 50, .start = 5},
                           .target = {.pid = 11, .start = 110}};
        ck_assert(family_takes(f, &e));
        ck_assert(!family_has(f, 50, 0)); /* its tracer is nobody's child */
        e = (struct event){.type = EV_LOSS};
        ck_assert(family_takes(f, &e));
        e = (struct event){.type = EV_TASK_INFO,
                           .target = {.pid = 30, .start = 300},
                           .parent = {.pid = 11, .start = 110}};
        ck_assert(family_takes(f, &e));
        ck_assert(family_has(f, 30, 300));
        e = (struct event){.type = EV_COUNTER, .tracer = {.tid = 12, .start = 120}};
        ck_assert(family_takes(f, &e)); /* its process was gone when the counter was read */
        ck_assert_uint_eq(family_overflow(f), 0);
        family_free(f);
}
END_TEST

START_TEST(a_family_is_bounded)
{
        const struct task_ref root = {.pid = 1, .start = 1};
        struct family *f = NULL;

        ck_assert_int_eq(family_new(&f, &root), 0);
        for (uint32_t i = 2; i < FAMILY_MAX + 100; i++) {
                struct event e = forked(1, 1, i, i);

                family_takes(f, &e);
        }
        ck_assert(family_has(f, FAMILY_MAX, FAMILY_MAX));
        ck_assert(!family_has(f, FAMILY_MAX + 1, FAMILY_MAX + 1));
        ck_assert_uint_eq(family_overflow(f), 99);
        family_free(f);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("cli");
        TCase *t = tcase_create("cli"), *requesting = tcase_create("requests");
        SRunner *runner = srunner_create(s);
        int failed;

        tcase_add_test(t, arguments_in_any_order);
        tcase_add_test(t, arguments_of_a_command);
        tcase_add_test(t, arguments_before_a_command);
        tcase_add_test(t, arguments_that_are_wrong);
        tcase_add_test(t, a_long_wrong_option_is_cut);
        tcase_add_test(t, pids);
        tcase_add_test(t, seconds);
        tcase_add_test(t, wrapping);
        tcase_add_test(t, columns);
        tcase_add_test(t, queries);
        tcase_add_test(t, answers);
        tcase_add_test(t, a_socket_path_that_is_too_long);
        tcase_add_test(t, nobody_listens);
        tcase_add_test(t, families);
        tcase_add_test(t, a_family_is_bounded);
        tcase_add_checked_fixture(requesting, start_server, stop_server);
        tcase_add_test(requesting, requests);
        tcase_add_test(requesting, a_refused_request);
        tcase_add_test(requesting, a_patient_request);
        tcase_add_test(requesting, a_stream_among_other_things);
        suite_add_tcase(s, t);
        suite_add_tcase(s, requesting);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
