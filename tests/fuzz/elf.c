/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A program's file: its segments, symbols and text. The first bytes say where to look. */

#include <stdio.h>

#include "lib/proc/elf_text.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static int fd = -1;
        struct input in = {data, size};
        char link[32], symbol[64];
        uint8_t bytes[16];
        uint16_t near = 0;
        uint64_t offset = 0, found;
        bool int3;

        if (fd < 0)
                fd = memfd_create("program", MFD_CLOEXEC);
        must(fd >= 0);
        take_bytes(&in, &near, sizeof(near));
        fill_file(fd, in.data, in.size);
        if (near & 1) /* an offset of the file's own choice */
                memcpy(&offset, in.data, in.size < sizeof(offset) ? in.size : sizeof(offset));
        else
                offset = near;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        elf_text_bytes(link, offset, bytes, sizeof(bytes));
        elf_text_has_int3(link, offset, &int3);
        elf_text_symbol(link, offset, symbol, sizeof(symbol));
        elf_text_code_offset(link, offset, &found);
        return 0;
}
