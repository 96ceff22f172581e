/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_KERNEL_TYPES_H
#define PTRACED_KERNEL_TYPES_H

/*
 * The few kernel types the programs touch, with the members they touch. preserve_access_index makes every
 * access a CO-RE relocation: offsets come from the running kernel's BTF, so nothing here is a layout.
 * A name with three underscores is a flavour: the same kernel type as another version spells it.
 */

#define __core_types __attribute__((preserve_access_index))

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

enum {
        BPF_ANY = 0,
        BPF_NOEXIST = 1
};
enum {
        BPF_RB_NO_WAKEUP = 1,
        BPF_RB_FORCE_WAKEUP = 2
};
enum {
        BPF_LOCAL_STORAGE_GET_F_CREATE = 1
};
enum {
        BPF_MAP_TYPE_HASH = 1,
        BPF_MAP_TYPE_ARRAY = 2,
        BPF_MAP_TYPE_PERCPU_ARRAY = 6,
        BPF_MAP_TYPE_LRU_HASH = 9,
        BPF_MAP_TYPE_RINGBUF = 27,
        BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum {
        BPF_F_NO_PREALLOC = 1
};

struct list_head {
        struct list_head *next, *prev;
} __core_types;

typedef struct {
        __u32 val;
} __core_types kuid_t;
typedef struct {
        __u32 val;
} __core_types kgid_t;

/* Two u32 until 6.3 (f122a08b197d "capability: just use a 'u64'"), one u64 since: 8 bytes either way. */
typedef struct kernel_cap_struct {
        __u8 opaque;
} __core_types kernel_cap_t;

struct user_namespace {
        struct user_namespace *parent;
        __s32 level;
        kuid_t owner;
} __core_types;
struct mnt_namespace {
        struct user_namespace *user_ns;
} __core_types;
struct nsproxy {
        struct mnt_namespace *mnt_ns;
} __core_types;

/* The parent was renamed in 6.15 (633488947ef6 "kernfs: Use RCU to access kernfs_node::parent."). */
struct kernfs_node {
        struct kernfs_node *__parent;
        const char *name;
        __u64 id;
} __core_types;
struct kernfs_node___parent {
        struct kernfs_node *parent;
} __core_types;
struct cgroup {
        struct kernfs_node *kn;
} __core_types;
struct css_set {
        struct cgroup *dfl_cgrp;
} __core_types;

struct cred {
        kuid_t uid, suid, euid, fsuid;
        kgid_t gid, sgid, egid, fsgid;
        kernel_cap_t cap_permitted, cap_effective;
        struct user_namespace *user_ns;
} __core_types;

/* The dumpable bits are the lowest two of mm->flags, a word until 6.17 and a bitmap in a struct since. */
struct file;
struct maple_tree {
        void *ma_root;
} __core_types;
struct mm_struct {
        struct maple_tree mm_mt;
        struct user_namespace *user_ns;
        unsigned long start_code, end_code;
        struct file *exe_file;
} __core_types;
struct mm_struct___word {
        unsigned long flags;
} __core_types;
struct mm_flags_bitmap {
        unsigned long opaque;
} __core_types;
struct mm_struct___bitmap {
        struct mm_flags_bitmap flags;
} __core_types;

struct upid {
        int nr;
};
struct pid {
        unsigned int level;
        struct upid numbers[1];
} __core_types;

typedef struct {
        unsigned long sig[1];
} __core_types sigset_t;

struct sigaction {
        void *sa_handler;
        unsigned long sa_flags;
} __core_types;
struct k_sigaction {
        struct sigaction sa;
} __core_types;
struct sighand_struct {
        struct k_sigaction action[64];
} __core_types;

typedef struct {
        int counter;
} __core_types atomic_t;

struct signal_struct {
        atomic_t live;
        int nr_threads;
        struct list_head thread_head;
} __core_types;

struct thread_info {
        __u32 status;
} __core_types;

/* Empty in kernels without seccomp. */
struct seccomp {
        int mode;
} __core_types;

/* Since 7.3, of each task: what exec decided, which was in its memory before. A relocation against a struct
 * that a kernel lacks makes libbpf search the modules for it, which takes CAP_SYS_ADMIN: its members are found
 * by the loader. */
struct task_exec_state;
enum task_dumpable {
        TASK_DUMPABLE_OWNER = 1,
};

struct kernel_siginfo;

struct task_struct {
        struct thread_info thread_info;
        unsigned int flags, ptrace;
        struct mm_struct *mm;
        int exit_state, exit_code, exit_signal;
        unsigned int __state;
        void *stack;
        unsigned long jobctl;
        int pid, tgid;
        struct task_struct *real_parent, *parent, *group_leader;
        struct list_head ptraced, ptrace_entry, thread_node;
        struct pid *thread_pid;
        __u64 start_boottime;
        const struct cred *real_cred, *cred, *ptracer_cred;
        char comm[16];
        struct signal_struct *signal;
        struct sighand_struct *sighand;
        sigset_t blocked, real_blocked;
        struct kernel_siginfo *last_siginfo; /* of the stop that it is in */
        struct css_set *cgroups;
        struct nsproxy *nsproxy;
        struct seccomp seccomp;
        struct task_exec_state *exec_state;
} __core_types;

/* siginfo_t as the ABI fixes it; the kernel's own struct begins the same way. */
struct siginfo_head {
        __s32 signo, err, code, pad;
        __s32 pid;
        __u32 uid;
        __s32 status;
};

struct linux_binprm {
        struct file *file;
        int unsafe;
        const char *filename;
} __core_types;

struct pt_regs {
        unsigned long bx, r10, ax, dx, si, di, orig_ax, ip, sp;
} __core_types;

struct rusage;
struct waitid_info {
        int pid;
        __u32 uid;
        int status, cause;
} __core_types;
/* Of what the pid is that a wait is for. */
enum pid_type {
        PIDTYPE_PID,
        PIDTYPE_TGID,
        PIDTYPE_PGID,
};
struct wait_opts {
        enum pid_type wo_type;
        int wo_flags;
        struct pid *wo_pid;
        struct waitid_info *wo_info;
        int wo_stat;
} __core_types;

struct super_block {
        __u32 s_dev;
} __core_types;
struct inode {
        unsigned short i_mode;
        kuid_t i_uid;
        kgid_t i_gid;
        unsigned long i_ino;
        struct super_block *i_sb;
} __core_types;
struct qstr {
        __u32 len;
        const unsigned char *name;
} __core_types;
struct dentry {
        struct dentry *d_parent;
        struct qstr d_name;
} __core_types;
struct vfsmount {
        struct dentry *mnt_root;
        int mnt_flags;
} __core_types;
struct mount {
        struct mount *mnt_parent;
        struct dentry *mnt_mountpoint;
        struct mnt_namespace *mnt_ns;
        struct vfsmount mnt;
} __core_types;
struct path {
        struct vfsmount *mnt;
        struct dentry *dentry;
} __core_types;
struct file {
        struct path f_path;
        struct inode *f_inode;
} __core_types;
struct vm_area_struct {
        unsigned long vm_start, vm_end, vm_pgoff, vm_flags;
        struct file *vm_file;
} __core_types;

struct ns_common {
        unsigned int inum;
} __core_types;
struct net {
        struct ns_common ns;
} __core_types;
typedef struct {
        struct net *net;
} __core_types possible_net_t;
struct in6_addr {
        __u8 opaque;
} __core_types;
struct sock_common {
        __be32 skc_daddr, skc_rcv_saddr;
        __be16 skc_dport;
        __u16 skc_num;
        unsigned short skc_family;
        possible_net_t skc_net;
        struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
} __core_types;
struct sock {
        struct sock_common __sk_common;
        int sk_err;
} __core_types;
struct tcp_sock {
        __u64 bytes_received;
} __core_types;

/* Nodes of the tree of mappings: slot[i] leads to what is not beyond pivot[i]. */
enum maple_type {
        maple_leaf_64 = 1,
        maple_range_64,
        maple_arange_64,
};
#define MAPLE_RANGE_PIVOTS  15
#define MAPLE_ARANGE_PIVOTS 9
struct maple_range_64 {
        unsigned long pivot[MAPLE_RANGE_PIVOTS];
        void *slot[MAPLE_RANGE_PIVOTS + 1];
} __core_types;
struct maple_arange_64 {
        unsigned long pivot[MAPLE_ARANGE_PIVOTS];
        void *slot[MAPLE_ARANGE_PIVOTS + 1];
} __core_types;

/* Values of the kernel's own headers that programs compare with. */
enum {
        SIGINT = 2,
        SIGKILL = 9,
        SIGTERM = 15,
        SIGTRAP = 5,
        SIGCHLD = 17,
        SIGCONT = 18,
        SIGSTOP = 19,
        SI_KERNEL = 0x80,
        CLD_TRAPPED = 4,
        TASK_TRACED_BIT = 0x8, /* of task_struct.__state */
        PF_EXITING = 0x4,
        PF_KTHREAD = 0x00200000,
        JOBCTL_STOP_DEQUEUED = 0x10000,
        PF_FORKNOEXEC = 0x40, /* has not called exec since it was forked */
        PTRACE_TRACEME = 0,
        PTRACE_POKETEXT = 4,
        PTRACE_POKEDATA = 5,
        PTRACE_CONT = 7,
        PTRACE_SINGLESTEP = 9,
        PTRACE_ATTACH = 16,
        PTRACE_DETACH = 17,
        PTRACE_SYSCALL = 24,
        PTRACE_SYSEMU = 31,
        PTRACE_SYSEMU_SINGLESTEP = 32,
        PTRACE_SINGLEBLOCK = 33,
        PTRACE_SEIZE = 0x4206,
        PTRACE_MODE_ATTACH = 2,
        CAP_SYS_PTRACE = 19,
        SA_NOCLDWAIT = 2,
        WUNTRACED = 2,
        WCONTINUED = 8,
        WNOWAIT = 0x01000000,
        P_PID = 1,
        ESRCH = 3,
        ECHILD = 10,
        EAGAIN = 11,
        EBUSY = 16,
        __NR_wait4 = 61,
        __NR_ptrace = 101,
        __NR_rt_sigqueueinfo = 129,
        __NR_waitid = 247,
        __NR_rt_tgsigqueueinfo = 297,
        __NR_pidfd_send_signal = 424,
        IA32_NR_PTRACE = 26,
        X32_NR_PTRACE = 0x40000000 | 521,
        SECCOMP_MODE_FILTER = 2,
        SUID_DUMP_USER = 1,
        TS_COMPAT = 2, /* thread_info.status: in a system call of 32 bits */
        PAGE_SHIFT = 12,
        S_ISUID = 04000,
        S_ISGID = 02000,
        S_IXGRP = 00010,
        MNT_NOSUID = 1,
        LSM_UNSAFE_PTRACE = 2, /* linux_binprm.unsafe: the program may be watched by its tracer */
        VM_EXEC = 4,
        AF_INET6 = 10,
        TCP_ESTABLISHED = 1,
        TCP_SYN_SENT = 2,
        TCP_FIN_WAIT1 = 4,
        TCP_CLOSE = 7,
        TCP_CLOSE_WAIT = 8,
        TCP_LISTEN = 10,
};

#endif
