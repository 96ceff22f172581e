/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Program text on disk: is the int3 at this place the file's own, and which function is it in. Files are
 * hostile: regular files only, opened O_NONBLOCK, sizes and offsets checked, libelf does the parsing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_TEXT_FILE_MAX (2ULL << 30) /* larger files are not read */

/* Up to n bytes of the file at offset. Returns how many, or -errno. */
int elf_text_bytes(const char *path, uint64_t offset, uint8_t *buf, size_t n);
/* "function+0x12" for the code at a file offset, from .symtab or .dynsym; -ENOENT when no symbol covers it.
 */
int elf_text_symbol(const char *path, uint64_t offset, char *buf, size_t size);
/* True if the instruction whose first or last byte is at offset is int3 (cc) or int $3 (cd 03) in the file.
 */
int elf_text_has_int3(const char *path, uint64_t offset, bool *ret);

/*
 * The path of a mapped file known by device, inode and its path within its mount. Tried in this order:
 * /proc/PID/root + each mount point with that device + path, then /proc/PID/exe and /proc/PID/map_files.
 * Only a file whose st_dev and st_ino agree is returned. dev is the kernel's encoding (major << 20 | minor).
 * -ENOENT if none does.
 */
int elf_text_find_file(uint32_t pid, uint32_t dev, uint64_t inode, const char *path_in_mount, char *buf,
                       size_t size);

/* Which mapping of a live process holds an address: its path ("" for anonymous) and the file offset.
 * -ENOENT. */
int elf_text_mapping(uint32_t pid, uint64_t address, char *buf, size_t size, uint64_t *ret_offset);
