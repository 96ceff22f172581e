/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What heal is to do, what it found, and what it has to say: filled in by the parts above, carried from the
 * child to the daemon as it is, so it holds no pointers.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cleanup.h"
#include "lib/event/event.h"
#include "lib/proc/heal_plan.h"

#define HEAL_FILES_MAX 64 /* files with changed text, of one process */
#define HEAL_NOTES_MAX 8
#define HEAL_TEXT_MAX  512
#define HEAL_LATE_MS   500 /* once more, for what had no processor until its time was up */

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
        uint32_t reader;    /* the thread whose memory is read: the main one, unless that has ended alone */
        uint32_t helper;    /* a hold helper of ours that will have let go, 0: none */
        uint64_t caught_ip; /* a helper froze it at that breakpoint instead of letting it die, 0: not */
        char stop[HEAL_TEXT_MAX]; /* whose the stop is, if it is in one: "by a SIGSTOP of PID 23 (bash)"; "":
                                   * not known */
        bool left_stopped; /* the stop it is in, if it is, was left behind by a tracer; the child takes it
                             * back if it is in none */

        bool looked;           /* plan tells what is there; refused: as far as that came */
        struct heal_plan plan; /* also of a process that is refused */
        char symbols[HEAL_SITES_MAX][EVENT_SYMBOL_MAX]; /* of the sites, "" where there is none */
        struct heal_file files[HEAL_FILES_MAX];
        size_t n_files;
        bool done;                   /* bytes were put back */
        bool resumed;                /* or would be */
        char refused[HEAL_TEXT_MAX]; /* one sentence; "": not */
        char notes[HEAL_NOTES_MAX][HEAL_TEXT_MAX];
        size_t n_notes;
};

_printf_(2, 3) void heal_refuse(struct heal *h, const char *format, ...); /* the first one stays */
_printf_(2, 3) void heal_note(struct heal *h, const char *format, ...);
