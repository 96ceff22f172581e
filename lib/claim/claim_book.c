/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/claim/claim_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"

#define OF(node, type, member) LIST_ENTRY(node, type, member)

/* ---- times ------------------------------------------------------------------------------------------- */

uint64_t claim_due(const struct entry *e)
{
        uint64_t end = e->claim.end_ns, grace = e->claim.grace_until_ns;

        return !end || (grace && grace < end) ? grace : end;
}

static void heap_put(struct claim_book *b, size_t i, struct entry *e)
{
        assert(i < GUARD_CLAIMS_MAX);
        b->heap[i] = e;
        e->heap = i;
}

static void heap_up(struct claim_book *b, struct entry *e)
{
        size_t i = e->heap;

        for (; i && claim_due(b->heap[(i - 1) / 2]) > claim_due(e); i = (i - 1) / 2)
                heap_put(b, i, b->heap[(i - 1) / 2]);
        heap_put(b, i, e);
}

static void heap_down(struct claim_book *b, struct entry *e)
{
        size_t i = e->heap;

        for (size_t child; (child = 2 * i + 1) < b->n_heap; i = child) {
                if (child + 1 < b->n_heap && claim_due(b->heap[child + 1]) < claim_due(b->heap[child]))
                        child++;
                if (claim_due(b->heap[child]) >= claim_due(e))
                        break;
                heap_put(b, i, b->heap[child]);
        }
        heap_put(b, i, e);
}

static void heap_remove(struct claim_book *b, struct entry *e)
{
        struct entry *last;

        if (e->heap == NOT_IN_HEAP)
                return;
        last = b->heap[--b->n_heap];
        if (last != e) {
                heap_put(b, e->heap, last);
                heap_up(b, last);
                heap_down(b, last);
        }
        e->heap = NOT_IN_HEAP;
}

/* After its times changed. */
void claim_schedule(struct claim_book *b, struct entry *e)
{
        heap_remove(b, e);
        if (!e->made || !claim_due(e))
                return;
        heap_put(b, b->n_heap++, e);
        heap_up(b, e);
}

uint64_t claim_next_end(const struct claim_book *b)
{
        return b->n_heap ? claim_due(b->heap[0]) : UINT64_MAX;
}

/* ---- finding ----------------------------------------------------------------------------------------- */

struct claim_place *claim_place_find(const struct claim_book *b, uint32_t pid)
{
        struct claim_place *p;

        for (struct table_node *n = table_first(&b->places, table_hash(pid)); n; n = table_next(n)) {
                p = OF(n, struct claim_place, node);
                if (p->target.pid == pid)
                        return p;
        }
        return NULL;
}

struct entry *claim_find(const struct claim_book *b, uint64_t id)
{
        for (struct table_node *n = table_first(&b->by_id, table_hash(id)); n; n = table_next(n)) {
                struct entry *e = OF(n, struct entry, by_id);

                if (e->claim.id == id)
                        return e;
        }
        return NULL;
}

struct entry *claim_find_ticket(const struct claim_book *b, uint64_t ticket)
{
        for (struct table_node *n = table_first(&b->by_ticket, table_hash(ticket)); n; n = table_next(n)) {
                struct entry *e = OF(n, struct entry, by_ticket);

                if (e->claim.request.ticket == ticket)
                        return e;
        }
        return NULL;
}

static bool is_owned_by(const struct claim *c, const struct task_ref *process)
{
        const struct guard_owner *o = &c->request.owner;

        return o->kind == OWNER_PROCESS && o->process.pid == process->pid &&
               o->process.start == process->start;
}

/* The first whose owner it is: of the waiters, or of the claims. */
struct entry *claim_find_owned(const struct claim_book *b, const struct task_ref *process, bool made)
{
        for (struct table_node *n = table_first(&b->by_owner, table_hash(process->pid)); n;
             n = table_next(n)) {
                struct entry *e = OF(n, struct entry, by_owner);

                if (e->made == made && is_owned_by(&e->claim, process))
                        return e;
        }
        return NULL;
}

static struct user *get_user(struct claim_book *b, uint32_t uid)
{
        struct user *u;

        for (struct table_node *n = table_first(&b->users, table_hash(uid)); n; n = table_next(n)) {
                u = OF(n, struct user, node);
                if (u->uid == uid)
                        return u;
        }
        u = calloc(1, sizeof(*u));
        if (!u)
                return NULL;
        u->uid = uid;
        table_insert(&b->users, &u->node, table_hash(uid));
        return u;
}

static void put_user(struct claim_book *b, struct user *u)
{
        assert(u->n_claims + u->n_waiters <= u->n_entries);
        if (u->n_entries)
                return;
        table_remove(&b->users, &u->node);
        free(u);
}

/* A new one where there is none. */
static struct claim_place *get_place(struct claim_book *b, const struct task_ref *target)
{
        struct claim_place *p = claim_place_find(b, target->pid);

        if (p)
                return p;
        p = calloc(1, sizeof(*p));
        if (!p)
                return NULL;
        p->target = *target;
        list_init(&p->queue);
        list_append(&b->all_places, &p->all);
        table_insert(&b->places, &p->node, table_hash(target->pid));
        return p;
}

/* What holds between any two requests: one claim at most, made and of this place; waiters are counted; all
 * within the bounds. */
static void check_place(const struct claim_book *b, const struct claim_place *p)
{
        const struct entry *e = p->claim;

        assert(!p->n_waiting == list_empty(&p->queue));
        assert(!e || (e->made && e->place == p && e->claim.n_waiters == p->n_waiting));
        assert(b->n_claims <= GUARD_CLAIMS_MAX && b->n_waiters <= CLAIM_WAITERS_MAX);
        assert(b->n_heap <= b->n_claims && b->by_id.n == b->n_claims);
}

void claim_place_put(struct claim_book *b, struct claim_place *p)
{
        check_place(b, p);
        if (p->claim || p->n_waiting)
                return;
        table_remove(&b->places, &p->node);
        list_remove(&p->all);
        free(p);
}

struct entry *claim_first_waiter(const struct claim_place *p)
{
        return list_empty(&p->queue) ? NULL : LIST_ENTRY(p->queue.next, struct entry, queue);
}

/* ---- entries ----------------------------------------------------------------------------------------- */

struct entry *claim_entry_new(struct claim_book *b, uint64_t id, const struct claim_request *r, uint64_t now)
{
        struct entry *e = calloc(1, sizeof(*e));

        if (!e)
                return NULL;
        e->user = get_user(b, r->asker.uid);
        e->place = e->user ? get_place(b, &r->target) : NULL;
        if (!e->place) {
                if (e->user)
                        put_user(b, e->user);
                free(e);
                return NULL;
        }
        e->user->n_entries++;
        e->claim.id = id;
        e->claim.request = *r;
        e->claim.request.asker.token = NULL; /* the caller's, who goes */
        e->since_ns = now;
        e->heap = NOT_IN_HEAP;
        list_init(&e->all);
        list_init(&e->queue);
        return e;
}

/* It is in no table, heap or queue any more. */
void claim_entry_free(struct claim_book *b, struct entry *e)
{
        assert(!e->made && !e->asked && !e->followed && e->heap == NOT_IN_HEAP && list_empty(&e->queue));
        e->user->n_entries--;
        put_user(b, e->user);
        free(e);
}

void claim_follow_owner(struct claim_book *b, struct entry *e)
{
        const struct guard_owner *o = &e->claim.request.owner;

        if (o->kind != OWNER_PROCESS || e->followed)
                return;
        table_insert(&b->by_owner, &e->by_owner, table_hash(o->process.pid));
        e->followed = true;
}

void claim_unfollow_owner(struct claim_book *b, struct entry *e)
{
        if (e->followed)
                table_remove(&b->by_owner, &e->by_owner);
        e->followed = false;
}

void claim_ask(struct claim_book *b, struct entry *e)
{
        assert(!e->asked);
        table_insert(&b->by_ticket, &e->by_ticket, table_hash(e->claim.request.ticket));
        e->asked = true;
}

/* Nobody waits for its answer any more. */
void claim_unask(struct claim_book *b, struct entry *e)
{
        assert(e->asked);
        table_remove(&b->by_ticket, &e->by_ticket);
        e->asked = false;
}

void claim_enqueue(struct claim_book *b, struct entry *e)
{
        struct claim_place *p = e->place;

        list_append(&p->queue, &e->queue);
        p->n_waiting++;
        b->n_waiters++;
        e->user->n_waiters++;
        if (p->claim)
                p->claim->claim.n_waiters = p->n_waiting;
        claim_ask(b, e);
        claim_follow_owner(b, e);
}

void claim_dequeue(struct claim_book *b, struct entry *e)
{
        struct claim_place *p = e->place;

        assert(!e->made && p->n_waiting && e->user->n_waiters);
        list_remove(&e->queue);
        p->n_waiting--;
        b->n_waiters--;
        e->user->n_waiters--;
        if (p->claim)
                p->claim->claim.n_waiters = p->n_waiting;
}

void claim_link(struct claim_book *b, struct entry *e)
{
        assert(!e->made && !e->place->claim && b->n_claims < GUARD_CLAIMS_MAX);
        e->made = true;
        e->place->claim = e;
        e->claim.n_waiters = e->place->n_waiting;
        list_append(&b->claims, &e->all);
        table_insert(&b->by_id, &e->by_id, table_hash(e->claim.id));
        b->n_claims++;
        e->user->n_claims++;
        claim_follow_owner(b, e);
        claim_schedule(b, e);
}

void claim_unlink(struct claim_book *b, struct entry *e)
{
        assert(e->made && e->place->claim == e);
        heap_remove(b, e);
        claim_unfollow_owner(b, e);
        table_remove(&b->by_id, &e->by_id);
        list_remove(&e->all);
        e->place->claim = NULL;
        e->made = false;
        b->n_claims--;
        e->user->n_claims--;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

const struct claim *claim_by_id(const struct claim_book *b, uint64_t id)
{
        struct entry *e = claim_find(b, id);

        return e ? &e->claim : NULL;
}

const struct claim *claim_of(const struct claim_book *b, uint32_t pid)
{
        struct claim_place *p = claim_place_find(b, pid);

        return p && p->claim ? &p->claim->claim : NULL;
}

bool claim_needs_tracer(const struct claim_book *b, const struct claim_request *r)
{
        const struct claim_place *p = claim_place_find(b, r->target.pid);

        return !p || p->target.start != r->target.start || !p->claim || r->take;
}

size_t claim_count(const struct claim_book *b)
{
        return b->n_claims;
}

size_t claim_waiters(const struct claim_book *b)
{
        return b->n_waiters;
}

int claim_each(const struct claim_book *b, int (*fn)(void *userdata, const struct claim *c), void *userdata)
{
        LIST_FOREACH (it, &b->claims) {
                int r = fn(userdata, &LIST_ENTRY(it, struct entry, all)->claim);

                if (r)
                        return r;
        }
        return 0;
}

int claim_each_waiter(const struct claim_book *b, int (*fn)(void *userdata, const struct claim_waiter *w),
                      void *userdata)
{
        LIST_FOREACH (it, &b->all_places) {
                uint32_t position = 0;

                LIST_FOREACH (waiting, &LIST_ENTRY(it, struct claim_place, all)->queue) {
                        const struct entry *e = LIST_ENTRY(waiting, struct entry, queue);
                        const struct claim_waiter w = {&e->claim.request, e->since_ns, ++position};
                        int r = fn(userdata, &w);

                        if (r)
                                return r;
                }
        }
        return 0;
}

int claim_each_awaited(const struct claim_book *b, int (*fn)(void *userdata, const struct task_ref *target),
                       void *userdata)
{
        LIST_FOREACH (it, &b->all_places) {
                const struct claim_place *p = LIST_ENTRY(it, struct claim_place, all);
                int r = !p->claim || p->claim->claim.reserved ? fn(userdata, &p->target) : 0;

                if (r)
                        return r;
        }
        return 0;
}

bool claim_follows(const struct claim_book *b, const struct task_ref *process)
{
        const struct claim_place *p = claim_place_find(b, process->pid);

        return (p && p->target.start == process->start) || claim_find_owned(b, process, true) ||
               claim_find_owned(b, process, false);
}

/* ---- the book ---------------------------------------------------------------------------------------- */

int claim_book_new(struct claim_book **ret, const struct claim_sink *sink, uint64_t grace_ns)
{
        struct claim_book *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;
        b->sink = *sink;
        b->grace_ns = grace_ns;
        list_init(&b->claims);
        list_init(&b->all_places);
        b->heap = calloc(GUARD_CLAIMS_MAX, sizeof(struct entry *));
        r = b->heap ? table_init(&b->places) : -ENOMEM;
        if (r == 0)
                r = table_init(&b->users);
        if (r == 0)
                r = table_init(&b->by_id);
        if (r == 0)
                r = table_init(&b->by_ticket);
        if (r == 0)
                r = table_init(&b->by_owner);
        if (r < 0) {
                claim_book_free(b);
                return r;
        }
        *ret = b;
        return 0;
}

static void free_place(struct claim_book *b, struct claim_place *p)
{
        struct entry *w;

        while ((w = claim_first_waiter(p))) {
                claim_dequeue(b, w);
                claim_unask(b, w);
                claim_unfollow_owner(b, w);
                claim_entry_free(b, w);
        }
        if (p->claim) {
                struct entry *e = p->claim;

                claim_unlink(b, e);
                if (e->asked)
                        claim_unask(b, e);
                claim_entry_free(b, e);
        }
        claim_place_put(b, p);
}

struct claim_book *claim_book_free(struct claim_book *b)
{
        if (!b)
                return NULL;
        while (!list_empty(&b->all_places))
                free_place(b, LIST_ENTRY(b->all_places.next, struct claim_place, all));
        table_done(&b->places);
        table_done(&b->users);
        table_done(&b->by_id);
        table_done(&b->by_ticket);
        table_done(&b->by_owner);
        free(b->heap);
        free(b);
        return NULL;
}
