/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/base/verb.h"

#include <assert.h>

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
        [OPT_PID] = {"pid", 0, "PID", "Only this process: what concerns it, or its claim."},
        [OPT_TYPE] = {"type", 0, "T[,T...]", "Only these types of event."},
        [OPT_FOLLOW] = {"follow", 'f', NULL, "Go on with new events as they happen, until interrupted."},
        [OPT_FILE] = {"file", 0, "TRACE", "Read a saved trace instead of asking ptraced."},
        [OPT_EXIT_CODE] = {"exit-code", 0, NULL, "Exit with status 10 if there are findings."},
        [OPT_FORMAT] = {"format", 0, "FORMAT", "jsonl, csv or chrome."},
        [OPT_OUTPUT] = {"output", 'o', "FILE", "Write to this file, which appears when it is complete."},
        [OPT_GZIP] = {"gzip", 0, NULL, "Compress the output."},
        [OPT_WAIT_TURN] = {"wait", 0, NULL, "Wait in the queue until the process is free."},
        [OPT_TAKE] = {"take", 0, NULL, "Take it over from its present owner, who is told."},
        [OPT_OWNER_PID] = {"owner-pid", 0, "PID", "For this process and its descendants."},
        [OPT_OWNER_EXE] = {"owner-exe", 0, "PATH", "For whoever runs this executable."},
        [OPT_OWNER_UID] = {"owner-uid", 0, "USER", "For this user, by name or number."},
        [OPT_OWNER_CGROUP] = {"owner-cgroup", 0, "PATH", "For this cgroup and those below it."},
        [OPT_TOKEN] = {"token", 0, "TOKEN",
                       "The claim's token, for whoever shows it; with 'claim', new makes one."},
        [OPT_LEASE] = {"lease", 0, "SECS", "It ends after so many seconds, unless it is renewed."},
        [OPT_MODE] = {"mode", 0, "MODE", "enforce, or audit: record and refuse nothing."},
        [OPT_AUDIT] = {"audit", 0, NULL, "With 'on': record second tracers, refuse nothing."},
        [OPT_ALL] = {"all", 0, NULL,
                     "With 'off': end every claim and rule too, and take the programs out of the kernel."},
        [OPT_OFF] = {"off", 0, NULL, "Let go of it."},
        [OPT_EARLIER] = {"earlier", 0, NULL,
                         "Also what concerns those that had the same pid before, told apart."},
        [OPT_DRY_RUN] = {"dry-run", 0, NULL, "Say what would be done, and change nothing."},
};
static_assert(ELEMENTSOF(option_specs) == _OPT_MAX, "a row for each option");
static_assert(_OPT_MAX <= ARGUMENTS_OPTIONS_MAX, "options fit the bits of arguments.given");
