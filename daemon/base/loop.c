/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/loop.h"

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
