/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/creator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/proc/elf_text.h"
#include "lib/proc/procfs.h"

#define CALL_BYTES 7 /* of the longest call instruction that is looked for */

struct module {
        uint64_t start, end, offset, inode;
        uint32_t dev;
        char path[EVENT_PATH_MAX];
};

struct modules {
        unsigned lines, n;
        struct module all[CREATOR_MODULES_MAX];
};

/* What stands between a program and clone(2), whoever the program is: the C libraries, and the sanitizers. */
static const char *const passed_over[] = {
        "libc.so",  "libc-",    "libpthread", "ld-",       "libc.musl",
        "libasan.", "libtsan.", "liblsan.",   "libubsan.",
};
/* The same where they are linked into the program. */
static const char *const passed_functions[] = {
        "clone", "__clone", "create_thread", "pthread_create", "__pthread_create", "start_thread",
};

static bool begins_with_any(const char *s, const char *const *words, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strncmp(s, words[i], strlen(words[i])) == 0)
                        return true;
        return false;
}

static bool is_passed_over(const char *path)
{
        const char *slash = strrchr(path, '/');

        return !slash || begins_with_any(slash + 1, passed_over, ELEMENTSOF(passed_over));
}

static int keep_module(void *userdata, const struct elf_mapping *m)
{
        struct modules *list = userdata;

        if (++list->lines > CREATOR_LINES_MAX || list->n == CREATOR_MODULES_MAX)
                return 1;
        if (!m->executable || !m->inode || is_passed_over(m->path))
                return 0;
        list->all[list->n] = (struct module){
                .start = m->start, .end = m->end, .offset = m->offset, .inode = m->inode, .dev = m->dev};
        snprintf(list->all[list->n].path, EVENT_PATH_MAX, "%s", m->path);
        list->n++;
        return 0;
}

static const struct module *module_at(const struct modules *list, uint64_t address)
{
        for (unsigned i = 0; i < list->n; i++)
                if (address > list->all[i].start && address < list->all[i].end)
                        return &list->all[i];
        return NULL;
}

/* e8 with four bytes; ff /2 with a ModRM byte and what it asks for. */
bool creator_follows_call(const uint8_t *before, size_t n)
{
        const uint8_t *end = before + n;

        if (n >= 5 && end[-5] == 0xe8)
                return true;
        for (size_t back = 2; back <= n && back <= CALL_BYTES; back++)
                if (end[-(ptrdiff_t)back] == 0xff && (end[1 - (ptrdiff_t)back] >> 3 & 7) == 2)
                        return true;
        return false;
}

/* A thread's start routine lies on the stack, too, and may stand behind a call that never returns. */
static bool begins_function(const char *file, uint64_t offset)
{
        char symbol[EVENT_SYMBOL_MAX] = "";
        const char *behind;

        (void)elf_text_symbol(file, offset, symbol, sizeof(symbol));
        behind = strrchr(symbol, '+');
        return symbol[0] && (!behind || strcmp(behind, "+0x0") == 0);
}

static bool look_up(uint32_t pid, const struct module *m, uint64_t address, struct event *e)
{
        uint64_t offset = m->offset + (address - m->start);
        char link[32], name[EVENT_PATH_MAX], symbol[EVENT_SYMBOL_MAX] = "";
        _cleanup_close_ int fd = -1;
        uint8_t before[CALL_BYTES];

        if (offset < sizeof(before))
                return false;
        fd = elf_text_open_mapped(pid, m->dev, m->inode, m->path, name, sizeof(name));
        if (fd < 0)
                return false;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (elf_text_bytes(link, offset - sizeof(before), before, sizeof(before)) != sizeof(before) ||
            !creator_follows_call(before, sizeof(before)) || begins_function(link, offset))
                return false;
        /* Of the call itself: what follows one that never returns is another function. */
        (void)elf_text_symbol(link, offset - 1, symbol, sizeof(symbol));
        if (begins_with_any(symbol, passed_functions, ELEMENTSOF(passed_functions)))
                return false;
        snprintf(e->path, sizeof(e->path), "%s", m->path);
        memcpy(e->symbol, symbol, sizeof(e->symbol));
        e->file_offset = offset;
        return true;
}

void creator_find(const struct rec_threads *r, struct event *e)
{
        struct modules *list = calloc(1, sizeof(*list));
        uint32_t pid = e->target.pid, words = MIN_OF(r->words, (rec_u32)REC_STACK_WORDS);
        struct task_ref now;
        unsigned looks = 0;

        if (!list)
                return;
        if (words && procfs_task(pid, &now) == 0 && task_same_process(&now, &e->target))
                (void)elf_text_each_mapping(pid, keep_module, list);
        for (uint32_t i = 0; i < words && looks < CREATOR_LOOKS_MAX; i++) {
                const struct module *m = module_at(list, r->stack[i]);

                if (!m)
                        continue;
                looks++;
                if (look_up(pid, m, r->stack[i], e))
                        break;
        }
        free(list);
}
