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

/* For each traced thread: task.info of both processes (once each), then ptrace.attach with origin=scan. */
int scan_tracers(scan_emit emit, void *userdata);

/*
 * Compare /proc with the model's live sessions; where they differ emit ptrace.detach cause=unseen, and
 * ptrace.attach origin=scan. flush (may be NULL) is called in between and brings into the model what the
 * kernel has reported so far: what was merely on its way is then no difference. Returns the number of
 * differences, or -errno.
 */
int scan_reconcile(const struct model *m, void (*flush)(void *userdata), scan_emit emit, void *userdata);
