/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What an accident is told as: one finding, of the trap that it began with, and its consequences in it. */

struct accident;
struct diagnosis;

/* Told before: the same finding again, with what has become known since. */
void verdict_tell(struct diagnosis *d, struct accident *a);
