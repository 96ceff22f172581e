/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/listening.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/event/tools.h"
#include "lib/proc/net_table.h"
#include "lib/proc/procfs.h"
#include "daemon/net/netns.h"

struct socket_set {
        struct net_row rows[LISTENING_SOCKETS_MAX];
        size_t n;
};

/* The sockets that a process has open. */
struct inodes {
        uint64_t list[LISTENING_SOCKETS_MAX];
        size_t n;
};

struct listening {
        struct socket_set dbgp; /* that listen in our own namespace, and whose owner is not found yet */
        const struct port_list *ports;
        unsigned fds; /* looked at so far */
        listening_emit emit;
        void *userdata;
};

static bool is_dbgp_port(const struct port_list *ports, uint16_t port)
{
        for (size_t i = 0; i < ports->n; i++)
                if (ports->list[i] == port)
                        return true;
        return false;
}

static int note_row(struct socket_set *set, const struct net_row *row)
{
        set->rows[set->n++] = *row;
        return set->n == LISTENING_SOCKETS_MAX;
}

static int keep_dbgp(void *userdata, const struct net_row *row)
{
        struct listening *l = userdata;

        return row->listens && is_dbgp_port(l->ports, row->local_port) ? note_row(&l->dbgp, row) : 0;
}

/* ---- whose they are ------------------------------------------------------------------------------ */

/* 0: it is no socket. */
static uint64_t socket_inode(int dir_fd, const char *name)
{
        char target[64] = "";

        if (readlinkat(dir_fd, name, target, sizeof(target) - 1) < 0 || strncmp(target, "socket:[", 8))
                return 0;
        return strtoull(target + 8, NULL, 10);
}

static int tell_socket(struct listening *l, const struct task_ref *owner, const struct net_row *row)
{
        struct event e = {.type = EV_NET_CONNECT,
                          .origin = ORIGIN_SCAN,
                          .target = *owner,
                          .change = row->listens ? NET_LISTENS : NET_OPENED,
                          .server = row->established,
                          .port = row->local_port};
        char path[40];
        struct stat st;

        snprintf(path, sizeof(path), "/proc/%u/ns/net", owner->pid);
        if (stat(path, &st) < 0)
                return 0;
        e.netns = (uint32_t)st.st_ino;
        memcpy(e.local, row->local, sizeof(e.local));
        if (e.server)
                memcpy(e.remote, row->remote, sizeof(e.remote));
        netns_compare(&e);
        return l->emit(l->userdata, &e);
}

static void find_sockets(struct listening *l, uint32_t pid, struct inodes *ret)
{
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        char path[32];

        snprintf(path, sizeof(path), "/proc/%u/fd", pid);
        dir = opendir(path);
        while (dir && l->fds++ < LISTENING_FDS_MAX && ret->n < LISTENING_SOCKETS_MAX &&
               (entry = readdir(dir))) {
                uint64_t inode = socket_inode(dirfd(dir), entry->d_name);

                if (inode)
                        ret->list[ret->n++] = inode;
        }
}

static bool has_inode(const struct inodes *set, uint64_t inode)
{
        for (size_t i = 0; i < set->n; i++)
                if (set->list[i] == inode)
                        return true;
        return false;
}

struct own_rows {
        const struct inodes *inodes;
        struct socket_set set;
};

static int keep_own(void *userdata, const struct net_row *row)
{
        struct own_rows *own = userdata;

        return (row->listens || row->established) && has_inode(own->inodes, row->inode)
                       ? note_row(&own->set, row)
                       : 0;
}

/* Those who listen come first in the table: who connected is told of them. */
static int tell_delve(struct listening *l, const struct task_ref *delve, const struct inodes *inodes)
{
        struct own_rows own = {.inodes = inodes};
        int r = 0;

        (void)net_table_each(delve->pid, keep_own, &own);
        for (size_t i = 0; i < own.set.n && r == 0; i++)
                r = tell_socket(l, delve, &own.set.rows[i]);
        return r;
}

/* A socket that is inherited is told of whoever has the lowest pid. */
static int tell_dbgp(struct listening *l, const struct task_ref *owner, const struct inodes *inodes)
{
        int r = 0;

        for (size_t i = l->dbgp.n; i-- > 0 && r == 0;) {
                struct net_row row = l->dbgp.rows[i];

                if (!has_inode(inodes, row.inode))
                        continue;
                l->dbgp.rows[i] = l->dbgp.rows[--l->dbgp.n];
                r = tell_socket(l, owner, &row);
        }
        return r;
}

static int look_for_sockets(void *userdata, uint32_t pid)
{
        struct listening *l = userdata;
        struct inodes inodes = {};
        struct task_ref task;

        if (procfs_task(pid, &task) < 0 || (!is_delve(&task) && !l->dbgp.n))
                return 0;
        task.tid = 0;
        find_sockets(l, pid, &inodes);
        return is_delve(&task) ? tell_delve(l, &task, &inodes) : tell_dbgp(l, &task, &inodes);
}

int listening_scan(const struct port_list *dbgp, listening_emit emit, void *userdata)
{
        struct listening l = {.ports = dbgp, .emit = emit, .userdata = userdata};

        (void)net_table_each((uint32_t)getpid(), keep_dbgp, &l);
        return procfs_each_process(look_for_sockets, &l);
}
