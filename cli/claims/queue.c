/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/claims/queue.h"

#include <errno.h>
#include <string.h>

#define TICK_MS  1000 /* how often a waiting client looks at its place in the queue ... */
#define NEAR     10   /* ... if that is among the first; else */
#define FAR_EACH 5    /* in every such tick */

struct waiter {
        struct client *client; /* beside the one whose answer is held back */
        uint32_t pid;
        uint64_t place, ticks;
        char said[CLAIM_WORDS_MAX * 2]; /* last, about who is in the way */
};

/* Our place among those who wait; 0: none. */
static uint64_t place_in(struct json_object *queue)
{
        for (size_t i = 0; i < array_length(queue); i++) {
                struct json_object *o = json_object_array_get_idx(queue, i);

                if (member_u64(member_object(o, "asked_by"), "pid") == (uint64_t)getpid())
                        return member_u64(o, "position");
        }
        return 0;
}

/* Who is in the way where no claim is: "traced by gdb(4802)". */
static const char *rival_text(struct waiter *w, char *buf, size_t size)
{
        _cleanup_json_ struct json_object *why = NULL;
        struct json_object *holder;
        struct client_error e;
        char path[64];

        snprintf(path, sizeof(path), "/v1/processes/%u/why", w->pid);
        holder = client_get(w->client, path, &why, &e) == 0 ? member_object(why, "holder") : NULL;
        if (holder)
                snprintf(buf, size, "traced by %s(%lu)", member_string(holder, "comm"),
                         member_u64(holder, "pid"));
        else
                snprintf(buf, size, "traced");
        return buf;
}

/* Says on stderr who is in the way, once for each change. */
static void say_waiting(struct waiter *w, struct json_object *claims)
{
        char line[sizeof(w->said)], tracer[CLAIM_WORDS_MAX] = "";
        struct json_object *claim = claims_find(claims, 0);

        w->place = place_in(member_array(claims, "waiting"));
        if (w->place == 0)
                return;
        if (claim)
                snprintf(line, sizeof(line), "claimed for %s%s%s", claim_owner(claim),
                         *claim_tracer(claim, tracer) ? ", traced by " : "", tracer);
        else
                rival_text(w, line, sizeof(line));
        snprintf(line + strlen(line), sizeof(line) - strlen(line), "; place %lu in the queue", w->place);
        if (!strcmp(line, w->said))
                return;
        strcpy(w->said, line);
        cli_note("Waiting for process %u: it is %s. Ctrl-C gives up.", w->pid, line);
}

static int on_wait_tick(void *userdata)
{
        _cleanup_json_ struct json_object *claims = NULL;
        struct waiter *w = userdata;
        struct client_error e;

        /* The list is as long as the queue: many who ask for it all the time keep the daemon busy. */
        if (w->place > NEAR && ++w->ticks % FAR_EACH)
                return 0;
        if (claims_get(w->client, w->pid, &claims, &e) == 0)
                say_waiting(w, claims);
        return 0;
}

int queue_claim(const struct cli *c, uint32_t pid, struct json_object *body, int stop_fd,
                struct json_object **ret)
{
        /* Who takes over has the claim at once, and waits for the former tracer afterwards. */
        bool wait = c->args.given & OPTION(OPT_WAIT_TURN) && !(c->args.given & OPTION(OPT_TAKE));
        _cleanup_client_ struct client *client = NULL, *looking = NULL;
        struct waiter w = {.pid = pid};
        struct client_request r = {
                .method = "POST",
                .body = body,
                .patient = wait,
                .on_tick = wait ? on_wait_tick : NULL,
                .tick_ms = TICK_MS,
                .userdata = &w,
                .stop_fd = stop_fd,
        };
        struct client_error e;
        int error;

        if (wait)
                json_object_object_add(body, "wait", json_object_new_boolean(true));
        error = client_new(&client, c->socket, &e);
        if (error == 0)
                error = client_new(&looking, c->socket, &e);
        w.client = looking;
        if (error == 0)
                error = client_request(client, "/v1/claims", &r, ret, &e);
        if (error < 0)
                return cli_fail_client(c, error, &e);
        return error > 0 ? -ECANCELED : EXIT_DONE;
}
