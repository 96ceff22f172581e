/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/by_kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/claims/owner.h"

/* ---- the kernel's layout ----------------------------------------------------------------------------- */

static struct guard_claim claim_to_guard(const struct claim *c)
{
        const struct claim_request *r = &c->request;
        uint64_t grace = c->grace_until_ns;
        struct guard_claim g = {
                .id = c->id,
                .end_ns = !c->end_ns || (grace && grace < c->end_ns) ? grace : c->end_ns,
                .made_ns = c->made_ns,
                .mode = r->mode,
                .flags = r->asker.privileged ? CLAIM_F_PRIVILEGED : 0,
                .owner = r->owner,
                .made_by_uid = r->asker.uid,
                .made_by_pid = r->asker.process.pid,
                .lease_ns = r->lease_ns,
        };

        memcpy(g.token, r->token, sizeof(g.token));
        return g;
}

/* The kernel's map is pinned where root may write: what is read from it is checked, too. */
static bool claim_from_guard(const struct guard_process *target, const struct guard_claim *g,
                             struct claim *ret)
{
        struct claim_request *r = &ret->request;

        *ret = (struct claim){.id = g->id, .made_ns = g->made_ns};
        if (!g->id || g->mode >= _GUARD_MODE_MAX || g->owner.kind >= _GUARD_OWNER_MAX ||
            strnlen(g->token, sizeof(g->token)) == sizeof(g->token))
                return false;
        r->target = (struct task_ref){.pid = target->pid, .start = target->start};
        r->asker.process.pid = g->made_by_pid;
        r->asker.uid = g->made_by_uid;
        r->asker.privileged = !!(g->flags & CLAIM_F_PRIVILEGED);
        r->owner = g->owner;
        r->mode = g->mode;
        r->lease_ns = g->lease_ns;
        memcpy(r->token, g->token, sizeof(r->token));
        if (g->lease_ns)
                ret->end_ns = g->end_ns;
        else
                ret->grace_until_ns = g->end_ns;
        owner_describe(&r->owner, r->owner_text);
        return true;
}

static int find_in_kernel(void *userdata, const struct guard_process *target, const struct guard_claim *g)
{
        struct claims_found *found = userdata;
        struct claim c;

        if (claim_from_guard(target, g, &c))
                claims_found_add(found, &c, false);
        else
                found->n_bad++;
        return 0;
}

/* ---- of an earlier daemon ---------------------------------------------------------------------------- */

/* What the kernel has no room for. */
static void add_words(struct claims_found *found, const struct claim *c)
{
        LIST_FOREACH (it, &found->list) {
                struct claim_request *r = &LIST_ENTRY(it, struct found_claim, link)->claim.request;

                if (LIST_ENTRY(it, struct found_claim, link)->claim.id != c->id ||
                    memcmp(&r->owner, &c->request.owner, sizeof(r->owner)))
                        continue;
                memcpy(r->owner_text, c->request.owner_text, sizeof(r->owner_text));
                r->asker.process = c->request.asker.process;
                memcpy(r->target.comm, c->request.target.comm, sizeof(r->target.comm));
                return;
        }
}

void by_kernel_find(struct guard *guard, const char *state_dir, struct claims_found *ret)
{
        struct claims_found file;

        claims_found_init(&file);
        guard_each_claim(guard, find_in_kernel, ret);
        claims_file_read(state_dir, &file);
        /* Others in the file ended with the pins, and do not come back unasked. */
        LIST_FOREACH (it, &file.list) {
                const struct found_claim *f = LIST_ENTRY(it, struct found_claim, link);

                add_words(ret, &f->claim);
                if (f->our_hold)
                        claims_found_add(ret, &f->claim, true);
        }
        ret->n_bad += file.n_bad;
        ret->next_id = file.next_id;
        claims_found_done(&file);
}

/* ---- means ------------------------------------------------------------------------------------------- */

static int kernel_install(void *self, const struct claim *c)
{
        const struct by_kernel *k = self;
        const struct guard_process target = owner_key(&c->request.target);
        const struct guard_claim g = claim_to_guard(c);
        int r = guard_put_claim(k->guard, &target, &g);

        return r == -E2BIG ? -EDQUOT : r; /* claims, not threads */
}

static void kernel_remove(void *self, const struct claim *c)
{
        const struct by_kernel *k = self;
        const struct guard_process target = owner_key(&c->request.target);
        int r = k->forgotten ? 0 : guard_remove_claim(k->guard, &target);

        if (r < 0 && r != -ENOENT)
                log_error("Claim %" PRIu64 " on process %u cannot be taken out of the kernel: %s.", c->id,
                          target.pid, strerror(-r));
}

/* Nobody is in the owner's way, unless it is held, or caught, for another reason. */
static int kernel_enter(void *self, const struct claim *c, const struct task_ref *owner, hold_done done,
                        void *userdata)
{
        const struct by_kernel *k = self;

        return k->hold ? hold_yield(k->hold, &c->request.target, owner, done, userdata) : -ENOENT;
}

static void kernel_check(void *self _unused_, const struct task_ref *target _unused_)
{
}

/* What is in force must be so by the means there are now: the last daemon may have had hold only. */
static int kernel_adopt(void *self, const struct claim *c, bool our_hold)
{
        const struct by_kernel *k = self;
        int r = our_hold ? kernel_install(self, c) : 0;

        if (our_hold && k->hold)
                (void)hold_release(k->hold, &c->request.target, NULL, NULL);
        return r;
}

static bool kernel_holds(void *self _unused_, const struct task_ref *target _unused_)
{
        return false;
}

struct means by_kernel_means(struct by_kernel *k)
{
        return (struct means){
                .kind = MEANS_KERNEL,
                .by_itself = true,
                .self = k,
                .install = kernel_install,
                .remove = kernel_remove,
                .enter = kernel_enter,
                .check = kernel_check,
                .adopt = kernel_adopt,
                .holds = kernel_holds,
        };
}
