/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * SIGTRAPs that came while somebody traced the thread: which tracer was seen to stop where, and which stop
 * may still be unread when that tracer goes. At most STOPS_MAX, and STOPS_OF_ONE_MAX of one process, so that
 * no process makes the others' be forgotten; the oldest go first. Pure.
 */

#include <stddef.h>

#include "lib/diagnosis/sigtrap.h"

#define STOPS_MAX        256
#define STOPS_OF_ONE_MAX 32

struct stop {
        enum sigtrap_kind kind;
        int32_t code;
        struct task_ref target, tracer, sender, parent;
        uint32_t sender_uid;
        uint64_t ip, seq, time_ns;
};

struct stops {
        struct stop list[STOPS_MAX]; /* oldest first */
        size_t n;
};

/* From a signal.generate of SIGTRAP to a traced thread. */
void stops_note(struct stops *all, const struct event *e);
/* Other text now: what was seen at its addresses says nothing any more. */
void stops_forget(struct stops *all, const struct task_ref *process);
/* The last one of that thread; NULL: none is remembered. */
const struct stop *stops_last(const struct stops *all, const struct task_ref *thread);
/* A breakpoint of that process at which that tracer got a stop; ip: as the signal had it, behind the int3. */
const struct stop *stops_at(const struct stops *all, const struct task_ref *process,
                            const struct task_ref *tracer, uint64_t ip);
