/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl watch: what happens now, for people. */
#include "cli/ask/ask_verbs.h"

#include <errno.h>
#include <string.h>

#include "lib/base/clock.h"
#include "cli/ask/describe.h"
#include "cli/base/findings.h"
#include "cli/base/json.h"
#include "cli/base/session.h"

#define TICK_MS       500
#define QUIET_TICKS   4    /* findings are asked for until so many ticks after the last event */
#define KNOWN_MAX     4096 /* findings shown already; beyond that the oldest may be shown again */
#define SENTENCE_TIME 12   /* where "HH:MM:SS.mmm" begins in local_time() is 11; it is 12 long */

struct watcher {
        const struct cli *c;
        struct client *client; /* for findings; the stream has one of its own */
        uint32_t pid;
        uint64_t begin_wall_ns;
        unsigned ticks_left; /* to ask for findings */
        char last[DESCRIBE_MAX];
        uint64_t n_repeated; /* the last sentence, not shown again */
        uint64_t known[KNOWN_MAX];
        size_t n_known;
};

static uint64_t hash_text(uint64_t h, const char *s)
{
        for (; *s; s++)
                h = (h ^ (unsigned char)*s) * 0x100000001b3ULL; /* FNV-1a */
        return (h ^ '|') * 0x100000001b3ULL;
}

/* The same problem seen again has the same key: finding_same() in one number. */
static uint64_t finding_key(struct json_object *f)
{
        uint64_t h = hash_text(hash_text(0xcbf29ce484222325ULL, member_string(f, "code")),
                               member_string(f, "cause"));
        char numbers[96];

        snprintf(numbers, sizeof(numbers), "%lu %lu %lu", member_u64(f, "pid"), member_u64(f, "start"),
                 member_u64(f, "other_pid"));
        return hash_text(h, numbers);
}

static bool is_new(struct watcher *w, uint64_t key)
{
        for (size_t i = 0; i < MIN_OF(w->n_known, (size_t)KNOWN_MAX); i++)
                if (w->known[i] == key)
                        return false;
        w->known[w->n_known++ % KNOWN_MAX] = key;
        return true;
}

static void end_repetition(struct watcher *w)
{
        if (w->n_repeated && !w->c->json)
                printf("%*s  (%lu times more)\n", SENTENCE_TIME, "", w->n_repeated);
        w->n_repeated = 0;
}

static void print_finding(struct watcher *w, struct json_object *f)
{
        struct json_object *wrapped;

        if (!w->c->json) {
                putchar('\n');
                finding_print(w->c, f);
                putchar('\n');
                return;
        }
        wrapped = json_object_new_object();
        json_object_object_add(wrapped, "type", json_object_new_string("finding"));
        json_object_object_add(wrapped, "finding", json_object_get(f));
        json_print_line(json_object_to_json_string_ext(wrapped, JSON_C_TO_STRING_NOSLASHESCAPE),
                        strlen(json_object_to_json_string_ext(wrapped, JSON_C_TO_STRING_NOSLASHESCAPE)));
        json_object_put(wrapped);
}

/* Failures are not told: the stream sees them too, and ends. */
static void show_new_findings(struct watcher *w)
{
        char path[CLIENT_URL_MAX] = "/v1/diagnosis", number[16], time[TIME_STRING_MAX];
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *findings;
        struct client_error e;

        snprintf(number, sizeof(number), "%u", w->pid);
        if (w->pid)
                client_query(path, sizeof(path), "pid", number);
        client_query(path, sizeof(path), "since", time_to_string(w->begin_wall_ns, time));
        if (client_get(w->client, path, &o, &e) < 0)
                return;
        findings = member_array(o, "findings");
        for (size_t i = 0; i < array_length(findings); i++) {
                struct json_object *f = json_object_array_get_idx(findings, i);

                if (!is_new(w, finding_key(f)))
                        continue;
                end_repetition(w);
                print_finding(w, f);
        }
}

static int on_watch_tick(void *userdata)
{
        struct watcher *w = userdata;

        if (w->ticks_left > 0) {
                w->ticks_left--;
                show_new_findings(w);
        }
        end_repetition(w);
        fflush(stdout);
        return !output_wanted();
}

static void print_event(struct watcher *w, const struct event *e, const char *line, size_t length)
{
        char words[DESCRIBE_MAX], time[TIME_STRING_MAX];

        if (w->c->json) {
                json_print_line(line, length);
                return;
        }
        describe_event(e, words, sizeof(words));
        if (!strcmp(words, w->last)) {
                w->n_repeated++;
                return;
        }
        end_repetition(w);
        strcpy(w->last, words);
        printf("%s  %s\n", local_time(e->wall_ns, true, time) + strlen("2026-11-22 "), words);
}

static int on_line(void *userdata, const char *line, size_t length)
{
        struct watcher *w = userdata;
        struct json_object *o = NULL;
        struct event e;
        char error[128];

        if (client_parse(line, length, &o) == 0 && event_from_json(o, &e, error, sizeof(error)) == 0) {
                w->ticks_left = QUIET_TICKS;
                if (event_interesting(&e))
                        print_event(w, &e, line, length);
        }
        json_object_put(o);
        fflush(stdout);
        return !output_alive();
}

static int print_header(struct watcher *w)
{
        _cleanup_json_ struct json_object *o = NULL;
        char line[256];
        int r;

        r = ask_object(w->c, "/v1/status", &o);
        if (r != EXIT_DONE || w->c->json)
                return r;
        snprintf(line, sizeof(line), "Watching in tier %s; %lu threads are traced now. Ctrl-C ends it.",
                 member_string(o, "tier"), member_u64(member_object(o, "counts"), "traced_threads"));
        print_wrapped(w->c, "", line);
        fflush(stdout);
        return EXIT_DONE;
}

static int watch_stream(struct watcher *w, struct client *streaming, int stop)
{
        struct client_stream s = {
                .on_line = on_line,
                .on_tick = on_watch_tick,
                .tick_ms = TICK_MS,
                .userdata = w,
                .stop_fd = stop,
                .follow = true,
        };
        char path[CLIENT_URL_MAX];
        struct client_error e;
        int r;

        w->begin_wall_ns = clock_wall_ns();
        r = ask_events_path(w->c, path, w->pid, w->begin_wall_ns, 0);
        if (r != EXIT_DONE)
                return r;
        client_query(path, sizeof(path), "follow", "1");
        r = client_stream(streaming, path, &s, &e);
        end_repetition(w);
        if (r < 0)
                return cli_fail_client(w->c, r, &e);
        if (r == 0)
                return cli_fail(w->c, EXIT_UNREACHABLE, "connection-lost", "",
                                "ptraced has ended the stream.");
        return EXIT_DONE;
}

int verb_watch(struct cli *c)
{
        _cleanup_free_ struct watcher *w = calloc(1, sizeof(*w));
        _cleanup_client_ struct client *asking = NULL, *streaming = NULL;
        _cleanup_close_ int stop = -1;
        struct client_error e;
        int r;

        if (!w)
                return cli_no_memory(c);
        w->c = c;
        r = ask_optional_pid(c, &w->pid);
        if (r == EXIT_DONE)
                r = print_header(w);
        if (r != EXIT_DONE)
                return r;
        stop = stop_signals();
        r = client_new(&asking, c->socket, &e);
        if (r == 0)
                r = client_new(&streaming, c->socket, &e);
        if (r < 0)
                return cli_fail_client(c, r, &e);
        w->client = asking;
        return watch_stream(w, streaming, stop);
}
