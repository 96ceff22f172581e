/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/base/session.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "lib/base/clock.h"
#include "lib/proc/procfs.h"

int ask_pid(const struct cli *c, const char *text, uint32_t *ret)
{
        struct task_ref task;
        char error[256];
        uint32_t pid;

        if (pid_from_string(text, &pid, error, sizeof(error)) < 0)
                return cli_fail(c, EXIT_USAGE, "bad-pid", "", "%s", error);
        if (procfs_task(pid, &task) == 0 && task.pid != pid) {
                cli_note("%u is a thread of process %u (%s).", pid, task.pid, task.comm);
                pid = task.pid;
        }
        *ret = pid;
        return EXIT_DONE;
}

int ask_optional_pid(const struct cli *c, uint32_t *ret)
{
        const char *text = c->args.value[OPT_PID] ?: c->args.n_args > 0 ? c->args.args[0] : NULL;

        *ret = 0;
        return text ? ask_pid(c, text, ret) : EXIT_DONE;
}

int ask_earlier(const struct cli *c, uint32_t pid, bool *ret)
{
        *ret = c->args.given & OPTION(OPT_EARLIER);
        if (!*ret || pid)
                return EXIT_DONE;
        return cli_fail(c, EXIT_USAGE, "usage", "Give the pid.",
                        "--earlier is about those that had one pid, and there is none.");
}

int ask_time(const struct cli *c, enum option o, uint64_t *ret_wall_ns)
{
        const char *text = c->args.value[o];

        *ret_wall_ns = 0;
        if (!text || time_from_string(text, clock_wall_ns(), ret_wall_ns) == 0)
                return EXIT_DONE;
        return cli_fail(c, EXIT_USAGE, "bad-time",
                        "Give a time like 2026-11-22T10:00:00Z, or how long ago: -5m, -2h30m, -10s.",
                        "--%s '%.64s' is not a time.", option_specs[o].name, text);
}

static int get(const struct cli *c, const char *path, struct json_object **ret, struct client_error *e)
{
        _cleanup_client_ struct client *client = NULL;
        int r;

        r = client_new(&client, c->socket, e);
        return r < 0 ? r : client_get(client, path, ret, e);
}

int ask_object(const struct cli *c, const char *path, struct json_object **ret)
{
        struct client_error e;
        int r;

        r = get(c, path, ret, &e);
        return r < 0 ? cli_fail_client(c, r, &e) : EXIT_DONE;
}

/* The process whose innermost pid is `inner` and whose pid here is another one; 0: there is none. */
static uint32_t find_inner_pid(uint32_t inner, char comm[static 16])
{
        _cleanup_closedir_ DIR *proc = opendir("/proc");
        struct proc_status s;
        struct dirent *d;

        while (proc && (d = readdir(proc))) {
                unsigned long pid = isdigit((unsigned char)d->d_name[0]) ? strtoul(d->d_name, NULL, 10) : 0;

                if (pid == 0 || pid > PID_LARGEST || procfs_status((uint32_t)pid, 0, &s) < 0)
                        continue;
                if (s.n_nspid > 1 && s.nspid[s.n_nspid - 1] == inner) {
                        memcpy(comm, s.task.comm, sizeof(s.task.comm));
                        return s.task.pid;
                }
        }
        return 0;
}

static int no_such_process(const struct cli *c, uint32_t pid)
{
        char comm[16] = "", hint[256];
        uint32_t outer = find_inner_pid(pid, comm);

        if (outer)
                snprintf(
                        hint, sizeof(hint),
                        "Pids are those of the host: %u is the number that %s(%u) has inside its container, "
                        "so use %u.",
                        pid, comm, outer, outer);
        else
                snprintf(
                        hint, sizeof(hint),
                        "Is the number right (ps -e)? Inside a container processes have other numbers: pids "
                        "are those of the host.");
        return cli_fail(c, EXIT_FAILED, "no-such-process", hint,
                        "There is no process %u, and none of that number was recorded.", pid);
}

int ask_about_pid(const struct cli *c, uint32_t pid, const char *path, struct json_object **ret)
{
        struct client_error e;
        int r;

        r = get(c, path, ret, &e);
        if (r == -EREMOTEIO && !strcmp(e.code, "no-such-process"))
                return no_such_process(c, pid);
        return r < 0 ? cli_fail_client(c, r, &e) : EXIT_DONE;
}

int ask_pid_known(const struct cli *c, uint32_t pid)
{
        _cleanup_json_ struct json_object *o = NULL;
        struct task_ref task;
        char path[64];

        if (pid == 0 || procfs_task(pid, &task) == 0)
                return EXIT_DONE;
        snprintf(path, sizeof(path), "/v1/processes/%u", pid);
        return ask_about_pid(c, pid, path, &o);
}

static int check_types(const struct cli *c, const char *types)
{
        char list[512] = "", word[64];
        size_t n = 0;

        for (const char *s = types;; s++) {
                size_t length = strcspn(s, ",");

                snprintf(word, sizeof(word), "%.*s", (int)MIN_OF(length, sizeof(word) - 1), s);
                if (event_type_from_string(word) == EV_NONE)
                        break;
                s += length;
                if (!*s)
                        return EXIT_DONE;
        }
        for (int type = EV_NONE + 1; type < _EV_MAX && n < sizeof(list); type++)
                n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s",
                                      n ? ", " : "The types are: ", event_type_to_string(type));
        return cli_fail(c, EXIT_USAGE, "bad-type", list, "'%s' is not a type of event.", word);
}

int ask_events_path(const struct cli *c, char path[static CLIENT_URL_MAX], uint32_t pid,
                    uint64_t since_wall_ns, uint64_t until_wall_ns)
{
        const char *types = c->args.value[OPT_TYPE];
        char number[16], time[TIME_STRING_MAX];
        bool earlier;
        int r = ask_earlier(c, pid, &earlier);

        if (r != EXIT_DONE)
                return r;
        if (types && check_types(c, types) != EXIT_DONE)
                return EXIT_USAGE;
        snprintf(path, CLIENT_URL_MAX, "/v1/events");
        snprintf(number, sizeof(number), "%u", pid);
        if (pid)
                r |= client_query(path, CLIENT_URL_MAX, "pid", number);
        if (since_wall_ns)
                r |= client_query(path, CLIENT_URL_MAX, "since", time_to_string(since_wall_ns, time));
        if (until_wall_ns)
                r |= client_query(path, CLIENT_URL_MAX, "until", time_to_string(until_wall_ns, time));
        if (types)
                r |= client_query(path, CLIENT_URL_MAX, "type", types);
        if (earlier)
                r |= client_query(path, CLIENT_URL_MAX, "earlier", "1");
        if (r < 0)
                return cli_fail(c, EXIT_USAGE, "usage", "", "The list of event types is too long.");
        return EXIT_DONE;
}

int stop_signals(void)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}
