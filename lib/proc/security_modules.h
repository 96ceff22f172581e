/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Which security modules could have refused an attach. */

#include "lib/event/event.h"

#define SECURITY_MODULES_PATH "/sys/kernel/security/lsm"
#define PROC_ATTR_PATH        "/proc/self/attr"

/*
 * The active modules that have a say in ptrace, with commas between them. Not Yama, whose setting says more,
 * and not the capabilities, which are always there. "" is none, MODULES_UNKNOWN is not known. `list` is the
 * kernel's own list; where that is not mounted the kernel is asked, and `attr`, which kernels without any
 * security module do not have.
 */
void security_modules(const char *list, const char *attr, char ret[EVENT_MODULES_MAX]);
/* The same of a list that was read already. It need not end with a newline. */
void security_modules_from_list(const char *list, char ret[EVENT_MODULES_MAX]);
