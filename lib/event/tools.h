/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Programs that are known by their names: tracers, how they let go, and what they leave in a program.
 * Whoever borrows a name gets sentences that fit less well, and nothing else. Pure.
 */

#include <stdbool.h>

#include "bpf/records.h"
#include "lib/event/event.h"

struct tool {
        const char *comm;
        const char *command; /* typed into it to let go; NULL: it has no prompt */
        const char *signal;  /* that makes it let go cleanly; NULL: none does */
        bool writes_nothing; /* into the program: it sets no breakpoints */
};

/* NULL: not one we know. */
const struct tool *tool_of(const struct task_ref *tracer);
/* Delve, by that name or as an IDE's "dlv-dap". */
bool is_delve(const struct task_ref *process);
bool is_holder(const struct task_ref *tracer);
/* Program files whose name says that they run code of another machine (qemu-user, Rosetta, box64, FEX). */
bool is_emulator(const char *path);
/* False for a tool that is known to write nothing into the program. */
bool plants_breakpoints(const struct task_ref *tracer);
