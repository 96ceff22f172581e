/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/store/store.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/store/sql.h"
#include "lib/store/store_impl.h"

void store_limits_default(struct store_limits *ret)
{
        *ret = (struct store_limits){.max_bytes = 512ULL << 20, .max_age_s = 7 * 86400};
}

/* ---- open and close --------------------------------------------------------------------------------- */

static struct store *store_new(void)
{
        struct store *s = calloc(1, sizeof(*s));
        pthread_condattr_t attr;

        if (!s)
                return NULL;
        s->lock_fd = s->reached_fd = -1;
        s->next_seq = 1;
        pthread_mutex_init(&s->lock, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&s->work, &attr);
        pthread_cond_init(&s->done, &attr);
        pthread_condattr_destroy(&attr);
        return s;
}

static void stop_writer(struct store *s)
{
        if (!s->writer_runs)
                return;
        pthread_mutex_lock(&s->lock);
        s->stop = true;
        pthread_cond_signal(&s->work);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->writer, NULL);
        s->writer_runs = false;
}

struct store *store_close(struct store *s)
{
        if (!s)
                return NULL;
        stop_writer(s);
        store_batch_free(s, &(struct store_batch){.chunks = s->first,
                                                  .findings = s->findings,
                                                  .n_findings = s->n_findings});
        if (s->spare)
                munmap(s->spare, STORE_CHUNK_BYTES);
        sqlite3_close_v2(s->read_db); /* first, so that the writer's closing empties the WAL into the file */
        store_writer_finalize(s);
        sqlite3_close(s->write_db);
        cleanup_close(&s->reached_fd);
        cleanup_close(&s->lock_fd); /* last: only now may another daemon begin */
        pthread_cond_destroy(&s->done);
        pthread_cond_destroy(&s->work);
        pthread_mutex_destroy(&s->lock);
        free(s->path);
        free(s);
        return NULL;
}

static void cleanup_store(struct store **s)
{
        store_close(*s);
}

/* The writer takes no signals: they are the event loop's. */
static int start_writer(struct store *s)
{
        sigset_t all, before;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&s->writer, NULL, store_writer_main, s);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        s->writer_runs = r == 0;
        return -r;
}

static void load_stats(struct store *s, sqlite3 *db)
{
        s->next_seq = (uint64_t)sql_number(db, "SELECT last_seq FROM span ORDER BY id DESC LIMIT 1", 0) + 1;
        s->stats.events = (uint64_t)sql_number(db, "SELECT sum(events) FROM span", 0);
        s->stats.oldest_wall_ns =
                (uint64_t)sql_number(db, "SELECT wall FROM events ORDER BY seq LIMIT 1", 0);
        s->page_size = (uint64_t)sql_number(db, "PRAGMA page_size", 0);
        store_totals_load(s, db);
        s->stats.bytes = s->page_size * (uint64_t)sql_number(db, "PRAGMA page_count", 0);
}

int store_open(struct store **ret, const char *dir, const struct store_limits *limits, char *error,
               size_t size)
{
        _cleanup_(cleanup_store) struct store *s = store_new();
        int r;

        if (!s)
                return -ENOMEM;
        s->limits = *limits;
        s->findings = calloc(STORE_PENDING_FINDINGS_MAX, sizeof(*s->findings));
        if (!s->findings)
                return -ENOMEM;
        r = store_lock_dir(dir, &s->lock_fd, error, size);
        if (r < 0)
                return r;
        r = store_open_files(s, dir, error, size);
        if (r < 0)
                return r;
        load_stats(s, s->write_db);
        s->reached_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = s->reached_fd < 0 ? -errno : start_writer(s);
        if (r < 0) {
                snprintf(error, size, "cannot start the writer thread of the trace store: %s", strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(s);
        return 0;
}

int store_open_readonly(struct store **ret, const char *file, char *error, size_t size)
{
        _cleanup_(cleanup_store) struct store *s = store_new();
        int r;

        if (!s)
                return -ENOMEM;
        s->readonly = true;
        r = store_open_file_readonly(s, file, error, size);
        if (r < 0)
                return r;
        load_stats(s, s->read_db);
        *ret = TAKE_PTR(s);
        return 0;
}

uint64_t store_next_seq(const struct store *s)
{
        return s->next_seq;
}

/* ---- the queue -------------------------------------------------------------------------------------- */

/* A chunk with room for `need` bytes at the end of the queue, or NULL. */
static struct queue_chunk *chunk_with_room(struct store *s, size_t need)
{
        struct queue_chunk *c = s->last;

        if (c && c->used + need <= STORE_CHUNK_ROOM)
                return c;
        if (s->n_chunks >= STORE_CHUNKS_MAX)
                return NULL;
        /* Mapped, not malloc'ed: after a flood the memory goes back to the system. */
        c = TAKE_PTR(s->spare);
        if (!c) {
                c = mmap(NULL, STORE_CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                         0);
                if (c == MAP_FAILED)
                        return NULL;
        }
        *c = (struct queue_chunk){};
        if (s->last)
                s->last->next = c;
        else
                s->first = c;
        s->last = c;
        s->n_chunks++;
        return c;
}

static bool is_decision(uint16_t type)
{
        return type == EV_PTRACE_REFUSED || (type >= EV_CLAIM_MADE && type <= EV_POLICY_GUARD);
}

static int enqueue(struct store *s, const struct queued_event *item, const uint8_t *body)
{
        struct queue_chunk *c = NULL;
        bool hurry = is_decision(item->type) && !s->decision_waits;

        if (s->n_queued < STORE_QUEUE_MAX)
                c = chunk_with_room(s, item->stride);
        if (!c) {
                s->stats.lost++;
                return -ENOBUFS;
        }
        uint8_t *to = (uint8_t *)c->bytes + c->used;
        memcpy(to, item, sizeof(*item));
        memcpy(to + sizeof(*item), body, item->size);
        c->used += item->stride;
        c->n_events++;
        s->n_queued++;
        s->n_waiting++;
        s->accepted++;
        s->decision_waits |= hurry;
        /* Waking the writer costs a system call: only when it sleeps for lack of work, has a batch, or has
         * to be quicker. */
        if (s->n_waiting == 1 || s->n_waiting == STORE_BATCH_MAX || hurry)
                pthread_cond_signal(&s->work);
        return 0;
}

static int count_lost(struct store *s, int r)
{
        pthread_mutex_lock(&s->lock);
        s->stats.lost++;
        pthread_mutex_unlock(&s->lock);
        return r;
}

int store_append(struct store *s, const struct event *e)
{
        uint8_t body[EVENT_PACKED_MAX];
        struct queued_event item = {
                .seq = e->seq, .wall_ns = e->wall_ns, .boot_ns = e->time_ns, .type = (uint16_t)e->type};
        int r;

        if (s->readonly)
                return -EROFS;
        if (e->seq < s->next_seq || e->seq > INT64_MAX)
                return count_lost(s, -EINVAL);
        r = event_pack(e, body, sizeof(body));
        if (r < 0)
                return count_lost(s, r);
        item.size = (uint16_t)r;
        item.stride = (uint16_t)((sizeof(item) + item.size + 7) & ~(size_t)7);
        item.n_pids = (uint16_t)event_pids(e, item.pids);

        pthread_mutex_lock(&s->lock);
        r = enqueue(s, &item, body);
        pthread_mutex_unlock(&s->lock);
        if (r == 0)
                s->next_seq = e->seq + 1;
        return r;
}

/* A finding that grows with each event waits in one place, however often it grows. */
static int enqueue_finding(struct store *s, const struct finding *f)
{
        struct finding *copy;

        for (size_t i = 0; i < s->n_findings; i++)
                if (finding_same(s->findings[i], f)) {
                        *s->findings[i] = *f;
                        return 0;
                }
        copy = s->n_findings < STORE_PENDING_FINDINGS_MAX ? malloc(sizeof(*copy)) : NULL;
        if (!copy) {
                s->stats.lost++;
                return -ENOBUFS;
        }
        *copy = *f;
        s->findings[s->n_findings++] = copy;
        s->accepted++;
        pthread_cond_signal(&s->work);
        return 0;
}

int store_put_finding(struct store *s, const struct finding *f)
{
        int r;

        if (s->readonly)
                return -EROFS;
        pthread_mutex_lock(&s->lock);
        r = enqueue_finding(s, f);
        pthread_mutex_unlock(&s->lock);
        return r;
}

/* Under lock. */
static uint64_t write_all_now(struct store *s)
{
        s->sync_target = MAX_OF(s->sync_target, s->accepted);
        pthread_cond_signal(&s->work);
        return s->accepted;
}

uint64_t store_hurry(struct store *s)
{
        uint64_t mark;

        if (s->readonly)
                return 0;
        pthread_mutex_lock(&s->lock);
        mark = write_all_now(s);
        pthread_mutex_unlock(&s->lock);
        return mark;
}

bool store_reached(struct store *s, uint64_t mark)
{
        bool reached;

        pthread_mutex_lock(&s->lock);
        reached = s->settled >= mark;
        pthread_mutex_unlock(&s->lock);
        return reached;
}

int store_reached_fd(const struct store *s)
{
        return s->reached_fd;
}

int store_sync(struct store *s, int timeout_ms)
{
        struct timespec deadline;
        uint64_t target;
        int r = 0;

        if (s->readonly)
                return 0;
        deadline = store_in_ms((uint64_t)timeout_ms);
        pthread_mutex_lock(&s->lock);
        target = write_all_now(s);
        while (s->settled < target && r == 0)
                r = pthread_cond_timedwait(&s->done, &s->lock, &deadline);
        r = s->settled < target ? -ETIMEDOUT : 0;
        pthread_mutex_unlock(&s->lock);
        return r;
}

void store_get_stats(struct store *s, struct store_stats *ret)
{
        pthread_mutex_lock(&s->lock);
        *ret = s->stats;
        pthread_mutex_unlock(&s->lock);
}
