/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Records that were in the ring before the pump began to read it: those an earlier daemon had no time for,
 * and what its guard refused since. They are kept here while the programs prove themselves on the same ring,
 * and told before anything else.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/records.h"

#define BACKLOG_MAX RING_BYTES /* bytes kept; more never was in the ring at once */

struct backlog;

/* Empties the ring. keep: which records; NULL: all. Those with no room are counted, in backlog_lost(). */
int backlog_take(struct backlog **b, int ring_fd,
                 bool (*keep)(void *userdata, const struct rec_header *h, size_t size), void *userdata);
/* The same with a ring of 0.1.0: its records are brought into today's form. */
int backlog_take_earlier(struct backlog **b, int ring_fd);
/* Refusals by the guard: nobody else's records are of interest while the programs are being proved. */
bool backlog_is_refusal(const struct rec_header *h);
/* One record, by a reader of its own. */
int backlog_add(struct backlog **b, const void *data, size_t size);
void backlog_each(const struct backlog *b, void (*fn)(void *userdata, const void *data, size_t size),
                  void *userdata);
uint64_t backlog_lost(const struct backlog *b);
struct backlog *backlog_free(struct backlog *b);
