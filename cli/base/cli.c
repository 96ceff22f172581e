/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/base/cli.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cli/base/help.h"
#include "cli/base/output.h"

#define COMMON_OPTIONS (OPTION(OPT_HELP) | OPTION(OPT_JSON) | OPTION(OPT_SOCKET))
#define WIDTH_DEFAULT  80
#define WIDTH_MIN      40

static unsigned terminal_width(void)
{
        struct winsize size;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
                return WIDTH_DEFAULT;
        return MAX_OF((unsigned)size.ws_col, (unsigned)WIDTH_MIN);
}

/* What we say is UTF-8 everywhere. In a locale that does not know it libsmartcols measures such a cell for
 * ever. */
static void choose_locale(void)
{
        if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8"))
                setlocale(LC_CTYPE, "C.UTF-8");
}

static void look_at_output(struct cli *c)
{
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

        c->terminal = isatty(STDOUT_FILENO);
        c->width = c->terminal ? terminal_width() : 0;
        c->colour = c->terminal && !(no_color && *no_color) && term && strcmp(term, "dumb");
}

/* The verb is the first word that is neither an option nor the value of --socket before it. */
static int find_verb_word(int argc, char **argv)
{
        int i = 1;

        while (i < argc && argv[i][0] == '-')
                i += strcmp(argv[i], "--socket") ? 1 : 2;
        return i < argc ? i : 0;
}

static const struct verb *find_verb(const struct verb *verbs, const char *name)
{
        for (; verbs->name; verbs++)
                if (!strcmp(verbs->name, name))
                        return verbs;
        return NULL;
}

/* Known before the command line is parsed, because errors of parsing are JSON too. */
static bool wants_json(int argc, char **argv)
{
        for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
                if (!strcmp(argv[i], "--json"))
                        return true;
        return false;
}

static int usage_error(const struct cli *c, const char *sentence)
{
        char hint[128];

        snprintf(hint, sizeof(hint), "See: ptracectl %s%s--help", c->verb ? c->verb->name : "",
                 c->verb ? " " : "");
        return cli_fail(c, EXIT_USAGE, "usage", hint, "%s", sentence);
}

static int check_arguments(const struct cli *c)
{
        const struct verb *v = c->verb;

        if (c->args.n_args >= v->min_args && c->args.n_args <= v->max_args &&
            (!v->command || c->args.command))
                return EXIT_DONE;
        return cli_fail(c, EXIT_USAGE, "usage", "", "'%s' has %s. Usage: ptracectl %s%s%s", v->name,
                        c->args.n_args > v->max_args ? "too many arguments" : "too few arguments", v->name,
                        *v->args ? " " : "", v->args);
}

/* No verb: only --help and --version make sense. */
static int without_verb(struct cli *c, int argc, char **argv)
{
        const struct arguments_line line = {
                .specs = option_specs,
                .n_specs = _OPT_MAX,
                .allowed = COMMON_OPTIONS | OPTION(OPT_VERSION),
                .argc = argc - 1,
                .argv = argv + 1,
        };
        char error[256];

        if (arguments_parse(&line, &c->args, error, sizeof(error)) < 0)
                return usage_error(c, error);
        if (c->args.given & OPTION(OPT_VERSION)) {
                puts("ptracectl " PTRACED_VERSION);
                return EXIT_DONE;
        }
        if (c->args.given & OPTION(OPT_HELP))
                return help_all(c);
        return usage_error(c, "No verb is given.");
}

/* Anybody can read the arguments of a running program, and debug runs for long. */
static int hide_token(struct cli *c)
{
        char *given = (char *)c->args.value[OPT_TOKEN];

        if (!given)
                return EXIT_DONE;
        c->token = strdup(given);
        if (!c->token)
                return cli_fail(c, EXIT_FAILED, "no-memory", "", "There is not enough memory.");
        memset(given, 'x', strlen(given));
        c->args.value[OPT_TOKEN] = c->token;
        return EXIT_DONE;
}

static int with_verb(struct cli *c, int at, int argc, char **argv)
{
        uint32_t allowed = COMMON_OPTIONS;
        struct arguments_line line;
        char error[512], list[256];
        int r;

        c->verb = find_verb(c->verbs, argv[at]);
        if (!c->verb) {
                help_list_verbs(c->verbs, list, sizeof(list));
                snprintf(error, sizeof(error), "The verbs are: %s.", list);
                return cli_fail(c, EXIT_USAGE, "unknown-verb", error, "Unknown verb '%.64s'.", argv[at]);
        }
        /* Options before the verb are parsed with those behind it: take the verb's word out. */
        memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof(*argv));
        allowed |= c->verb->options;
        line = (struct arguments_line){
                .specs = option_specs,
                .n_specs = _OPT_MAX,
                .allowed = allowed,
                .command = c->verb->command,
                .argc = argc - 2,
                .argv = argv + 2,
        };
        if (arguments_parse(&line, &c->args, error, sizeof(error)) < 0)
                return usage_error(c, error);
        if (c->args.given & OPTION(OPT_HELP))
                return help_verb(c);
        r = check_arguments(c);
        if (r == EXIT_DONE)
                r = hide_token(c);
        if (r != EXIT_DONE)
                return r;
        c->json = c->args.given & OPTION(OPT_JSON);
        if (c->args.given & OPTION(OPT_SOCKET))
                c->socket = c->args.value[OPT_SOCKET];
        return c->verb->run(c);
}

int cli_main(const struct verb *verbs, int argc, char **argv)
{
        const char *socket = getenv(CLIENT_SOCKET_ENV);
        struct cli c = {
                .verbs = verbs,
                .socket = socket && *socket ? socket : CLIENT_SOCKET_DEFAULT,
                .json = wants_json(argc, argv),
        };
        int r, at = find_verb_word(argc, argv);

        choose_locale();
        signal(SIGPIPE, SIG_IGN); /* seen as EPIPE by output_finish() */
        look_at_output(&c);
        r = output_finish(at ? with_verb(&c, at, argc, argv) : without_verb(&c, argc, argv));
        free(c.token);
        return r;
}
