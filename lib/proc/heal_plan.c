/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/proc/heal_plan.h"

#include <errno.h>
#include <string.h>

#include "lib/base/cleanup.h"

/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGE_FILE_OR_SHARED (1ULL << 61)
#define PAGE_SWAPPED        (1ULL << 62)
#define PAGE_PRESENT        (1ULL << 63)

int heal_compare(struct heal_plan *p, const struct heal_piece *piece, uint64_t *ret_changed)
{
        for (size_t i = 0; i < piece->n; i++) {
                if (piece->memory[i] == piece->file[i])
                        continue;
                if (piece->memory[i] != HEAL_INT3) {
                        *ret_changed = piece->address + i;
                        return -EUCLEAN;
                }
                if (p->n == HEAL_SITES_MAX)
                        return -E2BIG;
                p->sites[p->n++] = (struct heal_site){
                        .address = piece->address + i,
                        .offset = piece->offset + i,
                        .file = piece->number,
                        .was = piece->memory[i],
                        .is = piece->file[i],
                };
        }
        return 0;
}

bool heal_same(const struct heal_plan *a, const struct heal_plan *b)
{
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (a->sites[i].address != b->sites[i].address || a->sites[i].is != b->sites[i].is ||
                    a->sites[i].offset != b->sites[i].offset)
                        return false;
        return true;
}

const struct heal_site *heal_site_behind(const struct heal_plan *p, uint64_t ip)
{
        for (size_t i = 0; i < p->n; i++)
                if (p->sites[i].address + 1 == ip)
                        return &p->sites[i];
        return NULL;
}

bool heal_is_private(uint64_t entry)
{
        return (entry & (PAGE_PRESENT | PAGE_SWAPPED)) && !(entry & PAGE_FILE_OR_SHARED);
}

int heal_parse_probe(const char *line, char *path, size_t size)
{
        const char *begin, *end, *colon = NULL;

        if (line[0] != 'p' && line[0] != 'r')
                return -EINVAL;
        begin = strchr(line, ' ');
        if (!begin || begin[1] != '/')
                return -EINVAL;
        begin++;
        /* A path may hold spaces and colons: the offset is behind the last ":0x" of the line. */
        for (end = begin; *end && *end != '\n'; end++)
                if (end[0] == ':' && end[1] == '0' && end[2] == 'x')
                        colon = end;
        if (!colon)
                return -EINVAL;
        if ((size_t)(colon - begin) >= size)
                return -ENAMETOOLONG;
        memcpy(path, begin, (size_t)(colon - begin));
        path[colon - begin] = '\0';
        return 0;
}
