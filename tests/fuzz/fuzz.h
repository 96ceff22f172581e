/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the fuzz targets share: pieces of the input, and the input as a file. A target is one function that
 * takes any bytes; it fails by crashing, by a sanitizer's report, or by a check that does not hold.
 * https://llvm.org/docs/LibFuzzer.html
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition)           \
        do {                      \
                if (!(condition)) \
                        abort();  \
        } while (0)

struct input {
        const uint8_t *data;
        size_t size;
};

static inline uint8_t take_byte(struct input *in)
{
        if (in->size == 0)
                return 0;
        in->size--;
        return *in->data++;
}

/* Up to n bytes; what is missing stays as it is. Returns how many there were. */
static inline size_t take_bytes(struct input *in, void *to, size_t n)
{
        n = n < in->size ? n : in->size;
        if (n)
                memcpy(to, in->data, n);
        in->data += n;
        in->size -= n;
        return n;
}

/* Up to and without the next separator, as a string that the caller frees. */
static inline char *take_string(struct input *in, char separator)
{
        const uint8_t *end = in->size ? memchr(in->data, separator, in->size) : NULL;
        size_t n = end ? (size_t)(end - in->data) : in->size;
        char *s = malloc(n + 1);

        must(s);
        s[take_bytes(in, s, n)] = '\0';
        if (end)
                take_byte(in);
        return s;
}

/* The input as the whole content of an open file. */
static inline void fill_file(int fd, const void *data, size_t size)
{
        must(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size &&
             lseek(fd, 0, SEEK_SET) == 0);
}

#define DIR_MAX 128

/* A directory of our own below TMPDIR. */
static inline void make_dir(char dir[DIR_MAX])
{
        const char *parent = getenv("TMPDIR");

        must(snprintf(dir, DIR_MAX, "%s/ptraced-fuzz-XXXXXX", parent ? parent : "/tmp") < DIR_MAX);
        must(mkdtemp(dir));
}
