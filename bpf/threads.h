/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_THREADS_H
#define PTRACED_THREADS_H

/*
 * Processes that begin threads and end none. What has few of them pays for one look at their number; beyond
 * that a record is sent now and then, with who began the last one and what was on the creator's stack: which
 * library asked for it is found among the return addresses there.
 */

#include "bpf/observe.h"

/* A process that was seen from its first threads on starts from none; of an older one it cannot be told when
 * its threads began, and only more count. */
static __always_inline void begin_counting(struct watch *w, __u32 now)
{
        w->threads_before = now > THREADS_COUNTED + THREADS_STEP ? now - 1 : 0;
        w->threads_mark = now;
        w->threads_ended = 0;
}

static __always_inline int send_threads(struct task_struct *creator, const struct watch *w, __u32 now)
{
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(creator);
        struct rec_threads *r = reserve_record(REC_THREADS, sizeof(*r), bpf_ktime_get_boot_ns());

        if (!r)
                return 0;
        describe_typed_task(&r->creator, creator);
        r->count = now - w->threads_before;
        r->ended = w->threads_ended;
        r->pad = 0;
        BPF_CORE_READ_INTO(&r->comm, creator, group_leader, comm);
        r->words = bpf_probe_read_user(r->stack, sizeof(r->stack), (void *)BPF_CORE_READ(regs, sp))
                           ? 0
                           : REC_STACK_WORDS;
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

static __always_inline void note_thread(struct task_struct *creator)
{
        __u32 now = creator->signal->nr_threads - 1; /* all but the main thread */
        __u64 time;
        struct watch *w;

        if (now < THREADS_COUNTED)
                return;
        w = watch_of_or_new(creator->group_leader);
        if (!w)
                return;
        if (!w->threads_mark)
                begin_counting(w, now);
        time = bpf_ktime_get_boot_ns();
        if (now < w->threads_mark && time < w->threads_told_ns + THREADS_PERIOD_NS)
                return;
        w->threads_mark = now + (now < THREADS_MANY ? THREADS_STEP : now / 8);
        w->threads_told_ns = time;
        send_threads(creator, w, now);
}

static __always_inline void note_thread_end(struct task_struct *t)
{
        struct watch *w;

        if (t->signal->nr_threads <= THREADS_COUNTED)
                return;
        w = watch_of(t->group_leader);
        if (w && w->threads_mark)
                __sync_fetch_and_add(&w->threads_ended, 1);
}

#endif
