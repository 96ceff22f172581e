/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/peer.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/proc/procfs.h"

#define GROUPS_MAX      1024 /* of one user; more are not looked at */
#define NSS_BUFFER_SIZE 16384
#define NSEC_PER_TICK   10000000ULL /* of a start time */

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* The id of PEER_GROUP. -ENOENT where nobody has created it. */
static int peer_group(gid_t *ret)
{
        char buf[NSS_BUFFER_SIZE];
        struct group gr, *found = NULL;
        int r = getgrnam_r(PEER_GROUP, &gr, buf, sizeof(buf), &found);

        if (r != 0 || !found)
                return r ? -r : -ENOENT;
        *ret = gr.gr_gid;
        return 0;
}

static bool holds(const gid_t *groups, size_t n, gid_t wanted)
{
        for (size_t i = 0; i < n; i++)
                if (groups[i] == wanted)
                        return true;
        return false;
}

/* The groups the client's process really has (a service may have been given one its user is not in). */
static bool process_in_group(int fd, gid_t wanted)
{
        gid_t groups[GROUPS_MAX];
        socklen_t length = sizeof(groups);

        return getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) == 0 &&
               holds(groups, length / sizeof(groups[0]), wanted);
}

/* The groups of the client's user (who may have been added to one after logging in). */
static bool user_in_group(uid_t uid, gid_t wanted)
{
        char buf[NSS_BUFFER_SIZE];
        struct passwd pw, *found = NULL;
        gid_t groups[GROUPS_MAX];
        int n = GROUPS_MAX;

        return getpwuid_r(uid, &pw, buf, sizeof(buf), &found) == 0 && found &&
               getgrouplist(pw.pw_name, pw.pw_gid, groups, &n) >= 0 && holds(groups, (size_t)n, wanted);
}

static void peer_ids(const struct proc_status *st, uint32_t ret[6])
{
        const uint32_t ids[6] = {st->ruid, st->euid, st->suid, st->rgid, st->egid, st->sgid};

        memcpy(ret, ids, sizeof(ids));
}

/*
 * The pidfd is of the process that connected, whoever has its pid now. If it still runs after its start time
 * was read, that was its own. The descriptor is not kept: there may be hundreds of connections.
 */
static void pin_process(int fd, struct peer *p)
{
        _cleanup_close_ int pidfd = -1;
        socklen_t length = sizeof(pidfd);
        struct proc_status st;

        /* A kernel that has this and refuses has nobody to show any more. */
        if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) < 0 && errno != ENOPROTOOPT)
                return;
        if (procfs_status(p->process.pid, 0, &st) < 0 || st.task.pid != p->process.pid)
                return;
        if (pidfd >= 0 && poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, 0) != 0)
                return;
        p->process = st.task;
        p->process.tid = 0;
        p->process.tid_start = 0;
        peer_ids(&st, p->ids);
        p->cap_permitted = st.cap_permitted;
        p->cap_effective = st.cap_effective;
}

int peer_process(const struct peer *peer, struct proc_status *ret)
{
        uint32_t ids[6];

        if (!peer->process.pid)
                return -ENXIO;
        if (!peer->process.start || procfs_status(peer->process.pid, 0, ret) < 0 ||
            ret->task.start != peer->process.start || ret->state == 'Z' || ret->state == 'X')
                return -ESRCH;
        peer_ids(ret, ids);
        ret->cap_permitted &= peer->cap_permitted;
        ret->cap_effective &= peer->cap_effective;
        /* SO_PEERCRED has the effective uid, as it was at connect(). */
        return ret->euid == peer->uid && !memcmp(ids, peer->ids, sizeof(ids)) ? 0 : -EACCES;
}

int peer_groups(int fd, gid_t **ret, size_t *ret_n)
{
        socklen_t length = 0;

        *ret = NULL;
        *ret_n = 0;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &length) == 0)
                return 0; /* none */
        if (errno != ERANGE)
                return -errno;
        *ret = malloc(length);
        if (!*ret)
                return -ENOMEM;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, *ret, &length) < 0) {
                free(TAKE_PTR(*ret));
                return -errno;
        }
        *ret_n = length / sizeof(gid_t);
        return 0;
}

int peer_from_socket(int fd, struct peer *ret)
{
        struct ucred cred;
        socklen_t length = sizeof(cred);
        gid_t group;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) < 0)
                return -errno;
        *ret = (struct peer){.process.pid = (uint32_t)cred.pid, .uid = cred.uid, .gid = cred.gid};
        if (ret->process.pid)
                pin_process(fd, ret);
        ret->privileged = cred.uid == 0 ||
                          (peer_group(&group) == 0 && (cred.gid == group || process_in_group(fd, group) ||
                                                       user_in_group(cred.uid, group)));
        return 0;
}

bool peer_runs(const struct peer *peer, const struct proc_status *st)
{
        return st->ruid == peer->uid && st->euid == peer->uid && st->suid == peer->uid;
}

/* Who has that pid now, else who had it last. -ESRCH. */
static int owner(const struct peer *peer, const struct model *model, uint32_t pid, bool *ret_mine,
                 uint64_t *ret_start)
{
        struct proc_status st;
        struct process_view view;

        if (procfs_status(pid, 0, &st) == 0) {
                *ret_mine = peer_runs(peer, &st);
                *ret_start = st.task.start;
                return 0;
        }
        if (model_process(model, pid, &view) < 0 || !view.info_known)
                return -ESRCH;
        *ret_mine = view.uid == peer->uid;
        *ret_start = view.task.start;
        return 0;
}

bool peer_owns(const struct peer *peer, const struct model *model, const struct task_ref *task)
{
        uint64_t start;
        bool mine;

        return task->pid != 0 && owner(peer, model, task->pid, &mine, &start) == 0 && mine &&
               (!task->start || task->start == start);
}

static bool owns_cached(const struct peer *peer, const struct model *model, struct owner_cache *cache,
                        const struct task_ref *task)
{
        size_t i = (task->pid + peer->uid * 31U) % OWNER_CACHE_SIZE;
        uint64_t now = clock_mono_ns();

        if (task->pid == 0)
                return false;
        if (cache->slots[i].pid != task->pid || cache->slots[i].start != task->start ||
            cache->slots[i].uid != peer->uid || now - cache->slots[i].at_ns > OWNER_CACHE_TTL_NS) {
                cache->slots[i].uid = peer->uid;
                cache->slots[i].pid = task->pid;
                cache->slots[i].start = task->start;
                cache->slots[i].at_ns = now;
                cache->slots[i].mine = peer_owns(peer, model, task);
        }
        return cache->slots[i].mine;
}

bool peer_sees_event(const struct peer *peer, const struct model *model, struct owner_cache *cache,
                     const struct event *e)
{
        /* A refused attach, and a claim, are also theirs who made them. */
        static const uint64_t callers = EVENT_BIT(EV_PTRACE_REFUSED) | EVENT_BIT(EV_CLAIM_MADE) |
                                        EVENT_BIT(EV_CLAIM_QUEUED) | EVENT_BIT(EV_CLAIM_RENEWED) |
                                        EVENT_BIT(EV_CLAIM_TAKEN) | EVENT_BIT(EV_CLAIM_ENDED);

        if (peer->privileged || e->type == EV_LOSS || e->type == EV_DAEMON_START)
                return true;
        if (callers & EVENT_BIT(e->type) && e->caller_uid == peer->uid)
                return true;
        return owns_cached(peer, model, cache, &e->target);
}

bool peer_sees_finding(const struct peer *peer, const struct model *model, const struct finding *f)
{
        uint64_t start;
        bool mine;

        if (peer->privileged || peer_owns(peer, model, &f->target))
                return true;
        if (f->code != FIND_ATTACH_REFUSED_TRACED && f->code != FIND_ATTACH_REFUSED_PERMISSION &&
            f->code != FIND_ATTACH_REFUSED_TARGET && f->code != FIND_ATTACH_REFUSED_CLAIMED)
                return false;
        /* Whoever was refused may know why. A finding keeps only the pid of the other party: the process
         * must be old enough to have been it. */
        return f->other_pid && owner(peer, model, f->other_pid, &mine, &start) == 0 && mine &&
               start * NSEC_PER_TICK <= f->first_ns;
}
