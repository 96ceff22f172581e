/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl record: one command under a ptraced of its own, then the trace and the diagnosis. */
#include "cli/trace/trace_verbs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/event/family.h"
#include "lib/base/json_text.h"
#include "lib/proc/procfs.h"
#include "cli/base/command.h"
#include "cli/base/findings.h"
#include "cli/base/json.h"
#include "cli/base/outfile.h"
#include "cli/trace/private_daemon.h"
#include "cli/base/session.h"

#define SETTLE_MS         500 /* after the command's end: late answers (left-over stops, text scans) arrive */
#define NAME_SHOWN_MAX    32
#define FINDING_PAGES_MAX 1024 /* of 1,024 findings; the store keeps fewer */

/*
 * Waits for its end. Keys of the terminal reach it directly; what is sent to us to end us is passed on to
 * it, and the recording is brought to its end all the same. set: SIGCHLD and those signals, blocked.
 */
static int command_wait(const struct command *cmd, const sigset_t *set)
{
        pid_t pid = (pid_t)cmd->task.pid;
        int status = 0, sig;

        while (waitpid(pid, &status, WNOHANG) != pid) {
                sig = sigwaitinfo(set, NULL);
                if (sig == SIGTERM || sig == SIGHUP)
                        kill(pid, sig);
        }
        return command_status(status);
}

/* ---- the trace -------------------------------------------------------------------------------------- */

struct keeping {
        struct family *family;
        struct outfile out;
        uint64_t n_kept, n_bad;
};

static int keep_line(void *userdata, const char *line, size_t length)
{
        struct keeping *k = userdata;
        struct json_object *o = NULL;
        struct event e;
        char error[128];

        if (client_parse(line, length, &o) < 0 || event_from_json(o, &e, error, sizeof(error)) < 0)
                k->n_bad++;
        else if (family_takes(k->family, &e)) {
                fwrite(line, 1, length, k->out.f);
                fputc('\n', k->out.f);
                k->n_kept++;
        }
        json_object_put(o);
        return ferror(k->out.f) ? -EIO : 0;
}

static int save_events(const struct cli *c, struct client *client, struct keeping *k, const char *path)
{
        const struct client_stream s = {.on_line = keep_line, .userdata = k, .stop_fd = -1};
        struct client_error e = {};
        int r;

        r = outfile_open(&k->out, path);
        if (r == 0)
                r = client_stream(client, "/v1/events", &s, &e);
        if (r < 0 && e.code[0])
                return cli_fail_client(c, r, &e);
        if (r == 0)
                r = outfile_commit(&k->out);
        if (r < 0)
                return cli_fail(c, EXIT_FAILED, "cannot-write", "", "%s cannot be written: %s.", path,
                                strerrordesc_np(-r));
        if (k->n_bad)
                cli_note("%lu events could not be read and are left out.", k->n_bad);
        if (family_overflow(k->family))
                cli_note("Only the first %d processes are in the trace.", FAMILY_MAX);
        return EXIT_DONE;
}

/* ./ptraced-CMD-PID.jsonl, with whatever is odd in the command's name left out. */
static void default_path(const struct command *cmd, char *buf, size_t size)
{
        const char *slash = strrchr(cmd->argv[0], '/'), *name = slash ? slash + 1 : cmd->argv[0];
        char plain[NAME_SHOWN_MAX + 1] = "";
        size_t n = 0;

        for (; *name && n < NAME_SHOWN_MAX; name++)
                if (isalnum((unsigned char)*name) || strchr("._+-", *name))
                        plain[n++] = *name;
        snprintf(buf, size, "ptraced-%s-%u.jsonl", plain, cmd->task.pid);
}

/* ---- the verdict ------------------------------------------------------------------------------------ */

/* Those about the command and its children, of one page of all. */
static void add_own_findings(struct json_object *page, const struct family *family, struct json_object *own)
{
        struct json_object *all = member_array(page, "findings");

        for (size_t i = 0; i < array_length(all); i++) {
                struct json_object *f = json_object_array_get_idx(all, i);

                if (family_has(family, (uint32_t)member_u64(f, "pid"), member_u64(f, "start")) ||
                    family_has(family, (uint32_t)member_u64(f, "other_pid"), 0))
                        json_object_array_add(own, json_object_get(f));
        }
}

/* The rest of the machine may have found thousands meanwhile: all of them are looked through, page by page.
 * *ret: the last page, with the command's findings in place of its own. */
static int find_own(struct client *client, const struct family *family, struct json_object **ret,
                    struct client_error *e)
{
        struct json_object *own = json_object_new_array(), *page = NULL;
        char path[64];
        uint64_t after = 0;
        int r = 0;

        for (unsigned i = 0; i < FINDING_PAGES_MAX && (i == 0 || after); i++) {
                json_object_put(TAKE_PTR(page));
                snprintf(path, sizeof(path), "/v1/diagnosis?after=%lu", after);
                r = client_get(client, path, &page, e);
                if (r < 0)
                        break;
                add_own_findings(page, family, own);
                after = member_u64(page, "next");
        }
        if (r < 0) {
                json_object_put(own);
                return r;
        }
        json_object_object_del(page, "next");
        json_object_object_add(page, "findings", own);
        *ret = page;
        return 0;
}

static void print_recording(const struct cli *c, const struct command *cmd, const struct keeping *k,
                            const char *path, struct json_object *diagnosis, int status)
{
        char line[SHOWN_TEXT_MAX], name[16];

        if (c->json) {
                json_object_object_add(diagnosis, "schema", json_object_new_string("ptraced.record/1"));
                json_object_object_add(diagnosis, "file", json_text_new(path));
                json_object_object_add(diagnosis, "pid", json_object_new_int64(cmd->task.pid));
                json_object_object_add(diagnosis, "status", json_object_new_int(status));
                json_object_object_add(diagnosis, "events", json_object_new_uint64(k->n_kept));
                json_print(c, diagnosis);
                return;
        }
        if (status > COMMAND_SIGNAL)
                snprintf(line, sizeof(line), "%s was killed by %s. ", cmd->argv[0],
                         signal_name(status - COMMAND_SIGNAL, name, sizeof(name)));
        else
                snprintf(line, sizeof(line), "%s ended with status %d. ", cmd->argv[0], status);
        snprintf(line + strlen(line), sizeof(line) - strlen(line), "%lu events are in %s.", k->n_kept, path);
        print_wrapped(c, "", line);
        putchar('\n');
        diagnosis_print(c, diagnosis, "the command or its children", 0);
}

static int diagnose_recording(const struct cli *c, const struct command *cmd, const struct private_daemon *d,
                              int status)
{
        const struct timespec settle = {.tv_nsec = SETTLE_MS * (long)NSEC_PER_MSEC};
        _cleanup_client_ struct client *client = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        char path[NAME_SHOWN_MAX + 64];
        const char *file = c->args.value[OPT_OUTPUT] ?: path;
        _cleanup_json_ struct json_object *about = NULL;
        struct keeping k = {};
        struct client_error e;
        int r;

        nanosleep(&settle, NULL);
        default_path(cmd, path, sizeof(path));
        if (family_new(&k.family, &cmd->task) < 0)
                return cli_no_memory(c);
        r = client_new(&client, d->socket, &e);
        r = r < 0 ? cli_fail_client(c, r, &e) : save_events(c, client, &k, file);
        if (r == EXIT_DONE) {
                r = find_own(client, k.family, &o, &e);
                r = r < 0 ? cli_fail_client(c, r, &e) : EXIT_DONE;
        }
        if (r == EXIT_DONE) {
                print_recording(c, cmd, &k, file, o, status);
                if (client_get(client, "/v1/status", &about, &e) == 0)
                        diagnosis_note_tier(member_string(about, "tier"),
                                            member_string(about, "tier_reason"));
        }
        outfile_abandon(&k.out);
        family_free(k.family);
        return r;
}

/* SIGCHLD to be woken, SIGTERM and SIGHUP to be passed on: blocked here, not in the command. */
static void block_signals(sigset_t *set, sigset_t *before)
{
        sigemptyset(set);
        sigaddset(set, SIGCHLD);
        sigaddset(set, SIGTERM);
        sigaddset(set, SIGHUP);
        sigprocmask(SIG_BLOCK, set, before);
}

int verb_record(struct cli *c)
{
        _cleanup_command_ struct command cmd = COMMAND_INIT;
        _cleanup_private_daemon_ struct private_daemon d = {};
        sigset_t set, before;
        int r, error, status;

        block_signals(&set, &before);
        r = command_fork(c, &before, &cmd);
        if (r != EXIT_DONE)
                return r;
        signal(SIGINT, SIG_IGN); /* after the fork: for the command they end things */
        signal(SIGQUIT, SIG_IGN);
        r = private_daemon_start(c, (pid_t)cmd.task.pid, &d);
        if (r != EXIT_DONE)
                return r;
        error = command_go(&cmd);
        if (error)
                return command_not_run(c, &cmd, error);
        status = command_wait(&cmd, &set);
        r = diagnose_recording(c, &cmd, &d, status);
        return r == EXIT_DONE || status != 0 ? status : r;
}
