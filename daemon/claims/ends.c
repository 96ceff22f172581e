/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/ends.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/guard_maps.h"
#include "lib/base/cleanup.h"
#include "lib/base/list.h"
#include "lib/base/table.h"
#include "lib/claim/claim.h"
#include "lib/proc/procfs.h"

/* A descriptor for each target and each owner process, of claims and waiters, and what else there is. */
#define DESCRIPTORS (2 * (GUARD_CLAIMS_MAX + CLAIM_WAITERS_MAX) + 2048)

struct ends {
        sd_event *event;
        void (*on_gone)(void *userdata, const struct task_ref *process);
        void *userdata;
        struct table by_pid;
        struct list all;
};

/* A process whose end matters. */
struct followed {
        struct table_node node; /* by pid */
        struct list all;
        struct ends *ends;
        struct task_ref task;
        int fd; /* pidfd; -1: asked every second */
        sd_event_source *source;
};

static struct followed *find_followed(const struct ends *e, const struct task_ref *t)
{
        for (struct table_node *n = table_first(&e->by_pid, table_hash(t->pid)); n; n = table_next(n)) {
                struct followed *f = LIST_ENTRY(n, struct followed, node);

                if (f->task.pid == t->pid && f->task.start == t->start)
                        return f;
        }
        return NULL;
}

static void unfollow(struct followed *f)
{
        table_remove(&f->ends->by_pid, &f->node);
        list_remove(&f->all);
        sd_event_source_disable_unref(f->source);
        if (f->fd >= 0)
                close(f->fd);
        free(f);
}

static void tell_end(struct followed *f)
{
        struct ends *e = f->ends;
        struct task_ref task = f->task;

        unfollow(f);
        e->on_gone(e->userdata, &task);
}

static int on_process_end(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                          void *userdata)
{
        tell_end(userdata);
        return 0;
}

/* A zombie has ended: nobody attaches to it any more. */
static bool is_alive(const struct task_ref *t)
{
        struct proc_stat st;

        return procfs_stat(t->pid, 0, &st) == 0 && st.start == t->start && st.state != 'Z' &&
               st.state != 'X';
}

int ends_watch(struct ends *e, const struct task_ref *process)
{
        struct followed *f = find_followed(e, process);

        if (f)
                return 0;
        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;
        f->ends = e;
        f->task = *process;
        f->fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
        if ((f->fd < 0 && errno == ESRCH) || !is_alive(process)) {
                if (f->fd >= 0)
                        close(f->fd);
                free(f);
                return -ESRCH;
        }
        if (f->fd >= 0 && sd_event_add_io(e->event, &f->source, f->fd, EPOLLIN, on_process_end, f) < 0) {
                close(f->fd);
                f->fd = -1;
        }
        list_append(&e->all, &f->all);
        table_insert(&e->by_pid, &f->node, table_hash(process->pid));
        return 0;
}

void ends_sweep(struct ends *e, bool (*needed)(void *userdata, const struct task_ref *process),
                void *userdata)
{
        LIST_FOREACH (it, &e->all) {
                struct followed *f = LIST_ENTRY(it, struct followed, all);

                if (!needed(userdata, &f->task))
                        unfollow(f);
        }
}

void ends_poll(struct ends *e)
{
        LIST_FOREACH (it, &e->all) {
                struct followed *f = LIST_ENTRY(it, struct followed, all);

                if (f->fd < 0 && !is_alive(&f->task)) {
                        tell_end(f); /* others may be gone with it: the rest in a second */
                        return;
                }
        }
}

/* Descriptors are there for the asking, below the hard limit. With fewer, ends are asked for instead. */
static void raise_limit(void)
{
        struct rlimit l;

        if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= DESCRIPTORS)
                return;
        l.rlim_cur = MIN_OF(l.rlim_max, (rlim_t)DESCRIPTORS);
        setrlimit(RLIMIT_NOFILE, &l);
}

int ends_new(struct ends **ret, sd_event *event,
             void (*on_gone)(void *userdata, const struct task_ref *process), void *userdata)
{
        struct ends *e = calloc(1, sizeof(*e));

        if (!e)
                return -ENOMEM;
        if (table_init(&e->by_pid) < 0) {
                free(e);
                return -ENOMEM;
        }
        e->event = event;
        e->on_gone = on_gone;
        e->userdata = userdata;
        list_init(&e->all);
        raise_limit();
        *ret = e;
        return 0;
}

struct ends *ends_free(struct ends *e)
{
        if (!e)
                return NULL;
        while (!list_empty(&e->all))
                unfollow(LIST_ENTRY(e->all.next, struct followed, all));
        table_done(&e->by_pid);
        free(e);
        return NULL;
}
