/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/takeover.h"

#include <string.h>

#include "daemon/claims/by_kernel.h"

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

void takeover_find(struct guard *guard, const char *state_dir, struct claims_found *ret)
{
        struct claims_found file;

        claims_found_init(ret);
        if (!guard) {
                claims_file_read(state_dir, ret);
                return;
        }
        claims_found_init(&file);
        by_kernel_find(guard, ret);
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
