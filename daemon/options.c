/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/options.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arguments.h"
#include "lib/base/cleanup.h"
#include "lib/wire/config.h"
#include "lib/wire/request.h"
#include "lib/base/text.h"
#include "daemon/guard/guard.h"
#include "daemon/http/socket.h"
#include "lib/event/tier.h"

#define SHOWN_MAX   64 /* bytes of a wrong value that are repeated in the error */
#define HELP_COLUMN 34 /* where the explanations start */

enum option {
        OPTION_SOCKET,
        OPTION_STATE_DIR,
        OPTION_CONFIG,
        OPTION_TIER,
        OPTION_METRICS_LISTEN,
        OPTION_LOG_LEVEL,
        OPTION_FOLLOW,
        OPTION_PIN_DIR,
        OPTION_PROBE,
        OPTION_HOLD,
        OPTION_HOLD_START,
        OPTION_HOLD_CATCH,
        OPTION_VERSION,
        OPTION_HELP,
        _OPTION_MAX,
};

static const struct option_spec specs[] = {
        [OPTION_SOCKET] = {"socket", 0, "PATH", "answer on this socket (" SOCKET_DEFAULT_PATH ")"},
        [OPTION_STATE_DIR] = {"state-dir", 0, "DIR",
                              "keep the recorded events here (" STATE_DEFAULT_DIR ")"},
        [OPTION_CONFIG] = {"config", 0, "FILE", "read settings from here (" CONFIG_DEFAULT_PATH ")"},
        [OPTION_TIER] = {"tier", 0, "TIER", "use full, tracepoint or proc (the most this kernel allows)"},
        [OPTION_METRICS_LISTEN] = {"metrics-listen", 0, "ADDR:PORT",
                                   "serve /metrics and /healthz over TCP, too"},
        [OPTION_LOG_LEVEL] = {"log-level", 0, "LEVEL", "error, warning, notice, info or debug (info)"},
        [OPTION_FOLLOW] = {"follow", 0, "PID", "watch this process and all it starts"},
        [OPTION_PIN_DIR] = {"pin-dir", 0, "DIR", "pin the guard here (" GUARD_PIN_DIR ")"},
        [OPTION_PROBE] = {"probe", 0, NULL, "print as JSON what this kernel allows, and exit"},
        /* How a daemon starts its helpers; nobody else needs them. */
        [OPTION_HOLD] = {"hold", 0, "PID", NULL},
        [OPTION_HOLD_START] = {"hold-start", 0, "TICKS", NULL},
        [OPTION_HOLD_CATCH] = {"hold-catch", 0, NULL, NULL},
        [OPTION_VERSION] = {"version", 'V', NULL, "print the version, and exit"},
        [OPTION_HELP] = {"help", 'h', NULL, "print this, and exit"},
};
static_assert(ELEMENTSOF(specs) == _OPTION_MAX, "each option is in the table");

void options_help(FILE *f)
{
        fputs("Usage: ptraced [OPTION]...\n"
              "Watch who debugs what on this machine, and why breakpoints are lost.\n\n",
              f);
        for (size_t i = 0; i < ELEMENTSOF(specs); i++) {
                const struct option_spec *s = &specs[i];
                int n;

                if (!s->help)
                        continue;
                n = s->letter ? fprintf(f, "  -%c, --%s", s->letter, s->name)
                              : fprintf(f, "      --%s", s->name);

                if (s->value)
                        n += fprintf(f, " %s", s->value);
                fprintf(f, "%*s%s\n", n < HELP_COLUMN ? HELP_COLUMN - n : 2, "", s->help);
        }
        fputs("\nIt stays in the foreground and logs to stderr. Ask it with ptracectl(1).\n", f);
}

static int check_tier(const char *value, struct options *o, char *error, size_t size)
{
        char buf[SHOWN_MAX];

        o->tier = tier_from_string(value);
        if (o->tier >= 0)
                return 0;
        snprintf(error, size, "There is no tier '%s': give full, tracepoint or proc.",
                 text_escape(value, buf, sizeof(buf)));
        return -EINVAL;
}

static int check_log_level(const char *value, struct options *o, char *error, size_t size)
{
        char buf[SHOWN_MAX];

        o->log_level = log_level_from_string(value);
        if (o->log_level >= 0)
                return 0;
        snprintf(error, size, "There is no log level '%s': give error, warning, notice, info or debug.",
                 text_escape(value, buf, sizeof(buf)));
        return -EINVAL;
}

static int check_address(const char *value, struct options *o, char *error, size_t size)
{
        char buf[SHOWN_MAX], host[SHOWN_MAX], port[8];

        o->metrics_listen = value;
        if (address_split(value, host, sizeof(host), port, sizeof(port)) == 0)
                return 0;
        snprintf(error, size, "'%s' is no address to listen on: give ADDR:PORT, such as 127.0.0.1:9732.",
                 text_escape(value, buf, sizeof(buf)));
        return -EINVAL;
}

static int check_follow(const char *value, struct options *o, char *error, size_t size)
{
        return pid_from_string(value, &o->follow, error, size);
}

static int check_pin_dir(const char *value, struct options *o, char *error, size_t size)
{
        o->pin_dir = value;
        if (value[0] != '/' || strlen(value) >= PIN_DIR_MAX) {
                snprintf(error, size,
                         "--pin-dir needs the whole path of a directory, of less than %d bytes.",
                         PIN_DIR_MAX);
                return -EINVAL;
        }
        if (strchr(strrchr(value, '/'), '.')) {
                snprintf(error, size,
                         "--pin-dir needs a name without dots: a BPF file system takes no other.");
                return -EINVAL;
        }
        return 0;
}

static int check_hold(const char *value, struct options *o, char *error, size_t size)
{
        return pid_from_string(value, &o->hold, error, size);
}

static int check_hold_start(const char *value, struct options *o, char *error, size_t size)
{
        char *end;

        errno = 0;
        o->hold_start = strtoull(value, &end, 10);
        if (isdigit((unsigned char)value[0]) && !*end && !errno && o->hold_start)
                return 0;
        snprintf(error, size, "--hold-start needs a start time in clock ticks.");
        return -EINVAL;
}

static const struct {
        enum option option;
        int (*check)(const char *value, struct options *o, char *error, size_t size);
} checks[] = {
        {OPTION_TIER, check_tier},
        {OPTION_LOG_LEVEL, check_log_level},
        {OPTION_METRICS_LISTEN, check_address},
        {OPTION_FOLLOW, check_follow},
        {OPTION_PIN_DIR, check_pin_dir},
        {OPTION_HOLD, check_hold},
        {OPTION_HOLD_START, check_hold_start},
};

int options_parse(int argc, char **argv, struct options *ret, char *error, size_t size)
{
        struct options o = {.state_dir = STATE_DEFAULT_DIR, .tier = TIER_BEST, .log_level = -1};
        char buf[SHOWN_MAX];
        struct arguments a;
        const struct arguments_line line = {
                .specs = specs,
                .n_specs = ELEMENTSOF(specs),
                .allowed = (1U << _OPTION_MAX) - 1,
                .argc = argc > 0 ? argc - 1 : 0,
                .argv = argv + (argc > 0),
        };
        int r = arguments_parse(&line, &a, error, size);

        if (r < 0)
                return r;
        if (a.n_args) {
                snprintf(error, size, "The daemon takes options only, not '%s'.",
                         text_escape(a.args[0], buf, sizeof(buf)));
                return -EINVAL;
        }
        o.socket = a.value[OPTION_SOCKET];
        o.config = a.value[OPTION_CONFIG];
        if (a.value[OPTION_STATE_DIR])
                o.state_dir = a.value[OPTION_STATE_DIR];
        o.probe = a.given & (1U << OPTION_PROBE);
        o.hold_catch = a.given & (1U << OPTION_HOLD_CATCH);
        o.help = a.given & (1U << OPTION_HELP);
        o.version = a.given & (1U << OPTION_VERSION);
        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                const char *value = a.value[checks[i].option];

                r = value ? checks[i].check(value, &o, error, size) : 0;
                if (r < 0)
                        return r;
        }
        if (!o.hold != !o.hold_start) {
                snprintf(error, size, "--hold and --hold-start belong together.");
                return -EINVAL;
        }
        *ret = o;
        return 0;
}
