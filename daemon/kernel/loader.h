/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Loads the BPF programs: probes each hook by really loading it, picks the tier, attaches, and says for
 * every hook what became of it. Owns the BPF object, its maps and links until loader_free().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/records.h"
#include "lib/event/tier.h"
#include "lib/wire/config.h"
#include "daemon/kernel/hook.h"

struct loader;
struct bpf_object;
struct backlog;
struct guard_pins;

/*
 * wanted: a tier, or TIER_BEST to take the most this kernel allows. A forced tier that does not load is an
 * error; TIER_BEST never is: at worst the result's tier is TIER_PROC with the reason in loader_reason().
 * error gets one sentence. pins: what an earlier daemon left pinned (guard_pins.h), whose ring, counters and
 * losses are used on; NULL: nothing. watch_seccomp: in tier full, attaches that a filter refuses are watched,
 * which costs all programs that run under one.
 */
int loader_new(struct loader **ret, int wanted, bool watch_seccomp, const struct guard_pins *pins,
               char *error, size_t size);
struct loader *loader_free(struct loader *l); /* detaches everything; returns NULL */

enum tier loader_tier(const struct loader *l);
/* Why the tier is not a better one, as a sentence; "" in tier full. */
const char *loader_reason(const struct loader *l);
/* Every hook of every tier, with its state refreshed. The array belongs to the loader. */
const struct hook *loader_hooks(const struct loader *l, size_t *ret_n);

/* The program of that name, of those that hooks are of, is attached. */
bool loader_runs(const struct loader *l, const char *program);
/* An attach that a seccomp filter refuses is seen. */
bool loader_watches_seccomp(const struct loader *l);
/* The programs find the target of a refused attach themselves: always in tier full, elsewhere where the kernel
 * has a function for it. Otherwise /proc is asked afterwards. */
bool loader_finds_targets(const struct loader *l);

int loader_ring_fd(const struct loader *l);     /* -1 in tier proc */
int loader_sequence_fd(const struct loader *l); /* array of one u64: records so far */
int loader_counters_fd(const struct loader *l); /* hash count_key -> count_value */
int loader_losses_fd(const struct loader *l);   /* per-CPU array of enum rec_loss */
/* What user space has told of counters and losses, in maps of its own: they are pinned with the others, so
 * that the next daemon goes on from there. */
int loader_counters_read_fd(const struct loader *l); /* hash count_key -> u64 */
int loader_losses_read_fd(const struct loader *l);   /* array of u64 by enum rec_loss */
int loader_watch_fd(const struct loader *l);         /* task storage struct watch, keyed by pidfd */
/* Events lost by cause, summed over CPUs, with the programs the kernel skipped: since loading, or since an
 * earlier daemon told of its own. */
void loader_losses(struct loader *l, uint64_t losses[_REC_LOSS_MAX]);
/* These have been told. */
void loader_told_losses(struct loader *l, const uint64_t losses[_REC_LOSS_MAX]);
/* Records of an earlier daemon's ring, and refusals by its guard since; NULL: none. Freed with the loader.
 */
const struct backlog *loader_backlog(const struct loader *l);
/* Records in a ring of 0.1.0's join the backlog; ring_fd -1: nothing. */
void loader_take_earlier(struct loader *l, int ring_fd);
/* While the guard proves itself on a ring that nobody reads yet: records it wants to keep join the backlog,
 * the others are dropped. */
void loader_skim_ring(struct loader *l,
                      bool (*keep)(void *userdata, const struct rec_header *h, size_t size), void *userdata);
/* When our own programs were attached, CLOCK_BOOTTIME: what was counted before is an earlier daemon's. */
uint64_t loader_attached_ns(const struct loader *l);
/* Sleep protocol with the programs: armed, the next record wakes the ring's epoll; unarmed, none does. */
void loader_arm_wakeup(struct loader *l, bool armed);
/* Set watch bits on a live process, from user space. -ESRCH if it is gone. */
int loader_watch(struct loader *l, uint32_t pid, uint32_t bits);
/* Connections to that port are told: Delve listens there. */
void loader_watch_delve_port(struct loader *l, uint16_t port);
/* Ports that DBGp clients listen at, from now on; those that Xdebug connects to are learned, too. */
void loader_watch_dbgp_ports(struct loader *l, const struct port_list *ports);
const struct port_list *loader_dbgp_ports(const struct loader *l); /* none in tier proc */
/* Signals that are recorded beside those that always are, bit 0 for signal 1; from now on. */
void loader_watch_signals(struct loader *l, uint64_t signals);
uint64_t loader_watched_signals(const struct loader *l); /* 0 in tier proc, which sees none */
