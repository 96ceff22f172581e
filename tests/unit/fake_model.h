/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* As much of a model as those need who only read its sessions: a list, filled by the test or from events. */

#include <errno.h>
#include <string.h>

#include "lib/model/model.h"

#define FAKE_SESSIONS_MAX 4096
#define FAKE_EVENTS_MAX   4096

struct model {
        struct session sessions[FAKE_SESSIONS_MAX];
        size_t n_sessions;
        struct event events[FAKE_EVENTS_MAX]; /* all that was emitted */
        size_t n_events;
};

int model_each_session(const struct model *m, uint32_t pid, bool ended,
                       int (*fn)(void *userdata, const struct session *s), void *userdata)
{
        (void)ended;
        for (size_t i = 0; i < m->n_sessions; i++) {
                const struct session *s = &m->sessions[i];
                int r;

                if (pid && s->target.pid != pid && s->tracer.pid != pid)
                        continue;
                r = fn(userdata, s);
                if (r)
                        return r;
        }
        return 0;
}

const struct model_thresholds *model_thresholds(const struct model *m)
{
        static const struct model_thresholds fixed = {.tracer_stale_ns = 1800 * NSEC_PER_SEC};

        (void)m;
        return &fixed;
}

int model_process(const struct model *m, uint32_t pid, struct process_view *ret)
{
        memset(ret, 0, sizeof(*ret));
        for (size_t i = 0; i < m->n_sessions; i++) {
                ret->n_traced_threads += m->sessions[i].target.pid == pid;
                ret->n_tracees += m->sessions[i].tracer.pid == pid;
        }
        ret->alive = ret->n_traced_threads + ret->n_tracees > 0;
        return ret->alive ? 0 : -ESRCH;
}

static inline void fake_attach(struct model *m, const struct task_ref *tracer, const struct task_ref *target)
{
        m->sessions[m->n_sessions++] = (struct session){.tracer = *tracer, .target = *target};
}

static inline int fake_emit(void *userdata, struct event *e)
{
        struct model *m = userdata;

        if (m->n_events < FAKE_EVENTS_MAX)
                m->events[m->n_events++] = *e;
        if (e->type == EV_PTRACE_ATTACH)
                fake_attach(m, &e->tracer, &e->target);
        for (size_t i = 0; e->type == EV_PTRACE_DETACH && i < m->n_sessions; i++)
                if (m->sessions[i].target.tid == e->target.tid) {
                        m->sessions[i] = m->sessions[--m->n_sessions];
                        break;
                }
        return 0;
}

/* The last event of a type about that thread, and how many there were. */
static inline const struct event *fake_event(const struct model *m, enum event_type type, uint32_t pid,
                                             size_t *ret_n)
{
        const struct event *found = NULL;
        size_t n = 0;

        for (size_t i = 0; i < m->n_events; i++)
                if (m->events[i].type == type && m->events[i].target.pid == pid) {
                        found = &m->events[i];
                        n++;
                }
        if (ret_n)
                *ret_n = n;
        return found;
}
