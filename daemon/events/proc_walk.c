/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/proc_walk.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/proc/procfs.h"

#define PROC_PATH_MAX 64

static void close_dir(DIR **dir)
{
        if (*dir)
                closedir(*dir);
        *dir = NULL;
}

/* The next number in a directory, 0 at its end. */
static uint32_t next_pid(DIR *dir)
{
        for (unsigned i = 0; i < PROC_PIDS_MAX; i++) {
                struct dirent *entry = readdir(dir);

                if (!entry)
                        return 0;
                if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
                        return (uint32_t)strtoul(entry->d_name, NULL, 10);
        }
        return 0;
}

static bool next_thread(struct proc_walk *w, uint32_t *ret_tid)
{
        char path[PROC_PATH_MAX];

        for (unsigned i = 0; i < PROC_PIDS_MAX; i++) {
                if (w->threads) {
                        *ret_tid = next_pid(w->threads);
                        if (*ret_tid)
                                return true;
                        close_dir(&w->threads);
                }
                w->pid = next_pid(w->processes);
                if (!w->pid)
                        return false;
                snprintf(path, sizeof(path), "/proc/%u/task", w->pid);
                w->threads = opendir(path); /* NULL: gone meanwhile */
        }
        return false;
}

bool proc_walk_next(struct proc_walk *w, uint32_t *ret_pid, uint32_t *ret_tid)
{
        if (!w->processes)
                w->processes = opendir("/proc");
        if (!w->processes || !next_thread(w, ret_tid)) {
                proc_walk_close(w);
                return false;
        }
        *ret_pid = w->pid;
        return true;
}

bool proc_walk_under_way(const struct proc_walk *w)
{
        return w->processes;
}

void proc_walk_close(struct proc_walk *w)
{
        close_dir(&w->threads);
        close_dir(&w->processes);
}
