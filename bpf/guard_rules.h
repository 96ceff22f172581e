/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_GUARD_RULES_H
#define PTRACED_GUARD_RULES_H

/*
 * Who a process is, in the words of a policy, and which rule is the first to match it.
 *
 * What changes on the way is kept in a map, in the scratch. What a callback of bpf_loop() leaves on the
 * stack, verifiers before 6.7 believe to be what its first pass left there; and each value that a verifier
 * knows multiplies the ways it has to follow.
 *
 * The path of an executable is that of its mount namespace, seen from the top of it (a chroot is not the
 * top); the path of a cgroup is the whole one. Both are empty if longer than GUARD_PATH_MAX, and then match
 * nothing.
 */

#include "bpf/decide.h"
#include "bpf/glob.h"
#include "bpf/maps.h"

#define SCRATCHES      4 /* of a CPU: on a preemptible kernel checks can interrupt each other */
#define PATH_STEPS_MAX (GUARD_PATH_DEPTH + 16) /* components and mounts passed on the way up */

enum text_state {
        TEXT_UNASKED,
        TEXT_KNOWN,
        TEXT_UNKNOWN
};

/* A path, written from its end: it begins at start and ends at the NUL in bytes[GUARD_PATH_MAX - 1]. */
struct text {
        char bytes[2 *
                   GUARD_PATH_MAX]; /* the upper half is never written: room for what the verifier fears */
        __u32 start;
        __u32 state; /* enum text_state */
};

struct scratch {
        __u64 busy; /* changed by compare-and-swap */
        struct text exe, cgroup, comm, tracer_exe;
        char name[GUARD_PATH_MAX];
        struct glob glob;
        __u64 dentry, mount, node; /* the way up a path */
        __u64 thread, thread_end;  /* the way along a target's threads ... */
        __u64 other_tracer;        /* ... and who traces one of them: a task_struct */
        __u32 tracer_pid, tracer_holds;
        __u32 rule; /* the first that matches, from 1 */
        struct guard_claim claim;
        /* The check under way, and its end. */
        struct guard_facts facts;
        struct guard_verdict verdict;
        __u64 now, request, claim_id;
        __u32 slot_rival; /* pid of who is attaching */
        __u32 slot_taken; /* by this very attempt */
};

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __type(key, __u32);
        __type(value, struct scratch);
        __uint(max_entries, SCRATCHES);
} guard_scratch SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __type(key, __u32);
        __type(value, struct guard_rule);
        __uint(max_entries, GUARD_RULES_BANKS *GUARD_RULES_MAX);
} guard_rules SEC(".maps");

static __always_inline struct scratch *take_scratch(void)
{
        for (__u32 i = 0; i < SCRATCHES; i++) {
                __u32 key = i;
                struct scratch *s = bpf_map_lookup_elem(&guard_scratch, &key);

                if (s && !__sync_val_compare_and_swap(&s->busy, 0ULL, 1ULL)) {
                        s->exe.state = s->cgroup.state = s->comm.state = s->tracer_exe.state = TEXT_UNASKED;
                        s->other_tracer = s->tracer_holds = s->rule = 0;
                        s->claim_id = s->slot_rival = s->slot_taken = 0;
                        __builtin_memset(&s->facts, 0, sizeof(s->facts));
                        return s;
                }
        }
        return NULL;
}

static __always_inline void give_scratch_back(struct scratch *s)
{
        __sync_val_compare_and_swap(&s->busy, 1ULL, 0ULL);
}

/* ---- texts ------------------------------------------------------------------------------------------- */

/* An index into a text. Written so that the compiler cannot know better and leave it out. */
static __always_inline __u64 bounded(__u64 i)
{
        asm volatile("%0 &= %1" : "+r"(i) : "i"(GLOB_TEXT_MASK));
        return i;
}

static __always_inline void begin_text(struct text *t)
{
        t->state = TEXT_UNKNOWN;
        t->start = GUARD_PATH_MAX - 1;
        t->bytes[GUARD_PATH_MAX - 1] = '\0';
}

/* "/name" in front of the text; false if there is no room. */
static __always_inline bool prepend(struct text *t, const void *name, __u32 length)
{
        __u32 start = t->start;

        if (length >= GUARD_PATH_MAX || start >= GUARD_PATH_MAX || length + 1 > start)
                return false;
        start -= length;
        if (bpf_probe_read_kernel(t->bytes + bounded(start), bounded(length), name))
                return false;
        start--;
        t->bytes[bounded(start)] = '/';
        t->start = start;
        return true;
}

static __always_inline void end_text(struct text *t)
{
        if (t->start == GUARD_PATH_MAX - 1)
                prepend(t, t->bytes, 0);
        t->state = TEXT_KNOWN;
}

struct climb {
        struct scratch *s;
        struct text *t;
};

/* One component of a path, or from the root of a mount to the place it is mounted at. */
static long climb_path(__u32 i, struct climb *c)
{
        const struct dentry *d = (const void *)c->s->dentry, *parent;
        const struct mount *m = (const void *)c->s->mount, *below;

        if (d == BPF_CORE_READ(m, mnt.mnt_root)) {
                below = BPF_CORE_READ(m, mnt_parent);
                if (below == m || !below) {
                        end_text(c->t);
                        return 1;
                }
                c->s->dentry = (__u64)BPF_CORE_READ(m, mnt_mountpoint);
                c->s->mount = (__u64)below;
                return 0;
        }
        parent = BPF_CORE_READ(d, d_parent);
        if (!parent || parent == d)
                return 1;
        c->s->dentry = (__u64)parent;
        return !prepend(c->t, BPF_CORE_READ(d, d_name.name), BPF_CORE_READ(d, d_name.len));
}

static __noinline void read_exe(struct scratch *s, struct text *t, const struct task_struct *task)
{
        const struct file *exe = BPF_CORE_READ(task, mm, exe_file);
        struct climb c = {s, t};

        begin_text(t);
        if (!exe)
                return;
        s->dentry = (__u64)BPF_CORE_READ(exe, f_path.dentry);
        s->mount = (__u64)BPF_CORE_READ(exe, f_path.mnt) - bpf_core_field_offset(struct mount, mnt);
        bpf_loop(PATH_STEPS_MAX, climb_path, &c, 0);
}

static __always_inline const struct kernfs_node *kernfs_parent(const struct kernfs_node *n)
{
        const struct kernfs_node___parent *older = (const void *)n;

        if (bpf_core_field_exists(n->__parent))
                return BPF_CORE_READ(n, __parent);
        return BPF_CORE_READ(older, parent);
}

static long climb_cgroup(__u32 i, struct climb *c)
{
        const struct kernfs_node *n = (const void *)c->s->node, *parent = kernfs_parent(n);
        long size;

        if (!parent) {
                end_text(c->t);
                return 1;
        }
        size = bpf_probe_read_kernel_str(c->s->name, sizeof(c->s->name), BPF_CORE_READ(n, name));
        c->s->node = (__u64)parent;
        return size < 2 || !prepend(c->t, c->s->name, size - 1);
}

static __noinline void read_cgroup(struct scratch *s, const struct task_struct *task)
{
        const struct kernfs_node *n = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
        struct climb c = {s, &s->cgroup};

        begin_text(&s->cgroup);
        s->node = (__u64)n;
        if (n)
                bpf_loop(GUARD_PATH_DEPTH, climb_cgroup, &c, 0);
}

/* The process's name is its leader's. */
static __always_inline void read_comm(struct scratch *s, const struct task_struct *task)
{
        const struct task_struct *leader = BPF_CORE_READ(task, group_leader);

        s->comm.start = 0;
        s->comm.bytes[REC_COMM_LEN] = '\0';
        s->comm.state =
                bpf_core_read(s->comm.bytes, REC_COMM_LEN, &leader->comm) ? TEXT_UNKNOWN : TEXT_KNOWN;
}

struct glob_match {
        struct glob *glob;
        const char *pattern, *text;
        __u32 size;
};

static long match_byte(__u32 i, struct glob_match *m)
{
        return glob_step(m->glob, m->pattern, m->size, m->text);
}

static __noinline bool text_matches(struct scratch *s, struct text *t, const char *pattern, __u32 size)
{
        struct glob_match m = {&s->glob, pattern, t->bytes, size};

        if (t->state != TEXT_KNOWN)
                return false;
        glob_start(&s->glob, t->start);
        bpf_loop(GLOB_STEPS_MAX, match_byte, &m, 0);
        return s->glob.matched;
}

/* ---- rules ------------------------------------------------------------------------------------------- */

static __always_inline __u32 uid_of(const struct task_struct *t)
{
        return BPF_CORE_READ(t, real_cred, uid.val);
}

struct search {
        struct scratch *s;
        const struct task_struct *target;
        __u32 rules_at;
};

/* The conditions from cheap to dear; a text is made when the first rule asks for it. */
static __always_inline bool rule_matches(const struct guard_rule *r, const struct search *x)
{
        struct scratch *s = x->s;

        if (r->flags & RULE_F_UID && r->uid != uid_of(x->target))
                return false;
        if (r->flags & RULE_F_COMM) {
                if (s->comm.state == TEXT_UNASKED)
                        read_comm(s, x->target);
                if (!text_matches(s, &s->comm, r->comm, sizeof(r->comm)))
                        return false;
        }
        if (r->flags & RULE_F_EXE) {
                if (s->exe.state == TEXT_UNASKED)
                        read_exe(s, &s->exe, x->target);
                if (!text_matches(s, &s->exe, r->exe, sizeof(r->exe)))
                        return false;
        }
        if (r->flags & RULE_F_CGROUP) {
                if (s->cgroup.state == TEXT_UNASKED)
                        read_cgroup(s, x->target);
                if (!text_matches(s, &s->cgroup, r->cgroup, sizeof(r->cgroup)))
                        return false;
        }
        return true;
}

static __always_inline const struct guard_rule *rule_at(__u32 i)
{
        return bpf_map_lookup_elem(&guard_rules, &i);
}

static long try_rule(__u32 i, struct search *x)
{
        const struct guard_rule *r = rule_at(x->rules_at + i);

        if (!r || !rule_matches(r, x))
                return !r;
        x->s->rule = i + 1;
        return 1;
}

/* From 1; 0: none matches. */
static __noinline __u32 find_rule(struct scratch *s, const struct task_struct *target, __u32 rules_at,
                                  __u32 n)
{
        struct search x = {s, target, rules_at};

        bpf_loop(n < GUARD_RULES_MAX ? n : GUARD_RULES_MAX, try_rule, &x, 0);
        return s->rule;
}

/*
 * In a mount namespace that a user made for himself, files have the names he likes: there no executable is
 * one that the policy names.
 */
static __always_inline bool names_can_be_trusted(const struct task_struct *t)
{
        return BPF_CORE_READ(t, nsproxy, mnt_ns) && !BPF_CORE_READ(t, nsproxy, mnt_ns, user_ns, level);
}

/* Does the rule name this tracer? */
static __noinline bool rule_admits(struct scratch *s, const struct guard_rule *r,
                                   const struct task_struct *tracer)
{
        __u32 uid = uid_of(tracer), n_uid = r->n_tracer_uid, n_exe = r->n_tracer_exe;

        for (__u32 i = 0; i < GUARD_TRACERS_MAX; i++)
                if (i < n_uid && r->tracer_uid[i] == uid)
                        return true;
        if (!n_exe || !names_can_be_trusted(tracer))
                return false;
        read_exe(s, &s->tracer_exe, tracer);
        for (__u32 i = 0; i < GUARD_TRACERS_MAX; i++)
                if (i < n_exe && text_matches(s, &s->tracer_exe, r->tracer_exe[i], GUARD_GLOB_MAX))
                        return true;
        return false;
}

#endif
