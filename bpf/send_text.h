/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_SEND_TEXT_H
#define PTRACED_SEND_TEXT_H

/* What is mapped at an address of a task, now. */

#include "bpf/mappings.h"
#include "bpf/observe.h"

static __always_inline void describe_path(struct rec_text *r, const struct file *file)
{
        const struct dentry *d = BPF_CORE_READ(file, f_path.dentry), *up;
        __u32 i;

        for (i = 0; i < REC_PATH_DEPTH; i++) {
                up = BPF_CORE_READ(d, d_parent);
                if (!up || up == d)
                        break;
                bpf_probe_read_kernel_str(r->path[i], REC_NAME_LEN, BPF_CORE_READ(d, d_name.name));
                d = up;
        }
        r->depth = i;
}

/* Most code is the executable's own: that much is always known. */
static __always_inline void map_executable(struct mapping *m, struct rec_text *r,
                                           const struct task_struct *t)
{
        const struct mm_struct *mm = BPF_CORE_READ(t, mm);
        __u64 start = BPF_CORE_READ(mm, start_code), end = BPF_CORE_READ(mm, end_code);

        if (r->address < start || r->address >= end)
                return;
        m->start = start;
        m->file = BPF_CORE_READ(mm, exe_file);
        r->flags = TEXT_F_FROM_CODE;
}

/*
 * A process that meets a breakpoint nobody owns may be gone before user space can look, so the bytes around
 * the trap and the name of the mapped file are taken here.
 */
static __noinline int send_text(struct task_struct *t, __u64 address, __u32 what)
{
        struct mapping m = {};
        const struct file *file;
        struct rec_text *r;

        r = reserve_record(REC_TEXT, sizeof(*r), bpf_ktime_get_boot_ns());
        if (!r)
                return 0;
        describe_task(&r->task, t);
        r->address = address;
        r->what = what;
        r->file_offset = r->inode = r->dev = r->depth = r->flags = r->pad = 0;
        __builtin_memset(r->bytes, 0, sizeof(r->bytes));
        r->bytes_valid = !bpf_probe_read_user(r->bytes, sizeof(r->bytes), (void *)(address - 8));
        if (!find_mapping(t, address, &m))
                map_executable(&m, r, t);
        else if (!m.file)
                r->flags = TEXT_F_NO_FILE;
        file = m.file;
        if (file) {
                r->file_offset = address - m.start + (m.pgoff << PAGE_SHIFT);
                r->inode = BPF_CORE_READ(file, f_inode, i_ino);
                r->dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
                describe_path(r, file);
        }
        bpf_ringbuf_submit(r, submit_flags());
        return 0;
}

#endif
