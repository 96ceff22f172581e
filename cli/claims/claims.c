/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl claims: who reserved what, and who waits for it. */
#include "cli/claims/claims_verbs.h"

#include <string.h>

#include "lib/base/text.h"
#include "cli/claims/claim_view.h"
#include "cli/base/text_table.h"

static const struct column claim_columns[] = {
        {"ID", FIT_WHOLE, true},      {"PID", FIT_WHOLE, true},   {"COMMAND", FIT_NARROW, false},
        {"OWNER", FIT_CUT, false},    {"MODE", FIT_WHOLE, false}, {"LEASE", FIT_WHOLE, false},
        {"ALIVE", FIT_WHOLE, false},  {"IDLE", FIT_WHOLE, false}, {"TRACER", FIT_NARROW, false},
        {"WAITING", FIT_WHOLE, true},
};

static const struct column waiting_columns[] = {
        {"PLACE", FIT_WHOLE, true}, {"PID", FIT_WHOLE, true},       {"COMMAND", FIT_NARROW, false},
        {"OWNER", FIT_CUT, false},  {"ASKED BY", FIT_WHOLE, false}, {"SINCE", FIT_WHOLE, false},
};

static bool is_null(struct json_object *o, const char *key)
{
        struct json_object *v = NULL;

        return !json_object_object_get_ex(o, key, &v) || !v;
}

/* A member that is seconds as a duration, "-" for null. */
static const char *member_duration(struct json_object *o, const char *key, char *buf, size_t size)
{
        if (is_null(o, key)) {
                snprintf(buf, size, "-");
                return buf;
        }
        return text_duration((uint64_t)(member_double(o, key) * (double)NSEC_PER_SEC), buf, size);
}

/* Whether the owner is there. One that is no process cannot die. */
static const char *alive_text(struct json_object *claim, char *buf, size_t size)
{
        char grace[32];

        if (is_null(claim, "owner_alive"))
                snprintf(buf, size, "-");
        else if (member_bool(claim, "owner_alive"))
                snprintf(buf, size, "yes");
        else
                snprintf(buf, size, "no, grace %s",
                         member_duration(claim, "grace_left_s", grace, sizeof(grace)));
        return buf;
}

static void show_claim_row(struct text_table *t, struct json_object *claim)
{
        char text[64], tracer[CLAIM_WORDS_MAX];
        bool blocked = claim_is_blocked(claim);

        text_table_row(t);
        text_table_cell(t, 0, PAINT_NONE, "%lu", member_u64(claim, "id"));
        text_table_cell(t, 1, PAINT_BOLD, "%lu", member_u64(claim, "pid"));
        text_table_cell(t, 2, PAINT_NONE, "%s", member_string(claim, "comm"));
        text_table_cell(t, 3, PAINT_NONE, "%s", claim_owner(claim));
        text_table_cell(t, 4, PAINT_NONE, "%s", member_string(claim, "mode"));
        text_table_cell(t, 5, PAINT_NONE, "%s", member_duration(claim, "lease_left_s", text, sizeof(text)));
        text_table_cell(t, 6, member_bool(claim, "owner_alive") ? PAINT_NONE : PAINT_YELLOW, "%s",
                        alive_text(claim, text, sizeof(text)));
        text_table_cell(t, 7, PAINT_NONE, "%s", member_duration(claim, "idle_s", text, sizeof(text)));
        claim_tracer(claim, tracer);
        text_table_cell(t, 8, blocked ? PAINT_YELLOW : PAINT_NONE, "%s%s", *tracer ? tracer : "-",
                        blocked ? ", not the owner's" : "");
        text_table_cell(t, 9, PAINT_NONE, "%lu", member_u64(claim, "waiters"));
}

static void add_waiter(struct text_table *t, struct json_object *w)
{
        struct json_object *by = member_object(w, "asked_by"), *owner = member_object(w, "owner");
        char time[TIME_STRING_MAX];
        uint64_t since = member_time(w, "since");

        text_table_row(t);
        text_table_cell(t, 0, PAINT_NONE, "%lu", member_u64(w, "position"));
        text_table_cell(t, 1, PAINT_BOLD, "%lu", member_u64(w, "pid"));
        text_table_cell(t, 2, PAINT_NONE, "%s", member_string(w, "comm"));
        text_table_cell(t, 3, PAINT_NONE, "%s",
                        owner ? member_string(owner, "text") : member_string(w, "owner"));
        text_table_cell(t, 4, PAINT_NONE, "pid %lu, uid %lu", member_u64(by, "pid"), member_u64(by, "uid"));
        text_table_cell(t, 5, PAINT_NONE, "%s", since ? local_time(since, false, time) : "-");
}

static int print_list(const struct cli *c, struct json_object *list, const struct column *columns, size_t n,
                      void (*add)(struct text_table *t, struct json_object *o))
{
        _cleanup_text_table_ struct text_table *t = NULL;

        if (text_table_new(&t, c, columns, n) < 0)
                return cli_no_memory(c);
        for (size_t i = 0; i < array_length(list); i++)
                add(t, json_object_array_get_idx(list, i));
        return text_table_print(t) < 0 ? cli_no_memory(c) : EXIT_DONE;
}

static int print_claims(const struct cli *c, struct json_object *o)
{
        struct json_object *claims = member_array(o, "claims"), *waiting = member_array(o, "waiting");
        int r = EXIT_DONE;

        if (array_length(claims) == 0)
                print_wrapped(c, "", "There are no claims. ptracectl claim PID makes one.");
        else
                r = print_list(c, claims, claim_columns, ELEMENTSOF(claim_columns), show_claim_row);
        if (r == EXIT_DONE && array_length(waiting) > 0) {
                puts("\nWaiting for their turn:");
                r = print_list(c, waiting, waiting_columns, ELEMENTSOF(waiting_columns), add_waiter);
        }
        if (r == EXIT_DONE && array_length(claims) > 0 && !strcmp(member_string(o, "means"), "hold"))
                cli_note("This kernel has no guard: claims are kept by hold (ptracectl doctor says why).");
        return r;
}

int verb_claims(struct cli *c)
{
        _cleanup_json_ struct json_object *o = NULL;
        char path[64] = "/v1/claims";
        uint32_t pid;
        int r;

        r = ask_optional_pid(c, &pid);
        if (r != EXIT_DONE)
                return r;
        if (pid)
                snprintf(path, sizeof(path), "/v1/claims?pid=%u", pid);
        r = ask_object(c, path, &o);
        if (r != EXIT_DONE)
                return r;
        if (!c->json)
                return print_claims(c, o);
        json_print(c, o);
        return EXIT_DONE;
}
