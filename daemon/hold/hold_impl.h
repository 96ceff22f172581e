/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Inside hold: what is held, what is asked of it and told of it (hold_held.c), from the start of a helper to
 * its end; hold.c has the beginning and the end of it all, and what is found again at start. A request waits
 * in its held process, then among the answers until the event loop tells it.
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

/* From that loop answers and changes are told, never from inside a call. */
int held_tell_from(struct hold *h, sd_event *event);
int held_enter(struct hold *h, const struct task_ref *target, struct held **ret);
struct held *held_free(struct held *e);
void held_free_asks(struct list *asks);
int held_watch(struct held *e);
void held_learn(struct held *e, const struct hold_notice *n);
