/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Programs that a tracer makes different from what their file says. */

#include <inttypes.h>

#include "lib/diagnosis/rule.h"
#include "lib/event/wording.h"

/* ---- setuid-ignored ---------------------------------------------------------------------------------- */

static void say_rights(struct sentence to, const struct event *e)
{
        switch (e->ignored) {
        case IGNORED_SET_UID:
                say(to, "as uid %" PRIu32 ", not as the file's owner (uid %" PRIu32 ")", e->uid,
                    e->file_owner);
                break;
        case IGNORED_SET_GID:
                say(to, "without the file's group (gid %" PRIu32 ")", e->file_owner);
                break;
        default:
                say(to, "without the file's capabilities");
        }
}

void rule_setuid_ignored(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        static const char *const causes[] = {
                [IGNORED_SET_UID] = "set-uid",
                [IGNORED_SET_GID] = "set-gid",
                [IGNORED_CAPABILITIES] = "capabilities",
        };
        struct model *m = d->model;
        struct task_ref who = e->tracer;
        char target[WORD_MAX], tracer[WORD_MAX];
        struct finding f;

        if (e->ignored <= IGNORED_NOTHING || e->ignored >= _IGNORED_MAX || !who.pid)
                return;
        finding_begin(m, &f, r, e);
        process_name(m, &who);
        f.other_pid = who.pid;
        say(SENTENCE(f.cause), "%s", causes[e->ignored]);
        say(SENTENCE(f.summary), "%s runs ", word_process(&f.target, target));
        say_rights(SENTENCE(f.summary), e);
        say(SENTENCE(f.summary),
            ": %s traces it, and had no CAP_SYS_PTRACE, so the kernel gave it none of the file's rights",
            word_process(&who, tracer));
        say(SENTENCE(f.remedy),
            "start it without a tracer and attach as root once it runs, or trace it as root from the start "
            "(strace -u USER runs it as that user, with the file's rights)");
        model_report(m, &f);
}
