/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy files from the disk: only those that nobody but root and the caller can have written. */
#include "lib/claim/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"

#define SUFFIX ".conf"

/* One attempt: the path as people gave it, and where to say what is wrong. */
struct loading {
        struct policy *policy;
        char *error;
        size_t size;
};

static _printf_(3, 4) int fail(struct loading *l, int error, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        vsnprintf(l->error, l->size, format, ap);
        va_end(ap);
        return error;
}

/* Of a file, with or without its directories. */
static bool is_policy_name(const char *path)
{
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        size_t n = strlen(name);

        return name[0] != '.' && n > strlen(SUFFIX) && !strcmp(name + n - strlen(SUFFIX), SUFFIX);
}

/* Whoever can write here decides who may debug: nobody else than root and ourselves. */
static int check_writers(struct loading *l, const char *path, const struct stat *st)
{
        if (st->st_uid != 0 && st->st_uid != geteuid())
                return fail(l, -EPERM,
                            "Policy %s belongs to uid %u, who could change it at any time: chown root %s.",
                            path, st->st_uid, path);
        if (st->st_mode & (S_IWGRP | S_IWOTH))
                return fail(l, -EPERM, "Policy %s can be written by others than its owner: chmod go-w %s.",
                            path, path);
        return 0;
}

static int cannot_read(struct loading *l, const char *path, int error)
{
        if (error == ELOOP)
                return fail(l, -EPERM,
                            "Policy %s is a symbolic link, which others may point elsewhere: put the file "
                            "itself there.",
                            path);
        return fail(l, -error, "Policy %s cannot be read: %s.", path, strerrordesc_np(error));
}

static int read_text(struct loading *l, int fd, const char *path, char *text, size_t *ret_length)
{
        size_t length = 0;
        ssize_t n;

        while (length <= POLICY_FILE_MAX &&
               (n = read(fd, text + length, POLICY_FILE_MAX + 1 - length)) != 0) {
                if (n < 0)
                        return cannot_read(l, path, errno);
                length += (size_t)n;
        }
        if (length > POLICY_FILE_MAX)
                return fail(l, -EFBIG, "Policy %s is larger than %d KiB.", path, POLICY_FILE_MAX / 1024);
        *ret_length = length;
        return 0;
}

/* name is looked up in dir, path is what it is called in sentences and in the rules. */
static int load_file(struct loading *l, int dir, const char *name, const char *path)
{
        _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        _cleanup_free_ char *text = NULL;
        struct stat st;
        size_t length = 0;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return cannot_read(l, path, errno);
        if (!S_ISREG(st.st_mode))
                return fail(l, -EINVAL, "Policy %s is not a regular file.", path);
        r = check_writers(l, path, &st);
        if (r < 0)
                return r;
        text = malloc(POLICY_FILE_MAX + 1);
        if (!text)
                return fail(l, -ENOMEM, "Not enough memory to read %s.", path);
        r = read_text(l, fd, path, text, &length);
        return r < 0 ? r : policy_parse(l->policy, path, text, length, l->error, l->size);
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
        char *name[POLICY_FILES_MAX];
        size_t n;
};

static void names_free(struct names *n)
{
        for (size_t i = 0; i < n->n; i++)
                free(n->name[i]);
}

static int list_names(struct loading *l, DIR *d, const char *path, struct names *ret)
{
        struct dirent *e;

        while ((errno = 0, e = readdir(d))) {
                if (!is_policy_name(e->d_name))
                        continue;
                if (ret->n == POLICY_FILES_MAX)
                        return fail(l, -EINVAL,
                                    "%s holds more than %d files *" SUFFIX ": put some together.", path,
                                    POLICY_FILES_MAX);
                ret->name[ret->n] = strdup(e->d_name);
                if (!ret->name[ret->n])
                        return fail(l, -ENOMEM, "Not enough memory to read %s.", path);
                ret->n++;
        }
        if (errno)
                return cannot_read(l, path, errno);
        qsort(ret->name, ret->n, sizeof(ret->name[0]), compare_names);
        return 0;
}

static int load_directory(struct loading *l, DIR *d, const char *path)
{
        _cleanup_(names_free) struct names names = {};
        char file[sizeof(((struct policy_rule *)NULL)->file)];
        int r = list_names(l, d, path, &names);

        for (size_t i = 0; i < names.n && r == 0; i++) {
                int n = snprintf(file, sizeof(file), "%s%s%s", path,
                                 path[strlen(path) - 1] == '/' ? "" : "/", names.name[i]);

                if (n < 0 || (size_t)n >= sizeof(file))
                        r = fail(l, -ENAMETOOLONG, "The path %s is longer than %zu bytes.", file,
                                 sizeof(file) - 1);
                else
                        r = load_file(l, dirfd(d), names.name[i], file);
        }
        return r;
}

static int load(struct loading *l, const char *path)
{
        _cleanup_closedir_ DIR *d = NULL;
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        if (!*path || strlen(path) >= sizeof(l->policy->rules[0].file))
                return fail(l, -ENAMETOOLONG, "The path of a policy has 1 to %zu bytes.",
                            sizeof(l->policy->rules[0].file) - 1);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_DIRECTORY | O_NOFOLLOW);
        if (fd < 0 && errno == ENOENT && !is_policy_name(path))
                return 0;
        if (fd < 0 && errno == ENOTDIR) /* also a link to wherever: load_file() tells it apart */
                return load_file(l, AT_FDCWD, path, path);
        if (fd < 0 || fstat(fd, &st) < 0)
                return cannot_read(l, path, errno);
        r = check_writers(l, path, &st);
        if (r < 0)
                return r;
        d = fdopendir(fd);
        if (!d)
                return cannot_read(l, path, errno);
        (void)TAKE_FD(fd);
        return load_directory(l, d, path);
}

int policy_load(struct policy *p, const char *path, char *error, size_t size)
{
        _cleanup_free_ struct policy *made = calloc(1, sizeof(*made));
        struct loading l = {.policy = made, .error = error, .size = size};
        int r;

        if (!made)
                return fail(&l, -ENOMEM, "Not enough memory to read %s.", path);
        r = load(&l, path);
        if (r == 0)
                *p = *made;
        return r;
}
