/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/departed.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"

struct departed {
        size_t n;
        struct task_ref tasks[DEPARTED_MAX];
};

static int collect_departed(void *userdata, const struct process_view *v)
{
        struct departed *d = userdata;

        if (v->n_traced_threads || v->n_tracees || kill((pid_t)v->task.pid, 0) == 0 || errno != ESRCH)
                return 0;
        d->tasks[d->n++] = v->task;
        return d->n == DEPARTED_MAX;
}

int departed_look(const struct model *m, void (*flush)(void *userdata), scan_emit emit, void *userdata)
{
        _cleanup_free_ struct departed *d = malloc(sizeof(*d));
        int r = 0, n = 0;

        if (!d)
                return -ENOMEM;
        d->n = 0;
        model_each_live(m, collect_departed, d);
        if (d->n && flush)
                flush(userdata);
        for (size_t i = 0; i < d->n && r == 0; i++) {
                struct event e = {.type = EV_TASK_STATE, .target = d->tasks[i], .state = 'X'};
                struct process_view v;

                if (model_process(m, e.target.pid, &v) < 0 || !v.alive || v.task.start != e.target.start)
                        continue;
                r = emit(userdata, &e);
                n++;
        }
        return r < 0 ? r : n;
}
