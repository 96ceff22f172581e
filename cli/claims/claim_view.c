/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/claims/claim_view.h"

#include <string.h>

#include "lib/base/text.h"

int claim_ask(const struct cli *c, const char *method, const char *path, struct json_object *body,
              struct json_object **ret)
{
        const struct client_request request = {.method = method, .body = body, .stop_fd = -1};
        _cleanup_client_ struct client *client = NULL;
        struct client_error e;
        int r;

        r = client_new(&client, c->socket, &e);
        if (r == 0)
                r = client_request(client, path, &request, ret, &e);
        return r < 0 ? cli_fail_client(c, r, &e) : EXIT_DONE;
}

int claims_get(struct client *client, uint32_t pid, struct json_object **ret, struct client_error *e)
{
        char path[64] = "/v1/claims";

        if (pid)
                snprintf(path, sizeof(path), "/v1/claims?pid=%u", pid);
        return client_get(client, path, ret, e);
}

struct json_object *claims_find(struct json_object *claims, uint64_t id)
{
        struct json_object *list = member_array(claims, "claims");

        for (size_t i = 0; i < array_length(list); i++) {
                struct json_object *claim = json_object_array_get_idx(list, i);

                if (id == 0 || member_u64(claim, "id") == id)
                        return claim;
        }
        return NULL;
}

const char *claim_target(struct json_object *claim, char buf[CLAIM_WORDS_MAX])
{
        snprintf(buf, CLAIM_WORDS_MAX, "process %lu (%s)", member_u64(claim, "pid"),
                 member_string(claim, "comm"));
        return buf;
}

const char *claim_owner(struct json_object *claim)
{
        const char *text = member_string(member_object(claim, "owner"), "text");

        return *text ? text : "somebody";
}

const char *claim_until(struct json_object *claim, char buf[CLAIM_WORDS_MAX])
{
        double left = member_double(claim, "lease_left_s");
        char duration[32];

        if (!*member_string(claim, "lease_ends"))
                return strcpy(buf, "until it is released");
        snprintf(buf, CLAIM_WORDS_MAX, "for %s",
                 text_duration((uint64_t)(left * (double)NSEC_PER_SEC), duration, sizeof(duration)));
        return buf;
}

const char *claim_tracer(struct json_object *claim, char buf[CLAIM_WORDS_MAX])
{
        struct json_object *tracer = member_object(claim, "tracer");

        buf[0] = 0;
        if (tracer)
                snprintf(buf, CLAIM_WORDS_MAX, "%s(%lu)", member_string(tracer, "comm"),
                         member_u64(tracer, "pid"));
        return buf;
}

bool claim_is_blocked(struct json_object *claim)
{
        return member_object(claim, "tracer") && !member_bool(claim, "attached");
}

void claim_say_risk(const struct cli *c, uint32_t pid)
{
        _cleanup_json_ struct json_object *claims = NULL, *why = NULL;
        _cleanup_client_ struct client *client = NULL;
        char path[64], target[CLAIM_WORDS_MAX], tracer[CLAIM_WORDS_MAX];
        struct json_object *claim;
        struct client_error e;
        const char *risk;

        snprintf(path, sizeof(path), "/v1/processes/%u/why", pid);
        if (client_new(&client, c->socket, &e) < 0 || claims_get(client, pid, &claims, &e) < 0)
                return; /* the request that follows says what is wrong */
        claim = claims_find(claims, 0);
        if (!claim)
                return;
        cli_note("Taking over %s from %s (claim %lu, made by uid %lu), who is told.",
                 claim_target(claim, target), claim_owner(claim), member_u64(claim, "id"),
                 member_u64(member_object(claim, "made_by"), "uid"));
        if (!*claim_tracer(claim, tracer))
                return;
        risk = client_get(client, path, &why, &e) == 0 ? member_string(why, "risk") : "";
        cli_note("%s traces it now, and nobody can detach it from outside: it stays until it leaves. %s%s",
                 tracer, *risk ? "Risk: " : "", risk);
}
