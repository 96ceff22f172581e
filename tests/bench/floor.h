/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_BENCH_FLOOR_H
#define PTRACED_BENCH_FLOOR_H

/*
 * What floor.bpf.c and floor.c share: the least a program can do with a signal and still be called a counter
 * or a recorder. Measured beside ptraced, so that its cost can be told from the cost of being called at all.
 */

#include "bpf/records.h"

#define FLOOR_RING_BYTES (4u << 20)
#define FLOOR_KEYS_MAX   16384

struct floor_key {
        rec_u32 pid;  /* target process */
        rec_u32 kind; /* enum count_kind */
};

struct floor_value {
        rec_u64 count, last_ns;
};

struct floor_record {
        rec_u64 time_ns;
        rec_u32 pid; /* target process */
        rec_u32 kind;
        rec_u32 sender, sender_tid;
        rec_s32 sig, result;
        rec_u64 rest[4]; /* the notes' record is 64 bytes */
};

#endif
