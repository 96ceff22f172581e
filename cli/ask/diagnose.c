/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl diagnose */
#include "cli/ask/ask_verbs.h"

#include "cli/base/findings.h"
#include "cli/base/json.h"
#include "cli/ask/offline.h"
#include "cli/base/session.h"

/* Since when the daemon has records, with a note if they tell little. Only for people: no error if it fails.
 */
static uint64_t recorded_since(const struct cli *c)
{
        _cleanup_client_ struct client *client = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        struct client_error e;
        uint64_t oldest;

        if (client_new(&client, c->socket, &e) < 0 || client_get(client, "/v1/status", &o, &e) < 0)
                return 0;
        diagnosis_note_tier(member_string(o, "tier"), member_string(o, "tier_reason"));
        oldest = member_time(member_object(o, "store"), "oldest");
        return oldest ?: member_time(o, "started");
}

static int online_diagnosis(const struct cli *c, uint32_t pid, uint64_t since_wall_ns,
                            struct json_object **ret)
{
        char path[CLIENT_URL_MAX] = "/v1/diagnosis", number[16], time[TIME_STRING_MAX];
        int r;

        snprintf(number, sizeof(number), "%u", pid);
        if (pid)
                client_query(path, sizeof(path), "pid", number);
        if (c->args.given & OPTION(OPT_EARLIER))
                client_query(path, sizeof(path), "earlier", "1");
        if (since_wall_ns)
                client_query(path, sizeof(path), "since", time_to_string(since_wall_ns, time));
        r = pid ? ask_about_pid(c, pid, path, ret) : ask_object(c, path, ret);
        if (r == EXIT_DONE && array_length(member_array(*ret, "findings")) == 0)
                return ask_pid_known(c, pid);
        return r;
}

/* A pid in a saved trace is not one of this machine's processes now: nothing is looked up. */
static int pid_in_trace(const struct cli *c, uint32_t *ret)
{
        char error[256];

        *ret = 0;
        if (c->args.n_args == 0 || pid_from_string(c->args.args[0], ret, error, sizeof(error)) == 0)
                return EXIT_DONE;
        return cli_fail(c, EXIT_USAGE, "bad-pid", "", "%s", error);
}

int verb_diagnose(struct cli *c)
{
        _cleanup_json_ struct json_object *o = NULL;
        const char *file = c->args.value[OPT_FILE];
        uint64_t since, begin = 0;
        char whom[32] = "any process";
        bool earlier;
        uint32_t pid;
        int r;

        r = file ? pid_in_trace(c, &pid) : ask_optional_pid(c, &pid);
        if (r == EXIT_DONE)
                r = ask_earlier(c, pid, &earlier);
        if (r == EXIT_DONE)
                r = ask_time(c, OPT_SINCE, &since);
        if (r == EXIT_DONE)
                r = file ? offline_diagnosis(c, file, pid, since, &o, &begin)
                         : online_diagnosis(c, pid, since, &o);
        if (r != EXIT_DONE)
                return r;
        if (pid)
                snprintf(whom, sizeof(whom), "process %u", pid);
        if (c->json)
                json_print(c, o);
        else
                diagnosis_print(c, o, whom, since ?: file ? begin : recorded_since(c));
        if ((c->args.given & OPTION(OPT_EXIT_CODE)) && array_length(member_array(o, "findings")) > 0)
                return EXIT_FINDINGS;
        return EXIT_DONE;
}
