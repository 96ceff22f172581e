/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_MAPPINGS_H
#define PTRACED_MAPPINGS_H

/* What a task has mapped at an address. */

#include "bpf/kernel_types.h"

#define MAPLE_DEPTH     8     /* levels of the tree; 5 hold some 100,000 mappings */
#define MAPLE_NODE_MASK 0xffu /* nodes lie at multiples of 256; what is below says of which type they are */
#define MAPLE_ROOT_BIT  2     /* in the pointer to the root, if that is a node at all */
#define LOWEST_POINTER  4096

struct mapping {
        __u64 start, pgoff, flags;
        const struct file *file;
};

static long note_mapping(struct task_struct *t, struct vm_area_struct *vma, void *data)
{
        struct mapping *m = data;

        m->start = vma->vm_start;
        m->pgoff = vma->vm_pgoff;
        m->flags = vma->vm_flags;
        m->file = vma->vm_file;
        return 0;
}

/* The slot in which an address lies. Pivots that are not used are 0. */
static __always_inline __u32 maple_slot(const unsigned long *pivot, __u32 n, __u64 address)
{
        __u32 i;

        for (i = 0; i < n; i++)
                if (pivot[i] >= address || (i && !pivot[i]))
                        break;
        return i;
}

static __always_inline __u64 maple_next(__u64 node, bool inner, __u64 address)
{
        const struct maple_arange_64 *a = (const void *)node;
        const struct maple_range_64 *r = (const void *)node;
        unsigned long pivot[MAPLE_RANGE_PIVOTS] = {};
        __u64 next = 0, slots;

        if (inner) {
                bpf_core_read(pivot, MAPLE_ARANGE_PIVOTS * sizeof(pivot[0]), &a->pivot);
                slots = (__u64)&a->slot + 8 * maple_slot(pivot, MAPLE_ARANGE_PIVOTS, address);
        } else {
                bpf_core_read(pivot, sizeof(pivot), &r->pivot);
                slots = (__u64)&r->slot + 8 * maple_slot(pivot, MAPLE_RANGE_PIVOTS, address);
        }
        bpf_probe_read_kernel(&next, sizeof(next), (const void *)slots);
        return next;
}

/*
 * As mtree_range_walk(), without the lock: a program runs under RCU, and nodes live until its end. What comes
 * out is checked against the address.
 */
static __always_inline bool walk_mappings(const struct task_struct *t, __u64 address, struct mapping *m)
{
        const __u32 leaf = bpf_core_enum_value(enum maple_type, maple_leaf_64);
        const __u32 range = bpf_core_enum_value(enum maple_type, maple_range_64);
        const __u32 arange = bpf_core_enum_value(enum maple_type, maple_arange_64);
        __u64 entry = (__u64)BPF_CORE_READ(t, mm, mm_mt.ma_root);
        const struct vm_area_struct *vma;

        if (!(entry & MAPLE_ROOT_BIT))
                return false;
        for (int i = 0; i < MAPLE_DEPTH; i++) {
                __u32 type = entry >> 3 & 0xf;

                if (entry < LOWEST_POINTER || (type != leaf && type != range && type != arange))
                        return false;
                entry = maple_next(entry & ~(__u64)MAPLE_NODE_MASK, type == arange, address);
                if (type == leaf)
                        break;
        }
        vma = (const void *)entry;
        if (!vma || BPF_CORE_READ(vma, vm_start) > address || BPF_CORE_READ(vma, vm_end) <= address)
                return false;
        m->start = BPF_CORE_READ(vma, vm_start);
        m->pgoff = BPF_CORE_READ(vma, vm_pgoff);
        m->flags = BPF_CORE_READ(vma, vm_flags);
        m->file = BPF_CORE_READ(vma, vm_file);
        return true;
}

/*
 * False: it cannot be told. bpf_find_vma() needs a per-CPU irq_work while interrupts are off, and there is one:
 * where another program (a second daemon's) has taken it, or the map is locked, the answer is EBUSY. Then the
 * tree is walked, which all kernels from 6.1 on have.
 */
static __always_inline bool find_mapping(struct task_struct *t, __u64 address, struct mapping *m)
{
        long r = bpf_find_vma(t, address, note_mapping, m, 0);

        if (r != -EBUSY)
                return !r;
        return bpf_core_field_exists(t->mm->mm_mt) && walk_mappings(t, address, m);
}

#endif
