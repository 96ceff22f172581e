/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptracectl status */
#include "cli/ask/ask_verbs.h"

#include <errno.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "cli/base/json.h"
#include "cli/base/session.h"

#define WAIT_MAX_S    3600
#define WAIT_RETRY_MS 50
#define WAIT_LEAST_MS 1000U /* an answer gets this much time even at the end */

static const char *bytes_text(uint64_t n, char *buf, size_t size)
{
        static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
        double value = (double)n;
        size_t u = 0;

        for (; value >= 1024 && u + 1 < ELEMENTSOF(units); u++)
                value /= 1024;
        snprintf(buf, size, u ? "%.1f %s" : "%.0f %s", value, units[u]);
        return buf;
}

static void print_store(const struct cli *c, struct json_object *o)
{
        struct json_object *store = member_object(o, "store");
        uint64_t oldest = member_time(store, "oldest"), expired = member_u64(store, "expired");
        char used[32], max[32], since[TIME_STRING_MAX], line[512];
        const char *error = member_string(store, "last_error");

        snprintf(line, sizeof(line), "%s, %s of at most %s%s%s", member_string(o, "state_dir"),
                 bytes_text(member_u64(store, "bytes"), used, sizeof(used)),
                 bytes_text(member_u64(store, "max_bytes"), max, sizeof(max)),
                 oldest ? ", events since " : "", oldest ? local_time(oldest, false, since) : "");
        print_wrapped(c, "  Stored:   ", line);
        if (expired) {
                snprintf(line, sizeof(line), "%lu old events were removed to stay within the limits",
                         expired);
                print_wrapped(c, "  Expired:  ", line);
        }
        if (*error) {
                snprintf(line, sizeof(line), "writing fails: %s. Events are lost until there is room again.",
                         error);
                print_wrapped(c, "  Error:    ", line);
        }
}

static void print_counts(const struct cli *c, struct json_object *o)
{
        struct json_object *n = member_object(o, "counts");
        char line[512];

        snprintf(line, sizeof(line),
                 "traced threads %lu, tracers %lu, processes known %lu, live followers %lu",
                 member_u64(n, "traced_threads"), member_u64(n, "tracers"), member_u64(n, "processes"),
                 member_u64(n, "followers"));
        print_wrapped(c, "  Now:      ", line);
        snprintf(
                line, sizeof(line),
                "events %lu since the daemon started, %lu kept in the store; since the store began: sessions "
                "ended %lu, findings %lu",
                member_u64(n, "events"), member_u64(n, "stored"), member_u64(n, "sessions_ended"),
                member_u64(n, "findings"));
        print_wrapped(c, "  Seen:     ", line);
}

static void print_losses(const struct cli *c, struct json_object *o)
{
        char causes[256], line[512];
        uint64_t total = losses_text(member_object(o, "losses"), causes, sizeof(causes));

        if (total == 0) {
                puts("  Lost:     nothing");
                return;
        }
        snprintf(line, sizeof(line), "%lu (%s): findings may be missing", total, causes);
        print_wrapped(c, "  Lost:     ", line);
}

/* How late an answer may have been because of others. */
static void print_longest_turn(struct json_object *o)
{
        struct json_object *loop = member_object(o, "loop");

        if (loop)
                printf("  Loop:     longest turn %.0f ms\n", member_double(loop, "longest_s") * 1000);
}

static void print_guard_line(const struct cli *c, struct json_object *o)
{
        struct json_object *guard = member_object(o, "guard");
        const char *reason = member_string(guard, "reason");
        char line[512];

        if (!guard)
                return;
        if (!member_bool(guard, "working"))
                snprintf(line, sizeof(line), "none: %s", reason);
        else if (!member_bool(guard, "attached"))
                snprintf(line, sizeof(line), "off, nothing is refused (%s)",
                         member_string(guard, "mechanism"));
        else
                snprintf(line, sizeof(line), "in force (%s), %s: claims %lu, rules %lu, single %s",
                         member_string(guard, "mechanism"),
                         member_bool(guard, "pinned") ? "pinned" : "not pinned", member_u64(guard, "claims"),
                         member_u64(guard, "rules"), member_string(guard, "state"));
        print_wrapped(c, "  Guard:    ", line);
}

static void print_status(const struct cli *c, struct json_object *o)
{
        char up[32], line[512];
        const char *reason = member_string(o, "tier_reason");
        uint64_t uptime = member_u64(o, "uptime_s");

        snprintf(line, sizeof(line), "ptraced %s is %s: pid %lu, up for %s", member_string(o, "version"),
                 member_bool(o, "ready") ? "ready" : "starting", member_u64(o, "pid"),
                 uptime ? text_duration(uptime * NSEC_PER_SEC, up, sizeof(up)) : "less than a second");
        print_wrapped(c, "", line);
        snprintf(line, sizeof(line), "%s%s%s", member_string(o, "tier"), *reason ? ": " : "", reason);
        print_wrapped(c, "  Tier:     ", line);
        print_wrapped(c, "  Socket:   ", member_string(o, "socket"));
        print_guard_line(c, o);
        print_store(c, o);
        print_counts(c, o);
        print_losses(c, o);
        print_longest_turn(o);
}

/* Asks until the daemon is ready or the time is over. What only starting up cures is asked again. */
static int get_status(struct client *client, unsigned wait_s, struct json_object **ret,
                      struct client_error *e)
{
        const struct timespec pause = {.tv_nsec = WAIT_RETRY_MS * (long)NSEC_PER_MSEC};
        uint64_t deadline = clock_mono_ms() + wait_s * 1000ULL;
        int r;

        for (;;) {
                struct json_object *o = NULL;
                uint64_t now = clock_mono_ms();
                bool over = now >= deadline;

                if (wait_s)
                        client_set_timeout(client, over ? WAIT_LEAST_MS
                                                        : MAX_OF((unsigned)(deadline - now), WAIT_LEAST_MS));
                r = client_get(client, "/v1/status", &o, e);
                if (r == 0 && (over || member_bool(o, "ready"))) {
                        *ret = o;
                        return 0;
                }
                json_object_put(o);
                if (over ||
                    (r < 0 && r != -ENOTCONN && r != -ETIMEDOUT && r != -EPIPE && e->http_status != 503))
                        return r;
                nanosleep(&pause, NULL);
        }
}

int verb_status(struct cli *c)
{
        _cleanup_client_ struct client *client = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        const char *wait = c->args.value[OPT_WAIT];
        struct client_error e;
        unsigned wait_s = 0;
        char error[256];
        int r;

        if (wait && seconds_from_string(wait, WAIT_MAX_S, &wait_s, error, sizeof(error)) < 0)
                return cli_fail(c, EXIT_USAGE, "bad-seconds", "", "--wait: %s", error);
        r = client_new(&client, c->socket, &e);
        if (r == 0)
                r = get_status(client, wait_s, &o, &e);
        if (r < 0)
                return cli_fail_client(c, r, &e);
        if (c->json)
                json_print(c, o);
        else
                print_status(c, o);
        if (wait && !member_bool(o, "ready")) {
                cli_note("ptraced is not ready after %u s.", wait_s);
                return EXIT_FAILED;
        }
        return EXIT_DONE;
}
