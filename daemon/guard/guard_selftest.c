/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/guard/guard_selftest.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"
#include "daemon/base/child.h"
#include "daemon/guard/guard_object.h"
#include "daemon/kernel/loader.h"

#define RECORD_LOOKS    50 /* at the ring, for the record of a refusal */
#define RECORD_PAUSE_MS 10

/* A child that does nothing, until it is killed. */
static pid_t spawn_target(void)
{
        pid_t pid = child_fork();

        if (pid != 0)
                return pid;
        for (;;)
                pause();
}

/* Another child seizes the target, and ends. Positive errno of it, 0: it was let in; -errno. */
static int try_attach(pid_t target)
{
        pid_t pid = child_fork();
        int status;

        if (pid == 0)
                _exit(ptrace(PTRACE_SEIZE, target, NULL, NULL) < 0 ? errno : 0);
        if (pid < 0)
                return -errno;
        status = child_await(pid, GUARD_SELFTEST_LIMIT_MS);
        if (status < 0)
                return status;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -ETIMEDOUT;
}

/* What the ring says of the target. */
struct guard_proof {
        uint32_t target, generation;
        uint32_t reason; /* enum guard_reason of the refusal; GUARD_ALLOWED: none */
        bool seen;       /* a refusal was recorded, by these programs or others */
};

static bool keep_record(void *userdata, const struct rec_header *h, size_t size)
{
        const struct rec_guard *r = (const void *)h;
        struct guard_proof *p = userdata;

        if (h->type != REC_GUARD || size < sizeof(*r) || r->target.pid != p->target)
                return h->type == REC_GUARD;
        p->seen |= r->error != 0;
        if (r->error && r->h.generation == p->generation)
                p->reason = r->reason;
        return false;
}

/* Positive errno of an attach to the target, 0: it was let in; -errno. A record that another program has
 * begun and not ended hides those behind it, for as long as that one waits for a processor. */
static int probe(struct loader *loader, uint32_t generation, uint32_t target, uint32_t *ret_reason)
{
        struct guard_proof p = {.target = target, .generation = generation};
        int error = try_attach((pid_t)target);

        for (int i = 0; i < RECORD_LOOKS && (i == 0 || (error == EBUSY && !p.seen)); i++) {
                if (i > 0)
                        poll(NULL, 0, RECORD_PAUSE_MS);
                loader_skim_ring(loader, keep_record, &p);
        }
        *ret_reason = p.reason;
        return error;
}

static int explain_failure(char *reason, size_t size, int error)
{
        if (error == EBUSY) {
                snprintf(reason, size, "another guard refused the attach of the self-test");
                return -EALREADY;
        }
        if (error == 0)
                snprintf(reason, size,
                         "the programs attach, but do not run: a claimed process could be traced");
        else
                snprintf(reason, size, "the self-test's attach failed with %s",
                         strerrorname_np(error < 0 ? -error : error) ?: "?");
        return -ENXIO;
}

/* What the policy says of our own children is no failure. */
static int prove(const struct guard_object *o, uint32_t generation, struct loader *loader,
                 const struct guard_process *target, char *reason, size_t size)
{
        static const struct guard_claim claim = {
                .mode = GUARD_ENFORCE,
                .flags = CLAIM_F_PRIVILEGED,
                .owner = {.kind = OWNER_NOBODY},
        };
        int claims = guard_object_map(o, PINNED_CLAIMS), error;
        uint32_t why;

        if (bpf_map_update_elem(claims, target, &claim, BPF_ANY))
                return explain_failure(reason, size, -errno);
        error = probe(loader, generation, target->pid, &why);
        bpf_map_delete_elem(claims, target);
        if (error != EBUSY || why == GUARD_ALLOWED)
                return explain_failure(reason, size, error);
        error = probe(loader, generation, target->pid, &why);
        if (error == 0 || (error == EBUSY && why != GUARD_CLAIMED))
                return 0;
        snprintf(reason, size, "an attach to a process without a claim failed with %s",
                 strerrorname_np(error < 0 ? -error : error) ?: "?");
        return -ENXIO;
}

int guard_selftest(const struct guard_object *o, uint32_t generation, struct loader *loader, char *reason,
                   size_t size)
{
        pid_t target = spawn_target();
        struct guard_process key = {.pid = target > 0 ? (uint32_t)target : 0};
        struct task_ref t;
        int r = target < 0 ? -errno : procfs_task(key.pid, &t);

        if (r < 0)
                snprintf(reason, size, "the self-test cannot start a process (%s)",
                         strerrorname_np(-r) ?: "?");
        else {
                key.start = t.start;
                r = prove(o, generation, loader, &key, reason, size);
        }
        if (target > 0)
                (void)child_await(target, 0);
        return r;
}
