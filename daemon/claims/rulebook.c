/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/rulebook.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "daemon/base/log.h"

#define NOTE_MAX 512

struct rulebook {
        struct guard *guard;
        struct pump *pump;
        char *dir;
        struct policy *policy; /* NULL: none was read yet */
        uint64_t policy_wall_ns;
        bool in_force;
        char error[POLICY_ERROR_MAX]; /* of the last attempt, "" if it succeeded */
};

/* e: type, count, state */
static void tell_policy(struct rulebook *b, struct event e, const char *note, const struct claimant *by)
{
        char words[NOTE_MAX];

        if (by) {
                e.actor = by->process;
                e.caller_uid = by->uid;
        }
        snprintf(e.note, sizeof(e.note), "%.*s", (int)sizeof(e.note) - 1, note);
        text_escape(note, words, sizeof(words));
        if (by)
                log_notice("%s: %s (process %u, user %u).", event_type_to_string(e.type), words,
                           by->process.pid, by->uid);
        else
                log_notice("%s: %s.", event_type_to_string(e.type), words);
        pump_feed(b->pump, &e);
}

int rulebook_set_state(struct rulebook *b, enum guard_state state, const struct claimant *by)
{
        char note[NOTE_MAX];
        int r;

        if (!b->guard)
                return state == GUARD_OFF ? 0 : -EOPNOTSUPP;
        r = guard_set_state(b->guard, state);
        if (r < 0)
                return r;
        snprintf(note, sizeof(note), "the rule single is %s", guard_state_to_string(state));
        tell_policy(b, (struct event){.type = EV_POLICY_GUARD, .guard_state = (int32_t)state}, note, by);
        return 0;
}

/* Rules that would refuse something. */
static size_t n_refusing(const struct policy *p)
{
        size_t n = 0;

        for (size_t i = 0; i < p->n; i++)
                n += p->rules[i].rule.say != SAY_OFF || p->rules[i].rule.flags & RULE_F_MEMORY_DENY;
        return n;
}

static int enforce_policy(struct rulebook *b, const struct policy *p)
{
        struct guard_rule *rules;
        int r;

        if (!b->guard) {
                if (n_refusing(p))
                        log_warning("The %zu rules of %s are read, but not enforced: this kernel lets "
                                    "ptraced refuse no attach. Claims work, by hold.",
                                    p->n, b->dir);
                return 0;
        }
        rules = calloc(MAX_OF(p->n, (size_t)1), sizeof(*rules));
        if (!rules)
                return -ENOMEM;
        for (size_t i = 0; i < p->n; i++)
                rules[i] = p->rules[i].rule;
        r = guard_set_rules(b->guard, rules, p->n);
        free(rules);
        return r;
}

static int load_policy_rules(struct rulebook *b, struct policy *p, char *error, size_t size)
{
        int r = policy_load(p, b->dir, error, size);

        if (r < 0)
                return r;
        r = enforce_policy(b, p);
        if (r < 0)
                snprintf(error, size, "The rules of %s cannot be put in force: %s.", b->dir, strerror(-r));
        return r;
}

int rulebook_reload(struct rulebook *b, const struct claimant *by, char *error, size_t size)
{
        struct policy *p = calloc(1, sizeof(*p));
        char note[NOTE_MAX];
        int r = p ? load_policy_rules(b, p, error, size) : -ENOMEM;

        if (!p)
                snprintf(error, size, "There is no memory for the policy.");
        if (r < 0) {
                snprintf(b->error, sizeof(b->error), "%s", error);
                tell_policy(b, (struct event){.type = EV_POLICY_REJECTED}, error, by);
                free(p);
                return r;
        }
        free(b->policy);
        b->policy = p;
        b->policy_wall_ns = clock_wall_ns();
        b->error[0] = '\0';
        b->in_force = b->guard != NULL;
        snprintf(note, sizeof(note), "%zu rules of %s", p->n, b->dir);
        tell_policy(b, (struct event){.type = EV_POLICY_LOADED, .count = p->n}, note, by);
        return 0;
}

/* At start. Silent where there is no policy and never was. */
static void load_first(struct rulebook *b)
{
        struct policy *p = calloc(1, sizeof(*p));
        struct guard_status status = {};
        char error[POLICY_ERROR_MAX] = "";
        int r;

        if (!p)
                return;
        if (b->guard)
                guard_get_status(b->guard, &status);
        r = policy_load(p, b->dir, error, sizeof(error));
        if (r == 0 && p->n == 0 && status.n_rules == 0) {
                b->policy = p;
                b->policy_wall_ns = clock_wall_ns();
                b->in_force = b->guard != NULL;
                return;
        }
        free(p);
        r = rulebook_reload(b, NULL, error, sizeof(error));
        if (r < 0)
                log_error("%s %s", error,
                          status.n_rules
                                  ? "The rules that an earlier daemon put in force stay; what they are "
                                    "called is not known."
                                  : "No rule is in force.");
}

const struct policy *rulebook_policy(const struct rulebook *b, uint64_t *ret_wall_ns, const char **ret_error)
{
        *ret_wall_ns = b->policy_wall_ns;
        *ret_error = b->error;
        return b->policy;
}

const char *rulebook_dir(const struct rulebook *b)
{
        return b->dir;
}

enum guard_state rulebook_state(const struct rulebook *b)
{
        struct guard_status s;

        if (!b->guard)
                return GUARD_OFF;
        guard_get_status(b->guard, &s);
        return s.state;
}

bool rulebook_enforces(const struct rulebook *b)
{
        return b->in_force;
}

const char *rulebook_name(const struct rulebook *b, size_t index)
{
        return b->policy && index && index <= b->policy->n ? b->policy->rules[index - 1].name : "";
}

void rulebook_ended(struct rulebook *b, const struct claimant *by, const char *note)
{
        b->in_force = false;
        tell_policy(b, (struct event){.type = EV_POLICY_GUARD, .guard_state = GUARD_OFF}, note, by);
}

int rulebook_new(struct rulebook **ret, struct guard *guard, struct pump *pump, const char *dir)
{
        struct rulebook *b = calloc(1, sizeof(*b));

        if (!b)
                return -ENOMEM;
        b->guard = guard;
        b->pump = pump;
        b->dir = strdup(dir ?: POLICY_DEFAULT_DIR);
        if (!b->dir) {
                free(b);
                return -ENOMEM;
        }
        load_first(b);
        *ret = b;
        return 0;
}

struct rulebook *rulebook_free(struct rulebook *b)
{
        if (!b)
                return NULL;
        free(b->policy);
        free(b->dir);
        free(b);
        return NULL;
}
