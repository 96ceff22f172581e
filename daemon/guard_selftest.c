/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guard_selftest.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/cleanup.h"
#include "../lib/procfs.h"
#include "guard_object.h"

#define CLAIM_ID 1

/* A child that does nothing, until it is killed. */
static pid_t spawn_target(void)
{
        pid_t pid = fork();

        if (pid != 0)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
                pause();
}

static void end_child(pid_t pid)
{
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

/* Another child seizes the target, and ends. Positive errno of it, 0: it was let in; -errno. */
static int try_attach(pid_t target)
{
        _cleanup_close_ int pidfd = -1;
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                _exit(ptrace(PTRACE_SEIZE, target, NULL, NULL) < 0 ? errno : 0);
        }
        if (pid < 0)
                return -errno;
        pidfd = syscall(SYS_pidfd_open, pid, 0);
        if (pidfd < 0 ||
            poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, GUARD_SELFTEST_LIMIT_MS) != 1)
                kill(pid, SIGKILL);
        if (waitpid(pid, &status, 0) != pid)
                return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -ETIMEDOUT;
}

struct proof {
        pid_t target;
        unsigned refusals;
};

static int note_record(void *userdata, void *data, size_t size)
{
        struct proof *p = userdata;
        const struct rec_guard *r = data;

        if (size >= sizeof(*r) && r->h.type == REC_GUARD && r->error == EBUSY &&
            r->target.pid == (uint32_t)p->target)
                p->refusals++;
        return 0;
}

static unsigned count_refusals(const struct guard_object *o, pid_t target)
{
        struct proof p = {.target = target};
        struct ring_buffer *ring = ring_buffer__new(guard_object_map(o, PINNED_RING), note_record, &p, NULL);

        if (!ring)
                return 0;
        ring_buffer__consume(ring);
        ring_buffer__free(ring);
        return p.refusals;
}

static int put_config(const struct guard_object *o)
{
        struct guard_config config = {.state = GUARD_OFF, .generation = 1};

        return bpf_map_update_elem(guard_object_map(o, PINNED_CONFIG), &(uint32_t){0}, &config, BPF_ANY)
                       ? -errno
                       : 0;
}

static int explain(char *reason, size_t size, int error, unsigned refusals)
{
        if (error == 0)
                snprintf(
                        reason, size,
                        "the programs attach, but the kernel does not run them: a claimed child was traced");
        else if (error == EBUSY && !refusals)
                snprintf(reason, size, "another guard refused the self-test's attach");
        else
                snprintf(reason, size, "the self-test's attach failed with %s",
                         strerrorname_np(error < 0 ? -error : error) ?: "?");
        return -ENXIO;
}

/* A guard of an earlier daemon may refuse what ours allows: then ours has no record of it. */
static int prove(const struct guard_object *o, pid_t target, char *reason, size_t size)
{
        struct guard_claim claim = {
                .id = CLAIM_ID,
                .mode = GUARD_ENFORCE,
                .flags = CLAIM_F_PRIVILEGED,
                .owner = {.kind = OWNER_NOBODY},
        };
        struct guard_process key = {.pid = (uint32_t)target};
        int claims = guard_object_map(o, PINNED_CLAIMS), error;
        struct task_ref t;
        unsigned refusals;

        if (procfs_task(key.pid, &t) < 0)
                return explain(reason, size, ESRCH, 0);
        key.start = t.start;
        if (bpf_map_update_elem(claims, &key, &claim, BPF_ANY))
                return explain(reason, size, errno, 0);
        error = try_attach(target);
        refusals = count_refusals(o, target);
        if (error != EBUSY || !refusals)
                return explain(reason, size, error, refusals);
        bpf_map_delete_elem(claims, &key);
        error = try_attach(target);
        refusals = count_refusals(o, target);
        if (error == 0 || (error == EBUSY && !refusals))
                return 0;
        snprintf(reason, size, "an attach to a process without a claim was refused (%s)",
                 strerrorname_np(error < 0 ? -error : error) ?: "?");
        return -ENXIO;
}

int guard_selftest(enum guard_mechanism mechanism, char *reason, size_t size)
{
        struct guard_object *o = NULL;
        pid_t target = -1;
        int r = guard_object_load(&o, mechanism, 1, NULL, reason, size);

        if (r < 0)
                return r;
        r = put_config(o);
        if (r < 0)
                snprintf(reason, size, "the guard's settings cannot be written (%s)",
                         strerrorname_np(-r) ?: "?");
        else
                r = guard_object_attach(o, reason, size);
        if (r == 0) {
                target = spawn_target();
                r = target < 0 ? -errno : prove(o, target, reason, size);
        }
        if (target > 0)
                end_child(target);
        guard_object_free(o);
        return r;
}
