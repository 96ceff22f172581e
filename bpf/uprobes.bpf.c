// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who puts a uprobe where, as perf_event_open(2) is told. A rare call; what is no uprobe leaves after a look at
 * its type. Probes by other means (tracefs, links of many uprobes) are not seen.
 */
#include "bpf/observe.h"

/* Set before loading: the number of the kernel's event source "uprobe", 0: it has none. */
const volatile __u32 uprobe_source = 0;

/* struct perf_event_attr, as the ABI fixes it. */
struct probe_attr {
        __u32 type, size;
        __u64 config, between[5];
        __u64 path, offset; /* config1, config2 */
};

static __always_inline int note_uprobe(const struct pt_regs *regs, long fd)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct probe_attr attr;
        struct rec_uprobe *r;
        __s32 only;

        if (!uprobe_source || fd < 0 ||
            bpf_probe_read_user(&attr, sizeof(attr), (void *)BPF_CORE_READ(regs, di)) ||
            attr.type != uprobe_source)
                return 0;
        watch_process(t->group_leader, WATCH_PROBER);
        r = reserve_record(REC_UPROBE, sizeof(*r), bpf_ktime_get_boot_ns());
        if (!r)
                return 0;
        only = BPF_CORE_READ(regs, si);
        describe_task(&r->agent, t);
        r->offset = attr.offset;
        r->ns_level = namespace_level(t);
        r->vpid = only > 0 ? only : only ? 0 : pid_in_namespace(t, r->ns_level);
        r->fd = fd;
        r->pad0 = 0;
        r->path[0] = 0;
        bpf_probe_read_user_str(r->path, sizeof(r->path), (void *)attr.path);
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

SEC("fexit/__x64_sys_perf_event_open")
int BPF_PROG(on_perf_event, const struct pt_regs *regs, long ret)
{
        return note_uprobe(regs, ret);
}

SEC("tp/syscalls/sys_exit_perf_event_open")
int exit_perf_event(struct sys_exit *ctx)
{
        return note_uprobe((struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf()), ctx->ret);
}
