/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ptracectl debug: claim a process, run a debugger as the claim's owner, release. The owner is this process,
 * and so are its descendants: it is the one to whom orphans among them go, and it ends after the debugger.
 * All that happens meanwhile comes in one place, follow_claim(): signals, the claim's events, and a tick.
 */
#include "cli/claims/claims_verbs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "lib/base/clock.h"
#include "cli/claims/claim_request.h"
#include "cli/claims/claim_view.h"
#include "cli/base/command.h"
#include "cli/claims/queue.h"

#define AWAY_TICK_MS   1000 /* how often a daemon that is away is looked for */
#define FREE_TICK_MS   100  /* how often it is looked whether a former tracer has left */
#define FREE_PATIENT_S 7    /* then it is said what to do about that tracer; longer than HANG_UP_S */
#define FOLLOW_TICK_MS 250
#define HANG_UP_S      5 /* from SIGHUP to the debugger until we give up on it */
#define RENEW_PARTS    3 /* a lease is renewed when this part of it is over */

struct debug {
        const struct cli *c;
        struct client *client; /* for requests; the stream and a held back answer have one of their own */
        uint32_t pid;
        int signals;   /* signalfd */
        sigset_t mask; /* before they were blocked */
        uint64_t id;   /* of the claim, 0: none */
        unsigned lease_s;
        bool adopted; /* it was there before, and is given back to its token */
        uint64_t renew_ms;
        struct command command;
        int status;                  /* exit status of the command */
        bool ended;                  /* it has */
        bool looked;                 /* at the claim, since the stream began */
        bool gone_told;              /* that the daemon is not there */
        bool lost;                   /* the claim is over, or somebody else's */
        char end[32];                /* why it is over, as its event says */
        char taker[CLAIM_WORDS_MAX]; /* for whom it was taken over, as its event says */
        uint64_t give_up_ms;
        struct json_object *claim; /* as it was made */
};

static int request(struct debug *d, const char *method, const char *path, struct json_object *body,
                   struct json_object **ret, struct client_error *e)
{
        const struct client_request r = {.method = method, .body = body, .stop_fd = -1};

        return client_request(d->client, path, &r, ret, e);
}

/* ---- getting the claim ------------------------------------------------------------------------------- */

static int given_up(struct debug *d)
{
        struct signalfd_siginfo info = {.ssi_signo = SIGINT};

        if (read(d->signals, &info, sizeof(info)) != sizeof(info))
                info.ssi_signo = SIGINT;
        cli_fail(d->c, EXIT_FAILED, "given-up", "", "Given up: process %u was not claimed.", d->pid);
        return COMMAND_SIGNAL + (int)info.ssi_signo;
}

static int make_claim(struct debug *d, struct json_object *body)
{
        _cleanup_json_ struct json_object *answer = NULL;
        int r = queue_claim(d->c, d->pid, body, d->signals, &answer);

        if (r != EXIT_DONE)
                return r == -ECANCELED ? given_up(d) : r;
        d->claim = json_object_get(member_object(answer, "claim"));
        d->id = member_u64(d->claim, "id");
        if (!d->id)
                return cli_fail(d->c, EXIT_FAILED, "bad-answer", "",
                                "ptraced did not say which claim it made.");
        return EXIT_DONE;
}

/* The token of a claim that is there already: we are its owner from now on. -ENOENT: there is none. */
static int adopt_claim(struct debug *d, struct json_object *body)
{
        _cleanup_json_ struct json_object *claims = NULL, *answer = NULL, *renewal = NULL;
        struct json_object *owner, *claim;
        struct client_error e;
        char path[64];
        int r;

        r = claims_get(d->client, d->pid, &claims, &e);
        if (r < 0)
                return cli_fail_client(d->c, r, &e);
        claim = claims_find(claims, 0);
        if (!claim || !member_bool(claim, "token"))
                return -ENOENT;
        renewal = json_object_new_object();
        owner = json_object_new_object();
        json_object_object_add(owner, "pid", json_object_new_int64(getpid()));
        json_object_object_add(renewal, "owner", owner);
        json_object_object_add(renewal, "token", json_object_get(json_object_object_get(body, "token")));
        if (d->lease_s)
                json_object_object_add(renewal, "lease", json_object_new_int64(d->lease_s));
        snprintf(path, sizeof(path), "/v1/claims/%lu/renew", member_u64(claim, "id"));
        r = request(d, "POST", path, renewal, &answer, &e);
        if (r < 0)
                return cli_fail_client(d->c, r, &e);
        d->claim = json_object_get(member_object(answer, "claim"));
        d->id = member_u64(claim, "id");
        d->adopted = true;
        return EXIT_DONE;
}

static void renew_if_due(struct debug *d)
{
        _cleanup_json_ struct json_object *body = NULL, *answer = NULL;
        uint64_t now = clock_mono_ms();
        struct client_error e;
        char path[64];

        if (!d->lease_s || d->lost || now < d->renew_ms)
                return;
        d->renew_ms = now + d->lease_s * 1000ULL / RENEW_PARTS;
        body = json_object_new_object();
        json_object_object_add(body, "lease", json_object_new_int64(d->lease_s));
        snprintf(path, sizeof(path), "/v1/claims/%lu/renew", d->id);
        client_set_timeout(d->client,
                           (unsigned)MIN_OF(d->lease_s * 1000ULL / RENEW_PARTS, (uint64_t)CLIENT_ANSWER_MS));
        if (request(d, "POST", path, body, &answer, &e) < 0)
                cli_note("The lease of claim %lu could not be renewed: %s", d->id, e.message);
        client_set_timeout(d->client, CLIENT_ANSWER_MS);
}

/* Waits until a tracer whom the claim does not admit has left: after a take, its debugger is told to. */
static int wait_until_free(struct debug *d)
{
        uint64_t patient_ms = clock_mono_ms() + FREE_PATIENT_S * 1000ULL;
        struct pollfd p = {.fd = d->signals, .events = POLLIN};
        char tracer[CLAIM_WORDS_MAX], target[CLAIM_WORDS_MAX];
        struct client_error e;
        bool told = false;

        for (;;) {
                _cleanup_json_ struct json_object *claims = NULL;
                struct json_object *claim;
                int r = claims_get(d->client, d->pid, &claims, &e);

                if (r < 0)
                        return cli_fail_client(d->c, r, &e);
                claim = claims_find(claims, d->id);
                if (!claim)
                        return cli_fail(d->c, EXIT_REFUSED, "claim-lost", "",
                                        "The claim on process %u has ended again.", d->pid);
                if (!claim_is_blocked(claim))
                        return EXIT_DONE;
                if (!told && clock_mono_ms() >= patient_ms) {
                        cli_note("%s still traces %s, and nobody can detach it from outside. How that ends, "
                                 "and at what risk: ptracectl why %u. Waiting. Ctrl-C gives up.",
                                 claim_tracer(claim, tracer), claim_target(claim, target), d->pid);
                        told = true;
                }
                renew_if_due(d);
                if (poll(&p, 1, FREE_TICK_MS) > 0)
                        return given_up(d);
        }
}

/* ---- while the debugger runs ------------------------------------------------------------------------- */

/* Our claim is not there any more; now is whose is, NULL: nobody's. The debugger is told to let go if it was
 * taken over, also by somebody who has released it again. */
static void lose_claim(struct debug *d, struct json_object *now)
{
        struct json_object *by = member_object(now, "made_by");
        pid_t pid = (pid_t)d->command.task.pid;
        char maker[CLAIM_WORDS_MAX] = "";

        d->lost = true;
        if (!now && !d->taker[0]) {
                if (strcmp(d->end, "target-gone") != 0)
                        cli_note("Claim %lu on process %u is over%s%s%s: %s goes on without it.", d->id,
                                 d->pid, *d->end ? " (" : "", d->end, *d->end ? ")" : "",
                                 d->command.argv[0]);
                return;
        }
        if (now)
                snprintf(maker, sizeof(maker), " (claim %lu, made by pid %lu, uid %lu)",
                         member_u64(now, "id"), member_u64(by, "pid"), member_u64(by, "uid"));
        cli_note(
                "The claim on process %u was taken over: it is for %s now%s. Hanging up %s, so that it lets "
                "go.",
                d->pid, now ? claim_owner(now) : d->taker, maker, d->command.argv[0]);
        d->give_up_ms = clock_mono_ms() + HANG_UP_S * 1000ULL;
        kill(pid, SIGHUP);
        kill(pid, SIGCONT); /* one that is stopped does not hear it */
}

static void check_claim_held(struct debug *d)
{
        _cleanup_json_ struct json_object *claims = NULL;
        struct client_error e;

        d->looked = true;
        if (d->lost || claims_get(d->client, d->pid, &claims, &e) < 0)
                return;
        if (!claims_find(claims, d->id))
                lose_claim(d, claims_find(claims, 0));
}

/* An event of our claim, or of another on the process. What holds now is asked for: events may be missed. */
static int on_claim_event(void *userdata, const char *line, size_t length)
{
        struct debug *d = userdata;
        struct json_object *o = NULL;

        if (client_parse(line, length, &o) == 0 && member_u64(o, "claim") == d->id) {
                snprintf(d->end, sizeof(d->end), "%s", member_string(o, "end"));
                if (!strcmp(member_string(o, "type"), event_type_to_string(EV_CLAIM_TAKEN)))
                        snprintf(d->taker, sizeof(d->taker), "%s", member_string(o, "owner"));
        }
        json_object_put(o);
        check_claim_held(d);
        return 0;
}

/* It stopped itself for the terminal's sake: the shell that started us sees us stop, and continues us. */
static void stop_with_command(struct debug *d, int wait_status)
{
        int sig = WSTOPSIG(wait_status);

        if (sig != SIGTSTP && sig != SIGTTIN && sig != SIGTTOU)
                return;
        kill(getpid(), SIGSTOP);
        kill((pid_t)d->command.task.pid, SIGCONT);
}

/* Also reaps orphans among its descendants, who are ours now. */
static void reap(struct debug *d)
{
        pid_t pid;
        int status;

        while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
                if (pid != (pid_t)d->command.task.pid)
                        continue;
                if (WIFSTOPPED(status)) {
                        stop_with_command(d, status);
                        continue;
                }
                d->ended = true;
                d->status = command_status(status);
        }
}

/* Keys of the terminal reach the command directly, as does the terminal's own hang-up. What somebody sends
 * to us to end us is meant for it. */
static int on_debug_signal(void *userdata)
{
        struct signalfd_siginfo info;
        struct debug *d = userdata;

        while (read(d->signals, &info, sizeof(info)) == sizeof(info)) {
                int sig = (int)info.ssi_signo;

                if (sig == SIGCHLD)
                        reap(d);
                else if ((sig == SIGTERM || sig == SIGHUP) && info.ssi_code != SI_KERNEL && !d->ended)
                        kill((pid_t)d->command.task.pid, sig);
        }
        return d->ended;
}

static bool is_over(const struct debug *d)
{
        return d->ended || (d->give_up_ms && clock_mono_ms() >= d->give_up_ms);
}

static int on_debug_tick(void *userdata)
{
        struct debug *d = userdata;

        if (!d->looked)
                check_claim_held(d);
        renew_if_due(d);
        return is_over(d);
}

/* The daemon is not there: the claim stays, the command goes on, and we look out for both. */
static void wait_for_daemon(struct debug *d, const struct client_error *e)
{
        struct pollfd p = {.fd = d->signals, .events = POLLIN};

        if (!d->gone_told)
                cli_note("Claim %lu cannot be followed: %s %s goes on, and the kernel, if it has a guard, "
                         "keeps the claim.",
                         d->id, e->message[0] ? e->message : "ptraced ended the stream.",
                         d->command.argv[0]);
        d->gone_told = true;
        if (poll(&p, 1, AWAY_TICK_MS) > 0)
                on_debug_signal(d);
        renew_if_due(d);
}

static int follow_claim(struct debug *d)
{
        const struct client_stream s = {
                .on_line = on_claim_event,
                .on_tick = on_debug_tick,
                .tick_ms = FOLLOW_TICK_MS,
                .userdata = d,
                .stop_fd = d->signals,
                .on_stop = on_debug_signal,
                .follow = true,
        };
        _cleanup_client_ struct client *streaming = NULL;
        char path[CLIENT_URL_MAX];
        struct client_error e;

        snprintf(path, sizeof(path), "/v1/events?pid=%u&type=claim.taken,claim.ended&follow=1", d->pid);
        if (client_new(&streaming, d->c->socket, &e) < 0)
                return cli_no_memory(d->c);
        while (!is_over(d)) {
                d->looked = false;
                e = (struct client_error){};
                if (client_stream(streaming, path, &s, &e) != 1 && !is_over(d))
                        wait_for_daemon(d, &e);
        }
        return EXIT_DONE;
}

static int run_command(struct debug *d)
{
        const struct cli *c = d->c;
        int r, error;

        signal(SIGTSTP, SIG_IGN); /* stop_with_command() does what it asks for */
        signal(SIGCHLD, SIG_DFL); /* it is to be told of the command's stops now */
        error = command_go(&d->command);
        if (error)
                return command_not_run(c, &d->command, error);
        r = follow_claim(d);
        if (r != EXIT_DONE)
                return r;
        if (d->ended)
                return d->give_up_ms ? EXIT_REFUSED : d->status;
        return cli_fail(c, EXIT_REFUSED, "taken",
                        "Detach in it, or end it; ptracectl why says what that may do to the process.",
                        "%s (pid %u) still traces process %u, which was taken over.", d->command.argv[0],
                        d->command.task.pid, d->pid);
}

/* ---- from claim to release --------------------------------------------------------------------------- */

/* If ptraced sits in the slot itself, because the kernel has no guard or for ptracectl hold and catch, it
 * has to make room. */
static int enter_target(struct debug *d)
{
        _cleanup_json_ struct json_object *answer = NULL;
        struct client_error e;
        char path[64];
        int r;

        snprintf(path, sizeof(path), "/v1/claims/%lu/enter", d->id);
        r = request(d, "POST", path, NULL, &answer, &e);
        return r < 0 ? cli_fail_client(d->c, r, &e) : EXIT_DONE;
}

/* A claim that was adopted by its token goes back to whoever shows that next. */
static void give_back(struct debug *d)
{
        _cleanup_json_ struct json_object *answer = NULL, *body = NULL;
        const char *token = d->c->args.value[OPT_TOKEN];
        struct json_object *owner;
        struct client_error e;
        char path[64];
        int r;

        if (!d->id || d->lost)
                return;
        snprintf(path, sizeof(path), "/v1/claims/%lu%s", d->id, d->adopted ? "/renew" : "");
        if (d->adopted) {
                body = json_object_new_object();
                owner = json_object_new_object();
                json_object_object_add(owner, "token", json_object_new_boolean(true));
                json_object_object_add(body, "owner", owner);
                json_object_object_add(body, "token", json_object_new_string(token));
                if (d->lease_s)
                        json_object_object_add(body, "lease", json_object_new_int64(d->lease_s));
        }
        r = request(d, d->adopted ? "POST" : "DELETE", path, body, &answer, &e);
        if (r < 0 && e.http_status != 404) /* it ended with its process */
                cli_note("Claim %lu could not be given back: %s It ends by itself, as its owner does.",
                         d->id, e.message);
}

static int claim_and_run(struct debug *d)
{
        _cleanup_json_ struct json_object *body = NULL;
        int r;

        r = claim_request(d->c, d->pid, &body);
        if (r != EXIT_DONE)
                return r;
        if (d->c->args.given & OPTION(OPT_TAKE))
                claim_say_risk(d->c, d->pid);
        r = d->c->args.value[OPT_TOKEN] ? adopt_claim(d, body) : -ENOENT;
        if (r == -ENOENT)
                r = make_claim(d, body);
        d->renew_ms = clock_mono_ms() + d->lease_s * 1000ULL / RENEW_PARTS;
        if (r == EXIT_DONE && d->c->args.given & (OPTION(OPT_TAKE) | OPTION(OPT_WAIT_TURN)))
                r = wait_until_free(d);
        if (r == EXIT_DONE)
                r = enter_target(d);
        if (r == EXIT_DONE)
                r = run_command(d);
        give_back(d);
        return r;
}

/* Blocked here and read from a descriptor; the command starts with the former mask. */
static int take_signals(struct debug *d)
{
        static const int signals[] = {SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT};
        /* Ctrl-Z stops the command with us, and is no reason to give up the place in the queue. */
        const struct sigaction ends_only = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
        sigset_t set;

        sigaction(SIGCHLD, &ends_only, NULL);
        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaddset(&set, signals[i]);
        sigprocmask(SIG_BLOCK, &set, &d->mask);
        d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return d->signals < 0 ? cli_fail(d->c, EXIT_FAILED, "signals", "", "Signals cannot be caught: %s.",
                                         strerrordesc_np(errno))
                              : EXIT_DONE;
}

static void print_debugged(const struct debug *d, int status)
{
        _cleanup_json_ struct json_object *o = NULL;

        if (!d->c->json || !d->ended)
                return;
        o = json_object_new_object();
        json_object_object_add(o, "schema", json_object_new_string("ptraced.debug/1"));
        json_object_object_add(o, "claim", json_object_get(d->claim));
        json_object_object_add(o, "status", json_object_new_int(d->status));
        json_object_object_add(o, "taken", json_object_new_boolean(d->give_up_ms != 0));
        json_object_object_add(o, "exit", json_object_new_int(status));
        json_print(d->c, o);
}

int verb_debug(struct cli *c)
{
        struct debug d = {.c = c, .signals = -1, .command = COMMAND_INIT};
        struct client_error e;
        int r, error;

        if (c->args.value[OPT_TOKEN] && !strcmp(c->args.value[OPT_TOKEN], CLAIM_TOKEN_NEW))
                return cli_fail(c, EXIT_USAGE, "bad-token", "Make one with: ptracectl claim --token new PID",
                                "debug shows a token, and makes none.");
        r = ask_pid(c, c->args.args[0], &d.pid);
        if (r == EXIT_DONE)
                r = claim_lease(c, &d.lease_s);
        if (r == EXIT_DONE)
                r = take_signals(&d);
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        if (r == EXIT_DONE) /* before there are connections, which it would inherit */
                r = command_fork(c, &d.mask, &d.command);
        if (r == EXIT_DONE) {
                error = client_new(&d.client, c->socket, &e);
                r = error < 0 ? cli_fail_client(c, error, &e) : claim_and_run(&d);
                print_debugged(&d, r);
        }
        command_abandon(&d.command);
        json_object_put(d.claim);
        client_free(d.client);
        if (d.signals >= 0)
                close(d.signals);
        return r;
}
