/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl claim, renew, release */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/random.h>

#include "lib/claim/claim.h"
#include "lib/claim/policy.h"
#include "lib/proc/procfs.h"
#include "lib/base/text.h"
#include "cli/claims/queue.h"

#define TOKEN_NEW_BYTES 16 /* random ones, printed as hex */

/* ---- what was asked for ------------------------------------------------------------------------------ */

int claim_lease(const struct cli *c, unsigned *ret)
{
        const char *text = c->args.value[OPT_LEASE];
        char error[256];

        *ret = 0;
        if (text && seconds_from_string(text, CLAIM_LEASE_MAX_S, ret, error, sizeof(error)) < 0)
                return cli_fail(c, EXIT_USAGE, "bad-seconds", "", "--lease: %s", error);
        if (text && *ret == 0)
                return cli_fail(c, EXIT_USAGE, "bad-seconds", "Leave --lease out for a claim without end.",
                                "--lease 0 would be over at once.");
        return EXIT_DONE;
}

/* The daemon has another working directory, and executables are compared by what they are: the file that a
 * shell would run. */
static int find_executable(const struct cli *c, const char *name, char buf[PATH_MAX])
{
        const char *search = strchr(name, '/') ? "" : getenv("PATH") ?: "", *end;
        char path[PATH_MAX];

        if (!*search && realpath(name, buf))
                return EXIT_DONE;
        for (; *search; search = end + !!*end) {
                end = strchrnul(search, ':');
                snprintf(path, sizeof(path), "%.*s/%s", (int)(end - search), search, name);
                if (access(path, X_OK) == 0 && realpath(path, buf))
                        return EXIT_DONE;
        }
        return cli_fail(c, EXIT_USAGE, "no-such-file", "Give the path of the debugger's executable.",
                        "--owner-exe %.200s: there is no such file.", name);
}

/* JSON has no other text; with what stands for wrong bytes in it, it would be another path. */
static int add_owner_path(const struct cli *c, struct json_object *owner, const char *key, const char *path)
{
        if (text_utf8_prefix(path, strlen(path)) < strlen(path))
                return cli_fail(
                        c, EXIT_USAGE, "bad-path", "Give it another name, or use another kind of owner.",
                        "--owner-%s %.200s: a path that is not UTF-8 cannot be asked for.", key, path);
        json_object_object_add(owner, key, json_object_new_string(path));
        return EXIT_DONE;
}

static int find_uid(const struct cli *c, const char *name, uint32_t *ret)
{
        struct passwd *user = getpwnam(name);
        unsigned long n = 0;
        const char *s;

        for (s = name; isdigit((unsigned char)*s) && n < UINT32_MAX; s++)
                n = n * 10 + (unsigned long)(*s - '0');
        if (!user && (!*name || *s || n >= UINT32_MAX))
                return cli_fail(c, EXIT_USAGE, "no-such-user", "Give the name or number of a user.",
                                "--owner-uid '%.64s': there is no such user.", name);
        *ret = user ? user->pw_uid : (uint32_t)n;
        return EXIT_DONE;
}

/* {"pid":4711} and the like, as one of the options says. */
static int owner_of_options(const struct cli *c, struct json_object *owner)
{
        const char *const *value = c->args.value;
        char path[PATH_MAX];
        uint32_t n = 0;
        int r = EXIT_DONE;

        if (value[OPT_OWNER_PID]) {
                r = ask_pid(c, value[OPT_OWNER_PID], &n);
                json_object_object_add(owner, "pid", json_object_new_int64(n));
        } else if (value[OPT_OWNER_EXE]) {
                r = find_executable(c, value[OPT_OWNER_EXE], path);
                if (r == EXIT_DONE)
                        r = add_owner_path(c, owner, "exe", path);
        } else if (value[OPT_OWNER_UID]) {
                r = find_uid(c, value[OPT_OWNER_UID], &n);
                json_object_object_add(owner, "uid", json_object_new_int64(n));
        } else
                r = add_owner_path(c, owner, "cgroup", value[OPT_OWNER_CGROUP]);
        return r;
}

/*
 * Without an option a claim is for the user who asks: this process is about to end, so it cannot be for it.
 * With a token alone it is for whoever shows that later. A renewed claim keeps its owner, but who shows a
 * token takes it over.
 */
static int add_owner(const struct cli *c, struct json_object *body)
{
        uint32_t given = c->args.given & OPTIONS_OF_OWNER;
        struct json_object *owner;

        if (given & (given - 1))
                return cli_fail(c, EXIT_USAGE, "usage", "",
                                "A claim has one owner: leave out all but one of "
                                "the --owner options.");
        if (!given && strcmp(c->verb->name, "claim") != 0)
                return EXIT_DONE;
        owner = json_object_new_object();
        json_object_object_add(body, "owner", owner);
        if (given)
                return owner_of_options(c, owner);
        if (c->args.given & OPTION(OPT_TOKEN))
                json_object_object_add(owner, "token", json_object_new_boolean(true));
        else
                json_object_object_add(owner, "uid", json_object_new_int64(getuid()));
        return EXIT_DONE;
}

static int add_token(const struct cli *c, struct json_object *body)
{
        const char *token = c->args.value[OPT_TOKEN];
        unsigned char random[TOKEN_NEW_BYTES];
        char hex[2 * TOKEN_NEW_BYTES + 1];
        size_t n = token ? strlen(token) : 0;

        if (!token)
                return EXIT_DONE;
        if (!strcmp(token, CLAIM_TOKEN_NEW)) {
                if (getrandom(random, sizeof(random), 0) != sizeof(random))
                        return cli_fail(c, EXIT_FAILED, "random", "", "No token can be made: %s.",
                                        strerrordesc_np(errno));
                for (size_t i = 0; i < sizeof(random); i++)
                        sprintf(hex + 2 * i, "%02x", random[i]);
                token = hex;
        } else {
                for (const char *s = token; *s; s++)
                        n = isgraph((unsigned char)*s) ? n : 0;
                if (n < CLAIM_TOKEN_MIN || n >= GUARD_TOKEN_MAX)
                        return cli_fail(c, EXIT_USAGE, "bad-token", "'--token new' makes one.",
                                        "A token has %d to %d printable bytes and no spaces.",
                                        CLAIM_TOKEN_MIN, GUARD_TOKEN_MAX - 1);
        }
        json_object_object_add(body, "token", json_object_new_string(token));
        return EXIT_DONE;
}

static int add_lease_and_mode(const struct cli *c, struct json_object *body)
{
        const char *mode = c->args.value[OPT_MODE];
        unsigned lease;

        if (claim_lease(c, &lease) != EXIT_DONE)
                return EXIT_USAGE;
        if (mode && guard_mode_from_string(mode) < 0)
                return cli_fail(c, EXIT_USAGE, "bad-mode",
                                "enforce refuses other tracers, audit only records them.",
                                "--mode is enforce or audit, not '%.64s'.", mode);
        if (lease)
                json_object_object_add(body, "lease", json_object_new_int64(lease));
        if (mode)
                json_object_object_add(body, "mode", json_object_new_string(mode));
        return EXIT_DONE;
}

int claim_request(const struct cli *c, uint32_t pid, struct json_object **ret)
{
        _cleanup_json_ struct json_object *body = json_object_new_object();
        int r;

        if (pid)
                json_object_object_add(body, "pid", json_object_new_int64(pid));
        r = add_owner(c, body);
        if (r == EXIT_DONE)
                r = add_token(c, body);
        if (r == EXIT_DONE)
                r = add_lease_and_mode(c, body);
        if (r != EXIT_DONE)
                return r;
        if (c->args.given & OPTION(OPT_TAKE))
                json_object_object_add(body, "take", json_object_new_boolean(true));
        *ret = TAKE_PTR(body);
        return EXIT_DONE;
}

/* ---- asking ------------------------------------------------------------------------------------------ */

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

/* ---- sentences --------------------------------------------------------------------------------------- */

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
                        "which "
                        "anybody could attach");
        else if (!audit)
                print_wrapped(c, "  Kept by:  ", "the kernel: others get EBUSY, root too");
}

static void print_claim(const struct cli *c, struct json_object *answer, bool renewed)
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
                print_claim(c, answer, false);
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
                print_claim(c, answer, true);
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
