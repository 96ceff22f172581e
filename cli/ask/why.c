/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl why: would an attach succeed, and what was refused lately. */
#include "cli/ask/ask_verbs.h"

#include <string.h>

#include "lib/base/text.h"
#include "lib/proc/procfs.h"
#include "cli/ask/describe.h"
#include "cli/ask/seccomp_trial.h"
#include "cli/base/json.h"
#include "cli/base/session.h"

static void print_labelled(const struct cli *c, const char *label, const char *text)
{
        char prefix[32];

        if (!*text)
                return;
        snprintf(prefix, sizeof(prefix), "  %-10s", label);
        print_wrapped(c, prefix, text);
}

static void print_refusals(struct json_object *refusals)
{
        char line[DESCRIBE_MAX], error[128], time[TIME_STRING_MAX];
        struct event e;

        if (array_length(refusals) == 0)
                return;
        puts("\nRefused lately:");
        for (size_t i = 0; i < array_length(refusals); i++) {
                if (event_from_json(json_object_array_get_idx(refusals, i), &e, error, sizeof(error)) < 0)
                        continue;
                printf("  %s  %s\n", local_time(e.wall_ns, true, time),
                       describe_event(&e, line, sizeof(line)));
        }
}

/* Who reserved it, and until when. */
static void print_claim_of_refusal(const struct cli *c, struct json_object *claim)
{
        char line[SHOWN_TEXT_MAX], time[TIME_STRING_MAX];
        uint64_t ends = member_time(claim, "lease_ends");

        if (!claim)
                return;
        snprintf(line, sizeof(line), "%lu, of %s%s%s%s", member_u64(claim, "id"),
                 member_string(claim, "owner"), ends ? ", until " : "",
                 ends ? local_time(ends, false, time) : "",
                 member_bool(claim, "admits") ? ", admits you" : "");
        print_labelled(c, "Claim:", line);
}

static void print_verdict(const struct cli *c, struct json_object *o)
{
        if (member_bool(o, "allowed"))
                paint(c, PAINT_GREEN, "Allowed");
        else if (!strcmp(member_string(o, "cause"), "not-known"))
                paint(c, PAINT_YELLOW, "Not known");
        else
                paint(c, PAINT_RED, "Refused");
        print_wrapped(c, ": ", member_string(o, "summary"));
}

static void print_why(const struct cli *c, struct json_object *o)
{
        struct json_object *facts = member_array(o, "facts"), *by = member_object(o, "asked_by");
        const char *error = member_string(o, "errno");
        bool allowed = member_bool(o, "allowed");
        char line[256];

        print_verdict(c, o);
        if (!allowed) {
                snprintf(line, sizeof(line), "%s, cause: %s",
                         *error                        ? error
                         : *member_string(o, "signal") ? "none, the caller is sent SIGSYS"
                                                       : "not known",
                         member_string(o, "cause"));
                print_labelled(c, "Errno:", line);
        }
        print_claim_of_refusal(c, member_object(o, "claim"));
        print_labelled(c, "Fix:", member_string(o, "remedy"));
        print_labelled(c, "Risk:", member_string(o, "risk"));
        snprintf(line, sizeof(line), "pid %lu, uid %lu", member_u64(by, "pid"), member_u64(by, "uid"));
        print_labelled(c, "Asked by:", line);
        for (size_t i = 0; i < array_length(facts); i++)
                print_labelled(c, i ? "" : "Facts:", array_string(facts, i));
        print_refusals(member_array(o, "refusals"));
}

/* Of a thread it is asked about that thread, as the kernel is: its process may be no answer. */
static int ask_task(const struct cli *c, uint32_t *ret)
{
        struct task_ref task;
        char error[256];

        if (pid_from_string(c->args.args[0], ret, error, sizeof(error)) < 0)
                return cli_fail(c, EXIT_USAGE, "bad-pid", "", "%s", error);
        if (procfs_task(*ret, &task) == 0 && task.pid != *ret)
                cli_note("%u is a thread of process %u (%s).", *ret, task.pid, task.comm);
        return EXIT_DONE;
}

int verb_why(struct cli *c)
{
        _cleanup_json_ struct json_object *o = NULL;
        char path[64], trial[32];
        uint32_t pid;
        int r;

        r = ask_task(c, &pid);
        if (r != EXIT_DONE)
                return r;
        snprintf(path, sizeof(path), "/v1/processes/%u/why%s", pid, seccomp_trial(trial, sizeof(trial)));
        /* The daemon also answers for a process that is gone, from its records; for none it would be "gone"
         * too. */
        r = ask_pid_known(c, pid);
        if (r == EXIT_DONE)
                r = ask_about_pid(c, pid, path, &o);
        if (r != EXIT_DONE)
                return r;
        if (c->json)
                json_print(c, o);
        else
                print_why(c, o);
        return EXIT_DONE;
}
