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

/*
 * What is to go on in a later turn, after those who wait by then: fn is called once each time it is asked
 * for by loop_later(). sd_event_add_defer(3) is of no use for that: among sources of one priority it keeps
 * the place that it had when it was made, so that one that is asked for again and again comes before all
 * others for ever.
 */
int loop_add_later(sd_event *event, sd_event_source **ret, sd_event_time_handler_t fn, void *userdata);
int loop_later(sd_event_source *source);
