/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl: the table of its verbs. It stands above the rooms: base knows no verb, and no room another's.
 */
#include "cli/ask/ask_verbs.h"
#include "cli/base/cli.h"
#include "cli/claims/claims_verbs.h"
#include "cli/trace/trace_verbs.h"

static const struct verb verbs[] = {
        {
                .name = "status",
                .args = "",
                .options = OPTION(OPT_WAIT),
                .run = verb_status,
                .summary = "Show the daemon: tier, what it has seen, what it has lost",
                .help = "Losses are counted by cause. As long as their total is 0 the record is complete. "
                        "Events and losses are counted since the daemon's start, sessions that ended and "
                        "findings since the store began.\n"
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
                        "listed. With PID one process is shown in full: its parent, command line and unit, "
                        "who traces it, whom it traces, and who traced it before, however short.",
        },
        {
                .name = "why",
                .args = "PID",
                .min_args = 1,
                .max_args = 1,
                .run = verb_why,
                .summary = "Say whether you could attach to a process now, and if not, why",
                .help = "The answer is that of the kernel's rules for the user who asks: the errno, its "
                        "cause, who holds the process, the smallest fix and the risk of that fix; or that "
                        "it is not known, and what would have to be. The last refused attempts on the "
                        "process follow. Nothing is attached.\n"
                        "PID may be the number of a thread: then the answer is about that thread. Under a "
                        "seccomp filter a child of ptracectl tries what the filter makes of ptrace.",
        },
        {
                .name = "diagnose",
                .args = "[PID]",
                .max_args = 1,
                .options =
                        OPTION(OPT_SINCE) | OPTION(OPT_FILE) | OPTION(OPT_EXIT_CODE) | OPTION(OPT_EARLIER),
                .run = verb_diagnose,
                .summary = "Say what went wrong: findings, each with evidence, a fix and its risk",
                .help = "Without PID all processes are meant; with it the one that has the pid now, or had it "
                        "last, and with --earlier those before it, too. With --file a trace is read that was exported "
                        "or recorded earlier (JSON Lines, also compressed, or the trace.sqlite of a state "
                        "directory); no daemon is needed, and the findings are the same. ptracectl(1) says "
                        "what each code and cause means.",
        },
        {
                .name = "events",
                .args = "",
                .options = OPTION(OPT_PID) | OPTION(OPT_SINCE) | OPTION(OPT_UNTIL) | OPTION(OPT_TYPE) |
                           OPTION(OPT_FOLLOW) | OPTION(OPT_EARLIER),
                .run = verb_events,
                .summary = "List recorded events, oldest first",
                .help = "Floods are counted: an event of type 'counter' stands for as many as its count "
                        "says. --json prints one object per line. With --follow and without --since it "
                        "begins with what happens next. --pid means the process that has the pid now, or "
                        "had it last, and with --earlier those before it, too.",
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
                           OPTION(OPT_SINCE) | OPTION(OPT_UNTIL) | OPTION(OPT_EARLIER),
                .run = verb_export,
                .summary = "Write recorded events for other tools",
                .help = "jsonl is one JSON object per line and can be read back by 'diagnose --file'. csv "
                        "is one row per event. chrome is for chrome://tracing and ui.perfetto.dev. Losses "
                        "are part of the output and are also said on standard error. --pid means the "
                        "process that has the pid now, or had it last, and with --earlier those before it, "
                        "too.",
        },
        {
                .name = "record",
                .args = "-- CMD...",
                .command = COMMAND_REST,
                .options = OPTION(OPT_OUTPUT),
                .run = verb_record,
                .summary = "Run a command, record it and its children, then diagnose; needs no daemon",
                .help = "A ptraced of its own is started for the run and stopped afterwards. Without root "
                        "it sees little. The events that concern the command and its children are written "
                        "as JSON Lines (default: ./ptraced-CMD-PID.jsonl). The exit status is the "
                        "command's.",
        },
        {
                .name = "claim",
                .args = "PID",
                .min_args = 1,
                .max_args = 1,
                .options = OPTIONS_OF_OWNER | OPTION(OPT_TOKEN) | OPTION(OPT_LEASE) | OPTION(OPT_MODE) |
                           OPTION(OPT_WAIT_TURN) | OPTION(OPT_TAKE),
                .run = verb_claim,
                .summary = "Reserve a process: only its owner may trace it, one tracer at a time",
                .help = "Without an option the owner is the user who asks. It ends when it is released, "
                        "when its lease is over, and with its process; a claim for a process also with "
                        "that.\n"
                        "With --token alone nobody may trace it until somebody shows the token: 'debug "
                        "--token' or 'renew --token'. A claim with a token outlives its owner for a grace "
                        "time, so that a restarted client can have it back.\n"
                        "A tracer that is there already stays until it leaves: with one that the claim "
                        "would not admit, it is made only with --take. With --wait it is made when its turn "
                        "has come.",
        },
        {
                .name = "renew",
                .args = "[ID]",
                .max_args = 1,
                .options = OPTIONS_OF_OWNER | OPTION(OPT_PID) | OPTION(OPT_TOKEN) | OPTION(OPT_LEASE),
                .run = verb_renew,
                .summary = "Give a claim a new lease, or with its token a new owner",
                .help = "The lease counts from now on, and is as long as before without --lease. A token "
                        "gives the right to; if the claim's owner is gone, who shows it is the owner. Which "
                        "claim: its id, or --pid.",
        },
        {
                .name = "release",
                .args = "[ID]",
                .max_args = 1,
                .options = OPTION(OPT_PID) | OPTION(OPT_TOKEN),
                .run = verb_release,
                .summary = "End a claim",
                .help = "The user who made it, who shows its token, and root may do so. The next in the "
                        "queue is served. Which claim: its id, or --pid.",
        },
        {
                .name = "claims",
                .args = "[PID]",
                .max_args = 1,
                .run = verb_claims,
                .summary = "List claims, and who waits",
                .help = "ALIVE says whether the owner, if it is a process, is there; IDLE for how long its "
                        "tracer has done nothing. One that is idle at its prompt is alive.",
        },
        {
                .name = "debug",
                .args = "PID -- CMD...",
                .min_args = 1,
                .max_args = 1,
                .command = COMMAND_AFTER_DASHES,
                .options = OPTION(OPT_WAIT_TURN) | OPTION(OPT_TAKE) | OPTION(OPT_LEASE) | OPTION(OPT_TOKEN),
                .run = verb_debug,
                .summary = "Claim a process, run a debugger as its owner, release it",
                .help = "CMD and what it starts may trace the process, others may not. CMD has the "
                        "terminal; the exit status is its own, or 4 if the process is claimed or was taken "
                        "over.\n"
                        "With --wait it waits for its turn, and says who is in the way. With --take it does "
                        "not: the present owner is told, its 'ptracectl debug' hangs up its debugger, and "
                        "CMD starts when that has left. The risk is said before.\n"
                        "A lease is renewed while CMD runs: it only counts if ptracectl hangs.",
        },
        {
                .name = "policy",
                .args = "show|check|reload [PATH]",
                .min_args = 1,
                .max_args = 2,
                .run = verb_policy,
                .summary = "Show, check or load the rules of who may trace what",
                .help = "show is what holds now. check reads a file, or the *.conf of a directory (default: "
                        "/etc/ptraced/policy.d), and tells the first mistake with its line; it needs no "
                        "daemon. reload makes ptraced read its files again; with a mistake in them the "
                        "former rules stay.",
        },
        {
                .name = "guard",
                .args = "on|off|status",
                .min_args = 1,
                .max_args = 1,
                .options = OPTION(OPT_AUDIT) | OPTION(OPT_ALL),
                .run = verb_guard,
                .summary = "Switch one tracer at a time for every process, and the emergency switch",
                .help = "on: no process can have a second tracer process, unless a rule or claim says "
                        "otherwise. off leaves claims and rules in force. 'off --all' ends them all; "
                        "without a daemon the same is done by: rm -r /sys/fs/bpf/ptraced",
        },
        {
                .name = "hold",
                .args = "[PID]",
                .max_args = 1,
                .options = OPTION(OPT_OFF),
                .run = verb_hold,
                .summary = "Let ptraced itself occupy a process, so that no tracer can; or list",
                .help = "Works on every kernel. Signals are passed on as they are. Calls that ptrace(2) "
                        "interrupts, such as epoll_wait, may return EINTR once in a while. An owner of a "
                        "claim is let in.",
        },
        {
                .name = "catch",
                .args = "PID",
                .min_args = 1,
                .max_args = 1,
                .run = verb_catch,
                .summary = "Hold a process, and freeze it at a breakpoint that nobody owns",
                .help = "Such a breakpoint kills a process otherwise. When it is caught, hand it over: "
                        "ptracectl debug PID -- gdb -p PID. 'hold --off' lets go, and the process gets its "
                        "SIGTRAP.",
        },
        {
                .name = "heal",
                .args = "PID",
                .min_args = 1,
                .max_args = 1,
                .options = OPTION(OPT_DRY_RUN),
                .run = verb_heal,
                .summary = "Remove breakpoints that a debugger left behind, and resume a left-over stop",
                .help = "Only in a process that nobody traces, and only where the bytes of its file are "
                        "sure: not in generated code, nor in text that was changed otherwise.",
        },
        {},
};

int main(int argc, char **argv)
{
        return cli_main(verbs, argc, argv);
}
