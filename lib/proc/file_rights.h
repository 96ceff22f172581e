/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The rights that a program's file gives to whoever runs it: file capabilities, capabilities(7). */

#include <stddef.h>
#include <stdint.h>

/* What the file permits, of its attribute security.capability. -ENODATA: the file has none. -errno. The path is
 * followed: it is to be one that answers at once (elf_text_open_mapped()). */
int file_capabilities(const char *path, uint64_t *ret_permitted);
/* The same from the attribute's bytes. -EBADMSG. */
int file_capabilities_parse(const uint8_t *data, size_t size, uint64_t *ret_permitted);
