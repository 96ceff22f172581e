/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who asks, and what they may see. The kernel vouches for the client of a Unix socket (SO_PEERCRED,
 * unix(7)); root and members of group "ptraced" see everything, anybody else what concerns processes that
 * run under their own uid alone.
 *
 * The uid belongs to the connection, whoever has it now. The process does not: one that has its pid, or
 * inherited its connection, is another. It is pinned by its start time when the connection is accepted, and
 * asked for again whenever something is done in its name. SO_PEERPIDFD (Linux 6.5) makes that certain.
 * Before, a pid that ends and is used again between connect() and accept() cannot be told from the first; so
 * cannot, on any kernel, a child that uses the connection while its parent lives: it has it from its parent.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "lib/event/event.h"
#include "lib/event/finding.h"
#include "lib/model/model.h"
#include "lib/proc/procfs.h"

#define PEER_GROUP "ptraced"

struct peer {
        /* Who connected. pid 0: not known (TCP, or a pid namespace we cannot see into); start 0: it had
         * ended before we could look at it. */
        struct task_ref process;
        uint32_t ids[6]; /* real, effective and saved, of user and group, as they were then */
        uint64_t cap_permitted, cap_effective;
        uid_t uid;
        gid_t gid;
        bool privileged; /* root or in PEER_GROUP */
};

/* Of the other end of a connected Unix socket, as it was when it connected. -errno. */
int peer_from_socket(int fd, struct peer *ret);
/* The process that connected, as it is now. -ENXIO: it was never known. -ESRCH: it has ended. -EACCES: it
 * runs as another user now. */
int peer_process(const struct peer *peer, struct proc_status *ret);
/* The groups that came with the connection: *ret is to be freed. -errno. */
int peer_groups(int fd, gid_t **ret, size_t *ret_n);

/*
 * Remembers for a moment whose a process is. A stream of events asks about the same few again and again, and
 * streams ask the same questions: together they share one, so that many of them cost /proc no more than one.
 */
#define OWNER_CACHE_SIZE   256
#define OWNER_CACHE_TTL_NS 1000000000ULL /* a process may become another user's */
struct owner_cache {
        struct {
                uid_t uid; /* who asked */
                uint32_t pid;
                uint64_t start, at_ns;
                bool mine;
        } slots[OWNER_CACHE_SIZE];
};

/*
 * Does the process run under the peer's uid alone (real, effective and saved)? Asks /proc if it lives, else
 * the model. Somebody neither knows is not the peer's. start 0: whoever has that pid now.
 */
bool peer_owns(const struct peer *peer, const struct model *model, const struct task_ref *task);
/* The same of a process that lives, of which /proc was asked already. */
bool peer_runs(const struct peer *peer, const struct proc_status *st);

/* May the peer see this event: it concerns a process of theirs, or is their own refused attach, or
 * claim. cache may be shared by all peers. */
bool peer_sees_event(const struct peer *peer, const struct model *model, struct owner_cache *cache,
                     const struct event *e);
bool peer_sees_finding(const struct peer *peer, const struct model *model, const struct finding *f);
