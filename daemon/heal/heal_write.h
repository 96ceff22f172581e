/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/heal/heal_report.h"

#define HEAL_THREADS_MAX 8192
#define HEAL_STOP_MS     2000 /* for all threads to stop */

/* Stop, write, verify, let go. False: refused, and nothing was changed unless the sentence says so. */
bool heal_write(struct heal *h);
