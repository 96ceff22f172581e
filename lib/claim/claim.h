/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The book of claims: who reserved which process, who waits for it, and whose turn is next. Pure: requests,
 * ends, tracers and the time come in, effects go out through a sink, in order; it knows no clock, and asks
 * only who traces a target for whose waiters a turn has come. The arbiter (daemon/claims/arbiter.c) carries
 * the effects out: kernel maps, hold, events, answers to clients.
 *
 * One claim at most for a process at a time; others wait in order of arrival. A claim ends when it is
 * released, its lease is over, its owner (OWNER_PROCESS) or its target is gone, or it is taken over. A claim
 * with a token whose owner is gone stays for the grace time: whoever shows the token then is its owner
 * again.
 *
 * When a claim ends the next waiter's is made in the same moment, so that nobody slips in between. If a
 * tracer that it does not admit is still there, the claim is reserved: it keeps others out, and its answer
 * waits until that tracer has left. The same holds for a takeover that waits. Who waits for a tracer that no
 * claim let in disturbs nobody: that claim is made as soon as the tracer is gone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/guard_maps.h"
#include "lib/event/event.h"

#define CLAIM_WAITERS_MAX      1024 /* all queues together */
#define CLAIM_WAITERS_PER_UID  256  /* of one unprivileged user */
#define CLAIM_PER_UID_MAX      256  /* claims of one unprivileged user */
#define CLAIM_LEASE_MAX_S      (366 * 86400)
#define CLAIM_GRACE_DEFAULT_NS (10ULL * 1000000000)
#define CLAIM_OWNER_TEXT_MAX   EVENT_OWNER_MAX

struct claim_book;

/* Who asks for something: a client. */
struct claimant {
        struct task_ref process; /* pid 0: not known */
        uint32_t uid;
        bool privileged;   /* root or group ptraced */
        const char *token; /* that it shows; NULL or "": none */
};

struct claim_request {
        struct task_ref target; /* process: pid, start, comm */
        struct claimant asker;  /* without a token: the claim's own is below */
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
        bool reserved; /* not answered yet: a tracer that it does not admit is still there, or it is not
                        * installed yet */
};

/* Why a request is refused, or why who waited gets nothing. daemon/claims/refusal.c has the words. */
enum claim_refusal {
        CLAIM_NOT_REFUSED,
        REFUSED_CLAIMED,       /* another claim is in the way */
        REFUSED_YOURS,         /* the asker's own for the same owner */
        REFUSED_ROOTS,         /* a privileged one, which this asker may not take */
        REFUSED_TRACED,        /* by a tracer that the request does not admit */
        REFUSED_QUEUE,         /* others wait already */
        REFUSED_LIMIT,         /* too many claims or waiters */
        REFUSED_PROCESS_GONE,  /* the target, or the owner to be */
        REFUSED_THREADS,       /* too many to be held */
        REFUSED_NO_MEANS,      /* nothing here can keep a claim */
        REFUSED_NO_CLAIM,      /* there is none of that number */
        REFUSED_NOT_PERMITTED, /* somebody else's claim */
        REFUSED_WRONG_TOKEN,
        REFUSED_OWNER_GONE, /* while it waited; the same for those below */
        REFUSED_GUARD_OFF,
        REFUSED_TAKEN_OVER,
        REFUSED_RELEASED,
        REFUSED_STOPPING,  /* the daemon is */
        REFUSED_BY_SYSTEM, /* -errno says why */
        _CLAIM_REFUSAL_MAX,
};
/* What -errno of a system call, of the guard or of hold means for a claim. */
enum claim_refusal claim_refusal_of_errno(int error);

/* What became of a request. */
struct claim_outcome {
        enum claim_refusal refusal;
        int error;                 /* -errno where the system refused, else 0 */
        const struct claim *claim; /* made, or renewed; NULL and no refusal: it is answered later */
        const struct claim *other; /* in the way; NULL: none */
        struct task_ref tracer;    /* in the way; pid 0: none */
        uint64_t ticket;           /* whose answer it is; of claim_installed(): 0 for nobody's */
        bool waited;               /* for its turn, as it asked to */
};

/* Somebody who traces the target now and is not admitted by the request; pid 0: nobody. */
typedef struct task_ref (*claim_holder_fn)(void *userdata, const struct claim_request *r);

/* None of them may change the book. */
struct claim_sink {
        void *userdata;
        /* The kernel (or hold) must know of it; in place of a former claim on that target, for which remove
         * is not called then. -errno: it cannot be done, and the claim is not made, or stays as it was.
         * -EINPROGRESS: it is being done, and claim_installed() tells how it ended. Until then the claim is
         * reserved: it keeps others out and is not answered; a former claim is lost already. */
        int (*install)(void *userdata, const struct claim *c);
        void (*remove)(void *userdata, const struct claim *c);
        /* The waiter with that ticket has got its claim, or never will. */
        void (*answer)(void *userdata, const struct claim_outcome *o);
        /* claim.made, queued, renewed, taken, ended: to be stamped and fed to the pump. */
        void (*event)(void *userdata, struct event *e);
        claim_holder_fn holder;
};

int claim_book_new(struct claim_book **ret, const struct claim_sink *sink, uint64_t grace_ns);
struct claim_book *claim_book_free(struct claim_book *b);

/* Is it worth asking who traces the target, which is a walk through /proc: could a claim be made at once? */
bool claim_needs_tracer(const struct claim_book *b, const struct claim_request *r);
/* tracer: as claim_holder_fn would say. */
struct claim_outcome claim_make(struct claim_book *b, uint64_t id, const struct claim_request *r,
                                const struct task_ref *tracer, uint64_t now_ns);
/* What install() began is done, or could not be (error, negative): then the claim ends unmade, and the next
 * waiter's turn comes. tracer: as claim_holder_fn would say now. The outcome is for the caller to answer.
 * REFUSED_NO_CLAIM: no such claim is being installed; what is said about it changes nothing. */
struct claim_outcome claim_installed(struct claim_book *b, uint64_t id, int error,
                                     const struct task_ref *tracer, uint64_t now_ns);
/* A claim that was found in the kernel's maps at start: no effects. -EEXIST, -EDQUOT, -ESRCH. */
int claim_adopt(struct claim_book *b, const struct claim *c);
/* What a claim is renewed to. */
struct claim_renewal {
        uint64_t lease_ns;               /* from now; 0: none */
        const struct guard_owner *owner; /* NULL: the same */
        const char *owner_text;          /* with an owner */
};
struct claim_outcome claim_renew(struct claim_book *b, uint64_t id, const struct claim_renewal *to,
                                 const struct claimant *by, uint64_t now_ns);
enum claim_refusal claim_release(struct claim_book *b, uint64_t id, const struct claimant *by,
                                 uint64_t now_ns);
/* A waiter's client went away; a claim that was reserved for it goes to the next. */
void claim_cancel(struct claim_book *b, uint64_t ticket, uint64_t now_ns);
/* What happened outside. A process is gone: target or owner. */
void claim_process_gone(struct claim_book *b, const struct task_ref *process, uint64_t now_ns);
/* The tracers of a target changed: a waiter's way may be free. */
void claim_target_free(struct claim_book *b, const struct task_ref *target, uint64_t now_ns);
/* Leases and grace times. Returns when to call again, UINT64_MAX for never. */
uint64_t claim_expire(struct claim_book *b, uint64_t now_ns);
/* The same without ending anything. */
uint64_t claim_next_end(const struct claim_book *b);
/* One claim ends for a reason that the book cannot see. */
void claim_terminate(struct claim_book *b, uint64_t id, enum claim_end why, uint64_t now_ns);
/* The guard was cleared; by: NULL, nobody of ours. */
void claim_end_all(struct claim_book *b, enum claim_end why, const struct claimant *by, uint64_t now_ns);

const struct claim *claim_by_id(const struct claim_book *b, uint64_t id);
const struct claim *claim_of(const struct claim_book *b, uint32_t pid); /* of a live target; NULL */
size_t claim_count(const struct claim_book *b);
int claim_each(const struct claim_book *b, int (*fn)(void *userdata, const struct claim *c), void *userdata);

/* Each waiter, queue by queue; position from 1. */
struct claim_waiter {
        const struct claim_request *request;
        uint64_t since_ns;
        uint32_t position;
};
size_t claim_waiters(const struct claim_book *b);
int claim_each_waiter(const struct claim_book *b, int (*fn)(void *userdata, const struct claim_waiter *w),
                      void *userdata);
/* Each target for which somebody waits that its tracer leaves. fn must not change the book. */
int claim_each_awaited(const struct claim_book *b, int (*fn)(void *userdata, const struct task_ref *target),
                       void *userdata);
/* Does the end of this process matter: is it a target, or an owner? */
bool claim_follows(const struct claim_book *b, const struct task_ref *process);
/* May they renew and release it: root and group ptraced, the user who made it, whoever shows its token. */
enum claim_refusal claim_check_right(const struct claim *c, const struct claimant *by);
