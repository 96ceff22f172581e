/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The kernel's tracefs, whether it is mounted or not. Where nobody has mounted it, it is mounted for the
 * caller alone, detached from the file system tree: nobody else sees it, and it goes with its descriptors.
 * That takes CAP_SYS_ADMIN, and a system call filter that lets fsopen(2) pass; the shipped unit has neither,
 * and has it mounted by systemd instead. Source: fsopen(2), fsmount(2).
 */

/*
 * Its directory, for openat() and close(): the caller's. -ENODEV: this kernel has no tracefs. Another error:
 * it is mounted at none of its usual places, and this is why it could not be mounted here.
 */
int tracefs_open(void);
