/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The child that heals: started, listened to, and killed when it takes too long. */

#include <systemd/sd-event.h>

#include "daemon/heal/heal_report.h"

#define HEAL_CHILD_MS 8000 /* for all of it */

struct heal_child;

/*
 * Does it, or says what it would do. on_end is called once, from the event loop, with what there is to say
 * in *h, which must last until then. -errno if it cannot be begun.
 */
int heal_begin(struct heal_child **ret, sd_event *event, struct heal *h, void (*on_end)(void *userdata),
               void *userdata);
/* Ends it at once; on_end is not called any more. Also after the end. Returns NULL. */
struct heal_child *heal_end(struct heal_child *c);
