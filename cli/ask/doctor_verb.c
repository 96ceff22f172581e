/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl doctor: asks the daemon, or has `ptraced --probe` look for itself when there is none. */
#include "cli/ask/ask_verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/base/daemon_file.h"
#include "cli/base/json.h"
#include "cli/base/out_of_reach.h"
#include "cli/base/session.h"
#include "cli/base/text_table.h"

#define PROBE_OUTPUT_MAX (256 << 10)

static void machine_cell(struct json_object *machine, const char *key, char *buf, size_t size)
{
        struct json_object *v = NULL;

        if (!json_object_object_get_ex(machine, key, &v) || !v)
                snprintf(buf, size, "not there");
        else if (json_object_is_type(v, json_type_boolean))
                snprintf(buf, size, "%s", json_object_get_boolean(v) ? "yes" : "no");
        else
                snprintf(buf, size, "%s", json_object_get_string(v));
}

static void print_machine(const struct cli *c, struct json_object *o)
{
        static const struct {
                const char *key, *label;
        } rows[] = {
                {"btf", "Kernel type information (BTF)"},
                {"lsm", "Security modules"},
                {"yama", "kernel.yama.ptrace_scope"},
                {"lockdown", "Lockdown"},
                {"unprivileged_bpf_disabled", "kernel.unprivileged_bpf_disabled"},
                {"perf_event_paranoid", "kernel.perf_event_paranoid"},
        };
        struct json_object *machine = member_object(o, "machine");
        char prefix[64], value[256];

        if (!machine)
                return;
        puts("\nMachine:");
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                snprintf(prefix, sizeof(prefix), "  %-33s ", rows[i].label);
                machine_cell(machine, rows[i].key, value, sizeof(value));
                print_wrapped(c, prefix, value);
        }
}

/* How attaches are refused here, and whether that outlives the daemon; or why they cannot be. */
static void print_guard_proof(const struct cli *c, struct json_object *o)
{
        struct json_object *guard = member_object(o, "guard");
        const char *reason = member_string(guard, "reason"), *dir = member_string(guard, "pin_dir");
        char line[512];

        if (!guard)
                return;
        puts("\nGuard:");
        if (!member_bool(guard, "working")) {
                snprintf(line, sizeof(line), "none: %s. Claims work, by hold.", reason);
                print_wrapped(c, "  ", line);
                return;
        }
        snprintf(line, sizeof(line),
                 "by %s: a tracer was kept from a claimed process, and let in afterwards",
                 member_string(guard, "mechanism"));
        print_wrapped(c, "  Proved    ", line);
        if (member_bool(guard, "attached"))
                snprintf(line, sizeof(line), "yes: claims %lu, rules %lu, guard %s",
                         member_u64(guard, "claims"), member_u64(guard, "rules"),
                         member_string(guard, "state"));
        else
                snprintf(line, sizeof(line), "no: nothing is claimed, and nothing is refused");
        print_wrapped(c, "  In force  ", line);
        if (*reason)
                snprintf(line, sizeof(line), "no, it ends with ptraced: %s", reason);
        else if (member_bool(guard, "pinned"))
                snprintf(line, sizeof(line), "%s; it stays in force without ptraced", dir);
        else if (*dir)
                snprintf(line, sizeof(line), "%s, once it is in force", dir);
        else
                snprintf(line, sizeof(line), "no: this was only a trial");
        print_wrapped(c, "  Pinned    ", line);
}

static enum paint hook_paint(const char *state)
{
        if (!strcmp(state, "missing"))
                return PAINT_RED;
        return strcmp(state, "unused") ? PAINT_GREEN : PAINT_DIM;
}

static int print_hooks(const struct cli *c, struct json_object *hooks)
{
        static const struct column columns[] = {
                {.name = "HOOK"},
                {.name = "STATE"},
                {.name = "SEES", .fit = FIT_WRAP},
                {.name = "REASON", .fit = FIT_WRAP},
        };
        _cleanup_text_table_ struct text_table *t = NULL;

        if (text_table_new(&t, c, columns, ELEMENTSOF(columns)) < 0)
                return cli_no_memory(c);
        for (size_t i = 0; i < array_length(hooks); i++) {
                struct json_object *h = json_object_array_get_idx(hooks, i);
                const char *state = member_string(h, "state");

                text_table_row(t);
                text_table_cell(t, 0, PAINT_NONE, "%s", member_string(h, "section"));
                text_table_cell(t, 1, hook_paint(state), "%s", state);
                text_table_cell(t, 2, PAINT_NONE, "%s", member_string(h, "sees"));
                text_table_cell(t, 3, PAINT_NONE, "%s", member_string(h, "reason"));
        }
        puts("\nHooks:");
        return text_table_print(t) < 0 ? cli_no_memory(c) : EXIT_DONE;
}

static int print_doctor(const struct cli *c, struct json_object *o)
{
        struct json_object *spots = member_array(o, "blind_spots"), *hooks = member_array(o, "hooks");
        const char *reason = member_string(o, "tier_reason");
        char line[512];
        int r = EXIT_DONE;

        snprintf(line, sizeof(line), "Tier %s on kernel %s%s%s", member_string(o, "tier"),
                 member_string(o, "kernel"), *reason ? ": " : ".", reason);
        print_wrapped(c, "", line);
        print_machine(c, o);
        print_guard_proof(c, o);
        if (array_length(hooks) > 0)
                r = print_hooks(c, hooks);
        puts("\nBlind spots:");
        if (array_length(spots) == 0)
                puts("  none known");
        for (size_t i = 0; i < array_length(spots); i++)
                print_wrapped(c, "  - ", array_string(spots, i));
        out_of_reach_list(c, member_array(o, "unseen"));
        return r;
}

/* All of the child's standard output, as far as it fits; its length. */
static size_t read_output(int fd, char *buf, size_t size)
{
        size_t length = 0;
        ssize_t n;

        while (length < size - 1 && (n = read(fd, buf + length, size - 1 - length)) != 0) {
                if (n > 0)
                        length += (size_t)n;
                else if (errno != EINTR)
                        break;
        }
        buf[length] = 0;
        return length;
}

static int run_probe(const char *path, char *output, size_t size, size_t *ret_length)
{
        _cleanup_close_ int reading = -1, writing = -1;
        int fds[2], status;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        reading = fds[0];
        writing = fds[1];
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                dup2(writing, STDOUT_FILENO);
                signal(SIGPIPE, SIG_DFL);
                execl(path, "ptraced", "--probe", (char *)NULL);
                _exit(127);
        }
        close(TAKE_FD(writing));
        *ret_length = read_output(reading, output, size);
        close(TAKE_FD(reading));
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        return status == 0 ? 0 : -ECHILD;
}

static int probe_without_daemon(const struct cli *c, struct json_object **ret)
{
        _cleanup_free_ char *output = malloc(PROBE_OUTPUT_MAX);
        char path[DAEMON_PATH_MAX];
        size_t length = 0;
        int r;

        if (!output)
                return cli_no_memory(c);
        if (daemon_file(path, sizeof(path)) < 0)
                return cli_fail(c, EXIT_UNREACHABLE, "not-running",
                                "Install it, or name its socket with --socket.",
                                "ptraced is not running at %s, and no ptraced to probe with is in this "
                                "program's directory, in ../sbin or in PATH.",
                                c->socket);
        r = run_probe(path, output, PROBE_OUTPUT_MAX, &length);
        if (r == 0)
                r = client_parse(output, length, ret);
        if (r < 0)
                return cli_fail(c, EXIT_FAILED, "probe-failed",
                                geteuid() == 0 ? "" : "Loading programs needs root: try it with sudo.",
                                "ptraced is not running, and '%s --probe' failed.", path);
        return EXIT_DONE;
}

int verb_doctor(struct cli *c)
{
        _cleanup_client_ struct client *client = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        struct client_error e;
        int r;

        r = client_new(&client, c->socket, &e);
        if (r == 0)
                r = client_get(client, "/v1/doctor", &o, &e);
        if (r == -ENOTCONN) {
                r = probe_without_daemon(c, &o);
                if (r != EXIT_DONE)
                        return r;
                cli_note("ptraced is not running; this is what 'ptraced --probe' found.");
        } else if (r < 0)
                return cli_fail_client(c, r, &e);
        if (!c->json)
                return print_doctor(c, o);
        json_print(c, o);
        return EXIT_DONE;
}
