/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The path of our own executable as the kernel's side names it: within its file system. It differs from the
 * path we see where the sources lie on a mount of their own. From proc_pid_mountinfo(5). Where our root is
 * no mount point, as in a chroot, nobody says how the directories above are called: any name is as good.
 */

#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static inline void own_file_in_filesystem(char ret[PATH_MAX])
{
        char exe[PATH_MAX] = "", line[2 * PATH_MAX], root[PATH_MAX], point[PATH_MAX];
        FILE *f = fopen("/proc/self/mountinfo", "re");
        size_t longest = 0;

        *ret = '\0';
        ck_assert_ptr_nonnull(f);
        ck_assert_int_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
        while (fgets(line, sizeof(line), f)) {
                size_t n;

                if (sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2)
                        continue;
                n = strcmp(point, "/") == 0 ? 0 : strlen(point);
                if (n < longest || strncmp(exe, point, n) != 0 || exe[n] != '/')
                        continue;
                longest = n; /* of two mounts on one point the later one is on top */
                ck_assert_int_lt(
                        snprintf(ret, PATH_MAX, "%s%s", strcmp(root, "/") == 0 ? "" : root, exe + n),
                        PATH_MAX);
        }
        fclose(f);
        if (!*ret)
                ck_assert_int_lt(snprintf(ret, PATH_MAX, "/above/the/root%s", exe), PATH_MAX);
        ck_assert_int_eq(ret[0], '/');
}
