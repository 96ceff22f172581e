/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl export: events in the form of other tools, as they come. */
#include "cli/trace/trace_verbs.h"

#include "lib/export/export.h"

#include <errno.h>
#include <string.h>

#include "cli/base/losses.h"
#include "cli/base/outfile.h"
#include "cli/base/session.h"
#include "cli/base/tame.h"

/* Where it goes: a file that appears when it is complete, or standard output; perhaps compressed. */
struct sink {
        struct outfile file; /* f is NULL: standard output */
        FILE *gzip;
        FILE *tame; /* in front of a terminal */
        FILE *f;    /* what is written to: one of the three above, or stdout */
};

struct exporting {
        struct export *x;
        struct losses losses;
        uint64_t n_unreadable;
};

static int sink_open(struct sink *s, const char *path, bool gzip, bool terminal)
{
        int r;

        if (path) {
                r = outfile_open(&s->file, path);
                if (r < 0)
                        return r;
        }
        s->f = path ? s->file.f : stdout;
        if (!path && terminal) {
                r = tame_open(stdout, &s->tame);
                if (r < 0)
                        return r;
                s->f = s->tame;
        }
        if (!gzip)
                return 0;
        r = export_gzip(s->f, &s->gzip);
        if (r == 0)
                s->f = s->gzip;
        return r;
}

/* Ends what is written; complete: it may take its place. */
static int sink_close(struct sink *s, bool complete)
{
        int r = 0;

        errno = 0;
        if (s->gzip && fclose(TAKE_PTR(s->gzip)) != 0)
                r = errno ? -errno : -EIO;
        if (s->tame && fclose(TAKE_PTR(s->tame)) != 0)
                r = errno ? -errno : -EIO;
        if (!s->file.f)
                return r;
        if (r == 0 && complete)
                return outfile_commit(&s->file);
        outfile_abandon(&s->file);
        return r;
}

static int take_line(void *userdata, const char *line, size_t length)
{
        struct exporting *e = userdata;
        struct json_object *o = NULL;
        struct event event;
        char error[128];
        int r = 0;

        if (client_parse(line, length, &o) < 0 || event_from_json(o, &event, error, sizeof(error)) < 0)
                e->n_unreadable++;
        else {
                losses_add(&e->losses, &event);
                r = export_event(e->x, &event);
        }
        json_object_put(o);
        return r;
}

static void tell_losses(const struct exporting *e)
{
        _cleanup_json_ struct json_object *o = losses_json(&e->losses);
        char causes[256];
        uint64_t n = losses_text(o, causes, sizeof(causes));

        if (n)
                cli_note("%lu %s lost (%s): the export is not complete.", n,
                         n == 1 ? "event was" : "events were", causes);
        if (e->n_unreadable)
                cli_note("%lu lines of the answer could not be read and are left out.", e->n_unreadable);
}

static int cannot_write(const struct cli *c, int r)
{
        if (r == -EPIPE && !c->args.value[OPT_OUTPUT]) /* the reader has seen enough */
                return EXIT_DONE;
        return cli_fail(c, EXIT_FAILED, "cannot-write", r == -ENOSPC ? "Make room, or write elsewhere." : "",
                        "%s cannot be written: %s.", c->args.value[OPT_OUTPUT] ?: "The output",
                        strerrordesc_np(-r) ?: "unknown error");
}

/* Streams into the exporter. An exit status; *ret_complete: everything is there. */
static int export_stream(const struct cli *c, const char *path, struct exporting *e, int stop,
                         bool *ret_complete)
{
        const struct client_stream s = {.on_line = take_line, .userdata = e, .stop_fd = stop};
        _cleanup_client_ struct client *client = NULL;
        struct client_error error = {};
        int r;

        r = client_new(&client, c->socket, &error);
        if (r == 0)
                r = client_stream(client, path, &s, &error);
        if (r < 0)
                return error.code[0] ? cli_fail_client(c, r, &error) : cannot_write(c, r);
        if (r > 0)
                return cli_fail(c, EXIT_FAILED, "interrupted",
                                c->args.value[OPT_OUTPUT] ? "The file was not written."
                                                          : "The output is incomplete.",
                                "The export was interrupted.");
        *ret_complete = true;
        return EXIT_DONE;
}

static int export_to(const struct cli *c, enum export_format format, const char *path, struct sink *sink)
{
        struct exporting e = {};
        _cleanup_close_ int stop = stop_signals();
        bool complete = false;
        int r, status;

        r = export_new(&e.x, format, sink->f);
        if (r < 0) {
                sink_close(sink, false);
                return cannot_write(c, r);
        }
        status = export_stream(c, path, &e, stop, &complete);
        /* Also after an interruption: what is on standard output already gets a proper end. */
        r = export_finish(e.x);
        export_free(e.x);
        if (r == 0)
                r = sink_close(sink, complete);
        else
                sink_close(sink, false);
        if (r < 0 && complete)
                return cannot_write(c, r);
        tell_losses(&e);
        return status;
}

static int ask_format(const struct cli *c, enum export_format *ret)
{
        const char *name = c->args.value[OPT_FORMAT];
        char list[128] = "The formats are: ";
        int format = name ? export_format_from_string(name) : -EINVAL;

        for (int i = 0; i < _EXPORT_FORMAT_MAX; i++) {
                size_t n = strlen(list);

                snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "", export_format_to_string(i));
        }
        if (!name)
                return cli_fail(c, EXIT_USAGE, "usage", list, "Say which format with --format.");
        if (format < 0)
                return cli_fail(c, EXIT_USAGE, "bad-format", list, "'%.32s' is not a format.", name);
        *ret = format;
        return EXIT_DONE;
}

int verb_export(struct cli *c)
{
        bool gzip = c->args.given & OPTION(OPT_GZIP);
        const char *file = c->args.value[OPT_OUTPUT];
        struct sink sink = {};
        enum export_format format = EXPORT_JSONL;
        char path[CLIENT_URL_MAX];
        uint64_t since, until;
        uint32_t pid;
        int r;

        r = ask_format(c, &format);
        if (r == EXIT_DONE)
                r = ask_optional_pid(c, &pid);
        if (r == EXIT_DONE)
                r = ask_time(c, OPT_SINCE, &since);
        if (r == EXIT_DONE)
                r = ask_time(c, OPT_UNTIL, &until);
        if (r == EXIT_DONE)
                r = ask_events_path(c, path, pid, since, until);
        if (r == EXIT_DONE && gzip && !file && c->terminal)
                r = cli_fail(c, EXIT_USAGE, "usage", "Use -o FILE, or a pipe.",
                             "Compressed output is not for a terminal.");
        if (r == EXIT_DONE)
                r = ask_pid_known(c, pid);
        if (r != EXIT_DONE)
                return r;
        r = sink_open(&sink, file, gzip, c->terminal);
        if (r < 0) {
                sink_close(&sink, false);
                return cannot_write(c, r);
        }
        return export_to(c, format, path, &sink);
}
