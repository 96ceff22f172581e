/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/proc/auxv.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define AUXV_MAX 1024 /* bytes that are read; the kernel's are about 400 */

/* Its entries have the words of the program, and say how large those of its header are: Elf32_Phdr or Elf64_Phdr. */
uint32_t auxv_word_bits(const void *auxv, size_t size)
{
        Elf64_auxv_t large;
        Elf32_auxv_t small;

        for (size_t at = 0; at + sizeof(large) <= size; at += sizeof(large)) {
                memcpy(&large, (const char *)auxv + at, sizeof(large));
                if (large.a_type == AT_PHENT && large.a_un.a_val == sizeof(Elf64_Phdr))
                        return 64;
        }
        for (size_t at = 0; at + sizeof(small) <= size; at += sizeof(small)) {
                memcpy(&small, (const char *)auxv + at, sizeof(small));
                if (small.a_type == AT_PHENT && small.a_un.a_val == sizeof(Elf32_Phdr))
                        return 32;
        }
        return 0;
}

uint32_t auxv_read_word_bits(uint32_t pid)
{
        _cleanup_close_ int fd = -1;
        char path[64], auxv[AUXV_MAX];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%u/auxv", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return 0;
        n = read(fd, auxv, sizeof(auxv));
        return n > 0 ? auxv_word_bits(auxv, (size_t)n) : 0;
}
