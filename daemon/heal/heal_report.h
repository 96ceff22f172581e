/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Heal: put back the bytes that a departed debugger's breakpoints replaced, and let a process go on that its
 * tracer left stopped. All of it is done by a child of the daemon (heal_child.c), with a bound: the target's
 * memory and files are its owner's, who can make a read of them last for ever, and the kernel lets go of the
 * threads of a tracer that ends, however it ends. heal.c reads and decides, heal_probes.c looks for probes
 * that are no leftovers, heal_write.c stops the threads and writes.
 *
 * Not seen: a uprobe for the target alone that a program opened with perf_event_open(2), without BPF and
 * tracefs, and that has not been hit yet.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "lib/base/cleanup.h"
#include "lib/event/event.h"
#include "lib/proc/heal_plan.h"

#define HEAL_FILES_MAX 64 /* files with changed text, of one process */
#define HEAL_NOTES_MAX 8
#define HEAL_TEXT_MAX  512
#define HEAL_PAGES_MAX (4u << 20) /* of text looked at: 16 GiB */
#define HEAL_COMPARE_MAX \
        (64u << 10) /* pages compared one by one where the kernel does not tell which changed */
#define HEAL_THREADS_MAX 8192
#define HEAL_STOP_MS     2000 /* for all threads to stop */
#define HEAL_LATE_MS     500  /* more, once, for threads that had no processor until then */
#define HEAL_CHILD_MS    8000 /* for all of it */

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
        bool left_stopped;  /* the stop it is in, if it is, was left behind by a tracer; the child takes it
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

struct heal_child;

/*
 * Does it, or says what it would do. on_end is called once, from the event loop, with what there is to say
 * in *h, which must last until then. -errno if it cannot be begun.
 */
int heal_begin(struct heal_child **ret, sd_event *event, struct heal *h, void (*on_end)(void *userdata),
               void *userdata);
/* Ends it at once; on_end is not called any more. Also after the end. Returns NULL. */
struct heal_child *heal_end(struct heal_child *c);

/* ---- in the child ------------------------------------------------------------------------- */

_printf_(2, 3) void heal_refuse(struct heal *h, const char *format, ...); /* the first one stays */
_printf_(2, 3) void heal_note(struct heal *h, const char *format, ...);
void heal_run(struct heal *h);
/* Fill in plan and files from what is there now. False: refused. */
bool heal_scan(struct heal *h);
/* False: somebody traces a thread of it, or it is not the peer's any more. */
bool heal_may_touch(struct heal *h);
/* False: probes exist on those files, or it cannot be known. */
bool heal_no_probes(struct heal *h);
/* Stop, write, verify, let go. False: refused, and nothing was changed unless the sentence says so. */
bool heal_write(struct heal *h);
