/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/answer.h"
#include "daemon/api/handlers.h"
#include "daemon/http/stream.h"

void api_events(struct api_call *call)
{
        const struct request_args *a = &call->args;
        const struct event_filter filter = {
                .pid = a->pid,
                .of = api_lifetime(call),
                .since_wall_ns = a->since_wall_ns,
                .until_wall_ns = a->until_wall_ns,
                .types = a->types,
                .after_seq = a->after_seq,
        };
        /* Who only follows wants what comes; with a place to start from, what is stored comes first. */
        bool history = !a->follow || a->given & (ARG_SINCE | ARG_AFTER);

        if (a->follow && a->given & ARG_UNTIL) {
                api_fail(call, MHD_HTTP_BAD_REQUEST, "bad-argument", "Leave one of them out.",
                         "until and follow cannot be combined: following has no end.");
                return;
        }
        stream_answer(call, &filter, history, a->follow);
}
