/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "lib/claim/policy.h"
#include "daemon/api/answer.h"
#include "daemon/api/handlers.h"

#define NO_GUARD_HINT "`ptracectl doctor` says what is missing. Claims work all the same, by hold."

static struct guard_status status_of(const struct api *api)
{
        struct guard_status s = {.pin_dir = "", .reason = ""};

        if (api->guard)
                guard_get_status(api->guard, &s);
        return s;
}

static void no_guard(struct api_call *call, const char *what)
{
        struct guard_status s = status_of(call->api);

        api_fail(call, MHD_HTTP_NOT_IMPLEMENTED, "no-guard", NO_GUARD_HINT,
                 "%s is not possible: this kernel lets ptraced refuse no attach%s%s.", what,
                 *s.reason ? ", because " : "", s.reason);
}

/* ---- guard ------------------------------------------------------------------------------------------- */

void api_guard(struct api_call *call)
{
        const struct api *api = call->api;
        struct guard_status s = status_of(api);
        struct json_object *o = json_new("ptraced.guard/1");

        json_add_text(o, "state", guard_state_to_string(rulebook_state(arbiter_rules(api->arbiter))));
        json_add_text(o, "means", arbiter_means_to_string(arbiter_means(api->arbiter)));
        json_add_text(o, "mechanism", guard_mechanism_to_string(s.mechanism));
        json_object_object_add(o, "working", json_object_new_boolean(s.working));
        json_object_object_add(o, "attached", json_object_new_boolean(s.attached));
        json_object_object_add(o, "pinned", json_object_new_boolean(s.pinned));
        json_add_text(o, "pin_dir", s.pin_dir);
        json_object_object_add(o, "taken_over", json_object_new_boolean(s.taken_over));
        json_add_text(o, "reason", s.reason);
        json_add_int(o, "claims", (int64_t)claim_count(arbiter_book(api->arbiter)));
        json_add_int(o, "waiting", (int64_t)claim_waiters(arbiter_book(api->arbiter)));
        json_add_int(o, "rules", s.n_rules);
        json_add_int(o, "slots", (int64_t)s.n_slots);
        json_add_int(o, "skipped", (int64_t)s.n_skipped);
        api_answer(call, o);
}

void api_guard_set(struct api_call *call)
{
        struct claimant by = api_claimant(call, NULL);
        struct arbiter *a = call->api->arbiter;
        int r;

        r = call->body->clear ? arbiter_clear(a, &by)
                              : rulebook_set_state(arbiter_rules(a), call->body->state, &by);
        if (r == -EOPNOTSUPP)
                no_guard(call, "The rule single");
        else if (r < 0)
                api_fail(call, MHD_HTTP_INTERNAL_SERVER_ERROR, "failed",
                         "In an emergency, rm -r the pin directory switches the guard off.",
                         "The guard cannot be switched: %s.", strerror(-r));
        else
                api_guard(call);
}

/* ---- policy ------------------------------------------------------------------------------------------ */

void api_policy(struct api_call *call)
{
        uint64_t loaded;
        const char *error;
        const struct rulebook *rules = arbiter_rules(call->api->arbiter);
        const struct policy *p = rulebook_policy(rules, &loaded, &error);
        struct json_object *o = json_new("ptraced.policy/1"), *list = json_object_new_array();

        for (size_t i = 0; p && i < p->n; i++)
                json_object_array_add(list, policy_rule_to_json(&p->rules[i]));
        json_add_text(o, "dir", rulebook_dir(rules));
        json_add_time(o, "loaded", loaded);
        if (*error)
                json_add_text(o, "error", error);
        else
                json_object_object_add(o, "error", NULL);
        json_object_object_add(o, "enforced", json_object_new_boolean(rulebook_enforces(rules)));
        json_object_object_add(o, "rules", list);
        api_answer(call, o);
}

void api_policy_reload(struct api_call *call)
{
        struct claimant by = api_claimant(call, NULL);
        char error[API_ERROR_MAX] = "";
        int r;

        r = rulebook_reload(arbiter_rules(call->api->arbiter), &by, error, sizeof(error));
        if (r < 0)
                api_fail(call, MHD_HTTP_UNPROCESSABLE_CONTENT, "bad-policy", "The former policy stays.",
                         "%s", error);
        else
                api_policy(call);
}
