/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the seccomp filter that this program runs under makes of ptrace. Nobody outside can know it, so a child
 * tries: a filter may kill whoever asks. It asks for an attach with options that no kernel accepts, so that
 * nothing is attached, and the daemon knows it for a question.
 */

#include <stddef.h>

/* "?seccomp=13" for a request, or "" where there is no filter, or it could not be tried. Returns buf. */
const char *seccomp_trial(char *buf, size_t size);
