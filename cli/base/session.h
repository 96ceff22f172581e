/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What most verbs do first: check the pid and the times they were given, and ask the daemon. Functions that
 * return int here return an exit status, EXIT_DONE to go on, and have said what is wrong otherwise.
 */

#include "cli/base/output.h"

/* A pid argument. One that is a thread's is resolved to its process, with a note. */
int ask_pid(const struct cli *c, const char *text, uint32_t *ret);
/* The pid given as --pid or as the first argument; 0 when there is none. */
int ask_optional_pid(const struct cli *c, uint32_t *ret);
/* --earlier is about a pid: an error without one. */
int ask_earlier(const struct cli *c, uint32_t pid, bool *ret);
/* An option that is a time. 0 when it is not there. */
int ask_time(const struct cli *c, enum option o, uint64_t *ret_wall_ns);

/* GET path. The caller puts the object. */
int ask_object(const struct cli *c, const char *path, struct json_object **ret);
/*
 * The same for a path about one process. An unknown pid is explained: perhaps it is the number that the
 * process has inside a container.
 */
int ask_about_pid(const struct cli *c, uint32_t pid, const char *path, struct json_object **ret);
/* The process is neither alive nor known to the daemon: say so. EXIT_DONE if it is one of the two. */
int ask_pid_known(const struct cli *c, uint32_t pid);

/* /v1/events with pid, since, until and type as far as given. */
int ask_events_path(const struct cli *c, char path[static CLIENT_URL_MAX], uint32_t pid,
                    uint64_t since_wall_ns, uint64_t until_wall_ns);

/* A descriptor that becomes readable on SIGINT and SIGTERM, which no longer end the program. -errno. */
int stop_signals(void);

static inline void cleanup_json_object(struct json_object **o)
{
        json_object_put(*o);
}
static inline void cleanup_client(struct client **c)
{
        client_free(*c);
}
#define _cleanup_json_   _cleanup_(cleanup_json_object)
#define _cleanup_client_ _cleanup_(cleanup_client)
