/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl: the tables of its verbs and options. */
#include <assert.h>

#include "cli.h"

const struct option_spec option_specs[] = {
        [OPT_HELP] = {"help", 'h', NULL, "Show this help."},
        [OPT_VERSION] = {"version", 0, NULL, "Show the version."},
        [OPT_JSON] = {"json", 0, NULL, "Print JSON; errors are JSON objects on standard output too."},
        [OPT_SOCKET] = {"socket", 0, "PATH",
                        "Socket of ptraced (default: $PTRACED_SOCKET, else /run/ptraced/ptraced.sock)."},
        [OPT_WAIT] = {"wait", 0, "SECS", "Wait until ptraced is ready, at most so many seconds."},
        [OPT_SINCE] = {"since", 0, "T",
                       "From this time on: 2026-11-22T10:00:00Z, or ago: -5m, -2h30m, -10s."},
        [OPT_UNTIL] = {"until", 0, "T", "Up to this time."},
        [OPT_PID] = {"pid", 0, "PID", "Only what concerns this process."},
        [OPT_TYPE] = {"type", 0, "T[,T...]", "Only these types of event."},
        [OPT_FOLLOW] = {"follow", 'f', NULL, "Go on with new events as they happen, until interrupted."},
        [OPT_FILE] = {"file", 0, "TRACE", "Read a saved trace instead of asking ptraced."},
        [OPT_EXIT_CODE] = {"exit-code", 0, NULL, "Exit with status 10 if there are findings."},
        [OPT_FORMAT] = {"format", 0, "FORMAT", "jsonl, csv or chrome."},
        [OPT_OUTPUT] = {"output", 'o', "FILE", "Write to this file, which appears when it is complete."},
        [OPT_GZIP] = {"gzip", 0, NULL, "Compress the output."},
};
static_assert(ELEMENTSOF(option_specs) == _OPT_MAX, "a row for each option");
static_assert(_OPT_MAX <= ARGUMENTS_OPTIONS_MAX, "options fit the bits of arguments.given");

static const struct verb verbs[] = {
        {
                .name = "status",
                .args = "",
                .options = OPTION(OPT_WAIT),
                .run = verb_status,
                .summary = "Show the daemon: tier, what it has seen, what it has lost",
                .help = "Losses are counted by cause. As long as their total is 0 the record is complete.\n"
                        "With --wait it returns as soon as ptraced is ready, and fails when the time is "
                        "over.",
        },
        {
                .name = "doctor",
                .args = "",
                .run = verb_doctor,
                .summary = "Show what this kernel and machine allow, each hook with the reason",
                .help = "When no daemon answers, 'ptraced --probe' finds it out: it loads each program once "
                        "and leaves nothing behind.",
        },
        {
                .name = "who",
                .args = "[PID]",
                .max_args = 1,
                .run = verb_who,
                .summary = "Show who traces what, thread by thread",
                .help = "Linux allows one tracer for each thread. Without PID all traced threads are "
                        "listed. "
                        "With PID one process is shown in full: its parent, command line and unit, who "
                        "traces it, whom it traces, and who traced it before, however short.",
        },
        {
                .name = "why",
                .args = "PID",
                .min_args = 1,
                .max_args = 1,
                .run = verb_why,
                .summary = "Say whether you could attach to a process now, and if not, why",
                .help = "The answer is that of the kernel's rules for the user who asks: the errno, its "
                        "cause, who holds the process, the smallest fix and the risk of that fix. The last "
                        "refused attempts on the process follow. Nothing is attached.",
        },
        {
                .name = "diagnose",
                .args = "[PID]",
                .max_args = 1,
                .options = OPTION(OPT_SINCE) | OPTION(OPT_FILE) | OPTION(OPT_EXIT_CODE),
                .run = verb_diagnose,
                .summary = "Say what went wrong: findings, each with evidence, a fix and its risk",
                .help = "Without PID all processes are meant. With --file a trace is read that was exported "
                        "or recorded earlier (JSON Lines, also compressed, or the trace.sqlite of a state "
                        "directory); no daemon is needed, and the findings are the same.",
        },
        {
                .name = "events",
                .args = "",
                .options = OPTION(OPT_PID) | OPTION(OPT_SINCE) | OPTION(OPT_UNTIL) | OPTION(OPT_TYPE) |
                           OPTION(OPT_FOLLOW),
                .run = verb_events,
                .summary = "List recorded events, oldest first",
                .help = "Floods are counted: an event of type 'counter' stands for as many as its count "
                        "says. --json prints one object per line. With --follow and without --since it "
                        "begins with what happens next.",
        },
        {
                .name = "watch",
                .args = "",
                .options = OPTION(OPT_PID),
                .run = verb_watch,
                .summary = "Show attaches, refusals, stray traps and findings as they happen",
                .help = "One line per event worth a look, and each new finding in full. Ends with Ctrl-C.",
        },
        {
                .name = "export",
                .args = "--format FORMAT",
                .options = OPTION(OPT_FORMAT) | OPTION(OPT_OUTPUT) | OPTION(OPT_GZIP) | OPTION(OPT_PID) |
                           OPTION(OPT_SINCE) | OPTION(OPT_UNTIL),
                .run = verb_export,
                .summary = "Write recorded events for other tools",
                .help = "jsonl is one JSON object per line and can be read back by 'diagnose --file'. csv "
                        "is "
                        "one row per event. chrome is for chrome://tracing and ui.perfetto.dev. Losses are "
                        "part of the output and are also said on standard error.",
        },
        {
                .name = "record",
                .args = "-- CMD...",
                .command = COMMAND_REST,
                .options = OPTION(OPT_OUTPUT),
                .run = verb_record,
                .summary = "Run a command, record it and its children, then diagnose; needs no daemon",
                .help = "A ptraced of its own is started for the run and stopped afterwards. Without root "
                        "it "
                        "sees little. The "
                        "events that concern the command and its children are written as JSON Lines "
                        "(default: ./ptraced-CMD-PID.jsonl). The exit status is the command's.",
        },
        {},
};

int main(int argc, char **argv)
{
        return cli_main(verbs, argc, argv);
}
