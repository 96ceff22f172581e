/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Hold and catch, seen from the daemon. One helper process (`ptraced --hold PID`, hold_helper.c) for each
 * held target seizes its threads and passes everything on; it is no child that must be kept: it lives in a
 * session of its own, listens on STATE_DIR/hold/PID-START.sock (SOCK_SEQPACKET, mode 0600), and goes when
 * its target ends or when it is told to. A restarted daemon finds helpers by their sockets. No BPF is
 * needed.
 *
 * Whoever is to trace a held process asks: the helper lets go of every thread at the same moment, stopped
 * ones stay stopped, and takes hold again when the owner's tracer has left.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "lib/event/event.h"

#define HOLD_MAX         64    /* processes held at once */
#define HOLD_THREADS_MAX 8192  /* of one process; one with more is not held */
#define HOLD_ANSWER_MS   4000  /* for a helper to answer */
#define HOLD_YIELD_MS    5000  /* who was let in and has not attached by then: held again ... */
#define HOLD_OWNER_MS    20000 /* ... and an owner who is known and still there, who may read symbols first */

struct hold;

enum hold_state {
        HOLD_HOLDING,
        HOLD_YIELDED, /* an owner was let in, or is expected */
        HOLD_CAUGHT,  /* catch: frozen at a breakpoint that nobody owns */
        HOLD_GONE,    /* target or helper ended */
        _HOLD_STATE_MAX,
};
const char *hold_state_to_string(enum hold_state s); /* "holding", "yielded", "caught", "gone" */

struct hold_view {
        struct task_ref target;
        struct task_ref helper; /* who traces it (TracerPid); while yielded who waits to take hold again */
        enum hold_state state;
        bool catch;         /* freeze at orphan breakpoints */
        uint32_t n_threads; /* held now */
        uint32_t caught_tid;
        uint64_t caught_ip; /* of the breakpoint instruction */
        uint64_t since_ns;  /* CLOCK_BOOTTIME: of this state */
};

/* on_change: state of a target changed (caught, gone, yielded, held again). */
int hold_new(struct hold **ret, sd_event *event, const char *state_dir,
             void (*on_change)(void *userdata, const struct hold_view *v), void *userdata);
struct hold *hold_free(struct hold *h); /* helpers stay; returns NULL */

/* -EALREADY: is held; catch is switched as asked. -EPERM: somebody traces it (*ret_holder, tid 0: not
 * known). -ESRCH, -EDQUOT, -E2BIG (threads). Waits at most HOLD_ANSWER_MS for all threads to be seized. */
int hold_take(struct hold *h, const struct task_ref *target, bool catch, struct task_ref *ret_holder);
/* Let go of every thread so that `owner` (pid 0: anybody) can attach. A caught process stays stopped
 * (group-stop) with its instruction pointer on the breakpoint again, so that the new tracer sees the stop.
 */
int hold_yield(struct hold *h, const struct task_ref *target, const struct task_ref *owner);
/* The owner's tracer has left, or is not coming: hold again. */
int hold_resume(struct hold *h, const struct task_ref *target);
/* Let go for good; the helper ends. A caught process gets its SIGTRAP unless it is traced by then. -ENOENT
 */
int hold_release(struct hold *h, const struct task_ref *target);
int hold_get(const struct hold *h, uint32_t pid, struct hold_view *ret); /* -ENOENT */
int hold_each(const struct hold *h, int (*fn)(void *userdata, const struct hold_view *v), void *userdata);

/* main() of `ptraced --hold PID --hold-start TICKS [--hold-catch] --state-dir DIR`. Exit status. */
int hold_helper_main(uint32_t pid, uint64_t start, bool catch, const char *state_dir);
