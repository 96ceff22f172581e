/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/claims/refusal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <microhttpd.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define NAME_SHOWN_MAX 128

/* sentence NULL: composed below of who is in the way, or what the system says. */
static const struct refusal_row {
        unsigned status;
        const char *code;
        const char *waited; /* "The claim that was waited for is not made: ..." */
        const char *sentence, *hint;
} rows[] = {
        [CLAIM_NOT_REFUSED] = {},
        [REFUSED_CLAIMED] = {MHD_HTTP_CONFLICT, "claimed", "it is claimed", NULL,
                             "Wait for your turn with --wait, or take it over with --take."},
        [REFUSED_YOURS] = {MHD_HTTP_CONFLICT, "claimed", "it is claimed", NULL,
                           "It is yours: renew or release it."},
        [REFUSED_ROOTS] = {MHD_HTTP_FORBIDDEN, "not-permitted", "it is claimed", NULL,
                           "Root or group ptraced made that claim, so only they can take it over."},
        [REFUSED_TRACED] =
                {MHD_HTTP_CONFLICT, "traced", "it is traced", NULL,
                 "Wait until it has left with --wait. With --take the claim is made now, and that "
                 "tracer stays until it leaves: nobody can detach it."},
        [REFUSED_QUEUE] = {MHD_HTTP_CONFLICT, "traced", "others wait for it", NULL,
                           "Wait until it has left with --wait. With --take the claim is made now, and that "
                           "tracer stays until it leaves: nobody can detach it."},
        [REFUSED_LIMIT] =
                {MHD_HTTP_TOO_MANY_REQUESTS, "too-many-claims", "there are too many claims",
                 "There are too many claims or waiters: 4096 claims and 1024 waiters in all, 256 of "
                 "each of one user, 64 claims where they are kept by hold.",
                 "Release some; `ptracectl claims` shows them."},
        [REFUSED_PROCESS_GONE] = {MHD_HTTP_NOT_FOUND, "no-such-process", "the process ended",
                                  "There is no such process any more.", ""},
        [REFUSED_THREADS] = {MHD_HTTP_TOO_MANY_REQUESTS, "too-many-claims",
                             "the process has too many threads to be held",
                             "The process has too many threads to be held.", ""},
        [REFUSED_NO_MEANS] =
                {MHD_HTTP_NOT_IMPLEMENTED, "no-guard", "nothing here can keep it",
                 "Nothing here can keep a claim: this kernel lets ptraced refuse no attach, and "
                 "hold is not possible either.",
                 "`ptracectl doctor` says what is missing."},
        [REFUSED_NO_CLAIM] = {MHD_HTTP_NOT_FOUND, "no-such-claim", "it is gone",
                              "There is no such claim: it ended, or never was.",
                              "`ptracectl claims` shows those there are."},
        [REFUSED_NOT_PERMITTED] = {MHD_HTTP_FORBIDDEN, "not-permitted", "it is another user's", NULL,
                                   "Ask as that user or as root, or show the claim's token."},
        [REFUSED_WRONG_TOKEN] = {MHD_HTTP_FORBIDDEN, "wrong-token", "the token is wrong", NULL, ""},
        [REFUSED_OWNER_GONE] = {MHD_HTTP_SERVICE_UNAVAILABLE, "not-claimed", "its owner ended", NULL, ""},
        [REFUSED_GUARD_OFF] = {MHD_HTTP_SERVICE_UNAVAILABLE, "not-claimed", "the guard was switched off",
                               NULL, ""},
        [REFUSED_TAKEN_OVER] = {MHD_HTTP_SERVICE_UNAVAILABLE, "not-claimed", "somebody else took it", NULL,
                                ""},
        [REFUSED_RELEASED] = {MHD_HTTP_SERVICE_UNAVAILABLE, "not-claimed", "it was released", NULL, ""},
        [REFUSED_STOPPING] = {MHD_HTTP_SERVICE_UNAVAILABLE, "not-claimed", "the daemon stops",
                              "The daemon stops; nobody waits any more.", "Ask again when it is back."},
        [REFUSED_BY_SYSTEM] = {MHD_HTTP_INTERNAL_SERVER_ERROR, "failed", NULL, NULL, ""},
};
static_assert(ELEMENTSOF(rows) == _CLAIM_REFUSAL_MAX, "a row for each refusal");

static const struct refusal_row *begin_refusal(const struct claim_outcome *o, struct refusal_text *ret)
{
        const struct refusal_row *row = &rows[o->refusal];

        assert(o->refusal > CLAIM_NOT_REFUSED && o->refusal < _CLAIM_REFUSAL_MAX);
        ret->status = row->status;
        ret->code = row->code;
        snprintf(ret->sentence, sizeof(ret->sentence), "%s", row->sentence ?: "");
        snprintf(ret->hint, sizeof(ret->hint), "%s", row->hint);
        return row;
}

static void say_claimed(const struct claim *c, uint64_t now, char sentence[REFUSAL_TEXT_MAX])
{
        uint64_t seconds = (now - MIN_OF(c->made_ns, now)) / NSEC_PER_SEC;
        char owner[NAME_SHOWN_MAX], target[NAME_SHOWN_MAX], waiting[32] = "";

        if (c->n_waiters)
                snprintf(waiting, sizeof(waiting), "; %u waiting", c->n_waiters);
        snprintf(sentence, REFUSAL_TEXT_MAX,
                 "Process %u (%s) is claimed for %s, since %" PRIu64 " s, by user %u (claim %" PRIu64 "%s).",
                 c->request.target.pid, text_escape(c->request.target.comm, target, sizeof(target)),
                 text_escape(c->request.owner_text, owner, sizeof(owner)), seconds, c->request.asker.uid,
                 c->id, waiting);
}

void refusal_of_request(const struct claim_request *r, const struct claim_outcome *o, uint64_t now_ns,
                        struct refusal_text *ret)
{
        char comm[NAME_SHOWN_MAX];

        begin_refusal(o, ret);
        if (o->other &&
            (o->refusal == REFUSED_CLAIMED || o->refusal == REFUSED_YOURS || o->refusal == REFUSED_ROOTS))
                say_claimed(o->other, now_ns, ret->sentence);
        else if (o->refusal == REFUSED_TRACED)
                snprintf(ret->sentence, sizeof(ret->sentence),
                         "Process %u is traced by pid %u (%s), which a claim for %s does not admit.",
                         r->target.pid, o->tracer.pid, text_escape(o->tracer.comm, comm, sizeof(comm)),
                         r->owner_text);
        else if (o->refusal == REFUSED_QUEUE)
                snprintf(ret->sentence, sizeof(ret->sentence), "Others wait for process %u already.",
                         r->target.pid);
        else if (!*ret->sentence)
                snprintf(ret->sentence, sizeof(ret->sentence), "The claim cannot be made: %s.",
                         strerror(-o->error));
}

void refusal_of_waiter(const struct claim_outcome *o, struct refusal_text *ret)
{
        const struct refusal_row *row = begin_refusal(o, ret);

        if (!o->waited && row->sentence) /* it only waited until it was in force */
                return;
        *ret->hint = '\0';
        if (!o->waited && o->error)
                snprintf(ret->sentence, sizeof(ret->sentence), "The claim cannot be made: %s.",
                         strerror(-o->error));
        else
                snprintf(ret->sentence, sizeof(ret->sentence),
                         "The claim that was waited for is not made: %s.",
                         row->waited ?: strerror(-o->error));
}

void refusal_of_change(const struct claim_outcome *o, const char *what, uint64_t id,
                       const struct claimant *by, struct refusal_text *ret)
{
        begin_refusal(o, ret);
        if (o->refusal == REFUSED_NOT_PERMITTED)
                snprintf(ret->sentence, sizeof(ret->sentence),
                         "Claim %" PRIu64 " was made by another user, so user %u may not %s it.", id,
                         by->uid, what);
        else if (o->refusal == REFUSED_WRONG_TOKEN)
                snprintf(ret->sentence, sizeof(ret->sentence), "That is not the token of claim %" PRIu64 ".",
                         id);
        else if (o->refusal == REFUSED_PROCESS_GONE)
                snprintf(ret->sentence, sizeof(ret->sentence),
                         "The process of claim %" PRIu64 " is gone, or the one that would own it.", id);
        else if (o->error)
                snprintf(ret->sentence, sizeof(ret->sentence),
                         "It was not possible to %s claim %" PRIu64 ": %s.", what, id, strerror(-o->error));
}
