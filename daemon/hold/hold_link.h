/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The daemon's end of one hold helper: started or found again by its socket, spoken to, signalled. It knows
 * neither the book of holds nor the event loop, and nothing here waits, except hold_link_first_word().
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/hold/hold_protocol.h"

#define HOLD_NAME_MAX 48 /* "PID-START.sock", with its NUL */

/* Where the sockets of all helpers are. */
struct hold_directory {
        char *state_dir; /* absolute */
        int fd;          /* STATE_DIR/hold */
};

struct hold_link {
        int fd, pidfd; /* its socket and its process; -1: none */
        uint32_t pid;
};

#define HOLD_NO_LINK ((struct hold_link){.fd = -1, .pidfd = -1})

/* -EPERM: others may write there, and so speak as a helper. */
int hold_directory_open(struct hold_directory *ret, const char *state_dir);
void hold_directory_close(struct hold_directory *d);

/* A helper for this target. It is connected to before it runs, so that it cannot end unheard. */
int hold_link_start(const struct hold_directory *d, const struct task_ref *target, bool catch,
                    struct hold_link *ret);
/* One that an earlier daemon started. -ECONNREFUSED: nobody listens at that name any more; it is removed. */
int hold_link_find(const struct hold_directory *d, const char *name, struct hold_link *ret);
/* Reaps it if it is our child and has ended. */
void hold_link_close(struct hold_link *l);
/* Its socket, after it was killed: it would have removed that itself. */
void hold_link_remove_name(const struct hold_directory *d, const struct task_ref *target);
/* Is this a helper's socket, and of which target? */
bool hold_link_parse_name(const char *name, struct task_ref *ret);

/* 1: there was a notice. 0: none now. -EPROTO: a helper of another version. Else it is gone. */
int hold_link_receive(const struct hold_link *l, struct hold_notice *ret);
/* -ETIMEDOUT: it does not read what it was sent before. -ECONNRESET: it is gone. */
int hold_link_send(const struct hold_link *l, const struct hold_request *r);
void hold_link_signal(const struct hold_link *l, int sig);
/* Waits for its first notice until that moment of CLOCK_MONOTONIC. For the start of the daemon only, before
 * the event loop runs. -ETIMEDOUT, and what hold_link_receive() says. */
int hold_link_first_word(const struct hold_link *l, uint64_t deadline_ms, struct hold_notice *ret);

int hold_pidfd(uint32_t pid);
