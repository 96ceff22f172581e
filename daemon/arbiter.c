/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arbiter.h"

#include <errno.h>
#include <stdlib.h>

#include "../lib/cleanup.h"

struct arbiter {
        sd_event *event;
};

int arbiter_new(struct arbiter **ret, sd_event *event, struct guard *guard _unused_,
                struct hold *hold _unused_, struct pump *pump _unused_, const char *state_dir _unused_,
                const char *policy_dir _unused_, uint64_t grace_ns _unused_)
{
        struct arbiter *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        a->event = event;
        *ret = a;
        return 0;
}

struct arbiter *arbiter_free(struct arbiter *a)
{
        free(a);
        return NULL;
}

const char *arbiter_means_to_string(enum arbiter_means m)
{
        return m == MEANS_KERNEL ? "kernel" : "hold";
}

const struct claim_book *arbiter_book(const struct arbiter *a _unused_)
{
        return NULL;
}

enum arbiter_means arbiter_means(const struct arbiter *a _unused_)
{
        return MEANS_HOLD;
}

const struct policy *arbiter_policy(const struct arbiter *a _unused_, uint64_t *ret_wall_ns,
                                    const char **ret_error)
{
        *ret_wall_ns = 0;
        *ret_error = "";
        return NULL;
}

enum guard_state arbiter_state(const struct arbiter *a _unused_)
{
        return GUARD_OFF;
}

bool arbiter_enforces(const struct arbiter *a _unused_)
{
        return false;
}

const char *arbiter_owner_text(const struct arbiter *a _unused_, uint64_t claim _unused_)
{
        return "";
}

const char *arbiter_rule_name(const struct arbiter *a _unused_, size_t index _unused_)
{
        return "";
}

int arbiter_reload(struct arbiter *a _unused_, const struct task_ref *asker _unused_,
                   uint32_t asker_uid _unused_, char *error _unused_, size_t size _unused_)
{
        return 0;
}

void arbiter_ask(struct arbiter *a _unused_, const struct task_ref *tracer _unused_,
                 const struct task_ref *target _unused_, struct arbiter_opinion *ret)
{
        *ret = (struct arbiter_opinion){};
}
