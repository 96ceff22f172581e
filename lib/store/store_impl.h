/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the parts of the store share: store.c (open, close, append) stands above store_schema.c (is this file
 * ours, may we write here), store_write.c (the writer thread) and store_read.c (cursors); sql.c is below
 * all.
 *
 * Threads: whoever appends holds `lock` for a copy into memory only. The writer thread owns `write_db`;
 * `read_db` is a connection in serialized mode that any thread may use.
 */

#include <pthread.h>
#include <sqlite3.h>

#include "lib/store/store.h"

#define STORE_FILE                 "trace.sqlite"
#define STORE_LOCK_FILE            "lock"
#define STORE_CHUNK_BYTES          (64u << 10) /* of the queue; given back to the system when written */
#define STORE_CHUNKS_MAX           256   /* 16 MiB: large events fill the queue before STORE_QUEUE_MAX do */
#define STORE_PENDING_FINDINGS_MAX 1024  /* distinct ones that wait for the writer */
#define STORE_EXPIRE_CHUNK         4000  /* events removed per transaction */
#define STORE_EXPIRE_PERIOD_S      30    /* age is looked at this often while nothing is written */
#define STORE_VACUUM_PAGES         256   /* given back to the file system per step */
#define STORE_SPAN_SHIFT           14    /* events of a span: 1 << 14 */
#define STORE_CACHE_KIB            2048  /* of the writer's connection; a reader has half of it */
#define STORE_BUSY_MS              10000 /* patience of the writer with a foreign lock (a person's sqlite3) */
#define STORE_READ_BUSY_MS         250   /* of a reader, which the event loop waits for */
#define STORE_CHECK_BYTES_MAX      (16u << 20) /* a file up to this size is checked whole when it is opened */

/* An item of the queue; `size` bytes of event_pack() follow, then padding to 8. */
struct queued_event {
        uint64_t seq, wall_ns, boot_ns;
        uint32_t pids[4];
        uint16_t type, n_pids, size, stride;
};

struct queue_chunk {
        struct queue_chunk *next;
        uint32_t used, n_events;
        uint64_t bytes[]; /* u64: items are aligned */
};
#define STORE_CHUNK_ROOM (STORE_CHUNK_BYTES - sizeof(struct queue_chunk))

/* What the writer does in one transaction. */
struct store_batch {
        struct queue_chunk *chunks;
        uint64_t n_events;
        struct finding **findings;
        size_t n_findings;
        struct store_totals totals; /* what it adds to them */
};

/* Statements of the writer. */
enum write_statement {
        WRITE_BEGIN,
        WRITE_COMMIT,
        WRITE_ROLLBACK,
        WRITE_EVENT,
        WRITE_PID,
        WRITE_SPAN,
        WRITE_FINDING,
        WRITE_OLDEST,
        WRITE_DROP_PIDS,
        WRITE_DROP_SPAN_PIDS,
        WRITE_DROP_EVENTS,
        WRITE_DROP_SPANS,
        WRITE_SHRINK_SPAN,
        WRITE_OLD_FINDINGS,
        WRITE_MANY_FINDINGS,
        WRITE_OLDEST_WALL,
        WRITE_FREE_PAGES,
        WRITE_PAGES,
        WRITE_TOTAL,
        _WRITE_MAX,
};

struct store {
        char *path;
        int lock_fd, reached_fd;
        bool readonly;
        struct store_limits limits;
        sqlite3 *write_db, *read_db;
        sqlite3_stmt *statements[_WRITE_MAX];
        uint64_t page_size;

        uint64_t next_seq; /* appender's */

        pthread_t writer;
        bool writer_runs;
        pthread_mutex_t lock;
        pthread_cond_t work, done; /* CLOCK_MONOTONIC */

        /* under lock */
        struct queue_chunk *first, *last, *spare;
        uint64_t n_chunks, n_queued; /* waiting, or in the writer's hands */
        uint64_t n_waiting;
        bool decision_waits;
        struct finding **findings; /* STORE_PENDING_FINDINGS_MAX places */
        size_t n_findings;
        uint64_t accepted, settled; /* items taken in; items written or lost */
        uint64_t sync_target;       /* write at once until settled reaches this */
        bool stop;
        struct store_stats stats;
        struct store_totals totals;
        uint64_t sessions_waiting; /* counted, and not yet with the writer */
};

/* store_schema.c: 0, or -errno with a sentence in error. Nothing is changed unless the result is 0. */
int store_lock_dir(const char *dir, int *ret_fd, char *error, size_t size);
int store_open_files(struct store *s, const char *dir, char *error, size_t size);
int store_open_file_readonly(struct store *s, const char *file, char *error, size_t size);

/* store_totals.c. They are in a table of their own, which a store that has none is given. Where that fails, or
 * the store is only read and has none, they begin at 0 and are not kept. */
void store_totals_prepare(struct store *s);
void store_totals_load(struct store *s, sqlite3 *db);
#define STORE_TOTAL_NAME_MAX 96
/* The n-th of them that is not 0, with its name in the table; 0 at the end. *at: where to go on, at first 0. */
uint64_t store_totals_next(const struct store_totals *t, size_t *at, char name[static STORE_TOTAL_NAME_MAX]);
void store_totals_add(struct store_totals *to, const struct store_totals *more);

/* store_write.c */
int store_writer_prepare(struct store *s);
void store_writer_finalize(struct store *s);
void *store_writer_main(void *store);
struct timespec store_in_ms(uint64_t ms); /* from now, as the waits of this store take it */
void store_batch_free(struct store *s, struct store_batch *b);
