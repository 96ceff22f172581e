/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl who: the tracer graph thread by thread, or the card of one process. */
#include "cli/ask/ask_verbs.h"

#include <errno.h>
#include <string.h>

#include "lib/proc/procfs.h"
#include "lib/base/text.h"
#include "cli/base/json.h"
#include "cli/base/session.h"
#include "cli/base/text_table.h"

#define ANCESTORS_MAX    16 /* generations shown of the parent chain */
#define ENDED_SHOWN_LIST 10
#define ENDED_SHOWN_CARD 30
#define OPTIONS_TEXT_MAX 160
#define EXITKILL         "EXITKILL"

/* "comm(pid)", or "comm(pid/tid)" for a thread that is not the first. Not escaped: what prints it does that.
 */
static const char *party(struct json_object *o, char *buf, size_t size)
{
        uint64_t pid = member_u64(o, "pid"), tid = member_u64(o, "tid");

        if (tid && tid != pid)
                snprintf(buf, size, "%s(%lu/%lu)", member_string(o, "comm"), pid, tid);
        else
                snprintf(buf, size, "%s(%lu)", member_string(o, "comm"), pid);
        return buf;
}

static const char *duration_of_seconds(double seconds, char *buf, size_t size)
{
        return text_duration(seconds > 0 ? (uint64_t)(seconds * NSEC_PER_SEC) : 0, buf, size);
}

/* ---- threads ---------------------------------------------------------------------------------------- */

enum thread_column {
        COL_PID,
        COL_TID,
        COL_COMMAND,
        COL_USER,
        COL_TRACER,
        COL_HOW,
        COL_SINCE,
        COL_STATE,
        COL_ACTIVITY,
        COL_OPTIONS,
        _COL_MAX
};
static const struct column thread_columns[_COL_MAX] = {
        [COL_PID] = {.name = "PID", .right = true},
        [COL_TID] = {.name = "TID", .right = true},
        [COL_COMMAND] = {.name = "COMMAND", .fit = FIT_NARROW},
        [COL_USER] = {.name = "USER"},
        [COL_TRACER] = {.name = "TRACER", .fit = FIT_NARROW},
        [COL_HOW] = {.name = "HOW"},
        [COL_SINCE] = {.name = "SINCE"},
        [COL_STATE] = {.name = "STATE"},
        [COL_ACTIVITY] = {.name = "ACTIVITY", .fit = FIT_NARROW},
        [COL_OPTIONS] = {.name = "OPTIONS", .fit = FIT_CUT},
};

/* "EXITKILL,TRACECLONE": what kills the tracee comes first, where nothing is cut. Whether it is there. */
static bool options_text(struct json_object *thread, char *buf, size_t size)
{
        struct json_object *options = member_array(thread, "options");
        bool exitkill = false;

        for (size_t i = 0; i < array_length(options); i++)
                exitkill |= !strcmp(array_string(options, i), EXITKILL);
        snprintf(buf, size, "%s", exitkill ? EXITKILL : "");
        for (size_t i = 0; i < array_length(options); i++) {
                const char *name = array_string(options, i);
                size_t n = strlen(buf);

                if (strcmp(name, EXITKILL))
                        snprintf(buf + n, size - n, "%s%s", n ? "," : "", name);
        }
        if (!buf[0])
                snprintf(buf, size, options ? "-" : "not known");
        return exitkill;
}

/* "root", "1234" for a user without a name, "" when nobody knows. */
static const char *user_text(struct json_object *process, char *buf, size_t size)
{
        const char *name = member_string(process, "user");

        snprintf(buf, size, "%s", name);
        if (!*name && json_object_object_get_ex(process, "uid", NULL))
                snprintf(buf, size, "%lu", member_u64(process, "uid"));
        return buf;
}

/* How it began is not known: only /proc told of it. */
static bool is_found(struct json_object *session)
{
        return !strcmp(member_string(session, "how"), "scan");
}

static const char *how_text(struct json_object *session)
{
        return is_found(session) ? "found" : member_string(session, "how");
}

struct thread_state {
        const char *letter, *text;
        enum paint paint;
};

/* In a ptrace-stop it is where its tracer wants it; in state D it cannot stop until something else happens. */
static const struct thread_state *thread_state_of(struct json_object *thread)
{
        static const struct thread_state states[] = {
                {"t", "stopped", PAINT_YELLOW},   {"T", "stopped (T)", PAINT_YELLOW},
                {"D", "waits (D)", PAINT_YELLOW}, {"Z", "ended (Z)", PAINT_DIM},
                {"X", "ended", PAINT_DIM},
        };
        static const struct thread_state runs = {"", "running", PAINT_NONE};
        const char *letter = member_string(thread, "state");

        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (!strcmp(states[i].letter, letter))
                        return &states[i];
        return &runs;
}

static void thread_row(struct text_table *t, struct json_object *process, struct json_object *thread,
                       bool split)
{
        struct json_object *tracer = member_object(thread, "tracer");
        bool seen = json_object_object_get_ex(thread, "idle_s", NULL);
        bool found = is_found(thread);
        char text[TASK_TEXT_MAX], options[OPTIONS_TEXT_MAX];
        const struct thread_state *state = thread_state_of(thread);
        bool exitkill;

        text_table_row(t);
        text_table_cell(t, COL_PID, PAINT_NONE, "%lu", member_u64(process, "pid"));
        text_table_cell(t, COL_TID, PAINT_NONE, "%lu", member_u64(thread, "tid"));
        text_table_cell(t, COL_COMMAND, PAINT_NONE, "%s", member_string(thread, "comm"));
        text_table_cell(t, COL_USER, PAINT_NONE, "%s", user_text(process, text, sizeof(text)));
        text_table_cell(t, COL_TRACER, split ? PAINT_RED : PAINT_NONE, "%s",
                        party(tracer, text, sizeof(text)));
        text_table_cell(t, COL_HOW, PAINT_NONE, "%s", how_text(thread));
        duration_of_seconds(member_double(thread, "for_s"), text, sizeof(text));
        text_table_cell(t, COL_SINCE, PAINT_NONE, "%s%s", found ? "> " : "", text);
        text_table_cell(t, COL_STATE, state->paint, "%s", state->text);
        if (seen)
                text_table_cell(t, COL_ACTIVITY, PAINT_NONE, "%s ago",
                                duration_of_seconds(member_double(thread, "idle_s"), text, sizeof(text)));
        else
                text_table_cell(t, COL_ACTIVITY, PAINT_DIM, "none seen");
        exitkill = options_text(thread, options, sizeof(options));
        text_table_cell(t, COL_OPTIONS, exitkill ? PAINT_RED : PAINT_NONE, "%s", options);
}

static struct json_object *tracer_of(struct json_object *threads, size_t i)
{
        return member_object(json_object_array_get_idx(threads, i), "tracer");
}

/* Threads of one process held by different tracer processes. */
static bool is_split(struct json_object *threads)
{
        for (size_t i = 1; i < array_length(threads); i++)
                if (member_u64(tracer_of(threads, i), "pid") != member_u64(tracer_of(threads, 0), "pid"))
                        return true;
        return false;
}

static void thread_rows(struct text_table *t, struct json_object *process, struct json_object *threads)
{
        bool split = is_split(threads);

        for (size_t i = 0; i < array_length(threads); i++)
                thread_row(t, process, json_object_array_get_idx(threads, i), split);
}

static bool any_exitkill(struct json_object *threads)
{
        char options[OPTIONS_TEXT_MAX];

        for (size_t i = 0; i < array_length(threads); i++)
                if (options_text(json_object_array_get_idx(threads, i), options, sizeof(options)))
                        return true;
        return false;
}

/* ---- the claim --------------------------------------------------------------------------------------- */

static struct json_object *claim_of(struct json_object *o)
{
        return member_object(o, "claim") ?: member_object(member_object(o, "process"), "claim");
}

/* "uid 1000 (claim 12), 4 min left, 2 waiting". Not escaped. "" without a claim. */
static const char *claim_text(struct json_object *o, char *buf, size_t size)
{
        struct json_object *claim = claim_of(o);
        char left[64];
        size_t n;

        buf[0] = 0;
        if (!claim)
                return buf;
        n = (size_t)snprintf(buf, size, "%s (claim %lu%s)%s",
                             member_string(member_object(claim, "owner"), "text"), member_u64(claim, "id"),
                             !strcmp(member_string(claim, "mode"), "audit") ? ", audit only" : "",
                             !strcmp(member_string(claim, "means"), "hold") ? ", kept by hold" : "");
        if (n < size && member_time(claim, "lease_ends"))
                n += (size_t)snprintf(
                        buf + n, size - n, ", %s left",
                        duration_of_seconds(member_double(claim, "lease_left_s"), left, sizeof(left)));
        if (n < size && member_u64(claim, "waiters"))
                snprintf(buf + n, size - n, ", %lu waiting", member_u64(claim, "waiters"));
        return buf;
}

/* The first of its threads whose tracer was found in /proc, while recording. NULL: none. */
static struct json_object *first_missed(struct json_object *threads)
{
        for (size_t i = 0; i < array_length(threads); i++)
                if (member_bool(json_object_array_get_idx(threads, i), "missed"))
                        return json_object_array_get_idx(threads, i);
        return NULL;
}

/* ---- what a table cannot say in one word, below it ---------------------------------------------------- */

static void print_remarks(const struct cli *c, struct json_object *process, struct json_object *threads)
{
        char line[SHOWN_TEXT_MAX], text[TASK_TEXT_MAX], other[TASK_TEXT_MAX];
        struct json_object *missed = first_missed(threads);

        if (missed) {
                snprintf(line, sizeof(line), "Process %lu is traced by %s, %s.", member_u64(process, "pid"),
                         party(member_object(missed, "tracer"), text, sizeof(text)),
                         member_string(missed, "note"));
                print_wrapped(c, "", line);
        }
        if (is_split(threads)) {
                size_t i = 1;

                while (member_u64(tracer_of(threads, i), "pid") == member_u64(tracer_of(threads, 0), "pid"))
                        i++;
                snprintf(line, sizeof(line),
                         "Process %lu is split: %s and %s each trace some of its threads. A breakpoint "
                         "that one sets is reported to the other when a thread of the other runs into it.",
                         member_u64(process, "pid"), party(tracer_of(threads, 0), text, sizeof(text)),
                         party(tracer_of(threads, i), other, sizeof(other)));
                print_wrapped(c, "", line);
        }
        if (any_exitkill(threads)) {
                snprintf(line, sizeof(line),
                         "EXITKILL: the kernel kills process %lu when its tracer ends, however it ends.",
                         member_u64(process, "pid"));
                print_wrapped(c, "", line);
        }
}

static void print_claim_remark(const struct cli *c, struct json_object *o)
{
        struct json_object *process = member_object(o, "process");
        char line[SHOWN_TEXT_MAX], text[SHOWN_TEXT_MAX / 2];

        if (!*claim_text(o, text, sizeof(text)))
                return;
        snprintf(line, sizeof(line), "%s(%lu) is claimed by %s.", member_string(process, "comm"),
                 member_u64(process, "pid"), text);
        print_wrapped(c, "", line);
}

/* ---- debuggers that are reached over TCP ------------------------------------------------------------ */

static void print_connection(const struct cli *c, struct json_object *process, struct json_object *o)
{
        struct json_object *client = member_object(o, "client");
        char line[SHOWN_TEXT_MAX], text[TASK_TEXT_MAX], since[TIME_STRING_MAX];

        if (!strcmp(member_string(o, "protocol"), "dbgp"))
                snprintf(
                        line, sizeof(line),
                        "%s(%lu) is debugged over DBGp, which uses neither ptrace nor SIGTRAP: client %s at "
                        "%s, since %s%s.",
                        member_string(process, "comm"), member_u64(process, "pid"),
                        client ? party(client, text, sizeof(text)) : "not known", member_string(o, "remote"),
                        local_time(member_time(o, "since"), true, since),
                        member_bool(o, "other_netns") ? ", in another network namespace" : "");
        else
                snprintf(line, sizeof(line), "%s(%lu) has a client at %s, since %s.",
                         member_string(process, "comm"), member_u64(process, "pid"),
                         member_string(o, "remote"), local_time(member_time(o, "since"), true, since));
        print_wrapped(c, "", line);
}

static void print_listening(const struct cli *c, struct json_object *process, struct json_object *o)
{
        bool delve = !strcmp(member_string(o, "protocol"), "delve");
        char line[SHOWN_TEXT_MAX], gone[TIME_STRING_MAX] = "";
        size_t n;

        n = (size_t)snprintf(line, sizeof(line), "%s(%lu) listens at %s%s", member_string(process, "comm"),
                             member_u64(process, "pid"), member_string(o, "local"),
                             delve ? "" : ", a port of DBGp clients");
        if (n < sizeof(line) && member_time(o, "client_gone"))
                snprintf(line + n, sizeof(line) - n, ", and has had no client since %s.",
                         local_time(member_time(o, "client_gone"), true, gone));
        else if (n < sizeof(line))
                snprintf(line + n, sizeof(line) - n, "%s.",
                         delve && !member_u64(o, "clients") ? ", and no client came yet" : "");
        print_wrapped(c, "", line);
}

/* Of a process with its lists. */
static void print_sockets(const struct cli *c, struct json_object *o)
{
        struct json_object *process = member_object(o, "process");
        struct json_object *connections = member_array(o, "connections"),
                           *listening = member_array(o, "listening");

        for (size_t i = 0; i < array_length(connections); i++)
                print_connection(c, process, json_object_array_get_idx(connections, i));
        for (size_t i = 0; i < array_length(listening); i++)
                print_listening(c, process, json_object_array_get_idx(listening, i));
}

/* ---- ended sessions --------------------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
        return strcmp(member_string(*(struct json_object *const *)b, "until"),
                      member_string(*(struct json_object *const *)a, "until"));
}

static const char *ended_text(struct json_object *session)
{
        static const struct {
                const char *by, *text;
        } table[] = {
                {"detach", "detached"},
                {"tracer-exit", "the tracer ended"},
                {"tracee-exit", "the tracee ended"},
                {"unseen", "the end was not seen"},
        };
        const char *by = member_string(session, "ended_by");

        if (member_bool(session, "thread_only"))
                return "its thread ended";
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (!strcmp(table[i].by, by))
                        return table[i].text;
        return by;
}

static int print_ended(const struct cli *c, const char *title, struct json_object *ended, size_t max)
{
        static const struct column columns[] = {
                {.name = "UNTIL"},
                {.name = "TRACER", .fit = FIT_NARROW},
                {.name = "TRACEE", .fit = FIT_NARROW},
                {.name = "HOW"},
                {.name = "LASTED"},
                {.name = "TRAPS", .right = true},
                {.name = "ENDED BY", .fit = FIT_CUT},
        };
        _cleanup_text_table_ struct text_table *t = NULL;
        size_t n = array_length(ended);
        char text[TASK_TEXT_MAX];

        if (n == 0)
                return EXIT_DONE;
        if (text_table_new(&t, c, columns, ELEMENTSOF(columns)) < 0)
                return cli_no_memory(c);
        json_object_array_sort(ended, newest_first);
        for (size_t i = 0; i < MIN_OF(n, max); i++) {
                struct json_object *s = json_object_array_get_idx(ended, i),
                                   *tracer = member_object(s, "tracer");

                text_table_row(t);
                text_table_cell(t, 0, PAINT_NONE, "%s", local_time(member_time(s, "until"), true, text));
                text_table_cell(t, 1, PAINT_NONE, "%s", party(tracer, text, sizeof(text)));
                text_table_cell(t, 2, PAINT_NONE, "%s", party(s, text, sizeof(text)));
                text_table_cell(t, 3, PAINT_NONE, "%s", how_text(s));
                text_table_cell(t, 4, PAINT_NONE, "%s",
                                duration_of_seconds(member_double(s, "lasted_s"), text, sizeof(text)));
                text_table_cell(t, 5, PAINT_NONE, "%lu", member_u64(s, "traps"));
                text_table_cell(t, 6, PAINT_NONE, "%s", ended_text(s));
        }
        printf("\n%s\n", title);
        if (text_table_print(t) < 0)
                return cli_no_memory(c);
        if (n > max)
                printf("(%zu earlier ones: --json shows all)\n", n - max);
        return EXIT_DONE;
}

/* ---- all ---------------------------------------------------------------------------------------------- */

static int print_all(const struct cli *c, struct json_object *o)
{
        struct json_object *processes = member_array(o, "processes");
        _cleanup_text_table_ struct text_table *t = NULL;
        size_t n_traced = 0;

        if (text_table_new(&t, c, thread_columns, ELEMENTSOF(thread_columns)) < 0)
                return cli_no_memory(c);
        for (size_t i = 0; i < array_length(processes); i++) {
                struct json_object *p = json_object_array_get_idx(processes, i);
                struct json_object *threads = member_array(p, "threads");

                thread_rows(t, member_object(p, "process"), threads);
                n_traced += array_length(threads);
        }
        if (n_traced == 0)
                puts("Nothing is traced now.");
        else if (text_table_print(t) < 0)
                return cli_no_memory(c);
        for (size_t i = 0; i < array_length(processes); i++) {
                struct json_object *p = json_object_array_get_idx(processes, i);

                print_remarks(c, member_object(p, "process"), member_array(p, "threads"));
                print_claim_remark(c, p);
                print_sockets(c, p);
        }
        return print_ended(c, "Ended lately:", member_array(o, "ended"), ENDED_SHOWN_LIST);
}

/* ---- one process ------------------------------------------------------------------------------------ */

/* "bash(600) < tmux: server(500) < systemd(1)". Beyond the parent /proc is asked, if it is the same one. */
static void ancestors_text(struct json_object *process, char *buf, size_t size)
{
        struct json_object *parent = member_object(process, "parent");
        uint32_t pid = (uint32_t)member_u64(parent, "pid");
        struct proc_status s;
        size_t n;

        n = (size_t)snprintf(buf, size, "%s(%u)", member_string(parent, "comm"), pid);
        if (procfs_status(pid, 0, &s) < 0 || strcmp(s.task.comm, member_string(parent, "comm")))
                return;
        for (size_t i = 0; i < ANCESTORS_MAX && n < size && s.ppid; i++) {
                if (procfs_status(s.ppid, 0, &s) < 0)
                        return;
                n += (size_t)snprintf(buf + n, size - n, " < %s(%u)", s.task.comm, s.task.pid);
        }
}

static void print_property(const struct cli *c, const char *label, const char *value)
{
        char prefix[32];

        if (!*value)
                return;
        snprintf(prefix, sizeof(prefix), "  %-13s", label);
        print_wrapped(c, prefix, value);
}

static void print_process(const struct cli *c, struct json_object *p)
{
        char text[SHOWN_TEXT_MAX];
        const char *state = member_string(p, "state");
        bool alive = member_bool(p, "alive");

        snprintf(text, sizeof(text), "%s(%lu), %s%s%s", member_string(p, "comm"), member_u64(p, "pid"),
                 alive ? "alive" : "ended", alive && *state ? ", state " : "", alive ? state : "");
        print_wrapped(c, "", text);
        if (member_u64(p, "living_thread")) {
                snprintf(text, sizeof(text),
                         "The main thread has ended, and is a zombie until the others have, too. Thread "
                         "%lu, for one, goes on.",
                         member_u64(p, "living_thread"));
                print_wrapped(c, "  ", text);
        }
        print_property(c, "Command:", member_string(p, "args"));
        print_property(c, "Executable:", member_string(p, "exe"));
        print_property(c, "User:", user_text(p, text, sizeof(text)));
        print_property(c, "Terminal:", member_string(p, "tty"));
        if (member_object(p, "parent")) {
                ancestors_text(p, text, sizeof(text));
                print_property(c, "Parents:", text);
        }
        print_property(c, "Unit:", member_string(p, "unit"));
        if (member_u64(p, "inner_pid") && member_u64(p, "inner_pid") != member_u64(p, "pid")) {
                snprintf(text, sizeof(text), "%lu (in its own pid namespace)", member_u64(p, "inner_pid"));
                print_property(c, "Inner pid:", text);
        }
}

static void print_tracees(const struct cli *c, struct json_object *tracees)
{
        char text[SHOWN_TEXT_MAX] = "", task[TASK_TEXT_MAX];
        size_t n = 0;

        for (size_t i = 0; i < array_length(tracees) && n < sizeof(text); i++)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? ", " : "",
                                      party(json_object_array_get_idx(tracees, i), task, sizeof(task)));
        if (n)
                print_wrapped(c, "  Traces:      ", text);
}

static int print_card(const struct cli *c, struct json_object *o)
{
        struct json_object *p = member_object(o, "process"), *threads = member_array(o, "threads");
        _cleanup_text_table_ struct text_table *t = NULL;
        char claim[SHOWN_TEXT_MAX / 2];

        print_process(c, p);
        print_property(c, "Claim:", claim_text(o, claim, sizeof(claim)));
        print_tracees(c, member_array(o, "tracees"));
        if (array_length(threads) == 0)
                puts("\nNo thread of it is traced.");
        else {
                if (text_table_new(&t, c, thread_columns, ELEMENTSOF(thread_columns)) < 0)
                        return cli_no_memory(c);
                thread_rows(t, p, threads);
                puts("\nTraced threads:");
                if (text_table_print(t) < 0)
                        return cli_no_memory(c);
                print_remarks(c, p, threads);
        }
        print_sockets(c, o);
        return print_ended(c, "Ended sessions, newest first:", member_array(o, "ended"), ENDED_SHOWN_CARD);
}

/* The same schema as without a pid: what was asked first only told that the process is known. */
static int print_json_of(const struct cli *c, uint32_t pid)
{
        _cleanup_json_ struct json_object *o = NULL;
        char path[64];
        int r;

        snprintf(path, sizeof(path), "/v1/tracers?ended=1&pid=%u", pid);
        r = ask_object(c, path, &o);
        if (r == EXIT_DONE)
                json_print(c, o);
        return r;
}

int verb_who(struct cli *c)
{
        _cleanup_json_ struct json_object *o = NULL;
        char path[64];
        uint32_t pid;
        int r;

        r = ask_optional_pid(c, &pid);
        if (r != EXIT_DONE)
                return r;
        snprintf(path, sizeof(path), pid ? "/v1/processes/%u" : "/v1/tracers?ended=1", pid);
        r = pid ? ask_about_pid(c, pid, path, &o) : ask_object(c, path, &o);
        if (r != EXIT_DONE)
                return r;
        if (!c->json)
                return pid ? print_card(c, o) : print_all(c, o);
        if (pid)
                return print_json_of(c, pid);
        json_print(c, o);
        return EXIT_DONE;
}
