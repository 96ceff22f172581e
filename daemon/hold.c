/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hold.h"

#include <errno.h>
#include <stdlib.h>

#include "../lib/cleanup.h"

static const char *const state_names[] = {
        [HOLD_HOLDING] = "holding",
        [HOLD_YIELDED] = "yielded",
        [HOLD_CAUGHT] = "caught",
        [HOLD_GONE] = "gone",
};

struct hold {
        sd_event *event;
};

const char *hold_state_to_string(enum hold_state s)
{
        return (size_t)s < ELEMENTSOF(state_names) ? state_names[s] : "?";
}

int hold_new(struct hold **ret, sd_event *event, const char *state_dir _unused_,
             void (*on_change)(void *userdata, const struct hold_view *v) _unused_, void *userdata _unused_)
{
        struct hold *h = calloc(1, sizeof(*h));

        if (!h)
                return -ENOMEM;
        h->event = event;
        *ret = h;
        return 0;
}

struct hold *hold_free(struct hold *h)
{
        free(h);
        return NULL;
}

int hold_take(struct hold *h _unused_, const struct task_ref *target _unused_, bool catch _unused_,
              struct task_ref *ret_holder _unused_)
{
        return -EOPNOTSUPP;
}

int hold_yield(struct hold *h _unused_, const struct task_ref *target _unused_,
               const struct task_ref *owner _unused_)
{
        return -ENOENT;
}

int hold_resume(struct hold *h _unused_, const struct task_ref *target _unused_)
{
        return -ENOENT;
}

int hold_release(struct hold *h _unused_, const struct task_ref *target _unused_)
{
        return -ENOENT;
}

int hold_get(const struct hold *h _unused_, uint32_t pid _unused_, struct hold_view *ret _unused_)
{
        return -ENOENT;
}

int hold_each(const struct hold *h _unused_, int (*fn)(void *userdata, const struct hold_view *v) _unused_,
              void *userdata _unused_)
{
        return 0;
}
