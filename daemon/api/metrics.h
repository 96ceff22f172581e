/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Figures for Prometheus, in its text format (version 0.0.4). Nothing in them names a process. */

#include "daemon/api/answer.h"

/* The caller frees it. NULL: no memory. */
char *metrics_text(const struct api *api);
