/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/proc/security_modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#ifndef SYS_lsm_list_modules
#define SYS_lsm_list_modules 461 /* since 6.8 */
#endif

#define LIST_MAX 512 /* bytes of the kernel's list: 14 modules need 100 */
#define IDS_MAX  32  /* modules the kernel may name */

/* Those with a ptrace hook, by the name in the kernel's list and LSM_ID_* of linux/lsm.h. */
static const struct {
        const char *name;
        uint64_t id;
} tracing_modules[] = {
        {"selinux", 101}, {"smack", 102}, {"apparmor", 104}, {"bpf", 109}, {"landlock", 110},
};

static void add_module(char ret[EVENT_MODULES_MAX], const char *name)
{
        size_t used = strlen(ret);

        snprintf(ret + used, EVENT_MODULES_MAX - used, "%s%s", used ? "," : "", name);
}

void security_modules_from_list(const char *list, char ret[EVENT_MODULES_MAX])
{
        ret[0] = '\0';
        for (size_t n; *list; list += n + (list[n] != '\0')) {
                n = strcspn(list, ",\n");
                for (size_t i = 0; i < ELEMENTSOF(tracing_modules); i++)
                        if (strlen(tracing_modules[i].name) == n &&
                            memcmp(tracing_modules[i].name, list, n) == 0)
                                add_module(ret, tracing_modules[i].name);
        }
}

static int read_list(const char *path, char buf[LIST_MAX])
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read(fd, buf, LIST_MAX - 1);
        if (n <= 0)
                return n < 0 ? -errno : -ENODATA;
        buf[n] = '\0';
        return 0;
}

static int ask_kernel(char ret[EVENT_MODULES_MAX])
{
        uint64_t ids[IDS_MAX];
        uint32_t size = sizeof(ids);
        long n = syscall(SYS_lsm_list_modules, ids, &size, 0);

        if (n < 0)
                return -errno;
        ret[0] = '\0';
        for (long k = 0; k < n && k < IDS_MAX; k++)
                for (size_t i = 0; i < ELEMENTSOF(tracing_modules); i++)
                        if (tracing_modules[i].id == ids[k])
                                add_module(ret, tracing_modules[i].name);
        return 0;
}

void security_modules(const char *list, const char *attr, char ret[EVENT_MODULES_MAX])
{
        char text[LIST_MAX];

        if (read_list(list, text) == 0) {
                security_modules_from_list(text, ret);
                return;
        }
        if (ask_kernel(ret) == 0)
                return;
        snprintf(ret, EVENT_MODULES_MAX, "%s",
                 access(attr, F_OK) < 0 && errno == ENOENT ? "" : MODULES_UNKNOWN);
}
