/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/base/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

static int open_directly(struct outfile *o)
{
        int fd = open(o->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

        if (fd < 0)
                return -errno;
        o->f = fdopen(fd, "w");
        if (!o->f) {
                close(fd);
                return -ENOMEM;
        }
        return 0;
}

static int open_beside(struct outfile *o)
{
        mode_t mask = umask(0);
        int fd;

        umask(mask);
        if (asprintf(&o->temporary, "%s.XXXXXX", o->path) < 0) {
                o->temporary = NULL;
                return -ENOMEM;
        }
        fd = mkostemp(o->temporary, O_CLOEXEC);
        if (fd < 0) {
                int r = -errno;

                free(TAKE_PTR(o->temporary)); /* there is no such file to remove */
                return r;
        }
        fchmod(fd, 0666 & ~mask);
        o->f = fdopen(fd, "w");
        if (!o->f) {
                close(fd);
                return -ENOMEM;
        }
        return 0;
}

int outfile_open(struct outfile *ret, const char *path)
{
        struct outfile o = {};
        struct stat st;
        bool there = stat(path, &st) == 0;
        int r;

        if (there && S_ISDIR(st.st_mode))
                return -EISDIR;
        /* A link stays, and what it points to is replaced. */
        o.path = there ? realpath(path, NULL) : strdup(path);
        if (!o.path)
                return -errno;
        r = there && !S_ISREG(st.st_mode) ? open_directly(&o) : open_beside(&o);
        if (r < 0) {
                outfile_abandon(&o);
                return r;
        }
        *ret = o;
        return 0;
}

int outfile_commit(struct outfile *o)
{
        int r = 0;

        errno = 0;
        if (fflush(o->f) != 0 || ferror(o->f))
                r = errno ? -errno : -EIO;
        if (r == 0 && o->temporary && fsync(fileno(o->f)) < 0)
                r = -errno;
        if (fclose(TAKE_PTR(o->f)) != 0 && r == 0)
                r = -errno;
        if (r == 0 && o->temporary && rename(o->temporary, o->path) < 0)
                r = -errno;
        if (r == 0)
                free(TAKE_PTR(o->temporary));
        outfile_abandon(o);
        return r;
}

void outfile_abandon(struct outfile *o)
{
        if (o->f)
                fclose(o->f);
        if (o->temporary)
                unlink(o->temporary);
        free(o->temporary);
        free(o->path);
        *o = (struct outfile){};
}
