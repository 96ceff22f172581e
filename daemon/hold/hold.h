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

#include "daemon/hold/hold_view.h"

struct hold;

/* on_change: state of a target changed (caught, gone, yielded, held again). Finds the helpers of an earlier
 * daemon again, and waits for their first words, at most HOLD_ADOPT_MS for all: it is called at start,
 * before the event loop runs. Nothing else here waits. */
int hold_new(struct hold **ret, sd_event *event, const char *state_dir,
             void (*on_change)(void *userdata, const struct hold_view *v), void *userdata);
struct hold *hold_free(struct hold *h); /* helpers stay, nobody is answered any more; returns NULL */

/*
 * Requests. What is known at once is returned: a negative error, and done is not called. 0: done is called
 * once, from the event loop and never from inside a call, when the helper has answered, has ended, or has
 * not answered for HOLD_ANSWER_MS (-ETIMEDOUT). done NULL: nobody wants to know. -EBUSY: HOLD_ASKED_MAX
 * requests for that process wait already.
 */

enum hold_catch { /* freeze at orphan breakpoints? */
        HOLD_CATCH_OFF,
        HOLD_CATCH_ON,
        HOLD_CATCH_AS_IT_IS, /* off, if it is not held yet */
};

/* Told: 0, held now. -EALREADY: it was held before; catch is switched. -EPERM: somebody traces it (holder,
 * pid 0: not known). -ESRCH, -E2BIG (threads), -ECONNRESET (the helper ended meanwhile). Returned: -EDQUOT,
 * -EINVAL (ptraced itself or a helper). If nobody waits for it any more, a hold that could not be taken by
 * then is not taken. done is not NULL. */
int hold_take(struct hold *h, const struct task_ref *target, enum hold_catch catch, hold_done done,
              void *userdata);
/* Let go of every thread so that `owner` (pid 0: anybody) can attach. A caught process stays stopped
 * (group-stop) with its instruction pointer on the breakpoint again, so that the new tracer sees the stop.
 * -ENOENT: it is not held. -ESRCH: its helper has ended. Both for hold_resume(), too. */
int hold_yield(struct hold *h, const struct task_ref *target, const struct task_ref *owner, hold_done done,
               void *userdata);
/* The owner's tracer has left, or is not coming: hold again. */
int hold_resume(struct hold *h, const struct task_ref *target, hold_done done, void *userdata);
/* Let go for good; the helper ends. A caught process gets its SIGTRAP unless it is traced by then. -ENOENT
 */
int hold_release(struct hold *h, const struct task_ref *target, hold_done done, void *userdata);
/* When the helper has done what it was asked to do before: let in, let go. -ENOENT: it is not held, and
 * nothing is under way. */
int hold_settle(struct hold *h, const struct task_ref *target, hold_done done, void *userdata);
/* Who asked is gone: done is not called with that userdata any more. What was asked of a helper is done all
 * the same, but a hold that was taken for nobody else is let go of. */
void hold_cancel(struct hold *h, hold_done done, const void *userdata);

int hold_get(const struct hold *h, uint32_t pid, struct hold_view *ret); /* -ENOENT */
int hold_each(const struct hold *h, int (*fn)(void *userdata, const struct hold_view *v), void *userdata);
/* Is this process one of the helpers, or the tracer of one, also of those that have not answered yet? */
bool hold_is_helper(const struct hold *h, uint32_t pid);

/* main() of `ptraced --hold PID --hold-start TICKS [--hold-catch] --state-dir DIR`. Exit status. */
int hold_helper_main(uint32_t pid, uint64_t start, bool catch, const char *state_dir);
