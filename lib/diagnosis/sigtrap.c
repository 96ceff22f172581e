/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <signal.h>
#include <string.h>

#include "lib/diagnosis/sigtrap.h"

enum sigtrap_kind sigtrap_kind_of(const struct event *e)
{
        if (e->noinfo)
                return SIGTRAP_EXEC;
        if (e->priv)
                return SIGTRAP_OTHER;
        if (e->code <= 0 || e->queued)
                return SIGTRAP_SENT;
        switch (e->code) {
        case SI_CODE_INT3:
                return SIGTRAP_BREAKPOINT;
        case TRAP_BRKPT:
        case TRAP_TRACE:
                return SIGTRAP_STEP;
        case TRAP_HWBKPT:
                return SIGTRAP_WATCHPOINT;
        default:
                return SIGTRAP_OTHER;
        }
}

/* What is left to see: the kernel's word (tier full), what the program was seen to ask for, or the flags of a
 * handler that is no longer there. */
enum forced forced_how(const struct event *e, const struct history *h)
{
        bool known = h && h->trap.known;

        if (e->forced_ignored)
                return FORCED_IGNORED;
        if (e->forced_blocked)
                return FORCED_BLOCKED;
        if (e->disposition != DISP_DEFAULT)
                return NOT_FORCED;
        if (known && h->trap.handler == 1)
                return FORCED_IGNORED;
        if (known && h->trap.handler > 1)
                return FORCED_BLOCKED;
        /* It chose the default itself, and that is no loss. */
        if (known)
                return NOT_FORCED;
        return e->sa_flags ? FORCED_SOMEHOW : NOT_FORCED;
}

/* Flags are left of an ignored SIGTRAP, too: signal(3) sets them for whatever it is told. */
bool had_handler(const struct event *e, const struct history *h)
{
        if (h && h->trap.known)
                return h->trap.handler > 1;
        return e->sa_flags && !e->forced_ignored;
}

/*
 * A tracer lets go of its threads one after the other, by calls or when it ends. What one of them runs into
 * meanwhile is what the tracer leaves behind, although it still has the others.
 */
static void note_leaving(const struct model *m, const struct event *e, struct sigtrap *t)
{
        const struct thread *thread = thread_of(m, &e->target);

        if (!thread || e->tracer.pid)
                return;
        /* The call has had its effect, its record is still to come. */
        if (thread->slot) {
                t->history.ended.tracer = thread->slot->s.tracer;
                t->history.ended.until_ns = e->time_ns;
                t->history.ended.until_wall_ns = e->wall_ns;
                t->history.ended.cause = DETACHED_BY_CALL;
                t->history.ended.status_known = false;
        }
        if (t->sibling_tracer == (thread->slot ? thread->slot->s.tracer.pid : thread->left_by))
                t->sibling_tracer = 0;
}

void sigtrap_begin(struct sigtrap *t, const struct model *m, const struct event *e)
{
        const struct process *p = process_of(m, &e->target);

        *t = (struct sigtrap){
                .kind = sigtrap_kind_of(e),
                .code = e->code,
                .target = e->target,
                .parent = e->parent,
                .parent_tracer = e->parent_tracer,
                .sibling_tracer = e->sibling_tracer,
                .seq = e->seq,
                .time_ns = e->time_ns,
                .wall_ns = e->wall_ns,
                .ip = e->ip,
                .count = 1,
                .generated = e->type == EV_SIGNAL_GENERATE,
                .blocked = e->blocked,
                .residue = e->residue,
                .execed = e->execed || (p && p->execed),
                .disposition = e->disposition,
        };
        process_name(m, &t->target);
        /* Of a delivery nobody is the sender. */
        if (t->generated) {
                t->sender = e->actor;
                t->sender_uid = e->caller_uid;
                t->group = e->group;
        }
        if (p && p->history)
                t->history = *p->history;
        /* Those that are sent are not forced. */
        if (t->generated && t->code > 0 && !e->priv && t->kind != SIGTRAP_SENT) {
                t->forced = forced_how(e, p ? p->history : NULL);
                t->had_handler = had_handler(e, p ? p->history : NULL);
        }
        note_leaving(m, e, t);
}

/* ---- what was mapped there --------------------------------------------------------------------------- */

static void note_spot(struct text_spot *spot, const struct event *scan)
{
        spot->known = true;
        spot->file_known = scan->file_known;
        spot->found_int3 = scan->found_int3;
        spot->address = scan->ip;
        memcpy(spot->path, scan->path, sizeof(spot->path));
        memcpy(spot->symbol, scan->symbol, sizeof(spot->symbol));
}

static bool is_of_thread(const struct sigtrap *t, const struct task_ref *scanned)
{
        return task_same_process(&t->target, scanned) &&
               (t->target.tid == scanned->tid || !t->target.tid || !scanned->tid);
}

bool sigtrap_scanned(struct sigtrap *t, const struct event *scan)
{
        bool handler = event_scan_kind(scan) == SCAN_HANDLER;
        struct text_spot *spot = handler ? &t->handler : &t->at;

        if (spot->known || !is_of_thread(t, &scan->target) || event_scan_kind(scan) > SCAN_HANDLER)
                return false;
        if (handler ? !sigtrap_ran_handler(t) : t->kind != SIGTRAP_BREAKPOINT || t->ip != scan->ip + 1)
                return false;
        note_spot(spot, scan);
        return true;
}

bool sigtrap_is_answered(const struct sigtrap *t)
{
        if (t->kind == SIGTRAP_BREAKPOINT && !t->at.known)
                return false;
        return !sigtrap_ran_handler(t) || t->handler.known;
}
