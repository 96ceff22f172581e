/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Heal: put back the bytes that a departed debugger's breakpoints replaced, and let a process go on that its
 * tracer left stopped. All of it is done by a child of the daemon (heal_child.c), with a bound: the target's
 * memory and files are its owner's, who can make a read of them last for ever, and the kernel lets go of the
 * threads of a tracer that ends, however it ends. heal.c decides; heal_scan.c looks at the process,
 * heal_probes.c looks for probes that are no leftovers, heal_write.c stops the threads and writes.
 *
 * Not seen: a uprobe for the target alone that a program opened with perf_event_open(2), without BPF and
 * tracefs, and that has not been hit yet.
 */

#include "daemon/heal/heal_report.h"

/* All of it, in the child. */
void heal_run(struct heal *h);
