/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl policy show|check|reload, ptracectl guard on|off|status */
#include "cli/claims/claims_verbs.h"

#include "lib/claim/policy.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/json_text.h"
#include "cli/claims/claim_view.h"
#include "cli/base/text_table.h"

/* A verb's first word, from a table. */
struct verb_action {
        const char *name;
        size_t max_args; /* behind it */
        uint32_t options;
        int (*run)(struct cli *c);
};

static int run_action(struct cli *c, const struct verb_action *actions, size_t n)
{
        uint32_t common = OPTION(OPT_JSON) | OPTION(OPT_SOCKET);

        for (size_t i = 0; i < n; i++) {
                const struct verb_action *a = &actions[i];

                if (strcmp(a->name, c->args.args[0]) != 0)
                        continue;
                if (c->args.n_args - 1 <= a->max_args && !(c->args.given & ~(a->options | common)))
                        return a->run(c);
                return cli_fail(c, EXIT_USAGE, "usage", "",
                                "'%s %s' takes neither that option nor more arguments.", c->verb->name,
                                a->name);
        }
        return cli_fail(c, EXIT_USAGE, "usage", "", "'%.64s' is unknown. Usage: ptracectl %s %s",
                        c->args.args[0], c->verb->name, c->verb->args);
}

/* ---- policy ------------------------------------------------------------------------------------------ */

static const struct column rule_columns[] = {
        {"RULE", FIT_WHOLE, false},   {"PROCESSES", FIT_WRAP, false}, {"SAYS", FIT_WHOLE, false},
        {"TRACERS", FIT_WRAP, false}, {"FROM", FIT_NARROW, false},
};

static void append_condition(char *buf, size_t size, const char *key, const char *value)
{
        size_t n = strlen(buf);

        snprintf(buf + n, size - n, "%s%s=%s", n ? " " : "", key, value);
}

static const char *conditions_text(struct json_object *rule, char *buf, size_t size)
{
        static const char *const patterns[] = {"exe", "comm", "cgroup"};
        struct json_object *uid = NULL;

        buf[0] = 0;
        for (size_t i = 0; i < ELEMENTSOF(patterns); i++)
                if (*member_string(rule, patterns[i]))
                        append_condition(buf, size, patterns[i], member_string(rule, patterns[i]));
        if (json_object_object_get_ex(rule, "uid", &uid) && uid)
                append_condition(buf, size, "uid", json_object_get_string(uid));
        if (!buf[0])
                snprintf(buf, size, "all");
        return buf;
}

static const char *tracers_text(struct json_object *rule, char *buf, size_t size)
{
        struct json_object *exes = member_array(rule, "tracer_exe"),
                           *uids = member_array(rule, "tracer_uid");

        buf[0] = 0;
        for (size_t i = 0; i < array_length(exes); i++)
                append_condition(buf, size, "exe", array_string(exes, i));
        for (size_t i = 0; i < array_length(uids); i++)
                append_condition(buf, size, "uid",
                                 json_object_get_string(json_object_array_get_idx(uids, i)));
        if (!buf[0])
                snprintf(buf, size, strcmp(member_string(rule, "say"), "owner-only") ? "-" : "claim owners");
        return buf;
}

static int print_rules(const struct cli *c, struct json_object *rules)
{
        _cleanup_text_table_ struct text_table *t = NULL;
        char text[1024];

        if (array_length(rules) == 0) {
                print_wrapped(c, "", "No rules.");
                return EXIT_DONE;
        }
        if (text_table_new(&t, c, rule_columns, ELEMENTSOF(rule_columns)) < 0)
                return cli_no_memory(c);
        for (size_t i = 0; i < array_length(rules); i++) {
                struct json_object *r = json_object_array_get_idx(rules, i);

                text_table_row(t);
                text_table_cell(t, 0, PAINT_BOLD, "%s", member_string(r, "name"));
                text_table_cell(t, 1, PAINT_NONE, "%s", conditions_text(r, text, sizeof(text)));
                text_table_cell(t, 2, PAINT_NONE, "%s%s%s", member_string(r, "say"),
                                !strcmp(member_string(r, "mode"), "audit") ? ", audit" : "",
                                !strcmp(member_string(r, "memory"), "deny") ? ", memory deny" : "");
                text_table_cell(t, 3, PAINT_NONE, "%s", tracers_text(r, text, sizeof(text)));
                text_table_cell(t, 4, PAINT_NONE, "%s:%lu", member_string(r, "file"), member_u64(r, "line"));
        }
        return text_table_print(t) < 0 ? cli_no_memory(c) : EXIT_DONE;
}

static int print_policy(const struct cli *c, struct json_object *o)
{
        char time[TIME_STRING_MAX], line[SHOWN_TEXT_MAX];
        const char *error = member_string(o, "error");
        uint64_t loaded = member_time(o, "loaded");
        size_t n = array_length(member_array(o, "rules"));
        int r;

        if (c->json) {
                json_print(c, o);
                return EXIT_DONE;
        }
        snprintf(line, sizeof(line), "%zu rule%s of %s%s%s.", n, n == 1 ? "" : "s", member_string(o, "dir"),
                 loaded ? ", loaded " : "", loaded ? local_time(loaded, false, time) : "");
        print_wrapped(c, "", line);
        r = n ? print_rules(c, member_array(o, "rules")) : EXIT_DONE;
        if (n && json_object_object_get_ex(o, "enforced", NULL) && !member_bool(o, "enforced"))
                cli_note("These rules hold for nobody: without a guard in the kernel ptraced can refuse no "
                         "attach (ptracectl doctor says why there is none).");
        if (*error)
                cli_note("The files were not loaded again, the former policy holds: %s", error);
        return r;
}

static int policy_show(struct cli *c)
{
        _cleanup_json_ struct json_object *o = NULL;
        int r = ask_object(c, "/v1/policy", &o);

        return r == EXIT_DONE ? print_policy(c, o) : r;
}

static int policy_reload(struct cli *c)
{
        _cleanup_json_ struct json_object *o = NULL;
        int r = claim_ask(c, "POST", "/v1/policy/reload", NULL, &o);

        return r == EXIT_DONE ? print_policy(c, o) : r;
}

/* Executables are compared by their own path: a link to one, or a file that is not there, never matches. */
static void note_path(const struct policy_rule *rule, const char *key, const char *path)
{
        char real[PATH_MAX];

        if (!*path || strpbrk(path, "*?\\"))
                return;
        if (!realpath(path, real))
                cli_note("%s:%u: [%s] %s %s is not there now (%s).", rule->file, rule->line, rule->name, key,
                         path, strerrordesc_np(errno));
        else if (strcmp(real, path) != 0)
                cli_note(
                        "%s:%u: [%s] %s %s leads to %s, and never matches: a process is compared by its own "
                        "path.",
                        rule->file, rule->line, rule->name, key, path, real);
}

static struct json_object *policy_json(const struct policy *p, const char *path)
{
        struct json_object *o = json_object_new_object(), *rules = json_object_new_array();

        json_object_object_add(o, "schema", json_object_new_string("ptraced.policy/1"));
        json_object_object_add(o, "dir", json_text_new(path));
        json_object_object_add(o, "loaded", NULL);
        json_object_object_add(o, "error", NULL);
        for (size_t i = 0; i < p->n; i++)
                json_object_array_add(rules, policy_rule_to_json(&p->rules[i]));
        json_object_object_add(o, "rules", rules);
        return o;
}

/* By itself, with the daemon's own reader: no daemon is asked. */
static int policy_check(struct cli *c)
{
        const char *path = c->args.n_args > 1 ? c->args.args[1] : POLICY_DEFAULT_DIR;
        _cleanup_free_ struct policy *p = calloc(1, sizeof(*p));
        _cleanup_json_ struct json_object *o = NULL;
        char error[POLICY_ERROR_MAX];
        struct stat st;
        int r;

        if (!p)
                return cli_no_memory(c);
        if (c->args.n_args > 1 && lstat(path, &st) < 0) /* that there is no default one is no mistake */
                return cli_fail(c, EXIT_FAILED, "cannot-read", "", "Policy %s cannot be read: %s.", path,
                                strerrordesc_np(errno));
        r = policy_load(p, path, error, sizeof(error));
        if (r < 0)
                return cli_fail(c, EXIT_FAILED, "bad-policy", "", "%s", error);
        for (size_t i = 0; i < p->n; i++) {
                note_path(&p->rules[i], "exe", p->rules[i].rule.exe);
                for (size_t k = 0; k < p->rules[i].rule.n_tracer_exe; k++)
                        note_path(&p->rules[i], "tracer-exe", p->rules[i].rule.tracer_exe[k]);
        }
        o = policy_json(p, path);
        return print_policy(c, o);
}

int verb_policy(struct cli *c)
{
        static const struct verb_action actions[] = {
                {"show", 0, 0, policy_show},
                {"check", 1, 0, policy_check},
                {"reload", 0, 0, policy_reload},
        };

        return run_action(c, actions, ELEMENTSOF(actions));
}

/* ---- guard ------------------------------------------------------------------------------------------- */

static void print_guard_state(const struct cli *c, struct json_object *o)
{
        const char *state = member_string(o, "state"), *reason = member_string(o, "reason");
        char line[SHOWN_TEXT_MAX];

        if (!strcmp(state, "on"))
                print_wrapped(c, "",
                              "The guard is on: every process has one tracer process at a time, unless "
                              "a rule or claim says otherwise.");
        else if (!strcmp(state, "audit"))
                print_wrapped(c, "", "The guard is on for audit: second tracers are recorded, not refused.");
        else
                print_wrapped(
                        c, "",
                        member_bool(o, "working")
                                ? "The guard is off: only claims and rules of the policy keep tracers out."
                                : "The guard is off: only claims keep tracers out.");
        if (member_bool(o, "working"))
                snprintf(line, sizeof(line), "refuses attaches for ptraced, by %s",
                         member_string(o, "mechanism"));
        else
                snprintf(line, sizeof(line), "refuses nothing%s%s. Claims are kept by %s.",
                         *reason ? ": " : "", reason, member_string(o, "means"));
        print_wrapped(c, "  Kernel:   ", line);
        snprintf(line, sizeof(line), "%s%s%s%s",
                 !member_bool(o, "working")   ? "none"
                 : member_bool(o, "attached") ? "in the kernel"
                                              : "not in the kernel: neither a claim nor a rule needs them",
                 member_bool(o, "pinned") ? ", pinned in " : "",
                 member_bool(o, "pinned") ? member_string(o, "pin_dir") : "",
                 member_bool(o, "taken_over") ? ", taken over from an earlier ptraced" : "");
        print_wrapped(c, "  Programs: ", line);
        snprintf(line, sizeof(line), "claims %lu, rules %lu, attaches under way %lu",
                 member_u64(o, "claims"), member_u64(o, "rules"), member_u64(o, "slots"));
        print_wrapped(c, "  Now:      ", line);
        if (member_u64(o, "skipped")) {
                snprintf(line, sizeof(line),
                         "%lu attaches were not shown to the guard: this kernel leaves a program out while "
                         "the same program is interrupted on that processor",
                         member_u64(o, "skipped"));
                print_wrapped(c, "  Skipped:  ", line);
        }
}

static int set_guard(struct cli *c, const char *state)
{
        _cleanup_json_ struct json_object *o = NULL, *body = json_object_new_object();
        int r;

        json_object_object_add(body, "state", json_object_new_string(state));
        r = claim_ask(c, "POST", "/v1/guard", body, &o);
        if (r != EXIT_DONE)
                return r;
        if (c->json)
                json_print(c, o);
        else
                print_guard_state(c, o);
        return EXIT_DONE;
}

static int guard_on(struct cli *c)
{
        return set_guard(
                c, guard_state_to_string(c->args.given & OPTION(OPT_AUDIT) ? GUARD_ON_AUDIT : GUARD_ON));
}

static int guard_off(struct cli *c)
{
        return set_guard(c, c->args.given & OPTION(OPT_ALL) ? "clear" : guard_state_to_string(GUARD_OFF));
}

static int guard_status(struct cli *c)
{
        _cleanup_json_ struct json_object *o = NULL;
        int r = ask_object(c, "/v1/guard", &o);

        if (r != EXIT_DONE)
                return r;
        if (c->json)
                json_print(c, o);
        else
                print_guard_state(c, o);
        return EXIT_DONE;
}

int verb_guard(struct cli *c)
{
        static const struct verb_action actions[] = {
                {"on", 0, OPTION(OPT_AUDIT), guard_on},
                {"off", 0, OPTION(OPT_ALL), guard_off},
                {"status", 0, 0, guard_status},
        };

        return run_action(c, actions, ELEMENTSOF(actions));
}
