/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Which module asked for a thread: the first return address on its creator's stack that lies in no C library.
 * Words of a stack may be left over from earlier calls, so one counts only where a call instruction stands
 * before it, and the answer is a likely one. Best effort and bounded; the process may be gone, its files may
 * be hostile.
 */

#include "bpf/records.h"
#include "lib/event/event.h"

#define CREATOR_LINES_MAX   16384 /* of /proc/PID/maps */
#define CREATOR_MODULES_MAX 512   /* executable mappings of files that are kept */
#define CREATOR_LOOKS_MAX   16    /* addresses looked up in files */

/* Fills path, file_offset and symbol of a task.threads event, or leaves them. */
void creator_find(const struct rec_threads *r, struct event *e);

/* A call instruction ends where the n bytes end. */
bool creator_follows_call(const uint8_t *before, size_t n);
