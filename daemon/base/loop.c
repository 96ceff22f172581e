/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/loop.h"

#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

static int take_loop_turn(sd_event *event, struct loop_times *times)
{
        uint64_t began = clock_mono_ns(), took;
        int r = sd_event_dispatch(event);

        took = clock_mono_ns() - began;
        times->turns++;
        times->busy_ns += took;
        times->longest_ns = MAX_OF(times->longest_ns, took);
        return r;
}

int loop_run(sd_event *event, struct loop_times *times)
{
        int code, r = 0;

        while (r >= 0 && sd_event_get_state(event) != SD_EVENT_FINISHED) {
                r = sd_event_prepare(event);
                if (r == 0)
                        r = sd_event_wait(event, UINT64_MAX);
                if (r > 0)
                        r = take_loop_turn(event, times);
        }
        if (r < 0)
                return r;
        r = sd_event_get_exit_code(event, &code);
        return r < 0 ? r : code;
}

int loop_add_later(sd_event *event, sd_event_source **ret, sd_event_time_handler_t fn, void *userdata)
{
        int r = sd_event_add_time(event, ret, CLOCK_MONOTONIC, 0, 1, fn, userdata);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int loop_later(sd_event_source *source)
{
        int r;

        if (sd_event_source_get_enabled(source, NULL) > 0)
                return 0; /* asked for already: asking again would cost it its place */
        r = sd_event_source_set_time_relative(source, 0);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}
