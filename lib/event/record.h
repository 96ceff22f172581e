/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * From what the BPF programs send (bpf/records.h) to events. Pure: bytes and numbers in, an event out. A
 * record that is too short, of no known type, or claims lengths it does not have is refused, never read
 * past.
 */

#include <stddef.h>
#include <stdint.h>

#include "bpf/records.h"
#include "lib/event/event.h"

#define NSEC_PER_TICK 10000000ULL /* USER_HZ is 100 on every Linux ABI we run on (proc(5), field 22) */

/* 0 with an event (without seq and wall time), or -EBADMSG. REC_TEXT is not an event by itself: -ENOTSUP. */
int record_to_event(const void *data, size_t size, struct event *ret);
/* The increments of one counter since the last look, as a counter event at last_ns. */
void counter_to_event(const struct count_key *key, const struct count_value *value, uint64_t delta,
                      uint64_t since_ns, struct event *ret);
void task_from_record(struct task_ref *ret, const struct rec_task *t);
