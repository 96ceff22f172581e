/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Program text on disk: is the int3 at this place the file's own, and which function is it in. Files are
 * hostile: only regular files are opened for reading, none is mapped (a file cut short meanwhile would kill
 * us), counts and offsets are checked before libelf sees the file, and nothing is believed but file
 * identity. Filesystems answered by a user's process or a server (FUSE, NFS) are left alone: they can block
 * for ever.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_TEXT_FILE_MAX (2ULL << 30) /* larger files are not read */
#define ELF_SYMBOLS_MAX   (1u << 20)   /* symbols of one file that are looked at */
#define ELF_SECTIONS_MAX  4096u        /* a program with more is not looked into: only object files have */
#define ELF_SEGMENTS_MAX  1024u
#define ELF_MAPS_MAX      131072u /* mappings of one process that are looked at */
#define ELF_MOUNTS_MAX    4096u   /* mounts of one namespace that are looked at */

/* A regular file, opened for reading. -EINVAL for anything else, -EFBIG. Nothing else is ever opened. */
int elf_text_open(const char *path);

/* Up to n bytes of the file at offset. Returns how many, or -errno. */
int elf_text_bytes(const char *path, uint64_t offset, uint8_t *buf, size_t n);
/* "function+0x12" for the code at a file offset, from .symtab or .dynsym; -ENOENT when no symbol covers it,
 * -ENOEXEC when the file is no ELF file that can be looked into. */
int elf_text_symbol(const char *path, uint64_t offset, char *buf, size_t size);
/* True if the instruction whose first or last byte is at offset is int3 (cc) or int $3 (cd 03) in the file.
 */
int elf_text_has_int3(const char *path, uint64_t offset, bool *ret);

/* The file offset of what lies `distance` bytes after the start of the first executable segment, which is
 * where mm_struct.start_code points (fs/binfmt_elf.c); there may be several. -ENOENT in none of them. */
int elf_text_code_offset(const char *path, uint64_t distance, uint64_t *ret_offset);

/*
 * The mapped file known by device, inode and its path within its filesystem or mount ("" if not known).
 * Tried in this order: each mount point with that device + path, in the mount namespace of pid, or our own
 * when pid is gone; then /proc/PID/exe and /proc/PID/map_files. Only a file with that inode and device is
 * returned (btrfs and overlayfs show another device to stat(2); there the inode decides). dev is the
 * kernel's encoding (major << 20 | minor). -ENOENT if none does, -EREMOTE if it is on a filesystem that is
 * left alone.
 */
int elf_text_find_file(uint32_t pid, uint32_t dev, uint64_t inode, const char *path_in_mount, char *buf,
                       size_t size);
/* The same, opened O_PATH (use it as /proc/self/fd/N: a path could be swapped meanwhile). buf gets the path
 * as the process itself sees it, for people. */
int elf_text_open_mapped(uint32_t pid, uint32_t dev, uint64_t inode, const char *path_in_mount, char *buf,
                         size_t size);

/*
 * Which file a process calls by that path: as the kernel has it in memory, where it was just used; nobody is asked
 * who could not answer. -errno.
 */
int elf_text_identify(uint32_t pid, const char *path, uint32_t *ret_dev, uint64_t *ret_inode);

struct elf_mapping {
        uint64_t start, end, offset, inode;
        uint32_t dev;     /* major << 20 | minor */
        const char *path; /* "" for anonymous memory; may be "[vdso]", or end in " (deleted)" */
        bool executable, shared;
};
/* A line of /proc/PID/maps: "55d0-55d8 r-xp 00002000 fe:01 1234    /usr/bin/cat". path is in the line. */
bool elf_text_parse_mapping(const char *line, struct elf_mapping *ret);
/* Call fn for each mapping of a live process until it returns non-zero; returns that. path is valid during
 * the call. */
int elf_text_each_mapping(uint32_t pid, int (*fn)(void *userdata, const struct elf_mapping *m),
                          void *userdata);
/* Which mapping of a live process holds an address: its path ("" for anonymous) and the file offset.
 * -ENOENT. */
int elf_text_mapping(uint32_t pid, uint64_t address, char *buf, size_t size, uint64_t *ret_offset);

struct mount_line {
        unsigned major, minor;
        char *root, *point;
        const char *fstype;
};
/* "36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw", proc_pid_mountinfo(5). The line is cut
 * into its fields. */
bool elf_text_parse_mount(char *line, struct mount_line *ret);
