/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Refusals that are ptraced's own: they can be waited for, released or taken, and each way is named. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bpf/records.h"
#include "lib/access/access_guard.h"
#include "lib/base/text.h"

#define OWNER_ESCAPED_MAX (EVENT_OWNER_MAX * 4 + 1)

/* Claims, rules and the single tracer count only where they are enforced. */
static bool guard_against(const struct access_facts *f)
{
        return f->guard.reason != GUARD_ALLOWED && !f->guard.audit;
}

bool guard_decided(const struct access_facts *f)
{
        return f->error && guard_against(f);
}

bool guard_says_held(const struct access_facts *f)
{
        return guard_against(f) && f->guard.reason == GUARD_HELD && !f->guard.by_hold;
}

bool guard_comes_first(const struct access_facts *f)
{
        return guard_against(f) && f->guard.by_kernel && !f->guard.by_hold;
}

int guard_error(const struct access_facts *f)
{
        if (!guard_comes_first(f))
                return EPERM; /* a hold helper is a tracer like any other */
        return f->guard.reason == GUARD_NO_SLOT ? EAGAIN : EBUSY;
}

/* ---- pieces ----------------------------------------------------------------------------------------- */

/* "uid 1000 (claim 12)", with what is left of its lease. */
static void say_claim(const struct access_facts *f, struct sentence to)
{
        char owner[OWNER_ESCAPED_MAX], left[64];

        say(to, "%s (claim %" PRIu64 ")",
            f->guard.owner[0] ? text_escape(f->guard.owner, owner, sizeof(owner)) : "somebody else",
            f->guard.claim);
        if (f->guard.lease_left_ns)
                say(to, ", for %s more", text_duration(f->guard.lease_left_ns, left, sizeof(left)));
}

/* "rule php of /etc/ptraced/policy.d/php.conf:3" */
static void say_rule(const struct access_facts *f, struct sentence to)
{
        char name[OWNER_ESCAPED_MAX], place[sizeof(f->guard.rule_place) * 4 + 1];

        if (!f->guard.rule[0]) {
                say(to, "a rule of the policy");
                return;
        }
        say(to, "rule \"%s\"", text_escape(f->guard.rule, name, sizeof(name)));
        if (f->guard.rule_place[0])
                say(to, " of %s", text_escape(f->guard.rule_place, place, sizeof(place)));
}

void guard_say_single(const struct access_facts *f, struct sentence to)
{
        if (!guard_says_held(f))
                return;
        switch (f->guard.source) {
        case SOURCE_CLAIM:
                say(to, ", and claim %" PRIu64 " admits one tracer at a time", f->guard.claim);
                break;
        case SOURCE_RULE:
                say(to, ", and ");
                say_rule(f, to);
                say(to, " admits one tracer at a time");
                break;
        default:
                say(to, ", and the guard admits one tracer to a process at a time");
        }
}

/* Root of the machine, who may take and change what others only wait for. */
static bool asks_as_root(const struct access_facts *f)
{
        return f->caller_uid == 0 && !access_is(f, ATT_F_CALLER_USERNS);
}

static void say_turn(const struct access_facts *f, struct sentence to)
{
        say(to, "wait for a turn: ptracectl debug --wait %" PRIu32 " -- ...", f->target.pid);
}

/* Of taking a process over: what its tracer may leave in it. What was not looked at is said, too. */
static void say_taking_risk(const struct telling *t, struct sentence to)
{
        const struct access_facts *f = t->f;
        const struct tracer_ties ties = {
                .tracer = f->holder,
                .target = f->target,
                .options = f->holder_options,
                .n_traps = f->holder_traps,
        };
        char tracers[ACCESS_TEXT_MAX] = "";

        if (!f->holder.pid || f->guard.by_hold) {
                say(to,
                    f->error && !f->guard.by_hold
                            ? "whether the owner's debugger was in it is not known from this refusal: ended "
                              "by --take it may leave breakpoints, and the program dies at the next one"
                            : "waiting and releasing have none; --take costs the owner the turn, and no "
                              "debugger of theirs is in the program now");
                return;
        }
        say_release_risk(SENTENCE(tracers), &ties);
        say(to, "of --take: %s", tracers[0] ? tracers : "what the owner's tracer does in it is cut short");
        if (f->holder_options_unknown)
                say(to,
                    "; it attached before recording began: whether PTRACE_O_EXITKILL is set is not known, "
                    "and with it the program dies with its tracer");
}

/* ---- claims and hold --------------------------------------------------------------------------------- */

/* Also a claim that admits the caller, while ptraced itself keeps the place: a bare attach gets EPERM. */
bool refuses_claimed(const struct access_facts *f)
{
        if (!guard_against(f))
                return false;
        return f->guard.reason == GUARD_CLAIMED ||
               (f->guard.reason == GUARD_HELD && f->guard.by_hold && f->guard.claim);
}

void tell_claimed(const struct telling *t, const struct reasons *out)
{
        const struct access_facts *f = t->f;

        say(out->why, "%s is %s ", t->target, f->guard.by_hold ? "held by ptraced for" : "claimed by");
        say_claim(f, out->why);
        if (f->guard.admits) {
                say(out->why, ", which admits the caller, but ptraced has to let go first");
                say(out->remedy, "start the debugger with ptracectl debug %" PRIu32 " -- ...",
                    f->target.pid);
                return;
        }
        say_turn(f, out->remedy);
        say(out->remedy,
            "; or the owner releases it: ptracectl release %" PRIu64
            "; or %s it: ptracectl debug --take %" PRIu32 " -- ...",
            f->guard.claim, asks_as_root(f) ? "take" : "root takes", f->target.pid);
        say_taking_risk(t, out->risk);
}

bool refuses_held(const struct access_facts *f)
{
        return guard_against(f) && f->guard.reason == GUARD_HELD && f->guard.by_hold && !f->guard.claim;
}

void tell_held(const struct telling *t, const struct reasons *out)
{
        say(out->why, "%s is held by ptraced itself, for nobody in particular", t->target);
        if (t->f->guard.caught)
                say(out->why, ": it ran into a breakpoint that nobody owns, and is kept alive");
        say(out->remedy, "start the debugger with ptracectl debug %" PRIu32 " -- ..., which ptraced lets in",
            t->f->target.pid);
}

/* ---- policy ------------------------------------------------------------------------------------------ */

bool refuses_policy(const struct access_facts *f)
{
        return guard_against(f) && (f->guard.reason == GUARD_DENIED || f->guard.reason == GUARD_NOT_OWNER ||
                                    f->guard.reason == GUARD_MEMORY);
}

void tell_policy(const struct telling *t, const struct reasons *out)
{
        const struct access_facts *f = t->f;
        bool denied = f->guard.reason == GUARD_DENIED;

        say_rule(f, out->why);
        if (f->guard.reason == GUARD_MEMORY)
                say(out->why, " forbids reading the memory of %s", t->target);
        else
                say(out->why, denied ? " lets nobody trace %s" : " lets only others trace %s", t->target);
        if (f->guard.reason == GUARD_NOT_OWNER)
                say(out->remedy,
                    "use a tracer that the rule names, or claim the process: ptracectl debug %" PRIu32
                    " -- ...; or ",
                    f->target.pid);
        say(out->remedy, "%s the rule (ptracectl policy show), then: ptracectl policy reload",
            asks_as_root(f) ? "change" : "root changes");
        say(out->risk, "the changed rule holds for every process it matches");
}

/* ---- of the moment ----------------------------------------------------------------------------------- */

bool refuses_cycle(const struct access_facts *f)
{
        return guard_against(f) && f->guard.reason == GUARD_CYCLE;
}

void tell_cycle(const struct telling *t, const struct reasons *out)
{
        say(out->why,
            "%s traces %s, perhaps through others: two that trace each other stop each other for good",
            t->target, t->caller);
        say(out->remedy, "detach %s from %s first: ptracectl who %" PRIu32, t->target, t->caller,
            t->f->caller.pid);
}

bool refuses_busy(const struct access_facts *f)
{
        return guard_against(f) && (f->guard.reason == GUARD_TAKING || f->guard.reason == GUARD_NO_SLOT);
}

void tell_busy(const struct telling *t, const struct reasons *out)
{
        if (t->f->guard.reason == GUARD_NO_SLOT)
                say(out->why, "the kernel had no memory to note who attaches to %s", t->target);
        else if (t->f->holder.pid)
                say(out->why, "%s is attaching to %s at this moment", t->holder, t->target);
        else
                say(out->why, "another process is attaching to %s at this moment", t->target);
        say(out->remedy, "try again");
}

void guard_say_audit(const struct telling *t, struct sentence to)
{
        static const struct {
                bool (*refuses)(const struct access_facts *f);
                void (*tell)(const struct telling *t, const struct reasons *out);
        } rows[] = {
                {refuses_claimed, tell_claimed}, {refuses_policy, tell_policy}, {refuses_held, tell_held},
                {refuses_cycle, tell_cycle},     {refuses_busy, tell_busy},
        };
        struct access_facts enforced = *t->f;
        struct telling as_if = *t;
        char remedy[ACCESS_TEXT_MAX] = "", risk[ACCESS_TEXT_MAX] = ""; /* nobody wants these */
        const struct reasons out = {to, SENTENCE(remedy), SENTENCE(risk)};

        if (t->f->guard.reason == GUARD_ALLOWED || !t->f->guard.audit)
                return;
        enforced.guard.audit = false;
        as_if.f = &enforced;
        say(to, "audit only, it is not refused: ");
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (rows[i].refuses(&enforced)) {
                        rows[i].tell(&as_if, &out);
                        return;
                }
        say(to, "%s has a tracer already", t->target);
}
