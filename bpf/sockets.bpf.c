// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debuggers that are reached over TCP: Xdebug, which connects to the port its client listens at, and Delve,
 * which listens itself. The hook sees changes of state only, and leaves after a look at two bits where the
 * ports are not a debugger's.
 */
#include "bpf/observe.h"
#include "bpf/mappings.h"

#define DIALS_MAX   1024
#define STACK_WORDS 24 /* looked at for who called connect(2): the C library's part of the stack is above */

/* A bit a port, set by the reader: those that Xdebug's clients listen at ... */
__u8 dbgp_ports[65536 / 8] = {};
/* ... those that Xdebug was seen to connect to, whatever its setting says ... */
__u8 xdebug_ports[65536 / 8] = {};
/* ... and those of Delve. The programs below add to both. */
__u8 dlv_ports[65536 / 8] = {};

/* Of a connection that Xdebug begins, to such a port: who called connect(2). What follows happens in anybody's context. */
struct dial {
        struct rec_task task, parent;
        __u64 since_ns;
};
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __type(key, __u64);
        __type(value, struct dial);
        __uint(max_entries, DIALS_MAX);
} dials SEC(".maps");

/* The compiler knows the bound from the port's type, and would leave the mask out; verifiers of 6.1 do not. */
static __always_inline __u32 byte_of(__u16 port)
{
        __u32 at = port >> 3;

        barrier_var(at);
        return at & 0x1fff;
}

static __always_inline bool is_marked(const __u8 *ports, __u16 port)
{
        return ports[byte_of(port)] & 1 << (port & 7);
}

static __always_inline void add_mark(__u8 *ports, __u16 port)
{
        ports[byte_of(port)] |= 1 << (port & 7);
}

static __always_inline __u16 remote_port(const struct sock *sk)
{
        return __builtin_bswap16(sk->__sk_common.skc_dport);
}

/* Unrolled, so that it compares with constants: there is no memcmp() here. */
#define begins_with(name, what)                                                              \
        ({                                                                                   \
                bool same_ = true;                                                           \
                _Pragma("unroll") for (int i_ = 0; i_ < (int)sizeof(what) - 1; i_++) same_ = \
                        same_ && (name)[i_] == (what)[i_];                                   \
                same_;                                                                       \
        })

enum code_of {
        CODE_OF_NOBODY, /* no code is mapped there, or the C library's: who called it lies further down */
        CODE_OF_XDEBUG,
        CODE_OF_OTHERS,
};

/* Whose code the running task has mapped at an address: enum code_of. */
__noinline int whose_code(__u64 address)
{
        struct task_struct *t = (struct task_struct *)bpf_get_current_task_btf();
        struct mapping m = {};
        const struct file *file;
        char name[8] = {};

        if (address < LOWEST_POINTER || !find_mapping(t, address, &m) || !(m.flags & VM_EXEC))
                return CODE_OF_NOBODY;
        file = m.file;
        if (!file)
                return CODE_OF_NOBODY;
        bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
        if (begins_with(name, "xdebug."))
                return CODE_OF_XDEBUG;
        /* libc.so, libc-2.31.so, libc.musl; libpthread; ld-musl, which is musl's. */
        if (begins_with(name, "libc.") || begins_with(name, "libc-") || begins_with(name, "libpthr") ||
            begins_with(name, "ld-musl"))
                return CODE_OF_NOBODY;
        return CODE_OF_OTHERS;
}

/*
 * Is it Xdebug that called connect(2)? A program with Xdebug has connections of its own, too, and some to these
 * ports. The address to return to is at the top of the stack, or a few words down where the C library called a
 * function of its own; the first one that is not the C library's decides.
 */
static __always_inline bool called_by_xdebug(struct task_struct *t)
{
        struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);
        __u64 sp = BPF_CORE_READ(regs, sp), word = 0;

        for (int i = 0; i < STACK_WORDS; i++) {
                int whose = CODE_OF_NOBODY;

                if (!bpf_probe_read_user(&word, sizeof(word), (const void *)(sp + 8 * i)))
                        whose = whose_code(word);
                if (whose != CODE_OF_NOBODY)
                        return whose == CODE_OF_XDEBUG;
        }
        return false;
}

static __always_inline void note_dial(__u64 id, __u16 port)
{
        struct task_struct *t = (struct task_struct *)bpf_get_current_task_btf();
        struct dial d = {.since_ns = bpf_ktime_get_boot_ns()};

        if (!BPF_CORE_READ(t, mm) || !called_by_xdebug(t))
                return;
        describe_task(&d.task, t);
        describe_task(&d.parent, BPF_CORE_READ(t, group_leader, real_parent));
        bpf_map_update_elem(&dials, &id, &d, BPF_ANY);
        add_mark(xdebug_ports, port);
}

static __always_inline void read_addresses(struct rec_connect *r, const struct sock *sk)
{
        const struct sock_common *c = &sk->__sk_common;

        __builtin_memset(r->local, 0, sizeof(r->local));
        __builtin_memset(r->remote, 0, sizeof(r->remote));
        r->family = c->skc_family;
        if (r->family != AF_INET6) {
                bpf_core_read(r->local, 4, &c->skc_rcv_saddr);
                bpf_core_read(r->remote, 4, &c->skc_daddr);
        } else if (bpf_core_field_exists(c->skc_v6_daddr)) {
                bpf_core_read(r->local, sizeof(r->local), &c->skc_v6_rcv_saddr);
                bpf_core_read(r->remote, sizeof(r->remote), &c->skc_v6_daddr);
        }
}

static __always_inline struct rec_connect *reserve_connect(const struct sock *sk, __u8 what, __u64 now)
{
        struct rec_connect *r = reserve_record(REC_CONNECT, sizeof(*r), now);

        if (!r)
                return NULL;
        describe_nobody(&r->task);
        describe_nobody(&r->parent);
        r->waited_ns = r->received = 0;
        r->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
        r->error = 0;
        r->local_port = sk->__sk_common.skc_num;
        r->remote_port = remote_port(sk);
        r->what = what;
        r->flags = 0;
        read_addresses(r, sk);
        return r;
}

static __always_inline bool may_tell(const struct rec_task *t, __u8 what, __u64 now)
{
        struct count_key key = {.kind = COUNT_CONNECT, .sig = what, .pid = t->pid, .start_ns = t->start_ns};

        return !counted_as_flood(&key, now);
}

/* What became of an established one; 0: it lasts. */
static __always_inline __u8 kind_of_end(int newstate)
{
        switch (newstate) {
        case TCP_CLOSE_WAIT:
                return CONNECT_PEER_ENDED;
        case TCP_FIN_WAIT1:
        case TCP_CLOSE:
                return CONNECT_ENDED;
        default:
                return 0;
        }
}

static __always_inline __u8 kind_of_change(int oldstate, int newstate)
{
        if (oldstate == TCP_ESTABLISHED)
                return kind_of_end(newstate);
        if (newstate == TCP_ESTABLISHED)
                return CONNECT_OPENED;
        return oldstate == TCP_SYN_SENT && newstate == TCP_CLOSE ? CONNECT_FAILED : 0;
}

static __always_inline void fill_change(struct rec_connect *r, const struct sock *sk)
{
        r->error = sk->sk_err;
        if (r->what == CONNECT_ENDED && r->error)
                r->what = CONNECT_PEER_ENDED;
        r->received = BPF_CORE_READ((const struct tcp_sock *)sk, bytes_received);
}

static __always_inline int tell_client(const struct sock *sk, int oldstate, int newstate)
{
        __u64 id = (__u64)sk, now = bpf_ktime_get_boot_ns();
        __u8 what = kind_of_change(oldstate, newstate);
        struct dial *d = what ? bpf_map_lookup_elem(&dials, &id) : NULL;
        struct rec_connect *r;

        if (!d)
                return 0;
        r = may_tell(&d->task, what, now) ? reserve_connect(sk, what, now) : NULL;
        if (r) {
                r->task = d->task;
                r->parent = d->parent;
                r->flags = CONNECT_F_XDEBUG;
                r->waited_ns = now - d->since_ns;
                fill_change(r, sk);
                bpf_ringbuf_submit(r, submit_flags());
        }
        if (what != CONNECT_OPENED)
                bpf_map_delete_elem(&dials, &id);
        return 0;
}

/* The end that listened: whose it is, is known of who listens. */
static __always_inline int tell_server(const struct sock *sk, int oldstate, int newstate)
{
        __u8 what = kind_of_change(oldstate, newstate);
        __u64 now = bpf_ktime_get_boot_ns();
        struct rec_task nobody = {.pid = sk->__sk_common.skc_num};
        struct rec_connect *r;

        if (!what || !may_tell(&nobody, what, now))
                return 0;
        r = reserve_connect(sk, what, now);
        if (!r)
                return 0;
        r->flags = CONNECT_F_SERVER;
        fill_change(r, sk);
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

/* Only such a program's stack is looked at where the port says nothing. */
static __always_inline bool runs_php(struct task_struct *t)
{
        char comm[REC_COMM_LEN];

        bpf_core_read(comm, sizeof(comm), &t->group_leader->comm);
        return comm[0] == 'p' && comm[1] == 'h' && comm[2] == 'p';
}

static __always_inline bool runs_delve(struct task_struct *t)
{
        char comm[REC_COMM_LEN];

        bpf_core_read(comm, sizeof(comm), &t->group_leader->comm);
        return comm[0] == 'd' && comm[1] == 'l' && comm[2] == 'v' && (!comm[3] || comm[3] == '-');
}

static __always_inline int tell_listener(const struct sock *sk, int newstate)
{
        struct task_struct *t = (struct task_struct *)bpf_get_current_task_btf();
        __u8 what = newstate == TCP_LISTEN ? CONNECT_LISTENS : CONNECT_LISTENS_NO_MORE;
        __u64 now = bpf_ktime_get_boot_ns();
        __u16 port = sk->__sk_common.skc_num;
        struct rec_task who;
        struct rec_connect *r;

        if (newstate == TCP_LISTEN && runs_delve(t))
                add_mark(dlv_ports, port);
        if (!is_marked(dbgp_ports, port) && !is_marked(xdebug_ports, port) && !is_marked(dlv_ports, port))
                return 0;
        describe_task(&who, t);
        r = may_tell(&who, what, now) ? reserve_connect(sk, what, now) : NULL;
        if (!r)
                return 0;
        r->task = who;
        describe_task(&r->parent, BPF_CORE_READ(t, group_leader, real_parent));
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_socket_state, const struct sock *sk, int oldstate, int newstate)
{
        __u16 port = remote_port(sk);

        /* A socket that is accepted begins as a copy of the one that listens: that is no end of it. */
        if (newstate == TCP_LISTEN || (oldstate == TCP_LISTEN && newstate == TCP_CLOSE))
                return tell_listener(sk, newstate);
        if (newstate == TCP_SYN_SENT) {
                if (is_marked(dbgp_ports, port) ||
                    runs_php((struct task_struct *)bpf_get_current_task_btf()))
                        note_dial((__u64)sk, port);
                return 0;
        }
        if (is_marked(dbgp_ports, port) || is_marked(xdebug_ports, port))
                return tell_client(sk, oldstate, newstate);
        if (is_marked(dlv_ports, sk->__sk_common.skc_num))
                return tell_server(sk, oldstate, newstate);
        return 0;
}
