/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Random events for property tests: each field of a type is absent, small, or anything its kind can hold. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/event/event.h"

/* Repeatable: the seed is printed by nobody because it never changes. */
static inline uint64_t random_u64(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

/* 0, a small number, the largest, or any. */
static inline uint64_t random_number(uint64_t *state)
{
        uint64_t r = random_u64(state);

        switch (r & 3) {
        case 0:
                return 0;
        case 1:
                return r >> 2 & 0xff;
        case 2:
                return (r & 4) ? UINT64_MAX : UINT64_MAX / 2 + 1;
        default:
                return random_u64(state);
        }
}

/* Bytes without NUL; text: only valid UTF-8. The rest of the buffer stays 0. */
static inline void random_string(uint64_t *state, bool text, char *buf, size_t size)
{
        static const char *const pieces[] = {
                "a", "\"",      "\\", "\n", "/", "\x7f", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x9b",
                ",", "\x1b[31m"};
        size_t n = random_u64(state) % size, used = 0;

        if (random_u64(state) & 1)
                return;
        while (used < n) {
                const char *piece = pieces[random_u64(state) % (sizeof(pieces) / sizeof(pieces[0]))];
                if (!text) {
                        buf[used++] = (char)(random_u64(state) % 255 + 1);
                } else if (used + strlen(piece) < size) {
                        memcpy(buf + used, piece, strlen(piece));
                        used += strlen(piece);
                } else {
                        break;
                }
        }
}

static inline void random_task(uint64_t *state, bool text, struct task_ref *t)
{
        if ((random_u64(state) & 3) == 0)
                return;
        t->pid = (uint32_t)random_number(state);
        t->tid = random_u64(state) & 1 ? t->pid : (uint32_t)random_number(state);
        t->start = random_number(state);
        t->tid_start = random_u64(state) & 1 ? t->start : random_number(state);
        random_string(state, text, t->comm, sizeof(t->comm));
}

static inline int32_t random_enum(uint64_t *state, const struct event_field *f)
{
        int32_t v = (int32_t)(random_u64(state) % f->n_names);

        return f->names[v] ? v : 0;
}

static inline void random_field(uint64_t *state, bool text, const struct event_field *f, void *member)
{
        switch (f->kind) {
        case FIELD_TASK:
                random_task(state, text, member);
                return;
        case FIELD_STRING:
                random_string(state, text, member, f->size);
                return;
        case FIELD_BOOL:
                *(bool *)member = random_u64(state) & 1;
                return;
        case FIELD_U64:
        case FIELD_HEX:
                *(uint64_t *)member = random_number(state);
                return;
        case FIELD_ENUM:
                *(int32_t *)member = random_enum(state, f);
                return;
        default:
                *(uint32_t *)member = (uint32_t)random_number(state);
                return;
        }
}

/* text: strings are valid UTF-8, as JSON needs them to come back unchanged. */
static inline struct event random_event(uint64_t *state, enum event_type type, bool text)
{
        struct event e = {.type = type};
        size_t n;
        const struct event_field *f = event_fields(&n);

        e.seq = random_number(state) & INT64_MAX;
        e.time_ns = random_number(state);
        e.wall_ns = random_number(state);
        for (size_t i = 0; i < n; i++)
                if (f[i].types & EVENT_BIT(type))
                        random_field(state, text, &f[i], (char *)&e + f[i].offset);
        return e;
}

/* Every member agrees; padding does not count. */
static inline bool same_task(const struct task_ref *a, const struct task_ref *b)
{
        return a->pid == b->pid && a->tid == b->tid && a->start == b->start &&
               a->tid_start == b->tid_start && strcmp(a->comm, b->comm) == 0;
}

static inline bool same_field(const struct event_field *f, const void *a, const void *b)
{
        switch (f->kind) {
        case FIELD_TASK:
                return same_task(a, b);
        case FIELD_STRING:
                return strcmp(a, b) == 0;
        case FIELD_BOOL:
                return *(const bool *)a == *(const bool *)b;
        case FIELD_U64:
        case FIELD_HEX:
                return memcmp(a, b, 8) == 0;
        default:
                return memcmp(a, b, 4) == 0;
        }
}

/* The name of the first field in which they differ, or NULL. */
static inline const char *event_difference(const struct event *a, const struct event *b)
{
        size_t n;
        const struct event_field *f = event_fields(&n);

        if (a->type != b->type)
                return "type";
        if (a->seq != b->seq)
                return "seq";
        if (a->time_ns != b->time_ns)
                return "boottime_ns";
        if (a->wall_ns != b->wall_ns)
                return "time";
        for (size_t i = 0; i < n; i++)
                if ((f[i].types & EVENT_BIT(a->type)) &&
                    !same_field(&f[i], (const char *)a + f[i].offset, (const char *)b + f[i].offset))
                        return f[i].json;
        return NULL;
}

static inline void assert_same_event(const struct event *expected, const struct event *e)
{
        const char *difference = event_difference(expected, e);

        ck_assert_msg(!difference, "%s %llu: %s differs", event_type_to_string(expected->type),
                      (unsigned long long)expected->seq, difference);
}
