/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/diagnosis/rule.h"
#include "lib/event/wording.h"

void finding_begin(const struct model *m, struct finding *f, const struct rule *r, const struct event *e)
{
        *f = (struct finding){
                .code = r->code,
                .severity = r->severity,
                .target = e->target,
                .first_ns = e->time_ns,
                .last_ns = e->time_ns,
                .first_wall_ns = e->wall_ns,
                .last_wall_ns = e->wall_ns,
                .count = 1,
        };
        process_name(m, &f->target);
        if (e->seq) {
                f->evidence[0] = e->seq;
                f->n_evidence = 1;
        }
}

void finding_say_release(struct finding *f, const struct task_ref *tracer, const struct session *s)
{
        const struct tracer_ties ties = {
                .tracer = *tracer,
                .target = f->target,
                .options = s->options,
                .unaware = session_is_unaware(s),
                .n_traps = s->n_traps,
        };

        say_release(SENTENCE(f->remedy), &ties);
        say_release_risk(SENTENCE(f->risk), &ties);
}
