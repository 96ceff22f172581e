/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Tracing relations as /proc shows them: those older than recording, and those that the model has wrong
 * because a hook was missed. Sources: /proc/PID/task/TID/status (TracerPid).
 */

#include "lib/event/event.h"
#include "lib/model/model.h"

#define SCAN_RELATIONS_MAX 65536 /* traced threads that are compared */

/* Takes an event that is complete but for seq and times. Non-zero ends the scan and is returned. */
typedef int (*scan_emit)(void *userdata, struct event *e);

/* What a comparison is given: where events go, and how the model is brought up to date. */
struct scan_means {
        void (*flush)(void *userdata);
        scan_emit emit;
        void *userdata;
};

/* For each traced thread: task.info of both processes (once each), then ptrace.attach with origin=scan. */
int scan_tracers(scan_emit emit, void *userdata);

/*
 * Compares /proc with the model's live sessions; where they differ it emits ptrace.detach cause=unseen, and
 * ptrace.attach origin=scan. A machine with many threads takes a while, so this goes by pieces, and others
 * have their turn in between.
 */
struct comparison;
int comparison_new(struct comparison **ret);              /* -ENOMEM */
struct comparison *comparison_free(struct comparison *c); /* returns NULL */
/*
 * One piece, which ends soon after until_ns (CLOCK_MONOTONIC). flush (may be NULL) is called once in
 * between, and brings into the model what the kernel has reported so far: what was merely on its way is then
 * no difference. 1: there is more to do; 0: done; -errno.
 */
int comparison_step(struct comparison *c, const struct model *m, uint64_t until_ns,
                    const struct scan_means *means);
