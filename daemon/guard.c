/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guard.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"

struct guard {
        const char *reason;
};

const char *guard_mechanism_to_string(enum guard_mechanism m)
{
        static const char *const names[] = {
                [MECHANISM_NONE] = "none",
                [MECHANISM_LSM] = "lsm",
                [MECHANISM_FMOD_RET] = "fmod_ret",
        };
        static_assert(ELEMENTSOF(names) == _MECHANISM_MAX, "a name per mechanism");

        return m >= 0 && m < _MECHANISM_MAX ? names[m] : NULL;
}

int guard_new(struct guard **ret, struct loader *loader _unused_, struct guard_pins *pins)
{
        struct guard *g = calloc(1, sizeof(*g));

        if (!g)
                return -ENOMEM;
        guard_pins_free(pins);
        g->reason = "this kernel cannot refuse attaches for ptraced";
        *ret = g;
        return 0;
}

struct guard *guard_free(struct guard *g)
{
        free(g);
        return NULL;
}

void guard_get_status(struct guard *g, struct guard_status *ret)
{
        *ret = (struct guard_status){.pin_dir = "", .reason = g->reason};
}

bool guard_available(const struct guard *g _unused_)
{
        return false;
}

int guard_set_state(struct guard *g _unused_, enum guard_state state)
{
        return state == GUARD_OFF ? 0 : -EOPNOTSUPP;
}

int guard_set_rules(struct guard *g _unused_, const struct guard_rule *rules _unused_, size_t n)
{
        return n ? -EOPNOTSUPP : 0;
}

int guard_put_claim(struct guard *g _unused_, const struct guard_process *target _unused_,
                    const struct guard_claim *claim _unused_)
{
        return -EOPNOTSUPP;
}

int guard_remove_claim(struct guard *g _unused_, const struct guard_process *target _unused_)
{
        return -ENOENT;
}

int guard_each_claim(struct guard *g _unused_,
                     int (*fn)(void *userdata, const struct guard_process *target,
                               const struct guard_claim *claim) _unused_,
                     void *userdata _unused_)
{
        return 0;
}

uint64_t guard_next_claim_id(struct guard *g _unused_)
{
        return 0;
}

bool guard_was_attached(const struct guard *g _unused_)
{
        return false;
}

bool guard_tend(struct guard *g _unused_)
{
        return false;
}

int guard_clear(struct guard *g _unused_)
{
        return 0;
}
