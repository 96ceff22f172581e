/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Inside hold: one held process (hold_held.c) from the start of its helper to the end, with what is asked of
 * it; hold.c has the room's door, what is told and what is found again at start. A request waits in its held
 * process, then among the answers until the event loop tells it.
 */

#include <systemd/sd-event.h>

#include "lib/base/list.h"
#include "daemon/hold/hold_link.h"

#define HOLD_STEP_MS \
        100 /* of waiting; one that takes longer counts once: the helper had no processor, too */

/* A request whose answer is awaited. */
struct asked {
        struct list link; /* of its held process, or of the answers that are to be told */
        hold_done done;
        void *userdata;
        struct task_ref target;
        struct hold_request request; /* id 0: not sent yet */
        bool take;                   /* by hold_take() */
        unsigned steps;              /* of waiting that are left */
        int error;                   /* the answer ... */
        struct task_ref holder;
};

enum held_phase {
        HELD_QUEUED,    /* a former helper of this target has its socket still */
        HELD_TAKING,    /* its helper has not said yet whether it could seize the target */
        HELD_TAKEN,     /* it has, and view is true */
        HELD_RELEASING, /* it was told to let go, and has not said yet that it did */
        HELD_LEAVING,   /* until the helper's end is seen; view.state is HOLD_GONE */
};

struct held {
        struct hold *owner;
        struct hold_view view;
        enum hold_state told; /* what on_change knows */
        enum held_phase phase;
        struct hold_link link;
        bool catch;       /* what its helper is started with */
        bool claimed;     /* somebody was told that it is held for them */
        bool said_gone;   /* the helper, after it has removed its socket */
        bool ended;       /* the helper is no more, or never was: this can be freed */
        unsigned steps;   /* of waiting for it to let go or to end that are left; 0: no more is done */
        struct list asks; /* of struct asked, in order */
        size_t n_asks;
        sd_event_source *on_notice, *on_end;
};

struct hold {
        sd_event *event;
        sd_event_source *teller, *ticker;
        void (*on_change)(void *userdata, const struct hold_view *v);
        void *userdata;
        struct hold_directory directory;
        uint64_t last_id;
        struct list answers; /* of struct asked, to be told */
        struct held *held[HOLD_MAX];
        size_t n_held;
};

void hold_tell_soon(struct hold *h);
void hold_tick_again(struct hold *h);

int held_enter(struct hold *h, const struct task_ref *target, struct held **ret);
struct held *held_free(struct held *e);
void held_free_asks(struct list *asks);
/* Those that are held or are to be: not one that lets go. */
struct held *held_find_pid(const struct hold *h, uint32_t pid);
struct held *held_find(const struct hold *h, const struct task_ref *target);
/* A former helper of that target that may have hold of it still. NULL: none. */
struct held *held_find_former(const struct hold *h, const struct task_ref *target);
/* Starts its helper, watches it. Where a former one may have hold of the target still it stays in the queue. */
int held_start(struct held *e);
int held_watch(struct held *e);
/* By the first signal it lets go of whatever it has seized by then; the second comes if it does not end. */
void held_dismiss(struct held *e, int error);
void held_learn(struct held *e, const struct hold_notice *n);
int held_ask(struct held *e, const struct hold_request *r, bool take, hold_done done, void *userdata);
/* A hold for which nobody waits is not taken. */
void held_call_off_unasked(struct held *e);
/* HOLD_STEP_MS have passed. */
void held_step(struct held *e);
bool held_is_waited_for(const struct held *e);
