/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl hold, catch, heal */
#include "cli/claims/claims_verbs.h"

#include <string.h>

#include "cli/claims/claim_view.h"
#include "cli/base/text_table.h"

#define FOUND_SHOWN_MAX 16 /* breakpoints of a process that is not healed */

static const struct column columns[] = {
        {"PID", FIT_WHOLE, true},    {"COMMAND", FIT_NARROW, false}, {"STATE", FIT_WHOLE, false},
        {"CATCH", FIT_WHOLE, false}, {"THREADS", FIT_WHOLE, true},   {"HELPER", FIT_WHOLE, true},
        {"SINCE", FIT_WHOLE, false},
};

static int print_holds(const struct cli *c, struct json_object *holds)
{
        _cleanup_text_table_ struct text_table *t = NULL;
        char time[TIME_STRING_MAX];

        if (array_length(holds) == 0) {
                print_wrapped(c, "", "Nothing is held. ptracectl hold PID holds a process.");
                return EXIT_DONE;
        }
        if (text_table_new(&t, c, columns, ELEMENTSOF(columns)) < 0)
                return cli_no_memory(c);
        for (size_t i = 0; i < array_length(holds); i++) {
                struct json_object *h = json_object_array_get_idx(holds, i);
                uint64_t since = member_time(h, "since");

                text_table_row(t);
                text_table_cell(t, 0, PAINT_BOLD, "%lu", member_u64(h, "pid"));
                text_table_cell(t, 1, PAINT_NONE, "%s", member_string(h, "comm"));
                text_table_cell(t, 2,
                                strcmp(member_string(h, "state"), "caught") ? PAINT_NONE : PAINT_YELLOW,
                                "%s", member_string(h, "state"));
                text_table_cell(t, 3, PAINT_NONE, "%s", member_bool(h, "catch") ? "yes" : "no");
                text_table_cell(t, 4, PAINT_NONE, "%lu", member_u64(h, "threads"));
                text_table_cell(t, 5, PAINT_NONE, "%lu", member_u64(member_object(h, "helper"), "pid"));
                text_table_cell(t, 6, PAINT_NONE, "%s", since ? local_time(since, false, time) : "-");
        }
        return text_table_print(t) < 0 ? cli_no_memory(c) : EXIT_DONE;
}

static int list_holds(const struct cli *c)
{
        _cleanup_json_ struct json_object *o = NULL;
        int r = ask_object(c, "/v1/holds", &o);

        if (r != EXIT_DONE)
                return r;
        if (!c->json)
                return print_holds(c, member_array(o, "holds"));
        json_print(c, o);
        return EXIT_DONE;
}

static void print_hold(const struct cli *c, struct json_object *h, bool off)
{
        struct json_object *caught = member_object(h, "caught");
        char target[CLAIM_WORDS_MAX], line[SHOWN_TEXT_MAX];
        uint64_t pid = member_u64(h, "pid");

        claim_target(h, target);
        if (off)
                snprintf(line, sizeof(line), "ptraced no longer holds %s.", target);
        else if (caught)
                snprintf(line, sizeof(line),
                         "%s is caught: thread %lu ran into a breakpoint at %s that nobody owns, and is "
                         "frozen there. Look at it: ptracectl debug %lu -- gdb -p %lu",
                         target, member_u64(caught, "tid"), member_string(caught, "ip"), pid, pid);
        else
                snprintf(line, sizeof(line),
                         "ptraced holds %s with its %lu thread%s: no other tracer can attach.%s End it: "
                         "ptracectl hold --off %lu",
                         target, member_u64(h, "threads"), member_u64(h, "threads") == 1 ? "" : "s",
                         member_bool(h, "catch")
                                 ? " At a breakpoint that nobody owns it is frozen instead of "
                                   "killed; then ptracectl debug hands it over."
                                 : "",
                         pid);
        print_wrapped(c, "", line);
}

static int change_hold(const struct cli *c, bool catch)
{
        _cleanup_json_ struct json_object *body = json_object_new_object(), *o = NULL;
        bool off = c->args.given & OPTION(OPT_OFF);
        char path[64] = "/v1/holds";
        uint32_t pid;
        int r;

        r = ask_pid(c, c->args.args[0], &pid);
        if (r != EXIT_DONE)
                return r;
        json_object_object_add(body, "pid", json_object_new_int64(pid));
        json_object_object_add(body, "catch", json_object_new_boolean(catch));
        if (off)
                snprintf(path, sizeof(path), "/v1/holds/%u", pid);
        r = claim_ask(c, off ? "DELETE" : "POST", path, off ? NULL : body, &o);
        if (r != EXIT_DONE)
                return r;
        if (c->json)
                json_print(c, o);
        else
                print_hold(c, member_object(o, "hold"), off);
        return EXIT_DONE;
}

int verb_hold(struct cli *c)
{
        if (c->args.n_args > 0)
                return change_hold(c, false);
        if (c->args.given & OPTION(OPT_OFF))
                return cli_fail(c, EXIT_USAGE, "usage", "'ptracectl hold' lists what is held.",
                                "--off needs the PID of the process to let go of.");
        return list_holds(c);
}

int verb_catch(struct cli *c)
{
        return change_hold(c, true);
}

static void print_sentences(const struct cli *c, const char *prefix, struct json_object *sentences)
{
        for (size_t i = 0; i < array_length(sentences); i++)
                print_wrapped(c, prefix, array_string(sentences, i));
}

/* Of a process that is not healed: why not is said behind it. */
static void print_found(const struct cli *c, struct json_object *o)
{
        struct json_object *found = member_array(o, "found");
        char line[SHOWN_TEXT_MAX];
        size_t n = array_length(found);

        if (n > 0 || member_bool(o, "left_stopped"))
                print_wrapped(c, "", "Found:");
        for (size_t i = 0; i < MIN_OF(n, (size_t)FOUND_SHOWN_MAX); i++) {
                struct json_object *site = json_object_array_get_idx(found, i);
                const char *symbol = member_string(site, "symbol");

                snprintf(line, sizeof(line), "%s%s%s in %s: a breakpoint, %s where the file has %s",
                         member_string(site, "address"), *symbol ? ", " : "", symbol,
                         member_string(site, "path"), member_string(site, "was"), member_string(site, "is"));
                print_wrapped(c, "  - ", line);
        }
        if (n > FOUND_SHOWN_MAX) {
                snprintf(line, sizeof(line), "%zu more: --json lists them", n - FOUND_SHOWN_MAX);
                print_wrapped(c, "  - ", line);
        }
        if (member_bool(o, "left_stopped"))
                print_wrapped(c, "  - ", "It is stopped, and a tracer left it so.");
}

int verb_heal(struct cli *c)
{
        _cleanup_json_ struct json_object *body = json_object_new_object(), *o = NULL;
        bool dry = c->args.given & OPTION(OPT_DRY_RUN), refused;
        uint32_t pid;
        int r;

        r = ask_pid(c, c->args.args[0], &pid);
        if (r != EXIT_DONE)
                return r;
        json_object_object_add(body, "pid", json_object_new_int64(pid));
        json_object_object_add(body, "dry_run", json_object_new_boolean(dry));
        r = claim_ask(c, "POST", "/v1/heal", body, &o);
        if (r != EXIT_DONE)
                return r;
        refused = *member_string(o, "refused");
        if (c->json) {
                json_print(c, o);
                return refused ? EXIT_REFUSED : EXIT_DONE;
        }
        if (refused)
                print_found(c, o);
        print_wrapped(c, "", member_string(o, "summary"));
        print_sentences(c, "  - ", member_array(o, "actions"));
        print_sentences(c, "  Note: ", member_array(o, "notes"));
        if (dry && !refused)
                print_wrapped(c, "", "Nothing was changed: this was a dry run.");
        return refused ? EXIT_REFUSED : EXIT_DONE;
}
