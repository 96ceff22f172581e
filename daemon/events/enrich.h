/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the kernel side could not say in its record is added from /proc and ELF files, before the event
 * reaches the model. Everything is best effort and bounded: the task asked about may be gone, its files may
 * be hostile. Facts that the kernel side has stated are kept.
 */

#include "bpf/records.h"
#include "lib/event/event.h"

/*
 * The target of a ptrace call that is known only as e->vpid, in the numbering of the caller: fills
 * e->target. -ESRCH if there is no such thread (any more), -ENOTUNIQ if it cannot be told which of several.
 */
int enrich_target(const struct task_ref *caller, struct event *e);

/* The child whose SIGCHLD a signal.suppressed is about, if it is still there: fills e->actor. */
void enrich_child(struct event *e);
/* Whether what a ptrace.plant is about lies in memory that may be run. */
void enrich_plant(struct event *e);

/*
 * Complete a ptrace.refused event: target, who holds it (tracer), facts (ATT_F_*), target_uid, yama,
 * modules. Returns as enrich_target(); the last two are filled in any case. With ESRCH in another pid namespace, target is the thread
 * that the *initial* namespace calls vpid, if there is one: the likely mix-up of numbers.
 */
int enrich_refused(struct event *e);

/* Which file a uprobe is in, and in which function. */
void enrich_uprobe(struct event *e);

/* The file capabilities that a traced program did not get: they are no part of what the kernel side can read. */
void enrich_exec(const struct rec_exec *r, struct event *e);

/* Make the text.scan event for a REC_TEXT record. The record is at least sizeof(*r) long. file_known is
 * false where nothing could be read. Repeated places are remembered in cache, which may be NULL. */
struct text_cache;
struct text_cache *text_cache_new(void); /* NULL: out of memory */
struct text_cache *text_cache_free(struct text_cache *cache);
void enrich_text_cached(struct text_cache *cache, const struct rec_text *r, struct event *e);
void enrich_text(const struct rec_text *r, struct event *e);
