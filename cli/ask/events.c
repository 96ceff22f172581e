/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl events: the record, as lines for people or as JSON Lines. */
#include "cli/ask/ask_verbs.h"

#include <errno.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/event/lifetime.h"
#include "cli/ask/describe.h"
#include "cli/base/session.h"

/* Longest type name and its gap, so that the sentences stand under each other. */
#define TYPE_COLUMN 18
#define TICK_MS     1000 /* how often it is looked whether anybody still reads */

struct printer {
        const struct cli *c;
        bool flush; /* somebody may be reading along */
        uint64_t n_unreadable;
        uint32_t pid;   /* whose former owners are told apart, 0: none are */
        uint64_t start; /* of the one that the last line was about */
};

/* From here on it is about another one of those that had the pid. */
static void head_of_life(struct printer *p, const struct event *e)
{
        uint64_t start = p->pid ? lifetime_start_in(e, p->pid) : 0;
        char text[START_TEXT_MAX];

        if (!start || start == p->start)
                return;
        p->start = start;
        printf("PID %u, %s:\n", p->pid, start_text(start, e->wall_ns, text));
}

static int finish_line(const struct printer *p)
{
        if (p->flush)
                fflush(stdout);
        return !output_alive(); /* nobody reads any more: enough */
}

static int print_json_line(void *userdata, const char *line, size_t length)
{
        struct printer *p = userdata;
        struct json_object *o = NULL;

        if (client_parse(line, length, &o) < 0)
                p->n_unreadable++;
        else
                json_print_line(line, length);
        json_object_put(o);
        return finish_line(p);
}

static int print_text_line(void *userdata, const char *line, size_t length)
{
        char words[DESCRIBE_MAX], time[TIME_STRING_MAX], error[128];
        struct printer *p = userdata;
        struct json_object *o = NULL;
        struct event e;

        if (client_parse(line, length, &o) < 0 || event_from_json(o, &e, error, sizeof(error)) < 0)
                p->n_unreadable++;
        else {
                head_of_life(p, &e);
                printf("%lu  %s  %-*s %s\n", e.seq, local_time(e.wall_ns, true, time), TYPE_COLUMN,
                       event_type_to_string(e.type), describe_event(&e, words, sizeof(words)));
        }
        json_object_put(o);
        return finish_line(p);
}

static int on_tick(void *userdata _unused_)
{
        return !output_wanted();
}

static int stream(const struct cli *c, const char *path, uint32_t pid, bool follow)
{
        const bool earlier = c->args.given & OPTION(OPT_EARLIER);
        struct printer p = {.c = c, .flush = follow, .pid = earlier ? pid : 0};
        struct client_stream s = {
                .on_line = c->json ? print_json_line : print_text_line,
                .on_tick = on_tick,
                .tick_ms = TICK_MS,
                .userdata = &p,
                .stop_fd = -1,
                .follow = follow,
        };
        _cleanup_client_ struct client *client = NULL;
        _cleanup_close_ int stop = -1;
        struct client_error e;
        int r;

        if (follow) {
                stop = stop_signals();
                if (stop < 0)
                        return cli_fail(c, EXIT_FAILED, "signals", "", "Signals cannot be caught: %s.",
                                        strerrordesc_np(-stop));
                s.stop_fd = stop;
        }
        r = client_new(&client, c->socket, &e);
        if (r == 0)
                r = client_stream(client, path, &s, &e);
        if (p.n_unreadable)
                cli_note("%lu lines of the answer could not be read and are left out.", p.n_unreadable);
        if (r < 0)
                return cli_fail_client(c, r, &e);
        if (follow && r == 0)
                return cli_fail(c, EXIT_UNREACHABLE, "connection-lost", "", "ptraced has ended the stream.");
        return EXIT_DONE;
}

int verb_events(struct cli *c)
{
        bool follow = c->args.given & OPTION(OPT_FOLLOW);
        char path[CLIENT_URL_MAX];
        uint64_t since, until;
        uint32_t pid;
        int r;

        r = ask_optional_pid(c, &pid);
        if (r == EXIT_DONE)
                r = ask_time(c, OPT_SINCE, &since);
        if (r == EXIT_DONE)
                r = ask_time(c, OPT_UNTIL, &until);
        if (r != EXIT_DONE)
                return r;
        if (follow && until)
                return cli_fail(c, EXIT_USAGE, "usage", "",
                                "--follow goes on without end: leave out --until.");
        if (follow && !since)
                since = clock_wall_ns();
        r = ask_events_path(c, path, pid, since, until);
        if (r == EXIT_DONE && !follow)
                r = ask_pid_known(c, pid);
        if (r != EXIT_DONE)
                return r;
        if (follow)
                client_query(path, sizeof(path), "follow", "1");
        return stream(c, path, pid, follow);
}
