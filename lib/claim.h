/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The book of claims: who reserved which process, who waits for it, and whose turn is next. Pure: requests,
 * ends and the time come in, effects go out through a sink, in order; it asks nobody and knows no clock.
 * The arbiter (daemon/arbiter.c) carries the effects out: kernel maps, hold, events, answers to clients.
 *
 * One claim at most for a process at a time; others wait in order of arrival. A claim ends when it is
 * released, its lease is over, its owner (OWNER_PROCESS) or its target is gone, or it is taken over. A claim
 * with a token whose owner is gone stays for the grace time: whoever shows the token then is its owner
 * again. The next waiter is served at once when a claim ends and nobody else traces the target, or as soon
 * as that tracer is gone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bpf/guard.h"
#include "event.h"

#define CLAIM_WAITERS_MAX      1024 /* all queues together */
#define CLAIM_WAITERS_PER_UID  256  /* of one unprivileged user */
#define CLAIM_PER_UID_MAX      256  /* claims of one unprivileged user */
#define CLAIM_LEASE_MAX_S      (366 * 86400)
#define CLAIM_GRACE_DEFAULT_NS (10ULL * 1000000000)
#define CLAIM_OWNER_TEXT_MAX   EVENT_OWNER_MAX

struct claim_book;

struct claim_request {
        struct task_ref target; /* process: pid, start, comm */
        struct task_ref asker;  /* the client; pid 0: not known */
        uint32_t asker_uid;
        bool privileged; /* root or group ptraced */
        struct guard_owner owner;
        char owner_text[CLAIM_OWNER_TEXT_MAX]; /* "pid 4711 (gdb)" */
        char token[GUARD_TOKEN_MAX];           /* "": none */
        uint64_t lease_ns;                     /* 0: none */
        enum guard_mode mode;
        bool wait;       /* in the queue, if it cannot be had at once */
        bool take;       /* from its present owner */
        uint64_t ticket; /* the caller's: names this request in effects. Not 0, not in use */
};

struct claim {
        uint64_t id;
        struct claim_request request; /* owner is the present one: a token's may have changed */
        uint64_t made_ns, end_ns;     /* CLOCK_BOOTTIME; end_ns 0: no lease */
        uint64_t grace_until_ns;      /* owner is gone; 0: it is not */
        uint32_t n_waiters;
};

/* Somebody who traces the target now and is not admitted by the request; pid 0: nobody. */
typedef struct task_ref (*claim_holder_fn)(void *userdata, const struct claim_request *r);

struct claim_sink {
        void *userdata;
        /* The kernel (or hold) must know of it. Negative: it cannot be done, and the claim is not made. */
        int (*install)(void *userdata, const struct claim *c);
        void (*remove)(void *userdata, const struct claim *c);
        /* The waiter with that ticket has got its claim, or never will (c NULL; why is enum claim_end). */
        void (*answer)(void *userdata, uint64_t ticket, const struct claim *c, int error,
                       enum claim_end why);
        /* claim.made, queued, renewed, taken, ended: to be stamped and fed to the pump. */
        void (*event)(void *userdata, struct event *e);
        claim_holder_fn holder;
};

int claim_book_new(struct claim_book **ret, const struct claim_sink *sink, uint64_t grace_ns);
struct claim_book *claim_book_free(struct claim_book *b);

/*
 * 1: made, *ret is it. 0: queued, the answer comes later. Else -errno and *ret_holder (pid 0 if none) or
 * *ret_other (NULL if none) say who is in the way:
 *   -EBUSY   another claim, or a tracer that the request does not admit      -EALREADY the asker's own claim
 *   -EPERM   not the asker's process    -EDQUOT too many claims or waiters    -ESRCH    the target is gone
 */
int claim_make(struct claim_book *b, uint64_t id, const struct claim_request *r, uint64_t now_ns,
               const struct claim **ret, const struct claim **ret_other, struct task_ref *ret_holder);
/* A claim that was found in the kernel's maps at start: no effects. */
int claim_adopt(struct claim_book *b, const struct claim *c);
/* New lease from now (0: none), and with a token, which must be the claim's, perhaps a new owner. -ENOENT,
 * -EACCES for a wrong token, -EPERM for somebody else's claim. */
int claim_renew(struct claim_book *b, uint64_t id, uint64_t lease_ns, const char *token,
                const struct guard_owner *owner, const char *owner_text, const struct task_ref *asker,
                uint32_t asker_uid, bool privileged, uint64_t now_ns, const struct claim **ret);
int claim_release(struct claim_book *b, uint64_t id, const char *token, const struct task_ref *asker,
                  uint32_t asker_uid, bool privileged, uint64_t now_ns);
/* A waiter's client went away. */
void claim_cancel(struct claim_book *b, uint64_t ticket);
/* What happened outside. A process is gone: target or owner. */
void claim_process_gone(struct claim_book *b, const struct task_ref *process, uint64_t now_ns);
/* The tracers of a target changed: a waiter's way may be free. */
void claim_target_free(struct claim_book *b, const struct task_ref *target, uint64_t now_ns);
/* Leases and grace times. Returns when to call again, UINT64_MAX for never. */
uint64_t claim_expire(struct claim_book *b, uint64_t now_ns);
/* The guard was cleared. */
void claim_end_all(struct claim_book *b, enum claim_end why, uint64_t now_ns);

const struct claim *claim_by_id(const struct claim_book *b, uint64_t id);
const struct claim *claim_of(const struct claim_book *b, uint32_t pid); /* of a live target; NULL */
size_t claim_count(const struct claim_book *b);
int claim_each(const struct claim_book *b, int (*fn)(void *userdata, const struct claim *c), void *userdata);
