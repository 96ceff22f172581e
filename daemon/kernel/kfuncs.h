/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Kernel functions that the programs call where the kernel has them: enum kfunc_placeholder of records.h. */

#include <stdbool.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

/* The kernel has them all, and a program on a tracepoint may call them: asked by loading one that does. */
bool kfuncs_usable(const struct btf *btf);
/* Before loading: the placeholders become calls, without btf "there is no such task". -errno, or 0. */
int kfuncs_put(struct bpf_object *obj, const struct btf *btf);
