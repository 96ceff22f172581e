/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The compact form. A varint whose bit i says that the i-th field of this type (in table order) is not 0,
 * then those fields: numbers as varints (signed ones zigzag), strings as length and bytes, a bool as its
 * bit alone. A task has a byte of its own for what can be left out of it: enum packed_task.
 */

#include "lib/event/event.h"

#include <errno.h>
#include <string.h>

#include "lib/base/cleanup.h"

#define PACKED_FIELDS_MAX 64 /* fields of one type: bits of the leading varint */
#define VARINT_MAX        10 /* bytes of the largest varint */

enum packed_task {
        TASK_HAS_TID = 1 << 0,       /* else it is 0 */
        TASK_IS_LEADER = 1 << 1,     /* tid is pid */
        TASK_HAS_START = 1 << 2,     /* else 0 */
        TASK_HAS_TID_START = 1 << 3, /* else 0 */
        TASK_SAME_START = 1 << 4,    /* tid_start is start */
        TASK_HAS_COMM = 1 << 5,
        _TASK_ALL = (1 << 6) - 1,
};

struct writer {
        uint8_t *p, *end;
        bool full;
};

struct reader {
        const uint8_t *p, *end;
        bool bad;
};

static void put_byte(struct writer *w, uint8_t byte)
{
        if (w->p < w->end)
                *w->p++ = byte;
        else
                w->full = true;
}

static void put_varint(struct writer *w, uint64_t v)
{
        for (; v >= 0x80; v >>= 7)
                put_byte(w, (uint8_t)(v | 0x80));
        put_byte(w, (uint8_t)v);
}

static void put_signed(struct writer *w, int32_t v)
{
        put_varint(w, (uint32_t)v << 1 ^ (uint32_t)(v >> 31));
}

static void put_string(struct writer *w, const char *s, size_t size)
{
        size_t n = strnlen(s, size - 1);

        put_varint(w, n);
        if ((size_t)(w->end - w->p) < n) {
                w->full = true;
                return;
        }
        memcpy(w->p, s, n);
        w->p += n;
}

static uint8_t get_byte(struct reader *r)
{
        if (r->p < r->end)
                return *r->p++;
        r->bad = true;
        return 0;
}

/* A number up to max; anything larger is bad. */
static uint64_t get_varint(struct reader *r, uint64_t max)
{
        uint64_t v = 0;

        for (unsigned i = 0; i < VARINT_MAX; i++) {
                uint8_t byte = get_byte(r);
                if (i == VARINT_MAX - 1 && byte > 1) /* past bit 63 */
                        break;
                v |= (uint64_t)(byte & 0x7f) << (7 * i);
                if (!(byte & 0x80)) {
                        r->bad |= v > max;
                        return r->bad ? 0 : v;
                }
        }
        r->bad = true;
        return 0;
}

static int32_t get_signed(struct reader *r)
{
        uint32_t v = (uint32_t)get_varint(r, UINT32_MAX);

        return (int32_t)(v >> 1 ^ -(v & 1));
}

static void get_string(struct reader *r, char *s, size_t size)
{
        size_t n = (size_t)get_varint(r, size - 1);

        if (r->bad || (size_t)(r->end - r->p) < n || memchr(r->p, 0, n)) {
                r->bad = true;
                return;
        }
        memcpy(s, r->p, n);
        s[n] = '\0';
        r->p += n;
}

static void put_task(struct writer *w, const struct task_ref *t)
{
        bool leader = t->tid != 0 && t->tid == t->pid;
        bool same_start = t->tid_start != 0 && t->tid_start == t->start;
        uint8_t has = (t->tid && !leader ? TASK_HAS_TID : 0) | (leader ? TASK_IS_LEADER : 0) |
                      (t->start ? TASK_HAS_START : 0) |
                      (t->tid_start && !same_start ? TASK_HAS_TID_START : 0) |
                      (same_start ? TASK_SAME_START : 0) | (t->comm[0] ? TASK_HAS_COMM : 0);

        put_byte(w, has);
        put_varint(w, t->pid);
        if (has & TASK_HAS_TID)
                put_varint(w, t->tid);
        if (has & TASK_HAS_START)
                put_varint(w, t->start);
        if (has & TASK_HAS_TID_START)
                put_varint(w, t->tid_start);
        if (has & TASK_HAS_COMM)
                put_string(w, t->comm, sizeof(t->comm));
}

static void unpack_task(struct reader *r, struct task_ref *t)
{
        uint8_t has = get_byte(r);

        r->bad |= (has & ~_TASK_ALL) != 0;
        t->pid = (uint32_t)get_varint(r, UINT32_MAX);
        t->tid = has & TASK_IS_LEADER ? t->pid : 0;
        if (has & TASK_HAS_TID)
                t->tid = (uint32_t)get_varint(r, UINT32_MAX);
        if (has & TASK_HAS_START)
                t->start = get_varint(r, UINT64_MAX);
        t->tid_start = has & TASK_SAME_START ? t->start : 0;
        if (has & TASK_HAS_TID_START)
                t->tid_start = get_varint(r, UINT64_MAX);
        if (has & TASK_HAS_COMM)
                get_string(r, t->comm, sizeof(t->comm));
}

static bool task_is_set(const struct task_ref *t)
{
        return t->pid || t->tid || t->start || t->tid_start || t->comm[0];
}

static bool field_is_set(const struct event_field *f, const void *member)
{
        switch (f->kind) {
        case FIELD_TASK:
                return task_is_set(member);
        case FIELD_BOOL:
                return *(const bool *)member;
        case FIELD_STRING:
                return strcmp(member, f->absent ?: "") != 0;
        case FIELD_U64:
        case FIELD_HEX:
                return *(const uint64_t *)member != 0;
        default:
                return *(const uint32_t *)member != 0;
        }
}

static void put_field(struct writer *w, const struct event_field *f, const void *member)
{
        switch (f->kind) {
        case FIELD_TASK:
                put_task(w, member);
                return;
        case FIELD_BOOL: /* its presence says it all */
                return;
        case FIELD_STRING:
                put_string(w, member, f->size);
                return;
        case FIELD_U64:
        case FIELD_HEX:
                put_varint(w, *(const uint64_t *)member);
                return;
        case FIELD_U32:
                put_varint(w, *(const uint32_t *)member);
                return;
        default:
                put_signed(w, *(const int32_t *)member);
                return;
        }
}

static void unpack_field(struct reader *r, const struct event_field *f, void *member)
{
        switch (f->kind) {
        case FIELD_TASK:
                unpack_task(r, member);
                return;
        case FIELD_BOOL:
                *(bool *)member = true;
                return;
        case FIELD_STRING:
                get_string(r, member, f->size);
                return;
        case FIELD_U64:
        case FIELD_HEX:
                *(uint64_t *)member = get_varint(r, UINT64_MAX);
                return;
        case FIELD_U32:
                *(uint32_t *)member = (uint32_t)get_varint(r, UINT32_MAX);
                return;
        default:
                *(int32_t *)member = get_signed(r);
                return;
        }
}

/* Consumers index tables with enum members: nothing out of range is stored, and nothing is read back. */
static bool enum_in_range(const struct event_field *f, const void *member)
{
        return f->kind != FIELD_ENUM ||
               (*(const int32_t *)member >= 0 && (size_t) * (const int32_t *)member < f->n_names);
}

/* The fields of a type, in table order. Returns how many, at most PACKED_FIELDS_MAX. */
static size_t fields_of(enum event_type type, const struct event_field *of[PACKED_FIELDS_MAX])
{
        size_t n_all, n = 0;
        const struct event_field *all = event_fields(&n_all);

        for (size_t i = 0; i < n_all && n < PACKED_FIELDS_MAX; i++)
                if (all[i].types & EVENT_BIT(type))
                        of[n++] = &all[i];
        return n;
}

int event_pack(const struct event *e, uint8_t *buf, size_t size)
{
        const struct event_field *of[PACKED_FIELDS_MAX];
        struct writer w = {.p = buf, .end = buf + size};
        uint64_t present = 0;

        if (!event_type_to_string(e->type))
                return -EINVAL;
        size_t n = fields_of(e->type, of);
        for (size_t i = 0; i < n; i++) {
                const void *member = (const char *)e + of[i]->offset;
                if (!enum_in_range(of[i], member))
                        return -EINVAL;
                if (field_is_set(of[i], member))
                        present |= 1ULL << i;
        }
        put_varint(&w, present);
        for (size_t i = 0; i < n; i++)
                if (present & (1ULL << i))
                        put_field(&w, of[i], (const char *)e + of[i]->offset);
        return w.full ? -ENOSPC : (int)(w.p - buf);
}

int event_unpack(enum event_type type, const uint8_t *buf, size_t size, struct event *ret)
{
        const struct event_field *of[PACKED_FIELDS_MAX];
        struct reader r = {.p = buf, .end = buf + size};
        struct event e = {.type = type};

        if (!event_type_to_string(type))
                return -EBADMSG;
        size_t n = fields_of(type, of);
        uint64_t present = get_varint(&r, n < 64 ? (1ULL << n) - 1 : UINT64_MAX);
        for (size_t i = 0; i < n && !r.bad; i++) {
                void *member = (char *)&e + of[i]->offset;
                if (!(present & (1ULL << i))) {
                        event_field_clear(of[i], member);
                        continue;
                }
                unpack_field(&r, of[i], member);
                r.bad |= !enum_in_range(of[i], member);
        }
        if (r.bad || r.p != r.end)
                return -EBADMSG;
        *ret = e;
        return 0;
}
