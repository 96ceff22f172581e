/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Inside the book of claims: what it keeps (claim_book.c) and what it decides (claim.c). Everything that has
 * to be found is found in a hash; times are in a heap.
 */

#include "lib/claim/claim.h"
#include "lib/base/list.h"
#include "lib/base/table.h"

#define NOT_IN_HEAP SIZE_MAX

/* A process that is claimed, or waited for. */
struct claim_place {
        struct table_node node; /* by pid */
        struct list all;
        struct task_ref target;
        struct entry *claim;
        struct list queue; /* of entries, in order of arrival */
        uint32_t n_waiting;
};

struct user {
        struct table_node node;
        uint32_t uid;
        uint32_t n_claims, n_waiters, n_entries;
};

/* A claim, or a waiter: a claim that is still to be made. */
struct entry {
        struct claim claim;
        struct claim_place *place;
        struct user *user;
        struct list all;   /* claims of the book, in order of making */
        struct list queue; /* of the place */
        struct table_node by_id, by_ticket, by_owner;
        bool made;
        bool installing; /* made, and nobody was told so: how its installing ended is still to be said */
        bool asked;      /* by_ticket: somebody waits for the answer */
        bool followed;   /* by_owner */
        uint64_t since_ns;
        size_t heap; /* index, NOT_IN_HEAP */
};

struct claim_book {
        struct claim_sink sink;
        uint64_t grace_ns;
        struct table places, users, by_id, by_ticket, by_owner;
        struct list claims, all_places;
        size_t n_claims, n_waiters;
        struct entry **heap; /* those that end by time; the first is the next */
        size_t n_heap;
};

/* When it ends by itself: lease or grace, 0 for never. */
uint64_t claim_due(const struct entry *e);
/* After its times changed. */
void claim_schedule(struct claim_book *b, struct entry *e);

struct claim_place *claim_place_find(const struct claim_book *b, uint32_t pid);
/* Frees it if it is neither claimed nor waited for. */
void claim_place_put(struct claim_book *b, struct claim_place *p);

struct entry *claim_find(const struct claim_book *b, uint64_t id);
struct entry *claim_find_ticket(const struct claim_book *b, uint64_t ticket);
/* The first whose owner the process is: of the claims if made, else of the waiters. */
struct entry *claim_find_owned(const struct claim_book *b, const struct task_ref *process, bool made);
struct entry *claim_first_waiter(const struct claim_place *p);

/* At the place of its target, but in no table yet; NULL: no memory. It is freed when it is in none any more. */
struct entry *claim_entry_new(struct claim_book *b, uint64_t id, const struct claim_request *r,
                              uint64_t now);
void claim_entry_free(struct claim_book *b, struct entry *e);
/* The end of its owner, if that is a process, matters from now on, or no more. */
void claim_follow_owner(struct claim_book *b, struct entry *e);
void claim_unfollow_owner(struct claim_book *b, struct entry *e);
/* A client waits for its answer, or no more. */
void claim_ask(struct claim_book *b, struct entry *e);
void claim_unask(struct claim_book *b, struct entry *e);
/* As a waiter: at the end of its place's queue, with its ticket and owner. */
void claim_enqueue(struct claim_book *b, struct entry *e);
/* Only out of the queue. */
void claim_dequeue(struct claim_book *b, struct entry *e);
/* As the claim of its place. */
void claim_link(struct claim_book *b, struct entry *e);
void claim_unlink(struct claim_book *b, struct entry *e);
