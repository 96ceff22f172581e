/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The event loop, measured. Nothing in a daemon's loop waits, so the longest of its turns says how late
 * anybody's answer can have been because of others.
 */

#include <stdint.h>

#include <systemd/sd-event.h>

/* A turn is one event source's, from when it is called until it returns. */
struct loop_times {
        uint64_t turns;
        uint64_t busy_ns, longest_ns; /* of all of them, of one */
};

/* sd_event_loop(3), with times kept up to date. */
int loop_run(sd_event *event, struct loop_times *times);
