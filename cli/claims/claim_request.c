/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/claims/claim_request.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/random.h>

#include "lib/claim/claim.h"
#include "lib/claim/policy.h"
#include "lib/base/text.h"
#include "cli/base/session.h"

#define TOKEN_NEW_BYTES 16 /* random ones, printed as hex */

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
