/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Loads the BPF programs: probes each hook by really loading it, picks the tier, attaches, and says for
 * every hook what became of it. Owns the BPF object, its maps and links until loader_free().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bpf/records.h"
#include "tier.h"

struct loader;
struct bpf_object;

enum hook_state {
        HOOK_UNUSED, /* not needed in this tier */
        HOOK_ATTACHED,
        HOOK_WORKING, /* attached, and has run since (its run count or our own self-test says so) */
        HOOK_MISSING, /* the kernel does not have or does not allow it: see reason */
        _HOOK_STATE_MAX,
};

struct hook {
        const char *program; /* name of the BPF program, "sys_exit_ptrace" */
        const char *section; /* "tp/syscalls/sys_exit_ptrace" */
        const char *sees;    /* what it tells us, for people */
        enum hook_state state;
        char reason[160]; /* why it is missing, a sentence without a full stop; "" otherwise */
};

/*
 * wanted: a tier, or TIER_BEST to take the most this kernel allows. A forced tier that does not load is an
 * error; TIER_BEST never is: at worst the result's tier is TIER_PROC with the reason in loader_reason().
 * error gets one sentence.
 */
int loader_new(struct loader **ret, int wanted, char *error, size_t size);
struct loader *loader_free(struct loader *l); /* detaches everything; returns NULL */

enum tier loader_tier(const struct loader *l);
/* Why the tier is not a better one, as a sentence; "" in tier full. */
const char *loader_reason(const struct loader *l);
/* Every hook of every tier, with its state refreshed. The array belongs to the loader. */
const struct hook *loader_hooks(struct loader *l, size_t *ret_n);

int loader_ring_fd(const struct loader *l);     /* -1 in tier proc */
int loader_counters_fd(const struct loader *l); /* hash count_key -> count_value */
int loader_watch_fd(const struct loader *l);    /* task storage struct watch, keyed by pidfd */
/* Events lost by cause since loading, summed over CPUs, with the programs the kernel skipped. */
void loader_losses(struct loader *l, uint64_t losses[_REC_LOSS_MAX]);
/* How often hook number i has run while the kernel kept run-time statistics; 0 when it is not loaded. */
uint64_t loader_runs(const struct loader *l, size_t i);
/* Sleep protocol with the programs: armed, the next record wakes the ring's epoll; unarmed, none does. */
void loader_arm_wakeup(struct loader *l, bool armed);
/* Set watch bits on a live process, from user space. -ESRCH if it is gone. */
int loader_watch(struct loader *l, uint32_t pid, uint32_t bits);
