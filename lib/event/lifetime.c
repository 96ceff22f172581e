/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/event/lifetime.h"

#include "lib/base/cleanup.h"
#include "lib/event/record.h"

/* Clocks are set and ticks are coarse: so much earlier is not earlier. */
#define WALL_SLACK_NS (2 * NSEC_PER_SEC)

/* Another boot counts its time anew: there the wall clock tells. */
static bool is_since(const struct lifetime *l, uint64_t time_ns, uint64_t wall_ns)
{
        return time_ns >= l->start * NSEC_PER_TICK && wall_ns + WALL_SLACK_NS >= l->start_wall_ns;
}

bool lifetime_has_event(const struct lifetime *l, const struct event *e)
{
        struct task_ref parts[4];
        size_t n = l->pid ? event_parts(e, parts) : 0;

        for (size_t i = 0; i < n; i++)
                if (parts[i].pid == l->pid &&
                    (!l->start ||
                     (parts[i].start ? parts[i].start == l->start : is_since(l, e->time_ns, e->wall_ns))))
                        return true;
        return !l->pid;
}

bool lifetime_has_finding(const struct lifetime *l, const struct finding *f)
{
        if (!l->pid)
                return true;
        if (f->target.pid == l->pid && f->target.start && l->start)
                return f->target.start == l->start;
        return (f->target.pid == l->pid || f->other_pid == l->pid) &&
               (!l->start || is_since(l, f->last_ns, f->last_wall_ns));
}

uint64_t lifetime_start_in(const struct event *e, uint32_t pid)
{
        struct task_ref parts[4];
        size_t n = event_parts(e, parts);

        for (size_t i = 0; i < n; i++)
                if (parts[i].pid == pid && parts[i].start)
                        return parts[i].start;
        return 0;
}
