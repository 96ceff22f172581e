// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guard: at the access check of a ptrace attach, gather the facts that decide.h wants and answer with
 * its verdict. Two mechanisms, of which one is attached: the BPF LSM, and fmod_ret on the same two
 * functions.
 *
 * Nothing here depends on a program that the kernel can skip (fentry, fexit, tracepoints): a slot that was
 * not given back ends by itself, and who traces a target is read from its threads. The kernel makes one
 * attach wait for another on the same process (cred_guard_mutex); the slot does not rely on it, and keeps a
 * traceme from slipping in between.
 *
 * The object has maps of its own, and shares the ring, counters and losses of the observing one.
 */
#include "bpf/decide.h"
#include "bpf/guard_rules.h"

#define SLOT_TRIES   3
#define MEMORY_BURST 4 /* records of memory accesses per window and caller; readers read all day long */

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __type(key, struct guard_process);
        __type(value, struct guard_claim);
        __uint(max_entries, GUARD_CLAIMS_MAX);
} guard_claims SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __type(key, struct guard_process);
        __type(value, struct guard_slot);
        __uint(max_entries, GUARD_SLOTS_MAX);
} guard_slots SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __type(key, __u32);
        __type(value, struct guard_config);
        __uint(max_entries, 1);
} guard_config SEC(".maps");

/* One access check under way: pointers whose type the verifier has to know. The rest is in the scratch. */
struct check {
        struct task_struct *caller; /* who makes the call; of a traceme: the target itself */
        struct task_struct *tracer; /* a thread of the process that is to trace */
        struct task_struct *target;
        struct scratch *s;
        const struct guard_config *config;
        struct guard_process key; /* of the target */
};

static __always_inline void name_process(struct guard_process *ret, const struct task_struct *t)
{
        ret->pid = t->tgid;
        ret->pad = 0;
        ret->start = start_of_process(t) / GUARD_TICK_NS;
}

/* ---- what is asked for ------------------------------------------------------------------------------- */

/*
 * A real attach, or another way to the target's memory? The hook is the same; the system call's number
 * tells. Its upper half is not the kernel's business: a program may put there what it likes.
 */
static __always_inline bool asks_to_attach(struct task_struct *caller, __u64 *ret_request)
{
        const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(caller);
        __u32 nr = regs->orig_ax;

        *ret_request = nr;
        if (caller->flags & PF_KTHREAD)
                return false;
        if (caller->thread_info.status & TS_COMPAT) {
                if (nr != IA32_NR_PTRACE)
                        return false;
                *ret_request = (__u32)regs->bx;
        } else if (nr == X32_NR_PTRACE)
                *ret_request = (__u32)regs->di;
        else if (nr == __NR_ptrace)
                *ret_request = regs->di;
        else
                return false;
        return *ret_request == PTRACE_ATTACH || *ret_request == PTRACE_SEIZE;
}

/* Shares the target's memory, or is its child: LeakSanitizer, a crash handler. */
static __always_inline bool is_own_helper(const struct task_struct *caller, const struct task_struct *target)
{
        return (caller->mm && caller->mm == target->mm) || caller->real_parent->tgid == target->tgid;
}

/* ---- claims ------------------------------------------------------------------------------------------ */

static __always_inline bool descends_from(const struct task_struct *t, const struct guard_process *ancestor)
{
        for (int i = 0; i <= GUARD_ANCESTORS_MAX; i++) {
                if (!t->tgid)
                        return false;
                if ((__u32)t->tgid == ancestor->pid &&
                    t->group_leader->start_boottime / GUARD_TICK_NS == ancestor->start)
                        return true;
                t = t->real_parent;
        }
        return false;
}

static __always_inline bool is_in_cgroup(const struct task_struct *t, __u64 id)
{
        const struct kernfs_node *n = BPF_CORE_READ(t, cgroups, dfl_cgrp, kn);

        for (int i = 0; i < GUARD_PATH_DEPTH && n; i++) {
                if (BPF_CORE_READ(n, id) == id)
                        return true;
                n = kernfs_parent(n);
        }
        return false;
}

static __always_inline bool runs_file(const struct task_struct *t, __u32 dev, __u64 inode)
{
        const struct inode *i = BPF_CORE_READ(t, mm, exe_file, f_inode);

        return i && BPF_CORE_READ(i, i_ino) == inode && BPF_CORE_READ(i, i_sb, s_dev) == dev;
}

static __noinline bool owner_admits(const struct guard_owner *o, const struct task_struct *tracer)
{
        switch (o->kind) {
        case OWNER_PROCESS:
                return descends_from(tracer, &o->process);
        case OWNER_EXE:
                return runs_file(tracer, o->dev, o->inode);
        case OWNER_UID:
                return uid_of(tracer) == o->uid;
        case OWNER_CGROUP:
                return is_in_cgroup(tracer, o->cgroup);
        default:
                return false;
        }
}

static __always_inline bool runs_as_only(const struct task_struct *t, __u32 uid)
{
        const struct cred *c = BPF_CORE_READ(t, real_cred);

        return BPF_CORE_READ(c, uid.val) == uid && BPF_CORE_READ(c, euid.val) == uid &&
               BPF_CORE_READ(c, suid.val) == uid;
}

/* User space may replace the claim meanwhile, and the kernel use the old one's memory for another: what was
 * copied counts if the claim was in the same place before and after. */
static __always_inline bool copy_claim(struct guard_claim *ret, const struct guard_process *key)
{
        for (int i = 0; i < SLOT_TRIES; i++) {
                const struct guard_claim *claim = bpf_map_lookup_elem(&guard_claims, key);

                if (!claim)
                        return false;
                __builtin_memcpy(ret, claim, __builtin_offsetof(struct guard_claim, token));
                if (bpf_map_lookup_elem(&guard_claims, key) == claim)
                        return true;
        }
        return true;
}

static __always_inline void look_at_claim(const struct check *c)
{
        const struct guard_claim *claim = &c->s->claim;

        if (!copy_claim(&c->s->claim, &c->key))
                return;
        if (claim->end_ns && claim->end_ns <= c->s->now)
                return;
        if (!(claim->flags & CLAIM_F_PRIVILEGED) && !runs_as_only(c->target, claim->made_by_uid))
                return;
        c->s->claim_id = claim->id;
        c->s->facts.claim_mode = claim->mode;
        c->s->facts.claim = owner_admits(&claim->owner, c->tracer) ? FACT_CLAIM_OURS : FACT_CLAIM_OTHERS;
}

static __always_inline void look_at_rules(const struct check *c)
{
        __u64 where = *(const volatile __u64 *)&c->config->n_rules; /* and rules_at: they change together */
        __u32 at = where >> 32, n = where;
        const struct guard_rule *r;

        if (!n)
                return;
        if (!find_rule(c->s, c->target, at, n))
                return;
        r = rule_at(at + c->s->rule - 1);
        if (!r)
                return;
        c->s->facts.has_rule = 1;
        c->s->facts.rule_say = r->say;
        c->s->facts.rule_mode = r->mode;
        c->s->facts.rule_memory_deny = r->flags & RULE_F_MEMORY_DENY;
        if (r->say == SAY_OWNER && !c->s->facts.memory)
                c->s->facts.rule_admits = rule_admits(c->s, r, c->tracer);
}

/* ---- who traces whom --------------------------------------------------------------------------------- */

static __always_inline void note_tracer(struct scratch *s, const struct task_struct *tracer)
{
        __u32 pid = BPF_CORE_READ(tracer, tgid);

        if (pid == s->tracer_pid)
                s->tracer_holds = 1;
        else
                s->other_tracer = (__u64)tracer;
}

static long look_at_thread(__u32 i, struct scratch **context)
{
        struct scratch *s = *context;
        const struct list_head *node = (const void *)s->thread;
        const struct task_struct *t;

        if (!node || s->thread == s->thread_end)
                return 1;
        t = (const void *)((__u64)node - bpf_core_field_offset(struct task_struct, thread_node));
        s->thread = (__u64)BPF_CORE_READ(node, next);
        if (BPF_CORE_READ(t, ptrace))
                note_tracer(s, BPF_CORE_READ(t, parent));
        return 0;
}

/* Of a target with more than GUARD_THREADS_MAX threads the first so many are looked at. */
static __noinline int look_at_threads(struct scratch *s, const struct task_struct *target)
{
        if (target->signal->nr_threads == 1) {
                if (target->ptrace)
                        note_tracer(s, target->parent);
                return 0;
        }
        s->thread_end = (__u64)&target->signal->thread_head;
        s->thread = (__u64)target->signal->thread_head.next;
        bpf_loop(GUARD_THREADS_MAX, look_at_thread, &s, 0);
        return 0;
}

/* Does a process with that pid trace t, or its tracer, or that one's ...? */
static __noinline bool is_traced_by(const struct task_struct *t, __u32 pid)
{
        for (int i = 0; i < GUARD_CHAIN_MAX; i++) {
                if (!t->ptrace)
                        t = t->group_leader;
                if (!t->ptrace)
                        return false;
                t = t->parent;
                if ((__u32)t->tgid == pid)
                        return true;
        }
        return false;
}

static __always_inline bool traces_caller(const struct check *c)
{
        return is_traced_by(c->tracer, c->key.pid) || is_traced_by(c->tracer->group_leader, c->key.pid);
}

/* ---- slots ------------------------------------------------------------------------------------------- */

#define SLOT_PID_MASK ((1ULL << GUARD_SLOT_PID_BITS) - 1)

static __always_inline __u64 slot_word(__u64 now, __u32 pid)
{
        return (now >> GUARD_SLOT_SHIFT) << GUARD_SLOT_PID_BITS | (pid & SLOT_PID_MASK);
}

static __always_inline bool slot_is_old(__u64 word, __u64 now)
{
        return (__s64)((now >> GUARD_SLOT_SHIFT) - (word >> GUARD_SLOT_PID_BITS)) >
               (__s64)(GUARD_PROVISIONAL_NS >> GUARD_SLOT_SHIFT);
}

static __always_inline bool make_slot(const struct check *c, const struct guard_slot *new)
{
        if (bpf_map_update_elem(&guard_slots, &c->key, new, BPF_NOEXIST))
                return false;
        c->s->facts.slot = FACT_SLOT_OURS;
        c->s->slot_taken = 1;
        return true;
}

/*
 * The word may be changed by whoever finds it his own or old. A slot that is given back loses its pid first
 * and its entry then; nobody takes it in between, for it would vanish under him. And an entry that vanished
 * may be another process's by now. So false is: look again.
 */
static __always_inline bool try_slot(const struct check *c)
{
        struct scratch *s = c->s;
        struct guard_slot new = {slot_word(s->now, s->tracer_pid)};
        struct guard_slot *slot;
        __u64 word;
        bool old;

        if (make_slot(c, &new))
                return true;
        slot = bpf_map_lookup_elem(&guard_slots, &c->key);
        s->facts.slot = slot ? FACT_SLOT_OTHERS : FACT_SLOT_NO_MEMORY;
        if (!slot)
                return false;
        word = *(volatile __u64 *)&slot->taken;
        old = slot_is_old(word, s->now);
        s->slot_rival = word & SLOT_PID_MASK;
        if (s->slot_rival != s->tracer_pid && !old)
                return s->slot_rival && bpf_map_lookup_elem(&guard_slots, &c->key) == slot;
        if (__sync_val_compare_and_swap(&slot->taken, word, new.taken) != word)
                return false;
        s->facts.slot = FACT_SLOT_OURS;
        s->slot_taken = old;
        return bpf_map_lookup_elem(&guard_slots, &c->key) == slot;
}

static __always_inline void take_slot(const struct check *c)
{
        for (int i = 0; i < SLOT_TRIES; i++)
                if (try_slot(c))
                        break;
        if (c->s->facts.slot == FACT_SLOT_NO_MEMORY)
                count_loss(LOSS_GUARD_SLOT);
}

static __noinline int give_slot_back(const struct guard_process *key, __u32 pid)
{
        struct guard_slot *slot = bpf_map_lookup_elem(&guard_slots, key);
        __u64 word;

        if (!slot)
                return 0;
        word = *(volatile __u64 *)&slot->taken;
        if (!pid || (word & SLOT_PID_MASK) != pid)
                return 0;
        if (__sync_val_compare_and_swap(&slot->taken, word, word & ~SLOT_PID_MASK) == word)
                bpf_map_delete_elem(&guard_slots, key);
        return 0;
}

/* ---- records ----------------------------------------------------------------------------------------- */

static __always_inline void describe_holder(struct rec_task *r, const struct scratch *s)
{
        describe_nobody(r);
        if (s->other_tracer)
                describe_task(r, (const struct task_struct *)s->other_tracer);
        else if (s->facts.slot == FACT_SLOT_OTHERS)
                r->pid = s->slot_rival;
}

static __always_inline void fill_record(struct rec_guard *r, const struct check *c)
{
        const struct scratch *s = c->s;

        describe_task(&r->caller, c->caller);
        describe_task(&r->target, c->target);
        describe_holder(&r->holder, s);
        r->claim = s->claim_id;
        r->request = s->request;
        r->reason = s->verdict.reason;
        r->source = s->verdict.source;
        r->error = s->verdict.error;
        r->rule = s->rule;
        r->flags = (s->verdict.audit ? GRD_F_AUDIT : 0) | (s->facts.memory ? GRD_F_MEMORY : 0);
        r->caller_uid = uid_of(c->caller);
        r->target_uid = uid_of(c->target);
        r->ns_level = namespace_level(c->caller);
        r->vpid = pid_in_namespace(c->target, r->ns_level);
        r->pad = 0;
}

/*
 * Every refusal is a record, or counted. The reader is woken each time: the flag that says whether it sleeps
 * is the observing object's, and perhaps a dead daemon's.
 */
static __noinline int tell(const struct check *c)
{
        const struct scratch *s = c->s;
        struct count_key key = {
                .start_ns = start_of_process(c->target),
                .pid = c->key.pid,
                .tracer = c->caller->pid,
                .code = s->verdict.reason,
                .sig = s->verdict.source,
                .result = s->verdict.audit,
                .kind = COUNT_GUARD,
                .handled = s->facts.memory,
        };
        __u64 place = place_in_window(&key, s->now);
        struct rec_guard *r = NULL;

        if (!place)
                return 0;
        if (!s->facts.memory || place <= MEMORY_BURST)
                r = reserve_record(REC_GUARD, sizeof(*r), s->now);
        if (!r) {
                count_instead(&key, s->now);
                return 0;
        }
        fill_record(r, c);
        bpf_ringbuf_submit(r, BPF_RB_FORCE_WAKEUP);
        return 0;
}

/* Of two generations of these programs both decide, and the newer one tells; but only one gets to refuse. */
static __always_inline bool has_to_tell(const struct check *c)
{
        const struct scratch *s = c->s;

        if (s->verdict.error)
                return true;
        return c->config->generation == generation &&
               (s->verdict.audit || (s->facts.memory && !s->facts.own_helper));
}

/* ---- the decision ------------------------------------------------------------------------------------ */

/* What does not depend on other tracers is asked first: who is refused anyway takes no slot. */
static __always_inline void look_at_tracers(const struct check *c)
{
        struct scratch *s = c->s;

        if (s->facts.own_helper || guard_single_source(&s->facts) == SOURCE_NONE)
                return;
        guard_decide(&s->facts, &s->verdict);
        /* The slot before the threads: who gives one back has linked, or failed. */
        if (!s->verdict.error)
                take_slot(c);
        s->facts.cycle = traces_caller(c);
        look_at_threads(s, c->target);
        s->facts.holder = s->other_tracer   ? FACT_HELD_BY_OTHER
                          : s->tracer_holds ? FACT_HELD_BY_CALLER
                                            : FACT_FREE;
}

/* Its tracer reads a target's memory by right, whatever a policy says of others. */
static __always_inline void look_at_reader(const struct check *c)
{
        if (c->s->facts.own_helper)
                return;
        look_at_threads(c->s, c->target);
        c->s->facts.own_helper = c->s->tracer_holds;
}

static __noinline int gather_facts(const struct check *c)
{
        c->s->facts.state = c->config->state;
        look_at_rules(c);
        if (c->s->facts.memory) {
                look_at_reader(c);
                return 0;
        }
        look_at_claim(c);
        look_at_tracers(c);
        return 0;
}

static __always_inline int answer(const struct check *c)
{
        struct scratch *s = c->s;

        gather_facts(c);
        guard_decide(&s->facts, &s->verdict);
        if (s->verdict.error && s->slot_taken)
                give_slot_back(&c->key, s->tracer_pid);
        if (has_to_tell(c))
                tell(c);
        if (s->verdict.error == EAGAIN)
                return -EAGAIN;
        return s->verdict.error ? -EBUSY : 0;
}

static __always_inline bool is_in_force(const struct check *c)
{
        return c->config->state != GUARD_OFF || c->config->n_rules ||
               bpf_map_lookup_elem(&guard_claims, &c->key);
}

static __always_inline int decide(struct check *c, __u64 request, bool memory, bool own_helper)
{
        __u32 zero = 0;
        int r;

        c->config = bpf_map_lookup_elem(&guard_config, &zero);
        if (!c->config)
                return 0;
        name_process(&c->key, c->target);
        if (!memory && !is_in_force(c))
                return 0;
        c->s = take_scratch();
        if (!c->s) { /* as many checks as there are scratches interrupted each other on this CPU */
                count_loss(LOSS_GUARD_SLOT);
                return memory ? 0 : -EAGAIN;
        }
        c->s->now = bpf_ktime_get_boot_ns();
        c->s->tracer_pid = c->tracer->tgid;
        c->s->request = request;
        c->s->facts.memory = memory;
        c->s->facts.own_helper = own_helper;
        r = answer(c);
        give_scratch_back(c->s);
        return r;
}

static __always_inline int check_access(struct task_struct *target, unsigned int mode)
{
        struct task_struct *caller = bpf_get_current_task_btf();
        struct check c = {.caller = caller, .tracer = caller, .target = target};
        __u64 request;
        bool memory;

        if (!(mode & PTRACE_MODE_ATTACH))
                return 0;
        memory = !asks_to_attach(caller, &request);
        return decide(&c, request, memory, is_own_helper(caller, target));
}

static __always_inline int check_traceme(void)
{
        struct task_struct *caller = bpf_get_current_task_btf();
        struct check c = {.caller = caller, .tracer = caller->real_parent, .target = caller};

        return decide(&c, PTRACE_TRACEME, false, false);
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(guard_lsm_access, struct task_struct *child, unsigned int mode, int ret)
{
        return ret ? ret : check_access(child, mode);
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(guard_lsm_traceme, struct task_struct *parent, int ret)
{
        return ret ? ret : check_traceme();
}

SEC("fmod_ret/security_ptrace_access_check")
int BPF_PROG(guard_fmod_access, struct task_struct *child, unsigned int mode, int ret)
{
        return ret ? ret : check_access(child, mode);
}

SEC("fmod_ret/security_ptrace_traceme")
int BPF_PROG(guard_fmod_traceme, struct task_struct *parent, int ret)
{
        return ret ? ret : check_traceme();
}

/* The attach is over, well or badly: whoever comes now finds the tracer linked, or nobody. */
SEC("fexit/ptrace_attach")
int BPF_PROG(guard_settle_attach, struct task_struct *task, long request, unsigned long addr,
             unsigned long flags, int ret)
{
        struct task_struct *caller = bpf_get_current_task_btf();
        struct guard_process key;

        name_process(&key, task);
        return give_slot_back(&key, caller->tgid);
}

SEC("fexit/ptrace_traceme")
int BPF_PROG(guard_settle_traceme, int ret)
{
        struct task_struct *t = bpf_get_current_task_btf();
        struct guard_process key;

        name_process(&key, t);
        return give_slot_back(&key, t->real_parent->tgid);
}

/* The last thread of a process takes what is its own along. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(guard_exit, struct task_struct *t)
{
        struct guard_process key;

        if (t->signal->live.counter)
                return 0;
        name_process(&key, t);
        bpf_map_delete_elem(&guard_slots, &key);
        bpf_map_delete_elem(&guard_claims, &key);
        return 0;
}

char _license[] SEC("license") = "GPL";
