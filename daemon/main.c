/* SPDX-License-Identifier: GPL-2.0-or-later */

/* ptraced: wires the parts together, loops, and takes them apart again. What they do is theirs. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "lib/base/clock.h"
#include "lib/wire/config.h"
#include "daemon/api/answer.h"
#include "daemon/api/routes.h"
#include "daemon/claims/arbiter.h"
#include "daemon/claims/outside.h"
#include "daemon/api/doctor.h"
#include "daemon/guard/guard.h"
#include "daemon/hold/hold.h"
#include "daemon/kernel/guard_pins.h"
#include "daemon/base/log.h"
#include "daemon/base/loop.h"
#include "daemon/options.h"
#include "daemon/claims/opinion.h"
#include "daemon/http/server.h"
#include "daemon/http/socket.h"
#include "daemon/http/turns.h"

#define ERROR_MAX       1024
#define STORE_ERROR_MAX 960 /* leaves room for the words around it */
#define STATE_DIR_MODE  0700
#define SOCKET_MAX      128 /* bytes of a socket's path; the kernel takes 108 */
#define TEND_USEC       1000000

enum exit_status {
        STATUS_DONE,
        STATUS_FAILED,
        STATUS_USAGE,
};

struct daemon {
        struct options options;
        struct config config;
        sd_event *event;
        struct loop_times loop;
        struct store *store;
        struct guard_pins *pins; /* until the guard owns them */
        struct loader *loader;
        struct guard *guard;
        struct pump *pump;
        struct hold *hold;
        struct arbiter *arbiter;
        struct outside *outside;
        sd_event_source *tend; /* once a second */
        struct turns *turns;
        struct turn *reload; /* of the policy, asked for by SIGHUP */
        struct server *socket_server, *metrics_server;
        struct http http;
        struct api api;
        char socket_path[SOCKET_MAX];
        struct stat socket_identity; /* of the socket we made; st_ino 0: none */
};

/* ---- configuration ------------------------------------------------------------------------------- */

/* Without --config a missing file means the defaults; with it, a mistake. */
static int read_config(const struct options *o, struct config *ret, char *error, size_t size)
{
        int r = config_load(o->config ? o->config : CONFIG_DEFAULT_PATH, ret, error, size);

        if (r == -ENOENT && !o->config) {
                config_default(ret);
                return 0;
        }
        return r;
}

/* Refusals so far are in the model: they were named by the rules that they came from. */
static enum turn_result reload_policy(void *userdata)
{
        struct daemon *d = userdata;
        char error[ERROR_MAX];

        if (rulebook_reload(arbiter_rules(d->arbiter), NULL, error, sizeof(error)) < 0)
                log_error("%s The former policy stays.", error);
        sd_notify(0, "READY=1");
        return TURN_DONE;
}

static int on_reload(sd_event_source *source _unused_, const struct signalfd_siginfo *si _unused_,
                     void *userdata)
{
        struct daemon *d = userdata;
        char error[ERROR_MAX];
        struct config c;

        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_mono_ns() / 1000);
        if (read_config(&d->options, &c, error, sizeof(error)) < 0) {
                log_error("%s The former settings stay.", error);
        } else {
                d->config = c;
                log_init(d->options.log_level >= 0 ? d->options.log_level : c.log_level);
                pump_set_thresholds(d->pump, &c.thresholds);
                loader_watch_signals(d->loader, c.watch.signals);
                loader_watch_dbgp_ports(d->loader, &c.watch.dbgp_ports);
                log_notice("Thresholds, watched signals and ports, and log level were read again; [store], "
                           "[guard] and what else is in [watch] hold from the next start.");
        }
        if (d->reload)
                return 0; /* it is still to come, and reads what is there then */
        return turn_take(d->turns, 0, NEED_MODEL, reload_policy, d, &d->reload) < 0 ? reload_policy(d) : 0;
}

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *si,
                          void *userdata _unused_)
{
        log_info("Stopping: %s was received.", strsignal((int)si->ssi_signo));
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

/* ---- from nothing to ready ----------------------------------------------------------------------- */

/* Each step is told the daemon and leaves a sentence if it fails. */

static int set_up_signals(struct daemon *d, char *error, size_t size)
{
        sigset_t mask;
        int r;

        /* Blocked before any thread is made, so that they reach the event loop only. */
        sigemptyset(&mask);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGHUP);
        sigprocmask(SIG_BLOCK, &mask, NULL);
        signal(SIGPIPE, SIG_IGN);
        r = sd_event_default(&d->event);
        if (r >= 0)
                r = sd_event_add_signal(d->event, NULL, SIGTERM, on_stop_signal, d);
        if (r >= 0)
                r = sd_event_add_signal(d->event, NULL, SIGINT, on_stop_signal, d);
        if (r >= 0)
                r = sd_event_add_signal(d->event, NULL, SIGHUP, on_reload, d);
        if (r >= 0)
                r = sd_event_set_watchdog(d->event, true);
        if (r < 0)
                snprintf(error, size, "The event loop cannot be set up: %s.", strerror(-r));
        return r < 0 ? r : 0;
}

/* The lock on the state directory comes first: a second daemon goes away before it has touched anything. */
static int set_up_store(struct daemon *d, char *error, size_t size)
{
        char reason[STORE_ERROR_MAX] = "";
        int r;

        /* If that fails the store finds the words for it. */
        mkdir(d->options.state_dir, STATE_DIR_MODE);
        r = store_open(&d->store, d->options.state_dir, &d->config.store, reason, sizeof(reason));
        if (r < 0)
                snprintf(error, size, "Nothing can be recorded: %s.", reason);
        return r;
}

/* What an earlier daemon's guard wrote is read on by the loader, so the pins come first. */
static int set_up_loader(struct daemon *d, char *error, size_t size)
{
        int r = pins_open(&d->pins, d->options.pin_dir);

        if (r < 0) {
                snprintf(error, size, "The guard's pins cannot be looked for: %s.", strerror(-r));
                return r;
        }
        r = loader_new(&d->loader, d->options.tier, d->config.watch.seccomp, d->pins, error, size);
        if (r < 0)
                return r;
        loader_watch_signals(d->loader, d->config.watch.signals);
        loader_watch_dbgp_ports(d->loader, &d->config.watch.dbgp_ports);
        return 0;
}

static int set_up_guard(struct daemon *d, char *error, size_t size)
{
        int r = guard_new(&d->guard, d->loader, TAKE_PTR(d->pins));

        if (r < 0)
                snprintf(error, size, "The guard cannot be set up: %s.", strerror(-r));
        return r;
}

static int follow_process(struct daemon *d, char *error, size_t size)
{
        int r = d->options.follow ? pump_watch(d->pump, d->options.follow) : 0;

        if (r == -EOPNOTSUPP) {
                log_notice("What process %u starts is not recorded: tier proc needs the proc connector for "
                           "that.",
                           d->options.follow);
                return 0;
        }
        if (r < 0)
                snprintf(error, size, "Process %u cannot be followed: %s.", d->options.follow, strerror(-r));
        return r;
}

/* Before there is a guard nothing was refused by it. */
static bool guard_tells(void *userdata)
{
        const struct daemon *d = userdata;

        return d->guard && guard_was_attached(d->guard);
}

/* What an earlier daemon's guard refused is told when the names are known. */
static void name_refusal(void *userdata, const struct rec_guard *record, struct event *e)
{
        const struct daemon *d = userdata;

        if (d->arbiter)
                refusal_name(d->arbiter, d->hold, record, e);
}

static int set_up_pump(struct daemon *d, char *error, size_t size)
{
        const struct guard_voice voice = {.tells = guard_tells, .name = name_refusal, .userdata = d};
        int r = pump_new(&d->pump, d->event, d->loader, d->store, &d->config.thresholds, &voice);

        if (r >= 0)
                r = pump_start(d->pump);
        if (r < 0) {
                snprintf(error, size, "Recording cannot be started: %s.", strerror(-r));
                return r;
        }
        return follow_process(d, error, size);
}

static int on_tend(sd_event_source *s, uint64_t usec _unused_, void *userdata)
{
        struct daemon *d = userdata;

        if (guard_tend(d->guard))
                arbiter_pins_removed(d->arbiter);
        sd_event_source_set_time_relative(s, TEND_USEC);
        return 0;
}

static void on_hold_change(void *userdata, const struct hold_view *v)
{
        const struct daemon *d = userdata;

        if (d->outside)
                outside_hold_changed(d->outside, v);
}

static int set_up_arbiter(struct daemon *d, char *error, size_t size)
{
        struct arbiter_parts parts = {
                .event = d->event,
                .guard = d->guard,
                .pump = d->pump,
                .state_dir = d->options.state_dir,
                .policy_dir = d->config.guard.policy_dir,
                .grace_ns = d->config.guard.grace_ns,
        };
        int r = hold_new(&d->hold, d->event, d->options.state_dir, on_hold_change, d);

        parts.hold = d->hold;
        if (r >= 0)
                r = arbiter_new(&d->arbiter, &parts);
        if (r >= 0)
                r = outside_new(&d->outside, d->event, d->arbiter, d->pump);
        if (r >= 0)
                r = sd_event_add_time_relative(d->event, &d->tend, CLOCK_MONOTONIC, TEND_USEC, 0, on_tend,
                                               d);
        if (r >= 0)
                r = sd_event_source_set_enabled(d->tend, SD_EVENT_ON);
        if (r < 0) {
                snprintf(error, size, "Claims cannot be kept: %s.", strerror(-r));
                return r;
        }
        pump_take_refusals(d->pump);
        return 0;
}

static int open_socket(struct daemon *d, int *ret_fd, char *error, size_t size)
{
        const char *path = d->options.socket ? d->options.socket : SOCKET_DEFAULT_PATH;
        int r = socket_from_systemd(ret_fd, d->socket_path, sizeof(d->socket_path), error, size);

        if (r < 0 || *ret_fd >= 0)
                return r;
        r = socket_listen_unix(path, ret_fd, error, size);
        if (r < 0)
                return r;
        snprintf(d->socket_path, sizeof(d->socket_path), "%s", path);
        if (lstat(path, &d->socket_identity) < 0)
                d->socket_identity.st_ino = 0;
        return 0;
}

static int set_up_server(struct daemon *d, char *error, size_t size)
{
        const struct http_routes routes = routes_of(&d->api);
        int fd, r = open_socket(d, &fd, error, size);

        if (r < 0)
                return r;
        r = turns_new(&d->turns, d->event, d->pump, d->store);
        if (r < 0) {
                close(fd);
                snprintf(error, size, "The HTTP server cannot be started: %s.", strerror(-r));
                return r;
        }
        d->http = (struct http){
                .event = d->event,
                .pump = d->pump,
                .store = d->store,
                .turns = d->turns,
        };
        d->api = (struct api){
                .http = &d->http,
                .event = d->event,
                .loop = &d->loop,
                .loader = d->loader,
                .pump = d->pump,
                .store = d->store,
                .guard = d->guard,
                .hold = d->hold,
                .arbiter = d->arbiter,
                .turns = d->turns,
                .socket_path = d->socket_path,
                .state_dir = d->options.state_dir,
                .max_store_bytes = d->config.store.max_bytes,
                .started_ns = clock_boot_ns(),
                .started_wall_ns = clock_wall_ns(),
        };
        r = server_new(&d->socket_server, fd, SURFACE_SOCKET, &d->http, &routes);
        if (r < 0)
                snprintf(error, size, "The HTTP server cannot be started: %s.", strerror(-r));
        return r;
}

static int set_up_metrics(struct daemon *d, char *error, size_t size)
{
        const struct http_routes routes = routes_of(&d->api);
        int fd, r;

        if (!d->options.metrics_listen)
                return 0;
        r = socket_listen_tcp(d->options.metrics_listen, &fd, error, size);
        if (r < 0)
                return r;
        r = server_new(&d->metrics_server, fd, SURFACE_METRICS, &d->http, &routes);
        if (r < 0)
                snprintf(error, size, "The metrics server cannot be started: %s.", strerror(-r));
        return r;
}

static int set_up_all(struct daemon *d, char *error, size_t size)
{
        static int (*const steps[])(struct daemon * d, char *error, size_t size) = {
                set_up_signals, set_up_store,   set_up_loader, set_up_guard,
                set_up_pump,    set_up_arbiter, set_up_server, set_up_metrics,
        };

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                int r = steps[i](d, error, size);

                if (r < 0)
                        return r;
                /* The event loop, which does that later, does not run yet. */
                sd_notify(0, "WATCHDOG=1");
        }
        return 0;
}

/* ---- ready, and back ----------------------------------------------------------------------------- */

static void announce(struct daemon *d)
{
        const char *tier = tier_to_string(loader_tier(d->loader)), *reason = loader_reason(d->loader);

        d->api.ready = true;
        log_info("Watching in tier %s%s%s; answering on %s, recording in %s.", tier, *reason ? ": " : "",
                 reason, d->socket_path, d->options.state_dir);
        sd_notifyf(0, "READY=1\nSTATUS=Watching in tier %s.", tier);
}

/* Only the socket we made is removed: somebody may have put another one in its place. */
static void remove_socket(struct daemon *d)
{
        struct stat st;

        if (d->socket_identity.st_ino && lstat(d->socket_path, &st) == 0 &&
            st.st_ino == d->socket_identity.st_ino && st.st_dev == d->socket_identity.st_dev)
                unlink(d->socket_path);
}

static void tear_down(struct daemon *d)
{
        d->api.ready = false;
        remove_socket(d);
        d->metrics_server = server_free(d->metrics_server);
        d->socket_server = server_free(d->socket_server);
        turn_cancel(d->reload);
        d->turns = turns_free(d->turns);
        sd_event_source_disable_unref(d->tend);
        if (d->pump)
                pump_drain(d->pump); /* while names are known */
        d->outside = outside_free(d->outside);
        d->arbiter = arbiter_free(d->arbiter); /* records that come now have no names */
        d->hold = hold_free(d->hold);
        d->pump = pump_free(d->pump);
        d->guard = guard_free(d->guard);
        d->pins = pins_free(d->pins);
        d->loader = loader_free(d->loader);
        if (d->store)
                d->store = store_close(d->store);
        d->event = sd_event_unref(d->event);
}

static int run_daemon(struct daemon *d)
{
        char error[ERROR_MAX] = "";
        int r = set_up_all(d, error, sizeof(error));

        if (r < 0)
                log_error("%s", *error ? error : strerror(-r));
        else {
                announce(d);
                r = loop_run(d->event, &d->loop);
                sd_notify(0, "STOPPING=1\nSTATUS=Stopping.");
                if (r < 0)
                        log_error("The event loop failed: %s.", strerror(-r));
        }
        tear_down(d);
        return r < 0 ? STATUS_FAILED : STATUS_DONE;
}

/* What `ptracectl doctor` runs when no daemon answers: load, look, report, unload. */
static int report_probe(const struct options *o)
{
        struct loader *loader = NULL;
        struct guard *guard = NULL;
        struct json_object *report;
        char error[ERROR_MAX];

        if (loader_new(&loader, o->tier, false, NULL, error, sizeof(error)) < 0) {
                log_error("%s", error);
                return STATUS_FAILED;
        }
        guard_new(&guard, loader, NULL);
        report = doctor_json(loader, guard);
        puts(json_object_to_json_string_ext(report,
                                            JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(report);
        guard_free(guard);
        loader_free(loader);
        return fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
}

int main(int argc, char **argv)
{
        struct daemon d = {};
        char error[ERROR_MAX];

        log_init(LOG_INFO);
        if (options_parse(argc, argv, &d.options, error, sizeof(error)) < 0) {
                fprintf(stderr, "ptraced: %s Try 'ptraced --help'.\n", error);
                return STATUS_USAGE;
        }
        if (d.options.help) {
                options_help(stdout);
                return STATUS_DONE;
        }
        if (d.options.hold)
                return hold_helper_main(d.options.hold, d.options.hold_start, d.options.hold_catch,
                                        d.options.state_dir);
        if (d.options.version) {
                puts("ptraced " PTRACED_VERSION);
                return STATUS_DONE;
        }
        if (read_config(&d.options, &d.config, error, sizeof(error)) < 0) {
                log_error("%s", error);
                return STATUS_FAILED;
        }
        log_init(d.options.log_level >= 0 ? d.options.log_level : d.config.log_level);
        return d.options.probe ? report_probe(&d.options) : run_daemon(&d);
}
