/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/proc/file_rights.h"

#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/xattr.h>

#define WORD_BYTES  4
#define PAIR_BYTES  (2 * WORD_BYTES) /* permitted, inheritable */
#define RIGHTS_ROOM 64               /* the kernel's largest form takes 24 bytes */

static uint32_t word_at(const uint8_t *data, size_t at)
{
        uint32_t word;

        memcpy(&word, data + at, sizeof(word));
        return le32toh(word);
}

int file_capabilities_parse(const uint8_t *data, size_t size, uint64_t *ret_permitted)
{
        uint32_t revision = size >= WORD_BYTES ? word_at(data, 0) & VFS_CAP_REVISION_MASK : 0;

        if (revision != VFS_CAP_REVISION_2 && revision != VFS_CAP_REVISION_3)
                return -EBADMSG;
        if (size < WORD_BYTES + 2 * PAIR_BYTES)
                return -EBADMSG;
        *ret_permitted = word_at(data, WORD_BYTES) | (uint64_t)word_at(data, WORD_BYTES + PAIR_BYTES) << 32;
        return 0;
}

int file_capabilities(const char *path, uint64_t *ret_permitted)
{
        uint8_t data[RIGHTS_ROOM];
        ssize_t n = getxattr(path, "security.capability", data, sizeof(data));

        return n < 0 ? -errno : file_capabilities_parse(data, (size_t)n, ret_permitted);
}
