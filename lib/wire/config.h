/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * ptraced.conf: INI sections and keys, read with inih. One table in config.c knows every setting, its unit
 * and its limits. Nothing is logged: an error is one sentence that starts with FILE:LINE.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/model/model.h"
#include "lib/store/store.h"

#define CONFIG_DEFAULT_PATH "/etc/ptraced/ptraced.conf"
#define CONFIG_FILE_MAX     (64 * 1024) /* bytes; the shipped file has two thousand */
#define CONFIG_ERROR_MAX    512
#define CONFIG_PATH_MAX     256 /* bytes of a path, with its NUL */
#define PORT_LIST_MAX       16

struct guard_settings {
        char policy_dir[CONFIG_PATH_MAX];
        uint64_t grace_ns; /* for a claim with a token whose owner is gone */
};

struct port_list {
        uint16_t list[PORT_LIST_MAX];
        size_t n;
};

struct watch_settings {
        struct port_list dbgp_ports; /* where DBGp clients listen */
        uint64_t signals;            /* recorded beside those that always are, bit 0 for signal 1 */
        bool seccomp; /* attaches that a filter refuses, in tier full: costs every sandboxed program's calls */
};

struct config {
        struct store_limits store;
        struct model_thresholds thresholds;
        struct watch_settings watch;
        struct guard_settings guard;
        int log_level; /* LOG_ERR to LOG_DEBUG of syslog.h */
};

void config_default(struct config *ret);

/* Settings of `text` over the defaults; name stands for the file in errors. -EINVAL, and *ret untouched. */
int config_parse(const char *name, const char *text, size_t length, struct config *ret, char *error,
                 size_t size);
/* The same for a file. -ENOENT if there is none (with a sentence, too), -EINVAL, or what reading it gave. */
int config_load(const char *path, struct config *ret, char *error, size_t size);

/* "error", "warning", "notice", "info", "debug" and the number of syslog.h; NULL, -EINVAL. */
const char *log_level_to_string(int level);
int log_level_from_string(const char *s);
