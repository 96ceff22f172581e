/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/export/export.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "lib/base/cleanup.h"

#define GZIP_BLOCK 16384
#define GZIP_WBITS (15 + 16) /* largest window, gzip header and trailer. zlib.h, deflateInit2() */

struct gzip {
        FILE *out;
        z_stream stream;
        uint8_t block[GZIP_BLOCK];
};

/* Compresses what is waiting in the stream. */
static int gzip_run(struct gzip *z, int flush)
{
        do {
                z->stream.next_out = z->block;
                z->stream.avail_out = sizeof(z->block);
                deflate(&z->stream, flush); /* cannot fail with a sound stream: zlib.h */
                size_t n = sizeof(z->block) - z->stream.avail_out;
                if (fwrite(z->block, 1, n, z->out) != n)
                        return -1;
        } while (z->stream.avail_out == 0);
        return 0;
}

static ssize_t gzip_write(void *cookie, const char *bytes, size_t n)
{
        struct gzip *z = cookie;

        n = MIN_OF(n, (size_t)1 << 30); /* avail_in is 32 bits wide */
        z->stream.next_in = (Bytef *)bytes;
        z->stream.avail_in = (uInt)n;
        return gzip_run(z, Z_NO_FLUSH) < 0 ? 0 : (ssize_t)n; /* 0 is an error here: fopencookie(3) */
}

static int gzip_close(void *cookie)
{
        struct gzip *z = cookie;
        int r;

        z->stream.next_in = NULL;
        z->stream.avail_in = 0;
        r = gzip_run(z, Z_FINISH);
        deflateEnd(&z->stream);
        free(z);
        return r;
}

int export_gzip(FILE *out, FILE **ret)
{
        static const cookie_io_functions_t functions = {.write = gzip_write, .close = gzip_close};
        struct gzip *z = calloc(1, sizeof(*z));
        FILE *f;

        if (!z)
                return -ENOMEM;
        z->out = out;
        if (deflateInit2(&z->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WBITS, 8, Z_DEFAULT_STRATEGY) !=
            Z_OK) {
                free(z);
                return -ENOMEM;
        }
        f = fopencookie(z, "w", functions);
        if (!f) {
                deflateEnd(&z->stream);
                free(z);
                return -errno;
        }
        *ret = f;
        return 0;
}
