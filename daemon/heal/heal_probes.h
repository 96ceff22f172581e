/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/heal/heal_report.h"

/* False: probes exist on the files of the plan, or it cannot be known. */
bool heal_no_probes(struct heal *h);
