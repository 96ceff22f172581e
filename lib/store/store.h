/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The store: events and findings in one SQLite file, DIR/trace.sqlite, with a schema version
 * (PRAGMA user_version) and an application id. A writer thread batches; whoever appends never waits for a
 * disk. Readers use a connection of their own (WAL), so a long export blocks nobody.
 *
 * Two daemons: store_open() takes flock(DIR/lock); the second gets -EBUSY.
 * A newer schema (-EPROTONOSUPPORT), a file that is not ours or is damaged (-EUCLEAN), a read-only or
 * missing directory, a full disk: the error sentence says what, where and what to do, and nothing is
 * changed. A disk that fills up later: events are counted as lost (store_stats), the daemon goes on, and
 * writing resumes when there is room.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/event/event.h"
#include "lib/event/finding.h"
#include "lib/event/lifetime.h"

struct store;

#define STORE_SCHEMA_VERSION 2
#define STORE_APPLICATION_ID 0x70747263 /* "ptrc" */
#define STORE_QUEUE_MAX      65536      /* events waiting for the writer; more are lost and counted */
#define STORE_FINDINGS_MAX   20000      /* kept in the file; the longest unseen go first */
#define STORE_BATCH_MAX      2000       /* events per transaction */
#define STORE_BATCH_DELAY_MS 200        /* a commit at least this often while events wait */
/* ... while one waits that says who was refused, or of claims and policy: what a daemon that is killed takes
 * along is less than this old. */
#define STORE_DECISION_DELAY_MS 10

struct store_limits {
        uint64_t max_bytes; /* of the file; the oldest events go first. Default 512 MiB */
        uint64_t max_age_s; /* default 7 days; 0: no limit */
};
void store_limits_default(struct store_limits *ret);

/* Opens for writing, creating the directory's files (not its parents). error gets one sentence on failure.
 */
int store_open(struct store **ret, const char *dir, const struct store_limits *limits, char *error,
               size_t size);
/* Opens an existing trace file (not a directory) for reading only. */
int store_open_readonly(struct store **ret, const char *file, char *error, size_t size);
/* Writes what waits, then closes. Returns NULL. */
struct store *store_close(struct store *s);

/* The seq the next event will get: one more than the largest stored. */
uint64_t store_next_seq(const struct store *s);

/* Queue an event (its seq must be set, ascending). Never blocks. -ENOBUFS: queue full; -EINVAL: no event, or
 * its seq was used: both are counted as lost. One thread appends; the rest may be called by any. */
int store_append(struct store *s, const struct event *e);
/* Queue a finding: inserted, or replaces the one finding_same() as it. Never blocks. However often it grows
 * before it is written, it takes one place; it waits while the disk is full. */
int store_put_finding(struct store *s, const struct finding *f);
/* Wait until everything queued so far is readable, at most timeout_ms. -ETIMEDOUT. */
int store_sync(struct store *s, int timeout_ms);
/* The same for an event loop, which cannot wait: everything queued so far is written at once, and is
 * readable when store_reached() says so of what is returned. */
uint64_t store_hurry(struct store *s);
bool store_reached(struct store *s, uint64_t mark);
/* Becomes readable when something was reached: an eventfd(2), which stays the store's. -1: nothing is
 * written. */
int store_reached_fd(const struct store *s);

struct store_stats {
        uint64_t events, bytes; /* stored now */
        uint64_t oldest_wall_ns;
        uint64_t written, lost,
                expired; /* since open: written, lost (queue or disk), removed by retention */
        int last_error;  /* errno of the last failed write, 0: none since the last good one */
};
void store_get_stats(struct store *s, struct store_stats *ret);

/* Since the store began, by whatever daemons; kept in it, so that neither retention nor a restart changes them.
 * A finding is counted once, however often it was seen. */
struct store_totals {
        uint64_t sessions; /* that ended */
        uint64_t findings[_FIND_MAX][_SEVERITY_MAX];
};
void store_get_totals(struct store *s, struct store_totals *ret);
/* So many more sessions ended, with the event that is appended next. Never blocks. */
void store_count_sessions(struct store *s, uint64_t n);

struct event_filter {
        uint32_t pid;                          /* 0: any; else event_concerns() */
        struct lifetime of;                    /* of all that had the pid this one; start 0: all of them */
        uint64_t since_wall_ns, until_wall_ns; /* 0: no limit; both inclusive */
        uint64_t types;                        /* EVENT_BIT()s; 0: all */
        uint64_t after_seq;                    /* only events with a larger seq */
};

struct store_cursor;
/* Events in order of seq. The cursor is independent of later appends, and holds no transaction between two
 * calls: it may be kept for as long as its reader needs. */
int store_query(struct store *s, const struct event_filter *f, struct store_cursor **ret);
/* 1 with the next event, 0 at the end, -errno. A row that is damaged comes as a loss event, "damaged-row".
 */
int store_cursor_next(struct store_cursor *c, struct event *ret);
/* The same, but -EAGAIN after a bounded search (some 16,000 rows) that found nothing yet: for an event loop,
 * which must not stand still while ten million rows are searched for a rare type. */
int store_cursor_step(struct store_cursor *c, struct event *ret);
struct store_cursor *store_cursor_free(struct store_cursor *c); /* returns NULL */

struct finding_filter {
        uint32_t pid;           /* 0: all; else target or other party */
        uint64_t since_wall_ns; /* by last time */
        bool in_pages;          /* in the order of their ids, which never changes, from after_id on */
        int64_t after_id;
        size_t max; /* 0: STORE_FINDINGS_MAX, which is the most, too */
};
/* The ids of findings, in the same order as below unless in pages: for an event loop, which reads them a few
 * at a time. *ret is to be freed. */
int store_list_findings(struct store *s, const struct finding_filter *f, int64_t **ret, size_t *ret_n);
/* -ENOENT: removed meanwhile, or damaged. */
int store_get_finding(struct store *s, int64_t id, struct finding *ret);
/* Start time of the process that had that pid last, as far as events are stored; -ENOENT: none tells. */
int store_last_start(struct store *s, uint32_t pid, uint64_t *ret_start);
/* Findings, oldest last_wall_ns first. pid 0: all; else target or other party. since: by last time. */
int store_each_finding(struct store *s, uint32_t pid, uint64_t since_wall_ns,
                       int (*fn)(void *userdata, const struct finding *f), void *userdata);
