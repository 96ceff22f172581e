/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Heal: put back the bytes that a departed debugger's breakpoints replaced, and let a process go on that its
 * tracer left stopped. heal.c reads and decides, heal_probes.c looks for probes that are no leftovers,
 * heal_stop.c writes, in a process of its own: the target's threads are traced by that child, so that
 * whatever happens to it the kernel lets go of them.
 *
 * Not seen: a uprobe that a program opened with perf_event_open(2) alone, without BPF and tracefs, and that
 * has not been hit yet.
 */

#include <stdbool.h>
#include <stdint.h>

#include "../lib/cleanup.h"
#include "../lib/event.h"
#include "../lib/heal.h"

#define HEAL_FILES_MAX 64 /* files with changed text, of one process */
#define HEAL_NOTES_MAX 8
#define HEAL_TEXT_MAX  512
#define HEAL_PAGES_MAX (4u << 20) /* of text looked at: 16 GiB */
#define HEAL_COMPARE_MAX \
        (64u << 10) /* pages compared one by one where the kernel does not tell which changed */
#define HEAL_THREADS_MAX 8192
#define HEAL_STOP_MS     2000 /* for all threads to stop */
#define HEAL_CHILD_MS    4000 /* for all of it */

struct heal_file {
        uint64_t inode;
        uint32_t dev;
        int fd; /* O_PATH */
        char path[EVENT_PATH_MAX];
};

struct heal {
        struct task_ref target;
        bool dry_run;
        bool any_uid; /* the peer may heal anybody's processes; else those of uid alone */
        uint32_t uid;
        uint32_t helper;    /* a hold helper of ours that will have let go, 0: none */
        uint64_t caught_ip; /* a helper froze it at that breakpoint instead of letting it die, 0: not */
        bool left_stopped;  /* the stop it is in, if it is, was left behind by a tracer */

        struct heal_plan plan;
        struct heal_file files[HEAL_FILES_MAX];
        size_t n_files;
        bool done;                   /* bytes were put back */
        bool resumed;                /* or would be */
        char refused[HEAL_TEXT_MAX]; /* one sentence; "": not */
        char notes[HEAL_NOTES_MAX][HEAL_TEXT_MAX];
        size_t n_notes;
};

/* Does it, or says what it would do; what was refused is said in h->refused. -ENOMEM, -ESRCH. */
int heal_run(struct heal *h);
void heal_done(struct heal *h);

/* ---- between the three files ------------------------------------------------------------------------- */

_printf_(2, 3) void heal_refuse(struct heal *h, const char *format, ...); /* the first one stays */
_printf_(2, 3) void heal_note(struct heal *h, const char *format, ...);
/* Fill in plan and files from what is there now. False: refused. */
bool heal_scan(struct heal *h);
/* False: somebody traces a thread of it, or it is not the peer's any more. */
bool heal_may_touch(struct heal *h);
/* False: probes exist on those files, or it cannot be known. */
bool heal_no_probes(struct heal *h);
/* Stop, write, verify, let go. False: refused, and nothing was changed unless the sentence says so. */
bool heal_write(struct heal *h);
