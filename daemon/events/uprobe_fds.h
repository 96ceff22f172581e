/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Uprobes that agents take out while they live. A uprobe lasts as long as the file descriptor that
 * perf_event_open(2) gave for it, and no tracepoint tells of its end; so it is looked for when a breakpoint
 * is written where it was. An agent that has given the descriptor away, or has more than UPROBE_FDS_MAX for
 * one place, may be taken to have none: then too little is said, not too much.
 */

#include "lib/event/event.h"

#define UPROBE_PLACES_MAX 64 /* more than the rule keeps: it knows of no uprobe that is forgotten here */
#define UPROBE_FDS_MAX    8  /* for one place: some agents open one per CPU */

struct uprobe_fds;
struct uprobe_fds *uprobe_fds_new(void); /* NULL: out of memory */
struct uprobe_fds *uprobe_fds_free(struct uprobe_fds *u);

/* A uprobe.register that enrich_uprobe() has been at. */
void uprobe_fds_note(struct uprobe_fds *u, const struct event *e);
/*
 * Whether the uprobes are still there that were put where planted, a ptrace.plant, is: for each that is not,
 * emit a uprobe.register with removed.
 */
void uprobe_fds_look(struct uprobe_fds *u, const struct event *planted,
                     int (*emit)(void *userdata, struct event *e), void *userdata);
