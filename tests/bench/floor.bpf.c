// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor: programs that do nothing, that only count, and that only record, at the same two places as
 * bpf/signals.bpf.c.
 */
#include "bpf/kernel_types.h"
#include "tests/bench/floor.h"

char LICENSE[] SEC("license") = "GPL";

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, FLOOR_RING_BYTES);
} ring SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __type(key, struct floor_key);
        __type(value, struct floor_value);
        __uint(max_entries, FLOOR_KEYS_MAX);
} counters SEC(".maps");

__u64 lost = 0;

static __always_inline __u32 current_pid(void)
{
        return bpf_get_current_pid_tgid() >> 32;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(empty_generate, int sig, struct kernel_siginfo *info, struct task_struct *t, int group,
             int result)
{
        return 0;
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(empty_deliver, int sig, struct kernel_siginfo *info, struct k_sigaction *ka)
{
        return 0;
}

/* ---- a bare counter: look-up, atomic addition, clock --------------------------------------------- */

static __always_inline int count(__u32 pid, __u32 kind)
{
        struct floor_key key = {.pid = pid, .kind = kind};
        struct floor_value *v = bpf_map_lookup_elem(&counters, &key), first = {};

        if (!v) {
                bpf_map_update_elem(&counters, &key, &first, BPF_NOEXIST);
                v = bpf_map_lookup_elem(&counters, &key);
        }
        if (!v) {
                __sync_fetch_and_add(&lost, 1);
                return 0;
        }
        __sync_fetch_and_add(&v->count, 1);
        v->last_ns = bpf_ktime_get_boot_ns();
        return 0;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(count_generate, int sig, struct kernel_siginfo *info, struct task_struct *t, int group,
             int result)
{
        return count(t->tgid, COUNT_GENERATE);
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(count_deliver, int sig, struct kernel_siginfo *info, struct k_sigaction *ka)
{
        return count(current_pid(), COUNT_DELIVER);
}

/* ---- a bare record: 64 bytes, no wake-up --------------------------------------------------------- */

static __always_inline int record(__u32 pid, __u32 kind, int sig, int result)
{
        struct floor_record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
        __u64 current_ids;

        if (!r) {
                __sync_fetch_and_add(&lost, 1);
                return 0;
        }
        current_ids = bpf_get_current_pid_tgid();
        r->time_ns = bpf_ktime_get_boot_ns();
        r->pid = pid;
        r->kind = kind;
        r->sender = current_ids >> 32;
        r->sender_tid = current_ids;
        r->sig = sig;
        r->result = result;
        __builtin_memset(r->rest, 0, sizeof(r->rest));
        bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
        return 0;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(ring_generate, int sig, struct kernel_siginfo *info, struct task_struct *t, int group,
             int result)
{
        return record(t->tgid, COUNT_GENERATE, sig, result);
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(ring_deliver, int sig, struct kernel_siginfo *info, struct k_sigaction *ka)
{
        return record(current_pid(), COUNT_DELIVER, sig, 0);
}
