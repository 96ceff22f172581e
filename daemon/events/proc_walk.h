/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* All threads of /proc, one after the other: whoever walks may stop at any of them and go on later. */

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>

/* All zero: at the beginning. */
struct proc_walk {
        DIR *processes, *threads;
        uint32_t pid;
};

/* False at the end, where it is closed; it begins anew then. */
bool proc_walk_next(struct proc_walk *w, uint32_t *ret_pid, uint32_t *ret_tid);
/* In the middle of a round? */
bool proc_walk_under_way(const struct proc_walk *w);
void proc_walk_close(struct proc_walk *w);
