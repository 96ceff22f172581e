/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Where this kernel keeps a member of a struct that other kernels do not have. */

#include <stdint.h>

#include <bpf/btf.h>

/* Bytes from the start of the struct. 0 also where there is no such struct or member: ask for the pointer to
 * it first. */
uint32_t kernel_member_offset(const struct btf *btf, const char *structure, const char *member);
