/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl claim, renew, release */
#include "cli/claims/claims_verbs.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cli/claims/claim_request.h"
#include "cli/claims/queue.h"

/* The id given as argument, or that of the claim on --pid. */
static int find_id(const struct cli *c, uint64_t *ret)
{
        const char *text = c->args.n_args ? c->args.args[0] : NULL;
        _cleanup_json_ struct json_object *claims = NULL;
        struct json_object *claim;
        char path[64], *end = NULL;
        uint32_t pid;
        int r;

        if (!text == !c->args.value[OPT_PID])
                return cli_fail(c, EXIT_USAGE, "usage", "'ptracectl claims' shows both.",
                                "Say which claim: by its id, or by its process with --pid PID.");
        if (text) {
                errno = 0;
                *ret = isdigit((unsigned char)*text) ? strtoull(text, &end, 10) : 0;
                if (*ret > 0 && errno == 0 && !*end)
                        return EXIT_DONE;
                return cli_fail(c, EXIT_USAGE, "bad-id", "'ptracectl claims' shows the ids.",
                                "'%.64s' is not the id of a claim: it is a number from 1 up.", text);
        }
        r = ask_pid(c, c->args.value[OPT_PID], &pid);
        if (r != EXIT_DONE)
                return r;
        snprintf(path, sizeof(path), "/v1/claims?pid=%u", pid);
        r = ask_object(c, path, &claims);
        if (r != EXIT_DONE)
                return r;
        claim = claims_find(claims, 0);
        if (!claim)
                return cli_fail(c, EXIT_FAILED, "no-such-claim", "", "There is no claim on process %u.",
                                pid);
        *ret = member_u64(claim, "id");
        return EXIT_DONE;
}

/* How it is kept here, and what is weaker than it could be. */
static void print_means(const struct cli *c, struct json_object *claim)
{
        bool audit = !strcmp(member_string(claim, "mode"), "audit");

        if (audit)
                print_wrapped(c, "  Mode:     ",
                              "audit: nobody is refused; attaches that enforce would refuse are recorded "
                              "(ptracectl events --type claim.audit)");
        if (!strcmp(member_string(claim, "means"), "hold"))
                print_wrapped(
                        c, "  Kept by:  ",
                        "hold: ptraced itself occupies the slot, for this kernel has no guard (ptracectl "
                        "doctor says why). Weaker than a guard: the process is traced all the time, others "
                        "get EPERM without a reason, and while an owner is let in there is a moment in "
                        "which anybody could attach");
        else if (!audit)
                print_wrapped(c, "  Kept by:  ", "the kernel: others get EBUSY, root too");
}

static void print_claim_made(const struct cli *c, struct json_object *answer, bool renewed)
{
        struct json_object *claim = member_object(answer, "claim");
        const char *token = member_string(answer, "token"), *risk = member_string(answer, "risk");
        char target[CLAIM_WORDS_MAX], until[CLAIM_WORDS_MAX], tracer[CLAIM_WORDS_MAX], line[1024];
        const char *kind = member_string(member_object(claim, "owner"), "kind");

        claim_target(claim, target);
        if (!strcmp(kind, "token"))
                snprintf(line, sizeof(line), "Nobody may trace %s %s, except who shows the token.", target,
                         claim_until(claim, until));
        else
                snprintf(line, sizeof(line), "Only %s may trace %s now, one tracer at a time, %s.",
                         claim_owner(claim), target, claim_until(claim, until));
        print_wrapped(c, renewed ? "Renewed. " : "", line);
        snprintf(line, sizeof(line), "%lu", member_u64(claim, "id"));
        print_wrapped(c, "  Claim:    ", line);
        if (*member_string(claim, "lease_ends"))
                print_wrapped(c, "  Until:    ", local_time(member_time(claim, "lease_ends"), false, until));
        if (*token)
                print_wrapped(c, "  Token:    ", token);
        print_means(c, claim);
        if (claim_is_blocked(claim)) {
                snprintf(line, sizeof(line), "%s still traces it, and stays until it leaves.",
                         claim_tracer(claim, tracer));
                print_wrapped(c, "  Not yet:  ", line);
        }
        if (*risk)
                print_wrapped(c, "  Risk:     ", risk);
        if (!strcmp(kind, "token")) {
                snprintf(line, sizeof(line), "ptracectl debug --token %s %lu -- CMD...",
                         *token ? token : "TOKEN", member_u64(claim, "pid"));
                print_wrapped(c, "  Use it:   ", line);
        } else if (!strcmp(member_string(claim, "means"), "hold")) {
                /* Who attaches without asking is refused, the owner too. */
                snprintf(line, sizeof(line), "ptracectl debug %lu -- CMD...", member_u64(claim, "pid"));
                print_wrapped(c, "  Use it:   ", line);
        }
        snprintf(line, sizeof(line), "ptracectl release %lu", member_u64(claim, "id"));
        print_wrapped(c, "  End it:   ", line);
}

/* ---- verbs ------------------------------------------------------------------------------------------- */

int verb_claim(struct cli *c)
{
        _cleanup_json_ struct json_object *body = NULL, *answer = NULL;
        uint32_t pid;
        int r;

        r = ask_pid(c, c->args.args[0], &pid);
        if (r == EXIT_DONE)
                r = claim_request(c, pid, &body);
        if (r != EXIT_DONE)
                return r;
        if (c->args.given & OPTION(OPT_TAKE))
                claim_say_risk(c, pid);
        r = queue_claim(c, pid, body, -1, &answer);
        if (r != EXIT_DONE)
                return r;
        if (c->json)
                json_print(c, answer);
        else
                print_claim_made(c, answer, false);
        return EXIT_DONE;
}

/* Who shows the token of a claim that nobody owns any more becomes its owner: the user, not this process,
 * which is about to end. */
static int add_heir(const struct cli *c, uint64_t id, struct json_object *body)
{
        _cleanup_json_ struct json_object *claims = NULL;
        struct json_object *claim, *alive = NULL, *owner;
        int r;

        if (!(c->args.given & OPTION(OPT_TOKEN)) || c->args.given & OPTIONS_OF_OWNER)
                return EXIT_DONE;
        r = ask_object(c, "/v1/claims", &claims);
        if (r != EXIT_DONE)
                return r;
        claim = claims_find(claims, id);
        if (claim)
                json_object_object_get_ex(claim, "owner_alive", &alive);
        if (!claim || (strcmp(member_string(member_object(claim, "owner"), "kind"), "token") != 0 &&
                       (!alive || json_object_get_boolean(alive))))
                return EXIT_DONE;
        owner = json_object_new_object();
        json_object_object_add(owner, "uid", json_object_new_int64(getuid()));
        json_object_object_add(body, "owner", owner);
        return EXIT_DONE;
}

int verb_renew(struct cli *c)
{
        _cleanup_json_ struct json_object *body = NULL, *answer = NULL;
        char path[64];
        uint64_t id;
        int r;

        r = claim_request(c, 0, &body);
        if (r == EXIT_DONE)
                r = find_id(c, &id);
        if (r == EXIT_DONE)
                r = add_heir(c, id, body);
        if (r != EXIT_DONE)
                return r;
        snprintf(path, sizeof(path), "/v1/claims/%lu/renew", id);
        r = claim_ask(c, "POST", path, body, &answer);
        if (r != EXIT_DONE)
                return r;
        if (c->json)
                json_print(c, answer);
        else
                print_claim_made(c, answer, true);
        return EXIT_DONE;
}

int verb_release(struct cli *c)
{
        char path[CLIENT_URL_MAX], target[CLAIM_WORDS_MAX];
        const char *token = c->args.value[OPT_TOKEN];
        _cleanup_json_ struct json_object *answer = NULL;
        uint64_t id;
        int r;

        r = find_id(c, &id);
        if (r != EXIT_DONE)
                return r;
        snprintf(path, sizeof(path), "/v1/claims/%lu", id);
        if (token && client_query(path, sizeof(path), "token", token) < 0)
                return cli_fail(c, EXIT_USAGE, "bad-token", "", "The token is too long.");
        r = claim_ask(c, "DELETE", path, NULL, &answer);
        if (r != EXIT_DONE)
                return r;
        if (c->json)
                json_print(c, answer);
        else {
                char line[CLAIM_WORDS_MAX + 64];

                snprintf(line, sizeof(line), "Claim %lu on %s is released.", id,
                         claim_target(member_object(answer, "claim"), target));
                print_wrapped(c, "", line);
        }
        return EXIT_DONE;
}
