/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/proc/elf_text.h"
#include "lib/proc/procfs.h"
#include "lib/event/record.h"
#include "daemon/events/enrich.h"

#define TEXT_BEFORE     8 /* bytes of struct rec_text before the address */
#define TEXT_CACHE_SIZE 64
#define TEXT_CACHE_TTL_NS \
        (10 * NSEC_PER_SEC) /* a rebuilt file has another inode; this is for rewritten ones */
#define INT3    0xcc
#define DELETED " (deleted)"

/* A breakpoint in a loop asks the same thing again and again, and a symbol table can have 100,000 rows. */
struct text_cache {
        struct text_place {
                uint64_t inode, offset, at_ns; /* inode 0: free */
                uint32_t dev, what;
                bool found_int3;
                char symbol[EVENT_SYMBOL_MAX];
        } places[TEXT_CACHE_SIZE];
};

struct text_cache *text_cache_new(void)
{
        return calloc(1, sizeof(struct text_cache));
}

struct text_cache *text_cache_free(struct text_cache *cache)
{
        free(cache);
        return NULL;
}

/* Which file, and where in it. */
struct text_file {
        uint64_t inode, offset;
        uint32_t dev;
        char path[EVENT_PATH_MAX];
};

static struct text_place *cached_place(struct text_cache *cache, const struct text_file *file, uint32_t what)
{
        uint64_t hash = (file->inode * 31 + file->offset * 17 + file->dev + what) % TEXT_CACHE_SIZE;

        return cache ? &cache->places[hash] : NULL;
}

static bool place_is(const struct text_place *place, const struct text_file *file, uint32_t what,
                     uint64_t now)
{
        return place->inode == file->inode && place->offset == file->offset && place->dev == file->dev &&
               place->what == what && now >= place->at_ns && now - place->at_ns < TEXT_CACHE_TTL_NS;
}

/* ---- which file ------------------------------------------------------------------------------------ */

static void append_range(char *buf, size_t size, const char *s, size_t n)
{
        size_t have = strlen(buf);

        n = MIN_OF(n, size - 1 - have);
        memcpy(buf + have, s, n);
        buf[have + n] = 0;
}

/* The record's names, last component first, as a path. "" if names were cut: then it would be another's. */
static void path_from_record(const struct rec_text *r, char *buf, size_t size)
{
        uint32_t depth = r->depth;
        size_t needed = 1;

        buf[0] = 0;
        if (depth == 0 || depth >= REC_PATH_DEPTH)
                return;
        for (uint32_t i = 0; i < depth; i++) {
                size_t n = strnlen(r->path[i], REC_NAME_LEN);

                needed += n + 1;
                if (n == 0 || n >= REC_NAME_LEN - 1 || memchr(r->path[i], '/', n))
                        return;
        }
        if (needed > size)
                return;
        while (depth-- > 0) {
                append_range(buf, size, "/", 1);
                append_range(buf, size, r->path[depth], strnlen(r->path[depth], REC_NAME_LEN));
        }
}

struct text_search {
        uint64_t address;
        struct text_file *file;
};

static int match_text_address(void *userdata, const struct elf_mapping *m)
{
        struct text_search *search = userdata;
        struct text_file *file = search->file;
        size_t n = strlen(m->path), cut = strlen(DELETED);

        if (search->address < m->start || search->address >= m->end)
                return 0;
        if (!m->inode && (!m->path[0] || m->path[0] == '/')) {
                strcpy(file->path, SCAN_NO_FILE);
                return 1;
        }
        file->inode = m->inode;
        file->dev = m->dev;
        file->offset = m->offset + (search->address - m->start);
        if (m->inode && n > cut && strcmp(m->path + n - cut, DELETED) == 0)
                n -= cut;
        file->path[0] = 0;
        append_range(file->path, sizeof(file->path), m->path, n);
        return 1;
}

/* The kernel side found no file: anonymous memory, or the map was locked. The process may still be there. */
static void file_from_process(const struct rec_text *r, struct text_file *file)
{
        struct text_search search = {.address = r->address, .file = file};
        struct task_ref recorded, now;

        task_from_record(&recorded, &r->task);
        if (procfs_task(recorded.pid, &now) < 0 || !task_same_process(&recorded, &now))
                return;
        (void)elf_text_each_mapping(recorded.pid, match_text_address, &search);
}

static void file_from_record(const struct rec_text *r, struct text_file *file)
{
        if (r->inode == 0 && r->flags & TEXT_F_NO_FILE) {
                strcpy(file->path, SCAN_NO_FILE);
                return;
        }
        if (r->inode == 0) {
                file_from_process(r, file);
                return;
        }
        file->inode = r->inode;
        file->dev = r->dev;
        file->offset = r->file_offset;
        path_from_record(r, file->path, sizeof(file->path));
}

/* ---- what is in it --------------------------------------------------------------------------------- */

/*
 * Whether the file has the int3 that ran. Memory tells which bytes of the instruction to compare; without it
 * (the process removed them, or they could not be read) either form counts.
 */
static int int3_in_file(const struct rec_text *r, const char *link, uint64_t offset, bool *ret)
{
        const uint8_t *memory = r->bytes + TEXT_BEFORE;
        uint8_t byte;
        int n;

        if (!r->bytes_valid || memory[0] != INT3)
                return elf_text_has_int3(link, offset, ret);
        n = elf_text_bytes(link, offset, &byte, 1);
        if (n < 0)
                return n;
        *ret = n == 1 && byte == INT3;
        return 0;
}

static bool examine(const struct rec_text *r, int fd, const struct text_file *file, struct event *e)
{
        char link[32];
        uint8_t byte;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (elf_text_bytes(link, file->offset, &byte, 1) != 1)
                return false;
        if (r->what == TEXT_TRAP && int3_in_file(r, link, file->offset, &e->found_int3) < 0)
                return false;
        (void)elf_text_symbol(link, file->offset, e->symbol, sizeof(e->symbol));
        return true;
}

static void examine_cached(struct text_cache *cache, const struct rec_text *r, int fd,
                           const struct text_file *file, struct event *e)
{
        struct text_place *place = cached_place(cache, file, r->what);

        if (place && place_is(place, file, r->what, e->time_ns)) {
                e->file_known = true;
                e->found_int3 = place->found_int3;
                memcpy(e->symbol, place->symbol, sizeof(e->symbol));
                return;
        }
        e->file_known = examine(r, fd, file, e);
        if (!place || !e->file_known)
                return;
        *place = (struct text_place){
                .inode = file->inode,
                .offset = file->offset,
                .at_ns = e->time_ns,
                .dev = file->dev,
                .what = r->what,
                .found_int3 = e->found_int3,
        };
        memcpy(place->symbol, e->symbol, sizeof(place->symbol));
}

/* The record counts from the start of the code: make it an offset in the file. */
static int place_in_code(int fd, struct text_file *file)
{
        char link[32];

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        return elf_text_code_offset(link, file->offset, &file->offset);
}

static enum scan_kind scan_kind_of(uint32_t what)
{
        static const enum scan_kind kinds[] = {
                [TEXT_TRAP] = SCAN_TRAP,
                [TEXT_HANDLER] = SCAN_HANDLER,
                [TEXT_INSTALLED] = SCAN_INSTALLED,
                [TEXT_REPLACED] = SCAN_REPLACED,
        };

        return what > 0 && what < ELEMENTSOF(kinds) ? kinds[what] : SCAN_TRAP;
}

void enrich_text_cached(struct text_cache *cache, const struct rec_text *r, struct event *e)
{
        struct text_file file = {};
        _cleanup_close_ int fd = -1;

        memset(e, 0, sizeof(*e));
        e->type = EV_TEXT_SCAN;
        e->time_ns = r->h.time_ns;
        task_from_record(&e->target, &r->task);
        e->ip = r->address;
        snprintf(e->what, sizeof(e->what), "%s", scan_kind_to_string(scan_kind_of(r->what)));

        file_from_record(r, &file);
        e->file_offset = file.offset;
        memcpy(e->path, file.path, sizeof(e->path));
        if (file.inode == 0)
                return;
        fd = elf_text_open_mapped(e->target.pid, file.dev, file.inode, file.path, e->path, sizeof(e->path));
        if (fd < 0) { /* the name alone still helps a person */
                memcpy(e->path, file.path, sizeof(e->path));
                return;
        }
        if (r->flags & TEXT_F_FROM_CODE && place_in_code(fd, &file) < 0)
                return;
        e->file_offset = file.offset;
        examine_cached(cache, r, fd, &file, e);
}

void enrich_text(const struct rec_text *r, struct event *e)
{
        enrich_text_cached(NULL, r, e);
}

/* ---- breakpoints that are planted --------------------------------------------------------------------- */

#define PLANT_MAPS_MAX 4096 /* mappings looked at; beyond them it is not told */

struct plant_search {
        uint64_t address;
        unsigned n;
        struct event *e;
};

static int look_for_plant(void *userdata, const struct elf_mapping *m)
{
        struct plant_search *q = userdata;

        if (q->address >= m->start && q->address < m->end) {
                q->e->executable = m->executable;
                q->e->inode = m->inode;
                q->e->dev = m->dev;
                q->e->file_offset = m->offset + (q->address - m->start);
                snprintf(q->e->path, sizeof(q->e->path), "%s", m->path);
                return 1;
        }
        return ++q->n >= PLANT_MAPS_MAX;
}

/* A word of data may end in the same byte. */
void enrich_plant(struct event *e)
{
        struct plant_search q = {.address = e->ip, .e = e};

        if (e->target.pid)
                (void)elf_text_each_mapping(e->target.pid, look_for_plant, &q);
}

/* The process of the task that alone has the uprobe. */
static int find_only_task(struct event *e)
{
        struct task_ref task;
        uint32_t tid = e->vpid;
        int r = e->ns_level ? procfs_resolve_vpid(e->target.tid, e->vpid, &tid) : 0;

        if (r >= 0)
                r = procfs_task(tid, &task);
        if (r >= 0)
                e->vpid = task.pid;
        return r;
}

void enrich_uprobe(struct event *e)
{
        _cleanup_close_ int fd = -1;
        char link[32], name[EVENT_PATH_MAX];

        /* One that is in a task of which nothing is known is nowhere, rather than everywhere. */
        if (e->vpid && find_only_task(e) < 0) {
                e->path[0] = 0;
                return;
        }
        if (elf_text_identify(e->target.pid, e->path, &e->dev, &e->inode) < 0)
                return;
        fd = elf_text_open_mapped(e->target.pid, e->dev, e->inode, e->path, name, sizeof(name));
        if (fd < 0)
                return;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        (void)elf_text_symbol(link, e->file_offset, e->symbol, sizeof(e->symbol));
}
