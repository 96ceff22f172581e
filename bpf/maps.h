/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_MAPS_H
#define PTRACED_MAPS_H

/*
 * Maps, knobs and the three things every program does: describe a task, decide whether an event becomes a
 * record or an increment, and count what could not be sent. Definitions are weak: each .bpf.c has them, the
 * linker keeps one. What only those need that observe is in observe.h: the guard is an object of its own.
 */

#include "bpf/kernel_types.h"
#include "bpf/records.h"

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, RING_BYTES);
} ring __weak SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __type(key, struct count_key);
        __type(value, struct count_value);
        __uint(max_entries, COUNT_KEYS_MAX);
} counters __weak SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __type(key, __u32);
        __type(value, __u64);
        __uint(max_entries, _REC_LOSS_MAX);
} losses __weak SEC(".maps");

/* How many records there were: rec_header.seq of the last one. */
struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __type(key, __u32);
        __type(value, __u64);
        __uint(max_entries, 1);
} sequence __weak SEC(".maps");

/*
 * A per-CPU allowance of records for events nobody asked about. One for each purpose: a machine that forks all day
 * has used up that of the SIGCHLDs before anybody replaces a handler.
 */
#define ALLOWANCE 64 /* records per CPU, window and purpose */
enum allowance_for {
        ALLOW_SIGCHLD,   /* of ordinary processes */
        ALLOW_HANDLER,   /* one is replaced by another */
        ALLOW_UNCOUNTED, /* the counters are full */
        _ALLOW_MAX
};
struct allowance {
        __u64 window_ns;
        __u64 used;
};
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __type(key, __u32);
        __type(value, struct allowance);
        __uint(max_entries, _ALLOW_MAX);
} allowances __weak SEC(".maps");

/* Set before loading. */
const volatile __u32 burst __weak = COUNT_BURST;
const volatile __u32 generation __weak = 0;

static __always_inline void count_loss(__u32 cause)
{
        __u64 *n = bpf_map_lookup_elem(&losses, &cause);

        if (n)
                *n += 1;
}

static __always_inline __u64 next_sequence(void)
{
        __u32 zero = 0;
        __u64 *n = bpf_map_lookup_elem(&sequence, &zero);

        return n ? __sync_fetch_and_add(n, 1) + 1 : 0;
}

/* Reserve and head a record. A program that gets NULL returns: the loss is counted. */
static __always_inline void *reserve_record(__u16 type, __u16 size, __u64 now)
{
        struct rec_header *h = NULL;

        /* The verifier wants a constant size: every caller passes sizeof. */
        h = bpf_ringbuf_reserve(&ring, size, 0);
        if (!h) {
                count_loss(LOSS_RING_FULL);
                return NULL;
        }
        h->type = type;
        h->size = size;
        h->generation = generation;
        h->time_ns = now;
        h->seq = next_sequence();
        return h;
}

static __always_inline void describe_nobody(struct rec_task *r)
{
        __builtin_memset(r, 0, sizeof(*r));
}

/* Any pointer to a task will do: reads are checked, a bad pointer gives zeroes. */
static __always_inline void describe_task(struct rec_task *r, const struct task_struct *t)
{
        describe_nobody(r);
        r->pid = BPF_CORE_READ(t, tgid);
        r->tid = BPF_CORE_READ(t, pid);
        r->start_ns = BPF_CORE_READ(t, group_leader, start_boottime);
        r->tid_start_ns = BPF_CORE_READ(t, start_boottime);
        bpf_core_read(r->comm, sizeof(r->comm), &t->comm);
}

/* Most processes have one thread, and that is its own leader. */
static __always_inline __u64 start_of_process(const struct task_struct *t)
{
        return t->pid == t->tgid ? t->start_boottime : BPF_CORE_READ(t, group_leader, start_boottime);
}

/*
 * The same for a pointer whose type the verifier knows (a program's argument, and what its members lead to):
 * members are plain loads, and a helper call costs as much as ten of them.
 */
static __always_inline void describe_typed_task(struct rec_task *r, const struct task_struct *t)
{
        const __u64 *comm = (const __u64 *)t->comm;
        __u64 *copy = (__u64 *)r->comm;

        r->pid = t->tgid;
        r->tid = t->pid;
        r->start_ns = start_of_process(t);
        r->tid_start_ns = t->start_boottime;
        copy[0] = comm[0];
        copy[1] = comm[1];
}

/* Who traces t: its parent, while ptrace is set (kernel/ptrace.c, __ptrace_link). */
static __always_inline void describe_tracer(struct rec_task *r, const struct task_struct *t)
{
        if (BPF_CORE_READ(t, ptrace))
                describe_task(r, BPF_CORE_READ(t, parent));
        else
                describe_nobody(r);
}

static __always_inline __u32 namespace_level(const struct task_struct *t)
{
        return BPF_CORE_READ(t, thread_pid, level);
}

/* As a namespace of that level numbers it; 0: not at all. */
static __always_inline __u32 number_of_pid(const struct pid *p, __u32 level)
{
        /* struct upid is { int nr; struct pid_namespace *ns; } since 2.6.24: 16 bytes. */
        struct {
                __s32 nr;
                __u32 pad;
                __u64 ns;
        } upid = {};

        if (!p || BPF_CORE_READ(p, level) < level)
                return 0;
        bpf_probe_read_kernel(&upid, sizeof(upid), (void *)((__u64)&p->numbers + level * sizeof(upid)));
        return upid.nr;
}

/* The pid of t as a namespace of that level numbers it. */
static __always_inline __u32 pid_in_namespace(const struct task_struct *t, __u32 level)
{
        return level ? number_of_pid(BPF_CORE_READ(t, thread_pid), level) : BPF_CORE_READ(t, pid);
}

/* Handler and flags, side by side in the kernel's struct: one read gets both, as numbers. */
struct action {
        __u64 handler, sa_flags;
};

/* Default, ignored, or a handler: count_key.handled. */
static __always_inline __u8 disposition(__u64 handler)
{
        return handler < 2 ? handler : 2;
}

static __always_inline void read_action(struct action *ret, const struct k_sigaction *ka)
{
        if (bpf_core_read(ret, sizeof(*ret), &ka->sa.sa_handler))
                *ret = (struct action){};
}

/*
 * A variable index into a kernel array is not relocated: step by the kernel's own element size. The pointer
 * is read as a number, as older verifiers allow no arithmetic on one they know the type of.
 */
static __always_inline void read_action_of(struct action *ret, struct task_struct *t, int sig)
{
        const struct sighand_struct *sighand = BPF_CORE_READ(t, sighand);
        const struct k_sigaction *first = &sighand->action[0];

        read_action(ret, (const void *)((__u64)first + (sig - 1) * bpf_core_type_size(struct k_sigaction)));
}

/* True while this CPU may still send a record of this kind that nobody asked for, in this window. */
static __always_inline bool take_allowance(enum allowance_for purpose, __u64 now)
{
        __u32 key = purpose;
        struct allowance *a = bpf_map_lookup_elem(&allowances, &key);

        if (!a)
                return false;
        if (now - a->window_ns >= COUNT_WINDOW_NS) {
                a->window_ns = now;
                a->used = 0;
        }
        if (a->used >= ALLOWANCE)
                return false;
        a->used += 1;
        return true;
}

/*
 * A new key: this event goes out as a record. Losing the race to insert is no harm: the other's value
 * serves. With the hash full there is nothing to limit a flood with but the allowance.
 */
static __always_inline bool start_counter(const struct count_key *key, __u64 now)
{
        struct count_value v = {.window_ns = now, .in_window = 1, .last_ns = now};

        if (!bpf_map_update_elem(&counters, key, &v, BPF_NOEXIST) || bpf_map_lookup_elem(&counters, key))
                return true;
        if (take_allowance(ALLOW_UNCOUNTED, now))
                return true;
        count_loss(LOSS_COUNTER_FULL);
        return false;
}

static __always_inline void count_event(struct count_value *v, __u64 now)
{
        if (!v->first_ns)
                v->first_ns = now;
        v->last_ns = now;
        __sync_fetch_and_add(&v->count, 1);
}

/*
 * The place of this event among the records of its key in this window, from 1; 0 when it is part of a flood:
 * then it has been counted and the program is done. Windows are kept without a lock: two CPUs may open one
 * twice and send a few records more than `burst`, but each event is either sent or counted, never both and
 * never neither.
 */
static __always_inline __u64 place_in_window(const struct count_key *key, __u64 now)
{
        struct count_value *v = bpf_map_lookup_elem(&counters, key);

        if (!v)
                return start_counter(key, now) ? 1 : 0;
        if (v->in_window >= burst && now - v->window_ns < COUNT_WINDOW_NS) {
                count_event(v, now);
                return 0;
        }
        if (now - v->window_ns >= COUNT_WINDOW_NS) {
                v->window_ns = now;
                v->in_window = 0;
        }
        v->last_ns = now;
        return __sync_fetch_and_add(&v->in_window, 1) + 1;
}

static __always_inline bool counted_as_flood(const struct count_key *key, __u64 now)
{
        return !place_in_window(key, now);
}

/* The record could not be sent: keep the total exact at least. */
static __always_inline void count_instead(const struct count_key *key, __u64 now)
{
        struct count_value *v = bpf_map_lookup_elem(&counters, key);

        if (v)
                count_event(v, now);
}

/* The record of an event that has no room in the ring is counted in its flood. */
static __always_inline void *reserve_or_count(const struct count_key *key, __u16 type, __u16 size, __u64 now)
{
        void *r = reserve_record(type, size, now);

        if (!r)
                count_instead(key, now);
        return r;
}

/* NULL: the event is part of a flood, or has no room; it has been counted. */
static __always_inline void *reserve_unless_flood(const struct count_key *key, __u16 type, __u16 size,
                                                  __u64 now)
{
        return counted_as_flood(key, now) ? NULL : reserve_or_count(key, type, size, now);
}

#endif
