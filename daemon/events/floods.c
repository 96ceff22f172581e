/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/floods.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/event/record.h"

#define BATCH       512
#define SLOTS       (COUNT_KEYS_MAX * 2) /* open addressing, at most half full */
#define BATCHES_MAX (COUNT_KEYS_MAX / BATCH * 4)

/* What was last read of one counter. */
struct seen {
        struct count_key key;
        uint64_t count, read_ns;
        bool used;
};

struct floods {
        int fd, read_fd;
        size_t n_seen, slots;
        struct seen *seen; /* grows: most machines never have a hundred */
        /* The round under way: counters are read in pieces. */
        bool under_way;
        size_t batches;
        uint32_t cursor;
        uint64_t began_ns; /* CLOCK_BOOTTIME */
        struct count_key keys[BATCH];
        struct count_value values[BATCH];
};

int floods_new(struct floods **ret, int counters_fd, int read_fd)
{
        struct floods *f = calloc(1, sizeof(*f));

        if (!f)
                return -ENOMEM;
        f->fd = counters_fd;
        f->read_fd = read_fd;
        f->slots = 256;
        f->seen = calloc(f->slots, sizeof(*f->seen));
        if (!f->seen) {
                free(f);
                return -ENOMEM;
        }
        *ret = f;
        return 0;
}

struct floods *floods_free(struct floods *f)
{
        if (f)
                free(f->seen);
        free(f);
        return NULL;
}

static size_t hash_key(const struct count_key *key)
{
        const uint8_t *p = (const uint8_t *)key;
        uint64_t h = 1469598103934665603ULL; /* FNV-1a */

        for (size_t i = 0; i < sizeof(*key); i++)
                h = (h ^ p[i]) * 1099511628211ULL;
        return h;
}

static struct seen *find_seen(struct seen *table, size_t slots, const struct count_key *key)
{
        for (size_t i = hash_key(key), n = 0; n < slots; i++, n++) {
                struct seen *s = &table[i % slots];

                if (!s->used || !memcmp(&s->key, key, sizeof(*key)))
                        return s;
        }
        return NULL;
}

/* Rebuild with only what was read in the current round: deletions need no tombstones that way. */
static int rebuild(struct floods *f, size_t slots, uint64_t read_since_ns)
{
        struct seen *table = calloc(slots, sizeof(*table));

        if (!table)
                return -ENOMEM;
        f->n_seen = 0;
        for (size_t i = 0; i < f->slots; i++)
                if (f->seen[i].used && f->seen[i].read_ns >= read_since_ns) {
                        *find_seen(table, slots, &f->seen[i].key) = f->seen[i];
                        f->n_seen++;
                }
        free(f->seen);
        f->seen = table;
        f->slots = slots;
        return 0;
}

static struct seen *remember(struct floods *f, const struct count_key *key)
{
        struct seen *s;

        if (f->n_seen * 2 >= f->slots && f->slots < SLOTS && rebuild(f, f->slots * 2, 0) < 0)
                return NULL;
        s = find_seen(f->seen, f->slots, key);
        if (s && !s->used) {
                *s = (struct seen){.key = *key, .used = true};
                f->n_seen++;
        }
        return s;
}

/* After the event was given away: whoever is killed in between tells it once more rather than never. */
static void note_read(const struct floods *f, const struct count_key *key, uint64_t count)
{
        if (f->read_fd >= 0)
                bpf_map_update_elem(f->read_fd, key, &count, BPF_ANY);
}

static void drain_one(struct floods *f, const struct count_key *key, const struct count_value *value,
                      uint64_t now_ns, void (*emit)(void *userdata, struct event *e), void *userdata)
{
        struct seen *s = remember(f, key);
        struct count_value last;
        struct event e;

        if (!s)
                return;
        if (value->count > s->count) {
                counter_to_event(key, value, value->count - s->count, s->read_ns, &e);
                emit(userdata, &e);
                note_read(f, key, value->count);
        } else if (now_ns > value->last_ns + FLOOD_IDLE_NS) {
                /* It may have counted once more since it was read. Kernels before 5.14 cannot tell. */
                if (bpf_map_lookup_and_delete_elem(f->fd, key, &last))
                        bpf_map_delete_elem(f->fd, key);
                else if (last.count > s->count) {
                        counter_to_event(key, &last, last.count - s->count, s->read_ns, &e);
                        emit(userdata, &e);
                }
                if (f->read_fd >= 0)
                        bpf_map_delete_elem(f->read_fd, key);
                return; /* not read in this round: the next rebuild forgets it */
        }
        s->count = value->count;
        s->read_ns = now_ns;
}

typedef void (*counter_fn)(struct floods *f, const struct count_key *key, const struct count_value *value,
                           void *userdata);

/* The counters of one batch. 1: more follow, 0: these were the last, or -errno. */
static int next_batch(struct floods *f, counter_fn fn, void *userdata)
{
        LIBBPF_OPTS(bpf_map_batch_opts, opts);
        uint32_t n = BATCH;
        int r = bpf_map_lookup_batch(f->fd, f->batches ? &f->cursor : NULL, &f->cursor, f->keys, f->values,
                                     &n, &opts);

        if (r)
                r = -errno;
        if (r && r != -ENOENT) /* ENOENT: this was the last batch */
                return r;
        for (uint32_t i = 0; i < n; i++)
                fn(f, &f->keys[i], &f->values[i], userdata);
        return ++f->batches < BATCHES_MAX && r == 0;
}

struct draining {
        uint64_t now_ns;
        void (*emit)(void *userdata, struct event *e);
        void *userdata;
};

static void drain(struct floods *f, const struct count_key *key, const struct count_value *value,
                  void *userdata)
{
        struct draining *d = userdata;

        drain_one(f, key, value, d->now_ns, d->emit, d->userdata);
}

static void begin_round(struct floods *f, uint64_t now_ns)
{
        f->under_way = true;
        f->batches = 0;
        f->began_ns = now_ns;
}

bool floods_under_way(const struct floods *f)
{
        return f->under_way;
}

int floods_drain(struct floods *f, uint64_t now_ns, void (*emit)(void *userdata, struct event *e),
                 void *userdata)
{
        struct draining d = {.emit = emit, .userdata = userdata};
        uint64_t until_ns = clock_mono_ns() + FLOODS_PIECE_NS;
        int r = 1;

        if (!f->under_way)
                begin_round(f, now_ns);
        d.now_ns = f->began_ns;
        while (r > 0) {
                r = next_batch(f, drain, &d);
                if (r > 0 && clock_mono_ns() >= until_ns)
                        return 1;
        }
        f->under_way = false;
        /* Forget what is gone from the kernel's hash before its place is needed, or a reused key is misread.
         */
        return r < 0 ? r : rebuild(f, f->slots, f->began_ns);
}

static void begin_one(struct floods *f, const struct count_key *key, const struct count_value *value,
                      void *userdata)
{
        const uint64_t *own_since_ns = userdata;
        struct seen *s = remember(f, key);
        uint64_t read = 0;
        bool earlier = key->kind == COUNT_GUARD || (value->first_ns && value->first_ns < *own_since_ns);

        if (!s)
                return;
        if (f->read_fd < 0 || bpf_map_lookup_elem(f->read_fd, key, &read))
                read = earlier ? 0 : value->count;
        s->count = MIN_OF(read, value->count);
        s->read_ns = value->first_ns;
        if (s->count)
                note_read(f, key, s->count);
}

int floods_begin(struct floods *f, uint64_t own_since_ns)
{
        int r = 1;

        begin_round(f, 0);
        while (r > 0)
                r = next_batch(f, begin_one, &own_since_ns);
        f->under_way = false;
        return r < 0 ? r : 0;
}
